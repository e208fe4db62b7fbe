"""A stream, its writers, a replica set and a watcher, among which a fault is caused; then everything is counted.

Next: `table.py`, the faults; `test_faults.py` causes each of them briefly, `run.py` for as long as asked.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import bson
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from faults import deliveries
from faults.deliveries import Document
from faults.wire import Wire
from sesevent import EventStore, SesEventError, trusted
from sesevent.local import ReplicaSet, _wait_until
from sesevent.moments import UTC

PATIENCE = 90.0  # seconds
_ROWS_OF_A_WATCHER = 400  # after which it begins anew, by its name
_WRITER = Path(__file__).with_name("writer.py")
_UTC = bson.CodecOptions(tz_aware=True, tzinfo=UTC)


class NoDisk(Exception):
    """A small disk cannot be had here; the message says why."""


def wait_until(happened: Callable[[], object]) -> None:
    """Poll; raises StoreUnavailable where it never happens."""
    _wait_until(happened, PATIENCE)


class Fault(NamedTuple):
    """Something that goes wrong, and how."""

    name: str
    what: str
    """For the documentation."""
    cause: Callable[[Rig], None] | None = None
    """Done in the middle of the stream, several times."""
    writers: int = 1
    wired: bool = False
    """Writers reach the primary through a `Wire` only, without the driver's own retries."""
    own_disk: bool = False
    """On a replica set of its own, on a disk that may be filled."""
    options: tuple[str, ...] = ()
    """To the writers."""
    oversized: bool = False
    """With events among the others that no document can hold."""
    length: int = 1
    """How many times longer its stream is: the fault takes a while to be felt."""
    seconds: float = 0.0
    """How long it takes to be over, roughly."""


@dataclass
class Outcome:
    """What a run counted. All from `missing` on must be 0."""

    fault: str
    runs: int = 1
    caused: int = 0
    delivered: int = 0
    """To all writers, repeats included."""
    acknowledged: int = 0
    stored: int = 0
    """Different events that must be there."""
    refused: int = 0
    """How often a writer was told that the store is unavailable."""
    missing: int = 0
    duplicates: int = 0
    """Rows that nobody expects."""
    different: int = 0
    """Rows of which a field is not as expected."""
    standings: int = 0
    """Standings that do not follow from the events, and those that a rebuild changes."""
    missed: int | None = None
    """Events that the watcher never saw; None where nothing watches."""

    @property
    def wrong(self) -> int:
        """How much is not as it must be."""
        unsettled = self.delivered - self.acknowledged
        return unsettled + self.missing + self.duplicates + self.different + self.standings + (self.missed or 0)

    def add(self, other: Outcome) -> None:
        """Add the counts of another run."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(value, int):
                setattr(self, name, (mine or 0) + value)


class Writer:
    """A process that stores deliveries, started again wherever it was when it died."""

    def __init__(self, *command: str) -> None:
        self.acked = 0
        self.batches = 0
        self.refused = 0
        self._command = command
        self._start()

    def kill(self) -> None:
        """End it at once (SIGKILL), and start it again with what it had not acknowledged."""
        self._process.kill()
        self._listener.join()
        self._start()

    def end(self) -> None:
        """End it for good."""
        self._process.kill()
        self._listener.join()

    @property
    def done(self) -> bool:
        """Whether everything is stored. Raises RuntimeError where it gave up."""
        code = self._process.poll()
        if code:
            raise RuntimeError(f"The writer ended with {code}; what it said is above.")
        return code == 0

    def _start(self) -> None:
        command = [sys.executable, str(_WRITER), *self._command, "--start", str(self.acked)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        with cast("IO[str]", process.stdout) as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # killed while it spoke
                told = json.loads(line)
                self.acked = told.get("acked", self.acked)
                self.batches += "acked" in told
                self.refused += "refused" in told
        process.wait()


class Watcher:
    """Somebody who wants to see every event, and begins anew now and then, and where the store is away."""

    def __init__(self, uri: str, database: str) -> None:
        self.seen: set[str] = set()
        self.began = threading.Event()
        self._wanted = True
        self._place = uri, database
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop within a moment."""
        self._wanted = False
        self._thread.join(PATIENCE)

    def _watch(self) -> None:
        uri, database = self._place
        while self._wanted:
            try:
                with EventStore.connect(uri, database=database) as store:
                    self._see_some(store)
            except SesEventError as error:
                if not error.retryable:
                    raise
                time.sleep(0.1)

    def _see_some(self, store: Any) -> None:
        with store.watch(name="faults", max_wait_seconds=0.2) as rows:
            self.began.set()
            while self._wanted:
                for count, row in enumerate(rows):
                    self.seen.add(str(row.id))
                    if count == _ROWS_OF_A_WATCHER:
                        return


@dataclass
class Rig:
    """One run: a replica set, a database of its own, a stream and its writers."""

    servers: ReplicaSet
    chance: random.Random
    database: str
    writers: list[Writer] = field(default_factory=list)
    wire: Wire | None = None
    disk: Path | None = None

    @property
    def refused(self) -> int:
        """How often the writers were told that the store is unavailable."""
        return sum(writer.refused for writer in self.writers)


