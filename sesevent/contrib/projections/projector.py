"""The two faces that keep neighbours up to date: `Projector` over an `EventStore`, `AsyncProjector` over an
`AsyncEventStore`.

Each is a loop: take some events of the watch, do what they ask for, only then keep the place behind them. What is
interrupted in between is done again by whoever comes next, which changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sesevent.aio import AsyncEventStore
from sesevent.contrib.projections.declared import Projections, require
from sesevent.contrib.projections.report import Report
from sesevent.contrib.projections.work import History, Work
from sesevent.drivers import aio as async_driver
from sesevent.drivers import sync as sync_driver
from sesevent.errors import StoreError
from sesevent.faces.watch import AsyncWatch, Watch
from sesevent.ops import Plan
from sesevent.storage.codec import StoredEvent
from sesevent.sync import EventStore

__all__ = ["AsyncProjector", "Projector"]

_log = logging.getLogger("sesevent.projections")

_SETTLE: Final = 0.25  # seconds that events are gathered before they are done together
_CATCH_UP: Final = 30.0  # seconds between two looks at what waits
_KEEP_IDLE: Final = 30.0  # …and after which the place is kept while nothing comes
_LONGEST_PAUSE: Final = 5.0  # seconds between two tries while a server is away
_SLICE: Final = 0.25  # seconds at most that are slept through: how long stopping may take

R = TypeVar("R")

Progress = Callable[[Report], object]


class Projector:
    """Keeps neighbours up to date from the events of an `EventStore`.

    *projections* say what is kept where. *batch_size* events are done together; *patience_seconds* is how long an
    event waits for a document that is not there. Any number of processes may do the same at once: none does harm,
    and each does all the work. Its twin for asyncio is `AsyncProjector`.
    """

    def __init__(
        self,
        store: EventStore,
        projections: Projections,
        *,
        batch_size: int = 200,
        patience_seconds: float = 86_400.0,
    ) -> None:
        require(batch_size > 0, "batch_size must be more than 0.")
        self._store = store
        self._work = Work(store, projections, timedelta(seconds=patience_seconds), awaits=False)
        self._size = batch_size
        self._watch: Watch | None = None
        self._ended = False

    def run(
        self,
        *,
        since: datetime | None = None,
        idle_seconds: float | None = None,
        polling: bool | None = None,
        on_progress: Progress | None = None,
    ) -> Report:
        """Do what events ask for as they are stored, until `stop` is called, or nothing came for *idle_seconds*.

        It goes on where it was. The first time it begins now, or with what was stored *since*, as far back as the
        server's log of changes reaches; for all that was ever stored there is `replay`. *polling* is that of
        `EventStore.watch`. *on_progress* is told what was done so far, after each batch.

        While a database is away, the store's or a neighbour's, it waits, and tries the same again. Raises StoreError
        where one refuses for good: nothing is skipped, and the next run begins with the same events.
        """
        report = Report()
        try:
            self._follow(since, polling)
            self._loop(report, idle_seconds, on_progress)
        except StoreError as error:
            if not (error.retryable and self._ended):  # told to stop while a database was away: nothing is lost
                raise
        finally:
            self._let_go()
        return report

    def dry_run(self, *, since: datetime | None = None, idle_seconds: float = 1.0) -> Report:
        """Tell what the events would change that `run` would come to next, until nothing comes for *idle_seconds*.

        Nothing is written anywhere. Each batch is compared with the documents as they are now: where two of them
        concern one document, both tell of it.
        """
        report = Report()
        place = self._perform(self._work.position())
        self._watch = self._store.watch(
            resume_after=place, types=self._work.declared.types, since=since, max_wait_seconds=idle_seconds
        )
        try:
            while rows := self._take():
                self._add(report, self._perform(self._work.do(rows, dry=True)))
        finally:
            self._let_go()
        return report

    def replay(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        dry: bool = False,
        on_progress: Progress | None = None,
    ) -> Report:
        """Do what all stored events ask for that happened at or after *since* and before *until*.

        Safe beside `run`, and to repeat; after a crash the same call goes on where it was. Where nothing was done
        yet, `run` will go on from the moment before the replay, so that nothing falls between. With *dry* it only
        tells what would be changed. *on_progress* is called after each five hundred events.
        """
        report, history = Report(), History(since, until)
        if not dry:
            self._follow(None, None)
            self._let_go()
            self._persistently(self._work.resume, history)
        while not self._ended and (rows := self._persistently(self._work.history, history)):
            self._add(report, self._persistently(self._work.do, rows, dry=dry), on_progress)
            if not dry:
                self._persistently(self._work.keep_replay, history, rows[-1])
        if not dry and not self._ended:
            self._persistently(self._work.end_replay)
        return report

    def catch_up(self) -> Report:
        """Try again what is due of the events whose document was not there; `run` does so now and then."""
        report = Report()
        while not self._ended and (done := self._persistently(self._work.catch_up)) is not None:
            self._add(report, done)
        return report

    def recheck(self, *addresses: str, dry: bool = False) -> Report:
        """Keep what the suppression list says now of these addresses, or of all it knows something of.

        For what is no event: changes by hand or by the list of Amazon SES, and pauses that are over.
        """
        if addresses:
            return self._persistently(self._work.recheck, addresses, dry=dry)
        report, after = Report(), None
        while some := self._persistently(self._work.spoken_of, after):
            self._add(report, self._persistently(self._work.recheck, some, dry=dry))
            after = some[-1]
        return report

    def clear(self) -> None:
        """Take away everything that was kept in the neighbours' documents, to `replay` it. Raised events stay."""
        self._perform(self._work.clear())

    def stop(self) -> None:
        """Have `run`, or what else is under way, end after the batch in hand; also from a signal's handler."""
        self._ended = True  # whoever waits does so no longer than a moment

    def _loop(self, report: Report, idle_seconds: float | None, on_progress: Progress | None) -> None:
        kept = caught_up = came = time.monotonic()
        while not self._ended:
            rows = self._take()
            if rows:
                self._add(report, self._persistently(self._work.do, rows), on_progress)
            now = time.monotonic()
            if rows or now - kept >= _KEEP_IDLE:
                self._keep()
                kept = now
            came = now if rows else came
            over = idle_seconds is not None and now - came >= idle_seconds
            if over or now - caught_up >= _CATCH_UP:
                report += self.catch_up()
                caught_up = now
            if over:
                return

    def _let_go(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _follow(self, since: datetime | None, polling: bool | None) -> None:
        """Open the watch where everything before is done, and make sure that the place is kept."""
        self._persistently(self._work.begin)
        place = self._persistently(self._work.position)
        self._watch = self._store.watch(
            resume_after=place,
            types=self._work.declared.types,
            since=since,
            max_wait_seconds=_SETTLE,
            polling=polling,
        )
        self._patiently(self._watch.__enter__)
        if place is None:
            self._keep()

    def _take(self) -> list[StoredEvent]:
        """What comes within a moment, at most a batch."""
        rows: list[StoredEvent] = []
        until = None
        while len(rows) < self._size and not self._ended and (until is None or time.monotonic() < until):
            row = self._patiently(self._next)
            if row is None:
                break
            rows.append(row)
            until = until or time.monotonic() + _SETTLE
        return rows

    def _next(self) -> StoredEvent | None:
        return next(self._watch, None) if self._watch is not None else None

    def _keep(self) -> None:
        if self._watch is not None:
            position = self._watch.position
            self._persistently(self._work.keep, position)

    def _persistently(self, plan: Callable[..., Plan[R]], *arguments: Any, **named: Any) -> R:
        return self._patiently(lambda: self._perform(plan(*arguments, **named)))

    def _perform(self, plan: Plan[R]) -> R:
        return sync_driver.perform(plan, self._work.collections)

    def _patiently(self, call: Callable[[], R]) -> R:
        """Call until no database is away."""
        failures = 0
        while True:
            try:
                return call()
            except StoreError as error:
                if not error.retryable or self._ended:
                    raise
                _log_away(failures, error)
            failures += 1
            self._rest(_pause(failures))

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._ended and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))

    def _add(self, whole: Report, part: Report, on_progress: Progress | None = None) -> None:
        whole += part
        if on_progress is not None:
            on_progress(whole)


