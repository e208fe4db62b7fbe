"""What is stored, told to many at once: one watch a process, a ring of what it told last, and readers of that ring.

A reader holds no queue: it stands at a place in the ring, and whoever is overtaken by the ring's end is told so and let
go; it comes again with ``Last-Event-ID``. Where that lies behind the ring a watch of its own reads on until both meet.
The watch begins with the first reader, and ends a while after the last. It knows no HTTP: see
:mod:`sesevent.web.routes.stream`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from sesevent import jsontext
from sesevent.errors import StoreError
from sesevent.storage.codec import StoredEvent, legacy_derived
from sesevent.storage.connection import utc_now
from sesevent.storage.positions import read_position, written_position
from sesevent.web.sealing import Sealer
from sesevent.web.shapes import event_shape
from sesevent.web.veil import veiled

__all__ = ["Hub", "Wanted"]

_log = logging.getLogger("sesevent.web")

_SEEN_WRITTEN: Final = 50  # of a polled position: what is beyond may be told again after a resume
_OVERLAP: Final = timedelta(seconds=60)  # how far the clocks of writers may differ, as a watch has it
_IDLE: Final = 1.0  # seconds without a row after which a reader's own watch has caught up
_CHUNK: Final = 100  # events that are handed over at once
_AGAIN_MS: Final = 2000  # after which a client that was let go comes again


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader asks for: all that is given must hold."""

    types: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    configuration_set: str | None = None
    campaign: str | None = None
    recipient: frozenset[str] | None = None
    """In normal form."""
    recipient_domain: str | None = None
    tag: tuple[str, str | None] | None = None

    def holds(self, told: Told) -> bool:
        """Whether an event is asked for."""
        derived = told.derived
        people: list[str] = derived.get("recipients") or []
        return (
            (not self.types or told.type in self.types)
            and (not self.reasons or not self.reasons.isdisjoint(_listed((derived.get("bounce") or {}).get("reason"))))
            and self.configuration_set in (None, derived.get("configurationSet"))
            and self.campaign in (None, derived.get("campaign"))
            and (self.recipient is None or not self.recipient.isdisjoint(people))
            and (
                self.recipient_domain is None or any(one.rpartition("@")[2] == self.recipient_domain for one in people)
            )
            and (self.tag is None or _has_tag(derived, *self.tag))
        )


class Told:
    """One event as it is told; its text is made once for all who see it in clear, and once for the others."""

    __slots__ = ("_clear", "_masked", "_shape", "derived", "id", "row", "type")

    def __init__(self, event: StoredEvent, identifier: str) -> None:
        self.id, self.row, self.type = identifier, str(event.id), event.type
        self.derived = event.document.get("derived") or legacy_derived(event.document)
        self._shape = event_shape(event)
        self._clear: str | None = None
        self._masked: str | None = None

    def text(self, clear: bool) -> str:
        """As a server-sent event."""
        if clear:
            self._clear = self._clear or self._written(self._shape)
            return self._clear
        self._masked = self._masked or self._written(veiled(self._shape))
        return self._masked

    def _written(self, shape: Any) -> str:
        return f"id: {self.id}\ndata: {jsontext.encode(shape)}\n\n"


@dataclass(slots=True)
class _Place:
    """Where a reader stands in the ring."""

    number: int
    given: frozenset[str] = frozenset()
    """Rows that were given already by a watch of its own…"""
    until: int = 0
    """…and come again in the ring before this number."""


