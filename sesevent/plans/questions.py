"""Stories of questions: which cells are asked for, and what answer they make.

What is counted comes from :func:`sesevent.plans.analyse.cells_of`. Questions about single mails ask the log itself: no
sum tells who of those who were sent a mail opened it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from sesevent.analytics import journeys, pipelines, reckoning
from sesevent.analytics.cells import HOUR, WHOLE, Cell
from sesevent.analytics.measures import Window
from sesevent.analytics.periods import Moment, Period, periods, window_of, zone_of
from sesevent.analytics.pipelines import DIMENSIONS, TAG, Where
from sesevent.analytics.results import (
    Breakdown,
    Comparison,
    Overview,
    Reasons,
    Series,
    reasons_of,
    row_of,
    table_of,
)
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans.analyse import cells_of, tally
from sesevent.storage import reads
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Aggregate

__all__ = [
    "BY", "Asked", "as_aws_reckons", "by", "cohorts", "compare", "funnel", "summary", "timeseries", "top_links",
]  # fmt: skip

BY: Final = (*sorted(DIMENSIONS), "tag", "bounce_reason")
"""What a breakdown may be by."""


class Asked(NamedTuple):
    """When it is, in which time zone dates are meant, and which mails are."""

    now: datetime
    tz: str
    where: Where
    exact: bool = False
    """Whether all is counted from the log."""

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return zone_of(self.tz)

    def window(self, since: Moment, until: Moment | None) -> Window:
        """A window, as it was told."""
        return window_of(since, until, self.now, self.zone)

    def of_mails(self) -> dict[str, Any]:
        """What finds the rows of these mails. Raises ConfigurationError for what is told of people only."""
        personal = {"provider", "recipient_domain"} & self.where.given()
        if personal:
            raise ConfigurationError(
                f"This counts mails, and {' and '.join(sorted(personal))} is of a person: a mail may go to several."
            )
        return self.where.filter()


def summary(asked: Asked, since: Moment, until: Moment | None) -> Plan[Overview]:
    """A window in one row."""
    window = asked.window(since, until)
    cell = yield from tally(window, asked.where, exact=asked.exact)
    return Overview.of(cell, window, asked.tz)


def timeseries(asked: Asked, since: Moment, until: Moment | None, by: str) -> Plan[Series]:
    """A row for each period; the first and last are cut where the window is."""
    window = asked.window(since, until)
    some = periods(window, by, asked.zone)
    found: dict[Period, Cell] = {period: Cell() for period in some.all}
    for time, _, cell in (yield from cells_of(window, asked.where, frozenset(), some.slot, exact=asked.exact)):
        if (period := some.of(time)) is not None:
            found[period].merge(cell)
    rows = (row_of(period.name, cell, _cut(period, window)) for period, cell in found.items())
    return Series(window, asked.tz, tuple(rows), by)


def by(
    asked: Asked, since: Moment, until: Moment | None, dimension: str, name: str | None, limit: int | None
) -> Plan[Breakdown | Reasons]:
    """A row for each value of a dimension."""
    _check(dimension, name, limit)
    window = asked.window(since, until)
    if dimension == "bounce_reason":
        return reasons_of((yield from tally(window, asked.where, exact=asked.exact)), window, asked.tz, limit)
    told_apart = frozenset({f"{TAG}{name}" if dimension == "tag" else dimension})
    cells = {
        getattr(key, dimension): cell
        for _, key, cell in (yield from cells_of(window, asked.where, told_apart, WHOLE, exact=asked.exact))
    }
    return Breakdown(window, asked.tz, table_of(cells, window, limit), dimension if name is None else f"tag {name}")


def compare(asked: Asked, before: tuple[Moment, Moment], after: tuple[Moment, Moment]) -> Plan[Comparison]:
    """Two windows side by side."""
    first, second = asked.window(*before), asked.window(*after)
    cell, other = (
        (yield from tally(first, asked.where, exact=asked.exact)),
        (yield from tally(second, asked.where, exact=asked.exact)),
    )
    return Comparison(row_of("before", cell, first), row_of("after", other, second), asked.tz)


def top_links(asked: Asked, since: Moment, until: Moment | None, limit: int, queries: bool) -> Plan[journeys.Links]:
    """The links that were followed in most mails."""
    _check_limit(limit)
    window = asked.window(since, until)
    asked.of_mails()
    rows = yield from ask(Aggregate(EVENTS, pipelines.links(window, asked.where, limit, queries=queries)))
    return journeys.links_of(rows, window, asked.tz, queries=queries, limit=limit)


def funnel(asked: Asked, message_id: str | None, since: Moment, until: Moment | None) -> Plan[journeys.Funnel]:
    """How far mails came that were sent in a window, or one mail, whenever that was."""
    window = asked.window(since, until)
    match = asked.of_mails() | {"derived": {"$type": "object"}}
    if message_id is None:
        match |= pipelines.in_window(Window(window.since - _SKEW, asked.now + _SKEW))
        rows = yield from ask(Aggregate(EVENTS, pipelines.funnelled(match, window)))
        return journeys.funnel_of(rows, window, window, asked.tz)
    rows = yield from ask(Aggregate(EVENTS, pipelines.funnelled(match | reads.of_message(message_id), None)))
    return journeys.funnel_of(rows, None, window, asked.tz)


def cohorts(asked: Asked, since: Moment, until: Moment | None, by: str) -> Plan[journeys.Cohorts]:
    """What became of mails, by when they were sent."""
    window = asked.window(since, until)
    some = periods(window, by, asked.zone)
    horizons = [span // _MILLISECOND for span in journeys.HORIZONS.values()]
    told = Window(window.since - _SKEW, window.until + max(journeys.HORIZONS.values()) + _SKEW)
    match = asked.of_mails() | pipelines.in_window(told)
    rows = yield from ask(Aggregate(EVENTS, pipelines.cohorts(match, window, max(some.slot, HOUR), horizons)))
    return journeys.cohorts_of(rows, window, some, asked.now, by, asked.tz)


def as_aws_reckons(now: datetime, volume: int, own_domains: Iterable[str]) -> Plan[reckoning.AwsReckoning]:
    """The rates by which AWS judges: day by day back, until there is enough."""
    own, cell, since = frozenset(domain.strip().lower() for domain in own_domains), Cell(), now
    dimensions = frozenset({"recipient_domain"}) if own else frozenset()
    for day in reckoning.days_back(now):
        for _, key, some in (yield from cells_of(day, Where(), dimensions, WHOLE)):
            if key.recipient_domain not in own or not key.recipient_domain:
                cell.merge(some)
        since = day.since
        done = reckoning.reckoned(cell, Window(since, now), volume, own)
        if done.enough:
            return done
    return reckoning.reckoned(cell, Window(since, now), volume, own)


_MILLISECOND: Final = timedelta(milliseconds=1)
_SKEW: Final = timedelta(minutes=5)
"""By how much the clock of a receiving server may be off: an event may be dated before its mail was sent."""


def _cut(period: Period, window: Window) -> Window:
    return Window(max(period.since, window.since), min(period.until, window.until))


def _check(dimension: str, name: str | None, limit: int | None) -> None:
    if dimension not in BY:
        raise ConfigurationError(f"There is no breakdown by {dimension!r}; there are {', '.join(BY)}.")
    if (dimension == "tag") != bool(name):
        raise ConfigurationError("A breakdown by tag needs the tag's name, and no other does.")
    if limit is not None:
        _check_limit(limit)


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ConfigurationError("A limit is at least 1.")
