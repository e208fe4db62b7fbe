"""Many things at once: what became of each, whatever the source does, and never more than a few batches in hand."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, payload
from sesevent import PayloadError, StoreUnavailable, VerifiedMessage
from sesevent.plans import bulk


def mails(number: int) -> list[VerifiedMessage]:
    return [genuine(payload("Send", message_id=f"m-{n}")) for n in range(number)]


def test_of_each_thing_it_is_told_what_became_of_it(with_store: Any) -> None:
    """In order: new, seen before, a dead letter, nobody's; all of them may be acknowledged."""
    bounce = payload("Bounce", to="ann@example.com")
    items = [*all_genuine([bounce, bounce]), genuine("{"), genuine({"Type": "Notification", "Message": "hello"})]

    async def body(face: Face) -> None:
        new, again, broken, foreign = await face.get(lambda store: store.receive_each(items, batch_size=3))

        assert [one.settled for one in (new, again, broken, foreign)] == [True] * 4
        assert [one.message for one in (new, again, broken, foreign)] == items
        assert (len(new.fresh), len(again.fresh), again.receipt.events[0].id) == (1, 0, new.receipt.events[0].id)
        assert [standing.address for standing in new.receipt.standings] == ["ann@example.com"]
        assert isinstance(broken.error, PayloadError)
        assert len(foreign.receipt.skipped) == 1
        assert await face.get(lambda store: store.dead_letters.count()) == 1
        with pytest.raises(PayloadError):
            broken.result()

    with_store(body)


def test_what_could_not_be_stored_is_not_settled(with_store: Any) -> None:
    """And nothing is raised: a worker leaves those on its queue."""

    async def body(face: Face) -> None:
        _cut_off(face.store)
        outcomes = await face.get(lambda store: store.receive_each(mails(3), batch_size=2))

        assert [(one.settled, one.receipt) for one in outcomes] == [(False, None)] * 3
        assert all(isinstance(one.error, StoreUnavailable) for one in outcomes)

    with_store(body)


def _cut_off(store: Any) -> None:
    """Every insert of events fails as when the server is gone."""
    from pymongo.errors import AutoReconnect

    class Gone:
        def insert_many(self, *_: Any, **__: Any) -> Any:
            raise AutoReconnect("gone")

    store._collections["ses_event"] = Gone()


def test_what_was_taken_before_the_source_broke_is_stored(with_store: Any, rows: Any) -> None:
    """And told, before its error is raised."""

    def broken() -> Iterator[VerifiedMessage]:
        yield from mails(5)
        raise ZeroDivisionError

    async def body(face: Face) -> None:
        told: list[int] = []
        with pytest.raises(ZeroDivisionError):
            await face.get(
                lambda store: store.receive_many(
                    broken(), batch_size=2, on_progress=lambda done: told.append(done.items)
                )
            )
        assert told == [2, 4, 5]
        assert rows.count_documents({}) == 5

    with_store(body)


def test_no_more_than_a_few_batches_are_ever_taken_ahead(with_store: Any) -> None:
    """Back-pressure: the source is read no faster than things are stored, so memory does not grow."""
    taken = stored = furthest = 0

    def endless() -> Iterator[VerifiedMessage]:
        nonlocal taken, furthest
        for mail in mails(200):
            taken += 1
            furthest = max(furthest, taken - stored)
            yield mail

    async def body(face: Face) -> None:
        nonlocal stored

        def told(done: Any) -> None:
            nonlocal stored
            stored = done.items

        await face.get(lambda store: store.receive_many(endless(), batch_size=5, on_progress=told))

        assert stored == 200
        assert furthest <= (bulk.STORING + 3) * 5

    with_store(body)


def test_of_a_queue_what_is_there_is_stored_at_once(store: Any) -> None:
    """A few things do not wait for a thousand; None ends it."""
    source: queue.Queue[VerifiedMessage | None] = queue.Queue()
    told: list[int] = []
    for mail in mails(3):
        source.put(mail)
    with_all = threading.Thread(
        target=store.receive_many, args=(source,), kwargs={"on_progress": lambda done: told.append(done.items)}
    )
    with_all.start()
    _until(lambda: told == [3])
    source.put(mails(4)[3])
    source.put(None)
    with_all.join(10)

    assert told == [3, 4]


def test_outcomes_of_a_queue_come_while_it_is_open(store: Any) -> None:
    """Whoever acknowledges need not wait for the next thing to arrive."""
    source: queue.Queue[VerifiedMessage | None] = queue.Queue()
    source.put(mails(1)[0])
    outcomes = store.receive_each(source)

    assert next(outcomes).settled  # would wait for ever, if it waited for the source
    source.put(None)
    assert list(outcomes) == []


