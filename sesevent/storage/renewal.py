"""What is asked and written where the `derived` of rows is given, made anew or taken back: as values.

Whatever touches many rows walks them by `_id`, and notes the page it is at in `ses_event_unfinished` before it changes
the first row of it. Next: :mod:`sesevent.plans.renewing`, which tells the story.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from math import inf
from typing import Any, Final, Literal, NamedTuple

from bson import ObjectId, json_util
from pymongo import UpdateOne

from sesevent.bounces import CLASSIFIED
from sesevent.storage.codec import DERIVED_VERSION, legacy_derived
from sesevent.storage.layout import EVENTS, SUPPRESSION_ACTS, UNFINISHED
from sesevent.storage.operations import Delete, Document, Find, Update
from sesevent.storage.sealing import SEALED, is_sealed
from sesevent.storage.standings import fact_document, facts_in

__all__ = [
    "BRACKETS", "DUPLICATE_OF", "Behind", "GivenBack", "Place", "Task", "adopted", "adopted_in_order", "below_today",
    "drop_page", "fact_ids", "forget_facts", "give_derived", "keep_page", "leave_derived", "mark_duplicates",
    "next_page", "ours_with", "place_behind", "read_place", "renew_derived", "same_as", "take_derived", "text_of_place",
    "unfinished", "unlike", "with_ids", "without_derived",
]  # fmt: skip

Task = Literal["give", "renew", "take"]
"""What is done to a page of rows."""

DUPLICATE_OF: Final = "duplicateOf"
"""Beside the five strings: the `_id` of the row that counts for the same event, where people asked for a mark."""


# ── walking all rows ────────────────────────────────────────────────────────────────────────────────────────────────

BRACKETS: Final[tuple[Any, ...]] = (-inf, "", ObjectId(b"\0" * 12))
"""Where ids begin that are numbers, texts, ObjectIds: MongoDB compares an id with others of its own kind only."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which row a walk over all ids stands."""

    bracket: int = 0
    last: Any = None
    """The last id seen; None at the begin of a bracket."""


def next_page(condition: Mapping[str, Any], place: Place, size: int) -> Find:
    """Rows behind a place, by `_id`, that a condition holds for."""
    begin = {"$gte": BRACKETS[place.bracket]} if place.last is None else {"$gt": place.last}
    where = {"$and": [{"_id": begin}, condition]} if condition else {"_id": begin}
    return Find(EVENTS, where, (("_id", 1),), size)


def place_behind(rows: Sequence[Document], place: Place, size: int) -> Place | None:
    """Where the walk stands behind a page; None at the end of all."""
    if len(rows) == size:
        return Place(place.bracket, rows[-1]["_id"])
    return Place(place.bracket + 1) if place.bracket + 1 < len(BRACKETS) else None


def text_of_place(place: Place) -> str:
    """A place as text that a bookmark holds."""
    return json_util.dumps([place.bracket, place.last])


def read_place(text: str | None) -> Place:
    """The place in a bookmark; the first where there is none."""
    return Place(*json_util.loads(text)) if text else Place()


# ── which rows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def without_derived(size: int) -> Find:
    """Rows of older shapes that have no `derived` yet."""
    # In the order of the index that holds nothing else: without an order MongoDB would read the whole collection.
    return Find(EVENTS, {"derived": None}, (("Type", 1), ("Timestamp", 1), ("_id", 1)), size)


Behind = tuple[str, Any]
"""Key and id of the row that a walk over rows of older shapes stands behind."""


def adopted(after: Behind | None, size: int) -> Find:
    """Rows of older shapes that were given theirs, as they are kept.

    Those that still hold what it was made of: nobody was erased from them.
    """
    whole = {"derived.erased": None, "thin": None}
    return Find(EVENTS, _with_keys(after) | whole, _BY_KEY, size, as_stored=True)


def adopted_in_order(after: Behind | None, size: int) -> Find:
    """Rows of older shapes that have `derived`, those of one event beside each other, the least id first."""
    wanted = {"Type": 1, "derived": 1, DUPLICATE_OF: 1}
    return Find(EVENTS, _with_keys(after), _BY_KEY, size, wanted, as_stored=True)


_BY_KEY: Final = (("derived.key", 1), ("_id", 1))


def _with_keys(after: Behind | None) -> dict[str, Any]:
    if after is None:
        return {"derived.key": {"$exists": True}}
    key, last = after
    behind = [{"derived.key": {"$gt": key}}, {"derived.key": key, "_id": {"$gt": last}}]
    return {"$and": [{"derived.key": {"$exists": True, "$gte": key}}, {"$or": behind}]}


def same_as(keys: Iterable[str]) -> Find:
    """Rows that hold one of these events: of this library, or of older shapes that were adopted."""
    wanted = list(keys)
    own = {"_id": {"$in": [ObjectId(key) for key in wanted]}, "derived": {"$ne": None}}
    return Find(EVENTS, {"$or": [own, {"derived.key": {"$in": wanted}}]}, projection={"derived": 1})


def ours_with(keys: Iterable[str]) -> Find:
    """Rows of this library that hold one of these events."""
    ids = [ObjectId(key) for key in sorted(keys)]
    return Find(
        EVENTS, {"_id": {"$in": ids}, "derived": {"$ne": None}}, projection={"derived.identity": 1, "derived.v": 1}
    )


