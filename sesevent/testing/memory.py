"""A store without a server, for the tests of services that use this library.

`memory_store` and `async_memory_store` are the real `EventStore` and `AsyncEventStore` over
collections that live in this process: every decision is the real one, and documents go through
BSON as on the wire. The library's own behavioural tests run against both kinds. It understands
the questions and changes that this library asks, refuses all others loudly, and keeps nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import gt, lt
from typing import Any, Final, NamedTuple, NoReturn

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from pymongo import DeleteOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, OperationFailure

from sesevent.aio import AsyncEventStore
from sesevent.moments import UTC
from sesevent.storage.failures import DUPLICATE_KEY
from sesevent.storage.ordering import order
from sesevent.sync import EventStore

__all__ = ["AsyncMemoryClient", "MemoryClient", "async_memory_store", "memory_store"]

Document = dict[str, Any]

_CODEC: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
_LARGEST: Final = 16 * 2**20


def memory_store(client: MemoryClient | None = None, **settings: Any) -> EventStore:
    """An `EventStore` in memory. *settings* are the store's; stores over one *client* share what they keep."""
    return EventStore(client or MemoryClient(), **settings)  # type: ignore[arg-type]  # has what a store asks of it


def async_memory_store(client: MemoryClient | None = None, **settings: Any) -> AsyncEventStore:
    """An `AsyncEventStore` in memory. *settings* are the store's; stores over one *client* share what they keep."""
    return AsyncEventStore(AsyncMemoryClient(client or MemoryClient()), **settings)  # type: ignore[arg-type]


class MemoryClient:
    """Databases in memory, by name."""

    def __init__(self) -> None:
        self._databases: dict[str, MemoryDatabase] = {}

    def __getitem__(self, name: str) -> MemoryDatabase:
        return self._databases.setdefault(name, MemoryDatabase(self))

    def get_database(self, name: str) -> MemoryDatabase:
        """The database of this name."""
        return self[name]

    def get_default_database(self, default: str) -> MemoryDatabase:
        """The database of this name: there is no URI to name another."""
        return self[default]

    def drop_database(self, name: str) -> None:
        """Forget what is in a database; stores over it find it empty."""
        for collection in self[name]._collections.values():
            collection.delete_many({})

    def close(self) -> None:
        """Do nothing: there is no connection."""


class MemoryDatabase:
    """Collections in memory, by name."""

    def __init__(self, client: MemoryClient) -> None:
        self.client = client
        self._collections: dict[str, MemoryCollection] = {}

    def __getitem__(self, name: str) -> MemoryCollection:
        return self._collections.setdefault(name, MemoryCollection(self, name))

    def get_collection(self, name: str, **_: Any) -> MemoryCollection:
        """The collection of this name."""
        return self[name]

    def create_collection(self, name: str, **_: Any) -> MemoryCollection:
        """The collection of this name: here all exist."""
        return self[name]

    def command(self, name: str | Mapping[str, Any]) -> Document:
        """What a server would answer; raises NotImplementedError for what is about a server's disk."""
        answers: dict[str, Document] = {
            "hello": {"setName": "memory", "hosts": ["memory"]},
            "buildInfo": {"version": "in memory"},
            "replSetGetStatus": {"members": [{"name": "memory", "stateStr": "PRIMARY", "health": 1}]},
        }
        if not isinstance(name, str) or name not in answers:
            raise NotImplementedError("The store in memory has no disk, and knows no such command.")
        return answers[name]


class _Found(NamedTuple):
    documents: list[Document]

    def to_list(self) -> list[Document]:
        return self.documents


class _Done(NamedTuple):
    deleted_count: int = 0
    bulk_api_result: Mapping[str, Any] | None = None
    matched_count: int = 0
    modified_count: int = 0
    upserted_id: Any = None


