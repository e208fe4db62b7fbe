"""What is written, as values. Every write here can be repeated without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from sesevent.storage.codec import legacy_derived, standing_fields
from sesevent.storage.layout import AUDIT, DEAD_LETTERS, EVENTS, SUPPRESSION
from sesevent.storage.operations import Delete, Document, Insert, Update
from sesevent.suppression.standing import Standing

__all__ = [
    "drop_dead_letters", "give_derived", "insert_audit", "insert_events", "keep_dead_letters", "keep_standings",
    "prefer_published", "renew_derived",
]  # fmt: skip


def insert_events(documents: Sequence[Document]) -> Insert:
    """Insert events that are not there yet; their keys make repeats harmless."""
    return Insert(EVENTS, documents)


def prefer_published(documents: Sequence[Document]) -> Update:
    """Where an event is kept as an identity notification told it, keep what event publishing tells instead.

    So the row is the same whichever of the two came first. When and how it first arrived stays.
    """
    return Update(EVENTS, [_prefer(document) for document in documents])


def _prefer(document: Document) -> UpdateOne:
    told = {name: value for name, value in document.items() if name not in ("_id", "received")}
    return UpdateOne({"_id": document["_id"], "derived.identity": True}, {"$set": told})


def keep_standings(changes: Sequence[tuple[Standing, int]]) -> Update:
    """Replace standings, each guarded by the revision it was derived from (0: there was none).

    An upsert that finds another revision in its place runs into the taken ``_id``: that is how
    the loser of a race learns that it lost.
    """
    return Update(SUPPRESSION, [_keep(standing, revision) for standing, revision in changes])


def _keep(standing: Standing, revision: int) -> UpdateOne:
    fields = standing_fields(standing) | {"rev": revision + 1}
    return UpdateOne({"_id": standing.address, "rev": revision}, {"$set": fields}, upsert=True)


def give_derived(documents: Sequence[Mapping[str, Any]]) -> Update:
    """Give rows of older shapes their `derived`, in place; the five strings and the ``_id`` stay."""
    return Update(
        EVENTS,
        [
            UpdateOne({"_id": row["_id"], "derived": None}, {"$set": {"derived": legacy_derived(row)}})
            for row in documents
        ],
    )


def renew_derived(documents: Sequence[Mapping[str, Any]]) -> Update:
    """Work out the `derived` of rows anew, in place, where nobody else has done so meanwhile."""
    return Update(EVENTS, [_renew(row) for row in documents])


def _renew(row: Mapping[str, Any]) -> UpdateOne:
    same = {"_id": row["_id"], "derived.rules": row["derived"].get("rules")}
    return UpdateOne(same, {"$set": {"derived": legacy_derived(row)}})


def keep_dead_letters(documents: Sequence[Document]) -> Update:
    """Keep what could not be understood; what is kept already is counted."""
    return Update(DEAD_LETTERS, [_keep_dead_letter(document) for document in documents])


def _keep_dead_letter(document: Document) -> UpdateOne:
    once = {name: document[name] for name in ("content", "size", "received")}
    each_time = {name: document[name] for name in ("problems", "lastAt", "version")}
    change = {"$setOnInsert": once, "$set": each_time, "$inc": {"count": 1}}
    return UpdateOne({"_id": document["_id"]}, change, upsert=True)


def drop_dead_letters(identifiers: Sequence[ObjectId]) -> Delete:
    """Forget dead letters: they were understood at last, or a person said so."""
    return Delete(DEAD_LETTERS, {"_id": {"$in": list(identifiers)}})


def insert_audit(entry: Document) -> Insert:
    """Write down what was done; once, if it has an ``_id`` of its own."""
    return Insert(AUDIT, [entry])
