"""Hours, days, weeks and months as people have them, in a time zone: a day has 23 hours where clocks go forward.

It reads no clock. Next: :mod:`sesevent.analytics.results`, whose rows are of periods.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple, Union
from zoneinfo import ZoneInfo

from sesevent.analytics.cells import DAY, HOUR, MINUTE
from sesevent.analytics.measures import Window
from sesevent.errors import ConfigurationError
from sesevent.moments import UTC, read_moment, read_span

__all__ = ["BY", "MOST", "Moment", "Period", "Periods", "moment_of", "periods", "window_of", "zone_of"]

Moment = Union[datetime, date, str]
"""A datetime (naive: UTC), a date (its first moment in the time zone asked for), text of either (a time that names no
zone is of the one asked for), or how long ago."""

_Step = Callable[[date], date]

MOST: Final = 10_000
"""Periods of one answer: a year of hours."""

_A_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ON_A_CLOCK: Final = re.compile(_A_DATE.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?)?")
_NAMES_A_ZONE: Final = re.compile(r"(?:Z|GMT|UTC|[0-9] ?[+-][0-9]{2}(?::?[0-9]{2})?)\s*(?:\([^()]*\))?$", re.IGNORECASE)
_DIGITS_OF_A_DATE: Final = 8
_QUARTER: Final = timedelta(minutes=15)
"""No clock is set by less, nor any zone off by a part of it."""


class Period(NamedTuple):
    """One of them."""

    name: str
    """``2024-03-31T02:00+02:00``, ``2024-03-31``, ``2024-W13`` (ISO, from Monday), ``2024-03``."""
    since: datetime
    """Included; in UTC."""
    until: datetime
    """Not included."""


class Periods:
    """Periods one behind the other, without gaps."""

    def __init__(self, some: Sequence[Period]) -> None:
        self.all = tuple(some)
        self._begins = [period.since for period in self.all]

    @property
    def slot(self) -> int:
        """How finely times must be told apart to know which period each is in."""
        borders = [*self._begins, *[period.until for period in self.all]]
        if any(border.minute or border.second for border in borders):
            return MINUTE
        return HOUR if any(border.hour for border in borders) else DAY

    def of(self, slot: str) -> Period | None:
        """The period that the beginning of a time, as `slot` says, is in."""
        moment = datetime.fromisoformat(slot).replace(tzinfo=UTC)
        place = bisect_right(self._begins, moment) - 1
        return self.all[place] if place >= 0 and moment < self.all[place].until else None


def zone_of(name: str) -> tzinfo:
    """The time zone of a name such as ``Europe/Berlin``. Raises ConfigurationError where there is none."""
    if name == "UTC":
        return UTC  # also on a system that has no table of zones
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        raise ConfigurationError(
            f"There is no time zone {name!r}.",
            hint="Use a name of the IANA's table, such as Europe/Berlin; where there is no table: pip install tzdata",
        ) from None


def moment_of(told: Moment, now: datetime, zone: tzinfo) -> datetime:
    """A point in time, in UTC. Raises ConfigurationError for what is none."""
    try:
        if isinstance(told, str):
            span = read_span(told)
            if span is not None:
                return read_moment(now) - span
            if _ON_A_CLOCK.fullmatch(told):  # as a day is: of the zone's clock, where the text names no other
                return datetime.fromisoformat(told).replace(tzinfo=zone).astimezone(UTC)
            if _A_DATE.fullmatch(told):
                told = date.fromisoformat(told)
            elif _NAMES_A_ZONE.search(told) or (told.isdigit() and len(told) > _DIGITS_OF_A_DATE):
                told = read_moment(told)
            else:
                return read_moment(told).replace(tzinfo=zone).astimezone(UTC)
        return read_moment(told) if isinstance(told, datetime) else _first_moment(told, zone)
    except (ValueError, OverflowError):
        raise ConfigurationError("A point in time is neither a date nor a span such as 2h or 7d.") from None


def window_of(since: Moment, until: Moment | None, now: datetime, zone: tzinfo) -> Window:
    """From *since* to *until*, or now. Raises ConfigurationError where it ends before it begins."""
    window = Window(moment_of(since, now, zone), moment_of(now if until is None else until, now, zone))
    if window.until < window.since:
        raise ConfigurationError("A window ends before it begins.")
    return window


def periods(window: Window, by: str, zone: tzinfo) -> Periods:
    """The whole periods that a window touches. Raises ConfigurationError for too many, or none such as *by*."""
    if by not in BY:
        raise ConfigurationError(f"There is no period {by!r}; there are {', '.join(BY)}.")
    found: list[Period] = []
    for period in BY[by](window.since, zone):
        if period.since >= window.until:
            break
        if period.since < period.until:  # a day that a zone left out, when it changed sides, is none
            found.append(period)
        if len(found) > MOST:
            raise ConfigurationError(f"There are more than {MOST:,} such periods.", hint="Ask for longer ones.")
    return Periods(found)


def _days(since: datetime, zone: tzinfo) -> Iterator[Period]:
    return _between(since, zone, lambda day: day, lambda day: day + timedelta(days=1), "%Y-%m-%d")


def _weeks(since: datetime, zone: tzinfo) -> Iterator[Period]:
    return _between(
        since, zone, lambda day: day - timedelta(days=day.weekday()), lambda day: day + timedelta(days=7), "%G-W%V"
    )


def _months(since: datetime, zone: tzinfo) -> Iterator[Period]:
    return _between(
        since, zone, lambda day: day.replace(day=1), lambda day: (day + timedelta(days=31)).replace(day=1), "%Y-%m"
    )


def _between(since: datetime, zone: tzinfo, first: _Step, following: _Step, name: str) -> Iterator[Period]:
    day = first(since.astimezone(zone).date())
    while True:
        after = following(day)
        yield Period(day.strftime(name), _first_moment(day, zone), _first_moment(after, zone))
        day = after


def _hours(since: datetime, zone: tzinfo) -> Iterator[Period]:
    """An hour ends where the clock shows another, or is set: there are two from two to three when summer ends."""
    begin = since - timedelta(minutes=since.minute % 15, seconds=since.second, microseconds=since.microsecond)
    while _shown(begin - _QUARTER, zone) == _shown(begin, zone):
        begin -= _QUARTER
    while True:
        end = begin + _QUARTER
        while _shown(end, zone) == _shown(begin, zone):
            end += _QUARTER
        yield Period(begin.astimezone(zone).isoformat(timespec="minutes"), begin, end)
        begin = end


def _shown(moment: datetime, zone: tzinfo) -> tuple[date, int, timedelta | None]:
    local = moment.astimezone(zone)
    return local.date(), local.hour, local.utcoffset()


def _first_moment(day: date, zone: tzinfo) -> datetime:
    """A day's; where clocks go forward at midnight, the moment that they do."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


BY: Final = {"hour": _hours, "day": _days, "week": _weeks, "month": _months}
"""What time may be divided by."""