class AsyncProjector:
    """Keeps neighbours up to date from the events of an `AsyncEventStore`.

    *projections* say what is kept where. *batch_size* events are done together; *patience_seconds* is how long an
    event waits for a document that is not there. Any number of processes may do the same at once: none does harm,
    and each does all the work. Its twin for blocking code is `Projector`.
    """

    def __init__(
        self,
        store: AsyncEventStore,
        projections: Projections,
        *,
        batch_size: int = 200,
        patience_seconds: float = 86_400.0,
    ) -> None:
        require(batch_size > 0, "batch_size must be more than 0.")
        self._store = store
        self._work = Work(store, projections, timedelta(seconds=patience_seconds), awaits=True)
        self._size = batch_size
        self._watch: AsyncWatch | None = None
        self._ended = False

    async def run(
        self,
        *,
        since: datetime | None = None,
        idle_seconds: float | None = None,
        polling: bool | None = None,
        on_progress: Progress | None = None,
    ) -> Report:
        """Do what events ask for as they are stored, until `stop` is called, or nothing came for *idle_seconds*.

        It goes on where it was. The first time it begins now, or with what was stored *since*, as far back as the
        server's log of changes reaches; for all that was ever stored there is `replay`. *polling* is that of
        `AsyncEventStore.watch`. *on_progress* is told what was done so far, after each batch.

        While a database is away, the store's or a neighbour's, it waits, and tries the same again. Raises StoreError
        where one refuses for good: nothing is skipped, and the next run begins with the same events.
        """
        report = Report()
        try:
            await self._follow(since, polling)
            await self._loop(report, idle_seconds, on_progress)
        except StoreError as error:
            if not (error.retryable and self._ended):  # told to stop while a database was away: nothing is lost
                raise
        finally:
            await self._let_go()
        return report

    async def dry_run(self, *, since: datetime | None = None, idle_seconds: float = 1.0) -> Report:
        """Tell what the events would change that `run` would come to next, until nothing comes for *idle_seconds*.

        Nothing is written anywhere. Each batch is compared with the documents as they are now: where two of them
        concern one document, both tell of it.
        """
        report = Report()
        place = await self._perform(self._work.position())
        self._watch = self._store.watch(
            resume_after=place, types=self._work.declared.types, since=since, max_wait_seconds=idle_seconds
        )
        try:
            while rows := await self._take():
                self._add(report, await self._perform(self._work.do(rows, dry=True)))
        finally:
            await self._let_go()
        return report

    async def replay(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        dry: bool = False,
        on_progress: Progress | None = None,
    ) -> Report:
        """Do what all stored events ask for that happened at or after *since* and before *until*.

        Safe beside `run`, and to repeat; after a crash the same call goes on where it was. Where nothing was done
        yet, `run` will go on from the moment before the replay, so that nothing falls between. With *dry* it only
        tells what would be changed. *on_progress* is called after each five hundred events.
        """
        report, history = Report(), History(since, until)
        if not dry:
            await self._follow(None, None)
            await self._let_go()
            await self._persistently(self._work.resume, history)
        while not self._ended and (rows := await self._persistently(self._work.history, history)):
            self._add(report, await self._persistently(self._work.do, rows, dry=dry), on_progress)
            if not dry:
                await self._persistently(self._work.keep_replay, history, rows[-1])
        if not dry and not self._ended:
            await self._persistently(self._work.end_replay)
        return report

    async def catch_up(self) -> Report:
        """Try again what is due of the events whose document was not there; `run` does so now and then."""
        report = Report()
        while not self._ended and (done := await self._persistently(self._work.catch_up)) is not None:
            self._add(report, done)
        return report

    async def recheck(self, *addresses: str, dry: bool = False) -> Report:
        """Keep what the suppression list says now of these addresses, or of all it knows something of.

        For what is no event: changes by hand or by the list of Amazon SES, and pauses that are over.
        """
        if addresses:
            return await self._persistently(self._work.recheck, addresses, dry=dry)
        report, after = Report(), None
        while some := await self._persistently(self._work.spoken_of, after):
            self._add(report, await self._persistently(self._work.recheck, some, dry=dry))
            after = some[-1]
        return report

    async def clear(self) -> None:
        """Take away everything that was kept in the neighbours' documents, to `replay` it. Raised events stay."""
        await self._perform(self._work.clear())

    def stop(self) -> None:
        """Have `run`, or what else is under way, end after the batch in hand; also from a signal's handler."""
        self._ended = True  # whoever waits does so no longer than a moment

    async def _loop(self, report: Report, idle_seconds: float | None, on_progress: Progress | None) -> None:
        kept = caught_up = came = time.monotonic()
        while not self._ended:
            rows = await self._take()
            if rows:
                self._add(report, await self._persistently(self._work.do, rows), on_progress)
            now = time.monotonic()
            if rows or now - kept >= _KEEP_IDLE:
                await self._keep()
                kept = now
            came = now if rows else came
            over = idle_seconds is not None and now - came >= idle_seconds
            if over or now - caught_up >= _CATCH_UP:
                report += await self.catch_up()
                caught_up = now
            if over:
                return

    async def _let_go(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.close()

    async def _follow(self, since: datetime | None, polling: bool | None) -> None:
        """Open the watch where everything before is done, and make sure that the place is kept."""
        await self._persistently(self._work.begin)
        place = await self._persistently(self._work.position)
        self._watch = self._store.watch(
            resume_after=place,
            types=self._work.declared.types,
            since=since,
            max_wait_seconds=_SETTLE,
            polling=polling,
        )
        await self._patiently(self._watch.__aenter__)
        if place is None:
            await self._keep()

    async def _take(self) -> list[StoredEvent]:
        """What comes within a moment, at most a batch."""
        rows: list[StoredEvent] = []
        until = None
        while len(rows) < self._size and not self._ended and (until is None or time.monotonic() < until):
            row = await self._patiently(self._next)
            if row is None:
                break
            rows.append(row)
            until = until or time.monotonic() + _SETTLE
        return rows

    async def _next(self) -> StoredEvent | None:
        return await anext(self._watch, None) if self._watch is not None else None

    async def _keep(self) -> None:
        if self._watch is not None:
            position = self._watch.position
            await self._persistently(self._work.keep, position)

    async def _persistently(self, plan: Callable[..., Plan[R]], *arguments: Any, **named: Any) -> R:
        return await self._patiently(lambda: self._perform(plan(*arguments, **named)))

    async def _perform(self, plan: Plan[R]) -> R:
        return await async_driver.perform(plan, self._work.collections)

    async def _patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call until no database is away."""
        failures = 0
        while True:
            try:
                return await call()
            except StoreError as error:
                if not error.retryable or self._ended:
                    raise
                _log_away(failures, error)
            failures += 1
            await self._rest(_pause(failures))

    async def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._ended and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _SLICE))

    def _add(self, whole: Report, part: Report, on_progress: Progress | None = None) -> None:
        whole += part
        if on_progress is not None:
            on_progress(whole)


def _log_away(failures: int, error: StoreError) -> None:
    level = logging.DEBUG if failures else logging.WARNING
    _log.log(level, "a database is away, and is waited for (%s)", type(error).__name__)


def _pause(failures: int) -> float:
    return min(0.1 * 2.0 ** min(failures, 10), _LONGEST_PAUSE)
