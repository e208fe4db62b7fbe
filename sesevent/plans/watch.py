"""Following what is stored, row by row: at least once, in order, across restarts.

`Watching` holds where a watch stands, and tells its story in plans. A row counts as done when the next
one is asked for; only then does the position move behind it, and only positions behind finished rows are
kept. Rows come from a change stream (`_Stream`), or, where a server has none, from looking again and
again (`_Poll`); neither knows of names, of keeping, or of waiting for a server that is away. Next:
:mod:`sesevent.faces.watch`, the two faces.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from sesevent.errors import ConfigurationError, StoreError
from sesevent.events.parse import word_of
from sesevent.moments import read_moment
from sesevent.ops import Plan, ask
from sesevent.storage import arrivals, positions
from sesevent.storage.arrivals import ARRIVALS, Arrival, Key
from sesevent.storage.codec import StoredEvent, stored_event
from sesevent.storage.failures import NO_STREAMS
from sesevent.storage.layout import EVENTS, POLLING
from sesevent.storage.operations import PATIENCE, CloseStream, ListIndexes, NextChange, OpenStream
from sesevent.storage.positions import Position, Step

__all__ = ["Watching", "Wish", "World", "wish"]

_log = logging.getLogger("sesevent.watch")

_SAVE_EACH: Final = 1.0  # seconds between two savings of the position, while rows are finished
_SAVE_ROWS: Final = 100  # …or so many rows
_SAVE_IDLE: Final = 30.0  # seconds, while it moves past rows that were not asked for, or with the log only
_SLICE: Final = 0.25  # seconds at most that are waited through: how long stopping may take
_LONGEST_PAUSE: Final = 5.0  # seconds between two tries of a server that is away
_ROWS: Final = 200  # rows fetched at once where they are polled


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be watched, and how."""

    name: str | None
    resume_after: Position | None
    types: tuple[str, ...]
    since: datetime | None
    max_wait: float | None
    polling: bool | None
    overlap: timedelta
    poll_each: float

    def asks_for(self, event: StoredEvent) -> bool:
        """Whether a row is of the wanted types: what the server was asked is an approximation for older rows."""
        return not self.types or event.type in self.types


def wish(
    name: str | None,
    resume_after: str | None,
    types: Iterable[str],
    since: datetime | None,
    max_wait_seconds: float | None,
    polling: bool | None,
    overlap_seconds: float,
    poll_seconds: float,
) -> Wish:
    """What a caller asked for. Raises ConfigurationError for what cannot be."""
    if name == "":
        raise ConfigurationError("A watch's name must not be empty.", hint="None is a watch without a name.")
    if (max_wait_seconds or 0) < 0 or overlap_seconds < 0 or poll_seconds <= 0:
        raise ConfigurationError("max_wait_seconds, overlap_seconds and poll_seconds must not be negative.")
    return Wish(
        name,
        None if resume_after is None else positions.read_position(resume_after),
        tuple(map(word_of, (types,) if isinstance(types, str) else types)),
        None if since is None else read_moment(since),
        max_wait_seconds,
        polling,
        timedelta(seconds=overlap_seconds),
        poll_seconds,
    )


