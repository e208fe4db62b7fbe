"""Events that leave the log, or come back to it: ``store.keeping``, in both colours.

A store makes them, and hands in how it performs plans. The stories are told in :mod:`sesevent.plans.keeping`.
Archives and retention are made of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from sesevent.ops import Plan
from sesevent.plans import keeping
from sesevent.storage.keeping import EVERYTHING, FIRST_DAY, Chosen, Hold, HoldKind, Place
from sesevent.storage.operations import Document

__all__ = ["AsyncKeeping", "Keeping"]


class Keeping:
    """What leaves the log, what comes back, and what must stay: ``store.keeping``."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    def next_day(
        self, before: datetime, *, since: str = FIRST_DAY, chosen: Chosen = EVERYTHING, but_not: Sequence[Chosen] = ()
    ) -> str | None:
        """The first day, from *since* on, with a chosen event from before a time that nothing holds; None: no more."""
        found: str | None = self._perform(keeping.next_day(since, before, chosen, but_not))
        return found

    def rows(
        self,
        day: str,
        before: datetime,
        *,
        chosen: Chosen = EVERYTHING,
        but_not: Sequence[Chosen] = (),
        after: Place | None = None,
        raw: bool = False,
    ) -> list[Document]:
        """The next thousand of these rows of a day, in order, as they are stored; *raw*: as RawBSONDocument."""
        found: list[Document] = self._perform(keeping.rows(day, before, chosen, after, but_not, raw=raw))
        return found

    def documents(self, identifiers: Sequence[Any], *, raw: bool = False) -> list[Document]:
        """Those of these rows that are there, as a majority of the servers holds them; *raw*: as RawBSONDocument."""
        found: list[Document] = self._perform(keeping.documents(identifiers, raw=raw))
        return found

    def seal(self, day: str) -> None:
        """Have rollups keep what they counted of a day, before events leave it; it will not be counted again.

        Without rollups it does nothing. Raises ConfigurationError for a day that is not over, and MissingExtra where
        rollups are kept and cannot be made here.
        """
        self._perform(keeping.seal(day, self._clock()))

    def take_out(self, documents: Sequence[Document]) -> int:
        """Delete rows that are still what they were when they were read, and not held; returns how many.

        `seal` their day before. Standings stay: the facts behind them are kept apart.
        """
        gone: int = self._perform(keeping.take_out(documents))
        return gone

    def thin(self, documents: Sequence[Document]) -> int:
        """Drop the `Message` of rows that are still what they were when they were read, and not held; returns how many.

        What queries need stays, in `derived`.
        """
        thinned: int = self._perform(keeping.thin(documents))
        return thinned

    def put_back(self, documents: Sequence[Document]) -> int:
        """Insert rows that are not there, as they were; returns how many. No standing changes, no handler is called."""
        fresh: int = self._perform(keeping.put_back(documents))
        return fresh

    def hold(self, kind: HoldKind, value: str, *, by: str, why: str) -> Hold:
        """Keep all events about an ``address``, a ``message`` or a ``campaign``, whatever a policy says.

        It is written into the audit trail. Raises ConfigurationError where something is not said.
        """
        held: Hold = self._perform(keeping.hold(kind, value, by, why, self._clock()))
        return held

    def release(self, identifier: str, *, by: str, why: str) -> bool:
        """Lift a hold, by its id; False where there is none. It is written into the audit trail."""
        gone: bool = self._perform(keeping.release(identifier, by, why, self._clock()))
        return gone

    def holds(self) -> list[Hold]:
        """What must be kept, and why."""
        found: list[Hold] = self._perform(keeping.holds())
        return found


class AsyncKeeping:
    """What leaves the log, what comes back, and what must stay: ``store.keeping``."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    async def next_day(
        self, before: datetime, *, since: str = FIRST_DAY, chosen: Chosen = EVERYTHING, but_not: Sequence[Chosen] = ()
    ) -> str | None:
        """The first day, from *since* on, with a chosen event from before a time that nothing holds; None: no more."""
        found: str | None = await self._perform(keeping.next_day(since, before, chosen, but_not))
        return found

    async def rows(
        self,
        day: str,
        before: datetime,
        *,
        chosen: Chosen = EVERYTHING,
        but_not: Sequence[Chosen] = (),
        after: Place | None = None,
        raw: bool = False,
    ) -> list[Document]:
        """The next thousand of these rows of a day, in order, as they are stored; *raw*: as RawBSONDocument."""
        found: list[Document] = await self._perform(keeping.rows(day, before, chosen, after, but_not, raw=raw))
        return found

    async def documents(self, identifiers: Sequence[Any], *, raw: bool = False) -> list[Document]:
        """Those of these rows that are there, as a majority of the servers holds them; *raw*: as RawBSONDocument."""
        found: list[Document] = await self._perform(keeping.documents(identifiers, raw=raw))
        return found

    async def seal(self, day: str) -> None:
        """Have rollups keep what they counted of a day, before events leave it; it will not be counted again.

        Without rollups it does nothing. Raises ConfigurationError for a day that is not over, and MissingExtra where
        rollups are kept and cannot be made here.
        """
        await self._perform(keeping.seal(day, self._clock()))

    async def take_out(self, documents: Sequence[Document]) -> int:
        """Delete rows that are still what they were when they were read, and not held; returns how many.

        `seal` their day before. Standings stay: the facts behind them are kept apart.
        """
        gone: int = await self._perform(keeping.take_out(documents))
        return gone

    async def thin(self, documents: Sequence[Document]) -> int:
        """Drop the `Message` of rows that are still what they were when they were read, and not held; returns how many.

        What queries need stays, in `derived`.
        """
        thinned: int = await self._perform(keeping.thin(documents))
        return thinned

    async def put_back(self, documents: Sequence[Document]) -> int:
        """Insert rows that are not there, as they were; returns how many. No standing changes, no handler is called."""
        fresh: int = await self._perform(keeping.put_back(documents))
        return fresh

    async def hold(self, kind: HoldKind, value: str, *, by: str, why: str) -> Hold:
        """Keep all events about an ``address``, a ``message`` or a ``campaign``, whatever a policy says.

        It is written into the audit trail. Raises ConfigurationError where something is not said.
        """
        held: Hold = await self._perform(keeping.hold(kind, value, by, why, self._clock()))
        return held

    async def release(self, identifier: str, *, by: str, why: str) -> bool:
        """Lift a hold, by its id; False where there is none. It is written into the audit trail."""
        gone: bool = await self._perform(keeping.release(identifier, by, why, self._clock()))
        return gone

    async def holds(self) -> list[Hold]:
        """What must be kept, and why."""
        found: list[Hold] = await self._perform(keeping.holds())
        return found
