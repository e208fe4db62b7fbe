"""Stories of storage: what is kept and what it would take otherwise; measured on the user's own events.

A measurement copies a sample into scratch collections, on the server, and drops them; it writes nothing else. Next:
:mod:`sesevent.faces.storage`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError, SesEventError, StoreError
from sesevent.moments import format_moment
from sesevent.ops import Plan, ask
from sesevent.plans import audit
from sesevent.retention import Retention
from sesevent.storage import sizes
from sesevent.storage.layout import COLLECTIONS, EVENTS
from sesevent.storage.operations import AdminCommand
from sesevent.storage.sizes import CollectionSize, Compacted, Measured, Row, Share, StorageReport

__all__ = ["clear", "compact", "fill", "flush", "measured", "report"]

_MUCH_FREE: Final = 0.2
_BEST: Final = "zstd"
_NOT_THERE: Final = 26  # NamespaceNotFound


def report(sample: int, policy: Retention | None, now: datetime) -> Plan[StorageReport]:
    """What is kept, in bytes, and what a policy would free."""
    if sample < 1:
        raise ConfigurationError("sample must be 1 or more.")
    found: list[CollectionSize] = []
    for name in COLLECTIONS:
        size = yield from _size_of(name)
        if size is not None:
            found.append(size)
    events = next((one for one in found if one.name == EVENTS), None)
    rows = sizes.rows_in((yield from ask(sizes.sample_of(sample)))) if events and events.documents else []
    lately = _lately(rows, now) * events.documents if events and rows else 0.0
    each = 0.0
    if events and events.documents:
        each = (events.on_disk - events.free + events.indexes_on_disk) / events.documents
    return StorageReport(
        now,
        tuple(sorted(found, key=lambda one: -(one.on_disk + one.indexes_on_disk))),
        len(rows),
        *_made_of(rows, 0 if events is None else events.size),
        lately / sizes.DAYS,
        lately / sizes.DAYS * each,
        tuple(sizes.savings_of(rows, policy, events, now)) if policy and events else (),
        tuple(advice for one in found for advice in _advice(one)),
    )


def _lately(rows: list[Row], now: datetime) -> float:
    """The share of those that happened lately. To count all of them would take longer than all the rest."""
    since, until = format_moment(now - timedelta(days=sizes.DAYS)), format_moment(now)
    return sum(since <= row.at < until for row in rows) / len(rows)


def _made_of(rows: list[Row], whole: int) -> tuple[tuple[Share, ...], tuple[Share, ...], tuple[Share, ...]]:
    months = sizes.shares_of(rows, lambda row: {row.at[:7]: row.whole}, whole)
    return (
        tuple(sizes.shares_of(rows, lambda row: row.fields, whole)),
        tuple(sizes.shares_of(rows, lambda row: {row.type: row.whole}, whole)),
        tuple(sorted(months, key=lambda one: one.name)),
    )


def _size_of(name: str) -> Plan[CollectionSize | None]:
    """None where there is no such collection."""
    try:
        stats = yield from ask(sizes.stats_of(name))
    except StoreError as error:
        if not _absent(error):
            raise
        return None
    size = sizes.collection_size(name, stats)
    return size if size.on_disk else None  # newer servers tell of a collection that is not there that it is empty


def _absent(error: SesEventError) -> bool:
    return isinstance(error, StoreError) and error.code == _NOT_THERE


def _advice(size: CollectionSize) -> list[str]:
    told = []
    if size.on_disk > 2**20 and size.free > _MUCH_FREE * size.on_disk:
        told.append(
            f"{size.name}: {size.free / size.on_disk:.0%} of the file is free. New documents go there first; to give "
            "it back to the disk: sesevent storage compact"
        )
    if size.name == EVENTS and size.documents and size.compressor not in (_BEST, "unknown"):
        told.append(
            f"{size.name}: its blocks are compressed with {size.compressor}. What {_BEST} would save is measured by: "
            "sesevent storage measure"
        )
    return told


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def clear() -> Plan[None]:
    """Drop the scratch collections; those of a measurement that was killed too."""
    for name in sizes.scratch_names():
        try:
            yield from ask(sizes.taken_away(name))
        except StoreError as error:  # noqa: PERF203  # five of them
            if not _absent(error):
                raise


def fill(sample: int) -> Plan[None]:
    """Copy a sample of the events into a scratch collection for each compressor, and once more without `Message`."""
    if sample < 1:
        raise ConfigurationError("sample must be 1 or more.")
    first, *others = sizes.scratch_names()
    thin = others.pop()
    for compressor, name in zip(sizes.COMPRESSORS, (first, *others), strict=True):
        yield from ask(sizes.room_for(compressor, name))
    yield from ask(sizes.room_for(sizes.COMPRESSORS[0], thin))
    yield from ask(sizes.copied(EVENTS, first, sample))
    for name in others:
        yield from ask(sizes.copied(first, name))
    yield from ask(sizes.copied(first, thin, without="Message"))


def flush() -> Plan[bool]:
    """Have the server write everything to its disk; False where it does not let us: it does so once a minute."""
    try:
        yield from ask(AdminCommand("fsync"))
    except (StoreError, ConfigurationError) as error:
        if error.retryable:
            raise
        return False
    return True


def measured() -> Plan[list[Measured]]:
    """What the compressors made of the sample."""
    found = {}
    for name in sizes.scratch_names():
        answer = yield from ask(sizes.scratch_stats(name))
        found[name] = sizes.collection_size(name, answer["cursor"]["firstBatch"])
    events = yield from _size_of(EVENTS)
    return [] if events is None else sizes.measured(found, events)


# ── compacting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compact(collection: str, by: str, now: datetime) -> Plan[Compacted]:
    """Give free space back to the disk of the server that is asked; returns what came of it."""
    if collection not in COLLECTIONS:
        raise ConfigurationError(f"There is no collection {collection}.", hint=f"There are {', '.join(COLLECTIONS)}.")
    before = yield from _size_of(collection)
    if before is None:
        raise ConfigurationError(f"The collection {collection} is not there: nothing was ever kept in it.")
    yield from audit.note(AuditEntry(now, "compacted", collection, by))
    answer = yield from ask(sizes.compact(collection))
    yield from flush()
    after = yield from _size_of(collection)
    return Compacted(before, after or before, int(answer.get("bytesFreed", 0)))
