"""A store says how well it is, in a bounded time, and raises for nothing that is not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import Timestamp
from pymongo import AsyncMongoClient, MongoClient

from payloads import genuine, payload
from sesevent import AsyncEventStore, Certificates, ConfigurationError, EventStore, StoreError, testing, trusted
from sesevent.drivers.sync import perform
from sesevent.plans import health
from sesevent.storage.arrivals import token_time
from sesevent.storage.layout import INDEXES
from sesevent.storage.operations import AdminCommand, Command, Count, Update
from sesevent.vitals import WORST_FIRST, Check, Health, Limits

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
NOBODY = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=60000"


def statuses(found: Health) -> dict[str, str]:
    return {check.name: check.status for check in found.checks}


def test_a_new_store_is_well(with_store: Any) -> None:
    """Every check of the table is there, and all of it is JSON."""

    async def body(face: Any) -> None:
        found = await face.get(lambda store: store.health())

        assert (found.status, found.ok) == ("ok", True)
        assert [check.name for check in found.checks] == [row.name for row in health.CHECKS]
        assert json.loads(json.dumps(found.to_dict()))["status"] == "ok"
        assert found.check("writable").figures["write"] >= 0

    with_store(body)


def test_to_see_whether_writing_works_it_writes(store: Any, mongo_client: Any, database: str) -> None:
    """One document, however often."""
    store.health()
    store.health()

    assert mongo_client[database]["ses_health"].count_documents({}) == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_server_that_is_not_there_is_down_in_time(colour: str) -> None:
    """Although its client would wait for a minute; what was not asked is said to be unknown."""
    began = time.monotonic()
    if colour == "sync":
        with MongoClient(NOBODY, connect=False) as client:
            found = EventStore(client).health(timeout_seconds=0.5)
    else:

        async def ask() -> Health:
            async with AsyncMongoClient(NOBODY) as client:
                return await AsyncEventStore(client).health(timeout_seconds=0.5)

        found = asyncio.run(ask())

    assert (found.status, set(statuses(found).values())) == ("down", {"down", "unknown"})
    assert statuses(found)["server"] == "down"
    assert time.monotonic() - began < 10


def test_a_missing_index_is_named(store: Any, rows: Any, mongo_client: Any, database: str) -> None:
    """In every collection; the doctor says the same."""
    rows.drop_index("type")
    mongo_client[database]["ses_suppression_act"].drop_index("address")
    found = store.health()

    assert (found.status, found.check("indexes").finding) == ("degraded", "missing: type, ses_suppression_act.address")
    assert any(finding.finding == found.check("indexes").finding for finding in store.examine())


def test_the_age_of_the_last_event_is_told_by_type(with_store: Any) -> None:
    """And is no trouble, unless it was said how often they come."""

    async def body(face: Any) -> None:
        for at in (NOW - timedelta(days=3), NOW - timedelta(hours=3)):
            await face.get(
                lambda store, at=at: store.receive(
                    trusted(testing.delivery(sent=at - timedelta(seconds=2)), because="a test")
                )
            )
        face.store._clock = lambda: NOW
        found = await face.get(lambda store: store.health())
        strict = Limits(silence={"Delivery": timedelta(hours=2), "Send": timedelta(days=1)})
        silent = await face.get(lambda store: store.health(limits=strict))

        assert found.check("last_events")[1:3] == ("ok", "Delivery 3 h ago")
        assert dict(found.check("last_events").figures) == {"Delivery": 10800.0}
        assert silent.check("last_events")[1:3] == ("degraded", "silent for too long: Delivery, Send")

    with_store(body)


def test_new_dead_letters_are_trouble_and_old_ones_are_not(with_store: Any) -> None:
    """One that comes again is not new."""

    async def body(face: Any) -> None:
        async def dies(at: datetime) -> Health:
            face.store._clock = lambda: at
            with pytest.raises(Exception, match="JSON"):
                await face.get(lambda store: store.receive(trusted("{oops", because="a test")))
            return await face.get(lambda store: store.health())

        first, again = await dies(NOW), await dies(NOW + timedelta(hours=2))

        assert (first.check("dead_letters").status, first.check("dead_letters").figures) == (
            "degraded", {"count": 1.0, "new": 1.0},
        )  # fmt: skip
        assert (again.check("dead_letters").status, again.check("dead_letters").figures) == (
            "ok", {"count": 1.0, "new": 0.0},
        )  # fmt: skip

    with_store(body)


def test_a_watch_that_nobody_runs_falls_behind(store: Any) -> None:
    """By its stream's own time, so that one which sees only others' rows go by does not."""
    with store.watch("mailer", types=["Bounce"], max_wait_seconds=0) as watch:
        list(watch)
    now = store._clock()
    assert store.health().check("watches").status == "ok"
    store._clock = lambda: now + timedelta(minutes=20)
    found = store.health().check("watches")

    assert (found.status, found.figures["mailer"]) == ("degraded", pytest.approx(1200, abs=60))
    assert "mailer" in found.finding


def test_a_streams_token_tells_how_far_it_is() -> None:
    """Where it has MongoDB's form; of any other nothing is told."""
    made = f"82{Timestamp(int(NOW.timestamp()), 7).time:08X}000000072B"

    assert token_time({"_data": made}) == NOW
    assert [token_time(odd) for odd in (None, {}, {"_data": "8"}, {"_data": "82XXXXXXXX"}, {"_data": 3})] == [None] * 5


