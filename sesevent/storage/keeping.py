"""What is asked and written where events leave the log, or come back to it: days, whole rows, guarded deletes, holds.

A *hold* names what must stay, whatever a policy says: an address, a mail or a campaign. Next:
:mod:`sesevent.plans.keeping`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, get_args

import bson
from bson import ObjectId
from pymongo import IndexModel

from sesevent import addresses
from sesevent.errors import ConfigurationError
from sesevent.storage.layout import EVENTS, HOLDS
from sesevent.storage.operations import (
    Aggregate,
    CreateIndexes,
    DatabaseCommand,
    Delete,
    Document,
    Find,
    Insert,
    UpdateAll,
)
from sesevent.storage.sealing import SEALED

__all__ = [
    "EVERYTHING", "EXPIRY", "FIRST_DAY", "Chosen", "Filter", "Hold", "HoldKind", "Place", "all_indexes", "by_any_name",
    "by_month", "drop_hold", "expire_after", "expire_otherwise", "first_between", "first_held", "hold_in", "holds",
    "insert_hold", "is_day", "is_held", "never_expire", "next_day_of", "not_held", "page_of", "remove_events",
    "thin_events", "whole_events",
]  # fmt: skip

Filter = Mapping[str, Any]
Place = tuple[str, Any]
"""A row's `Timestamp` and `_id`: where it stands in its day."""
_ROOM: Final = 4 * 2**20
"""Bytes: of `derived` in one command. A single one may have three times as many: then it goes alone."""
FIRST_DAY: Final = "2000-01-01"
"""Rows whose time cannot be told are never touched: texts that are no such time lie before, or are passed over."""


class Chosen(NamedTuple):
    """Which events: what is not said is not asked for."""

    types: tuple[str, ...] = ()
    """SES's words."""
    configuration_sets: tuple[str, ...] = ()
    whole: bool = False
    """Only those that still have their `Message`."""

    def filter(self) -> Filter:
        """As a question to MongoDB."""
        found: dict[str, Any] = {}
        if self.types:
            words = list(self.types)
            # A row may hold an SNS envelope: its column then says Notification, and `derived` what happened.
            found["$or"] = [{"Type": {"$in": words}, "derived.type": None}, {"derived.type": {"$in": words}}]
        if self.configuration_sets:
            found["derived.configurationSet"] = {"$in": list(self.configuration_sets)}
        if self.whole:
            found |= {"thin": None, "Message": {"$exists": True}, "derived": {"$ne": None}}
        return found


EVERYTHING: Final = Chosen()

# ── holds ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HoldKind = Literal["address", "message", "campaign"]


class Hold(NamedTuple):
    """Something that must be kept, and why."""

    id: str
    kind: HoldKind
    value: str
    """The address in normal form, SES's id of the mail, or the campaign's name."""
    by: str
    why: str
    at: datetime

    def __repr__(self) -> str:
        return f"<Hold {self.id} on {addresses.mask(self.value) if self.kind == 'address' else self.value}>"


def hold_in(document: Mapping[str, Any]) -> Hold:
    """The hold in a document."""
    told = [document[name] for name in ("kind", "value", "by", "why", "at")]
    return Hold(str(document["_id"]), *told)


def holds() -> Find:
    """Everything that must be kept."""
    return Find(HOLDS, {}, (("_id", 1),))


def insert_hold(hold: Hold) -> Insert:
    """Put a hold; what is held already for this reason by this person stays as it is."""
    if hold.kind not in get_args(HoldKind) or not hold.value:
        raise ConfigurationError("A hold is put on an address, a message or a campaign, and names which.")
    fields = {"kind": hold.kind, "value": hold.value, "by": hold.by, "why": hold.why, "at": hold.at}
    return Insert(HOLDS, [{"_id": ObjectId(hold.id), **fields}])


def drop_hold(identifier: str) -> Delete:
    """Lift a hold."""
    return Delete(HOLDS, {"_id": ObjectId(identifier)})


def not_held(found: Iterable[Hold], forms: Callable[[str], Sequence[str]] = lambda normal: (normal,)) -> Filter:
    """Events that nothing holds. Rows of which it cannot be told whom they concern count as held, if any person is.

    *forms* tells what an address in normal form may be stored as.
    """
    held = _held([one for hold in found for one in by_any_name(hold, forms)])
    return {"$nor": [*held, {"derived": None}]} if held else {}


def by_any_name(hold: Hold, forms: Callable[[str], Sequence[str]]) -> list[Hold]:
    """A hold, and the same for whatever else its person may be stored as."""
    if hold.kind != "address":
        return [hold]
    return [hold._replace(value=form) for form in forms(addresses.normal(hold.value))]


def first_held(people: Sequence[str], found: Iterable[Hold]) -> Find | None:
    """An event about somebody that something holds; None where nothing is held."""
    held = _held(found)
    return Find(EVENTS, {"derived.recipients": {"$in": list(people)}, "$or": held}, (), 1, {"_id": 1}) if held else None


def is_held(document: Mapping[str, Any], found: Iterable[Hold]) -> bool:
    """Whether something holds a row that was read."""
    derived: Mapping[str, Any] = document.get("derived") or {}
    campaigns = {derived.get("campaign")}
    for tag in derived.get("tags", ()):
        campaigns.update(tag["values"] if tag["name"] == "campaign" else ())
    of = {
        "address": set(derived.get("recipients", ())),
        "message": {document.get("MessageId"), derived.get("messageId")},
        "campaign": campaigns,
    }
    return any(one.value in of[one.kind] for one in found)


