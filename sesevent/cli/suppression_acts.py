"""What people say about addresses: ``sesevent suppression add``, ``unsubscribe``, ``resubscribe``, ``reactivate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.addresses import mask
from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_rows
from sesevent.errors import ConfigurationError
from sesevent.suppression.facts import ALL_STREAMS

if TYPE_CHECKING:
    from sesevent.suppression.decision import Decision

__all__ = ["add", "reactivate", "resubscribe", "unsubscribe"]


def add(
    addresses: options.Addresses,
    by: options.By = None,
    note: Annotated[str, typer.Option("--note", "--why", help="Why.")] = "",
    until: Annotated[str | None, typer.Option(help="When it ends by itself: a date, or in how long (30d).")] = None,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Put addresses on the list, on one stream or all. A long list is imported faster."""
    who, end = options.author(by), options.moment_ahead(until)
    with options.opened_store(uri, database, collection, timeout) as store:
        wrong, _ = _each(
            addresses,
            lambda address: store.suppression.suppress(
                address, by=who, note=note, stream=stream, until=end, origin="cli", tenant=tenant
            ),
            json,
        )
    raise typer.Exit(1 if wrong else 0)


def unsubscribe(
    addresses: options.Addresses,
    stream: Annotated[
        str, typer.Option(envvar="SESEVENT_STREAM", help="What the person unsubscribed from; * for everything.")
    ],
    by: options.By = None,
    note: Annotated[str, typer.Option("--note", "--why", help="How you know.")] = "",
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Write down that people unsubscribed. Only a reactivation with --override, or the person, takes it back."""
    who = options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store:
        wrong, _ = _each(
            addresses,
            lambda address: store.suppression.unsubscribe(
                address, stream=stream, origin="cli", by=who, note=note, tenant=tenant
            ),
            json,
        )
    raise typer.Exit(1 if wrong else 0)


def resubscribe(
    addresses: options.Addresses,
    stream: Annotated[
        str, typer.Option(envvar="SESEVENT_STREAM", help="What the person asked for again; * for everything.")
    ],
    by: options.By = None,
    note: Annotated[str, typer.Option("--note", "--why", help="How you know.")] = "",
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Write down that people asked to be mailed again. Exit code 3 if one may still not be mailed."""
    who = options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store:
        wrong, refused = _each(
            addresses,
            lambda address: store.suppression.resubscribe(
                address, stream=stream, origin="cli", by=who, note=note, tenant=tenant
            ),
            json,
        )
    raise typer.Exit(1 if wrong else 3 if refused else 0)


def reactivate(
    addresses: options.Addresses,
    why: Annotated[str, typer.Option("--why", "--note", help="Why they may be mailed again.")],
    by: options.By = None,
    override: Annotated[
        bool, typer.Option("--override", help="Although the person complained or unsubscribed.")
    ] = False,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Let addresses be mailed again. Nothing is erased. Exit code 3 if one may still not be mailed."""
    who = options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store:
        wrong, refused = _each(
            addresses,
            lambda address: store.suppression.reactivate(
                address, by=who, why=why, stream=stream, override=override, origin="cli", tenant=tenant
            ),
            json,
        )
    raise typer.Exit(1 if wrong else 3 if refused else 0)


def _each(addresses: list[str], say: Callable[[str], Decision], json: bool) -> tuple[int, int]:
    """Say it of each address and show what is decided now; returns how many were none, and how many are refused."""
    wrong = refused = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal wrong, refused
        for address in options.each_line(addresses):
            if "@" not in address:
                wrong += 1
                note(f"{address}: is no e-mail address")
                continue
            try:
                decision = say(address)
            except ConfigurationError as error:  # one person's own word keeps no other from being reactivated
                refused += 1
                note(f"{mask(address)}: {_without_hint(error)} To mail it all the same: --override")
                continue
            refused += not decision.allowed
            yield options.decision_row(decision, short=for_people(json))

    print_rows(rows(), as_json=json)
    return wrong, refused


def _without_hint(error: ConfigurationError) -> str:
    return str(error).removesuffix(error.hint or "").strip()