class World(NamedTuple):
    """What a watch needs of the world, beside the database."""

    clock: Callable[[], datetime]
    """The store's: what time it is."""
    ticks: Callable[[], float]
    """Seconds that only grow."""
    sleep: Callable[[float], Any]
    """Waits, or returns what is to be awaited."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """Wait."""

    world: World
    seconds: float

    def start(self, collections: Any) -> Any:  # noqa: ARG002  # no collection is asked
        return self.world.sleep(max(0.0, min(self.seconds, _SLICE)))

    def finish(self, outcome: Any) -> None:
        return outcome  # type: ignore[no-any-return]


class _Source(Protocol):
    """Where rows come from."""

    def next(self, place: Position) -> Plan[Step | None]:
        """The next step from *place*; None where there is none for now."""
        ...

    def end(self) -> Plan[None]:
        """Let go of what is held."""
        ...


class Watching:
    """One watch: what was wished, where it stands, and what it has handed out."""

    def __init__(self, wished: Wish, world: World) -> None:
        self._wish, self._world = wished, world
        self.ended = False
        """Set to end it: whatever waits does so no longer than a moment."""
        self._place: Position | None = None
        self._given: Step | None = None
        self._source: _Source | None = None
        self._finished = 0  # rows since the position was kept
        self._moved = False
        self._saved_at = 0.0
        self._warned = False

    @property
    def position(self) -> str | None:
        """Behind the row that was given last, as text; None before the beginning."""
        place, given = self._place, self._given
        if place is not None and given is not None:
            place = replace(place, seen=dict(place.seen)).behind(given, self._world.clock())
        return None if place is None else positions.written_position(place)

    def begin(self) -> Plan[None]:
        """Find where to start, and start there; again, after something broke."""
        if self._source is not None:
            return
        if self._place is None:
            self._place = yield from self._known_place()
        known = self._place
        self._source, self._place = yield from self._opened(known)
        if known is None and self._wish.name is not None:
            yield from self._save()  # so that a crash before the first row does not begin anew

    def next_row(self) -> Plan[StoredEvent | None]:
        """The next row, as soon as there is one; None where the watch ends, or none came in time."""
        self._finish()
        started, failures = self._world.ticks(), 0
        while not self.ended:
            late = self._wish.max_wait is not None and self._world.ticks() - started >= self._wish.max_wait
            try:
                yield from self._save_if_due(late)
                yield from self.begin()
                step = yield from self._step()
                failures = 0
            except StoreError as error:
                if not error.retryable or late:
                    raise
                _log.log(logging.DEBUG if failures else logging.WARNING, "MongoDB is away; the watch waits for it")
                failures += 1
                yield from self._rest(min(0.1 * 2**failures, _LONGEST_PAUSE))
                continue
            if step is not None and step.event is not None:
                self._given = step
                return step.event
            if late and (step is None or step.at is None):  # not while rows come that were not asked for
                return None
        yield from self.end()
        return None

    def save(self) -> Plan[None]:
        """Keep the position, with the row that was given last."""
        if self._wish.name is None:
            raise ConfigurationError("This watch has no name to keep its position under.", hint="Keep `position`.")
        self._finish()
        if self._moved:
            yield from self._save()

    def end(self) -> Plan[None]:
        """Keep the position behind finished rows, and let go of everything."""
        self.ended = True
        source, self._source = self._source, None
        try:
            if self._moved and self._wish.name is not None:
                yield from self._save()
            if source is not None:
                yield from source.end()
        except StoreError as error:
            _log.warning("the position of a watch was not kept: rows will be given again (%s)", type(error).__name__)

    def _known_place(self) -> Plan[Position | None]:
        if self._wish.resume_after is not None:
            self._moved = True
            return self._wish.resume_after
        if self._wish.name is None:
            return None
        kept = yield from ask(positions.kept_position(self._wish.name))
        return positions.read_position(kept[0]["position"]) if kept else None

    def _opened(self, place: Position | None) -> Plan[tuple[_Source, Position]]:
        if not self._wish.polling:
            try:
                return (yield from _open_stream(self._wish, place, self._world.clock()))
            except (ConfigurationError, StoreError) as error:
                # A user may lack the right to follow changes, and still may read.
                if self._wish.polling is False or not (
                    isinstance(error, ConfigurationError) or error.code in NO_STREAMS
                ):
                    raise
                _log.info("this server offers no change streams; rows are polled")
        if not self._warned and POLLING[0].name not in (yield from ask(ListIndexes(EVENTS))):
            _log.warning("polling without its index reads the whole collection each time: ensure_indexes(polling=True)")
        self._warned = True
        return (yield from _begin_polling(self._wish, self._world, place))

    def _step(self) -> Plan[Step | None]:
        source, place = self._source, self._place
        if source is None or place is None:  # pragma: no cover  # it has begun
            return None
        try:
            step = yield from source.next(place)
        except BaseException:
            self._source = None  # interrupted or broken: the next one begins behind the last finished row
            raise
        if step is not None and step.event is None:
            self._move(step)
        return step

    def _finish(self) -> None:
        """The next row is asked for: the one before is done."""
        given, self._given = self._given, None
        if given is not None:
            self._move(given)
            self._finished += 1

    def _move(self, step: Step) -> None:
        if self._place is not None:
            self._moved = self._moved or step.token != self._place.token or step.key is not None
            self._place = self._place.behind(step, self._world.clock())

    def _save_if_due(self, late: bool) -> Plan[None]:
        if self._wish.name is None or not self._moved:
            return
        waited = self._world.ticks() - self._saved_at
        if late or self._finished >= _SAVE_ROWS or waited >= (_SAVE_EACH if self._finished else _SAVE_IDLE):
            yield from self._save()

    def _save(self) -> Plan[None]:
        name, place = self._wish.name, self._place
        if name is not None and place is not None:
            yield from ask(positions.keep_position(name, place, self._world.clock()))
            self._finished, self._moved, self._saved_at = 0, False, self._world.ticks()

    def _rest(self, seconds: float) -> Plan[None]:
        until = self._world.ticks() + seconds
        while not self.ended and (left := until - self._world.ticks()) > 0:
            yield from ask(_Pause(self._world, left))


# ── A change stream ──────────────────────────────────────────────────────────────────────────


class _Stream:
    """Rows as the server tells of them."""

    def __init__(self, stream: Any, wished: Wish) -> None:
        self._stream, self._wish = stream, wished
        self._over = False

    def next(self, place: Position) -> Plan[Step | None]:
        """The next change. A stream ends where its collection is dropped or renamed: then it is opened anew."""
        if self._over:
            self._stream = yield from ask(_open(self._wish, place))
        change = yield from ask(NextChange(self._stream))
        self._over = not change.alive
        document = change.document
        if document is None or document["operationType"] != "insert":
            return Step(token=change.token) if document is not None or change.token != place.token else None
        event = stored_event(document["fullDocument"])
        at = arrivals.came_at(document)
        return Step(at, event if self._wish.asks_for(event) else None, change.token)

    def end(self) -> Plan[None]:
        """Close it."""
        yield from ask(CloseStream(self._stream))


def _open_stream(wished: Wish, place: Position | None, now: datetime) -> Plan[tuple[_Source, Position]]:
    stream = yield from ask(_open(wished, place))
    if place is None:
        place = Position(wished.since or now, stream.resume_token)
    place.seen.clear()
    return _Stream(stream, wished), place


def _open(wished: Wish, place: Position | None) -> OpenStream:
    """Open a stream behind *place*; of one that polling left, a look back comes first."""
    where: dict[str, Any] = {}
    if place is not None and place.token is not None:
        where = {"start_after": place.token}  # unlike resume_after it leads past the end of a dropped collection
    elif place is not None:
        where = {"start_at_operation_time": arrivals.operation_time(place.at - wished.overlap)}
    elif wished.since is not None:
        where = {"start_at_operation_time": arrivals.operation_time(wished.since)}
    patience = PATIENCE if wished.max_wait is None else min(PATIENCE, max(50, int(wished.max_wait * 1000)))
    return OpenStream(EVENTS, arrivals.new_rows(wished.types), where, patience)


# ── Polling ──────────────────────────────────────────────────────────────────────────────────


class _Poll:
    """Rows as looking again and again finds them.

    Each look goes back by the overlap, for rows of slow writers and of clocks that differ, and leaves out
    what was given already.
    """

    def __init__(self, wished: Wish, world: World) -> None:
        self._wish, self._world = wished, world
        self._look: list[_Keys] = []
        self._ready: deque[Step] = deque()
        self._due = 0.0

    def next(self, place: Position) -> Plan[Step | None]:
        """The next row that was found."""
        if not self._ready:
            yield from self._find(place)
        return self._ready.popleft() if self._ready else None

    def end(self) -> Plan[None]:
        """Nothing is held."""
        yield from ()

    def _find(self, place: Position) -> Plan[None]:
        if not self._look:
            if (left := self._due - self._world.ticks()) > 0:
                yield from ask(_Pause(self._world, left))
                return
            self._look = _look_back(place, self._wish)
        keys = yield from _unseen(self._look, place)
        if not keys:
            self._look = []
            self._due = self._world.ticks() + self._wish.poll_each
            return
        found = yield from ask(arrivals.rows_with(keys, self._wish.types))
        events = {document["_id"]: stored_event(document) for document in found}
        wanted = {key: event for key, event in events.items() if self._wish.asks_for(event)}
        self._ready.extend(Step(key.at, wanted.get(key.id), key=str(key.id)) for key in keys)


class _Keys:
    """The keys of the rows that one field tells of, page by page."""

    def __init__(self, arrival: Arrival, since: datetime) -> None:
        self._arrival = arrival
        self._asks = [arrivals.keys_since(arrival, since)]
        self.ready: deque[Key] = deque()

    def load(self) -> Plan[None]:
        """Have the next key ready, if there is one."""
        while self._asks and not self.ready:
            found = yield from ask(self._asks.pop(0))
            self.ready.extend(arrivals.key_of(self._arrival, document) for document in found)
            if len(found) == arrivals.KEYS:
                self._asks = arrivals.keys_behind(self._arrival, self.ready[-1])


def _look_back(place: Position, wished: Wish) -> list[_Keys]:
    bound = place.at - wished.overlap
    place.forget(bound)
    return [_Keys(arrival, bound) for arrival in ARRIVALS]


def _unseen(look: Sequence[_Keys], place: Position, most: int = _ROWS) -> Plan[list[Key]]:
    """The next keys of rows that were not given, by when they came."""
    found: dict[str, Key] = {}
    while len(found) < most:
        for keys in look:
            yield from keys.load()
        heads = [keys for keys in look if keys.ready]
        if not heads:
            break
        key = min(heads, key=lambda keys: keys.ready[0].order).ready.popleft()
        if str(key.id) not in place.seen:
            found.setdefault(str(key.id), key)
    return list(found.values())


def _begin_polling(wished: Wish, world: World, place: Position | None) -> Plan[tuple[_Source, Position]]:
    """Start from *place*; without one from *since*, or from now: what is there already is then left out."""
    if place is None:
        place = Position(world.clock() if wished.since is None else wished.since + wished.overlap)
        look = _look_back(place, wished) if wished.since is None else []
        while keys := (yield from _unseen(look, place)):
            place.seen.update((str(key.id), key.at) for key in keys)
    return _Poll(wished, world), Position(place.at, None, place.seen)
