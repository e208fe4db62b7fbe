"""What happened, and how well? ``sesevent analytics``: a table for people, JSON lines in a pipe, or CSV."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin, get_type_hints

import typer

from sesevent.analytics.measures import MEASURES
from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json, print_rows

if TYPE_CHECKING:
    from sesevent.analytics.answer import Answer
    from sesevent.faces.analytics import Analytics

__all__ = ["app"]

app = typer.Typer(help="What happened, and how well: in numbers, by event time.", no_args_is_help=True)

Since = Annotated[str, typer.Option(help="From this time on: a date, or 2h, 7d.")]
Until = Annotated[str | None, typer.Option(help="Before this time; by default now.", show_default=False)]
Filter = Annotated[str | None, typer.Option(help="Only of these mails.", show_default=False)]
Tag = Annotated[str | None, typer.Option(help="Message tag: NAME or NAME=VALUE.", show_default=False)]
Csv = Annotated[bool, typer.Option("--csv", help="CSV with a header.")]
Limit = Annotated[int, typer.Option(help="At most so many; the rest is one row.", min=1)]

_WINDOW: dict[str, tuple[Any, Any]] = {"since": (Since, "30d"), "until": (Until, None)}
_MAILS: dict[str, tuple[Any, Any]] = dict.fromkeys(
    ("campaign", "configuration_set", "source", "ip_pool", "template"), (Filter, None)
)
_PEOPLE: dict[str, tuple[Any, Any]] = dict.fromkeys(("recipient_domain", "provider"), (Filter, None))
_PLACE: dict[str, tuple[Any, Any]] = {
    "uri": (options.Uri, None), "database": (options.Database, None),
    "collection": (options.Collection, "ses_event"), "timeout": (options.Timeout, 30.0),
}  # fmt: skip
_SHOWN: dict[str, tuple[Any, Any]] = {"csv": (Csv, False), "json": (options.Json, False)}

Command = Callable[..., "Answer"]


def _question(
    *groups: Mapping[str, tuple[Any, Any]], table: Callable[[Any], Iterable[dict[str, Any]]]
) -> Callable[[Command], Command]:
    """A command that asks: its own options, those of *groups*, and those that all questions share.

    What it is given beside its own is told to it as keywords for the method of `store.analytics`.
    """
    shared = {name: told for group in (*groups, _MAILS) for name, told in group.items()}
    shared |= {"tag": (Tag, None), "tz": (options.Tz, "UTC")}

    def add(command: Command) -> Command:
        def run(**told: Any) -> None:
            place = [told.pop(name) for name in _PLACE]
            csv, json = told.pop("csv"), told.pop("json")
            keywords = {name: value for name in shared if (value := told.pop(name)) is not None}
            if "tag" in keywords:
                keywords["tag"] = options.tag(keywords["tag"])
            with options.opened_store(*place) as store:
                answer = command(store.analytics, keywords, **told)
            _show(answer, table, csv=csv, json=json)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        _sign(run, command, {**shared, **_PLACE, **_SHOWN})
        app.command(command.__name__.strip("_"))(run)
        return command

    return add


def _sign(run: Any, command: Command, more: Mapping[str, tuple[Any, Any]]) -> None:
    """Give *run* the parameters of a command, but its first two, and more."""
    hints = get_type_hints(command, {**globals(), "Answer": object, "Analytics": object}, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[2:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in more.items()
    ]
    run.__signature__ = inspect.Signature([one.replace(annotation=_annotated(hints[one.name])) for one in own] + added)
    run.__annotations__ = {one.name: one.annotation for one in run.__signature__.parameters.values()}


def _annotated(hint: Any) -> Any:
    """What was annotated: before Python 3.11 a default of None is told around it."""
    return next((one for one in get_args(hint) if get_origin(one) is Annotated), hint)


def _show(answer: Answer, table: Callable[[Any], Iterable[dict[str, Any]]], *, csv: bool, json: bool) -> None:
    if csv:
        sys.stdout.write(answer.to_csv())
    elif for_people(json):
        told = cast("Any", answer)
        print_rows(table(answer), as_json=False)
        window, tz = getattr(told, "window", None), getattr(told, "tz", "UTC")
        if window is not None:
            note(f"from {window.since:%Y-%m-%d %H:%M} until {window.until:%Y-%m-%d %H:%M} UTC; time zone {tz}")
    else:
        for row in answer.records():
            print_json(row)


# ── Tables for people ────────────────────────────────────────────────────────────────────────


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate * 100:.2f} %"


def _span(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    seconds = milliseconds / 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _measures(row: Any) -> Iterable[dict[str, Any]]:
    for name, rate in row.rates.items():
        between = "–" if rate.low is None else f"{_percent(rate.low)} to {_percent(rate.high)}"
        yield {"measure": name, "rate": _percent(rate.rate), "95 % interval": between,
               "of": f"{rate.numerator:,} of {rate.denominator:,}", "means": MEASURES[name].words}  # fmt: skip
    for name, spans in (("time to deliver", row.to_deliver), ("time to open", row.to_open)):
        told = f"half within {_span(spans.p50)}, 90 % within {_span(spans.p90)}, 99 % within {_span(spans.p99)}"
        yield {"measure": name, "rate": "", "95 % interval": "", "of": "", "means": told}


def _rows(answer: Any) -> Iterable[dict[str, Any]]:
    for row in answer:
        told = {"name": row.name, "sends": row.counts["sends"], "deliveries": row.counts["deliveries"]}
        for name in ("delivery", "hard_bounce", "complaint", "unique_open", "unique_click"):
            told[name] = _percent(row.rate(name).rate)
        yield told | {"half delivered in": _span(row.to_deliver.p50)}


def _by(answer: Any) -> Iterable[dict[str, Any]]:
    if hasattr(answer, "rest"):  # why mails bounced
        for row in answer:
            yield {"reason": row.reason, "bounces": row.bounces, "share": _percent(row.share.rate),
                   "class": row.bounce_class, "fault": row.fault, "advice": row.advice}  # fmt: skip
    else:
        yield from _rows(answer)


def _records(answer: Any) -> Iterable[dict[str, Any]]:
    for row in answer.records():
        shown = {name: _percent(value) if name.startswith("of_") else value for name, value in row.items()}
        yield shown | ({"name": row["name"].replace("_", " ")} if "name" in row else {})


def _cohorts(answer: Any) -> Iterable[dict[str, Any]]:
    for row in answer:
        told = {"sent in": row.name, "mails": row.sent}
        for kind in ("opened", "clicked"):
            for within in getattr(row, kind):
                share = _percent(within.of_sent.rate) if within.complete else "too early"
                told[f"{kind} {within.horizon}"] = share
        yield told


def _changes(answer: Any) -> Iterable[dict[str, Any]]:
    for change in answer.changes.values():
        verdict = "–" if change.significant is None else "changed" if change.significant else "may be chance"
        yield {"measure": change.name, "before": _percent(change.before.rate), "after": _percent(change.after.rate),
               "verdict": verdict, "p": "" if change.p_value is None else f"{change.p_value:.2g}"}  # fmt: skip


# ── Questions ────────────────────────────────────────────────────────────────────────────────


@_question(_WINDOW, _PEOPLE, table=_measures)
def summary(of: Analytics, asked: dict[str, Any]) -> Answer:
    """Tell every measure of a window."""
    return of.summary(**asked)


@_question(_WINDOW, _PEOPLE, table=_rows)
def timeseries(
    of: Analytics,
    asked: dict[str, Any],
    by: Annotated[str, typer.Option(help="hour, day, week (from Monday) or month.")] = "day",
) -> Answer:
    """Tell a row for each period."""
    return of.timeseries(by=by, **asked)  # type: ignore[arg-type]  # what is none is refused


@_question(_WINDOW, _PEOPLE, table=_by)
def by(
    of: Analytics,
    asked: dict[str, Any],
    dimension: Annotated[
        str,
        typer.Argument(
            metavar="DIMENSION",
            help="campaign, configuration_set, source, ip_pool, template, recipient_domain, provider, tag or "
            "bounce_reason.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Which tag.", show_default=False)] = None,
    limit: Limit = 20,
) -> Answer:
    """Tell a row for each campaign, provider, …: those with most sends first."""
    return of.by(dimension.replace("-", "_"), name=name, limit=limit, **asked)  # type: ignore[call-overload,no-any-return]


@_question(_WINDOW, table=_records)
def links(
    of: Analytics,
    asked: dict[str, Any],
    limit: Limit = 20,
    queries: Annotated[bool, typer.Option("--queries", help="Do not cut links before their ? or #.")] = False,
) -> Answer:
    """Tell which links people followed in most mails."""
    return of.top_links(limit=limit, queries=queries, **asked)


@_question(_WINDOW, table=_records)
def funnel(
    of: Analytics,
    asked: dict[str, Any],
    message_id: Annotated[str | None, typer.Argument(metavar="[MESSAGE_ID]", help="Of one mail.")] = None,
) -> Answer:
    """Tell how many of the mails sent in a window were delivered, opened and clicked."""
    return of.funnel(message_id, **asked)


@_question(_WINDOW, table=_cohorts)
def cohorts(
    of: Analytics,
    asked: dict[str, Any],
    by: Annotated[str, typer.Option(help="hour, day, week (from Monday) or month of sending.")] = "day",
) -> Answer:
    """Tell what had become of mails an hour, a day, a week and a month after they were sent."""
    return of.cohorts(by=by, **asked)  # type: ignore[arg-type]


@_question(_PEOPLE, table=_changes)
def compare(
    of: Analytics,
    asked: dict[str, Any],
    before: Annotated[str, typer.Option(help="A window, SINCE..UNTIL.")] = "14d..7d",
    after: Annotated[str, typer.Option(help="The other; without UNTIL, until now.")] = "7d..",
) -> Answer:
    """Compare two windows: what changed, and what chance may explain."""
    return of.compare(_window(before), _window(after), **asked)


@app.command("aws")
def as_aws_reckons(
    volume: Annotated[int, typer.Option(help="Mails that are looked back for, 30 days at most.", min=1)] = 10_000,
    own_domain: Annotated[
        list[str] | None, typer.Option(help="Verified by you: left out. May be repeated.", show_default=False)
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 30.0,
    json: options.Json = False,
) -> None:
    """Tell the rates by which AWS judges you, as nearly as events tell, and how they were reckoned."""
    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.analytics.as_aws_reckons(volume=volume, own_domains=own_domain or ())
    if not for_people(json):
        print_json(found.to_dict())
        return
    told = found.to_dict()
    rows = [
        {"rate": name, "is": _percent(told[name]["rate"]), "review from": _percent(told[name]["review"]),
         "pause from": _percent(told[name]["pause"]), "state": told[name]["state"]}
        for name in ("bounce", "complaint")
    ]  # fmt: skip
    print_rows(rows, as_json=False)
    note(f"{found.volume:,} mails since {found.window.since:%Y-%m-%d}. {found.method}")


def _window(text: str) -> tuple[str, str]:
    since, dots, until = text.partition("..")
    if not since or not dots:
        raise typer.BadParameter(f"{text!r} is no window such as 2024-05-01..2024-05-08, or 14d..7d")
    return since, until or "0s"
