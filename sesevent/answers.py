"""What was counted and measured: `Analytics` of an `EventStore`, `AsyncAnalytics` of an `AsyncEventStore`.

They translate arguments; the stories are told in :mod:`sesevent.plans.analyse`. A store makes them, and hands in how it
performs plans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from sesevent.addresses import normal
from sesevent.analytics.cells import Cell
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import Where
from sesevent.errors import ConfigurationError
from sesevent.moments import read_moment
from sesevent.ops import Plan
from sesevent.plans import analyse
from sesevent.rolling import AsyncRolling, Rolling

__all__ = ["Analytics", "AsyncAnalytics"]


class Analytics(Rolling):
    """What happened, and how well: ``store.analytics``. Everything is by the time of the event."""

    def __init__(
        self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime], in_turn: Callable[..., Iterator[Any]]
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._in_turn = in_turn

    def tally(self, since: datetime, until: datetime | None = None, *, exact: bool = False, **where: Any) -> Cell:
        """Everything that is counted of events at or after *since* and before *until* (now), in one cell.

        Closed hours come from rollups, where there are any: different mails may then be estimated, with the standard
        error of `sesevent.analytics.uniques.ERROR`, unless *exact*, which counts all from the log.

        *where* are the fields of `sesevent.analytics.pipelines.Where`: only mails for which all of them hold.
        Raises ConfigurationError for a window that ends before it begins, and for a field there is none of.
        """
        found: Cell = self._perform(_tally(self._clock(), since, until, exact, where))
        return found


class AsyncAnalytics(AsyncRolling):
    """What happened, and how well: ``store.analytics``. Everything is by the time of the event."""

    def __init__(
        self,
        perform: Callable[[Plan[Any]], Awaitable[Any]],
        clock: Callable[[], datetime],
        in_turn: Callable[..., AsyncIterator[Any]],
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._in_turn = in_turn

    async def tally(self, since: datetime, until: datetime | None = None, *, exact: bool = False, **where: Any) -> Cell:
        """Everything that is counted of events at or after *since* and before *until* (now), in one cell.

        Closed hours come from rollups, where there are any: different mails may then be estimated, with the standard
        error of `sesevent.analytics.uniques.ERROR`, unless *exact*, which counts all from the log.

        *where* are the fields of `sesevent.analytics.pipelines.Where`: only mails for which all of them hold.
        Raises ConfigurationError for a window that ends before it begins, and for a field there is none of.
        """
        found: Cell = await self._perform(_tally(self._clock(), since, until, exact, where))
        return found


def _tally(now: datetime, since: datetime, until: datetime | None, exact: bool, where: dict[str, Any]) -> Plan[Cell]:
    return analyse.tally(_window(now, since, until), _where(where), exact=exact)


def _window(now: datetime, since: datetime, until: datetime | None) -> Window:
    window = Window(read_moment(since), read_moment(now if until is None else until))
    if window.until < window.since:
        raise ConfigurationError("A window ends before it begins.")
    return window


def _where(told: dict[str, Any]) -> Where:
    unknown = sorted(told.keys() - Where.__dataclass_fields__.keys())
    if unknown:
        raise ConfigurationError(
            f"Nothing is known of {', '.join(unknown)}.", hint=f"There are {', '.join(Where.__dataclass_fields__)}."
        )
    if told.get("source") is not None:
        told = told | {"source": normal(told["source"])}
    return Where(**told)
