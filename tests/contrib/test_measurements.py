"""What is told to systems that watch: what this process receives, what the store says, and never too many series."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import encrypted
from sesevent import ConfigurationError, EventStore, StoreUnavailable, testing, trusted
from sesevent.contrib.measurements import (
    MEASUREMENTS,
    NONE,
    OTHER,
    UNITS,
    AsyncStoreFigures,
    Bounded,
    Received,
    Sample,
    StoreFigures,
)
from sesevent.storage.layout import EVENTS

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
GOOD = trusted(testing.bounce(to="ann@example.com", campaign="spring"), because="a test")
BAD = trusted("{oops", because="a test")


class Told:
    """Adds up what is told."""

    def __init__(self, received: Received) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        received.tell(self.add)

    def add(self, sample: Sample) -> None:
        self.counts[(sample.measurement.name, *sample.labels.values())] += int(sample.value)


def test_what_is_received_is_counted_however_it_comes(with_store: Any) -> None:
    """By type, and apart where it was stored before; what cannot be read too."""

    async def body(face: Any) -> None:
        received = Received()
        told, face.store = Told(received), received.counting(face.store)
        await face.get(lambda store: store.receive(GOOD))
        with pytest.raises(Exception, match="JSON"):
            await face.get(lambda store: store.receive(BAD))
        outcomes = await face.get(lambda store: store.receive_each([GOOD, BAD]))
        summary = await face.get(
            lambda store: store.receive_many([GOOD, BAD, trusted(testing.send(), because="a test")])
        )

        assert (len(outcomes), summary.by_type) == (2, {"Bounce": (1, 0), "Send": (1, 1)})
        assert told.counts == {
            ("events", "Bounce", "fresh"): 1, ("events", "Bounce", "duplicate"): 2, ("events", "Send", "fresh"): 1,
            ("unreadable",): 3,
        }  # fmt: skip
        assert face.store.events is not None  # everything else is the store's own

    with_store(body)


def test_what_many_batches_stored_is_counted_once(store: Any) -> None:
    """A summary tells the whole each time; who listens to it still does."""
    received, heard = Received(), []
    told = Told(received)
    mails = [trusted(testing.send(message_id=f"m{number}"), because="a test") for number in range(25)]
    received.counting(store).receive_many(mails, batch_size=10, on_progress=lambda so_far: heard.append(so_far.fresh))

    assert told.counts == {("events", "Send", "fresh"): 25}
    assert heard[-1] == 25


def test_what_cannot_be_stored_is_counted_as_that() -> None:
    """And is raised all the same."""

    class Away:
        def receive(self, message: Any) -> Any:
            raise StoreUnavailable("away")

    received: Any = Received()
    told = Told(received)
    with pytest.raises(StoreUnavailable):
        received.counting(Away()).receive(GOOD)

    assert told.counts == {("unstored",): 1}


def test_a_counted_store_is_closed_as_the_store(mongodb_uri: str, database: str) -> None:
    """It may be entered in its place."""
    with Received().counting(EventStore.connect(mongodb_uri, database=database, **encrypted())) as counted:
        assert counted.receive(GOOD).fresh


@pytest.mark.parametrize(
    "value",
    ["ann@example.com", "ann%40example.com", "ann＠example.com", "x" * 65, "a\nb", "\u202egnirps", "ann=40example.com"],
)
def test_what_may_be_an_address_is_no_label(value: str) -> None:
    """Nor what cannot be shown."""
    assert Bounded()(value) == OTHER
    with pytest.raises(ConfigurationError):
        Bounded([value])


def test_labels_are_bounded() -> None:
    """By a list, or by how many there may be; also where threads race."""
    named, few = Bounded(["spring", "welcome"]), Bounded(at_most=3)
    threads = [
        threading.Thread(target=lambda start=start: [few(f"c{start}-{number}") for number in range(500)])
        for start in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [named(value) for value in ("spring", "autumn", "", None)] == ["spring", OTHER, NONE, NONE]
    assert len({few(f"c{start}-{number}") for start in range(8) for number in range(500)}) == 4


def test_hostile_campaigns_make_no_series() -> None:
    """A thousand of them make as many as were allowed; and none tells whom it names."""
    store, received = (
        testing.memory_store(),
        Received({"campaign": Bounded(at_most=5), "configuration_set": Bounded(["x"])}),
    )
    told = Told(received)
    counted = received.counting(store)
    for number in range(300):
        name = f"p{number}@example.com" if number % 2 else f"campaign-{number}"
        counted.receive(trusted(testing.bounce(campaign=name, message_id=f"m{number}"), because="a test"))

    assert len(told.counts) == 6
    assert sum(told.counts.values()) == 300
    assert "@" not in str(told.counts)
    assert told.counts["events", "Bounce", "fresh", OTHER, OTHER] == 295


def test_words_that_aws_adds_are_other() -> None:
    """Or a forged stream of types would be as many series."""
    received = Received()
    told = Told(received)
    counted = received.counting(testing.memory_store())
    odd = {"eventType": "Novelty", "mail": testing.send()["mail"]}
    counted.receive(trusted(odd, because="a test"))
    counted.receive_many([trusted(odd, because="a test")])

    assert told.counts == {("events", OTHER, "fresh"): 1, ("events", OTHER, "duplicate"): 1}


def test_a_label_may_not_be_called_as_one_of_the_table() -> None:
    """They would be one."""
    for name in ("type", "Campaign", "a-b", "events"):
        with pytest.raises(ConfigurationError):
            Received({name: Bounded()})


def seen(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {(sample.measurement.name, *sample.labels.values()): sample.value for sample in samples}


def filled(store: Any) -> Any:
    """A hundred mails of two campaigns, four of them bounced, ten minutes ago."""
    sent = NOW - timedelta(minutes=10)
    for number in range(100):
        mail: Any = {"sent": sent, "message_id": f"m{number}", "campaign": "spring" if number < 60 else f"x{number}"}
        store.receive(trusted(testing.send(**mail), because="a test"))
        came = testing.bounce if number % 25 == 0 else testing.delivery
        store.receive(trusted(came(**mail), because="a test"))
    store._clock = lambda: NOW
    store.analytics._clock = lambda: NOW
    return store


def test_the_store_is_told_by_its_health_and_its_last_window(store: Any) -> None:
    """Counts, rates with what they are rates of, and how long delivery took."""
    told = seen(StoreFigures(filled(store)).samples())

    assert (told["recent_mails", "sends"], told["recent_mails", "hard_bounces"]) == (100, 4)
    assert (told["recent_rate", "hard_bounce"], told["recent_rate_of", "hard_bounce"]) == (0.04, 100)
    assert told["recent_delivery_time", "0.5"] == pytest.approx(2, rel=0.2)
    assert (told["health", "server"], told["last_event_age", "Send"]) == (0, 600)
    assert ("recent_rate", "click_to_open") not in told


def test_campaigns_are_told_apart_where_they_are_named(store: Any) -> None:
    """The others together, so that all add up."""
    told = seen(StoreFigures(filled(store), by={"campaign": ["spring", "autumn"]}).samples())

    assert [told["recent_mails", "sends", name] for name in ("spring", "autumn", OTHER)] == [60, 0, 40]
    assert {key[-1] for key in told if key[0] == "recent_mails"} == {"spring", "autumn", OTHER}
    for by in ({"source": ["x"]}, {"campaign": ["a@example.com"]}, {"campaign": ["a"], "template": ["b"]}):
        with pytest.raises(ConfigurationError):
            StoreFigures(store, by=by)


def test_the_store_is_asked_no_more_often_than_was_said() -> None:
    """Also by many at once; how old the answer is is told."""
    asked, ticks = [], [0.0]
    store = testing.memory_store()
    figures = StoreFigures(
        store, window=None, cache_seconds=30, ticks=lambda: ticks[0], also=[lambda: asked.append(1) or []]
    )
    threads = [threading.Thread(target=figures.samples) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ticks[0] = 29.0
    assert (len(asked), seen(figures.samples())[("figures_age",)]) == (1, 29.0)
    ticks[0] = 31.0

    assert (seen(figures.samples())[("figures_age",)], len(asked)) == (0.0, 2)


def test_a_dead_server_is_a_figure_and_no_error() -> None:
    """Nothing else is told then."""
    from pymongo import MongoClient

    with MongoClient("mongodb://127.0.0.1:9", connect=False) as client:
        told = seen(StoreFigures(EventStore(client), timeout_seconds=0.3).samples())

    assert told == {("health", "all"): 2.0, ("health", "server"): 2.0, ("figures_age",): told[("figures_age",)]}


def test_watches_are_bounded_and_the_worst_of_the_others_is_told(store: Any, tables: Any) -> None:
    """Their names may hold anything."""
    now = datetime.now(timezone.utc)
    tables["ses_watch"].insert_many(
        {"_id": f"w{number:02}@example.com" if number % 2 else f"w{number:02}", "at": now - timedelta(seconds=number)}
        for number in range(100)
    )
    told = seen(StoreFigures(store, window=None).samples())
    lags = {key[1]: value for key, value in told.items() if key[0] == "watch_lag"}

    assert len(lags) == 21
    assert lags[OTHER] == pytest.approx(99, abs=20)
    assert "@" not in str(told)


def test_an_asyncio_stores_figures_are_refreshed_and_then_told(mongodb_uri: str, database: str) -> None:
    """Whoever scrapes is in a thread of its own and asks nobody."""
    from sesevent import AsyncEventStore

    async def body() -> tuple[list[Sample], list[Sample]]:
        async with AsyncEventStore.connect(mongodb_uri, database=database, **encrypted()) as store:
            await store.ensure_indexes()
            figures = AsyncStoreFigures(store, cache_seconds=0.05)
            before = figures.samples()
            task = asyncio.create_task(figures.run())
            while not figures.samples():
                await asyncio.sleep(0.01)
            task.cancel()
            return before, figures.samples()

    before, after = asyncio.run(body())

    assert before == []
    assert seen(after)["health", "all"] == 0.0
    assert seen(after)["recent_mails", "sends"] == 0.0


def test_the_table_is_whole() -> None:
    """Each row has words and a unit; each gauge has a way to be told."""
    assert all(row.words and row.unit in UNITS for row in MEASUREMENTS.values())
    assert EVENTS == "ses_event"
