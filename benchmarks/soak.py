"""The soak: hold a rate for as long as asked, and tell memory, latency and lag.

    python benchmarks/soak.py --seconds 3600 --rate 500

Every event is due at its moment of a steady rate. What is due is received: one thing with `receive`, several
that fell due meanwhile with `receive_many`. The latency of an event is the time from when it was due to its
acknowledgement, so that waiting counts. In the end everything is looked up: nothing may be missing. Without
``--uri`` a replica set of its own is started. On a terminal it prints a table, into a pipe JSON lines.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from bson import ObjectId

from sesevent import EventStore, SesEventError, VerifiedMessage, local, parse, testing, trusted
from sesevent.events.identity import event_key
from sesevent.plans.bulk import BATCH

_FOREVER = 2**62  # events
_EVERY = 1.0  # seconds between two looks at the memory
_PAGE = 5000  # events that are looked up at once
_STATUS = Path("/proc/self/status")


def main(arguments: list[str]) -> int:
    """Soak, report, and look everything up; 1 where something is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=500.0, help="events per second")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two lines of progress")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--uri", help="of a MongoDB; its own database in it is dropped in the end")
    parser.add_argument("--members", type=int, default=1, help="of the replica set that is started without a URI")
    asked = parser.parse_args(arguments)
    database = f"soak_{uuid.uuid4().hex[:12]}"
    with ExitStack() as cleanup:
        uri = asked.uri or cleanup.enter_context(local.server(members=asked.members))
        store = cleanup.enter_context(EventStore.connect(uri, database=database))
        cleanup.callback(store.client.drop_database, database)
        store.ensure_indexes()
        watching = Watching(uri, database)
        soak = Soak(store, asked.rate, asked.seed, watching)
        for _ in soak.run(asked.seconds, asked.every):
            _tell(soak.progress())
        watching.end()
        result = soak.result()
        result |= _look_up(store.client[database]["ses_event"], soak.sent, soak.fresh, asked.seed)
        _tell(result, table=True)
    return 1 if result["missing"] or result["unexpected"] else 0


class Percentiles:
    """Seconds, counted in steps of 2 %, so that a day of them takes no more room than a minute."""

    _STEP = math.log(1.02)

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.most = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[round(math.log(max(seconds, 1e-6)) / self._STEP)] += 1
        self.most = max(self.most, seconds)

    def at(self, share: float) -> float:
        """What *share* of them stay below, within 1 %."""
        left = share * sum(self._counts.values())
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return min(math.exp(step * self._STEP), self.most)
        return self.most

    def told(self, name: str) -> dict[str, float]:
        """In milliseconds, for a report."""
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        return {f"{name}_{word}_ms": round(self.at(share) * 1000, 1) for word, share in shares.items()} | {
            f"{name}_max_ms": round(self.most * 1000, 1)
        }


class Watching:
    """Watches what is stored, in a thread of its own, and counts how late it hears of it."""

    def __init__(self, uri: str, database: str) -> None:
        self.lags = Percentiles()
        self.seen = 0
        self.began = threading.Event()
        self._wanted = True
        self._place = uri, database
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self.began.wait(30)

    def end(self) -> None:
        """Stop within a moment."""
        self._wanted = False
        self._thread.join(30)

    def _watch(self) -> None:
        uri, database = self._place
        while self._wanted:
            try:
                with EventStore.connect(uri, database=database) as store:
                    self._see(store)
            except SesEventError as error:
                if not error.retryable:
                    raise
                time.sleep(0.5)

    def _see(self, store: Any) -> None:
        with store.watch(name="soak", max_wait_seconds=0.2) as rows:
            self.began.set()
            while self._wanted:
                for row in rows:
                    self.seen += 1
                    self.lags.add((datetime.now(timezone.utc) - row.received_at).total_seconds())


