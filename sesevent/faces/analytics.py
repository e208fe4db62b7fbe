"""What was counted and measured: `Analytics` of an `EventStore`, `AsyncAnalytics` of an `AsyncEventStore`.

They translate arguments; the stories are told in :mod:`sesevent.plans.analyse` and :mod:`sesevent.plans.questions`. A
store makes them, and hands in how it performs plans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from sesevent.addresses import normal
from sesevent.analytics.cells import Cell
from sesevent.analytics.journeys import Cohorts, Funnel, Links
from sesevent.analytics.periods import Moment, window_of
from sesevent.analytics.pipelines import Where
from sesevent.analytics.reckoning import VOLUME, AwsReckoning
from sesevent.analytics.results import Breakdown, Comparison, Overview, Reasons, Series
from sesevent.errors import ConfigurationError
from sesevent.faces.rollups import AsyncRolling, Rolling
from sesevent.moments import UTC
from sesevent.monitoring.report import StatusReport
from sesevent.ops import Plan
from sesevent.plans import analyse, questions, report
from sesevent.plans.questions import Asked

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of `typing` from Python 3.11 on

__all__ = ["Analytics", "AsyncAnalytics", "By", "Filters", "Period"]

By = Literal["campaign", "configuration_set", "source", "ip_pool", "template", "recipient_domain", "provider", "tag"]
"""What a breakdown of counts may be by."""
Period = Literal["hour", "day", "week", "month"]
"""What time may be divided by."""


class Filters(TypedDict, total=False):
    """Which mails: all that is given must hold."""

    campaign: str | None
    configuration_set: str | None
    source: str | None
    """However spelled."""
    ip_pool: str | None
    template: str | None
    recipient_domain: str | None
    provider: str | None
    """Of `sesevent.analytics.providers`: `gmail`, …; `simulator` for the simulator's mail, which else is left out."""
    tag: tuple[str, str | None] | str | None
    """A tag's name and value, or its name."""


