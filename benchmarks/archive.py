"""An archive against a bare cursor, and against the collection: ``python benchmarks/archive.py [EVENTS [ROUNDS]]``.

Each round archives, deletes and restores the same events, and measures beside that what each is compared with. Ratios
are taken round by round, since a machine that slows down slows both; what is told is their median. Exit code 1 where a
document is not what it was.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from round_trip import DAYS, START, digest

from sesevent import EventStore, local, testing, trusted
from sesevent.contrib.archive import Archive, Archived, Directory

ORDER = [("Timestamp", 1), ("_id", 1)]


class Round(NamedTuple):
    """Seconds that a round took, each beside what it is compared with."""

    cursor: float
    archive: float
    delete_many: float
    delete: float
    receive: float
    restore: float


def main(events: int, rounds: int) -> int:
    """Make events, and measure."""
    with local.server() as uri, EventStore.connect(uri, database="bench", timeout_seconds=600) as store:
        store.ensure_indexes()
        store.receive_many(_events(events))
        number, _ = before = digest(store)
        told, identical, size = [], True, 0.0
        stored = _stored_bytes(store) / number
        for _ in range(rounds):
            one, done = measured(store, uri, events)
            told.append(one)
            identical = identical and digest(store) == before
            size = done.size / number
    print(f"{number:,} events, {rounds} rounds; identical after archive, deletion and restore: {identical}")
    print(line("archived, without deletion", number, told, "archive", "a bare cursor", "cursor"))
    print(line("deleted", number, told, "delete", "a bare delete_many", "delete_many"))
    print(line("restored", number, told, "restore", "receive_many", "receive"))
    print(f"bytes an event: archive {size:.1f}, collection {stored:.1f} (zstd): {size / stored:.2f}")
    return 0 if identical else 1


def measured(store: EventStore, uri: str, events: int) -> tuple[Round, Archived]:
    """One round; behind it the store holds what it held before."""
    database = store.client["bench"]
    cursor, _ = seconds(lambda: [None for _ in database["ses_event"].find().sort(ORDER)])
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(store, Directory(Path(folder)))
        deleting: list[float] = []
        real, store.keeping.take_out = store.keeping.take_out, _timed(store.keeping.take_out, deleting)  # type: ignore[method-assign]
        whole, done = seconds(lambda: archive.run(START + timedelta(days=100)))
        store.keeping.take_out = real  # type: ignore[method-assign]
        receive = _received_beside(uri, events)
        restore, _ = seconds(archive.restore)
    delete_many = _deleted_beside(database)
    return Round(cursor, whole - sum(deleting), delete_many, sum(deleting), receive, restore), done


def _received_beside(uri: str, events: int) -> float:
    """How long it takes to receive the same events, in a database of their own."""
    with EventStore.connect(uri, database="beside", timeout_seconds=600) as other:
        other.ensure_indexes()
        took, _ = seconds(lambda: other.receive_many(_events(events)))
    return took


def _deleted_beside(database: Any) -> float:
    """…and to delete those, day by day, with nothing asked and nothing compared."""
    collection = database.client["beside"]["ses_event"]
    took = 0.0
    for day in range(DAYS + 20):
        since, until = ((START + timedelta(days=day + more)).strftime("%Y-%m-%d") for more in (0, 1))
        took += seconds(lambda: collection.delete_many({"Timestamp": {"$gte": since, "$lt": until}}))[0]  # noqa: B023
    database.client.drop_database("beside")
    return took


def _events(events: int) -> Iterator[Any]:
    raws = testing.stream(events, start=START, mails_per_second=events / 3 / 86400 / DAYS)
    return (trusted(raw, because="a benchmark") for raw in raws)


def _stored_bytes(store: EventStore) -> int:
    database = store.client["bench"]
    database.client.admin.command("fsync")
    return int(database.command("collStats", "ses_event")["storageSize"])


def _timed(call: Callable[..., Any], took: list[float]) -> Callable[..., Any]:
    def timed(*given: Any) -> Any:
        spent, answer = seconds(lambda: call(*given))
        took.append(spent)
        return answer

    return timed


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long something takes, and what comes of it."""
    begun = time.perf_counter()
    answer = work()
    return time.perf_counter() - begun, answer


def line(words: str, number: int, told: list[Round], ours: str, against: str, theirs: str) -> str:
    """What people are told."""
    pairs = [(getattr(one, ours), getattr(one, theirs)) for one in told]
    ratios = [their / our for our, their in pairs]
    mine, other = (number / statistics.median(column) for column in zip(*pairs, strict=True))
    return (
        f"{words} {mine:,.0f}/s, {against} {other:,.0f}/s: "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    )


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    sys.exit(main(*(given + [100_000, 3][len(given) :])))
