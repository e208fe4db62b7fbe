"""The stories of projecting, as plans: some events, those that wait for their document, a page of history.

It knows the collections of a projector, where it stands, and no loop: those are the two faces'.
Next: :mod:`sesevent.contrib.projections.projector`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel, ReadPreference, UpdateOne

from sesevent import addresses
from sesevent.contrib.projections.declared import Projection, Projections, World, require, require_addresses
from sesevent.contrib.projections.deliverability import Deliverability
from sesevent.contrib.projections.operations import PARTS, SUMS, WAITING, neighbour
from sesevent.contrib.projections.report import Outcome, Report
from sesevent.errors import StoreError
from sesevent.moments import UTC, format_moment
from sesevent.ops import Plan, ask
from sesevent.plans import read
from sesevent.storage import positions, reads
from sesevent.storage.codec import StoredEvent, stored_event
from sesevent.storage.connection import DURABLE
from sesevent.storage.layout import EVENTS, WATCHES
from sesevent.storage.operations import CreateIndexes, Delete, Find, Update
from sesevent.suppression.policy import Policy

__all__ = ["History", "Work"]

_log = logging.getLogger("sesevent.projections")

_PAGE: Final = 200  # events that wait, tried at once
_FIRST_TRY: Final = timedelta(minutes=1)
_LAST_TRY: Final = timedelta(hours=1)  # the pause between two tries doubles up to this

_INDEXES: Final = {
    PARTS: ("of", "template", "hour", "_id"),
    SUMS: ("of", "template", "hour"),
    WAITING: ("of", "due", "_id"),
}


class History:
    """Where a replay stands: between which times, and behind which row."""

    def __init__(self, since: datetime | None, until: datetime | None) -> None:
        self.asked = {"since": since and format_moment(since), "until": until and format_moment(until)}
        self.query: reads.EventQuery | None = reads.event_query(since=since, until=until)


class Work:
    """What a projector does, one step at a time."""

    def __init__(self, store: Any, projections: Projections, patience: timedelta, *, awaits: bool) -> None:
        if store._pseudonyms is not None and store._pseudonyms.writes:
            for one in projections.projections:
                require_addresses(one)
        self.declared = projections
        self._policy: Policy = store._policy
        self._clock: Callable[[], datetime] = store._clock
        self._patience, self._awaits = patience, awaits
        self._place = f"projections {projections.name}"
        self.collections = _collections(store, projections, awaits)

    def begin(self) -> Plan[None]:
        """Make the indexes of what is kept beside the events."""
        for collection, keys in _INDEXES.items():
            yield from ask(CreateIndexes(collection, [IndexModel([(key, 1) for key in keys], name="order")]))

    def position(self) -> Plan[str | None]:
        """Behind which event everything is done; None where nothing was done yet."""
        kept = yield from ask(positions.kept_position(self._place))
        return kept[0]["position"] if kept else None

    def keep(self, position: str | None) -> Plan[None]:
        """Keep the position, once everything before it is done."""
        if position is not None:
            place = positions.read_position(position)
            yield from ask(positions.keep_position(self._place, place, self._clock()))

    def do(self, rows: Sequence[StoredEvent], *, dry: bool = False) -> Plan[Report]:
        """Do what these events ask for. To be repeated where it fails: nothing is done twice."""
        report = Report(len(rows))
        world = self._world(dry)
        for projection in self.declared.projections:
            wanted = [row for row in rows if not projection.types or row.type in projection.types]
            if wanted:
                outcome = yield from _named(projection, projection.project(wanted, world))
                outcome.counts.events += len(wanted)
                if outcome.missing and not dry:
                    yield from self._let_wait(projection, outcome.missing, world.now)
                report.add(projection.name, outcome)
        return report

    def catch_up(self) -> Plan[Report | None]:
        """Try events again whose document was not there, a page of them; None where none is due."""
        now = self._clock()
        due = {"of": self.declared.name, "due": {"$lte": now}}
        waiting = yield from ask(Find(WAITING, due, (("due", 1), ("_id", 1)), _PAGE))
        if not waiting:
            return None
        events = [one["event"] for one in waiting]
        rows = {row["_id"]: stored_event(row) for row in (yield from ask(Find(EVENTS, {"_id": {"$in": events}})))}
        report = Report()
        still: dict[str, Any] = {}
        for projection in self.declared.projections:
            own = {one["event"]: one for one in waiting if one["projection"] == projection.name}
            outcome = Outcome()
            if wanted := [rows[event] for event in own if event in rows]:
                outcome = yield from _named(projection, projection.project(wanted, self._world(dry=False)))
                outcome.counts.events += len(wanted)
            left = [own[event] for event in outcome.missing if event in own]
            patient = [one for one in left if now - one["since"] < self._patience]
            outcome.counts.given_up += len(left) - len(patient)
            still |= {one["_id"]: one for one in patient}
            report.add(projection.name, outcome)
            if len(left) > len(patient):
                given_up = len(left) - len(patient)
                _log.warning("projection %s: the documents of %d events did not come", projection.name, given_up)
        yield from self._settle(waiting, still, now)
        return report

    def history(self, history: History) -> Plan[list[StoredEvent]]:
        """The next page of history; empty at the end."""
        if history.query is None:
            return []
        page = yield from read.next_page(history.query)
        history.query = page.rest
        return page.events

    def resume(self, history: History) -> Plan[None]:
        """Go on where a replay of the same times was."""
        for kept in (yield from ask(positions.kept_position(self._replay))):
            if kept.get("asked") == history.asked and history.query is not None:
                history.query = reads.EventQuery(history.query.filter, after=(kept["stamp"], kept["row"]))

    def keep_replay(self, history: History, last: StoredEvent) -> Plan[None]:
        """Keep how far a replay is, once everything before is done."""
        stamp, row = last.cursor
        fields = {"asked": history.asked, "stamp": stamp, "row": row, "savedAt": self._clock()}
        yield from ask(Update(WATCHES, [UpdateOne({"_id": self._replay}, {"$set": fields}, upsert=True)]))

    def end_replay(self) -> Plan[None]:
        """Forget how far a replay was: it is done."""
        yield from ask(Delete(WATCHES, {"_id": self._replay}))

    def recheck(self, people: Iterable[str], *, dry: bool = False) -> Plan[Report]:
        """Keep what the suppression list says of these addresses."""
        report = Report()
        normals = sorted({addresses.normal(address) for address in people})
        for projection in self.declared.projections:
            if isinstance(projection, Deliverability) and normals:
                plan = projection.recheck(normals, (), self._world(dry))
                report.add(projection.name, (yield from _named(projection, plan)))
        return report

    def spoken_of(self, after: str | None) -> Plan[list[str]]:
        """The next addresses of whom the suppression list knows something."""
        return [row["_id"] for row in (yield from ask(reads.next_standings(after, _PAGE)))]

    def clear(self) -> Plan[None]:
        """Take away everything that was kept, but for the place in the events."""
        for projection in self.declared.projections:
            yield from _named(projection, projection.clear(self._world(dry=False)))
        yield from ask(Delete(WAITING, {"of": self.declared.name}))
        yield from self.end_replay()

    @property
    def _replay(self) -> str:
        return f"{self._place} (replay)"

    def _world(self, dry: bool) -> World:
        return World(self.declared.name, self._policy, self._clock(), dry, self._awaits)

    def _let_wait(self, projection: Projection, events: Iterable[Any], now: datetime) -> Plan[None]:
        name = self.declared.name
        writes = [
            UpdateOne(
                {"_id": f"{name}/{projection.name}/{event}"},
                {"$setOnInsert": {"of": name, "projection": projection.name, "event": event, "since": now,
                                  "due": now + _FIRST_TRY, "tries": 0}},
                upsert=True,
            )
            for event in dict.fromkeys(events)
        ]  # fmt: skip
        yield from ask(Update(WAITING, writes))

    def _settle(self, waiting: Sequence[dict[str, Any]], still: dict[str, Any], now: datetime) -> Plan[None]:
        if still:
            pauses = {key: min(_FIRST_TRY * 2 ** (one["tries"] + 1), _LAST_TRY) for key, one in still.items()}
            writes = [
                UpdateOne({"_id": key}, {"$set": {"due": now + pause, "tries": still[key]["tries"] + 1}})
                for key, pause in pauses.items()
            ]
            yield from ask(Update(WAITING, writes))
        done = [one["_id"] for one in waiting if one["_id"] not in still]
        if done:
            yield from ask(Delete(WAITING, {"_id": {"$in": done}}))


def _named(projection: Projection, plan: Plan[Any]) -> Plan[Any]:
    """Say in an error whose it is."""
    try:
        return (yield from plan)
    except StoreError as error:
        named = type(error)(f"Projection {projection.name}: {error}")
        named.code = error.code
        raise named from None


def _collections(store: Any, projections: Projections, awaits: bool) -> dict[str, Any]:
    """The store's collections, those beside them that projecting needs, and the neighbours'."""
    found: dict[str, Any] = dict(store._collections)
    events = found[EVENTS]
    for name in (PARTS, SUMS, WAITING):
        found[name] = _settled(events.database.get_collection(name))
    for projection in projections.projections:
        if projection.collection is not None:
            require(
                inspect.iscoroutinefunction(projection.collection.update_many) is awaits,
                f"The collection of the projection {projection.name} is of the other colour: a Projector takes "
                "PyMongo's Collection, an AsyncProjector its AsyncCollection.",
            )
            found[neighbour(projection.name)] = _settled(projection.collection)
    return found


def _settled(collection: Any) -> Any:
    """With moments that know their zone, asked of the primary, and written durably: only then an event is done."""
    codec = getattr(collection, "codec_options", None)
    if codec is None:  # in memory
        return collection
    return collection.with_options(
        codec_options=codec.with_options(tz_aware=True, tzinfo=UTC),
        read_preference=ReadPreference.PRIMARY,
        write_concern=DURABLE,
    )
