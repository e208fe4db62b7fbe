"""Why did it bounce? ``sesevent classify``, ``sesevent reclassify`` and ``sesevent bounces explain``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from sesevent.bounces import Classification, classify, classify_event
from sesevent.cli import options
from sesevent.cli.output import clean, for_people, note, print_json, print_rows, progress
from sesevent.jsontext import decode

__all__ = ["app", "classify_lines", "reclassify"]

app = typer.Typer(help="Why mails bounce.", no_args_is_help=True)

Files = Annotated[list[str] | None, typer.Argument(metavar="[FILES…]", help="Files of replies; - or none: stdin.")]
_FIELDS = ("status", "diagnostic", "bounce_type", "bounce_subtype", "action", "reporting_mta")


def classify_lines(
    files: Files = None,
    explain: Annotated[bool, typer.Option("--explain", help="In sentences, for people.")] = False,
) -> None:
    """Tell why mails bounced: one reply of a mail server a line, or a JSON object with `status`, `diagnostic`, ….

    Further keys are `bounce_type`, `bounce_subtype`, `action` and `reporting_mta`. Needs no database; writes
    JSON lines. Exit code 1 if a line or file could not be read.
    """
    wrong = 0
    for name in files or ["-"]:
        for number, line in _lines(name):
            fields = _fields(line) if line is not None else None
            if fields is None:
                wrong += 1
                note(f"{name}:{number}: " + ("cannot be read" if line is None else "is not a JSON object of texts"))
            elif explain:
                print(_told(fields.get("diagnostic") or fields.get("status") or "", classify(**fields)))
            else:
                print_json(_row(classify(**fields)))
    raise typer.Exit(1 if wrong else 0)


@app.callback()
def _group() -> None:
    """Keep `explain` a sub-command although it is the only one."""


@app.command("explain")
def explain_message(
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="SES's id of the mail.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Explain every failure of one mail, person by person. Exit code 1 if there is none."""
    with options.opened_store(uri, database, collection, timeout) as store:
        rows = [row for stored in store.events.timeline(message_id) for row in _of_event(stored.event)]
    if for_people(json):
        for row in rows:
            head = f"{clean(row['timestamp'])}  {row['type']}  {clean(row['recipient'])}"
            print(clean(head) + "\n" + row["told"])
    else:
        print_rows([{name: value for name, value in row.items() if name != "told"} for row in rows], as_json=True)
    raise typer.Exit(0 if rows else 1)


def reclassify(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell anew, by today's rules, why stored mails failed. Safe to run while others write, and to run again."""
    with options.opened_store(uri, database, collection, timeout) as store, progress("looked at") as told:
        done = store.reclassify(on_progress=lambda so_far: told(so_far.rows))
    counts = {"rows": done.rows, "standings": done.standings}
    if for_people(json):
        print(f"{done.rows:,} rows told anew, {done.standings:,} suppression standings changed")
    else:
        print_json(counts)


def _lines(name: str) -> Iterator[tuple[int, str | None]]:
    """Each line that is not empty, and its number; None where the file cannot be read."""
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as lines:
            yield from _texts(lines)
    except OSError:
        yield 0, None


def _texts(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if text := line.decode("utf-8", "replace").strip():
            yield number, text


def _fields(line: str) -> dict[str, str | None] | None:
    if not line.startswith("{"):
        return {"diagnostic": line}
    try:
        found = decode(line)
    except ValueError:
        return None
    fields = {name: found.get(name) for name in _FIELDS}
    return fields if all(value is None or isinstance(value, str) for value in fields.values()) else None


def _of_event(event: Any) -> Iterator[dict[str, Any]]:
    told = classify_event(event)
    people = [person.address for person in event.recipients]
    if len(told) != len(people):  # one for all: a reject, or a bounce that names nobody
        told, people = told[:1], [", ".join(people)]
    for person, one in zip(people, told, strict=False):
        about = {"timestamp": event.timestamp, "type": event.type, "recipient": person}
        yield about | _row(one) | {"told": _told(one.matched or "", one)}


def _row(one: Classification) -> dict[str, Any]:
    return one.as_dict() | {"matched": one.matched}


def _told(words: str, one: Classification) -> str:
    lines = [
        f"{clean(words)}",
        f"  why     {one.reason} ({one.bounce_class}); whose fault: {one.fault}"
        + (f"; provider: {one.provider}" if one.provider else ""),
        f"  by      {one.rule}, from {one.evidence}, confidence {one.confidence:.2f}"
        + (f", by the words «{clean(one.matched)}»" if one.matched else ""),
        f"  do      {one.recommendation}: {one.advice}",
    ]
    if one.retry_after is not None:
        lines.append(f"  retry   after {one.retry_after:,} seconds at the earliest, doubled each time")
    return "\n".join(lines)