class MemoryCollection:
    """Documents by ``_id``. Each call is one atomic step, as each document's is on a server."""

    def __init__(self, database: MemoryDatabase, name: str) -> None:
        self.database = database
        self.name = name
        self._documents: dict[Any, Document] = {}
        self._indexes = ["_id_"]
        self._lock = threading.RLock()

    def find(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # PyMongo's word
        projection: Mapping[str, Any] | None = None,
        *,
        sort: Sequence[tuple[str, int]] | None = None,
        limit: int = 0,
    ) -> _Found:
        """Documents that match."""
        with self._lock:
            found = [document for document in self._documents.values() if _matches(document, filter or {})]
            for name, direction in reversed(sort or ()):
                found.sort(key=lambda document: order(_at(document, name)), reverse=direction < 0)
            return _Found([_projected(_copy(document), projection) for document in found[: limit or None]])

    def with_options(self, **_: Any) -> MemoryCollection:
        """The same collection: what is written here is as durable as it will ever be."""
        return self

    def count_documents(self, filter: Mapping[str, Any], limit: int = 0) -> int:  # noqa: A002
        """How many match."""
        return len(self.find(filter, limit=limit).documents)

    def insert_many(self, documents: Iterable[Document], ordered: bool = True) -> _Done:
        """Insert; raises BulkWriteError for those whose ``_id`` is taken."""
        errors = []
        with self._lock:
            for index, document in enumerate(documents):
                copy = _copy(document | {"_id": document.get("_id", ObjectId())})
                if copy["_id"] in self._documents:
                    errors.append({"index": index, "code": DUPLICATE_KEY})
                    if ordered:
                        break
                else:
                    self._documents[copy["_id"]] = copy
        return _reported(errors, 0, 0)

    def bulk_write(self, requests: Iterable[Any], **_: Any) -> _Done:
        """Perform ``UpdateOne`` and ``DeleteOne`` requests, in no order.

        Raises BulkWriteError where an upsert meets a taken ``_id``.
        """
        errors, matched, upserted, removed = [], 0, 0, 0
        for index, request in enumerate(requests):
            with self._lock:
                found = next((kept for kept in self._documents.values() if _matches(kept, request._filter)), None)
                if isinstance(request, DeleteOne):
                    removed += found is not None and self._documents.pop(found["_id"]) is not None
                elif found is not None:
                    self._documents[found["_id"]] = _copy(_changed(found, request._doc, fresh=False))
                    matched += 1
                elif request._upsert:
                    made = _copy(_changed(_fresh(request._filter), request._doc, fresh=True))
                    if made["_id"] in self._documents:
                        errors.append({"index": index, "code": DUPLICATE_KEY})
                    else:
                        self._documents[made["_id"]] = made
                        upserted += 1
        return _reported(errors, matched, upserted, removed)

    def update_many(self, filter: Mapping[str, Any], update: Mapping[str, Any], upsert: bool = False) -> _Done:  # noqa: A002
        """Change all that match; where *upsert* says so, make a document if none does."""
        with self._lock:
            found = [kept for kept in self._documents.values() if _matches(kept, filter)]
            changed = [_copy(_changed(kept, update, fresh=False)) for kept in found]
            self._documents |= {document["_id"]: document for document in changed}
            if found or not upsert:
                modified = sum(before != after for before, after in zip(found, changed, strict=True))
                return _Done(matched_count=len(found), modified_count=modified)
            made = _copy(_changed(_fresh(filter), update, fresh=True))
            if made["_id"] in self._documents:
                raise DuplicateKeyError("the key is taken", DUPLICATE_KEY)
            self._documents[made["_id"]] = made
            return _Done(upserted_id=made["_id"])

    def delete_many(self, filter: Mapping[str, Any]) -> _Done:  # noqa: A002
        """Delete what matches."""
        with self._lock:
            gone = [key for key, document in self._documents.items() if _matches(document, filter)]
            for key in gone:
                del self._documents[key]
        return _Done(len(gone))

    def create_indexes(self, indexes: Sequence[Any]) -> list[str]:
        """Remember their names: in memory everything is looked at."""
        names = [index.document["name"] for index in indexes]
        self._indexes += [name for name in names if name not in self._indexes]
        return names

    def watch(self, *_: Any, **__: Any) -> NoReturn:
        """Say what a stand-alone server says: there are no change streams."""
        raise OperationFailure("there are no change streams in memory", 40573)

    def aggregate(self, *_: Any, **__: Any) -> NoReturn:
        """Say that it cannot: answers made of nothing would look like good news."""
        raise NotImplementedError(
            "the store in memory makes no aggregations: ask analytics of a MongoDB (sesevent.local)"
        )

    def index_information(self) -> Mapping[str, Any]:
        """The names of the indexes."""
        return dict.fromkeys(self._indexes)


class AsyncMemoryClient:
    """The same for asyncio: what PyMongo's ``AsyncMongoClient`` has that must be awaited, must be here."""

    def __init__(self, client: MemoryClient) -> None:
        self._client = client

    def __getitem__(self, name: str) -> _Async:
        return _Async(self._client[name])

    def get_default_database(self, default: str) -> _Async:
        """The database of this name."""
        return self[default]

    async def drop_database(self, name: str) -> None:
        """Forget a database."""
        self._client.drop_database(name)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class _Async:
    """A database, collection or cursor of the other colour."""

    def __init__(self, blocking: Any) -> None:
        self._blocking = blocking

    def __getitem__(self, name: str) -> _Async:
        return _Async(self._blocking[name])

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._blocking, name)
        if name in ("get_collection", "get_database", "find", "with_options"):
            return lambda *arguments, **named: _Async(member(*arguments, **named))
        return _awaited(member) if callable(member) else _Async(member)


def _awaited(member: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **named: Any) -> Any:
        return member(*arguments, **named)

    return call


# ── The part of MongoDB's query language that this library speaks ────────────────────────────


