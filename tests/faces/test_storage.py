"""What is kept, in bytes: counted, sampled, measured on one's own events, and given back to the disk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from sesevent import AsyncEventStore, ConfigurationError, EventStore, local, testing, trusted
from sesevent.retention import Retention
from sesevent.storage import sizes

pytestmark = pytest.mark.usefixtures("nothing_before")  # a file does not shrink with what was in it

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=40)


@pytest.fixture(params=["sync", "async"])
def asked(request: pytest.FixtureRequest, mongodb_uri: str, database: str, store: Any) -> Callable[[Any], Any]:
    """Call something of a store of either colour, forty days after the first event."""
    return lambda ask: call(request.param, mongodb_uri, database, ask)


def call(colour: str, uri: str, database: str, ask: Callable[[Any], Any]) -> Any:
    place: dict[str, Any] = {"database": database, "clock": lambda: NOW, "timeout_seconds": 60}
    if colour == "sync":
        with EventStore.connect(uri, **place) as own:
            return ask(own)

    async def main() -> Any:
        async with AsyncEventStore.connect(uri, **place) as own:
            return await ask(own)

    return asyncio.run(main())


def fill(store: Any, mails: int = 1500) -> None:
    raws = testing.stream(mails, seed=4, start=START, mails_per_second=mails / 3_300_000)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_bytes_are_told_by_collection_index_field_type_and_month(
    store: Any, rows: Any, asked: Callable[[Any], Any]
) -> None:
    """What MongoDB counts exactly; what is sampled within the error that is told."""
    fill(store)
    store.client.admin.command("fsync")
    told = asked(lambda own: own.storage.report(sample=800))
    size = next(one for one in told.collections if one.name == "ses_event")
    kept = list(rows.aggregate([{"$project": {"type": "$Type", "at": "$Timestamp", "whole": {"$bsonSize": "$$ROOT"},
                                              "message": {"$strLenBytes": "$Message"}}}]))  # fmt: skip
    whole = sum(row["whole"] for row in kept)

    assert (size.documents, size.size) == (len(kept), whole)
    assert size.compressor == "zstd"
    assert size.ratio is not None
    assert size.ratio > 1.5
    assert {"_id_", "message", "time"} <= {index.name for index in size.indexes}
    assert told.sampled == min(800, len(kept))

    truth = {
        # a string of BSON has its type, its name, its length and an end
        "fields": {"Message": sum(row["message"] + 14 for row in kept)},
        "types": {
            name: sum(row["whole"] for row in kept if row["type"] == name) for name in {row["type"] for row in kept}
        },
        "months": {
            month: sum(row["whole"] for row in kept if row["at"][:7] == month) for month in ("2024-05", "2024-06")
        },
    }
    for kind, named in truth.items():
        shares = {share.name: share for share in getattr(told, kind)}
        for name, true in named.items():
            one = shares.get(name)
            # four standard errors: a sample of the seed's kind misses it once in ten thousand; rare types may be missed
            assert abs((one.share if one else 0.0) - true / whole) <= (2.1 * one.error + 0.002 if one else 0.01), (
                kind,
                name,
            )
    assert sum(share.share for share in told.fields) == pytest.approx(1, abs=0.1)
    assert [share.name for share in told.months] == sorted(share.name for share in told.months)


def test_growth_is_that_of_the_last_thirty_days(store: Any, rows: Any, asked: Callable[[Any], Any]) -> None:
    """By when events happened."""
    fill(store, 300)
    lately = rows.count_documents({"Timestamp": {"$gte": f"{NOW - timedelta(days=30):%Y-%m-%dT%H:%M:%S}"}})

    assert asked(lambda own: own.storage.report()).events_per_day == pytest.approx(lately / 30)


def test_what_a_policy_would_free_is_about_what_it_frees(store: Any, rows: Any, asked: Callable[[Any], Any]) -> None:
    """Told before, compared with what is gone after it was done."""
    fill(store)
    policy = Retention.loads("""
