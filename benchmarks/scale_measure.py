"""Asks every question at every size, in turn, and writes down how long it took and how much was looked at for it.

Sizes take turns within a round, and ratios are taken round by round, so a machine that slows down slows all of them.
What no other load moves is counted too: the keys and documents that MongoDB looked at, as its profiler tells.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from harness import note
from pymongo import MongoClient
from scale_load import Log, machine_load, opened
from scale_questions import QUESTIONS, Asked, Question
from scale_traffic import END, LEAVING
from soak import _resident

from sesevent import EventStore
from sesevent.contrib.archive import Archive, Directory
from sesevent.privacy.policy import PrivacyPolicy
from sesevent.privacy.protection import Protection
from sesevent.privacy.pseudonyms import Key
from sesevent.storage.layout import COLLECTIONS

ENOUGH: Final = 60.0
"""Seconds after which a question is not asked for another round, once it was asked three times at each size."""
KEEPING: Final = Protection(PrivacyPolicy(), keys=[Key("k", b"a secret of some bytes")])
_PROFILE: Final = 64 * 2**20


def ask_all(uri: str, sizes: list[int], log: Log, rounds: int, only: str = "") -> None:
    """Ask what was not asked at all of these sizes yet."""
    known = {(one["question"], tuple(one["sizes"])) for one in log.lines("asked")}
    todo = [one for one in QUESTIONS if only in one.name and (only or (one.name, tuple(sizes)) not in known)]
    if not todo:
        return
    several = [_ready(uri, size) for size in sizes]
    for question in todo:
        told = _asked(question, several, sizes, rounds)
        log.add("asked", question=question.name, room=question.room, kind=question.kind, sizes=sizes,
                memory_mib=round(_resident(), 1), machine_load=machine_load(), **told)  # fmt: skip
        note(
            f"{question.name}: {' '.join(f'{one:,.1f}' for one in told['milliseconds'])} ms, {told['looked']} looked at"
        )
    for asked in several:
        asked.store.close()


def _ready(uri: str, size: int) -> Asked:
    store = opened(uri, size)
    store.ensure_indexes()  # there may be new ones since it was loaded
    store.analytics.roll_up()  # who was erased since left hours that the log would answer for
    return Asked(store)


def _asked(question: Question, several: list[Asked], sizes: list[int], rounds: int) -> dict[str, Any]:
    rows = [question.ask(asked, -1) for asked in several]  # warms up
    took: list[list[float]] = []
    began = time.perf_counter()
    while len(took) < rounds and (len(took) < 3 or time.perf_counter() - began < ENOUGH):
        took.append([_seconds(question, asked, len(took)) for asked in several])
    return {
        "rows": rows,
        "milliseconds": [round(statistics.median(column) * 1e3, 3) for column in zip(*took, strict=True)],
        "ratios": [round(statistics.median(one[place] / one[0] for one in took), 3) for place in range(len(several))],
        "rounds": len(took),
        "looked": [
            looked_at(asked.store, size, lambda asked=asked: question.ask(asked, len(took)))
            for asked, size in zip(several, sizes, strict=True)
        ],
    }


def _seconds(question: Question, asked: Asked, number: int) -> float:
    began = time.perf_counter()
    question.ask(asked, number)
    return time.perf_counter() - began


def looked_at(store: EventStore, size: int, work: Callable[[], object]) -> int:
    """How many keys of indexes and documents MongoDB looked at for something."""
    database = store.client[f"scale_{size}"]
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=_PROFILE)
    database.command("profile", 2)
    try:
        work()
    finally:
        database.command("profile", 0)
    told = database["system.profile"].find({"ns": {"$not": {"$regex": r"\.system\.profile$"}}})
    return sum(one.get("keysExamined", 0) + one.get("docsExamined", 0) for one in told)


def server_of(uri: str) -> dict[str, Any]:
    """Which server answers, and how much it keeps in memory."""
    with MongoClient[Any](uri) as client:
        cache = client.admin.command("serverStatus")["wiredTiger"]["cache"]["maximum bytes configured"]
        return {"mongodb": client.server_info()["version"], "cache_gb": round(cache / 2**30, 1)}


def weigh(uri: str, size: int, log: Log) -> None:
    """Write down what is stored, in bytes: each collection and each index."""
    if log.lines("weighed", size):
        return
    with opened(uri, size) as store:
        store.client.admin.command("fsync")
        database = store.client[f"scale_{size}"]
        there = set(database.list_collection_names())
        log.add("weighed", size=size, collections=[_weight(database, name) for name in COLLECTIONS if name in there])


def _weight(database: Any, name: str) -> dict[str, Any]:
    told: Mapping[str, Any] = database.command("collStats", name)
    return {
        "collection": name,
        "rows": told["count"],
        "bytes": told["storageSize"],
        "indexes": dict(told["indexSizes"]),
    }


def erase(uri: str, size: int, log: Log, people: int = 3) -> None:
    """Erase the next of the people that are there to be erased, each with twelve mails of four events."""
    done = len(log.lines("erased", size))
    with opened(uri, size, privacy=KEEPING) as store:
        for person in LEAVING[done:people]:
            began = time.perf_counter()
            looked = looked_at(store, size, lambda person=person: store.privacy.erase(person, by="a benchmark"))
            took = time.perf_counter() - began
            log.add("erased", size=size, seconds=round(took, 4), looked=looked)
            note(f"{size:,}: a person erased in {took * 1e3:,.0f} ms, {looked} looked at")


def archive(uri: str, size: int, log: Log) -> None:
    """Archive the month into files, and leave it where it is, so that everything may be asked again."""
    if log.lines("archived", size):
        return
    with opened(uri, size) as store, tempfile.TemporaryDirectory() as folder:
        store.keeping.take_out = _left_there  # type: ignore[method-assign]
        most, began = 0.0, time.perf_counter()

        def tell(done: Any) -> None:
            nonlocal most
            most = max(most, _resident())
            note(f"{size:,}: archived {done.events:,} through {done.day}, {time.perf_counter() - began:.0f} s")

        done = Archive(store, Directory(Path(folder))).run(END, on_progress=tell)
        took = time.perf_counter() - began
        log.add("archived", size=size, events=done.events, parts=done.parts, bytes=done.size, seconds=round(took, 2),
                memory_mib=round(most, 1))  # fmt: skip


def _left_there(some: Any, *_: Any, **__: Any) -> int:
    return len(some)