class Soak:
    """A steady stream into a store, and what was seen meanwhile."""

    def __init__(self, store: EventStore, rate: float, seed: int, watching: Watching) -> None:
        self.sent = 0
        self.fresh = 0
        self._store = store
        self._rate = rate
        self._source = _stream(seed)
        self._watching = watching
        self._latencies = Percentiles()
        self._memory: list[tuple[float, float]] = []
        self._most_lag = 0.0
        self._retried = 0
        self._started = self._now = time.monotonic()

    def run(self, seconds: float, every: float) -> Iterator[None]:
        """Receive what is due until the time is over; yields when something should be told."""
        self._started = self._now = time.monotonic()
        next_look, next_line = self._started, self._started + every
        while self._now < self._started + seconds:
            if self._now >= next_look:
                next_look = self._now + _EVERY
                self._memory.append((self._now - self._started, _resident()))
            if self._now >= next_line:
                next_line = self._now + every
                yield
            due = int((self._now - self._started) * self._rate) - self.sent
            if due > 0:
                self._receive(min(due, BATCH))
            else:
                time.sleep(max(0.0, self._due_at(self.sent + 1) - self._now))
            self._now = time.monotonic()
        self._memory.append((self._now - self._started, _resident()))

    def _receive(self, due: int) -> None:
        """Receive what is due; the same again where the store is away, as a queue would deliver it."""
        self._most_lag = max(self._most_lag, self._now - self._due_at(self.sent + 1))
        some = list(islice(self._source, due))
        while True:
            try:
                self.fresh += self._store.receive(some[0]).fresh if due == 1 else self._store.receive_many(some).fresh
                break
            except SesEventError as error:
                if not error.retryable:
                    raise
                self._retried += 1
        acknowledged = time.monotonic()
        for number in range(self.sent + 1, self.sent + due + 1):
            self._latencies.add(acknowledged - self._due_at(number))
        self.sent += due

    def _due_at(self, number: int) -> float:
        return self._started + number / self._rate

    @property
    def _seconds(self) -> float:
        return self._now - self._started

    def progress(self) -> dict[str, Any]:
        """Where it is."""
        told = {
            "seconds": round(self._seconds),
            "acknowledged": self.sent,
            "rate": round(self.sent / self._seconds, 1),
            "memory_mib": round(self._memory[-1][1], 1),
            "p99_ms": self._latencies.told("latency")["latency_p99_ms"],
            "behind_seconds": round(self._now - self._due_at(self.sent), 3),
        }
        told["watched"] = self._watching.seen
        return told

    def result(self) -> dict[str, Any]:
        """Everything that was measured."""
        sizes = [size for _, size in self._memory]
        told = {
            "seconds": round(self._seconds, 1),
            "asked_rate": self._rate,
            "held_rate": round(self.sent / self._seconds, 1),
            "acknowledged": self.sent,
            "fresh": self.fresh,
            "retried": self._retried,
            **self._latencies.told("latency"),
            "lag_end_seconds": round(self._now - self._due_at(self.sent), 3),
            "lag_max_seconds": round(self._most_lag, 3),
            "memory_start_mib": round(sizes[0], 1),
            "memory_min_mib": round(min(sizes), 1),
            "memory_max_mib": round(max(sizes), 1),
            "memory_end_mib": round(sizes[-1], 1),
            "memory_slope_mib_per_hour": round(_slope(self._memory) * 3600, 2),
        }
        told |= {"watched": self._watching.seen} | self._watching.lags.told("watch_lag")
        return told


def _stream(seed: int) -> Iterator[VerifiedMessage]:
    """The same without end for the same seed. One mail a second of its own time: few are under way at once."""
    for notification in testing.stream(_FOREVER, seed=seed, duplicates=0.03, late=0.1, mails_per_second=1):
        yield trusted(json.dumps(notification), because="it was made for a soak")


def _look_up(found: Any, sent: int, fresh: int, seed: int) -> dict[str, int]:
    """Make the stream once more, and look for every event of it: what is missing, and what nobody sent."""
    missing = 0
    for keys in _pages(_keys(islice(_stream(seed), sent)), _PAGE):
        wanted = set(keys)
        missing += len(wanted) - found.count_documents({"_id": {"$in": list(wanted)}})
    return {"missing": missing, "unexpected": found.estimated_document_count() - fresh}


def _keys(messages: Iterable[VerifiedMessage]) -> Iterator[ObjectId]:
    for message in messages:
        for event in parse(message.messages[0].text):
            yield ObjectId(event_key(event))


def _pages(items: Iterator[ObjectId], size: int) -> Iterator[list[ObjectId]]:
    while page := list(islice(items, size)):
        yield page


def _slope(samples: list[tuple[float, float]]) -> float:
    """MiB a second, by least squares; the first quarter, in which everything is loaded, is left out."""
    points = samples[len(samples) // 4 :]
    middle_x, middle_y = (sum(column) / len(points) for column in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def _resident() -> float:
    """Memory of this process, in MiB; where the system does not tell, the most it ever was."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)


def _tell(told: dict[str, Any], *, table: bool = False) -> None:
    if not sys.stdout.isatty():
        print(json.dumps(told), flush=True)
    elif table:
        print("\n".join(["| | |", "|---|---|", *(f"| {name} | {value:,} |" for name, value in told.items())]))
    else:
        print("  ".join(f"{name} {value:,}" for name, value in told.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
