"""What is written, as values. Every write here can be repeated without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne

from sesevent.storage.layout import AUDIT, BOOKMARKS, DEAD_LETTERS, EVENTS, SUPPRESSION, SUPPRESSION_ACTS
from sesevent.storage.operations import Delete, Document, Insert, Update
from sesevent.storage.reads import MOVED
from sesevent.storage.standings import FACT, act_document, fact_document, standing_fields
from sesevent.suppression.facts import Act, Fact
from sesevent.suppression.standing import Standing

__all__ = [
    "drop_dead_letters", "drop_facts", "drop_standings", "insert_audit", "insert_events", "insert_facts",
    "insert_standings", "keep_dead_letters", "keep_names", "prefer_published", "put_bookmarks", "record_acts",
    "rename_acts", "renew_facts", "replace_standings",
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
    # It is whole again, if retention thinned it.
    return UpdateOne({"_id": document["_id"], "derived.identity": True}, {"$set": told, "$unset": {"thin": ""}})


def insert_standings(standings: Sequence[Sequence[Standing]]) -> Insert:
    """Keep the standings of people of whom none were kept; whoever was first wins."""
    return Insert(SUPPRESSION, [{"_id": own[0].address, "rev": 1} | standing_fields(own) for own in standings])


def replace_standings(changes: Sequence[tuple[Sequence[Standing], int]]) -> Update:
    """Replace people's standings, each guarded by the revision it was derived from.

    An upsert that finds another revision in its place runs into the taken ``_id``: that is how
    the loser of a race learns that it lost.
    """
    return Update(SUPPRESSION, [_replace(own, revision) for own, revision in changes])


def _replace(own: Sequence[Standing], revision: int) -> UpdateOne:
    fields = standing_fields(own) | {"rev": revision + 1}
    return UpdateOne({"_id": own[0].address, "rev": revision}, {"$set": fields}, upsert=True)


def insert_facts(facts: Sequence[tuple[str, Fact]]) -> Insert:
    """Note what events say about addresses, where it is not noted yet."""
    return Insert(SUPPRESSION_ACTS, [fact_document(address, fact) for address, fact in facts])


def renew_facts(facts: Sequence[tuple[str, Fact]]) -> Update:
    """Note what events say about addresses today.

    What an identity notification tells, which is less, never takes the place of what was published: there
    the upsert runs into the taken ``_id``, and is refused.
    """
    return Update(SUPPRESSION_ACTS, [_renew_fact(fact_document(address, fact)) for address, fact in facts])


def _renew_fact(document: Document) -> UpdateOne:
    same = {"_id": document["_id"]} | ({} if document["published"] else {"published": False})
    return UpdateOne(same, {"$set": document}, upsert=True)


def record_acts(acts: Sequence[tuple[str, Act]]) -> Insert:
    """Write down what was said about addresses; what was said already is said once."""
    return Insert(SUPPRESSION_ACTS, [act_document(address, act) for address, act in acts])


def rename_acts(names: Sequence[tuple[str, str]]) -> Update:
    """Have acts, by id, be about what their people are stored as now."""
    return Update(SUPPRESSION_ACTS, [UpdateOne({"_id": one}, {"$set": {"address": name}}) for one, name in names])


def drop_facts(identifiers: Sequence[str]) -> Delete:
    """Let go of facts that are noted under another name now."""
    return Delete(SUPPRESSION_ACTS, {"_id": {"$in": list(identifiers)}, "act": FACT})


def drop_standings(revisions: Mapping[str, int]) -> Delete:
    """Let go of standings that nobody changed since they had these revisions."""
    return Delete(SUPPRESSION, {"$or": [{"_id": address, "rev": rev} for address, rev in revisions.items()]})


def keep_names(names: Mapping[str, str]) -> Update:
    """Keep what people are stored as now who were stored under a pseudonym of an older key, which events still name."""
    return Update(
        SUPPRESSION,
        [UpdateOne({"_id": f"{MOVED}{old}"}, {"$set": {"now": name}}, upsert=True) for old, name in names.items()],
    )


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
    """Put an entry behind the last; refused where somebody was faster, or it is said already."""
    return Insert(AUDIT, [entry])


def put_bookmarks(places: Mapping[str, str], now: datetime) -> Update:
    """Put bookmarks where they are now; whoever is last wins."""
    changes = [(name, {"$set": {"place": place, "at": now}}) for name, place in places.items()]
    return Update(BOOKMARKS, [UpdateOne({"_id": name}, change, upsert=True) for name, change in changes])
