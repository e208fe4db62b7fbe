"""Following what is stored: nothing is missed, whatever is killed, restarted or late."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient, UpdateOne

from both import Face
from payloads import all_genuine, genuine, notification, payload
from sesevent import (
    AsyncEventStore,
    ConfigurationError,
    EventStore,
    PayloadError,
    PositionLost,
    StoreUnavailable,
    local,
)

pytestmark = pytest.mark.usefixtures("nothing_before")

needs_own_server = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
)
both_ways = pytest.mark.parametrize("polling", [None, True], ids=["stream", "polling"])
SOON = {"max_wait_seconds": 0.3, "poll_seconds": 0.05}


def bounce(number: int | str) -> Any:
    return genuine(payload("Bounce", message_id=f"m-{number}"))


def names(events: Any) -> list[str]:
    return [event.message_id for event in events]


@asynccontextmanager
async def watching(face: Face, *name: str, **settings: Any) -> AsyncIterator[Any]:
    """A watch of one colour, entered."""
    watch = face.store.watch(*name, **SOON | settings)
    if face.colour == "async":
        async with watch:
            yield watch
    else:
        with watch:
            yield watch


async def rest_of(watch: Any) -> list[Any]:
    """Everything, until nothing comes for a moment."""
    return [event async for event in watch] if hasattr(watch, "__aiter__") else list(watch)


async def next_of(watch: Any) -> Any:
    return await anext(watch) if hasattr(watch, "__anext__") else next(watch)


def until(happened: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ── What is given ────────────────────────────────────────────────────────────────────────────


@both_ways
def test_what_is_stored_while_watching_is_given_in_order_and_nothing_before(with_store: Any, polling: bool) -> None:
    """Each row once, whole; and none that was there already."""
    minutes = itertools.count()

    async def body(face: Face) -> None:
        face.store._clock = lambda: datetime.now(timezone.utc) + timedelta(milliseconds=next(minutes))
        await face.get(lambda store: store.receive(bounce("before")))
        async with watching(face, polling=polling) as watch:
            for number in range(30):
                await face.get(lambda store, number=number: store.receive(bounce(number)))
            first = await next_of(watch)
            assert names([first, *await rest_of(watch)]) == [f"m-{number}" for number in range(30)]
            assert (first.type, first.received_at is not None) == ("Bounce", True)

            await face.get(lambda store: store.receive(bounce("later")))
            assert names(await rest_of(watch)) == ["m-later"], "iterated again, it goes on"

    with_store(body)


@both_ways
def test_a_batch_of_one_moment_is_given_whole(with_store: Any, polling: bool) -> None:
    """More rows than a page of keys, all received in the same millisecond."""
    now = datetime.now(timezone.utc)

    async def body(face: Face) -> None:
        async with watching(face, polling=polling) as watch:
            face.store._clock = lambda: now
            many = [payload("Send", message_id=f"m-{number}") for number in range(1100)]
            await face.get(lambda store: store.receive_many(all_genuine(many)))
            given = names(await rest_of(watch))

            assert (len(given), len(set(given))) == (1100, 1100)

    with_store(body)


@both_ways
def test_rows_of_a_mongoose_application_are_given_and_told_apart_by_their_inner_type(
    store: EventStore, rows: Any, polling: bool
) -> None:
    """An SNS envelope as it came, and a normalised row; neither has anything of ours."""
    envelope = json.loads(notification(payload("Bounce", message_id="m-envelope")))
    opened = json.loads(notification(payload("Open", message_id="m-open")))
    plain = {"Type": "Bounce", "MessageId": "m-plain", "Message": "?", "Timestamp": "2024-05-01T12:00:00.000Z"}
    with store.watch(types=["Bounce"], polling=polling, **SOON) as watch, store.watch(polling=polling, **SOON) as whole:
        rows.insert_many([envelope | {"__v": 0}, opened | {"__v": 0}, plain | {"__v": 0}])

        assert names(watch) == ["m-envelope", "m-plain"]
        assert names(whole) == ["m-envelope", "m-open", "m-plain"]


@both_ways
def test_odd_rows_stop_no_watch(store: EventStore, rows: Any, polling: bool) -> None:
    """Of whatever others put into the collection."""
    with store.watch(types="bounce", polling=polling, **SOON) as watch:
        rows.insert_many([{}, {"Type": 1, "Message": {"a": 1}}, {"Type": "Notification", "Message": '"Bounce"'}])
        store.receive(bounce(1))

        assert names(watch) == ["m-1"]


@both_ways
def test_since_gives_what_was_stored_since(store: EventStore, polling: bool) -> None:
    """Also before the watch began."""
    before = datetime.now(timezone.utc) - timedelta(seconds=5)
    store.receive(bounce(1))

    with store.watch(since=before, polling=polling, **SOON) as watch:
        assert "m-1" in names(watch)
    with store.watch(since=before + timedelta(hours=1), types="Open", polling=polling, **SOON) as later:
        assert names(later) == []


# ── Positions ────────────────────────────────────────────────────────────────────────────────


@both_ways
def test_a_name_goes_on_behind_the_last_finished_row(with_store: Any, tables: Any, polling: bool) -> None:
    """The row in hand when the consumer stopped is given again; what came meanwhile is given."""

    async def body(face: Face) -> None:
        async with watching(face, "crm", polling=polling) as watch:
            for number in range(5):
                await face.get(lambda store, number=number: store.receive(bounce(number)))
            given = [await next_of(watch) for _ in range(3)]
        (kept,) = tables["ses_watch"].find({}).to_list()
        assert kept["_id"] == "crm"
        await face.get(lambda store: store.receive(bounce("meanwhile")))
        async with watching(face, "crm", polling=polling) as watch:
            again = await rest_of(watch)
            assert {event.id for event in [*given[:2], *again]} == {
                event.id for event in await face.get(lambda store: store.events.between())
            }
            assert [event.id for event in again if event.id in {one.id for one in given}] == [given[2].id]
        async with watching(face, "crm", polling=polling) as watch:
            assert await rest_of(watch) == []

    with_store(body)


@both_ways
def test_whoever_keeps_positions_goes_on_behind_any_row(with_store: Any, polling: bool) -> None:
    """The position of a row counts it as done."""

    async def body(face: Face) -> None:
        positions = []
        async with watching(face, polling=polling) as watch:
            for number in range(4):
                await face.get(lambda store, number=number: store.receive(bounce(number)))
            given = []
            for _ in range(4):
                given.append(await next_of(watch))
                positions.append(watch.position)
        for done, position in enumerate(positions, 1):
            async with watching(face, resume_after=position, polling=polling) as watch:
                assert [event.id for event in await rest_of(watch)] == [event.id for event in given[done:]]

    with_store(body)


def test_a_consumer_that_stops_in_time_can_say_that_it_is_done(with_store: Any) -> None:
    """Nothing is given again; without a name there is nowhere to keep that."""

    async def body(face: Face) -> None:
        async with watching(face, "crm") as watch:
            await face.get(lambda store: store.receive(bounce(1)))
            await next_of(watch)
            await face.get(lambda _: watch.save())
        async with watching(face, "crm") as watch:
            assert await rest_of(watch) == []
        async with watching(face) as nameless:
            with pytest.raises(ConfigurationError, match="name"):
                await face.get(lambda _: nameless.save())

    with_store(body)


@both_ways
def test_the_position_moves_past_rows_that_were_not_asked_for(store: EventStore, polling: bool) -> None:
    """And, with a stream, also while nothing at all comes."""
    with store.watch("complaints", types=["Complaint"], polling=polling, **SOON) as watch:
        started = watch.position
        store.receive(bounce(1))
        assert list(watch) == []
        passed = watch.position
    assert passed != started
    kept = store.watch("complaints", polling=polling, **SOON)  # the same name, and every type

    assert list(kept) == [], "what was passed is behind it"


def test_a_name_remembers_also_when_it_ended_before_the_first_row(store: EventStore) -> None:
    """The place where it began."""
    with store.watch("crm", **SOON):
        pass
    store.receive(bounce(1))

    assert names(store.watch("crm", **SOON)) == ["m-1"]


def test_positions_of_a_stream_and_of_polling_can_take_each_others_place(store: EventStore) -> None:
    """Going from one to the other repeats what is in the overlap, and misses nothing."""
    with store.watch("crm", **SOON) as watch:
        store.receive(bounce(1))
        assert names(watch) == ["m-1"]
    store.receive(bounce(2))
    with store.watch("crm", polling=True, **SOON) as watch:
        assert "m-2" in names(watch)
    store.receive(bounce(3))
    with store.watch("crm", **SOON) as watch:
        assert "m-3" in names(watch)


@pytest.mark.parametrize("text", ["", "nonsense", "é", "bnVsbA==", "W10=", "eyJ2IjoyLCJhdCI6MX0="])
def test_what_is_no_position_is_refused(store: EventStore, text: str) -> None:
    """Before anything is asked of the database."""
    with pytest.raises(ConfigurationError, match="position"):
        store.watch(resume_after=text)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"max_wait_seconds": -1}, {"overlap_seconds": -1}, {"poll_seconds": 0}]
)
def test_what_cannot_be_watched_is_refused(store: EventStore, wrong: dict[str, Any]) -> None:
    """At once."""
    with pytest.raises(ConfigurationError):
        store.watch(**wrong)


# ── Late rows, where rows are polled ─────────────────────────────────────────────────────────


def test_polling_finds_rows_whose_time_is_before_the_last_one_inside_the_overlap(with_store: Any) -> None:
    """Other writers' clocks differ, and their writes take time; each row is given once."""

    async def body(face: Face) -> None:
        async with watching(face, polling=True, overlap_seconds=60) as watch:
            given = []
            for number, behind in enumerate((0, 50, 20, -40, 55, 0)):
                face.store._clock = lambda behind=behind: datetime.now(timezone.utc) - timedelta(seconds=behind)
                await face.get(lambda store, number=number: store.receive(bounce(number)))
                given += names(await rest_of(watch))

            assert given == [f"m-{number}" for number in range(6)]

    with_store(body)


