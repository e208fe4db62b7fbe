"""An archive against a bare cursor, and against the collection: ``python benchmarks/archive.py [EVENTS]``."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bson

from sesevent import EventStore, local, testing, trusted
from sesevent.contrib.archive import Archive, Directory

START = datetime(2024, 5, 1, tzinfo=timezone.utc)


def digest(store: EventStore) -> tuple[int, str]:
    found, number = hashlib.sha256(), 0
    for event in store.events.between():
        found.update(bson.encode(event.document))
        number += 1
    return number, found.hexdigest()


def main(events: int) -> None:
    with local.server() as uri, EventStore.connect(uri, database="bench", timeout_seconds=120) as store:
        store.ensure_indexes()
        raws = testing.stream(events, start=START, mails_per_second=events / 3 / 86400 / 4)
        begun = time.perf_counter()
        store.receive_many(trusted(raw, because="a benchmark") for raw in raws)
        received = time.perf_counter() - begun
        before = digest(store)
        database = store.client["bench"]
        database.client.admin.command("fsync")
        collection = database.command("collStats", "ses_event")
        begun = time.perf_counter()
        for _ in database["ses_event"].find().sort([("Timestamp", 1), ("_id", 1)]):
            pass
        read = time.perf_counter() - begun
        with tempfile.TemporaryDirectory() as folder:
            archive = Archive(store, Directory(Path(folder)))
            begun = time.perf_counter()
            done = archive.run(START + timedelta(days=100))
            archived = time.perf_counter() - begun
            begun = time.perf_counter()
            archive.restore()
            restored = time.perf_counter() - begun
        number = before[0]
        print(f"{number:,} events, identical after archive, deletion and restore: {digest(store) == before}")
        print(f"bare cursor {number / read:,.0f}/s, archive {number / archived:,.0f}/s ({read / archived:.2f}×)")
        print(
            f"receive_many {number / received:,.0f}/s, restore {number / restored:,.0f}/s ({received / restored:.2f}×)"
        )
        stored = collection["storageSize"] / number
        print(
            f"bytes an event: collection {stored:,.0f}, archive {done.size / number:,.0f} ({done.size / number / stored:.2f})"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
