"""Stories of reading: pages of an answer, one event, the timeline of a mail."""

from __future__ import annotations

from typing import NamedTuple

from bson import ObjectId

from sesevent.ops import Plan, ask
from sesevent.storage import reads
from sesevent.storage.codec import StoredEvent, stored_event
from sesevent.storage.reads import EventQuery

__all__ = ["PAGE", "Page", "get", "next_page", "timeline"]

PAGE = 500  # rows a page


class Page(NamedTuple):
    """Some rows of an answer, and the question that continues it; None at the end."""

    events: list[StoredEvent]
    rest: EventQuery | None


def next_page(query: EventQuery, size: int = PAGE) -> Plan[Page]:
    """The next rows of an answer, at most *size*."""
    wanted = size if query.limit is None else min(size, query.limit)
    if wanted <= 0:
        return Page([], None)
    documents = yield from ask(query.page(wanted))
    events = [stored_event(document) for document in documents]
    rest = query.behind(events[-1], len(events)) if len(events) == wanted else None
    return Page(events, None if rest is not None and rest.limit == 0 else rest)


def get(identifier: str | bytes | ObjectId) -> Plan[StoredEvent | None]:
    """One event by its key."""
    find = reads.with_id(identifier)
    documents = (yield from ask(find)) if find is not None else []
    return stored_event(documents[0]) if documents else None


def timeline(message_id: str) -> Plan[list[StoredEvent]]:
    """Everything that happened to one mail, in order; an event kept in two rows stands there once.

    Where one of the rows is this library's own, that one.
    """
    documents = yield from ask(EventQuery(reads.of_message(message_id)).page(0))
    events = [event for event in map(stored_event, documents) if event.message_id == message_id]
    own_last = sorted(events, key=lambda event: str(event.id) == event.key)
    once = {event.key: event for event in own_last}
    return sorted(once.values(), key=_by_time)


def _by_time(event: StoredEvent) -> tuple[float, str]:
    return (event.timestamp.timestamp() if event.timestamp else 0.0, event.key)
