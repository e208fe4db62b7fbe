"""Following what is stored: `Watch` over an `EventStore`, `AsyncWatch` over an `AsyncEventStore`.

They translate the habits of iteration; the story is told in :mod:`sesevent.plans.watch`. A store makes
them, and hands in how it performs plans.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any

from sesevent.ops import Plan
from sesevent.plans.watch import Watching, Wish, World
from sesevent.storage.codec import StoredEvent

__all__ = ["AsyncWatch", "Watch"]


class Watch:
    """Rows as they are stored, one after the other: made by the store's ``watch``, to be iterated.

    It begins when it is entered as a context, or else when it is first asked for a row.
    """

    def __init__(self, wished: Wish, clock: Callable[[], datetime], perform: Callable[[Plan[Any]], Any]) -> None:
        self._watching = Watching(wished, World(clock, time.monotonic, time.sleep))
        self._perform = perform
        self._lock = threading.RLock()  # a signal may come between taking it and saying who did
        self._owner: int | None = None

    @property
    def position(self) -> str | None:
        """Behind the row that was given last, as text for ``resume_after``; None before it has begun.

        While nothing comes it moves on too: whoever keeps it keeps it now and then.
        """
        return self._watching.position

    def save(self) -> None:
        """Keep the position now, with the row that was given last, for a consumer that is done with it and stops.

        Raises ConfigurationError where the watch has no name.
        """
        with self._owned():
            self._perform(self._watching.save())

    def close(self) -> None:
        """End it, from wherever: whoever waits for a row waits a moment longer at most. Finished rows are kept.

        The row given last counts as finished only where the next one was asked for.
        """
        self._watching.ended = True
        if self._owner == threading.get_ident():  # a signal's handler: below it somebody waits, who will see to it
            return
        with self._owned():
            self._perform(self._watching.end())

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> StoredEvent:
        with self._owned():
            event: StoredEvent | None = self._perform(self._watching.next_row())
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Watch:
        with self._owned():
            self._perform(self._watching.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _owned(self) -> Iterator[None]:
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None


class AsyncWatch:
    """Rows as they are stored, one after the other: made by the store's ``watch``, to be iterated.

    It begins when it is entered as a context, or else when it is first asked for a row.
    """

    def __init__(
        self, wished: Wish, clock: Callable[[], datetime], perform: Callable[[Plan[Any]], Awaitable[Any]]
    ) -> None:
        self._watching = Watching(wished, World(clock, time.monotonic, asyncio.sleep))
        self._perform = perform
        self._lock = asyncio.Lock()

    @property
    def position(self) -> str | None:
        """Behind the row that was given last, as text for ``resume_after``; None before it has begun.

        While nothing comes it moves on too: whoever keeps it keeps it now and then.
        """
        return self._watching.position

    async def save(self) -> None:
        """Keep the position now, with the row that was given last, for a consumer that is done with it and stops.

        Raises ConfigurationError where the watch has no name.
        """
        async with self._lock:
            await self._perform(self._watching.save())

    async def close(self) -> None:
        """End it, from wherever: whoever waits for a row waits a moment longer at most. Finished rows are kept.

        The row given last counts as finished only where the next one was asked for.
        """
        self._watching.ended = True
        async with self._lock:
            await self._perform(self._watching.end())

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> StoredEvent:
        async with self._lock:
            event: StoredEvent | None = await self._perform(self._watching.next_row())
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> AsyncWatch:
        async with self._lock:
            await self._perform(self._watching.begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
