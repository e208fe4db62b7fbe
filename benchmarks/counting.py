"""What rollups cost and save: a month of events, counted from the log and from what was rolled up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import sample
from capture import taken
from harness import Measure, note, paired
from pymongo import MongoClient

from sesevent import EventStore, local
from sesevent.analytics.cells import DAY
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import Where
from sesevent.plans import analyse
from sesevent.storage.layout import ROLLUP_HOURS, ROLLUPS

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
MONTH = Window(START, START + timedelta(days=30))


def events(number: int, days: float = 30) -> Iterator[bytes]:
    """So many, evenly over some days."""
    for place in range(number):
        event = sample.event(place)
        at = START + timedelta(days=days) * place / number
        event["mail"]["timestamp"] = _text(at - timedelta(seconds=2 + place % 900))
        for body in event.values():
            if isinstance(body, dict) and "timestamp" in body and "messageId" not in body:
                body["timestamp"] = _text(at)
        if event["eventType"] == "Send":
            event["mail"]["timestamp"] = _text(at)
        yield json.dumps(event).encode()


def _text(at: datetime) -> str:
    return at.isoformat("T", "milliseconds")[:23] + "Z"


def counting(rounds: int) -> list[Measure]:
    """A month's report by day and campaign, and what it costs to have it ready."""
    many = 1_000_000 if rounds > 3 else 30_000
    with local.server() as uri, MongoClient[Any](uri) as client:
        stores = {name: _loaded(uri, name, number) for name, number in (("many", many), ("few", many // 10))}
        read = {name: client[name][ROLLUPS].count_documents({"_id": {"$regex": "^day.campaign"}}) for name in stores}
        assert read == {"many": 30, "few": 30}
        rolled, same, direct = (_report(stores[name], exact=exact) for name, exact in (("many", False), ("few", False), ("many", True)))  # fmt: skip
        assert {key: cell.counts for key, cell in rolled().items()} == {
            key: cell.counts for key, cell in direct().items()
        }
        few = max(3, rounds // 3)
        return [
            paired(f"30 days by day and campaign, {many:,} events", rolled, direct, baseline_name="the same from the log",
                   goal="≥ 50", per_round=1, rounds=few, speed=True),
            paired("the same with ten times the events", rolled, same, baseline_name=f"{many // 10:,} events",
                   goal="≤ 1.3", per_round=1, rounds=rounds),
            _cost(uri, client, few, 66_000 if rounds > 3 else 16_000),
        ]  # fmt: skip


def _loaded(uri: str, name: str, number: int) -> EventStore:
    note(f"storing {number:,} events")
    store = EventStore.connect(uri, database=name, timeout_seconds=120, clock=lambda: MONTH.until + timedelta(days=1))
    store.ensure_indexes()
    store.receive_many(taken(events(number)))  # type: ignore[arg-type]
    store.analytics.roll_up()
    return store


def _report(store: EventStore, *, exact: bool) -> Any:
    def run() -> Any:
        plan = analyse.cells_of(MONTH, Where(), frozenset({"campaign"}), DAY, exact=exact)
        return {(day, key): cell for day, key, cell in store.analytics._perform(plan)}

    return run


def _cost(uri: str, client: MongoClient[Any], rounds: int, number: int) -> Measure:
    """Rolling up, against receiving the same: as many an hour as a million a month."""
    raws = list(events(number, number / 33_333))
    until = START + timedelta(days=3)
    with (
        EventStore.connect(uri, database="cost", timeout_seconds=120, clock=lambda: until) as store,
        EventStore.connect(uri, database="fresh", timeout_seconds=120) as fresh,
    ):
        store.ensure_indexes()
        store.receive_many(taken(raws))

        def roll_up() -> None:
            assert store.analytics.roll_up().hours >= 24

        def receive() -> None:
            fresh.receive_many(taken(raws))

        def forget() -> None:
            for name in (ROLLUPS, ROLLUP_HOURS):
                client["cost"][name].delete_many({})

        def empty() -> None:
            client.drop_database("fresh")
            fresh.ensure_indexes()

        roll_up.reset, receive.reset = forget, empty  # type: ignore[attr-defined]
        return paired("`roll_up`", roll_up, receive, baseline_name="`receive_many` of the same", goal="≤ 0.1",
                      per_round=number, rounds=rounds)  # fmt: skip
