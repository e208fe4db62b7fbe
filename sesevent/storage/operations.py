"""What can be asked of MongoDB, as values that PyMongo's sync and async collections both understand.

Next: :mod:`sesevent.storage.reads` and :mod:`sesevent.storage.writes`, which make them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from sesevent.storage.failures import DUPLICATE_KEY, refused

__all__ = [
    "Command", "Count", "CreateIndexes", "Delete", "Document", "Find", "Insert", "ListIndexes", "Update", "Updated",
]  # fmt: skip

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Find:
    """Read documents."""

    collection: str
    filter: Mapping[str, Any]
    sort: tuple[tuple[str, int], ...] = ()
    limit: int = 0
    """0: no limit."""
    projection: Mapping[str, Any] | None = None

    def start(self, collections: Any) -> Any:
        found = collections[self.collection].find(
            self.filter, self.projection, sort=list(self.sort) or None, limit=self.limit
        )
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

    def start(self, collections: Any) -> Any:
        return collections[self.collection].bulk_write(list(self.updates), ordered=False)

    def finish(self, outcome: Any) -> Updated:
        lost = tuple(_duplicates(outcome))
        counts = outcome.details if isinstance(outcome, BulkWriteError) else outcome.bulk_api_result
        return Updated(counts["nMatched"] + counts["nUpserted"], lost)


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


def _duplicates(outcome: Any) -> list[int]:
    """Positions the server refused because the key is taken. Any other refusal is an error."""
    if not isinstance(outcome, BulkWriteError):
        return []
    errors = outcome.details["writeErrors"]
    if outcome.details.get("writeConcernErrors") or any(error["code"] != DUPLICATE_KEY for error in errors):
        raise refused(outcome) from None  # what it was told holds the documents
    return [error["index"] for error in errors]
