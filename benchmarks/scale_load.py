"""Loads months of events into one local server, a database for each size, and writes down how far it is.

What is done is a line in the folder's log. Whoever is killed goes on behind the last line: the chunk that was under way
is received again, and what was stored of it is recognised. Nothing is decided by what the database holds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from harness import note
from scale_traffic import CHUNK, END, Month
from soak import _resident

from sesevent import EventStore, local, trusted
from sesevent.errors import ConfigurationError, SesEventError

BYTES_EACH: Final = 700
"""Disk that an event takes at most while it is loaded and archived, indexes included: measured 480, and room to work."""
BESIDE: Final = 2 * 2**30
"""For the server's journal and log, and for what it leaves free within its files."""
NOW: Final = END + timedelta(days=2)
"""What the stores think the time is: every hour of the month is closed."""
SIZES: Final = (100_000, 1_000_000, 10_000_000)


def sizes_up_to(events: int) -> list[int]:
    """The sizes at which everything is asked: those of `SIZES` below, and *events*; of few events a tenth of them."""
    return [size for size in SIZES if size < events] + [events] if events > SIZES[0] else [events // 10, events]


class Log:
    """The folder's log: a JSON line for each thing that was done."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "log.jsonl"
        if self._file.exists() and not (content := self._file.read_bytes()).endswith(b"\n"):
            self._file.write_bytes(content[: content.rfind(b"\n") + 1])  # the line that the killed one was at

    def add(self, what: str, **told: Any) -> None:
        """Write down that something is done; it is on the disk when this returns."""
        with self._file.open("ab") as file:
            file.write(json.dumps({"what": what, **told}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self, what: str, size: int | None = None) -> list[dict[str, Any]]:
        """What was written of one kind, of one size or all, in order."""
        if not self._file.exists():
            return []
        told = (json.loads(line) for line in self._file.read_bytes().splitlines())
        return [one for one in told if one["what"] == what and size in (None, one.get("size"))]


def require_room(folder: Path, sizes: list[int], loaded: int) -> None:
    """Say what is needed and what there is; raises ConfigurationError where that is not enough."""
    need = (sum(sizes) - loaded) * BYTES_EACH + BESIDE
    free = shutil.disk_usage(folder).free
    note(f"{sum(sizes):,} events in all, {loaded:,} of them loaded: {_gb(need)} of disk needed, {_gb(free)} free")
    if free < need:
        raise ConfigurationError(
            f"{folder} has {_gb(free)} free, and {_gb(need)} are needed.",
            hint="Name another --folder, or fewer --events.",
        )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The folder's server. Where the one of a process that was killed is still ending, that is waited for."""
    for left in range(60, -1, -1):
        try:
            running = local.replica_set(folder / "mongod", members=1)
            server = running.__enter__()
            break
        except SesEventError:
            if not left:
                raise
            time.sleep(1)
    try:
        yield server.uri
    finally:
        running.__exit__(None, None, None)


def opened(uri: str, size: int, **more: Any) -> EventStore:
    """The store with a month of so many events. Who was erased of it only a key tells, and nobody asks."""
    return EventStore.connect(
        uri, database=f"scale_{size}", timeout_seconds=600, clock=lambda: NOW, without_keys=True, **more
    )


def load(uri: str, size: int, log: Log, folder: Path, chunk: int, *, die_after: int | None = None) -> None:
    """Store what is missing of the month, chunk by chunk. *die_after* so many: whoever tries what a SIGKILL does."""
    before = log.lines("stored", size)
    if any(one.get("mails", CHUNK) != chunk for one in before):
        raise ConfigurationError(
            f"{folder} was begun with other chunks.", hint="Say the same --chunk, or another --folder."
        )
    done = len(before)
    month = Month(size, chunk=chunk)
    if done == month.chunks:
        return
    with opened(uri, size) as store:
        store.ensure_indexes()
        began, first = time.monotonic(), done * chunk
        for number in range(done, month.chunks):
            if number - done == die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            require_little(folder)
            raws = month.chunk(number)
            took = time.perf_counter()
            summary = store.receive_many(trusted(raw, because="it was made for a benchmark") for raw in raws)
            took = time.perf_counter() - took
            log.add("stored", size=size, chunk=number, mails=chunk, events=summary.fresh, again=summary.events - summary.fresh,
                    seconds=round(took, 3), at=round(time.time()), memory_mib=round(_resident(), 1), machine_load=machine_load())  # fmt: skip
            mails = min((number + 1) * chunk, month.mails)
            left = (month.mails - mails) * (time.monotonic() - began) / (mails - first)
            note(
                f"{size:,}: {mails / month.mails:.1%} stored, {len(raws) / took:,.0f} events/s, {timedelta(seconds=round(left))} left"
            )


def machine_load() -> float | None:
    """How many processes want a core, as the mean of a minute; more than there are cores, and figures are of a machine
    that does something else too."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def require_little(folder: Path) -> None:
    """Raises ConfigurationError before the disk is full: MongoDB does not survive that well."""
    if shutil.disk_usage(folder).free < BESIDE:
        raise ConfigurationError(
            f"{folder} has less than {_gb(BESIDE)} free.", hint="Make room and start again: it goes on where it was."
        )


def roll_up(uri: str, size: int, log: Log) -> None:
    """Roll up what is not rolled up, and write down how long each day took."""
    if log.lines("rolled", size):
        return
    with opened(uri, size) as store:
        began = last = time.perf_counter()

        def tell(done: Any) -> None:
            nonlocal last
            now = time.perf_counter()
            log.add("rolling", size=size, through=done.through, seconds=round(now - last, 3))
            note(f"{size:,}: rolled up through {done.through}, {now - began:.0f} s")
            last = now

        store.analytics.roll_up(on_progress=tell)
        log.add("rolled", size=size, memory_mib=round(_resident(), 1))
