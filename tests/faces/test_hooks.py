"""`store.on`: called after the durable write, for what is new, whatever other handlers do."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, payload
from sesevent import Bounce, ConfigurationError, Event, EventStore, HookFailure, UnknownEvent, testing

MIXED = [payload("Bounce", to="ann@example.com"), payload("Send"), payload("Send") | {"eventType": "Novelty"}]


@pytest.mark.parametrize("way", ["receive", "receive_each", "receive_many"])
def test_handlers_hear_of_their_kind_once_after_the_write(with_store: Any, rows: Any, way: str) -> None:
    """By every way in; repeats are not told again, and the event is in the database by then."""
    told: list[tuple[str, int]] = []

    async def body(face: Face) -> None:
        def hear(event: Event) -> None:
            told.append((event.type, rows.count_documents({"Type": event.type})))

        face.store.on(Bounce, hear)
        face.store.on(UnknownEvent, hear)
        for _ in range(2):
            if way == "receive":
                for item in all_genuine(MIXED):
                    await face.get(lambda store, item=item: store.receive(item))
            else:
                await face.get(lambda store: getattr(store, way)(all_genuine(MIXED)))

    with_store(body)
    assert told == [("Bounce", 1), ("Novelty", 1)]


def test_a_failing_handler_loses_nothing_and_blocks_nobody(with_store: Any, rows: Any, caplog: Any) -> None:
    """It is told to whoever asked, and logged without the event."""
    heard: list[str] = []
    failures: list[HookFailure] = []

    def fail(event: Event) -> None:
        raise ValueError(event.recipients[0].address)

    async def body(face: Face) -> None:
        face.store.on(Bounce, fail, on_failure=failures.append)
        face.store.on(Bounce, lambda event: heard.append(event.type))
        with caplog.at_level(logging.ERROR, "sesevent"):
            receipt = await face.get(lambda store: store.receive(genuine(payload("Bounce", to="ann@example.com"))))
        assert receipt.fresh

    with_store(body)
    assert (heard, rows.count_documents({})) == (["Bounce"], 1)
    assert [(failure.handler, type(failure.error)) for failure in failures] == [(fail, ValueError)]
    assert "fail failed for a Bounce: ValueError" in caplog.text
    assert "ann" not in caplog.text


def test_who_is_told_of_a_failure_may_fail_too(with_store: Any, caplog: Any) -> None:
    """The event is stored, the next handler is called, and whoever received it is not troubled."""
    heard: list[str] = []

    def fail(*_: Any) -> None:
        raise ValueError("ann@example.com")

    async def body(face: Face) -> None:
        face.store.on(Bounce, fail, on_failure=fail)
        face.store.on(Bounce, lambda event: heard.append(event.type))
        receipt = await face.get(lambda store: store.receive(genuine(payload("Bounce", to="ann@example.com"))))
        assert receipt.fresh

    with_store(body)
    assert heard == ["Bounce"]
    assert "on_failure" in caplog.text
    assert "ann" not in caplog.text


def test_what_is_new_in_a_thing_that_is_broken_in_part_is_told_too(with_store: Any) -> None:
    """The good events of a batch are stored, so they are told."""
    heard: list[str] = []

    async def body(face: Face) -> None:
        face.store.on(Event, lambda event: heard.append(event.type))
        with pytest.raises(Exception, match="mail"):
            await face.get(lambda store: store.receive(genuine([payload("Send"), {"eventType": "Send", "mail": 3}])))

    with_store(body)
    assert heard == ["Send"]


def test_asyncio_awaits_its_handlers(mongodb_uri: str) -> None:
    """Plain functions are called all the same."""
    import asyncio

    heard: list[str] = []

    async def hear(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(event.type)

    async def main() -> None:
        store = testing.async_memory_store()
        store.on(Bounce, hear)
        store.on(Bounce, lambda event: heard.append("plain"))
        await store.receive(genuine(payload("Bounce")))

    asyncio.run(main())
    assert heard == ["Bounce", "plain"]


def test_what_nobody_could_call_is_refused() -> None:
    """A coroutine function where nothing awaits it; a kind that is none."""

    async def hear(_: Event) -> None: ...

    store: EventStore = testing.memory_store()
    with pytest.raises(ConfigurationError, match="AsyncEventStore"):
        store.on(Bounce, hear)
    with pytest.raises(ConfigurationError, match="kind of event"):
        store.on("Bounce", print)  # type: ignore[arg-type]