def test_hours_that_nobody_rolls_up_are_told(store: Any) -> None:
    """By how many are closed and not counted; one that a late event made wait again is told beside it."""
    store._clock = lambda: NOW + timedelta(minutes=30)
    store.analytics._clock = store._collections["clock"] = store._clock
    assert store.health().check("rollups").figures == {}
    store.receive_many([genuine(payload("Send", at="2024-05-01T06:10:00.000Z"))])
    store.analytics.roll_up()
    store.receive_many([genuine(payload("Send", at="2024-05-01T06:20:00.000Z", message_id="late"))])
    well = store.health().check("rollups")
    store._clock = lambda: NOW + timedelta(hours=9, minutes=30)
    ill = store.health().check("rollups")

    assert (well.status, well.figures) == ("ok", {"lag": 0.0, "waiting": 1.0})
    assert (ill.status, ill.figures["lag"]) == ("degraded", 9 * 3600)


EVERY = [index.name for indexes in INDEXES.values() for index in indexes]


class Told:
    """A server that answers as a test says."""

    def __init__(self, answers: dict[str, Any], times: Callable[[], datetime] = lambda: NOW) -> None:
        self.answers, self.times = answers, times

    def examine(self) -> Health:
        plan = health.examine(self.times, Limits())
        operation = next(plan)
        while True:
            try:
                answer = self._answer(operation)
                operation = plan.throw(answer) if isinstance(answer, Exception) else plan.send(answer)
            except StopIteration as end:
                return end.value

    def _answer(self, operation: Any) -> Any:
        name = getattr(operation, "name", type(operation).__name__)
        usual: Any = {
            "hello": {"setName": "rs", "hosts": ["a"]},
            "replSetGetStatus": {},
            "Count": 0,
            "ListIndexes": EVERY,
        }.get(name, [])
        return self.answers.get(name, usual)


def member(name: str, state: str, at: datetime = NOW, health: int = 1) -> dict[str, Any]:
    return {"name": name, "stateStr": state, "health": health, "optimeDate": at}


@pytest.mark.parametrize(
    ("members", "status", "words"),
    [
        ([member("a", "PRIMARY"), member("b", "SECONDARY")], "ok", "2 members, the slowest 0 ms behind"),
        ([member("a", "PRIMARY"), member("b", "SECONDARY", NOW - timedelta(minutes=5))], "degraded", "5 min behind"),
        ([member("a", "PRIMARY"), member("b", "(not reachable/healthy)", health=0)], "degraded", "1 of 2 members are"),
        ([member("a", "PRIMARY"), member("b", "SECONDARY", health=0)], "degraded", "b (SECONDARY)"),
        ([member("a", "PRIMARY"), member("b", "RECOVERING")], "degraded", "b (RECOVERING)"),
        ([member("a", "PRIMARY"), {"name": "b", "stateStr": "ARBITER", "health": 1}], "ok", "2 members"),
    ],
)
def test_replication_is_told_by_its_members(members: Any, status: str, words: str) -> None:
    """Their states, and how much the slowest lacks."""
    found = Told({"replSetGetStatus": {"members": members}}).examine().check("replication")

    assert found.status == status
    assert words in found.finding


