"""The whole walk on a server that is gone afterwards: ``sesevent demo``."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from sesevent import testing
from sesevent.cli import options
from sesevent.cli.output import note, print_rows, progress
from sesevent.sns.trust import trusted

__all__ = ["demo"]


def demo(
    uri: options.Uri = None,
    events: Annotated[int, typer.Option(min=0, help="Notifications of a busy sender to receive at the end.")] = 2000,
    web: Annotated[bool, typer.Option("--web", help="Show the dashboard on weeks of traffic with a bad day.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --web: port to listen at; 0 takes a free one.")
    ] = 8000,
    json: options.Json = False,
) -> None:
    """Receive sample events of every type into a real MongoDB; show what was stored, who is suppressed, and why."""
    if web:
        from sesevent.cli.demo_web import show

        show(_server, uri, port)
        raise typer.Exit(0)
    samples = testing.samples()
    with _server(uri) as where, _throw_away_store(where) as store:
        store.ensure_indexes()
        note(f"Receiving {len(samples)} sample notifications, as Amazon SNS would post them …")
        receipts = [store.receive(trusted(sample, because="it was made here")) for sample in samples]
        note("\nStored in the collection ses_event, by event time:")
        stored = list(store.events.between())
        print_rows(map(_event, stored), as_json=json)
        people = dict.fromkeys(address.normal for event in stored for address in event.event.recipients)
        note("\nMay you mail these people now?")
        print_rows(map(_decision, store.suppression.check_many(people)), as_json=json)
        changed = sum(len(receipt.standings) for receipt in receipts)
        note(f"\n{len(stored)} events, {changed} changes of a suppression standing.")
        _receive_stream(store, events)
    note("Nothing is left of this demo.")
    _next_steps()
    raise typer.Exit(0)


@contextmanager
def _server(uri: str | None) -> Iterator[str]:
    if uri is not None:
        note("Using the MongoDB that is configured, in a database that is dropped afterwards.")
        yield uri
        return
    from sesevent import local

    note("Starting a MongoDB server for this demo …")
    with local.server() as own:
        yield own


@contextmanager
def _throw_away_store(uri: str) -> Iterator[Any]:
    from sesevent.sync import EventStore

    database = f"sesevent_demo_{uuid.uuid4().hex[:8]}"
    with EventStore.connect(uri, database=database) as store:
        try:
            yield store
        finally:
            store.client.drop_database(database)


def _receive_stream(store: Any, events: int) -> None:
    if not events:
        return
    note(f"\nA busy sender's stream: {events:,} notifications, late, out of order and some twice …")
    with progress("received") as told:
        stream = (trusted(one, because="it was made here") for one in testing.stream(events))
        done = store.receive_many(stream, on_progress=lambda so_far: told(so_far.items))
    note(f"{done.fresh:,} events stored, {done.duplicates:,} repeats recognised.\n")


def _event(stored: Any) -> dict[str, Any]:
    event = stored.event
    who = [recipient.address + ("" if recipient.certain else " ?") for recipient in event.recipients]
    return {"timestamp": event.timestamp, "type": event.type, "recipients": who, "subject": event.subject}


def _decision(decision: Any) -> dict[str, Any]:
    return {"address": decision.address, "allowed": decision.allowed, "sentence": decision.sentence}


def _next_steps() -> None:
    me = sys.argv[0] if not sys.argv[0].endswith("__main__.py") else f"{sys.executable} -m sesevent.cli"
    note("\nTry next:")
    note(f"  {me} local start    # a MongoDB of your own; «local stop» ends it")
    note(f"  {me} testing samples | {me} ingest -    # the same events, to stay; again: nothing doubles")
    note(f"  {me} suppression check ann@example.com ben@example.org")