def _held(found: Iterable[Hold]) -> list[Filter]:
    by_kind: dict[str, list[str]] = {}
    for hold in found:
        by_kind.setdefault(hold.kind, []).append(hold.value)
    held: list[Filter] = []
    if "address" in by_kind:
        held.append({"derived.recipients": {"$in": by_kind["address"]}})
    if "message" in by_kind:
        held += [{name: {"$in": by_kind["message"]}} for name in ("MessageId", "derived.messageId")]
    if "campaign" in by_kind:
        names = {"$in": by_kind["campaign"]}
        held += [
            {"derived.campaign": names},
            {"derived.tags": {"$elemMatch": {"name": "campaign", "values": names}}},
        ]
    return held


# ── expiry ──────────────────────────────────────────────────────────────────────────────────────────────────────────

EXPIRY: Final = "expiry"
"""The TTL index, where somebody chose one: MongoDB deletes what its field says is older."""


def expire_after(seconds: int) -> CreateIndexes:
    """Have MongoDB delete events by itself. Rows without `derived`, and those whose time cannot be told, stay."""
    return CreateIndexes(EVENTS, [IndexModel([("derived.at", 1)], name=EXPIRY, expireAfterSeconds=seconds)])


def expire_otherwise(seconds: int) -> DatabaseCommand:
    """Have it delete them sooner or later than before."""
    return DatabaseCommand({"collMod": "", "index": {"name": EXPIRY, "expireAfterSeconds": seconds}}, EVENTS)


def never_expire() -> DatabaseCommand:
    """Have it delete them no more."""
    return DatabaseCommand({"dropIndexes": "", "index": EXPIRY}, EVENTS)


def all_indexes() -> DatabaseCommand:
    """The indexes of the events, as they were made."""
    return DatabaseCommand({"listIndexes": ""}, EVENTS)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_day(text: str) -> bool:
    """True for ``2024-05-01``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def next_day_of(day: str) -> str:
    """The day after a day."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def first_between(since: str, before: str, conditions: Sequence[Filter], *, behind: bool = False) -> Find:
    """The time of the first event from *since* on (*behind* it), and before another time."""
    window = {"Timestamp": {"$gt" if behind else "$gte": since, "$lt": before}}
    return Find(EVENTS, _all([window, *conditions]), (("Timestamp", 1), ("_id", 1)), 1, {"Timestamp": 1})


def page_of(
    day: str, before: str, conditions: Sequence[Filter], after: Place | None, size: int, *, raw: bool = False
) -> Find:
    """Whole rows of a day that happened before a time, in order, behind a place, as a majority holds them."""
    until = min(next_day_of(day), before)
    window: list[Filter] = [{"Timestamp": {"$gte": day if after is None else after[0], "$lt": until}}]
    if after is not None:
        stamp, identifier = after
        window.append({"$or": [{"Timestamp": {"$gt": stamp}}, {"Timestamp": stamp, "_id": {"$gt": identifier}}]})
    order = (("Timestamp", 1), ("_id", 1))
    return Find(EVENTS, _all([*window, *conditions]), order, size, durable=True, raw=raw, as_stored=True)


def by_month(since: str, before: str, conditions: Sequence[Filter]) -> Aggregate:
    """How many events there are in each month."""
    window = {"Timestamp": {"$gte": since, "$lt": before, "$regex": r"^\d{4}-\d{2}-\d{2}"}}
    group = {"_id": {"$substrCP": ["$Timestamp", 0, 7]}, "events": {"$sum": 1}}
    return Aggregate(EVENTS, [{"$match": _all([window, *conditions])}, {"$group": group}, {"$sort": {"_id": 1}}])


def whole_events(identifiers: Sequence[Any], *, raw: bool = False) -> Find:
    """These rows, as a majority of the members holds them."""
    return Find(EVENTS, {"_id": {"$in": list(identifiers)}}, durable=True, raw=raw, as_stored=True)


def remove_events(documents: Sequence[Document], free: Filter) -> Iterator[Delete]:
    """Delete rows that are still what they were when they were read, and that nothing holds."""
    for some in _fitting(documents):
        yield Delete(EVENTS, {**_same(some), **free})


def thin_events(documents: Sequence[Document], free: Filter) -> Iterator[UpdateAll]:
    """Drop the `Message` of such rows, and say so in them: `derived`, which was made of it, is all that is left."""
    change = {"$unset": {"Message": "", SEALED: ""}, "$set": {"thin": True}}
    for some in _fitting(documents):
        yield UpdateAll(EVENTS, {**_same(some), **free}, change)


def _fitting(documents: Sequence[Document]) -> Iterator[list[Document]]:
    """As many at a time as a command has room for."""
    some: list[Document] = []
    room = _ROOM
    for document in documents:
        room -= len(bson.encode({"": document.get("derived")}))
        if some and room < 0:
            yield some
            some, room = [], _ROOM
        some.append(document)
    if some:
        yield some


def _same(some: Sequence[Document]) -> dict[str, Any]:
    """Rows that are still what they were.

    Whoever changes a row changes its `derived`, and to none that another of these rows had. So it is enough to ask
    whether it is among theirs, in one command for many rows: that is several times as fast as one for each.
    """
    return {"_id": {"$in": [one["_id"] for one in some]}, "derived": {"$in": [one.get("derived") for one in some]}}


def _all(conditions: Sequence[Filter]) -> Filter:
    told = [condition for condition in conditions if condition]
    return told[0] if len(told) == 1 else {"$and": told}
