"""Which rows are new: as a change stream tells it, and as questions where there is none.

No one field tells when a row came. Three do, each for rows of its own, and each can be asked in order:
see `ARRIVALS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from bson import ObjectId, Timestamp

from sesevent.moments import UTC
from sesevent.storage import reads
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Document, Find

__all__ = [
    "ARRIVALS",
    "KEYS",
    "Arrival",
    "Key",
    "came_at",
    "key_of",
    "keys_since",
    "new_rows",
    "operation_time",
    "rows_with",
    "token_time",
]

KEYS: Final = 1000  # keys a page
_TIMED: Final = "82"  # how servers since MongoDB 4.0.7 write the type
_SECONDS_END: Final = 10  # hexadecimal digits up to the end of the seconds


class Arrival(NamedTuple):
    """A field that tells when a row came."""

    field: str
    only: Mapping[str, Any]
    """The rows it is asked of."""
    why: str


ARRIVALS: Final = (
    Arrival("received.at", {}, "rows of this library: set by whoever received them, before they are written"),
    Arrival("received.storedAt", {}, "rows that were dead letters before: they came long after they were received"),
    Arrival("_id", {"received": None}, "rows of a Mongoose application: an ObjectId begins with when it was made"),
)


class Key(NamedTuple):
    """A row, and when it came."""

    at: datetime
    id: Any

    @property
    def order(self) -> tuple[datetime, str]:
        """By which rows are given."""
        return self.at, str(self.id)


def keys_since(arrival: Arrival, since: datetime) -> Find:
    """The first page of keys of rows that came since then, in order. Polling's indexes answer it alone."""
    name = arrival.field
    bound = since if name != "_id" else ObjectId.from_datetime(since)
    return _keys(arrival, {name: {"$gte": bound}})


def keys_behind(arrival: Arrival, key: Key) -> list[Find]:
    """What is to be asked behind a full page: those of the same moment, then those that came later.

    As one question it would be one of alternatives, and MongoDB reads each row to decide those.
    """
    name = arrival.field
    if name == "_id":
        return [_keys(arrival, {"_id": {"$gt": key.id}})]
    return [_keys(arrival, {name: key.at, "_id": {"$gt": key.id}}), _keys(arrival, {name: {"$gt": key.at}})]


def _keys(arrival: Arrival, asked: Mapping[str, Any]) -> Find:
    names = dict.fromkeys((arrival.field, "_id"), 1)
    return Find(EVENTS, {**arrival.only, **asked}, tuple(names.items()), KEYS, names)


def key_of(arrival: Arrival, document: Document) -> Key:
    """The key in what `keys_since` found."""
    if arrival.field == "_id":
        return Key(document["_id"].generation_time.astimezone(UTC), document["_id"])
    return Key(document["received"][arrival.field.partition(".")[2]], document["_id"])


def rows_with(keys: Sequence[Key], types: Iterable[str]) -> Find:
    """The rows of these keys, whole, in no order; only those of these types, if any are named."""
    words = list(types)
    return Find(EVENTS, {"_id": {"$in": [key.id for key in keys]}, **(reads.of_types(words) if words else {})})


def new_rows(types: Iterable[str]) -> list[Document]:
    """A change stream's pipeline: inserted rows of these types, of all if none are named, and its own end."""
    words = list(types)
    wanted = _inside(reads.of_types(words), "fullDocument.") if words else {}
    return [{"$match": {"$or": [{"operationType": "insert", **wanted}, {"operationType": "invalidate"}]}}]


def came_at(change: Document) -> datetime:
    """When a change was made, by the server's clock."""
    moment: datetime = change["clusterTime"].as_datetime()
    return moment


def operation_time(moment: datetime) -> Timestamp:
    """A moment as a change stream counts."""
    return Timestamp(max(int(moment.timestamp()), 1), 1)


def _inside(condition: Any, prefix: str) -> Any:
    """A filter, for documents that are a field of others."""
    if isinstance(condition, list):
        return [_inside(each, prefix) for each in condition]
    return {
        name if name.startswith("$") else prefix + name: _inside(value, prefix) if name in ("$or", "$and") else value
        for name, value in condition.items()
    }


def token_time(token: Mapping[str, Any] | None) -> datetime | None:
    """How far a change stream is, by its token: the server's time of the last change it saw go by.

    A token is opaque to clients. MongoDB's own begin with the type of a timestamp and its seconds; of any other
    form nothing is told.
    """
    data = (token or {}).get("_data")
    if not isinstance(data, str) or not data.startswith(_TIMED) or len(data) < _SECONDS_END:
        return None
    try:
        return datetime.fromtimestamp(int(data[2:_SECONDS_END], 16), UTC)
    except (ValueError, OverflowError):
        return None
