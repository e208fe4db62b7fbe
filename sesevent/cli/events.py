"""Stored events: searched, or told as the story of one mail."""

from __future__ import annotations

import json as text
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, event_row, for_people, note, print_json, print_rows

if TYPE_CHECKING:
    from sesevent.storage.codec import StoredEvent

__all__ = ["event", "events", "row", "timeline"]


def events(
    message_id: Annotated[str | None, typer.Option(help="SES's id of the mail.")] = None,
    type: options.Types = None,  # noqa: A002  # the option's name
    reason: Annotated[
        list[str] | None, typer.Option(help="Why a mail bounced, such as mailbox_full; may be repeated.")
    ] = None,
    recipient: Annotated[str | None, typer.Option(help="An address, however spelled.")] = None,
    tag: Annotated[str | None, typer.Option(help="Message tag: NAME or NAME=VALUE.")] = None,
    configuration_set: Annotated[str | None, typer.Option(help="Configuration set of the mail.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on: a date, or 2h, 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.", min=0)] = 50,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The latest first.")] = False,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Find stored events, by event time; all conditions must hold."""
    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.events.find(
            message_id=message_id,
            types=type or (),
            reasons=reason or (),
            recipient=recipient,
            tag=options.tag(tag),
            configuration_set=configuration_set,
            since=options.moment(since),
            until=options.moment(until),
            newest_first=newest_first,
            limit=limit or None,
        )
        print_rows((row(event, short=for_people(json)) for event in found), as_json=json)


def event(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As «sesevent events» tells it in JSON.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Show one stored event with all that SES said. That may hold personal data. Exit code 1 if there is none."""
    with options.opened_store(uri, database, collection, timeout) as store:
        stored = store.events.get(identifier)
    if stored is None:
        note(f"there is no event {identifier}")
        raise typer.Exit(1)
    if not for_people(json):
        print_json(row(stored, short=False) | {"payload": stored.event.raw})
        return
    print_rows([row(stored, short=True)], as_json=False)
    print("\n".join(clean(line) for line in text.dumps(stored.event.raw, indent=2, ensure_ascii=False).split("\n")))


def timeline(
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="SES's id of the mail.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell everything that happened to one mail, in order."""
    with options.opened_store(uri, database, collection, timeout) as store:
        rows = [row(event, short=for_people(json)) for event in store.events.timeline(message_id)]
    print_rows(rows, as_json=json)
    raise typer.Exit(0 if rows else 1)


def row(stored: StoredEvent, *, short: bool) -> dict[str, Any]:
    """What is told of a stored event; in short, what a person looks for."""
    told = event_row(stored.event)
    told["recipients"] = told["recipients"] or (stored.document.get("derived") or {}).get("recipients", [])
    if short:
        why = {"subject": f"({stored.unreadable})"} if stored.unreadable else {}
        return {name: told[name] for name in ("timestamp", "type", "recipients", "subject", "message_id")} | why
    why = {"unreadable": stored.unreadable} if stored.unreadable else {}
    return {"id": str(stored.id), **told, "received_at": stored.received_at, **why}
