"""What can be asked of MongoDB, as values that PyMongo's sync and async collections both understand.

Next: :mod:`sesevent.storage.reads` and :mod:`sesevent.storage.writes`, which make them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import isawaitable
from typing import Any, Final, NamedTuple

from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import DeleteOne, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from sesevent.storage.failures import DUPLICATE_KEY, refused

__all__ = [
    "CLOCK", "PATIENCE", "PSEUDONYMS", "SEALS", "AdminCommand", "Aggregate", "AskKeys", "AskPseudonyms", "Change",
    "CloseStream", "Command", "Count", "CreateIndexes", "DatabaseCommand", "Delete", "Document", "Find", "Insert",
    "ListIndexes", "NextChange", "Now", "OpenStream", "Remove", "Reseal", "Shred", "Unseal", "Update", "UpdateAll",
    "Updated", "UseMaster",
]  # fmt: skip

Document = dict[str, Any]
_MAJORITY: Final = ReadConcern("majority")

PATIENCE = 500
"""Milliseconds that a server waits for a change before it says that there is none: how long stopping may take."""


@dataclass(frozen=True, slots=True)
class Find:
    """Read documents."""

    collection: str
    filter: Mapping[str, Any]
    sort: tuple[tuple[str, int], ...] = ()
    limit: int = 0
    """0: no limit."""
    projection: Mapping[str, Any] | None = None
    durable: bool = False
    """Only what a majority of the members holds: it cannot be rolled back."""
    as_stored: bool = False
    """What is encrypted stays so."""
    raw: bool = False
    """As the server sent them, undecoded: for documents that are only handed on."""

    def start(self, collections: Any) -> Any:
        collection = collections[self.collection]
        if self.durable:
            collection = collection.with_options(read_concern=_MAJORITY)
        if self.raw:
            collection = collection.with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS)
        found = collection.find(self.filter, self.projection, sort=list(self.sort) or None, limit=self.limit)
        return found.to_list()

    def finish(self, outcome: list[Document]) -> list[Document]:
        return outcome


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert documents that are not there yet. The result says of each whether it was fresh."""

    collection: str
    documents: Sequence[Document]

    def start(self, collections: Any) -> Any:
        # Unordered, so that a document that is there already does not keep the others out.
        return collections[self.collection].insert_many(self.documents, ordered=False)

    def finish(self, outcome: Any) -> list[bool]:
        fresh = [True] * len(self.documents)
        for position in _duplicates(outcome):
            fresh[position] = False
        return fresh


class Updated(NamedTuple):
    """What became of updates."""

    matched: int
    refused: tuple[int, ...]
    """Positions of guarded upserts that found somebody else's document in their place."""


@dataclass(frozen=True, slots=True)
class Update:
    """Perform updates, in no order."""

    collection: str
    updates: Sequence[UpdateOne]
    as_given: bool = False
    """Also a store that encrypts writes what is given, in the clear."""

    def start(self, collections: Any) -> Any:
        return collections[self.collection].bulk_write(list(self.updates), ordered=False)

    def finish(self, outcome: Any) -> Updated:
        lost = tuple(_duplicates(outcome))
        counts = outcome.details if isinstance(outcome, BulkWriteError) else outcome.bulk_api_result
        return Updated(counts["nMatched"] + counts["nUpserted"], lost)


@dataclass(frozen=True, slots=True)
class UpdateAll:
    """Change documents alike, in a way that holds nothing to be sealed. The result is how many were changed by it."""

    collection: str
    filter: Mapping[str, Any]
    change: Mapping[str, Any]

    def start(self, collections: Any) -> Any:
        return collections[self.collection].update_many(self.filter, self.change)

    def finish(self, outcome: Any) -> int:
        return int(outcome.modified_count)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete documents. The result is how many."""

    collection: str
    filter: Mapping[str, Any]

    def start(self, collections: Any) -> Any:
        return collections[self.collection].delete_many(self.filter)

    def finish(self, outcome: Any) -> int:
        return int(outcome.deleted_count)


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete these documents, each guarded by a filter of its own, in no order. The result is how many were there."""

    collection: str
    filters: Sequence[Mapping[str, Any]]

    def start(self, collections: Any) -> Any:
        requests = [DeleteOne(dict(each)) for each in self.filters]
        return collections[self.collection].bulk_write(requests, ordered=False)

    def finish(self, outcome: Any) -> int:
        if isinstance(outcome, BulkWriteError):
            raise refused(outcome) from None
        return int(outcome.bulk_api_result["nRemoved"])


