"""Taking over what another application wrote: ``store.migration``, in both colours; and how fast long work may go.

A store makes them, and hands in how it performs plans. The stories are told in :mod:`sesevent.plans.migrate` and
:mod:`sesevent.plans.renewing`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sesevent.errors import ConfigurationError
from sesevent.ops import Plan
from sesevent.plans import migrate, renewing
from sesevent.plans.migrate import Duplicates, Migrated
from sesevent.storage.older import Inspection
from sesevent.storage.renewal import Place
from sesevent.suppression.policy import Policy

__all__ = ["AsyncMigration", "Migration", "Pace"]


class Pace:
    """So many rows a second at most, since it was made; None: as fast as it goes."""

    def __init__(self, rows_per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        if rows_per_second is not None and rows_per_second <= 0:
            raise ConfigurationError("rows_per_second must be more than 0.")
        self._each = 0.0 if rows_per_second is None else 1 / rows_per_second
        self._clock = clock
        self._free_at = clock()

    def pause(self, rows: int) -> float:
        """For how many seconds to wait after so many rows. What was lost by slowness is not caught up with."""
        now = self._clock()
        self._free_at = max(self._free_at + rows * self._each, now - self._each)
        return max(0.0, self._free_at - now)


class Migration:
    """Rows that another application wrote, such as one with Mongoose: ``store.migration``."""

    def __init__(
        self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime], policy: Policy, collection: str
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._policy = policy
        self._collection = collection

    def inspect(self, *, on_progress: Callable[[Inspection], object] | None = None) -> Inspection:
        """Look at every row and tell what is there: shapes, types, times, what is odd, what is there twice.

        It changes nothing, and holds nothing of what rows say. ``table()`` and ``steps()`` of what it returns are
        for people. *on_progress* is called after each thousand rows.
        """
        found = Inspection(self._collection)
        place: Place | None = Place()
        while place is not None:
            place = self._perform(migrate.inspect_page(found, place))
            if on_progress is not None:
                on_progress(found)
        return found

    def run(
        self,
        *,
        duplicates: Duplicates = "keep",
        by: str = "",
        rows_per_second: float | None = None,
        on_progress: Callable[[Migrated], object] | None = None,
    ) -> Migrated:
        """Give rows their ``derived`` in place, so that every question finds them; standings and rollups follow.

        The five strings and the ``_id`` stay. Of rows that hold the same event one counts: ours, else the one with the
        least ``_id``. *duplicates* says what becomes of the others: ``keep`` leaves them, ``mark`` writes that row's
        ``_id`` into their field ``duplicateOf``, ``delete`` deletes those that tell no more than it (not what is held,
        and *by* whom is written into the audit trail).

        Safe while others write, to run again, and several times at once; killed, it is simply run again. What comes
        while it runs may be left to the next run. Raises ConfigurationError for a policy there is none of, and where
        nobody says who deletes.
        """
        policy, pace, done = migrate.policy_of(duplicates, by), Pace(rows_per_second), Migrated()
        given = renewing.PAGE
        while given == renewing.PAGE:
            given = self._perform(renewing.adopt_some(self._policy))
            done.rows += given
            if on_progress is not None:
                on_progress(done)
            time.sleep(pace.pause(given))
        walk: migrate.Walk | None = migrate.Walk()
        while walk is not None:
            walk = self._perform(migrate.duplicates_page(policy, walk, done, by, self._clock()))
            if on_progress is not None:
                on_progress(done)
            time.sleep(pace.pause(migrate.PAGE if walk else 0))
        return done

    def undo(
        self,
        *,
        by: str = "",
        rows_per_second: float | None = None,
        on_progress: Callable[[Migrated], object] | None = None,
    ) -> Migrated:
        """Take back what rows of other applications were given, marks too: they are as they were written.

        Facts that only they told are forgotten, and standings and rollups follow. What was deleted stays deleted. Rows
        of this library stay as they are. Killed, it is simply run again. That it is done, and *by* whom, is written
        into the audit trail.

        What is encrypted in them is written back in the clear, as the other application wrote it. A row of which
        something cannot be opened is left as it is and counted (``left``): restore the key vault, or give the store
        its encryption, and run it again. Of texts that name several people who have keys of their own display names
        are gone (``reworded``).
        """
        pace, done = Pace(rows_per_second), Migrated()
        self._perform(migrate.undoing(by, self._clock()))
        after = None
        while True:
            page = self._perform(renewing.take_back_some(self._policy, after))
            after, looked_at = page.after, done.take(page)
            if on_progress is not None:
                on_progress(done)
            if after is None:
                return done
            time.sleep(pace.pause(looked_at))


class AsyncMigration:
    """Rows that another application wrote, such as one with Mongoose: ``store.migration``."""

    def __init__(
        self,
        perform: Callable[[Plan[Any]], Awaitable[Any]],
        clock: Callable[[], datetime],
        policy: Policy,
        collection: str,
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._policy = policy
        self._collection = collection

    async def inspect(self, *, on_progress: Callable[[Inspection], object] | None = None) -> Inspection:
        """Look at every row and tell what is there: shapes, types, times, what is odd, what is there twice.

        It changes nothing, and holds nothing of what rows say. ``table()`` and ``steps()`` of what it returns are
        for people. *on_progress* is called after each thousand rows.
        """
        found = Inspection(self._collection)
        place: Place | None = Place()
        while place is not None:
            place = await self._perform(migrate.inspect_page(found, place))
            if on_progress is not None:
                on_progress(found)
        return found

    async def run(
        self,
        *,
        duplicates: Duplicates = "keep",
        by: str = "",
        rows_per_second: float | None = None,
        on_progress: Callable[[Migrated], object] | None = None,
    ) -> Migrated:
        """Give rows their ``derived`` in place, so that every question finds them; standings and rollups follow.

        The five strings and the ``_id`` stay. Of rows that hold the same event one counts: ours, else the one with the
        least ``_id``. *duplicates* says what becomes of the others: ``keep`` leaves them, ``mark`` writes that row's
        ``_id`` into their field ``duplicateOf``, ``delete`` deletes those that tell no more than it (not what is held,
        and *by* whom is written into the audit trail).

        Safe while others write, to run again, and several times at once; killed, it is simply run again. What comes
        while it runs may be left to the next run. Raises ConfigurationError for a policy there is none of, and where
        nobody says who deletes.
        """
        policy, pace, done = migrate.policy_of(duplicates, by), Pace(rows_per_second), Migrated()
        given = renewing.PAGE
        while given == renewing.PAGE:
            given = await self._perform(renewing.adopt_some(self._policy))
            done.rows += given
            if on_progress is not None:
                on_progress(done)
            await asyncio.sleep(pace.pause(given))
        walk: migrate.Walk | None = migrate.Walk()
        while walk is not None:
            walk = await self._perform(migrate.duplicates_page(policy, walk, done, by, self._clock()))
            if on_progress is not None:
                on_progress(done)
            await asyncio.sleep(pace.pause(migrate.PAGE if walk else 0))
        return done

    async def undo(
        self,
        *,
        by: str = "",
        rows_per_second: float | None = None,
        on_progress: Callable[[Migrated], object] | None = None,
    ) -> Migrated:
        """Take back what rows of other applications were given, marks too: they are as they were written.

        Facts that only they told are forgotten, and standings and rollups follow. What was deleted stays deleted. Rows
        of this library stay as they are. Killed, it is simply run again. That it is done, and *by* whom, is written
        into the audit trail.

        What is encrypted in them is written back in the clear, as the other application wrote it. A row of which
        something cannot be opened is left as it is and counted (``left``): restore the key vault, or give the store
        its encryption, and run it again. Of texts that name several people who have keys of their own display names
        are gone (``reworded``).
        """
        pace, done = Pace(rows_per_second), Migrated()
        await self._perform(migrate.undoing(by, self._clock()))
        after = None
        while True:
            page = await self._perform(renewing.take_back_some(self._policy, after))
            after, looked_at = page.after, done.take(page)
            if on_progress is not None:
                on_progress(done)
            if after is None:
                return done
            await asyncio.sleep(pace.pause(looked_at))
