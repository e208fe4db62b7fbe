"""One writer, a process of its own that may be killed: it stores what it is delivered, and says how far it is.

    python tests/faults/writer.py URI DATABASE DELIVERIES --start 1200 --face async

It does what a queue's consumer does: what was acknowledged is not delivered again, what was not is, and
where the database is away the same is tried once more. Each line it prints is a JSON object: ``acked``, the
number of deliveries that are stored for certain, or ``refused``, the error that it was told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from sesevent import AsyncEventStore, EventStore, PayloadError, SesEventError, VerifiedMessage, trusted
from sesevent.plans.receive import Summary

_ONE_BY_ONE = 20  # deliveries that are received singly after each connection; the others come in batches
_TIMEOUT = 4.0  # seconds


def main() -> None:
    """Store everything from *start* on, however often that must be tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uri")
    parser.add_argument("database")
    parser.add_argument("deliveries", type=Path, help="a file with one on each line")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--face", choices=("sync", "async"), default="sync")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--clock-steps", action="store_true")
    asked = parser.parse_args()
    items = [trusted(line, because="a rig made it") for line in asked.deliveries.read_bytes().splitlines()]
    options = {"database": asked.database, "timeout_seconds": _TIMEOUT}
    if asked.clock_steps:
        options["clock"] = _stepping_clock(random.Random(asked.start))
    progress = _Progress(asked.start)
    while progress.acked < len(items):
        left = iter(items[progress.acked :])
        try:
            if asked.face == "sync":
                _store(asked.uri, options, left, asked.batch, progress)
            else:
                asyncio.run(_store_async(asked.uri, options, left, asked.batch, progress))
        except SesEventError as error:
            if not error.retryable:
                raise
            _say(refused=type(error).__name__)
            time.sleep(0.05)


class _Progress:
    """How many deliveries are acknowledged, told to whoever reads us."""

    def __init__(self, acked: int) -> None:
        self.acked = acked

    def add(self, deliveries: int) -> None:
        self.acked += deliveries
        _say(acked=self.acked)

    def in_batches(self) -> Callable[[Summary], None]:
        """For summaries that count from here on."""
        before = self.acked
        return lambda summary: self.add(before + summary.items - self.acked)


def _store(uri: str, options: dict[str, Any], left: Iterator[VerifiedMessage], batch: int, progress: _Progress) -> None:
    with EventStore.connect(uri, **options) as store:
        for message in islice(left, _ONE_BY_ONE):
            with suppress(PayloadError):  # a dead letter now: acknowledged as well
                store.receive(message)
            progress.add(1)
        store.receive_many(left, batch_size=batch, on_progress=progress.in_batches())


async def _store_async(
    uri: str, options: dict[str, Any], left: Iterator[VerifiedMessage], batch: int, progress: _Progress
) -> None:
    async with await AsyncEventStore.connect(uri, **options) as store:
        for message in islice(left, _ONE_BY_ONE):
            with suppress(PayloadError):
                await store.receive(message)
            progress.add(1)
        await store.receive_many(_later(left), batch_size=batch, on_progress=progress.in_batches())


async def _later(left: Iterator[VerifiedMessage]) -> AsyncIterator[VerifiedMessage]:
    for message in left:
        yield message


def _stepping_clock(chance: random.Random) -> Callable[[], datetime]:
    """One that is hours off, otherwise each time it is read."""
    return lambda: datetime.now(timezone.utc) + timedelta(hours=chance.uniform(-30, 30))


def _say(**told: Any) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
