"""Hot checks from memory: `CachedChecks` over an `EventStore`, `AsyncCachedChecks` over an `AsyncEventStore`.

A decision is good for a bounded time, and forgotten at once when its standing changes, wherever the
change came from: a change stream tells. Where the server has none (stand-alone, in memory) the bound
alone holds, and `following` says so. It decides nothing; :mod:`sesevent.suppression.memory` remembers.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final

from pymongo.errors import OperationFailure, PyMongoError

from sesevent import addresses
from sesevent.aio import AsyncEventStore
from sesevent.privacy.pseudonyms import Pseudonyms
from sesevent.storage.failures import NO_STREAMS
from sesevent.storage.layout import SUPPRESSION
from sesevent.storage.operations import PATIENCE, SEALS
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.memory import Memory
from sesevent.sync import EventStore

__all__ = ["AsyncCachedChecks", "CachedChecks"]

_ONLY_KEYS: Final = [{"$project": {"documentKey": 1, "operationType": 1}}]
_PAUSE: Final = 1.0  # seconds before a broken stream is opened again


class CachedChecks:
    """`check`, remembered. Safe to share between threads; to be closed, or used as a context."""

    def __init__(self, store: EventStore, *, size: int = 100_000, seconds: float = 60.0) -> None:
        self._store = store
        self._collections = store.suppression._collections
        self._memory = Memory(size, timedelta(seconds=seconds))
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ready = threading.Event()
        self.following = False
        """True while changes are followed; else a decision may be as old as *seconds*."""
        self._follower = threading.Thread(target=self._follow, name="sesevent-cache", daemon=True)
        self._follower.start()
        self._ready.wait(5)

    def check(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """As `SuppressionList.check`, from memory where the answer is still good."""
        normal, now = addresses.normal(address), self._now()
        name = _stored(self._store._pseudonyms, normal)
        with self._lock:
            known = self._memory.get(name, stream, tenant, now)
            asked = self._memory.order
        if known is not None:
            return known if name == normal else known.same_for(normal)
        decision = self._store.suppression.check(address, stream=stream, tenant=tenant)
        with self._lock:
            self._memory.put(decision if name == normal else decision.same_for(name), asked, now)
        return decision

    def close(self) -> None:
        """Stop following changes."""
        self._ended.set()
        self._follower.join()

    def __enter__(self) -> CachedChecks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _now(self) -> datetime:
        return self._store.suppression._clock()

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow_stream()
            except PyMongoError as error:  # noqa: PERF203  # each try is of a stream that lasts
                opened = self.following
                self._missed()
                if not opened and isinstance(error, OperationFailure) and error.code in NO_STREAMS:
                    return
                self._ended.wait(_PAUSE)

    def _follow_stream(self) -> None:
        collection = self._collections[SUPPRESSION]
        with collection.watch(_ONLY_KEYS, max_await_time_ms=PATIENCE) as changes:
            with self._lock:
                self._memory.clear()  # what changed before this moment is not told
            self.following = True
            self._ready.set()
            while changes.alive and not self._ended.is_set():
                change = changes.try_next()
                if change is not None:
                    with self._lock:
                        _forget(self._memory, change, self._store, self._collections.get(SEALS))
        self._missed()  # the collection was dropped or renamed, which ends a stream: it is opened anew

    def _missed(self) -> None:
        self.following = False
        self._ready.set()
        with self._lock:
            self._memory.clear()


class AsyncCachedChecks:
    """`check`, remembered, for asyncio. Use it as an asynchronous context."""

    def __init__(self, store: AsyncEventStore, *, size: int = 100_000, seconds: float = 60.0) -> None:
        self._store = store
        self._collections = store.suppression._collections
        self._memory = Memory(size, timedelta(seconds=seconds))
        self._ready = asyncio.Event()
        self.following = False
        """True while changes are followed; else a decision may be as old as *seconds*."""
        self._follower: asyncio.Task[None] | None = None

    async def check(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """As `SuppressionList.check`, from memory where the answer is still good."""
        normal, now = addresses.normal(address), self._store.suppression._clock()
        name = _stored(self._store._pseudonyms, normal)
        known = self._memory.get(name, stream, tenant, now)
        if known is not None:
            return known if name == normal else known.same_for(normal)
        asked = self._memory.order
        decision = await self._store.suppression.check(address, stream=stream, tenant=tenant)
        self._memory.put(decision if name == normal else decision.same_for(name), asked, now)
        return decision

    async def close(self) -> None:
        """Stop following changes."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def __aenter__(self) -> AsyncCachedChecks:
        self._follower = asyncio.create_task(self._follow())
        with suppress(asyncio.TimeoutError):  # not following yet, it says
            await asyncio.wait_for(self._ready.wait(), 5)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_stream()
            except PyMongoError as error:  # each try is of a stream that lasts
                opened = self.following
                self._missed()
                if not opened and isinstance(error, OperationFailure) and error.code in NO_STREAMS:
                    return
                await asyncio.sleep(_PAUSE)
            await asyncio.sleep(0)

    def _missed(self) -> None:
        self.following = False
        self._ready.set()
        self._memory.clear()

    async def _follow_stream(self) -> None:
        collection = self._collections[SUPPRESSION]
        async with await collection.watch(_ONLY_KEYS, max_await_time_ms=PATIENCE) as changes:
            self._memory.clear()  # what changed before this moment is not told
            self.following = True
            self._ready.set()
            while changes.alive:
                change = await changes.try_next()
                if change is not None:
                    _forget(self._memory, change, self._store, self._collections.get(SEALS))
        self._missed()  # the collection was dropped or renamed, which ends a stream: it is opened anew


def _stored(pseudonyms: Pseudonyms | None, normal: str) -> str:
    """What changes are told of: what an address is stored as."""
    return normal if pseudonyms is None else pseudonyms.stored(normal)


def _forget(memory: Memory, change: dict[str, Any], store: Any, seals: Any) -> None:
    """What a change makes untrue: of one person; everything, where it cannot be told of whom, or spellings share."""
    key = (change.get("documentKey") or {}).get("_id")
    address = key if seals is None else seals.text_of(key)
    policy, pseudonyms = store.suppression._policy, store._pseudonyms
    if address is None or policy.mailbox(address) is not None:
        memory.clear()
    elif pseudonyms is not None and not pseudonyms.is_todays(address):
        memory.clear()  # a form of another day, of somebody who is remembered under today's
    else:
        memory.drop(address)
