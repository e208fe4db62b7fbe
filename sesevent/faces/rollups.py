"""Rolling up: what `store.analytics` has for it, in both colours.

The stories are told in :mod:`sesevent.plans.rollup`. Next: :mod:`sesevent.faces.analytics`, which is the rest of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from sesevent.analytics.measures import Window
from sesevent.errors import ConfigurationError
from sesevent.moments import read_moment
from sesevent.ops import Plan
from sesevent.plans import rollup
from sesevent.plans.rollup import Due, Recounted, RolledUp, RollupLag

__all__ = ["AsyncRolling", "Rolling"]


class Rolling:
    """Rollups: closed hours, counted once."""

    _perform: Callable[[Plan[Any]], Any]
    _in_turn: Callable[..., Iterator[Any]]
    _clock: Callable[[], datetime]

    def roll_up(self, on_progress: Callable[[RolledUp], object] | None = None) -> RolledUp:
        """Count all that there is to count now: hours that ended, and those that events came late for.

        The first call walks through the whole log. It may be interrupted, and goes on where it was; any number of
        processes may do it at once. *on_progress* is called after each day of events.

        Raises ImportError where the extra `rollups` is not installed, and StoreUnavailable where MongoDB cannot be
        reached: what is not counted then is answered from the log.
        """
        found: Due = self._perform(rollup.due(self._clock()))
        done, walk = RolledUp(), found.walk
        for day in self._in_turn(_plans(found), at_once=rollup.AT_ONCE if len(found.days) > 1 else 0):
            done += day
            if walk is not None:
                walk = self._perform(rollup.walked(found, walk, day))
            if on_progress is not None and day.hours:
                on_progress(done)
        return done

    def recount(self, since: datetime, until: datetime | None = None, *, repair: bool = True) -> Recounted:
        """Compare what rollups say of a window with the log; what differs is told, and counted anew with *repair*.

        Hours that are open, dirty or not rolled up yet are not looked at: nobody is told of them by rollups. Raises
        ConfigurationError for a window that ends before it begins, and what `roll_up` raises.
        """
        whole = Recounted()
        for plan in _recounts(self._clock(), since, until, repair):
            whole += self._perform(plan)
        return whole

    def rollup_lag(self) -> RollupLag:
        """How far rollups are behind: hours that closed and were not rolled up, and hours to be rolled up again."""
        found: RollupLag = self._perform(rollup.lag(self._clock()))
        return found


class AsyncRolling:
    """Rollups: closed hours, counted once."""

    _perform: Callable[[Plan[Any]], Awaitable[Any]]
    _in_turn: Callable[..., AsyncIterator[Any]]
    _clock: Callable[[], datetime]

    async def roll_up(self, on_progress: Callable[[RolledUp], object] | None = None) -> RolledUp:
        """Count all that there is to count now: hours that ended, and those that events came late for.

        The first call walks through the whole log. It may be interrupted, and goes on where it was; any number of
        processes may do it at once. *on_progress* is called after each day of events.

        Raises ImportError where the extra `rollups` is not installed, and StoreUnavailable where MongoDB cannot be
        reached: what is not counted then is answered from the log.
        """
        found: Due = await self._perform(rollup.due(self._clock()))
        done, walk = RolledUp(), found.walk
        async for day in self._in_turn(_awaited(_plans(found)), at_once=rollup.AT_ONCE):
            done += day
            if walk is not None:
                walk = await self._perform(rollup.walked(found, walk, day))
            if on_progress is not None and day.hours:
                said = on_progress(done)
                if isinstance(said, Awaitable):
                    await said
        return done

    async def recount(self, since: datetime, until: datetime | None = None, *, repair: bool = True) -> Recounted:
        """Compare what rollups say of a window with the log; what differs is told, and counted anew with *repair*.

        Hours that are open, dirty or not rolled up yet are not looked at: nobody is told of them by rollups. Raises
        ConfigurationError for a window that ends before it begins, and what `roll_up` raises.
        """
        whole = Recounted()
        for plan in _recounts(self._clock(), since, until, repair):
            whole += await self._perform(plan)
        return whole

    async def rollup_lag(self) -> RollupLag:
        """How far rollups are behind: hours that closed and were not rolled up, and hours to be rolled up again."""
        found: RollupLag = await self._perform(rollup.lag(self._clock()))
        return found


def _plans(found: Due) -> Iterator[Plan[RolledUp]]:
    return (rollup.roll_day(day, found.before) for day in found.days)


async def _awaited(plans: Iterator[Plan[RolledUp]]) -> AsyncIterator[Plan[RolledUp]]:
    for plan in plans:
        yield plan


def _recounts(now: datetime, since: datetime, until: datetime | None, repair: bool) -> Iterator[Plan[Recounted]]:
    window = Window(read_moment(since), read_moment(now if until is None else until))
    if window.until < window.since:
        raise ConfigurationError("A window ends before it begins.")
    return rollup.recounts(window, now, repair)