def _until(holds: Any) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_an_async_source_that_pauses_is_stored_meanwhile(mongodb_uri: str, database: str) -> None:
    """What is there need not wait for what is not; an asyncio queue the same."""
    from sesevent import AsyncEventStore

    async def main() -> None:
        async with AsyncEventStore.connect(mongodb_uri, database=database) as store:
            seen = asyncio.Event()
            told: list[int] = []

            def progress(done: Any) -> None:
                told.append(done.items)
                seen.set()

            async def pausing() -> AsyncIterator[VerifiedMessage]:
                for mail in mails(3):
                    yield mail
                await asyncio.wait_for(seen.wait(), 20)
                yield mails(4)[3]

            assert (await store.receive_many(pausing(), on_progress=progress)).fresh == 4
            assert told == [3, 4]

            source: asyncio.Queue[VerifiedMessage | None] = asyncio.Queue()
            outcomes = store.receive_each(source)
            source.put_nowait(mails(5)[4])
            assert (await asyncio.wait_for(anext(outcomes), 20)).settled
            source.put_nowait(None)
            assert [one async for one in outcomes] == []

    asyncio.run(main())


def test_a_task_that_is_cancelled_finishes_what_is_under_way(mongodb_uri: str, database: str, rows: Any) -> None:
    """Whatever had been taken is stored, or was never said to be."""
    from sesevent import AsyncEventStore

    async def main() -> int:
        async with AsyncEventStore.connect(mongodb_uri, database=database) as store:
            taken = 0

            async def endless() -> AsyncIterator[VerifiedMessage]:
                nonlocal taken
                for mail in mails(5000):
                    taken += 1
                    yield mail
                    await asyncio.sleep(0)

            running = asyncio.create_task(store.receive_many(endless(), batch_size=50))
            while taken < 400:
                await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return taken

    taken = asyncio.run(main())
    assert 0 < rows.count_documents({}) <= taken
    assert rows.count_documents({}) % 50 == 0


def test_where_much_is_there_already_the_store_asks_first(with_store: Any, rows: Any) -> None:
    """And says the same of each thing: new ones among them are stored, repeats are told as such."""
    old, new = mails(60)[:40], mails(60)[40:]
    asked: list[int] = []

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(old))
        await face.get(lambda store: store.receive_many(old))  # from this it learns
        _count_inserts(face.store, asked)
        mixed = [old[0], new[0], old[1], *new[1:], *old[2:], new[3]]
        outcomes = await face.get(lambda store: store.receive_each(mixed))

        assert [bool(one.fresh) for one in outcomes] == [False, True, False] + [True] * 19 + [False] * 39
        assert asked == [21]  # the twenty, and the one that came twice
        again = await face.get(lambda store: store.receive_many(old))
        assert (again.fresh, again.duplicates, asked) == (0, 40, [21])
        await face.get(
            lambda store: store.receive_many(genuine(payload("Send", message_id=f"x-{n}")) for n in range(30))
        )
        assert asked == [21, 30]

    with_store(body)
    assert rows.count_documents({}) == 90


def _count_inserts(store: Any, counts: list[int]) -> None:
    collection = store._collections["ses_event"]

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(collection, name)

        def insert_many(self, documents: Any, **named: Any) -> Any:
            counts.append(len(documents))
            return collection.insert_many(documents, **named)

    store._collections["ses_event"] = Counting()


def test_who_touches_no_standing_is_answered_before_those_who_do(mongodb_uri: str, database: str) -> None:
    """In one write: a send is durable with the insert; a bounce waits for the standing that follows from it."""
    from sesevent import AsyncEventStore, StoreUnavailable

    async def main() -> None:
        async with AsyncEventStore.connect(mongodb_uri, database=database) as store:
            _cut_off_acts(store)
            send, bounce = await asyncio.gather(
                store.receive(mails(1)[0]), store.receive(genuine(payload("Bounce"))), return_exceptions=True
            )
            assert send.fresh  # type: ignore[union-attr]
            assert isinstance(bounce, StoreUnavailable)

    asyncio.run(main())


def _cut_off_acts(store: Any) -> None:
    from pymongo.errors import AutoReconnect

    class Gone:
        async def insert_many(self, *_: Any, **__: Any) -> Any:
            raise AutoReconnect("gone")

    store._collections["ses_suppression_act"] = Gone()


def test_what_is_known_to_be_one_batch_needs_no_threads(store: Any) -> None:
    """A guard asks about a mail's few recipients before each send: starting a thread would take as long as asking."""
    threads = set[str]()
    collection = store._collections["ses_suppression"]

    class Noting:
        def find(self, *arguments: Any, **named: Any) -> Any:
            threads.add(threading.current_thread().name)
            return collection.find(*arguments, **named)

    store._collections["ses_suppression"] = Noting()
    own = threading.current_thread().name
    assert len(list(store.suppression.check_many(["a@example.com"] * 1000))) == 1000
    assert len(list(store.suppression.filter(("a@example.com", "b@example.com")))) == 2
    assert threads == {own}
    assert len(list(store.suppression.check_many(iter(["a@example.com"] * 1001)))) == 1001
    assert threads > {own}


def test_what_is_taken_for_there_is_there_for_good(store: Any) -> None:
    """A repeat is acknowledged by what a majority holds: what one member alone has may be rolled back."""
    asked: list[Any] = []
    collection = store._collections["ses_event"]

    class Noting:
        def __getattr__(self, name: str) -> Any:
            return getattr(collection, name)

        def with_options(self, **options: Any) -> Any:
            asked.append(options["read_concern"].level)
            return collection.with_options(**options)

    store.receive_many(mails(40))
    store.receive_many(mails(40))
    store._collections["ses_event"] = Noting()
    assert store.receive_many(mails(40)).duplicates == 40
    assert asked == ["majority"]
