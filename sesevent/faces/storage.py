"""What is kept, in bytes: ``store.storage``, `Storage` of an `EventStore` and `AsyncStorage` of an `AsyncEventStore`.

A store makes them, and hands in how it performs plans. The stories are told in :mod:`sesevent.plans.sizes`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from sesevent.ops import Plan
from sesevent.plans import sizes
from sesevent.retention import Retention
from sesevent.storage.connection import within
from sesevent.storage.layout import EVENTS
from sesevent.storage.sizes import Compacted, Measured, StorageReport

__all__ = ["AsyncStorage", "Storage"]

SAMPLE: Final = 2_000
MEASURED: Final = 20_000
PATIENCE: Final = 86_400.0
"""Seconds that measuring and compacting may take: a large collection takes hours, whatever bounds other calls."""
CHECKPOINT: Final = 70.0
"""Seconds in which a server has written to its disk what it was told: it does so once a minute."""


class Storage:
    """What is kept, and what it takes: ``store.storage``."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    def report(self, policy: Retention | None = None, *, sample: int = SAMPLE) -> StorageReport:
        """Bytes by collection and index, exactly; by field, type and month as *sample* random events tell, with error.

        With a retention *policy*: what each of its steps would free now. Nothing is written.
        """
        told: StorageReport = self._perform(sizes.report(sample, policy, self._clock()))
        return told

    def measure(self, *, sample: int = MEASURED) -> list[Measured]:
        """What each block compressor makes of *sample* of your own events, and of the same without `Message`.

        They are copied, on the server, into collections named ``ses_scratch_…``, which are dropped again, so there
        must be room for four times the sample. It takes its time, whatever time-out the store has, and waits for
        the server to write to its disk: at once where it may say so (the action ``fsync``), or a good minute.
        """
        self._perform(sizes.clear())
        try:
            with within(PATIENCE):
                self._perform(sizes.fill(sample))
            if not self._perform(sizes.flush()):
                time.sleep(CHECKPOINT)
            told: list[Measured] = self._perform(sizes.measured())
            return told
        finally:
            self._perform(sizes.clear())

    def compact(self, collection: str = EVENTS, *, by: str = "") -> Compacted:
        """Give the space that is free in a collection's file back to the disk.

        MongoDB's ``compact``, on the server this store writes to and on no other: run it on each member. Reads and
        writes go on, slower; what waits is creating and dropping indexes and dropping the collection. The compressor
        stays what it is. It takes its time, whatever time-out the store has, and the right to ``compact``, which the
        role ``dbAdmin`` has. *by* is for the audit trail.
        """
        with within(PATIENCE):
            told: Compacted = self._perform(sizes.compact(collection, by, self._clock()))
        return told


class AsyncStorage:
    """What is kept, and what it takes: ``store.storage``."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    async def report(self, policy: Retention | None = None, *, sample: int = SAMPLE) -> StorageReport:
        """Bytes by collection and index, exactly; by field, type and month as *sample* random events tell, with error.

        With a retention *policy*: what each of its steps would free now. Nothing is written.
        """
        told: StorageReport = await self._perform(sizes.report(sample, policy, self._clock()))
        return told

    async def measure(self, *, sample: int = MEASURED) -> list[Measured]:
        """What each block compressor makes of *sample* of your own events, and of the same without `Message`.

        They are copied, on the server, into collections named ``ses_scratch_…``, which are dropped again, so there
        must be room for four times the sample. It takes its time, whatever time-out the store has, and waits for
        the server to write to its disk: at once where it may say so (the action ``fsync``), or a good minute.
        """
        await self._perform(sizes.clear())
        try:
            with within(PATIENCE):
                await self._perform(sizes.fill(sample))
            if not await self._perform(sizes.flush()):
                await asyncio.sleep(CHECKPOINT)
            told: list[Measured] = await self._perform(sizes.measured())
            return told
        finally:
            await self._perform(sizes.clear())

    async def compact(self, collection: str = EVENTS, *, by: str = "") -> Compacted:
        """Give the space that is free in a collection's file back to the disk.

        MongoDB's ``compact``, on the server this store writes to and on no other: run it on each member. Reads and
        writes go on, slower; what waits is creating and dropping indexes and dropping the collection. The compressor
        stays what it is. It takes its time, whatever time-out the store has, and the right to ``compact``, which the
        role ``dbAdmin`` has. *by* is for the audit trail.
        """
        with within(PATIENCE):
            told: Compacted = await self._perform(sizes.compact(collection, by, self._clock()))
        return told
