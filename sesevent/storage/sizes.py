"""What is kept, in bytes: what is asked of MongoDB, and what follows from its answers.

Sizes of collections and indexes are exact. What they are made of, by field, type and month, is reckoned from a random
sample, so each share is told with its error. Next: :mod:`sesevent.plans.sizes`, which asks, and
:mod:`sesevent.faces.storage`, which hands it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Any, Final, NamedTuple

from sesevent.jsonvalues import fields_as_json
from sesevent.moments import format_moment
from sesevent.retention import Retention, Rule, StepKind
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Aggregate, DatabaseCommand, Document

__all__ = [
    "COMPRESSORS", "DAYS", "CollectionSize", "Compacted", "IndexSize", "Measured", "Row", "Saving",
    "Share", "StorageReport", "collection_size", "compact", "copied", "measured", "room_for", "rows_in", "sample_of",
    "savings_of", "scratch_names", "scratch_stats", "shares_of", "stats_of", "taken_away",
]  # fmt: skip

COMPRESSORS: Final = ("zstd", "snappy", "zlib")
DAYS: Final = 30
"""Over which growth is told."""
_STATS: Final[Document] = {"$collStats": {"storageStats": {}}}
_SCRATCH: Final = "ses_scratch"
_THIN: Final = "thin"
_COMPRESSOR: Final = re.compile(r"block_compressor=(\w*)")
_CERTAIN: Final = 1.96  # standard errors on either side hold 95 of 100


# ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def stats_of(collection: str) -> Aggregate:
    """The sizes of a collection and its indexes, a row for each shard; refused where there is no such collection."""
    return Aggregate(collection, [_STATS])


def sample_of(size: int) -> Aggregate:
    """Random events: what each is, and how many bytes each of its fields takes."""
    of_field = {"k": "$$this.k", "b": {"$subtract": [{"$bsonSize": {"$arrayToObject": [["$$this"]]}}, 5]}}
    told = {
        "_id": 0,
        "type": {"$ifNull": ["$derived.type", "$Type"]},
        "at": "$Timestamp",
        "set": "$derived.configurationSet",
        "derived": {"$toBool": "$derived"},
        "whole": {"$bsonSize": "$$ROOT"},
        "fields": {"$map": {"input": {"$objectToArray": "$$ROOT"}, "in": of_field}},
    }
    return Aggregate(EVENTS, [{"$sample": {"size": size}}, {"$project": told}])


def scratch_names() -> list[str]:
    """The collections in which compressors are measured, by name in the database; the first is the sample itself."""
    return [_scratch(compressor) for compressor in COMPRESSORS] + [_scratch(COMPRESSORS[0], _THIN)]


def _scratch(compressor: str, more: str = "") -> str:
    return "_".join(filter(None, (_SCRATCH, compressor, more)))


def taken_away(name: str) -> DatabaseCommand:
    """Drop a collection by its name in the database; one that is not there is an error of older servers."""
    return DatabaseCommand({"drop": name})


def room_for(compressor: str, name: str) -> DatabaseCommand:
    """Make a collection whose blocks are compressed in a way."""
    engine = {"wiredTiger": {"configString": f"block_compressor={compressor}"}}
    return DatabaseCommand({"create": name, "storageEngine": engine})


def copied(source: str, to: str, size: int | None = None, *, without: str | None = None) -> DatabaseCommand:
    """Copy documents into a collection on the server: *size* random events, in order of time; None: all of *source*.

    In order, since a block compresses well what is like its neighbours, and events of one time are neighbours.
    """
    first: list[Document] = [{"$sample": {"size": size}}, {"$sort": {"Timestamp": 1}}] if size else []
    thinned: list[Document] = [] if without is None else [{"$unset": without}]
    pipeline = [*first, *thinned, {"$merge": {"into": to, "whenMatched": "keepExisting"}}]
    command = {"aggregate": source, "pipeline": pipeline, "cursor": {}, "allowDiskUse": True}
    return DatabaseCommand(command, EVENTS if size else "")


def scratch_stats(name: str) -> DatabaseCommand:
    """As `stats_of`, of a scratch collection."""
    return DatabaseCommand({"aggregate": name, "pipeline": [_STATS], "cursor": {}})


def compact(collection: str) -> DatabaseCommand:
    """Have one server give the space that is free inside a collection's file back to its disk.

    https://www.mongodb.com/docs/manual/reference/command/compact/
    """
    return DatabaseCommand({"compact": "", "force": True}, collection)  # forced, or a primary refuses


# ── sizes that are exact ────────────────────────────────────────────────────────────────────────────────────────────


class IndexSize(NamedTuple):
    """An index."""

    name: str
    on_disk: int


@dataclass(frozen=True, slots=True)
class CollectionSize:
    """A collection, as the server that was asked keeps it; of a sharded one all shards together."""

    name: str
    documents: int
    size: int
    """Uncompressed."""
    on_disk: int
    """The file, with what is free in it."""
    free: int
    """…of which is used again by what comes next."""
    compressor: str
    indexes: tuple[IndexSize, ...]

    @property
    def indexes_on_disk(self) -> int:
        """All indexes."""
        return sum(index.on_disk for index in self.indexes)

    @property
    def ratio(self) -> float | None:
        """How many bytes are kept in one on disk; None where nothing is kept."""
        return self.size / (self.on_disk - self.free) if self.on_disk > self.free else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return fields_as_json(self) | {"ratio": self.ratio}


def collection_size(name: str, stats: Sequence[Document]) -> CollectionSize:
    """What the rows of `stats_of` say."""
    told: list[Document] = [row["storageStats"] for row in stats]
    indexes: dict[str, int] = {}
    for one in told:
        for index, size in one.get("indexSizes", {}).items():
            indexes[index] = indexes.get(index, 0) + int(size)
    found = {
        match[1] or "none"
        for one in told
        if (match := _COMPRESSOR.search(str(one.get("wiredTiger", {}).get("creationString", ""))))
    }

    def added(key: str) -> int:
        return sum(int(one.get(key, 0)) for one in told)

    return CollectionSize(
        name, added("count"), added("size"), added("storageSize"), added("freeStorageSize"),
        ", ".join(sorted(found)) or "unknown",
        tuple(IndexSize(*index) for index in sorted(indexes.items(), key=lambda index: -index[1])),
    )  # fmt: skip


class Compacted(NamedTuple):
    """What compacting a collection came to."""

    before: CollectionSize
    after: CollectionSize
    freed: int
    """Bytes the server gave back to its disk, as it says; what was written meanwhile may have taken some again."""


# ── what they are made of ───────────────────────────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """One event of a sample."""

    type: str
    at: str
    configuration_set: str
    derived: bool
    whole: int
    """Bytes of the document."""
    fields: Mapping[str, int]


def rows_in(documents: Iterable[Document]) -> list[Row]:
    """The rows of `sample_of`."""
    return [
        Row(
            str(one.get("type")), str(one.get("at")), str(one.get("set") or ""), bool(one.get("derived")),
            int(one["whole"]), {part["k"]: int(part["b"]) for part in one["fields"]},
        )
        for one in documents
    ]  # fmt: skip


class Share(NamedTuple):
    """A part of the whole, as a sample tells it."""

    name: str
    share: float
    error: float
    """The share is within this of what is told, 95 times in 100."""
    size: int
    """Of the whole, uncompressed."""


def shares_of(rows: Sequence[Row], parts: Callable[[Row], Mapping[str, int]], whole: int) -> list[Share]:
    """What has which share of *whole* bytes, the largest first. *parts* tells the bytes of an event by name."""
    told = [parts(row) for row in rows]
    names = {name for one in told for name in one}
    found = []
    for name in names:
        share, error = _ratio([one.get(name, 0) for one in told], [row.whole for row in rows])
        found.append(Share(name, share, error, round(share * whole)))
    return sorted(found, key=lambda one: (-one.size, one.name))


def _ratio(parts: Sequence[int], wholes: Sequence[int]) -> tuple[float, float]:
    """The share that parts have of wholes, and its error: that of a ratio of two means of a random sample."""
    number, total = len(wholes), sum(wholes)
    if not total:
        return 0.0, 0.0
    share = sum(parts) / total
    if number < 2:
        return share, 1.0
    spread = sum((part - share * whole) ** 2 for part, whole in zip(parts, wholes, strict=True))
    return share, min(1.0, _CERTAIN * sqrt(spread / (number * (number - 1))) / (total / number))


class Saving(NamedTuple):
    """What a step of a retention policy would free, were it done now."""

    rule: int
    kind: StepKind
    events: int
    """About how many."""
    size: int
    """Uncompressed."""
    on_disk: int
    """About what is free on disk then, indexes included; of what is held nothing goes, and that is not taken off."""
    error: float
    """As a share of all bytes, 95 times in 100."""
    why: str


def savings_of(rows: Sequence[Row], policy: Retention, size: CollectionSize, now: datetime) -> list[Saving]:
    """What each step of a policy would save."""
    told: list[Saving] = []
    steps = list(policy.steps(now))
    for place, step in enumerate(steps):
        since = next((one.before for one in steps[:place] if one.rule == step.rule), None)
        before, first = format_moment(step.before), "" if since is None else format_moment(since)
        rule = policy.rules[step.rule - 1]
        gone = [
            _freed(row, step.kind) if _rule_of(row, policy.rules) == step.rule - 1 and first <= row.at < before else 0
            for row in rows
        ]
        share, error = _ratio(gone, [row.whole for row in rows])
        events = round(size.documents * sum(map(bool, gone)) / len(rows)) if rows else 0
        freed = round(share * size.size)
        indexes = 0 if step.kind == "thin" or not size.documents else size.indexes_on_disk * events // size.documents
        on_disk = round(freed / size.ratio) + indexes if size.ratio else 0
        told.append(Saving(step.rule, step.kind, events, freed, on_disk, error, rule.why))
    return told


def _rule_of(row: Row, rules: Sequence[Rule]) -> int | None:
    """The first rule that speaks of an event."""
    for place, rule in enumerate(rules):
        if (not rule.types or row.type in rule.types) and (
            not rule.configuration_sets or row.configuration_set in rule.configuration_sets
        ):
            return place
    return None


def _freed(row: Row, kind: StepKind) -> int:
    if kind == "thin":  # rows of older shapes are thinned once they have what queries need
        return row.fields.get("Message", 0) if row.derived else 0
    return row.whole


# ── what compressors make of it ─────────────────────────────────────────────────────────────────────────────────────


class Measured(NamedTuple):
    """What a compressor made of a sample of the user's own events."""

    compressor: str
    thinned: bool
    """Without `Message`."""
    documents: int
    size: int
    on_disk: int
    whole_on_disk: int
    """What the whole collection would take on disk, were it all like the sample."""


