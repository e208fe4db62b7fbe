"""How does it stand? ``sesevent report``: a page on the terminal, one to mail around, or JSON.

What is told, and what «usual» means, is in :mod:`sesevent.monitoring.report`; the page of HTML is made by
:mod:`sesevent.cli.report_page`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, for_people, note, print_json
from sesevent.cli.report_page import page
from sesevent.cli.report_words import against_the_usual, headline, sent_in, shown, sparkline, window_in_words
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from sesevent.analytics.results import Row
    from sesevent.monitoring.report import StatusReport

__all__ = ["report", "show"]

_COLOURS = {"critical": "bold red", "warn": "yellow", "ok": "green"}


def report(
    since: Annotated[
        str | None, typer.Option(help="From this time on: a date, or 2h, 7d; by default today.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this time; by default now.", show_default=False)] = None,
    tz: options.Tz = "UTC",
    limit: Annotated[int, typer.Option(help="Rows of each list.", min=1)] = 5,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page that needs nothing else; - is standard output."),
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 30.0,
    json: options.Json = False,
) -> None:
    """Tell how it stands: alarms first, then today against the usual, then campaigns, providers and bounces.

    The usual are the same hours of the seven days before; for more than a day, the four windows before.
    """
    with options.opened_store(uri, database, collection, timeout) as store:
        told = replace(store.analytics.report(since, until, tz=tz, limit=limit), health=store.health())
    if html is not None:
        _write(page(told), html)
    elif for_people(json):
        from rich.console import Console

        show(told, Console())
    else:
        print_json(told.to_dict())


def _write(text: str, to: Path) -> None:
    if str(to) == "-":
        print(text, end="")
        return
    try:
        to.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigurationError(f"The page cannot be written: {error.strerror}.") from None
    note(f"written to {to}")


def show(told: StatusReport, console: Console) -> None:
    """A report for people on a terminal."""
    from rich.text import Text

    console.print(Text(clean(headline(told)), _COLOURS.get(told.state, "dim")))
    for alarm in told.alarmed:
        muted = f", acknowledged by {alarm.acknowledged.by}" if alarm.acknowledged else ""
        line = f"  {alarm.rule} {alarm.scope}, since {clean(alarm.since)} UTC{muted}"
        console.print(Text(clean(line), _COLOURS[alarm.state]))
    console.print(Text(window_in_words(told), "dim"))
    console.print(_figures(told))
    _aws(told, console)
    for title, rows in (("campaigns", told.campaigns), ("providers", told.providers)):
        if sent := sent_in(rows):
            _print(console, title, map(_row, sent))
    if len(told.reasons):
        _print(console, "why mails bounced", (
            {"reason": row.reason, "bounces": f"{row.bounces:,}", "share": shown(row.share.rate, "share"),
             "fault": row.fault, "do": row.advice} for row in told.reasons
        ))  # fmt: skip
    console.print(f"{told.suppressed:,} people may not be mailed now; {told.dead_letters:,} dead letters")
    if told.health is not None and not told.health.ok:
        console.print(Text(f"the store is {told.health.status}: sesevent health", "yellow"))


def _figures(told: StatusReport) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("", "now", f"by {told.by}", "the usual"):
        table.add_column(name, no_wrap=True)
    for figure in told.figures:
        style = "red" if figure.worrying else ""
        table.add_row(
            figure.words,
            Text(shown(figure.now, figure.unit), style or "bold"),
            Text(sparkline(figure.course), style or "cyan"),
            Text(against_the_usual(figure), style),
        )
    return table


def _aws(told: StatusReport, console: Console) -> None:
    from rich.text import Text

    for name, rate, state in (
        ("bounces", told.aws.bounce, told.aws.bounce_state),
        ("complaints", told.aws.complaint, told.aws.complaint_state),
    ):
        style = {"review": "yellow", "pause": "bold red"}.get(state, "")
        few = "" if told.aws.enough else ", of too few mails to say much"
        console.print(Text(f"{name} as AWS counts them: {shown(rate.rate, 'share')} ({state}{few})", style))


def _row(row: Row) -> dict[str, str]:
    named = {"delivered": "delivery", "bounced": "hard_bounce", "complained": "complaint",
             "opened": "unique_open", "clicked": "unique_click"}  # fmt: skip
    told = {words: shown(row.rate(name).rate, "share") for words, name in named.items()}
    return {"name": row.name, "sent": f"{row.counts['sends']:,}", **told}


def _print(console: Console, title: str, rows: Iterable[dict[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, row in enumerate(rows):
        if not number:
            for name in row:
                table.add_column(name, overflow="fold")
        table.add_row(*[Text(clean(value)) for value in row.values()])
    console.print(table)
