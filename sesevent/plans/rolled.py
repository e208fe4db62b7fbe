"""Reading rollups: which part of a window they can answer, and what they say of it.

Whatever they cannot is named, for the log to be asked: hours that are open, dirty or were never rolled up, the edges
of a window, and what did not fit. Without any rollups that is everything. Next: :mod:`sesevent.plans.analyse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from sesevent.analytics.cells import DAY, Cell, Key
from sesevent.analytics.families import unpack
from sesevent.analytics.measures import Window
from sesevent.moments import format_moment
from sesevent.ops import Plan, ask
from sesevent.storage import rollups
from sesevent.storage.rollups import Span, hour_of, hours_of, window_of

__all__ = ["Parts", "parts_of", "read_rows"]

_AT_ONCE: Final = 32
"""Documents that are read at once: they must fit in memory."""


class Parts(NamedTuple):
    """A window by who answers for it."""

    days: list[str]
    hours: list[str]
    log: list[Window]


def parts_of(window: Window, slot: int) -> Plan[Parts]:
    """Which days and hours of a window rollups answer for. Days, where *slot* tells no hours apart."""
    hours = _whole_hours(window)
    if not hours:
        return Parts([], [], [window])
    dirty = rollups.read_states((yield from ask(rollups.dirty_spans("hour", hours[0], hours[-1]))))
    days = (yield from _usable_days(hours, dirty)) if slot <= DAY else []
    known = set(days)
    usable: list[str] = []
    for stretch in _stretches([hour for hour in hours if hour[:DAY] not in known]):
        states = rollups.read_states((yield from ask(rollups.states_between("hour", stretch[0], stretch[-1]))))
        usable += [hour for hour in stretch if hour in states and states[hour].usable]
    return Parts(days, usable, list(_others(window, hours, known, set(usable))))


def _usable_days(hours: Sequence[str], dirty: Iterable[str]) -> Plan[list[str]]:
    whole = [day for day, some in groupby(hours, key=lambda hour: hour[:DAY]) if len(list(some)) == 24]
    if not whole:
        return []
    states = rollups.read_states((yield from ask(rollups.states_between("day", whole[0], whole[-1]))))
    stale = {hour[:DAY] for hour in dirty}
    return [day for day in whole if day in states and states[day].usable and day not in stale]


def read_rows(
    span: Span, family: str, names: Sequence[str], holds: Callable[[Key], bool]
) -> Plan[tuple[list[tuple[str, Key, Cell]], list[str]]]:
    """The cells of these days or hours, of keys for which it *holds*; and those that had too many rows to be kept."""
    cells: list[tuple[str, Key, Cell]] = []
    unkept: list[str] = []
    for place in range(0, len(names), _AT_ONCE):
        wanted = set(some := names[place : place + _AT_ONCE])
        found = rollups.read_rows((yield from ask(rollups.rows_between(span, family, some[0], some[-1]))))
        for (_, name), rows in found.items():
            if name in wanted and rows is not None:
                cells += [(name, key, cell) for key, cell in unpack(rows, holds)]
            elif name in wanted:
                unkept.append(name)
    return cells, unkept


def windows_of(days: Iterable[str], hours: Iterable[str]) -> list[Window]:
    """Days and hours as windows, for the log."""
    pairs = [(hours_of(day)[0], hours_of(day)[-1]) for day in days] + [(hour, hour) for hour in hours]
    return [window_of(first, last) for first, last in pairs]


def _whole_hours(window: Window) -> list[str]:
    """The hours that lie wholly in a window."""
    since = _floor(window.since)
    first = since if since == window.since else since + _HOUR
    number = int((_floor(window.until) - first) / _HOUR)
    return [hour_of(format_moment(first + _HOUR * place)) for place in range(number)]


_HOUR: Final = timedelta(hours=1)


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _stretches(hours: Sequence[str]) -> Iterator[list[str]]:
    """Hours in runs without a gap."""
    run: list[str] = []
    for hour in hours:
        if run and window_of(run[-1], run[-1]).until != window_of(hour, hour).since:
            yield run
            run = []
        run.append(hour)
    if run:
        yield run


def _others(window: Window, hours: Sequence[str], days: set[str], usable: set[str]) -> Iterator[Window]:
    """What is left of a window, in as few pieces as there may be."""
    since = window.since
    for hour in hours:
        if hour[:DAY] in days or hour in usable:
            begin, end = window_of(hour, hour)
            if since < begin:
                yield Window(since, begin)
            since = end
    if since < window.until:
        yield Window(since, window.until)