def _matches(document: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    return all(_holds(document, name, condition) for name, condition in conditions.items())


def _holds(document: Mapping[str, Any], name: str, condition: Any) -> bool:
    if name == "$and":
        return all(_matches(document, part) for part in condition)
    if name == "$or":
        return any(_matches(document, part) for part in condition)
    if name == "$nor":
        return not any(_matches(document, part) for part in condition)
    if name.startswith("$"):
        raise _unknown(name)
    values = _values(document, name.split("."))
    if isinstance(condition, Mapping) and any(key.startswith("$") for key in condition):
        return all(_known(operator)(values, wanted) for operator, wanted in condition.items())
    return _equals(values, condition)


def _known(operator: str) -> Callable[[list[Any], Any], bool]:
    if operator not in _OPERATORS:
        raise _unknown(operator)
    return _OPERATORS[operator]


def _unknown(operator: str) -> NotImplementedError:
    return NotImplementedError(f"the store in memory does not know {operator}")


def _values(value: Any, path: Sequence[str]) -> list[Any]:
    """Everything at a path: arrays on the way are looked into, an array at its end counts whole and by its members."""
    if not path:
        return [value, *value] if isinstance(value, list) else [value]
    if isinstance(value, list):
        return [found for member in value if isinstance(member, Mapping) for found in _values(member, path)]
    if isinstance(value, Mapping) and path[0] in value:
        return _values(value[path[0]], path[1:])
    return []


def _equals(values: list[Any], wanted: Any) -> bool:
    return (wanted is None and not values) or any(type(value) is type(wanted) and value == wanted for value in values)


def _compares(test: Callable[[Any, Any], bool]) -> Callable[[list[Any], Any], bool]:
    return lambda values, wanted: any(
        order(value)[0] == order(wanted)[0] and test(value, wanted) for value in values if value is not None
    )


_TYPES: Final = {"binData": bytes, "string": str, "object": dict}  # as far as they are asked for

_OPERATORS: Final[dict[str, Callable[[list[Any], Any], bool]]] = {
    "$in": lambda values, wanted: any(_equals(values, each) for each in wanted),
    "$ne": lambda values, wanted: not _equals(values, wanted),
    "$not": lambda values, wanted: not all(_known(operator)(values, each) for operator, each in wanted.items()),
    "$exists": lambda values, wanted: bool(values) == wanted,
    "$type": lambda values, wanted: any(isinstance(value, _TYPES[wanted]) for value in values),
    "$regex": lambda values, wanted: any(isinstance(value, str) and re.search(wanted, value) for value in values),
    "$elemMatch": lambda values, wanted: any(_matches(value, wanted) for value in values if isinstance(value, dict)),
    "$gt": _compares(lambda value, wanted: value > wanted),
    "$gte": _compares(lambda value, wanted: value >= wanted),
    "$lt": _compares(lambda value, wanted: value < wanted),
    "$lte": _compares(lambda value, wanted: value <= wanted),
}


def _at(document: Mapping[str, Any], name: str) -> Any:
    return next(iter(_values(document, name.split("."))), None)


_EXTREMES: Final[dict[str, Callable[[Any, Any], bool]]] = {"$max": gt, "$min": lt}


def _projected(document: Document, projection: Mapping[str, Any] | None) -> Document:
    if not projection:
        return document
    if not all(projection.values()):
        return {name: value for name, value in document.items() if name not in projection}
    paths = [name.split(".") for name in (*projection, "_id")]
    return _only(document, paths)


def _only(document: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> Document:
    """What lies at these paths; below a field that is named whole, everything."""
    found: Document = {}
    for name, value in document.items():
        rests = [path[1:] for path in paths if path[0] == name]
        if rests:
            deeper = all(rests) and isinstance(value, Mapping)
            found[name] = _only(value, rests) if deeper else value
    return found


def _fresh(conditions: Mapping[str, Any]) -> Document:
    """What an upsert begins with: the fields that it asked to be equal to something."""
    equal = {name: value for name, value in conditions.items() if not isinstance(value, Mapping) or name == "_id"}
    return {"_id": ObjectId(), **equal}


def _changed(document: Mapping[str, Any], change: Mapping[str, Any], *, fresh: bool) -> Document:
    changed = _copy(document)
    for operator, fields in change.items():
        for name, value in fields.items():
            holder = changed
            *way, last = name.split(".")
            for step in way:
                holder = holder.setdefault(step, {})
            if operator == "$inc":
                holder[last] = holder.get(last, 0) + value
            elif operator == "$unset":
                holder.pop(last, None)
            elif operator in _EXTREMES:
                if last not in holder or _EXTREMES[operator](order(value), order(holder[last])):
                    holder[last] = value
            elif operator == "$set" or (operator == "$setOnInsert" and fresh):
                holder[last] = value
            elif operator != "$setOnInsert":
                raise _unknown(operator)
    return changed


def _copy(document: Mapping[str, Any]) -> Document:
    """Through BSON, so that what is kept is what a server would keep."""
    encoded = bson.encode(document)
    if len(encoded) > _LARGEST:
        raise DocumentTooLarge("a document is larger than 16 MiB")
    return dict(bson.decode(encoded, _CODEC))


def _reported(errors: list[dict[str, int]], matched: int, upserted: int, removed: int = 0) -> _Done:
    counts = {
        "nMatched": matched,
        "nUpserted": upserted,
        "nRemoved": removed,
        "writeErrors": errors,
        "writeConcernErrors": [],
    }
    if errors:
        raise BulkWriteError(counts)
    return _Done(bulk_api_result=counts)