class Analytics(Rolling):
    """What happened, and how well: ``store.analytics``. Everything is by the time of the event.

    A window is from *since* (included) to *until* (not included; by default now). Each is a datetime (naive: UTC), a
    date (its first moment in the time zone *tz*), text of either, or how long ago, such as ``7d``. Further keywords are
    `Filters`. What is counted comes from rollups where there are any, which may estimate different mails, unless
    *exact*. Questions raise ConfigurationError for a window that ends before it begins, a time zone that there is
    none of, and a filter that there is none of; and StoreError as everything that asks the database.
    """

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

    def summary(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Overview:
        """A window in one row: counts, rates with their intervals, times to deliver and to open."""
        found: Overview = self._perform(questions.summary(self._asked(tz, where, exact), since, until))
        return found

    def timeseries(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        by: Period = "day",
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Series:
        """A row for each hour, day, week (ISO, from Monday) or month of a time zone, with zeros where nothing happened.

        A day has 23 or 25 hours where clocks are set. Periods at the window's ends count as far as they are in it.
        """
        found: Series = self._perform(questions.timeseries(self._asked(tz, where, exact), since, until, by))
        return found

    @overload
    def by(
        self,
        dimension: Literal["bounce_reason"],
        since: Moment = ...,
        until: Moment | None = ...,
        *,
        name: None = ...,
        limit: int | None = ...,
        tz: str = ...,
        exact: bool = ...,
        **where: Unpack[Filters],
    ) -> Reasons: ...

    @overload
    def by(
        self,
        dimension: By,
        since: Moment = ...,
        until: Moment | None = ...,
        *,
        name: str | None = ...,
        limit: int | None = ...,
        tz: str = ...,
        exact: bool = ...,
        **where: Unpack[Filters],
    ) -> Breakdown: ...

    def by(
        self,
        dimension: By | Literal["bounce_reason"],
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        name: str | None = None,
        limit: int | None = 20,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Breakdown | Reasons:
        """A row for each campaign, provider, …, those with most sends first; beyond *limit* they are one, ``(other)``.

        By ``tag`` the *name* of the tag is needed. By ``bounce_reason`` each has its class, fault and advice. What
        was opened of a mail to several domains or providers is in the row ``several``: nobody can tell who it was.
        """
        found: Breakdown | Reasons = self._perform(
            questions.by(self._asked(tz, where, exact), since, until, dimension, name, limit)
        )
        return found

    def top_links(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        limit: int = 20,
        queries: bool = False,
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Links:
        """The links that people followed in most mails, with mails and clicks, of people and of machines.

        A link is cut before its ``?`` or ``#`` unless *queries* is set: what follows often names one person.
        """
        found: Links = self._perform(questions.top_links(self._asked(tz, where), since, until, limit, queries))
        return found

    def funnel(
        self,
        message_id: str | None = None,
        *,
        since: Moment = "30d",
        until: Moment | None = None,
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Funnel:
        """Of the mails sent in a window, how many were delivered, opened and clicked until now, each mail once.

        With *message_id* that mail's own, whenever it was sent. Who clicked has opened.
        """
        found: Funnel = self._perform(questions.funnel(self._asked(tz, where), message_id, since, until))
        return found

    def cohorts(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        by: Period = "day",
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Cohorts:
        """Mails by when they were *sent*: how many were delivered, opened and clicked within 1 h, 1 d, 7 d and 30 d."""
        found: Cohorts = self._perform(questions.cohorts(self._asked(tz, where), since, until, by))
        return found

    def compare(
        self,
        before: tuple[Moment, Moment],
        after: tuple[Moment, Moment],
        *,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Comparison:
        """Two windows side by side: how each measure changed, and whether chance alone explains it."""
        found: Comparison = self._perform(questions.compare(self._asked(tz, where, exact), before, after))
        return found

    def as_aws_reckons(self, *, volume: int = VOLUME, own_domains: Iterable[str] = ()) -> AwsReckoning:
        """The bounce and complaint rates by which AWS judges a sender, as nearly as events tell, and how far it is to
        AWS's lines.

        Reckoned back from now over whole days until there are *volume* mails, 30 days at most. Mail to *own_domains*,
        those verified by you, is left out, as AWS does. The answer says how it was reckoned.
        """
        found: AwsReckoning = self._perform(questions.as_aws_reckons(self._clock(), volume, own_domains))
        return found

    def report(
        self,
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        tz: str = "UTC",
        limit: int = 5,
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> StatusReport:
        """How it stands, on one page: the state of the alarms, a window (today so far, by default) against the usual,
        who most was sent for and to, why mails bounced, and how many are suppressed or not understood.

        What is usual is told in `sesevent.monitoring.report`; *limit* is how many rows each list has.
        Further keywords are `Filters`, for what is counted.
        """
        found: StatusReport = self._perform(report.report(self._asked(tz, where, exact), since, until, limit))
        return found

    def _asked(self, tz: str, where: Filters, exact: bool = False) -> Asked:
        return Asked(self._clock(), tz, _where({**where}), exact)


class AsyncAnalytics(AsyncRolling):
    """What happened, and how well: ``store.analytics``. Everything is by the time of the event.

    A window is from *since* (included) to *until* (not included; by default now). Each is a datetime (naive: UTC), a
    date (its first moment in the time zone *tz*), text of either, or how long ago, such as ``7d``. Further keywords are
    `Filters`. What is counted comes from rollups where there are any, which may estimate different mails, unless
    *exact*. Questions raise ConfigurationError for a window that ends before it begins, a time zone that there is
    none of, and a filter that there is none of; and StoreError as everything that asks the database.
    """

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

    async def summary(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Overview:
        """A window in one row: counts, rates with their intervals, times to deliver and to open."""
        found: Overview = await self._perform(questions.summary(self._asked(tz, where, exact), since, until))
        return found

    async def timeseries(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        by: Period = "day",
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Series:
        """A row for each hour, day, week (ISO, from Monday) or month of a time zone, with zeros where nothing happened.

        A day has 23 or 25 hours where clocks are set. Periods at the window's ends count as far as they are in it.
        """
        found: Series = await self._perform(questions.timeseries(self._asked(tz, where, exact), since, until, by))
        return found

    @overload
    async def by(
        self,
        dimension: Literal["bounce_reason"],
        since: Moment = ...,
        until: Moment | None = ...,
        *,
        name: None = ...,
        limit: int | None = ...,
        tz: str = ...,
        exact: bool = ...,
        **where: Unpack[Filters],
    ) -> Reasons: ...

    @overload
    async def by(
        self,
        dimension: By,
        since: Moment = ...,
        until: Moment | None = ...,
        *,
        name: str | None = ...,
        limit: int | None = ...,
        tz: str = ...,
        exact: bool = ...,
        **where: Unpack[Filters],
    ) -> Breakdown: ...

    async def by(
        self,
        dimension: By | Literal["bounce_reason"],
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        name: str | None = None,
        limit: int | None = 20,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Breakdown | Reasons:
        """A row for each campaign, provider, …, those with most sends first; beyond *limit* they are one, ``(other)``.

        By ``tag`` the *name* of the tag is needed. By ``bounce_reason`` each has its class, fault and advice. What
        was opened of a mail to several domains or providers is in the row ``several``: nobody can tell who it was.
        """
        found: Breakdown | Reasons = await self._perform(
            questions.by(self._asked(tz, where, exact), since, until, dimension, name, limit)
        )
        return found

    async def top_links(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        limit: int = 20,
        queries: bool = False,
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Links:
        """The links that people followed in most mails, with mails and clicks, of people and of machines.

        A link is cut before its ``?`` or ``#`` unless *queries* is set: what follows often names one person.
        """
        found: Links = await self._perform(questions.top_links(self._asked(tz, where), since, until, limit, queries))
        return found

    async def funnel(
        self,
        message_id: str | None = None,
        *,
        since: Moment = "30d",
        until: Moment | None = None,
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Funnel:
        """Of the mails sent in a window, how many were delivered, opened and clicked until now, each mail once.

        With *message_id* that mail's own, whenever it was sent. Who clicked has opened.
        """
        found: Funnel = await self._perform(questions.funnel(self._asked(tz, where), message_id, since, until))
        return found

    async def cohorts(
        self,
        since: Moment = "30d",
        until: Moment | None = None,
        *,
        by: Period = "day",
        tz: str = "UTC",
        **where: Unpack[Filters],
    ) -> Cohorts:
        """Mails by when they were *sent*: how many were delivered, opened and clicked within 1 h, 1 d, 7 d and 30 d."""
        found: Cohorts = await self._perform(questions.cohorts(self._asked(tz, where), since, until, by))
        return found

    async def compare(
        self,
        before: tuple[Moment, Moment],
        after: tuple[Moment, Moment],
        *,
        tz: str = "UTC",
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> Comparison:
        """Two windows side by side: how each measure changed, and whether chance alone explains it."""
        found: Comparison = await self._perform(questions.compare(self._asked(tz, where, exact), before, after))
        return found

    async def as_aws_reckons(self, *, volume: int = VOLUME, own_domains: Iterable[str] = ()) -> AwsReckoning:
        """The bounce and complaint rates by which AWS judges a sender, as nearly as events tell, and how far it is to
        AWS's lines.

        Reckoned back from now over whole days until there are *volume* mails, 30 days at most. Mail to *own_domains*,
        those verified by you, is left out, as AWS does. The answer says how it was reckoned.
        """
        found: AwsReckoning = await self._perform(questions.as_aws_reckons(self._clock(), volume, own_domains))
        return found

    async def report(
        self,
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        tz: str = "UTC",
        limit: int = 5,
        exact: bool = False,
        **where: Unpack[Filters],
    ) -> StatusReport:
        """How it stands, on one page: the state of the alarms, a window (today so far, by default) against the usual,
        who most was sent for and to, why mails bounced, and how many are suppressed or not understood.

        What is usual is told in `sesevent.monitoring.report`; *limit* is how many rows each list has.
        Further keywords are `Filters`, for what is counted.
        """
        found: StatusReport = await self._perform(report.report(self._asked(tz, where, exact), since, until, limit))
        return found

    def _asked(self, tz: str, where: Filters, exact: bool = False) -> Asked:
        return Asked(self._clock(), tz, _where({**where}), exact)


def _tally(now: datetime, since: datetime, until: datetime | None, exact: bool, where: dict[str, Any]) -> Plan[Cell]:
    return analyse.tally(window_of(since, until, now, UTC), _where(where), exact=exact)


def _where(told: dict[str, Any]) -> Where:
    unknown = sorted(told.keys() - Where.__dataclass_fields__.keys())
    if unknown:
        raise ConfigurationError(
            f"Nothing is known of {', '.join(unknown)}.", hint=f"There are {', '.join(Where.__dataclass_fields__)}."
        )
    if told.get("source") is not None:
        told = told | {"source": normal(told["source"])}
    if isinstance(told.get("tag"), str):
        told = told | {"tag": (told["tag"], None)}
    return Where(**told)