@dataclass(frozen=True, slots=True)
class Count:
    """Count documents."""

    collection: str
    filter: Mapping[str, Any]
    limit: int = 0

    def start(self, collections: Any) -> Any:
        # limit=0 would be refused by the server
        bound = {"limit": self.limit} if self.limit else {}
        return collections[self.collection].count_documents(self.filter, **bound)

    def finish(self, outcome: int) -> int:
        return outcome


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Ask for what a pipeline makes of a collection."""

    collection: str
    pipeline: Sequence[Mapping[str, Any]]

    def start(self, collections: Any) -> Any:
        # What does not fit in the server's memory may go to its disk.
        pipeline = [_real_names(stage, collections) for stage in self.pipeline]
        found = collections[self.collection].aggregate(pipeline, allowDiskUse=True)
        return _awaited_list(found) if isawaitable(found) else found.to_list()

    def finish(self, outcome: list[Document]) -> list[Document]:
        return outcome


def _real_names(stage: Mapping[str, Any], collections: Any) -> Mapping[str, Any]:
    """A stage that looks into another collection names it by its name in the layout; the server knows its real one."""
    (name, told), *_ = stage.items()
    if name == "$lookup":
        return {name: told | {"from": collections[told["from"]].name}}
    if name == "$unionWith":
        inner = [_real_names(each, collections) for each in told["pipeline"]]
        return {name: {"coll": collections[told["coll"]].name, "pipeline": inner}}
    return stage


async def _awaited_list(found: Any) -> list[Document]:
    rows: list[Document] = await (await found).to_list()
    return rows


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """Create a collection. One that exists is an error, and stays as it is."""

    collection: str
    options: Mapping[str, Any]

    def start(self, collections: Any) -> Any:
        collection = collections[self.collection]
        return collection.database.create_collection(collection.name, check_exists=False, **self.options)

    def finish(self, outcome: Any) -> None:  # noqa: ARG002  # the collection is known by its name
        return None


@dataclass(frozen=True, slots=True)
class CreateIndexes:
    """Create indexes; those that exist stay as they are. The result is their names."""

    collection: str
    indexes: Sequence[IndexModel]

    def start(self, collections: Any) -> Any:
        return collections[self.collection].create_indexes(list(self.indexes))

    def finish(self, outcome: list[str]) -> list[str]:
        return outcome


@dataclass(frozen=True, slots=True)
class ListIndexes:
    """The names of the indexes a collection has; none where there is no such collection."""

    collection: str

    def start(self, collections: Any) -> Any:
        return collections[self.collection].index_information()

    def finish(self, outcome: Mapping[str, Any]) -> list[str]:
        return list(outcome)


@dataclass(frozen=True, slots=True)
class Command:
    """Run a database command, such as ``hello``."""

    name: str

    def start(self, collections: Any) -> Any:
        return collections["ses_event"].database.command(self.name)

    def finish(self, outcome: Document) -> Document:
        return outcome


@dataclass(frozen=True, slots=True)
class DatabaseCommand:
    """Run a command of the database, such as ``compact``. The result is its answer."""

    command: Mapping[str, Any]
    of: str = ""
    """The collection it is about, by its name in the layout; else its name stands in the command."""

    def start(self, collections: Any) -> Any:
        (name, about), *more = self.command.items()
        about = collections[self.of].name if self.of else about
        return collections["ses_event"].database.command({name: about, **dict(more)})

    def finish(self, outcome: Document) -> Document:
        return outcome


CLOCK: Final = "clock"
"""Among a store's collections: what tells the time."""


SEALS: Final = "seals"
"""Among a store's collections: what encrypts and decrypts, where anything does (:mod:`sesevent.plans.sealing`)."""


@dataclass(frozen=True, slots=True)
class UseMaster:
    """Have PyMongo's `ClientEncryption` do something with the master key."""

    engine: Any
    call: Callable[[Any], Any]

    def start(self, collections: Any) -> Any:  # noqa: ARG002  # the engine knows its key vault
        return self.call(self.engine)

    def finish(self, outcome: Any) -> Any:
        return outcome


@dataclass(frozen=True, slots=True)
class Now:
    """What time is it by now? For the few decisions that the time at which a plan was made is too old for."""

    def start(self, collections: Any) -> Any:
        return collections[CLOCK]()

    def finish(self, outcome: datetime) -> datetime:
        return outcome


