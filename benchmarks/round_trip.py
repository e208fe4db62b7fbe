"""Events archived, deleted and restored, compared to the byte: ``python benchmarks/round_trip.py [EVENTS [KIND]]``.

A digest of all documents, in order, is taken before and behind; between them the database must be empty, and the archive
intact. Exit code 1 where anything differs. A million events need some 4 GB of disk, and no more memory than a thousand.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bson
from harness import note

from sesevent import EventStore, local, testing, trusted
from sesevent.contrib.archive import Archive, Directory

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAYS = 4


def fill(store: EventStore, events: int) -> None:
    """Some days of a sender's events."""
    raws = testing.stream(events, start=START, mails_per_second=events / 3 / 86400 / DAYS)
    store.receive_many(trusted(raw, because="a benchmark") for raw in raws)


def digest(store: EventStore) -> tuple[int, str]:
    """How many documents there are, and the SHA-256 of all of them, in order."""
    found, number = hashlib.sha256(), 0
    for event in store.events.between():
        found.update(bson.encode(event.document))
        number += 1
    return number, found.hexdigest()


def main(events: int, kind: str) -> int:
    """There and back."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local.server() as uri,
        EventStore.connect(uri, database="bench", timeout_seconds=600) as store,
    ):
        store.ensure_indexes()
        fill(store, events)
        before = digest(store)
        note(f"stored {before[0]:,} events, SHA-256 {before[1]}")
        archive = Archive(store, Directory(Path(folder)), kind=kind)
        done = archive.run(START + timedelta(days=1000))
        left = digest(store)[0]
        note(f"archived {done.events:,} in {done.parts} parts of {done.size:,} bytes, left {left:,}")
        intact = archive.verify().intact
        restored = archive.restore()
        after = digest(store)
        note(f"restored {restored.fresh:,}, SHA-256 {after[1]}; archive intact: {intact}")
    identical = before == after and left == 0 and intact
    print(f"{before[0]:,} events archived, deleted and restored: {'identical' if identical else 'NOT identical'}")
    return 0 if identical else 1


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else 1_000_000, given[1] if len(given) > 1 else "parquet"))