def test_a_writer_whose_clock_is_an_hour_ahead_hides_nobodys_rows(with_store: Any) -> None:
    """Its rows are given, once; those of the others too."""

    async def body(face: Face) -> None:
        async with watching(face, polling=True, overlap_seconds=5) as watch:
            given = []
            for number, ahead in enumerate((1, 0, 1, 0)):
                face.store._clock = lambda ahead=ahead: datetime.now(timezone.utc) + timedelta(hours=ahead)
                await face.get(lambda store, number=number: store.receive(bounce(number)))
                given += names(await rest_of(watch))

            assert given == [f"m-{number}" for number in range(4)]

    with_store(body)


@both_ways
def test_dead_letters_that_are_understood_at_last_are_given(with_store: Any, tables: Any, polling: bool) -> None:
    """They keep the time of their first arrival, which is long ago."""
    long_ago = datetime(2024, 5, 1, tzinfo=timezone.utc)

    async def body(face: Face) -> None:
        clock, face.store._clock = face.store._clock, lambda: long_ago
        with pytest.raises(PayloadError):
            await face.get(lambda store: store.receive(genuine(b"{oops")))
        face.store._clock = clock
        (letter,) = tables["ses_dead_letter"].find({}).to_list()
        content = json.dumps(payload("Bounce")).encode()
        tables["ses_dead_letter"].bulk_write([UpdateOne({"_id": letter["_id"]}, {"$set": {"content": content}})])
        async with watching(face, polling=polling) as watch:
            await face.get(lambda store: store.dead_letters.retry())
            (event,) = await rest_of(watch)

            assert (event.type, event.received_at) == ("Bounce", long_ago)

    with_store(body)


