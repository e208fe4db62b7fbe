"""What is written, as values. Every write here can be repeated without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from sesevent.storage.codec import legacy_derived, standing_fields
from sesevent.storage.layout import EVENTS, SUPPRESSION
from sesevent.storage.operations import Document, Insert, Update
from sesevent.suppression.standing import Standing

__all__ = ["give_derived", "insert_events", "keep_standings", "prefer_published"]


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
