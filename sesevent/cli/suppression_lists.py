"""What is done to the whole list: ``sesevent suppression import``, ``export``, ``rebuild`` and ``simulate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, for_people, note, print_counts, print_rows, progress
from sesevent.errors import ConfigurationError
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.files import READ_FORMATS, WRITE_FORMATS

if TYPE_CHECKING:
    from sesevent.plans.acts import Change
    from sesevent.plans.lists import Imported
    from sesevent.suppression.decision import Decision

__all__ = ["export", "import_", "rebuild", "simulate"]


def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILES…", help="Lists of addresses; - is standard input.")],
    by: options.By = None,
    note_: Annotated[str, typer.Option("--note", "--why", help="Why, where a row does not say.")] = "",
    until: Annotated[str | None, typer.Option(help="When they end by themselves: a date, or in how long.")] = None,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    form: Annotated[
        str | None, typer.Option("--format", help=f"One of {', '.join(READ_FORMATS)}; by default it is seen.")
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Put the addresses in files on the list: CSV, JSON lines, SES's own form, or one on a line. Safe to repeat.

    Exit code 1 if a line was not understood; the others are imported.
    """
    said: dict[str, Any] = {
        "by": options.author(by), "note": note_, "until": options.moment_ahead(until), "stream": stream,
        "tenant": tenant, "format": _one_of(READ_FORMATS, form),
    }  # fmt: skip
    whole: dict[str, int] = dict.fromkeys(("read", "recorded", "changed", "failed"), 0)
    with options.opened_store(uri, database, collection, timeout) as store, progress("imported") as told:
        for name in files:
            try:
                done = store.suppression.import_(
                    sys.stdin.buffer if name == "-" else name,
                    on_progress=_behind(whole["read"], told),
                    **said,
                )
            except ConfigurationError as error:
                note(f"{name}: {error}")
                whole["failed"] += 1
                continue
            _report(name, done)
            for count in whole:
                whole[count] += getattr(done, count)
    print_counts(whole, as_json=json)
    raise typer.Exit(1 if whole["failed"] else 0)


def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to; - is standard output.")] = "-",
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(WRITE_FORMATS)}.")] = "csv",
    rule: options.Rule = None,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
) -> None:
    """Write whom you may not mail now to a file, by address. What Amazon SES has no word for is skipped in its form."""
    named: Any = _one_of(WRITE_FORMATS, form)
    who = options.author(by)
    target: Any = file if file != "-" else _Terminal() if sys.stdout.isatty() else sys.stdout
    with options.opened_store(uri, database, collection, timeout) as store, _aside("written", file != "-") as told:
        written, skipped = store.suppression.export(
            target, format=named, rule=rule, stream=stream, tenant=tenant, by=who, on_progress=told
        )
    note(
        f"{written:,} written" + (f", {skipped:,} skipped: SES takes hard bounces and complaints only" * bool(skipped))
    )


def rebuild(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Derive every standing again from the events and acts: after a change of policy. Safe while others write."""
    with options.opened_store(uri, database, collection, timeout) as store, progress("looked at") as told:
        done = store.suppression.rebuild(on_progress=lambda so_far: told(so_far.looked_at))
    print_counts({"looked_at": done.looked_at, "changed": done.changed}, as_json=json)


def simulate(
    policy: Annotated[str, typer.Option(metavar="FILE", help="The policy to try, a TOML file.")],
    since: Annotated[str | None, typer.Option(help="Who appears from this time on: a date, or 90d.")] = None,
    streams: Annotated[
        list[str] | None, typer.Option("--stream", help="Stream to decide for; may be repeated.", show_default=False)
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell for whom another policy would decide otherwise, and how. Nothing is changed."""
    from sesevent.suppression.policy import Policy

    other, moment, people = Policy.load(policy), options.moment(since), for_people(json)
    asked = {"streams": streams} if streams else {}
    found = 0

    def rows(changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
        nonlocal found
        for change in changes:
            found += 1
            yield _change_row(change, short=people)

    table: list[dict[str, Any]] = []
    with options.opened_store(uri, database, collection, timeout) as store, _aside("facts", people) as told:
        changes = rows(store.suppression.simulate(other, since=moment, on_progress=told, **asked))
        if people:  # a table is drawn when the progress has gone
            table = list(changes)
        else:
            print_rows(changes, as_json=True)
    if people:
        print_rows(table, as_json=False)
    note(f"decisions that change under the policy {other.version}: {found:,}")


def _aside(label: str, later: bool) -> AbstractContextManager[Any]:
    """Progress, but where rows appear on the same terminal meanwhile."""
    return progress(label, silent=sys.stdout.isatty() and not later)


def _change_row(change: Change, *, short: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"address": change.address, "stream": change.stream, "tenant": change.tenant}
    if short:
        return told | {"before": change.before.sentence, "after": change.after.sentence}
    return told | {"before": _answer(change.before), "after": _answer(change.after)}


def _answer(decision: Decision) -> dict[str, Any]:
    return {"allowed": decision.allowed, "rule": decision.rule, "sentence": decision.sentence}


def _one_of(formats: tuple[str, ...], named: str | None) -> str | None:
    if named not in (None, *formats):
        raise typer.BadParameter(f"There is no format {named!r}; there are {', '.join(formats)}.")
    return named


def _behind(before: int, told: Callable[[int], object]) -> Callable[[Imported], object]:
    """Progress of one file, told as that of all so far."""
    return lambda so_far: told(before + so_far.read)


def _report(name: str, done: Imported) -> None:
    for problem in done.problems:
        note(f"{name}:{problem.line}: {problem.message}")
    if done.failed > len(done.problems):
        note(f"{name}: … and more: {done.failed:,} lines were not understood")


class _Terminal:
    """Standard output where a person looks at it: text is shown and commands nothing."""

    encoding = "utf-8"

    def write(self, text: str) -> None:
        sys.stdout.write("\n".join(map(clean, text.split("\n"))))