[[rule]]
why = "evidence"
types = ["Bounce"]
keep = true
[[rule]]
why = "of use for a while"
delete = "20 days"
thin = "10 days"
""")
    told = {one.kind: one for one in asked(lambda own: own.storage.report(policy, sample=2000)).savings}
    before = sum(row["b"] for row in rows.aggregate([{"$project": {"b": {"$bsonSize": "$$ROOT"}}}]))
    counted = rows.count_documents({})
    done = {one.kind: one for one in asked(lambda own: own.retention.run(policy))}
    after = sum(row["b"] for row in rows.aggregate([{"$project": {"b": {"$bsonSize": "$$ROOT"}}}]))

    assert told["delete"].events == pytest.approx(done["delete"].events, rel=0.15)
    assert counted - rows.count_documents({}) == done["delete"].events
    freed, error = sum(one.size for one in told.values()), sum(one.error for one in told.values())
    assert abs(freed - (before - after)) <= 2.1 * error * before + 20_000  # what says `thin` in a row takes a little
    assert told["delete"].on_disk > 0


def test_an_empty_store_has_a_report(asked: Callable[[Any], Any]) -> None:
    """Nothing is divided by nothing."""
    told = asked(lambda own: own.storage.report(Retention.loads('[[rule]]\nwhy = "x"\ndelete = "1 day"')))

    assert (told.sampled, told.fields, told.events_per_day) == (0, (), 0)
    assert [(one.events, one.size, one.on_disk) for one in told.savings] == [(0, 0, 0)]
    assert told.to_dict()["collections"]


def test_compressors_are_measured_on_ones_own_events(store: Any, mongo_client: Any, database: str, asked: Any) -> None:
    """All on the same sample, and nothing is left of it; the events stay as they were."""
    fill(store)
    before = list(mongo_client[database]["ses_event"].find().sort("_id"))
    mongo_client[database]["ses_scratch_zlib"].insert_one({"left": "by a measurement that was killed"})
    told = asked(lambda own: own.storage.measure(sample=1000))

    by = {(one.compressor, one.thinned): one for one in told}
    assert list(by) == [("zstd", False), ("snappy", False), ("zlib", False), ("zstd", True)]
    assert {one.documents for one in told} == {1000}
    assert len({one.size for one in told if not one.thinned}) == 1
    assert by["zstd", True].size < 0.7 * by["zstd", False].size
    assert by["zstd", False].on_disk < by["snappy", False].on_disk < by["zstd", False].size
    assert by["zlib", False].whole_on_disk == pytest.approx(by["zlib", False].on_disk * len(before) / 1000, rel=0.01)
    assert list(mongo_client[database]["ses_event"].find().sort("_id")) == before
    assert [name for name in mongo_client[database].list_collection_names() if "scratch" in name] == []


def test_what_fails_while_measuring_leaves_nothing_behind(store: Any, mongo_client: Any, database: str) -> None:
    """Neither does a wrong question."""
    fill(store, 50)
    real = sizes.scratch_stats
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sizes, "scratch_stats", lambda name: sizes.DatabaseCommand({"no such command": name}))
        with pytest.raises(Exception, match="MongoDB refused"):
            store.storage.measure(sample=10)
    assert sizes.scratch_stats is real
    assert [name for name in mongo_client[database].list_collection_names() if "scratch" in name] == []
    for ask in (store.storage.measure, store.storage.report):
        with pytest.raises(ConfigurationError):
            ask(sample=0)


def test_a_server_that_lets_nobody_flush_is_waited_for(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, for as long as its checkpoints are apart."""
    from sesevent.faces import storage

    fill(store, 50)
    waited: list[float] = []
    monkeypatch.setattr(storage, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(storage.sizes, "flush", lambda: refuse())
    store.storage.measure(sample=10)

    assert waited == [storage.CHECKPOINT]


def refuse() -> Any:
    return False
    yield


@pytest.fixture
def alone() -> Iterator[tuple[str, EventStore]]:
    """A store on a server of its own: what others do there decides when a file shrinks."""
    with local.server() as uri, EventStore.connect(uri, database="space", timeout_seconds=60) as store:
        store.ensure_indexes()
        # A server keeps what was deleted for some minutes, for those who read the past.
        store.client.admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 0})
        yield uri, store


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_space_is_given_back_while_somebody_writes(alone: tuple[str, EventStore], colour: str) -> None:
    """Whatever is acknowledged meanwhile is there afterwards, and some of the file is given back."""
    uri, store = alone
    rows = store.client["space"]["ses_event"]
    fill(store, 6000)
    store.client.admin.command("fsync")  # what never was in the file leaves no hole there
    newest = rows.find().sort("Timestamp", -1).skip(rows.count_documents({}) // 4).limit(1)[0]["Timestamp"]
    rows.delete_many({"Timestamp": {"$lt": newest}})
    for _ in range(60):
        store.client.admin.command("fsync")
        if store.storage.report(sample=1).collections[0].free:
            break
        time.sleep(0.5)
    acknowledged: list[str] = []
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        with EventStore.connect(uri, database="space", timeout_seconds=60) as other:
            for raw in testing.stream(40_000, seed=9, start=START + timedelta(days=90)):
                event = other.receive(trusted(raw, because="a test's own")).event
                assert event is not None
                acknowledged.append(event.message_id)
                begun.set()
                if over.is_set():
                    return

    def compacted() -> Any:
        return call(colour, uri, "space", lambda own: own.storage.compact(by="ann"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        already = len(acknowledged)
        done = [compacted() for _ in range(3)]
        meanwhile = len(acknowledged) - already
    finally:
        over.set()
        writer.join(60)
    while not sum(one.freed for one in done) and len(done) < 60:
        # A server gives back what lies at the end, and moves what lies there from one look to the next.
        store.client.admin.command("fsync")
        done.append(compacted())

    assert meanwhile > 0
    assert set(acknowledged) <= set(rows.distinct("MessageId"))
    assert done[0].before.compressor == done[-1].after.compressor == "zstd"
    assert done[0].before.free > 0
    assert sum(one.freed for one in done) > 0
    said = next(entry for entry in store.audit.latest() if entry.act == "compacted")
    assert (said.subject, said.by) == ("ses_event", "ann")


def test_only_what_is_ours_is_compacted(asked: Callable[[Any], Any]) -> None:
    """And only what is there."""
    for name in ("somebody_elses", "ses_rollup"):
        with pytest.raises(ConfigurationError):
            asked(lambda own, name=name: own.storage.compact(name))


def test_the_store_in_memory_says_that_it_has_no_disk() -> None:
    """Not an error of its insides."""
    with pytest.raises(NotImplementedError):
        testing.memory_store().storage.report()