def run(fault: Fault, servers: ReplicaSet, *, seed: int, events: int, times: int, disk: Path | None = None) -> Outcome:
    """Deliver a stream, cause a fault *times* in the middle of it, let the writers finish, and count."""
    database = f"faults_{uuid.uuid4().hex[:12]}"
    rig = Rig(servers, random.Random(seed), database, disk=disk)
    raws = deliveries.deliveries(events * fault.length, seed)
    huge = deliveries.oversized() if fault.oversized else []
    with ExitStack() as cleanup:
        uri = _prepare(servers, database)
        client: MongoClient[Any] = cleanup.enter_context(MongoClient(servers.uri))
        cleanup.callback(_forget, client, database)
        watcher = _watched(servers.uri, database, cleanup)
        if fault.wired:
            rig.wire = cleanup.enter_context(Wire(servers.primary().port))
            uri = f"mongodb://127.0.0.1:{rig.wire.port}/?directConnection=true&retryWrites=false"
        folder = cleanup.enter_context(tempfile.TemporaryDirectory())
        for number in range(fault.writers):
            file = Path(folder) / f"{number}.jsonl"
            lines = deliveries.disordered([*raws, *huge], f"{seed}/{number}")
            file.write_bytes(b"\n".join(lines))
            face = rig.chance.choice(("sync", "async"))
            rig.writers.append(Writer(uri, database, str(file), "--face", face, *fault.options))
            cleanup.callback(rig.writers[-1].end)
        outcome = Outcome(fault.name, delivered=(len(raws) + len(huge)) * fault.writers)
        outcome.caused = _cause(fault, rig, times, len(raws)) or (len(huge) or sum(one.batches for one in rig.writers))
        outcome.acknowledged = sum(writer.acked for writer in rig.writers)
        outcome.refused = rig.refused
        expected = deliveries.expected(raws)
        _count(outcome, client[database], expected, len(huge))
        _watch_out(outcome, watcher, expected)
        _derive_again(outcome, servers.uri, database, raws)
    return outcome


def _forget(client: MongoClient[Any], database: str) -> None:
    with suppress(PyMongoError):  # an error that is on its way tells more
        client.drop_database(database)


def _prepare(servers: ReplicaSet, database: str) -> str:
    """Let all members have come to themselves from the run before."""
    wait_until(lambda: all(member.role for member in servers.members))
    with EventStore.connect(servers.uri, database=database) as store:
        store.ensure_indexes()
    return servers.uri


def _watched(uri: str, database: str, cleanup: ExitStack) -> Watcher:
    watcher = Watcher(uri, database)
    cleanup.callback(watcher.end)
    wait_until(watcher.began.is_set)
    return watcher


def _cause(fault: Fault, rig: Rig, times: int, deliveries_each: int) -> int:
    """Cause the fault while writers are at work; returns how often that came true, once they are done."""
    caused = 0
    if fault.cause is not None:
        for moment in sorted(rig.chance.sample(range(50, deliveries_each * 2 // 3), times)):
            wait_until(lambda moment=moment: any(writer.acked >= moment or writer.done for writer in rig.writers))
            time.sleep(rig.chance.uniform(0, 0.03))
            if not all(writer.done for writer in rig.writers):
                fault.cause(rig)
                caused += 1
    wait_until(lambda: all(writer.done for writer in rig.writers))
    for writer in rig.writers:
        writer.end()  # its last words are read
    return caused


def _count(outcome: Outcome, tables: Any, expected: dict[Any, Document], dead: int) -> None:
    """Compare what is there with what must be, key by key and field by field."""
    outcome.stored = len(expected)
    left = dict(expected)
    for row in tables.get_collection("ses_event", codec_options=_UTC).find():
        row.pop("received")  # when and how it first came is chance
        document = left.pop(row["_id"], None)
        outcome.duplicates += document is None
        outcome.different += document is not None and document != row
    outcome.missing = len(left) + abs(dead - tables.ses_dead_letter.count_documents({}))
    rows = tables.get_collection("ses_suppression", codec_options=_UTC).find({}, {"rev": 0})
    kept = {row.pop("_id"): row for row in rows}
    wanted = deliveries.standings(expected.values())
    outcome.standings = sum(
        kept[address] != wanted[address] if address in kept and address in wanted
        # Of whom nothing holds any more, a standing that says so may be kept or not.
        else bool(wanted.get(address, kept.get(address))["standings"][0]["holdings"])
        for address in kept.keys() | wanted.keys()
    )  # fmt: skip


def _watch_out(outcome: Outcome, watcher: Watcher, expected: dict[Any, Document]) -> None:
    wanted = {str(key) for key in expected}
    deadline = time.monotonic() + 30
    while not wanted <= watcher.seen and time.monotonic() < deadline:
        time.sleep(0.05)
    outcome.missed = len(wanted - watcher.seen)


def _derive_again(outcome: Outcome, uri: str, database: str, raws: list[bytes]) -> None:
    """Nothing must change when standings are rebuilt, and nothing be new when everything is delivered again."""
    with EventStore.connect(uri, database=database) as store:
        outcome.standings += store.suppression.rebuild().changed
        again = store.receive_many(trusted(raw, because="a rig made it") for raw in raws)
        outcome.duplicates += again.fresh


@contextmanager
def small_disk(megabytes: int = 1200) -> Iterator[Path]:
    """A file system of its own that may be filled. Raises NoDisk where this user may mount none."""
    with tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place]
        try:
            done = subprocess.run(mount, capture_output=True, check=False, text=True)
        except OSError as error:
            raise NoDisk(f"there is no mount command ({error.strerror})") from None
        if done.returncode:
            raise NoDisk(f"no small disk can be mounted: {done.stderr.strip()}")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