@dataclass(frozen=True, slots=True)
class Unseal:
    """Events as they are kept, as they were before they were sealed: for those that lie elsewhere, such as in archives.

    What is in the clear, and all of it where a store encrypts nothing, stays as it is.
    """

    documents: Sequence[Document]

    def start(self, collections: Any) -> Any:
        return collections[CLOCK]()  # nothing is asked, in the store's colour

    def finish(self, outcome: Any) -> list[Document]:  # noqa: ARG002
        return list(self.documents)


@dataclass(frozen=True, slots=True)
class Reseal:
    """What was made of unsealed events, sealed: pairs of an event as it is kept, and of what takes its place."""

    changes: Sequence[tuple[Document, Document]]

    def start(self, collections: Any) -> Any:
        return collections[CLOCK]()

    def finish(self, outcome: Any) -> list[Document]:  # noqa: ARG002
        return [after for _, after in self.changes]


@dataclass(frozen=True, slots=True)
class Shred:
    """Destroy the keys of a person; the result is how many there are. 0 where people have no keys of their own."""

    forms: Sequence[str]
    """Everything that the address may be stored as."""
    by: str = ""
    why: str = ""
    dry_run: bool = False
    """Count them only."""

    def start(self, collections: Any) -> Any:
        return collections[CLOCK]()

    def finish(self, outcome: Any) -> int:  # noqa: ARG002
        return 0


@dataclass(frozen=True, slots=True)
class AskKeys:
    """Whether the keys are at hand that events of somebody are found by; True where nothing is encrypted."""

    forms: Sequence[str]
    """Everything that the address may be stored as."""

    def start(self, collections: Any) -> Any:
        return collections[CLOCK]()

    def finish(self, outcome: Any) -> bool:  # noqa: ARG002
        return True


PSEUDONYMS: Final = "pseudonyms"
"""Among a store's collections: what gives what makes pseudonyms and keyed hashes, or None of a store without keys."""


@dataclass(frozen=True, slots=True)
class AskPseudonyms:
    """What makes pseudonyms and keyed hashes; None where the store has no keys."""

    def start(self, collections: Any) -> Any:
        return collections[PSEUDONYMS]()

    def finish(self, outcome: Any) -> Any:
        return outcome


@dataclass(frozen=True, slots=True)
class AdminCommand:
    """Run a command that servers take on their database `admin`, such as ``replSetGetStatus``."""

    name: str

    def start(self, collections: Any) -> Any:
        return collections["ses_event"].database.client.get_database("admin").command(self.name)

    def finish(self, outcome: Document) -> Document:
        return outcome


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Follow the changes of a collection. The result is the open stream."""

    collection: str
    pipeline: Sequence[Mapping[str, Any]]
    where: Mapping[str, Any]
    """PyMongo's options for where it begins; none: now."""
    patience: int = PATIENCE

    def start(self, collections: Any) -> Any:
        return collections[self.collection].watch(self.pipeline, max_await_time_ms=self.patience, **self.where)

    def finish(self, outcome: Any) -> Any:
        return outcome


class Change(NamedTuple):
    """What a stream told."""

    document: Document | None
    """The change; None where there is none for now."""
    token: Mapping[str, Any] | None
    """Where the stream stands now."""
    alive: bool
    """False where it has ended: what it followed was dropped or renamed."""


@dataclass(frozen=True, slots=True)
class NextChange:
    """Ask a stream for its next change."""

    stream: Any

    def start(self, collections: Any) -> Any:  # noqa: ARG002  # a stream knows its collection
        return self.stream.try_next()

    def finish(self, outcome: Document | None) -> Change:
        return Change(outcome, self.stream.resume_token, self.stream.alive)


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Let go of a stream."""

    stream: Any

    def start(self, collections: Any) -> Any:  # noqa: ARG002
        return self.stream.close()

    def finish(self, outcome: Any) -> None:
        return outcome  # type: ignore[no-any-return]


def _duplicates(outcome: Any) -> list[int]:
    """Positions the server refused because the key is taken. Any other refusal is an error."""
    if not isinstance(outcome, BulkWriteError):
        return []
    errors = outcome.details["writeErrors"]
    if outcome.details.get("writeConcernErrors") or any(error["code"] != DUPLICATE_KEY for error in errors):
        raise refused(outcome) from None  # what it was told holds the documents
    return [error["index"] for error in errors]
