"""An event of your own for each event of a mail: a document put into your collection, or a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from sesevent.contrib.projections.declared import World, require
from sesevent.contrib.projections.operations import Call, neighbour
from sesevent.contrib.projections.report import Change, Outcome
from sesevent.ops import Plan, ask
from sesevent.storage.codec import StoredEvent
from sesevent.storage.operations import Count, Insert

__all__ = ["Raise"]


def _told(stored: StoredEvent) -> dict[str, Any]:
    """What an event of your own says, unless you say what: nothing that an identity notification does not know."""
    event = stored.event
    return {
        "event": f"ses.{stored.type.lower().replace(' ', '_')}",
        "messageId": stored.message_id,
        "at": stored.timestamp,
        "recipients": list(event.essentials.normals),
    }


@dataclass(frozen=True, repr=False)
class Raise:
    """Raise an event of your own for each event of these *types*: insert it into *collection*, or *call* a function.

    A document is inserted under the event's key as ``_id``, if it is absent, so each is raised once, and what became
    of it since stays. *call* gets the same document, and is called at least once: again where a process ended between
    the call and its being written down. It may be a coroutine function where the store is an `AsyncEventStore`; what
    it raises ends the run, and the event is tried again by the next. *told* makes the document from a stored event; by
    default it names the kind of event, message id, time and recipients.
    """

    collection: Any = None
    types: Sequence[str] = ()
    call: Callable[[dict[str, Any]], Any] | None = None
    told: Callable[[StoredEvent], dict[str, Any]] = _told
    name: str = "raise"

    def __post_init__(self) -> None:
        require(
            (self.collection is None) is not (self.call is None), "Name a collection to raise events in, or a call."
        )

    def project(self, rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Raise what these events ask for."""
        outcome = Outcome()
        documents = {row.key: {**self.told(row), "_id": ObjectId(row.key)} for row in rows}
        if world.dry:
            yield from self._look(list(documents.values()), outcome)
        elif self.call is not None:
            for document in documents.values():
                yield from ask(Call(self.call, document, world.awaits))
                outcome.counts.called += 1
        elif documents:
            fresh = yield from ask(Insert(neighbour(self.name), list(documents.values())))
            outcome.counts.made += sum(fresh)
            outcome.counts.matched += len(fresh) - sum(fresh)
        return outcome

    def clear(self, world: World) -> Plan[None]:  # noqa: ARG002
        """Do nothing: what was raised may have been acted on, and would be raised a second time."""
        yield from ()

    def _look(self, documents: Sequence[dict[str, Any]], outcome: Outcome) -> Plan[None]:
        for document in documents:
            there = 0
            if self.collection is not None:
                there = yield from ask(Count(neighbour(self.name), {"_id": document["_id"]}))
            if not there:
                outcome.changes.append(Change(self.name, document["_id"], "", None, document))
            outcome.counts.matched += there
            outcome.counts.made += 1 - there if self.call is None else 0
            outcome.counts.called += self.call is not None