def below_today(edition: str) -> dict[str, Any]:
    """Rows whose `derived` older versions of this library made, or whose reason other rules than *edition* told.

    Those of newer versions are left to them; of those that retention thinned nothing can be made anew.
    """
    kinds, others = {"$in": list(CLASSIFIED)}, {"derived.v": DERIVED_VERSION, "derived.rules": {"$ne": edition}}
    stale = [{"derived.v": {"$lt": DERIVED_VERSION}}, {"derived.v": None}, {"Type": kinds} | others]
    return {"derived": {"$ne": None}, "thin": None, "$or": [*stale, {"derived.type": kinds} | others]}


def with_ids(identifiers: Sequence[Any]) -> Find:
    """These rows, whole."""
    return Find(EVENTS, {"_id": {"$in": list(identifiers)}})


# ── changing rows ───────────────────────────────────────────────────────────────────────────────────────────────────


def give_derived(documents: Sequence[Mapping[str, Any]]) -> Update:
    """Give rows of older shapes their `derived`, in place; the five strings and the ``_id`` stay."""
    changes = [({"_id": row["_id"], "derived": None}, {"$set": {"derived": legacy_derived(row)}}) for row in documents]
    return Update(EVENTS, [UpdateOne(*change) for change in changes])


def renew_derived(documents: Sequence[Mapping[str, Any]]) -> Update:
    """Work out the `derived` of rows anew, in place, where nobody else has done so meanwhile."""
    return Update(EVENTS, [_renew(row) for row in documents])


def leave_derived(documents: Sequence[Mapping[str, Any]], edition: str) -> Update:
    """Have rows of which nothing can be told anew, since nobody can read them, count as told by these rules."""
    return Update(EVENTS, [UpdateOne({"_id": row["_id"]}, {"$set": {"derived.rules": edition}}) for row in documents])


def _renew(row: Mapping[str, Any]) -> UpdateOne:
    # Nor has a person been taken out of it: that must not come back.
    same = {f"derived.{name}": row["derived"].get(name) for name in ("v", "rules", "erased")}
    return UpdateOne({"_id": row["_id"], **same}, {"$set": {"derived": legacy_derived(row)}})


class GivenBack(NamedTuple):
    """A row of an older shape, as it is kept, and as its application is to have it again."""

    kept: Document
    opened: Document

    @property
    def sealed(self) -> list[str]:
        """Those of the five strings that are kept sealed."""
        return [name for name in _TEXTS if is_sealed(self.kept.get(name))]

    @property
    def is_readable(self) -> bool:
        """Whether what is sealed can be opened, and everybody in it: else it would not be what was written."""
        opened = all(name in self.opened and not is_sealed(self.opened[name]) for name in self.sealed)
        return opened and not (self.is_reworded and "unreadable" in self.opened)

    @property
    def is_reworded(self) -> bool:
        """Whether its text names people who have keys of their own: it was kept without their display names."""
        return SEALED in self.kept and "Message" in self.sealed


_TEXTS: Final = ("Message", "Subject")
"""What may be sealed of the five strings."""


def take_derived(rows: Sequence[GivenBack]) -> Update:
    """Take back what rows of older shapes were given: they are as their application wrote them, in the clear."""
    return Update(EVENTS, [_take(row) for row in rows], as_given=True)


def _take(row: GivenBack) -> UpdateOne:
    change: dict[str, Any] = {"$unset": {"derived": "", DUPLICATE_OF: "", SEALED: ""}}
    if row.sealed:
        change["$set"] = {name: row.opened[name] for name in row.sealed}
    same = {"_id": row.kept["_id"], "derived.key": row.kept["derived"]["key"]}
    return UpdateOne(same | {name: row.kept[name] for name in row.sealed}, change)


def mark_duplicates(marks: Mapping[Any, Any]) -> Update:
    """Say of rows which one counts instead of them; None: it counts itself."""
    changes = [
        UpdateOne({"_id": row}, {"$unset": {DUPLICATE_OF: ""}} if of is None else {"$set": {DUPLICATE_OF: of}})
        for row, of in marks.items()
    ]
    return Update(EVENTS, changes)


def unlike(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two `derived` say different things; who made them does not count."""
    return _said(before) != _said(after)


def _said(derived: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in derived.items() if name not in ("v", "rules")}
    if isinstance(at := said.get("at"), datetime):
        said["at"] = at.replace(microsecond=at.microsecond // 1000 * 1000)  # as MongoDB keeps it
    return said


# ── facts of rows ───────────────────────────────────────────────────────────────────────────────────────────────────


def fact_ids(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of the facts that rows hold."""
    return {fact_document(*fact)["_id"] for document in documents for fact in facts_in(document).items()}


def forget_facts(identifiers: Iterable[str]) -> Delete:
    """Forget facts: no row says them any more."""
    return Delete(SUPPRESSION_ACTS, {"_id": {"$in": sorted(identifiers)}})


# ── pages that are being changed ────────────────────────────────────────────────────────────────────────────────────


def keep_page(task: Task, rows: Sequence[Mapping[str, Any]], now: datetime) -> tuple[str, Update]:
    """Note that these rows are being changed. The same rows are the same page, whoever changes them."""
    ids = [row["_id"] for row in rows]
    digest = blake2b(json_util.dumps([task, ids]).encode(), digest_size=12, person=b"page").hexdigest()
    once = {"$setOnInsert": {"task": task, "rows": ids, "at": now}}
    return digest, Update(UNFINISHED, [UpdateOne({"_id": digest}, once, upsert=True)])


def drop_page(identifier: str) -> Delete:
    """Say that all is done that follows from a page's change."""
    return Delete(UNFINISHED, {"_id": identifier})


def unfinished() -> Find:
    """A page that somebody began to change."""
    return Find(UNFINISHED, {}, (("_id", 1),), 1)