def measured(sizes: Mapping[str, CollectionSize], events: CollectionSize) -> list[Measured]:
    """What the sizes of the `scratch_names` say; those that are empty say nothing."""
    told = []
    for compressor, more in (*((one, "") for one in COMPRESSORS), (COMPRESSORS[0], _THIN)):
        size = sizes[_scratch(compressor, more)]
        if size.documents:
            whole = round(size.on_disk / size.documents * events.documents)
            told.append(Measured(compressor, bool(more), size.documents, size.size, size.on_disk, whole))
    return told


# ── the report ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What is kept, in bytes."""

    at: datetime
    collections: tuple[CollectionSize, ...]
    """The largest on disk first."""
    sampled: int
    """Events behind the shares."""
    fields: tuple[Share, ...]
    types: tuple[Share, ...]
    months: tuple[Share, ...]
    """By time."""
    events_per_day: float
    """Of the last thirty days, as the sampled ones tell."""
    on_disk_per_day: float
    """What they take on disk, indexes included."""
    savings: tuple[Saving, ...] = ()
    advice: tuple[str, ...] = field(default=())

    @property
    def on_disk(self) -> int:
        """All collections and their indexes."""
        return sum(one.on_disk + one.indexes_on_disk for one in self.collections)

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; moments as ISO 8601."""
        return {"on_disk": self.on_disk} | fields_as_json(self)