class Hub:
    """What this process knows of what is stored, and whoever reads it."""

    def __init__(
        self,
        store: Any,
        sealer: Sealer,
        *,
        polling: bool | None = None,
        ring: int = 2000,
        heartbeat: float = 15.0,
        linger: float = 30.0,
    ) -> None:
        self._store, self._sealer, self._polling = store, sealer, polling
        self._ring: deque[Told] = deque(maxlen=ring)
        self._heartbeat, self._linger = heartbeat, linger
        self._last = 0  # the number of the ring's last event
        self._rows: dict[str, int] = {}
        self._marks: OrderedDict[str, int] = OrderedDict()  # id told to a client → the number it stands behind
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._watch: Any = None
        self._idle: tuple[str | None, str] = (None, "")
        self._closed = False
        self._generation = 0  # of the watch: readers of one that ended are let go
        self.readers = 0

    async def read(
        self, wanted: Wanted, after: str | None, *, clear: bool, welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[str]:
        """Events as they are stored, as text of server-sent events; behind *after*, if that is given.

        It ends with a word why: `dropped` for who cannot follow, `end` where the server stops or who reads is not
        *welcome* any more. A `gap` says that events may be missing.
        """
        self.readers += 1
        try:
            yield f"retry: {_AGAIN_MS}\n\n"
            await self.start()
            generation = self._generation
            place = _Place(self._last if after is None else -1)
            if after is not None:
                async for text in self._missed(wanted, after, place, clear):
                    yield text
            async for text in self._following(wanted, place, generation, clear, welcome):
                yield text
        except StoreError:
            yield _word("end", "The store cannot be reached. Come again with Last-Event-ID.")
        finally:
            self.readers -= 1
            if not self.readers:
                self._leave_later()

    async def start(self) -> None:
        """Make sure that the watch has begun. Raises StoreError where it cannot."""
        if self._watching is None or self._watching.done():
            self._begun = asyncio.get_running_loop().create_future()
            self._forget()
            self._watching = asyncio.create_task(self._follow(self._begun, self._generation))
        if self._begun is not None:
            await asyncio.shield(self._begun)

    async def known(self, after: str) -> bool:
        """Whether *after* is an id of ours."""
        return after in self._marks or isinstance(await self._sealer.open("place", after), str)

    async def close(self) -> None:
        """End every reader's stream, and the watch."""
        self._closed = True
        self._wake()
        await self._stop()

    # ── One watch for all ────────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        """Begin anew: nobody knows what came between two watches, so no reader may go on from the one to the other."""
        self._generation += 1
        self._ring.clear()
        self._rows.clear()
        self._marks.clear()

    async def _follow(self, begun: asyncio.Future[None], generation: int) -> None:
        try:
            async with self._store.watch(polling=self._polling) as rows:
                self._watch = rows
                await self._mark()
                begun.set_result(None)
                async for event in rows:
                    await self._tell(event, rows.position)
                    await asyncio.sleep(0)  # many may come at once, and those who read must keep up
        except Exception as error:  # noqa: BLE001  # whatever it is, its readers must not wait for ever
            _log.warning("the watch of the live stream ended: %s", type(error).__name__)
            if not begun.done():
                begun.set_exception(error)
                begun.exception()  # it may be that nobody waits any more
        finally:
            if generation == self._generation:
                self._generation += 1
                self._watch = None
                self._wake()

    async def _tell(self, event: StoredEvent, position: str) -> None:
        told = Told(event, await self._sealed(position))
        if len(self._ring) == self._ring.maxlen:
            self._rows.pop(self._ring[0].row, None)
        self._ring.append(told)
        self._last += 1
        self._rows[told.row] = self._last
        self._remember(told.id, self._last)
        self._wake()

    async def _mark(self) -> str:
        """An id for where the watch stands now, behind everything that was told."""
        position = self._watch.position if self._watch is not None else None
        if position is not None and position != self._idle[0]:
            self._idle = position, await self._sealed(position)
            self._remember(self._idle[1], self._last)
        return self._idle[1]

    async def _sealed(self, position: str) -> str:
        place = read_position(position) if len(position) > 2000 else None
        if place is not None and len(place.seen) > _SEEN_WRITTEN:
            kept = dict(list(place.seen.items())[-_SEEN_WRITTEN:])
            position = written_position(replace(place, seen=kept))
        return await self._sealer.seal("place", position)

    def _remember(self, identifier: str, number: int) -> None:
        self._marks[identifier] = number
        while len(self._marks) > 2 * (self._ring.maxlen or 0):
            self._marks.popitem(last=False)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _leave_later(self) -> None:
        async def leave() -> None:
            if not self.readers:
                await self._stop()

        asyncio.get_running_loop().call_later(self._linger, lambda: asyncio.ensure_future(leave()))

    async def _stop(self) -> None:
        watching, self._watching, self._begun = self._watching, None, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    # ── One reader ───────────────────────────────────────────────────────────────────────────

    async def _following(
        self, wanted: Wanted, place: _Place, generation: int, clear: bool, welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[str]:
        checked = asyncio.get_running_loop().time()
        yield f"id: {await self._mark()}\n: here\n\n" if place.number == self._last else ": here\n\n"
        while not self._closed and generation == self._generation:
            if place.number < self._last - len(self._ring):
                yield _word("dropped", "You read more slowly than events come. Come again with Last-Event-ID.")
                return
            news = self._news
            some = self._behind(place.number)
            place.number += len(some)
            if text := "".join(
                [told.text(clear) for told in some if wanted.holds(told) and told.row not in place.given]
            ):
                yield text
            if place.given and place.number >= place.until:
                place.given = frozenset()
            now = asyncio.get_running_loop().time()
            if now - checked >= self._heartbeat:
                checked = now
                if not await welcome():
                    yield _word("end", "Who reads is not known any more.")
                    return
            if not some and not await _within(news.wait(), self._heartbeat) and place.number == self._last:
                yield f"id: {await self._mark()}\n: still here\n\n"
        yield _word("end", "The server stops, or begins anew. Come again with Last-Event-ID.")

    def _behind(self, place: int) -> list[Told]:
        first = self._last - len(self._ring)
        begin = place - first
        return [self._ring[position] for position in range(begin, min(begin + _CHUNK, len(self._ring)))]

    async def _missed(self, wanted: Wanted, after: str, place: _Place, clear: bool) -> AsyncIterator[str]:
        """What came since *after*, as far as it is not in the ring; *place* is where to go on in that."""
        number = self._marks.get(after)
        if number is not None and number >= self._last - len(self._ring):
            place.number = number
            return
        position = await self._sealer.open("place", after)
        while place.number < 0:
            before, opened, given = self._last, utc_now(), set[str]()
            try:
                async with self._store.watch(
                    resume_after=position, max_wait_seconds=_IDLE, polling=self._polling
                ) as own:
                    polled = read_position(own.position).token is None
                    async for event in own:
                        met = self._rows.get(str(event.id))
                        if met is not None and not polled:  # of one order: the ring tells it, and the rest
                            place.number = met - 1
                            return
                        # Two that poll tell what came at once in orders of their own, so they never meet; but who is
                        # past everything that was there when it began has caught up.
                        if polled and (event.received_at or opened) > opened + _OVERLAP:
                            break
                        position = own.position
                        given.add(str(event.id))
                        told = Told(event, await self._sealed(position))
                        if wanted.holds(told):
                            yield told.text(clear)
            except StoreError as error:
                if error.retryable:
                    raise
                yield _word("gap", "The server's log reaches no longer back to Last-Event-ID: events may be missing.")
                place.number = self._last
                return
            # What came since it began stands in the ring too.
            if before >= self._last - len(self._ring):  # else the ring was turned over meanwhile: read on
                place.number, place.given, place.until = before, frozenset(given), self._last + _CHUNK


def _word(event: str, detail: str) -> str:
    return f"event: {event}\ndata: {jsontext.encode({'detail': detail})}\n\n"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _has_tag(derived: Any, name: str, value: str | None) -> bool:
    return any(tag["name"] == name and (value is None or value in tag["values"]) for tag in derived.get("tags", ()))


async def _within(waiting: Any, seconds: float) -> bool:
    try:
        await asyncio.wait_for(waiting, seconds)
    except asyncio.TimeoutError:  # a class of its own before Python 3.11
        return False
    return True
