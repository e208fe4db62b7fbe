"""The dashboard's pages against the calls of the store behind them, in one process: what a page costs beyond its data.

``python benchmarks/run.py web``; ``WEB_EVENTS`` says how many events are stored first.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from harness import Measure, note

from sesevent import AsyncEventStore, local, testing, trusted
from sesevent.testing.traffic import Traffic

EVENTS = int(os.environ.get("WEB_EVENTS", "30000"))
DAYS = 29


def serving(rounds: int) -> list[Measure]:
    """Each page, and the calls that it makes, one behind the other as a program would."""
    with local.server() as uri:
        return asyncio.run(_measured(uri, rounds))


async def _measured(uri: str, rounds: int) -> list[Measure]:
    from httpx import ASGITransport, AsyncClient

    from sesevent.web import Limits, Principal, create_app

    async def anybody(_: Any) -> Principal:
        return Principal("bench", frozenset({"read"}))

    now = datetime.now(timezone.utc)
    async with AsyncEventStore.connect(uri, database="bench_web") as store:
        await store.ensure_indexes()
        mails_an_hour = EVENTS / 2.8 / DAYS / 24
        traffic = Traffic(now - timedelta(days=DAYS), now - timedelta(hours=5), mails_an_hour=mails_an_hour)
        payloads = traffic.until(now)
        done = await store.receive_many(
            trusted(testing.notification(one), because="it was made here") for one in payloads
        )
        await store.analytics.roll_up()
        await store.monitor.evaluate()
        note(f"web: {done.fresh:,} events, rolled up")
        wide = Limits(per_second=1e6, burst=10**6)
        app = create_app(store, auth=anybody, dashboard=True, limits=wide)
        async with AsyncClient(transport=ASGITransport(app), base_url="http://bench") as client:
            pages = await _pages(store, client, now)
            return [one for page in pages for one in await _paired(client, *page, rounds)]


async def _pages(store: Any, client: Any, now: datetime) -> list[tuple[str, str, Callable[[], Awaitable[Any]]]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    bounce = await store.events.find(types=["Bounce"], newest_first=True, limit=1).first()
    address = bounce.event.recipients[0].address
    person = (await client.post("/recipient", data={"address": address})).headers["location"]
    week, day = {"since": now - timedelta(days=7)}, {"since": now - timedelta(days=1)}

    async def overview() -> None:
        await store.events.between(newest_first=True, limit=10).to_list()
        await store.monitor.states()
        await store.analytics.timeseries(**week, by="hour")
        for weeks in range(5):
            back = timedelta(weeks=weeks)
            await store.analytics.summary(midnight - back, now - back)

    async def explore() -> None:
        await store.analytics.timeseries(**day, by="hour")
        await store.analytics.by("campaign", **day)
        await store.events.find(**day, newest_first=True, limit=50).to_list()

    async def bounces() -> None:
        await store.analytics.by("bounce_reason", **week)
        await store.analytics.by("provider", **week)
        await store.events.find(**week, types=["Bounce"], newest_first=True, limit=200).to_list()

    async def message() -> None:
        await store.status(bounce.event.message_id)
        await store.events.timeline(bounce.event.message_id)

    async def recipient() -> None:
        await store.suppression.history(address)
        await store.suppression.check(address)
        await store.recipient(address, limit=20).to_list()

    async def suppression() -> None:
        [one async for one in store.suppression.list(limit=50)]

    async def health() -> None:
        await store.health()
        await store.dead_letters.list(limit=50)
        await store.dead_letters.count()

    return [
        ("overview", "/", overview), ("explore", "/explore", explore), ("bounces", "/bounces", bounces),
        ("a mail", f"/message/{bounce.event.message_id}", message), ("a person", person, recipient),
        ("suppression", "/suppression", suppression), ("health", "/health", health),
    ]  # fmt: skip


async def _paired(client: Any, name: str, path: str, calls: Callable[[], Awaitable[Any]], rounds: int) -> list[Measure]:
    """The page's data and the whole page, as the server times them, against the calls."""

    async def page() -> tuple[float, float]:
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        data, whole = (float(part.partition("dur=")[2]) / 1000 for part in answer.headers["server-timing"].split(","))
        return data, whole

    await page(), await calls()
    rows = [(*await page(), await _seconds(calls)) for _ in range(rounds)]
    theirs = statistics.median(row[2] for row in rows) * 1e6
    return [
        Measure(f"{what} «{name}»", "the store's calls behind it", statistics.median(row[at] / row[2] for row in rows),
                min(row[at] / row[2] for row in rows), max(row[at] / row[2] for row in rows), goal,
                statistics.median(row[at] for row in rows) * 1e6, theirs, "µs each")
        for at, what, goal in ((0, "the data of the page", "≤ 2; under 150,000 µs"), (1, "all of the page", "told"))
    ]  # fmt: skip


async def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
