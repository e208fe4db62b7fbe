"""Hot checks from memory, which forget at once what changes, wherever it changes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from both import encrypted
from payloads import genuine, payload
from sesevent import AsyncCachedChecks, AsyncEventStore, CachedChecks, EventStore, Policy, testing

ANN = "ann@example.com"


class Counting:
    """Counts what is asked of the store."""

    def __init__(self, suppression: Any) -> None:
        self._check, self.asked = suppression.check, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.asked += 1
        return self._check(*arguments, **named)


def test_a_change_by_another_process_is_followed(store: EventStore, mongodb_uri: str, database: str) -> None:
    """Asked once, then answered from memory, until somebody elsewhere receives a bounce."""
    counting = store.suppression.check = Counting(store.suppression)  # type: ignore[method-assign]
    with (
        CachedChecks(store, seconds=3600) as cache,
        EventStore.connect(mongodb_uri, database=database, **encrypted()) as other,
    ):
        assert cache.following
        assert [cache.check(spelling).allowed for spelling in (ANN, "Ann <ANN@example.com>", ANN)] == [True] * 3
        assert counting.asked == 1

        other.receive(genuine(payload("Bounce", to=ANN)))
        deadline = time.monotonic() + 10
        while cache.check(ANN).allowed:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert counting.asked == 2


def test_the_same_for_asyncio(store: EventStore, mongodb_uri: str, database: str) -> None:
    """Asked once, and again after a change."""

    async def main() -> None:
        async with AsyncEventStore.connect(mongodb_uri, database=database, **encrypted()) as asking:
            counting = asking.suppression.check = Counting(asking.suppression)  # type: ignore[method-assign]
            async with AsyncCachedChecks(asking, seconds=3600) as cache:
                assert cache.following
                assert [(await cache.check(ANN)).allowed for _ in range(3)] == [True] * 3
                assert counting.asked == 1

                await asyncio.to_thread(store.receive, genuine(payload("Bounce", to=ANN)))
                await asyncio.wait_for(refused(cache), 10)

    async def refused(cache: AsyncCachedChecks) -> None:
        while (await cache.check(ANN)).allowed:
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_change_of_another_spelling_is_followed_where_plus_tags_are_one_mailbox(
    mongodb_uri: str, database: str
) -> None:
    """The decision about a person changes with another document than their own."""
    policy = Policy(plus_tags=frozenset(["example.com"]))
    with (
        EventStore.connect(mongodb_uri, database=database, policy=policy) as store,
        CachedChecks(store, seconds=3600) as cache,
    ):
        assert cache.check(ANN).allowed
        store.receive(genuine(payload("Bounce", to="ann+shop@example.com")))
        deadline = time.monotonic() + 10
        while cache.check(ANN).allowed:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_dropped_collection_is_forgotten_whole(store: EventStore) -> None:
    """A rebuilding may begin so."""
    store.receive(genuine(payload("Bounce", to=ANN)))
    with CachedChecks(store, seconds=3600) as cache:
        assert not cache.check(ANN).allowed
        store._collections["ses_suppression"].drop()
        deadline = time.monotonic() + 10
        while not cache.check(ANN).allowed:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while not cache.following:  # the dropping ended the stream; it is opened anew
            assert time.monotonic() < deadline
            time.sleep(0.01)
        store.suppression.rebuild()
        while cache.check(ANN).allowed:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_without_change_streams_the_bound_alone_holds() -> None:
    """And the cache says so."""
    store = testing.memory_store()
    with CachedChecks(store, seconds=0.05) as cache:
        assert not cache.following
        assert cache.check(ANN).allowed
        store.receive(genuine(payload("Bounce", to=ANN)))
        time.sleep(0.06)
        assert not cache.check(ANN).allowed

    async def main() -> None:
        async with AsyncCachedChecks(testing.async_memory_store(), seconds=60) as cache:
            assert not cache.following
            assert (await cache.check(ANN)).allowed

    asyncio.run(main())
