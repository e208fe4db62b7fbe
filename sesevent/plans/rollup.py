"""Rolling up: closed hours are counted from the log, never bumped, and whole days are made of their hours.

Any number of processes may do it at once, and each may die anywhere. The revision of an hour is read before the log
is; rows are kept where no later ones are; and an hour is clean only if its revision is still the same. Before a clean
hour can change its day is dirty: so a day whose hours are clean, and which is clean itself, is the sum of them.
Next: :mod:`sesevent.plans.rolled`, which reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import bson

from sesevent.analytics.cells import DAY, HOUR, Cell, Cells, Key
from sesevent.analytics.families import FAMILIES, Folded, Row, equal_rows, fold, pack, summed, unpack
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import DIMENSIONS, Where
from sesevent.analytics.uniques import require_sketches
from sesevent.moments import format_moment, read_moment
from sesevent.ops import Plan, ask
from sesevent.plans import expiry
from sesevent.plans.analyse import cells_in
from sesevent.plans.marking import GRACE
from sesevent.plans.rolled import _stretches
from sesevent.storage import rollups
from sesevent.storage.rollups import Rows, Span, State, Walk, hour_of, hours_of, window_of

__all__ = [
    "AT_ONCE", "Difference", "Due", "Recounted", "RolledUp", "RollupLag", "due", "lag", "recounts", "roll_day",
    "walked",
]  # fmt: skip

AT_ONCE: Final = 2
"""Days that are counted beside each other: the server groups one while the other is folded here."""
_FEW_ROWS: Final = 200
"""Rows that are not worth weighing: with four sketches and all buckets there are, one takes some 20 KB."""
_ROWS_AT_ONCE: Final = 5000
"""Rows that are written at once."""
_MOST_BYTES: Final = 8 * 2**20
"""Of one document of rows: half of what MongoDB takes."""


@dataclass
class RolledUp:
    """What a roll-up did, so far."""

    hours: int = 0
    """Hours counted anew."""
    days: int = 0
    """Days made of their hours."""
    through: str = ""
    """The day it is at."""

    def __iadd__(self, more: RolledUp) -> RolledUp:
        self.hours += more.hours
        self.days += more.days
        self.through = more.through
        return self


class Due(NamedTuple):
    """What there is to do now."""

    days: list[str]
    """Days with hours to count, or to be made of their hours; those that are walked to last, in order."""
    before: str
    """The first hour that is still open."""
    walk: Walk | None


class RollupLag(NamedTuple):
    """How far rollups are behind."""

    running: bool
    """False where nobody ever rolled up here: everything is counted from the log."""
    through: datetime | None
    """All before it was rolled up once."""
    hours: int
    """Closed hours that were not rolled up yet."""
    dirty: int
    """Hours that must be rolled up again, since events came late."""


class Difference(NamedTuple):
    """Rows that are not those of the log."""

    span: str
    """`hour` or `day`."""
    name: str
    """Which: ``2024-05-01T10``, or ``2024-05-01``."""
    family: str
    """What is told apart in them (`sesevent.analytics.families`)."""


@dataclass
class Recounted:
    """What came of comparing rollups with the log."""

    hours: int = 0
    """Hours that were compared: clean ones."""
    differences: tuple[Difference, ...] = ()
    repaired: int = 0
    """Hours counted anew for it."""

    def __iadd__(self, more: Recounted) -> Recounted:
        self.hours += more.hours
        self.differences += more.differences
        self.repaired += more.repaired
        return self


# ── what there is to do ─────────────────────────────────────────────────────────────────────────────────────────────


def due(now: datetime) -> Plan[Due]:
    """Days with something dirty, and those that were not walked yet: from the first event, or from where the walk is.

    Raises ImportError that names the extra where sketches cannot be made.
    """
    require_sketches()
    before = rollups.closed_before(now, GRACE)
    walk = yield from _walk(before)
    dirty: set[str] = set()
    for asked in (rollups.dirty_spans("hour"), rollups.dirty_spans("day")):
        found = yield from ask(asked)
        dirty |= {name[:DAY] for name in rollups.read_states(found)}
    ahead = list(_days(walk.through, before)) if walk is not None else []
    return Due([*sorted(dirty - set(ahead)), *ahead], before, walk)


def _walk(before: str) -> Plan[Walk | None]:
    """Where the walk stands; back at the first event where that is new, or was kept by another edition."""
    walk = rollups.read_walk((yield from ask(rollups.walk_and())))
    first = yield from ask(rollups.earliest_event())
    if not first:
        return walk
    hour = hour_of(first[0]["Timestamp"][:DAY] + "T00")
    if walk is not None and walk.first <= hour and walk.edition == rollups.EDITION:
        return walk
    if hour >= before:
        return None
    yield from expiry.refuse_beside("Rollups must seal an hour before its events go")
    begun = Walk(min(hour, walk.first) if walk else hour, hour, rollups.EDITION)
    yield from ask(rollups.move_walk(walk, begun))
    return rollups.read_walk((yield from ask(rollups.walk_and())))


def walked(found: Due, walk: Walk, done: RolledUp) -> Plan[Walk]:
    """Note that a day was walked, where there was anything; returns where the walk stands now."""
    on = walk._replace(through=min(_next_day(done.through) + "T00", found.before))
    if on.through > walk.through and (done.hours or done.through == found.days[-1]):
        yield from ask(rollups.move_walk(walk, on))
        return on
    return walk


def _days(first: str, before: str) -> Iterator[str]:
    day = first[:DAY]
    while f"{day}T00" < before:
        yield day
        day = _next_day(day)


def _next_day(day: str) -> str:
    return format_moment(read_moment(f"{day}T00:00:00.000Z") + timedelta(days=1))[:DAY]


def lag(now: datetime) -> Plan[RollupLag]:
    """How far rollups are behind."""
    before = rollups.closed_before(now, GRACE)
    walk = rollups.read_walk((yield from ask(rollups.walk_and())))
    if walk is None:
        return RollupLag(False, None, 0, 0)
    dirty = yield from ask(rollups.how_many_dirty())
    through = window_of(walk.through, walk.through).since
    hours = (window_of(before, before).since - through) / timedelta(hours=1)
    return RollupLag(True, through, max(0, int(hours)), dirty)


# ── rolling ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def roll_day(day: str, before: str) -> Plan[RolledUp]:
    """Count the closed hours of a day that are not clean, and make the day of its hours once all are."""
    hours = [hour for hour in hours_of(day) if hour < before]
    states = yield from _states(hours)
    wanted = [hour for hour in hours if hour not in states or not (states[hour].usable or states[hour].sealed)]
    done = RolledUp(through=day)
    counted: Counted = {}
    if wanted and (states or (yield from _any_event(hours))):
        done.hours = len(wanted)
        counted = yield from _roll_hours(day, wanted)
    if len(hours) == 24 and (counted or states):
        done.days = yield from _make_day(day, counted)
    return done


def _states(hours: Sequence[str]) -> Plan[Mapping[str, State]]:
    return rollups.read_states((yield from ask(rollups.states_of("hour", hours)))) if hours else {}


def _any_event(hours: Sequence[str]) -> Plan[bool]:
    window = window_of(hours[0], hours[-1])
    found = yield from ask(rollups.first_event_from(hours[0], hour_of(format_moment(window.until))))
    return bool(found)


Counted = dict[str, tuple[int, Folded | None]]
"""Hour → its revision, and what was counted; None where that was too much to be kept."""


def _roll_hours(day: str, wanted: Sequence[str]) -> Plan[Counted]:
    yield from ask(rollups.begin(wanted))
    yield from _mark_day(day)
    states = yield from _states(wanted)
    folded = yield from _count(wanted)
    counted: Counted = {hour: (states[hour].rev, _NOTHING) for hour in wanted}
    pending: list[Rows] = []
    for hour, families in folded.items():
        rev = states[hour].rev
        rows = _rows("hour", hour, rev, families)
        counted[hour] = (rev, families if all(one.rows is not None for one in rows) else None)
        pending += rows
        if sum(len(one.rows or ()) for one in pending) > _ROWS_AT_ONCE:
            yield from _put(pending)
            pending = []
    yield from _put(pending)
    yield from ask(rollups.finish("hour", {hour: rev for hour, (rev, _) in counted.items()}))
    return counted


_NOTHING: Final[Folded] = {family: {} for family in FAMILIES}


def _rows(span: Span, name: str, rev: int, folded: Folded) -> list[Rows]:
    known: dict[int, Row] = {}
    return [Rows(span, family, name, rev, _kept(cells, known)) for family, cells in folded.items()]


def _mark_day(day: str) -> Plan[None]:
    refused: tuple[int, ...] = (0,)
    while refused:
        refused = (yield from ask(rollups.mark_dirty("day", [day]))).refused


def _count(hours: Sequence[str]) -> Plan[dict[str, Folded]]:
    """What the log holds of these hours."""
    cells = Cells()
    for run in _stretches(hours):
        yield from cells_in(window_of(run[0], run[-1]), Where(), HOUR, DIMENSIONS, cells)
    by_hour: dict[str, list[tuple[Key, Cell]]] = {}
    for hour, key, cell in cells.items():
        by_hour.setdefault(hour, []).append((key, cell))
    wanted = set(hours)
    return {hour: fold(some) for hour, some in by_hour.items() if hour in wanted}


def _kept(cells: Mapping[Key, Cell], known: dict[int, Row]) -> list[Row] | None:
    """The rows of a family, unless they are too many or too large."""
    rows = pack(cells, known)
    small = rows is None or len(rows) < _FEW_ROWS
    return rows if small or len(bson.encode({"rows": rows})) <= _MOST_BYTES else None


def _put(rows: Sequence[Rows]) -> Plan[None]:
    if rows:
        yield from ask(rollups.put_rows(rows))


def _make_day(day: str, counted: Counted) -> Plan[int]:
    """Make a day of its hours, if all are clean, and it is not; returns how many days were.

    What was just *counted* need not be read again, if it is still what holds.
    """
    state = rollups.read_states((yield from ask(rollups.states_of("day", [day])))).get(day)
    if state is None or state.usable:
        return 0
    states = yield from _states(hours_of(day))
    if len(states) < 24 or not all(known.usable for known in states.values()):
        return 0
    hours = [
        folded for hour, (rev, folded) in sorted(counted.items()) if folded is not None and rev == states[hour].rolled
    ]
    if len(hours) == 24:
        rows = _rows("day", day, state.rev, summed(hours))
    else:
        found = rollups.read_rows((yield from ask(rollups.rows_of("hour", FAMILIES, hours_of(day)))))
        rows = [Rows("day", family, day, state.rev, kept) for family, kept in _summed(found).items()]
    yield from _put(rows)
    yield from ask(rollups.finish("day", {day: state.rev}))
    return 1


def _summed(found: Mapping[tuple[str, str], list[Row] | None]) -> dict[str, list[Row] | None]:
    """The rows of hours added up, by family; None where those of an hour were not kept, or there are too many."""
    by_family: dict[str, list[list[Row] | None]] = {}
    for (family, _), rows in sorted(found.items(), key=lambda item: item[0]):
        by_family.setdefault(family, []).append(rows)
    return {family: _sum(several) for family, several in by_family.items()}


def _sum(several: Iterable[list[Row] | None]) -> list[Row] | None:
    whole: dict[Key, Cell] = {}
    for rows in several:
        if rows is None:
            return None
        for key, cell in unpack(rows):
            if (known := whole.get(key)) is None:
                whole[key] = cell
            else:
                known.merge(cell)
    return _kept(whole, {})


# ── recounting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def recounts(window: Window, now: datetime, repair: bool) -> Iterator[Plan[Recounted]]:
    """A plan for each day of a window."""
    require_sketches()
    before = rollups.closed_before(now, GRACE)
    days = _days(hour_of(format_moment(window.since)), min(before, hour_of(format_moment(window.until + _HOUR))))
    return (_recount_day(day, window, before, repair) for day in days)


_HOUR: Final = timedelta(hours=1)


def _recount_day(day: str, window: Window, before: str, repair: bool) -> Plan[Recounted]:
    """Compare the clean hours of a day that lie in a window, and the day itself, with the log."""
    hours = [hour for hour in hours_of(day) if window.since <= window_of(hour, hour).since < window.until]
    known = yield from _states(hours)
    clean = [hour for hour in hours if hour in known and known[hour].usable and not known[hour].sealed]
    if not clean:
        return Recounted()
    found = rollups.read_rows((yield from ask(rollups.rows_of("hour", FAMILIES, clean))))
    counted = yield from _count(clean)
    after = yield from _states(clean)
    still = [hour for hour in clean if after.get(hour) == known[hour]]  # others were counted anew meanwhile
    different = [
        Difference("hour", hour, family)
        for hour in still
        for family in FAMILIES
        if not _equal(found.get((family, hour), []), _kept(counted.get(hour, _NOTHING)[family], {}))
    ]
    different += yield from _compare_day(day)
    if repair and different:
        yield from _mark_again(day, sorted({one.name for one in different if one.span == "hour"}))
        hours_again = (yield from roll_day(day, before)).hours
        return Recounted(len(still), tuple(different), hours_again)
    return Recounted(len(still), tuple(different))


def _mark_again(day: str, hours: Sequence[str]) -> Plan[None]:
    if hours:
        yield from ask(rollups.mark_dirty("hour", hours))
    yield from _mark_day(day)


def _compare_day(day: str) -> Plan[list[Difference]]:
    """Compare a clean day with its hours, if these are clean."""
    known = yield from ask(rollups.states_of("day", [day]))
    state = rollups.read_states(known).get(day)
    states = yield from _states(hours_of(day))
    if state is None or not state.usable or len(states) < 24 or not all(each.usable for each in states.values()):
        return []
    summed = _summed(rollups.read_rows((yield from ask(rollups.rows_of("hour", FAMILIES, hours_of(day))))))
    found = rollups.read_rows((yield from ask(rollups.rows_of("day", FAMILIES, [day]))))
    again = rollups.read_states((yield from ask(rollups.states_of("day", [day])))).get(day)
    if again != state or (yield from _states(hours_of(day))) != states:
        return []
    return [
        Difference("day", day, family)
        for family in FAMILIES
        if not _equal(found.get((family, day), []), summed.get(family, []))
    ]


def _equal(one: list[Row] | None, other: list[Row] | None) -> bool:
    return one is other if one is None or other is None else equal_rows(one, other)
