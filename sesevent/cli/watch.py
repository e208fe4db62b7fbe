"""New events as they are stored: ``sesevent watch``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.addresses import mask, normal
from sesevent.cli import options
from sesevent.cli.events import row
from sesevent.cli.output import clean, for_people, note, print_json
from sesevent.cli.signals import ended_by_signals

if TYPE_CHECKING:
    from sesevent.storage.codec import StoredEvent
    from sesevent.sync import EventStore

__all__ = ["watch"]

_COLOURS = {
    "Bounce": "red", "Complaint": "red", "Reject": "red", "Rendering Failure": "red",
    "DeliveryDelay": "yellow", "Subscription": "yellow", "Delivery": "green", "Open": "cyan", "Click": "cyan",
}  # fmt: skip
_WIDEST = max(map(len, _COLOURS))


def watch(
    name: Annotated[
        str | None, typer.Option(help="Go on where the watch of this name was.", show_default=False)
    ] = None,
    type: options.Types = None,  # noqa: A002  # the option's name
    recipient: Annotated[str | None, typer.Option(help="An address, however spelled.", show_default=False)] = None,
    recipient_domain: Annotated[
        str | None, typer.Option("--recipient-domain", "--domain", help="Domain of a recipient.", show_default=False)
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(help="Campaign of the mail: its tag of that name.", show_default=False)
    ] = None,
    configuration_set: Annotated[
        str | None, typer.Option(help="Configuration set of the mail.", show_default=False)
    ] = None,
    since: Annotated[str | None, typer.Option(help="Begin with what was stored since: a date, or 2h.")] = None,
    polling: Annotated[bool, typer.Option("--polling", help="Look again and again; no change stream.")] = False,
    limit: Annotated[int, typer.Option(help="End after so many; 0 for never.", min=0)] = 0,
    idle: Annotated[
        float | None, typer.Option(help="End when nothing came for so many seconds.", min=0, show_default=False)
    ] = None,
    show_addresses: Annotated[
        bool, typer.Option("--show-addresses", help="Whole addresses also on a terminal.")
    ] = False,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Show events as they are stored; all conditions must hold. Ctrl-C ends it; a name goes on there the next time."""
    tell = _line_for_people(show_addresses) if for_people(json) else _line
    with (
        options.opened_store(uri, database, collection, timeout) as store,
        store.watch(
            name,
            types=type or (),
            since=options.moment(since),
            max_wait_seconds=idle,
            polling=polling or None,
        ) as watching,
        ended_by_signals(watching.close),
    ):
        wanted = _wanted(store, recipient, recipient_domain, campaign, configuration_set)
        if for_people(json):
            note("waiting for events; Ctrl-C ends it")
        for number, stored in enumerate(filter(wanted, watching), 1):
            tell(stored)
            if number == limit:
                if name is not None:
                    watching.save()
                break


def _wanted(
    store: EventStore,
    recipient: str | None,
    domain: str | None,
    campaign: str | None,
    configuration_set: str | None,
) -> Callable[[StoredEvent], bool]:
    """Whether a row is asked for. What is not counts as seen: a named watch goes on behind it."""
    known = store._pseudonyms
    whom = None if recipient is None else {normal(recipient)} if known is None else set(known.forms(recipient))
    where = None if domain is None else _domain(normal(f"anybody@{domain.removeprefix('@')}"))

    def wanted(stored: StoredEvent) -> bool:
        event = stored.event
        people = [address.normal for address in event.recipients] if whom or where else []
        return (
            (whom is None or not whom.isdisjoint(people))
            and (where is None or where in map(_domain, people))
            and (campaign is None or campaign in event.tags.get("campaign", ()))
            and (configuration_set is None or event.configuration_set == configuration_set)
        )

    return wanted


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _line(stored: StoredEvent) -> None:
    print_json(row(stored, short=False), flush=True)


def _line_for_people(show_addresses: bool) -> Callable[[StoredEvent], None]:
    from rich.console import Console
    from rich.text import Text

    console = Console()

    def tell(stored: StoredEvent) -> None:
        told: dict[str, Any] = row(stored, short=True)
        people = told["recipients"] if show_addresses else [mask(address) for address in told["recipients"]]
        line = Text.assemble(
            (clean(told["timestamp"]), "dim"),
            "  ",
            (f"{clean(told['type']):{_WIDEST}}", _COLOURS.get(told["type"], "default")),
            f"  {clean(people)}  ",
            (clean(told["message_id"]), "dim"),
        )
        console.print(line, soft_wrap=True)

    return tell
