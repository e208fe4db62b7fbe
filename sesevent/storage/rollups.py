"""How rollups are kept, and what is asked of them.

`ses_rollup_hour` says of each hour, and each day, how things stand: one that is *dirty* must be rolled up (again).
``rev`` counts the times it became so; ``rolled`` is the ``rev`` that was counted. `ses_rollup` holds the rows, one
document for each span of time and family. Ids sort by time. Next: :mod:`sesevent.plans.rollup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from pymongo import UpdateOne

from sesevent.analytics.measures import Window
from sesevent.moments import format_moment, read_moment
from sesevent.storage.layout import EVENTS, ROLLUP_HOURS, ROLLUPS
from sesevent.storage.operations import Count, Document, Find, Update

__all__ = [
    "EDITION",
    "Rows",
    "Span",
    "State",
    "Walk",
    "begin",
    "closed_before",
    "dirty_spans",
    "earliest_event",
    "finish",
    "first_event_from",
    "hour_of",
    "hours_of",
    "how_many_dirty",
    "mark_dirty",
    "move_walk",
    "put_rows",
    "read_rows",
    "read_states",
    "read_walk",
    "rows_between",
    "rows_of",
    "seal",
    "states_between",
    "states_of",
    "walk_and",
    "window_of",
]  # fmt: skip

EDITION: Final = 1
"""What is kept, and how. Rollups of another edition are not read, and are made anew."""

Span = Literal["hour", "day"]
_WALK: Final = "walk"
_FIRST: Final = "2011-01-01T00"
"""SES began in that month: what claims to be older is counted from the log."""


class State(NamedTuple):
    """How an hour, or a day, stands."""

    rev: int
    rolled: int | None
    dirty: bool
    edition: int | None
    sealed: bool = False
    """True where events were taken out of the log since: it cannot be counted again, and keeps what it has."""

    @property
    def usable(self) -> bool:
        """True where its rows are those of the log, or of what the log held before events left it."""
        return (self.sealed or not self.dirty) and self.rolled is not None and self.edition == EDITION


class Walk(NamedTuple):
    """How far the log was walked, once."""

    first: str
    """The hour it began with."""
    through: str
    """The hour it stands before."""
    edition: int


def hour_of(stamp: str) -> str:
    """The hour of a stored time: ``2024-05-01T10``."""
    return stamp[:13]


def hours_of(day: str) -> list[str]:
    """The hours of a day."""
    return [f"{day}T{hour:02}" for hour in range(24)]


def closed_before(now: datetime, grace: timedelta) -> str:
    """The first hour that has not ended for *grace* yet: those before it are closed."""
    return hour_of(format_moment(now - grace))


def window_of(first: str, last: str) -> Window:
    """From the begin of one hour to the end of another."""
    return Window(_begin(first), _begin(last) + timedelta(hours=1))


def _begin(hour: str) -> datetime:
    return read_moment(f"{hour}:00:00.000Z")


def _id(span: Span, name: str) -> str:
    return f"{span}|{name}"


def _row_id(span: Span, family: str, name: str) -> str:
    return f"{span}|{family}|{name}"


# ── states ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_states(documents: Iterable[Mapping[str, Any]]) -> dict[str, State]:
    """States by the name of their hour or day."""
    return {
        document["_id"].partition("|")[2]: State(
            document["rev"], document.get("rolled"), document["dirty"], document.get("v"), document.get("sealed", False)
        )
        for document in documents
        if document["_id"] != _WALK
    }


def read_walk(documents: Iterable[Mapping[str, Any]]) -> Walk | None:
    """The walk, if it is among them."""
    found = next((document for document in documents if document["_id"] == _WALK), None)
    return None if found is None else Walk(found["first"], found["through"], found["v"])


def walk_and(hours: Iterable[str] = ()) -> Find:
    """The walk, and the states of these hours."""
    ids = [_WALK, *[_id("hour", hour) for hour in hours]]
    return Find(ROLLUP_HOURS, {"_id": {"$in": ids}}, limit=len(ids))


def states_of(span: Span, names: Iterable[str]) -> Find:
    """The states of these hours or days."""
    return Find(ROLLUP_HOURS, {"_id": {"$in": [_id(span, name) for name in names]}})


def states_between(span: Span, first: str, last: str) -> Find:
    """The states from one hour or day to another, both included."""
    return Find(ROLLUP_HOURS, {"_id": {"$gte": _id(span, first), "$lte": _id(span, last)}})


def dirty_spans(span: Span, first: str = "", last: str = "~", limit: int = 0) -> Find:
    """The hours or days that are dirty, in order."""
    ids = {"$gte": _id(span, first), "$lte": _id(span, last)}
    where = {"dirty": True, "_id": ids, "sealed": {"$ne": True}}
    return Find(ROLLUP_HOURS, where, (("_id", 1),), limit, {"rev": 1, "dirty": 1})


def how_many_dirty() -> Count:
    """Hours that must be rolled up again."""
    return Count(ROLLUP_HOURS, {"dirty": True, "_id": {"$gte": "hour|", "$lt": "hour~"}, "sealed": {"$ne": True}})


def mark_dirty(span: Span, names: Sequence[str]) -> Update:
    """Say that the rows of these are not those of the log, or will not be."""
    change = {"$inc": {"rev": 1}, "$set": {"dirty": True}}
    return Update(ROLLUP_HOURS, [UpdateOne({"_id": _id(span, name)}, change, upsert=True) for name in names])


def begin(hours: Sequence[str]) -> Update:
    """Make the states of hours that have none: whoever stores an event from now on finds them, and marks."""
    made = {"$setOnInsert": {"rev": 0, "dirty": True}}
    return Update(ROLLUP_HOURS, [UpdateOne({"_id": _id("hour", hour)}, made, upsert=True) for hour in hours])


def finish(span: Span, revs: Mapping[str, int]) -> Update:
    """Say that these were counted, those that nobody marked meanwhile."""
    return Update(ROLLUP_HOURS, [_finish(span, name, rev) for name, rev in revs.items()])


def _finish(span: Span, name: str, rev: int) -> UpdateOne:
    change = {"$set": {"dirty": False, "rolled": rev, "v": EDITION}}
    return UpdateOne({"_id": _id(span, name), "rev": rev}, change)


def seal(revs: Mapping[str, int]) -> Update:
    """Have hours keep what was counted for good, those that nobody marked meanwhile."""
    change = {"$set": {"sealed": True}}
    clean = [{"_id": _id("hour", hour), "rev": rev, "rolled": rev, "dirty": False} for hour, rev in revs.items()]
    return Update(ROLLUP_HOURS, [UpdateOne(one, change) for one in clean])


def move_walk(known: Walk | None, walk: Walk) -> Update:
    """Move the walk on from where it is known to stand; who meets another's is refused, or matches nothing."""
    same: Document = {"_id": _WALK} | (
        {"first": known.first, "through": known.through, "v": known.edition} if known else {}
    )
    fields = {"first": walk.first, "through": walk.through, "v": walk.edition}
    change = {"$set": fields} if known else {"$setOnInsert": fields}
    return Update(ROLLUP_HOURS, [UpdateOne(same, change, upsert=known is None)])