def test_who_may_not_ask_for_replication_is_not_ill() -> None:
    """It needs a role of its own; but who may not write cannot receive."""
    refused = ConfigurationError("MongoDB refused: the user lacks the right.")
    found = Told({"replSetGetStatus": refused}).examine()
    mute = Told({"Update": refused}).examine()

    assert (found.status, found.check("replication").status) == ("ok", "unknown")
    assert (mute.status, mute.check("writable").status) == ("down", "down")


def test_a_write_that_is_not_confirmed_is_down_though_the_server_answers() -> None:
    """As where the majority is gone."""
    found = Told({"Update": StoreError("The write was not confirmed as durable.")}).examine()

    assert (found.check("server").status, found.check("writable").status, found.status) == ("ok", "down", "down")


@pytest.mark.parametrize(
    ("ahead", "trip", "status"),
    [(5.0, 0.0, "ok"), (-15.0, 0.0, "degraded"), (15.0, 0.0, "degraded"), (15.0, 12.0, "ok"), (17.0, 12.0, "degraded")],
)
def test_clocks_are_compared_in_the_middle_of_the_question(ahead: float, trip: float, status: str) -> None:
    """Half the round trip is what it may be wrong by."""
    moments = iter([NOW, NOW + timedelta(seconds=trip)])
    plan = health._clock(health._World(lambda: next(moments), Limits(), NOW, {}))
    next(plan)
    with pytest.raises(StopIteration) as end:
        plan.send({"localTime": NOW + timedelta(seconds=trip / 2 + ahead)})

    assert end.value.value.status == status
    assert end.value.value.figures == pytest.approx({"skew": ahead, "error": trip / 2})


def test_others_are_asked_too_and_may_break(with_store: Any) -> None:
    """What they raise is not told: it may hold anything."""

    def breaks() -> Check:
        raise ValueError("about ann@example.com")

    async def body(face: Any) -> None:
        also = [Certificates().health, breaks, lambda: [Check("a", "degraded", "so"), Check("b", "ok", "so")]]
        found = await face.get(lambda store: store.health(also=also))

        assert list(statuses(found).items())[-4:] == [
            ("certificates", "ok"), ("test_others_are_asked_too_and_may_break", "unknown"), ("a", "degraded"), ("b", "ok"),
        ]  # fmt: skip
        assert "example.com" not in str(found)
        assert found.status == "degraded"

    with_store(body)


def test_an_asyncio_store_awaits_and_does_not_wait_for_ever() -> None:
    """Coroutine functions are welcome."""

    async def slow() -> Check:
        await asyncio.sleep(30)
        return Check("slow", "ok", "")

    async def quick() -> Check:
        return Check("quick", "ok", "")

    found = asyncio.run(testing.async_memory_store().health(timeout_seconds=0.2, also=[slow, quick]))

    assert [check.status for check in found.checks][-2:] == ["unknown", "ok"]


def test_a_certificate_that_cannot_be_had_shows_until_one_can() -> None:
    """The cache tells how many are at hand."""

    def away(url: str) -> bytes:
        raise OSError("away")

    certificates = Certificates(away)
    with pytest.raises(Exception, match="cannot be had"):
        certificates.get("https://sns.us-east-1.amazonaws.com/x.pem")

    assert certificates.health()[:2] == ("certificates", "degraded")


def test_every_check_says_why_and_what_its_failing_means() -> None:
    """The table explains itself."""
    assert all(row.why and row.else_ in WORST_FIRST for row in health.CHECKS)


def test_commands_for_admin_are_asked_of_admin(store: Any) -> None:
    """Of any other database the server refuses it."""
    assert perform(iter_ask(AdminCommand("replSetGetStatus")), store._collections)["members"]


def iter_ask(operation: Any) -> Any:
    return (yield operation)


def test_all_operations_are_bounded_lookups() -> None:
    """No check reads more than a page: health is asked every few seconds."""
    seen: list[Any] = []

    class Listening(Told):
        def _answer(self, operation: Any) -> Any:
            seen.append(operation)
            return super()._answer(operation)

    Listening({}).examine()

    assert all(
        getattr(operation, "limit", 1) > 0 for operation in seen if not isinstance(operation, (Command, Count, Update))
    )