def test_polling_reads_keys_from_its_index_and_says_so_where_it_is_missing(
    store: EventStore, rows: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Looking back at rows that were given costs no document."""
    from sesevent.storage.arrivals import ARRIVALS, Key, keys_behind, keys_since

    with store.watch("crm", polling=True, **SOON) as watch:
        assert list(watch) == []
    assert "ensure_indexes(polling=True)" in caplog.text
    assert [finding.remedy for finding in store.examine() if finding.subject == "watches"] == [
        "Run: sesevent doctor --fix --polling"
    ]
    assert {"arrival", "late_arrival"} <= set(store.ensure_indexes(polling=True))
    assert [finding for finding in store.examine() if finding.subject == "watches"] == []
    store.receive_many(all_genuine(payload("Bounce", message_id=f"m-{number}") for number in range(200)))
    now = datetime.now(timezone.utc)
    last = Key(now - timedelta(seconds=9), ObjectId.from_datetime(now))
    finds = [[keys_since(arrival, now - timedelta(seconds=60)), *keys_behind(arrival, last)] for arrival in ARRIVALS]
    for find in itertools.chain.from_iterable(finds):
        plan = rows.find(find.filter, find.projection, sort=list(find.sort), limit=find.limit).explain()
        stats = plan["executionStats"]
        assert (stats["totalDocsExamined"], stats["totalKeysExamined"] <= 202) == (0, True), find


# ── Ending ───────────────────────────────────────────────────────────────────────────────────


@both_ways
def test_close_from_another_thread_ends_the_iteration_and_keeps_the_position(store: EventStore, polling: bool) -> None:
    """Whoever closes it comes back when that is done."""
    watch = store.watch("crm", polling=polling)
    given: list[Any] = []
    with watch:
        waiting = threading.Thread(target=lambda: [given.append(event) for event in watch])
        waiting.start()
        store.receive(bounce(1))
        until(lambda: given)
        watch.close()
        waiting.join(10)

        assert not waiting.is_alive()
    assert names(given) == ["m-1"]
    assert list(store.watch("crm", polling=polling, **SOON)) == []
    assert list(watch) == [], "what is closed gives nothing more"


@both_ways
def test_close_from_another_task_ends_the_iteration(
    store: EventStore, mongodb_uri: str, database: str, polling: bool
) -> None:
    """A consumer that waits does not hold the loop."""

    async def main() -> None:
        async with AsyncEventStore.connect(mongodb_uri, database=database) as astore:
            watch = astore.watch(polling=polling)
            given: list[Any] = []

            async def consume() -> None:
                async for event in watch:
                    given.append(event)

            async with watch:
                consumer = asyncio.create_task(consume())
                await astore.receive(bounce(1))
                while not given:
                    await asyncio.sleep(0.01)
                await watch.close()
                await asyncio.wait_for(consumer, 10)

            assert names(given) == ["m-1"]

    asyncio.run(main())


@both_ways
def test_a_cancelled_wait_loses_nothing(store: EventStore, mongodb_uri: str, database: str, polling: bool) -> None:
    """Cancelled at any moment, the next wait goes on where the last row was."""

    async def main() -> None:
        async with (
            AsyncEventStore.connect(mongodb_uri, database=database) as astore,
            astore.watch(polling=polling, poll_seconds=0.02) as watch,
        ):
            writing = asyncio.create_task(asyncio.to_thread(lambda: [store.receive(bounce(n)) for n in range(40)]))
            given, patience = set(), itertools.cycle((0.001, 0.003, 0.01, 0.05, 0.3))
            deadline = time.monotonic() + 60
            while len(given) < 40:
                assert time.monotonic() < deadline
                try:
                    given.add((await asyncio.wait_for(anext(watch), next(patience))).message_id)
                except asyncio.TimeoutError:
                    continue
            await writing

            assert given == {f"m-{number}" for number in range(40)}

    asyncio.run(main())


def test_a_dropped_collection_does_not_end_a_watch(store: EventStore, rows: Any) -> None:
    """What comes into the new one is given, and a name goes on behind it."""
    with store.watch("crm", **SOON) as watch:
        store.receive(bounce(1))
        rows.drop()
        store.receive(bounce(2))
        assert names(watch) == ["m-1", "m-2"]
        store.receive(bounce(3))
        assert names(watch) == ["m-3"]
        rows.drop()
    store.receive(bounce(4))

    assert names(store.watch("crm", **SOON)) == ["m-4"]


# ── What goes wrong outside ──────────────────────────────────────────────────────────────────

CONSUMER = """
import sys
from sesevent import EventStore
uri, database, polling = sys.argv[1:]
with EventStore.connect(uri, database=database) as store:
    with store.watch("crm", polling=polling == "True" or None, poll_seconds=0.05) as watch:
        print("ready", flush=True)
        for event in watch:
            print(event.message_id, flush=True)
"""


@contextmanager
def consumer(uri: str, database: str, polling: Any) -> Iterator[Any]:
    command = [sys.executable, "-c", CONSUMER, uri, database, str(polling)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def write(store: EventStore, count: int) -> None:
    for first in range(0, count, 10):
        store.receive_many([bounce(number) for number in range(first, first + 10)])


@both_ways
def test_a_consumer_that_is_killed_misses_nothing_when_it_is_started_again(
    store: EventStore, mongodb_uri: str, database: str, polling: bool
) -> None:
    """kill -9 amid the stream, twice; what was stored meanwhile is given too."""
    expected = {f"m-{number}" for number in range(900)}
    writing = threading.Thread(target=write, args=(store, 900))
    runs: list[list[str]] = []
    for lines in (150, 150):
        with consumer(mongodb_uri, database, polling) as process:
            if not runs:
                writing.start()
            given = [process.stdout.readline().strip() for _ in range(lines)]
            process.kill()
            runs.append([*given, *process.stdout.read().split()])
    writing.join()
    with consumer(mongodb_uri, database, polling) as process:
        last: list[str] = []
        while set().union(*runs, last) < expected:
            line = process.stdout.readline().strip()
            assert line, "it ended"
            last.append(line)
    assert set().union(*runs, last) == expected
    if not polling:
        assert all(len(set(one) & set(two)) <= 102 for one, two in itertools.pairwise([*runs, last]))


@needs_own_server
def test_a_server_that_is_restarted_makes_no_gap() -> None:
    """Both colours wait for it, and give what was stored before, and after."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        given: dict[str, set[str]] = {"sync": set(), "async": set()}
        try:
            with EventStore.connect(running.uri, timeout_seconds=1.5) as store:
                ready = threading.Barrier(3)
                threads = [
                    threading.Thread(target=follow, args=(running.uri, ready, given["sync"])),
                    threading.Thread(target=lambda: asyncio.run(afollow(running.uri, ready, given["async"]))),
                ]
                for thread in threads:
                    thread.start()
                ready.wait(30)
                store.receive(bounce(1))
                until(lambda: all(given.values()))
                store.receive(bounce(2))
                local.stop(home)
                with pytest.raises(StoreUnavailable):
                    store.receive(bounce("never"))
                local.start(home)
                until(lambda: received(store, 3))
                until(lambda: all("m-3" in each for each in given.values()))
                store.receive(bounce("end"))
                for thread in threads:
                    thread.join(30)
                stored = {event.message_id for event in store.events.between()}
                assert given == {"sync": stored, "async": stored}
        finally:
            local.stop(home)


def follow(uri: str, ready: threading.Barrier, given: set[str]) -> None:
    with EventStore.connect(uri, timeout_seconds=1.5) as store, store.watch("sync") as watch:
        ready.wait(30)
        for event in watch:
            given.add(event.message_id)
            if event.message_id == "m-end":
                break


async def afollow(uri: str, ready: threading.Barrier, given: set[str]) -> None:
    async with AsyncEventStore.connect(uri, timeout_seconds=1.5) as store, store.watch("async") as watch:
        await asyncio.to_thread(ready.wait, 30)
        async for event in watch:
            given.add(event.message_id)
            if event.message_id == "m-end":
                break


def received(store: EventStore, number: int) -> bool:
    try:
        store.receive(bounce(number))
    except StoreUnavailable:
        return False
    return True


@needs_own_server
def test_a_fail_over_makes_no_gap() -> None:
    """The primary of three steps down amid the stream."""
    with local.server(members=3) as uri, EventStore.connect(uri, timeout_seconds=5) as store, MongoClient(uri) as admin:
        with store.watch(max_wait_seconds=3) as watch:
            given = []
            for number in range(30):
                until(lambda number=number: received(store, number))
                if number in (5, 20):
                    admin.admin.command("replSetStepDown", 1, secondaryCatchUpPeriodSecs=1, force=True)
                given.append(next(watch).message_id)

        assert given == [f"m-{number}" for number in range(30)]


@needs_own_server
def test_a_watch_with_a_bound_tells_that_the_server_is_away() -> None:
    """Rather than that nothing came."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            connected = EventStore.connect(running.uri, timeout_seconds=0.5)
            with connected as store, store.watch(max_wait_seconds=0.5) as watch:
                local.stop(home)
                with pytest.raises(StoreUnavailable):
                    next(watch)
        finally:
            local.stop(home)


@needs_own_server
def test_a_server_that_stands_alone_is_polled(tmp_path: Path) -> None:
    """Without being told; with the same rows, names and positions."""
    port = local._free_port()
    local._fork(local._command(tmp_path, port, alone=True), tmp_path)
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    try:
        with EventStore.connect(uri) as store:
            store.ensure_indexes(polling=True)
            with store.watch("crm", **SOON) as watch:
                store.receive_many(all_genuine(payload("Bounce", message_id=f"m-{number}") for number in range(50)))
                store._clock = lambda: datetime.now(timezone.utc) - timedelta(seconds=30)
                store.receive(bounce("late"))
                store.client["cache"]["ses_event"].insert_one(json.loads(notification(payload("Open"))))

                assert sorted(names(watch)) == sorted(["m-1", "m-late", *(f"m-{number}" for number in range(50))])
            store.receive(bounce("next"))
            assert names(store.watch("crm", **SOON)) == ["m-next"]
            with pytest.raises(Exception, match="40573"):
                next(store.watch(polling=False))
    finally:
        local._shut_down(port)


@needs_own_server
def test_a_position_the_oplog_no_longer_reaches_is_told_and_polling_goes_on_from_it() -> None:
    """The oplog is cut for real, with the server started alone."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            with EventStore.connect(running.uri) as store:
                with store.watch("crm", **SOON) as watch:
                    store.receive(bounce(1))
                    assert names(watch) == ["m-1"]
                store.receive_many(all_genuine(payload("Bounce", message_id=f"m-{number}") for number in range(2, 30)))
            local.stop(home)
            cut_oplog(running.directory)
            running = local.start(home)
            with EventStore.connect(running.uri) as store:
                with pytest.raises(PositionLost, match=r"polling=True.*store\.events\.between") as caught:
                    next(store.watch("crm", **SOON))
                assert (caught.value.code, caught.value.retryable) == (286, False)
                assert {f"m-{number}" for number in range(2, 30)} <= set(
                    names(store.watch("crm", polling=True, **SOON))
                )
        finally:
            local.stop(home)


def cut_oplog(data: Path) -> None:
    port = local._free_port()
    local._fork(local._command(data, port, alone=True), data)
    with local._client(port) as client:
        oplog = client.local["oplog.rs"]
        last = oplog.find_one(sort=[("$natural", -1)])
        oplog.delete_many({"ts": {"$lt": last["ts"]}})
    local._shut_down(port)
    local._wait_until(lambda: not local._holds_lock(data), 30)


@needs_own_server
def test_a_user_who_may_read_but_not_follow_changes_is_served_by_polling(tmp_path: Path) -> None:
    """On a server that asks for a password."""
    with local.server(tmp_path / "data") as uri, MongoClient(uri) as client:
        client.admin.command("createUser", "admin", pwd="a", roles=["root"])
        resource = {
            "resource": {"db": "cache", "collection": ""},
            "actions": ["find", "insert", "update", "listIndexes"],
        }
        client.admin.command("createRole", "reader", privileges=[resource], roles=[])
        client.admin.command("createUser", "reader", pwd="b", roles=["reader"])
    (tmp_path / "key").write_text("a2V5" * 10)
    (tmp_path / "key").chmod(0o400)
    port = local._free_port()
    command = local._command(tmp_path / "data", port, alone=False)
    command += ["--auth", "--keyFile", str(tmp_path / "key")]
    local._readdress(tmp_path / "data", [port])
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            local._wait_until(lambda: local._listening(port), 20)
            uri = f"mongodb://reader:b@127.0.0.1:{port}/?authSource=admin&replicaSet=sesevent"
            with EventStore.connect(uri, timeout_seconds=15) as store, store.watch("crm", **SOON) as watch:
                store.client["cache"]["ses_event"].insert_one(json.loads(notification(payload("Open"))))
                assert names(watch) == ["m-1"]
                with pytest.raises(ConfigurationError, match="right"):
                    next(store.watch(polling=False))
        finally:
            server.terminate()