def earliest_event() -> Find:
    """The first event there is."""
    return Find(EVENTS, {"Timestamp": {"$gte": _FIRST}}, (("Timestamp", 1),), 1, {"Timestamp": 1})


def first_event_from(hour: str, before: str) -> Find:
    """The first event of some hours."""
    window = {"$gte": f"{hour}:00:00.000Z", "$lt": f"{before}:00:00.000Z"}
    return Find(EVENTS, {"Timestamp": window}, (("Timestamp", 1),), 1, {"Timestamp": 1})


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rows(NamedTuple):
    """The rows of a family in an hour or a day."""

    span: Span
    family: str
    name: str
    """The hour or the day."""
    rev: int
    rows: list[Document] | None
    """None where there are too many to be kept."""


def put_rows(several: Sequence[Rows]) -> Update:
    """Keep rows, where none of the same revision or a later one are kept: whoever knows less is refused."""
    return Update(ROLLUPS, [_put(rows) for rows in several])


def _put(rows: Rows) -> UpdateOne:
    rev = EDITION * 2**40 + rows.rev  # what another edition kept gives way, whatever its revision
    older = {"_id": _row_id(rows.span, rows.family, rows.name), "rev": {"$lt": rev}}
    return UpdateOne(older, {"$set": {"rev": rev, "rows": rows.rows}}, upsert=True)


def rows_between(span: Span, family: str, first: str, last: str) -> Find:
    """The rows of a family from one hour or day to another, both included."""
    ids = {"$gte": _row_id(span, family, first), "$lte": _row_id(span, family, last)}
    return Find(ROLLUPS, {"_id": ids}, (("_id", 1),), projection={"rows": 1})


def rows_of(span: Span, families: Iterable[str], names: Sequence[str]) -> Find:
    """The rows of these families in these hours or days."""
    ids = [_row_id(span, family, name) for family in families for name in names]
    return Find(ROLLUPS, {"_id": {"$in": ids}}, projection={"rows": 1})


def read_rows(documents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Document] | None]:
    """Rows by family, and hour or day."""
    split = ((document["_id"].split("|"), document["rows"]) for document in documents)
    return {(family, name): rows for (_, family, name), rows in split}
