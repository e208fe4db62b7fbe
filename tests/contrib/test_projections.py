"""Neighbours' documents follow the events: in any order, as often as one likes, whatever is killed or late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from both import Face, encrypted
from payloads import all_genuine, genuine, payload
from sesevent import ConfigurationError, EventStore, StoreError, testing
from sesevent.contrib.projections import (
    AsyncProjector,
    Deliverability,
    Join,
    Keep,
    MessageStatus,
    Projections,
    Projector,
    Raise,
    TemplateFigures,
    Told,
    by_address,
    by_message_id,
    by_tag,
    first,
    last,
    strongest,
)
from sesevent.contrib.projections.work import Work
from sesevent.drivers.sync import _outcome

pytestmark = pytest.mark.usefixtures("nothing_before")

NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)
NEIGHBOURS = ("notificationrecords", "notifications", "authusers", "notificationmsgs", "sendevents")
HEX = "65a000000000000000000001"


def tagged(kind: str, *, to: str = "ann@example.com", tags: dict[str, list[str]] | None = None, **more: Any) -> Any:
    """A payload of a mail that names its template, and the notification it was sent for."""
    return payload(kind, to=to, tags={"template": ["welcome"], "notification": [HEX]} | (tags or {}), **more)


def neighbours(database: Any, missing: Any = "report", name: str = "neighbours") -> Projections:
    """All five, as an application declares them."""
    return Projections(
        name,
        MessageStatus(database["notificationrecords"], missing=missing),
        MessageStatus(
            database["notifications"], by_tag("notification", convert=ObjectId), name="by-tag", missing=missing
        ),
        Deliverability(database["authusers"], missing=missing),
        TemplateFigures(database["notificationmsgs"], missing=missing),
        Raise(database["sendevents"], types=("Bounce", "Complaint")),
    )


def fill(tables: Any) -> None:
    """What the application keeps itself."""
    tables["notificationrecords"].insert_many([{"_id": n, "messageId": f"m-{n}", "own": "x"} for n in range(10)])
    tables["notifications"].insert_many([{"_id": ObjectId(HEX), "title": "Hello"}])
    tables["authusers"].insert_many([{"_id": 1, "email": "ann@example.com"}, {"_id": 2, "email": "bob@example.com"}])
    tables["notificationmsgs"].insert_many([{"_id": 1, "name": "welcome"}, {"_id": 2, "name": "farewell"}])


def kept(tables: Any) -> dict[str, list[Any]]:
    """Every document of the neighbours, whole."""
    return {
        name: sorted(tables[name].find().to_list(), key=lambda document: str(document["_id"])) for name in NEIGHBOURS
    }


def projector(face: Face, declared: Callable[[Any], Projections] = neighbours, **settings: Any) -> Any:
    """Of the store's colour, its neighbours in the store's database."""
    database = face.store._collections["ses_event"].database
    return (Projector if face.colour == "sync" else AsyncProjector)(face.store, declared(database), **settings)


async def of(answer: Any) -> Any:
    return await answer if hasattr(answer, "__await__") else answer


def until(happened: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def consistent(history: list[Any]) -> list[Any]:
    """As in life: a mail has one template and one time of sending."""
    first_of: dict[str, Any] = {}
    return [event | {"mail": first_of.setdefault(event["mail"]["messageId"], event["mail"])} for event in history]


STORY = consistent(
    [
        tagged("Send", message_id="m-1", at="2024-05-01T12:00:00.000Z"),
        tagged("Delivery", message_id="m-1", at="2024-05-01T12:00:02.000Z"),
        tagged("Open", message_id="m-1", at="2024-05-01T13:00:00.000Z"),
        tagged("Send", message_id="m-2", to="bob@example.com", at="2024-05-01T12:00:00.000Z"),
        tagged("Bounce", message_id="m-2", to="bob@example.com", at="2024-05-01T12:00:09.000Z"),
    ]
)


# ── What is kept ─────────────────────────────────────────────────────────────────────────────


def test_all_five_neighbours_tell_what_happened(with_store: Any, tables: Any) -> None:
    """In both colours, over a server and in memory; what is the application's own stays."""

    async def body(face: Face) -> None:
        fill(tables)
        await face.get(lambda store: store.receive_many(all_genuine(STORY)))
        report = await of(projector(face).replay())

        record, other = (tables["notificationrecords"].find({"messageId": f"m-{n}"}).to_list()[0] for n in (1, 2))
        assert (record["own"], record["ses"]["status"]["is"]) == ("x", "delivered")
        assert (
            record["ses"]["status"]["at"]
            == record["ses"]["deliveredAt"]
            == datetime(2024, 5, 1, 12, 0, 2, tzinfo=timezone.utc)
        )
        assert record["ses"]["firstOpenedAt"].hour == 13
        assert (other["ses"]["status"]["is"], "deliveredAt" in other["ses"]) == ("bounced", False)
        (notification,) = tables["notifications"].find({}).to_list()
        assert (notification["title"], notification["ses"]["status"]["is"]) == ("Hello", "bounced")
        users = {user["email"]: user for user in tables["authusers"].find({}).to_list()}
        assert "ses" not in users["ann@example.com"], "nothing was ever said of her"
        told = users["bob@example.com"]["ses"]["deliverability"]
        assert (told["deliverable"], told["reason"], told["until"]) == (False, "hard_bounce", None)
        figures = {row["name"]: row.get("ses", {}).get("figures") for row in tables["notificationmsgs"].find({})
                   .to_list()}  # fmt: skip
        assert figures["farewell"] is None
        some = {name: number for name, number in figures["welcome"].items() if number}
        assert some == {"events": 5, "sends": 2, "deliveries": 1, "opens": 1, "hard_bounces": 1,
                        "permanent_bounces": 1}  # fmt: skip
        (raised,) = tables["sendevents"].find({}).to_list()
        assert (raised["event"], raised["messageId"], raised["recipients"]) == (
            "ses.bounce",
            "m-2",
            ["bob@example.com"],
        )
        bounce = await face.get(lambda store: store.events.by_type("Bounce"))
        assert raised["_id"] == ObjectId(bounce[0].key)

        counts = report.projections["status"]
        assert (report.events, counts.events, counts.matched, counts.changed, counts.missing) == (5, 5, 2, 2, 0)
        before = kept(tables)
        again = (await of(projector(face).replay())).projections
        assert [again[name].changed + again[name].made for name in again] == [0] * 5
        assert kept(tables) == before

    with_store(body)


PEOPLE = ["ann@example.com", "Bob@example.com"]
events = st.builds(
    lambda kind, number, to, second, detail, template: tagged(
        kind,
        to=to,
        message_id=f"m-{number}",
        at=f"2024-05-01T12:00:{second:02}.000Z",
        tags={"template": [template]},
        body={"feedbackId": f"{number}-{second}-{kind}-{to}-{sorted(detail.items())}"} | detail
        if kind in ("Bounce", "Complaint")
        else {},
    ),
    st.sampled_from(["Send", "Delivery", "Open", "Click", "Bounce", "Complaint"]),
    st.integers(0, 3),
    st.sampled_from(PEOPLE),
    st.integers(0, 3),
    st.sampled_from([{}, {"bounceType": "Transient"}, {"bounceSubType": "OnAccountSuppressionList"},
                     {"complaintFeedbackType": "not-spam"}]),
    st.sampled_from(["welcome", "farewell"]),
)  # fmt: skip


def identity(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as an identity notification tells it: without tags."""
    mail = {name: value for name, value in event["mail"].items() if name != "tags"}
    renamed = {name: value for name, value in event.items() if name != "eventType"}
    return renamed | {"notificationType": event["eventType"], "mail": mail}


def projected(store: Any, tables: Any, items: list[Any], size: int) -> dict[str, list[Any]]:
    """The neighbours after these were received one by one, and projected as a watch would tell of them."""
    for name in (*NEIGHBOURS, "ses_event", "ses_suppression", "ses_suppression_act", "ses_projection_part",
                 "ses_projection_sum", "ses_projection_waiting"):  # fmt: skip
        tables[name].delete_many({})
    fill(tables)
    clock = [NOW]
    store._clock = lambda: clock[0]
    runner = Projector(store, neighbours(store._collections["ses_event"].database), patience_seconds=10**9)
    batch: list[Any] = []
    for item in items:
        receipt = store.receive(genuine(item))
        batch += [store.events.get(event.id) for event in receipt.events if event.fresh]
        if len(batch) >= size:
            runner._perform(runner._work.do(batch))
            batch = []
    runner._perform(runner._work.do(batch))
    clock[0] += timedelta(days=1)
    runner.catch_up()
    return kept(tables)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=10), st.data())
def test_any_order_and_repetition_leaves_the_same_documents(history: list[Any], data: Any) -> None:
    """Field by field; beside the identity notifications of the same events, in batches of any size."""
    history = consistent(history)
    client = testing.MemoryClient()
    store = testing.memory_store(client, database="test")
    twice = [identity(event) for event in history if event["eventType"] in ("Bounce", "Complaint", "Delivery")]
    shuffled = data.draw(st.permutations(history + twice)) + data.draw(st.lists(st.sampled_from(history), max_size=4))

    expected = projected(store, client["test"], history, 1)

    assert projected(store, client["test"], shuffled, data.draw(st.integers(1, 5))) == expected


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, min_size=1, max_size=8), st.data())
def test_a_server_leaves_what_memory_leaves_in_any_order(
    store: Any, tables: Any, history: list[Any], data: Any
) -> None:
    """Its order of values is the one that is written down here."""
    history = consistent(history)
    client = testing.MemoryClient()
    expected = projected(testing.memory_store(client, database="test"), client["test"], history, 1)

    assert projected(store, tables, data.draw(st.permutations(history)), 2) == expected


def test_events_given_again_and_again_change_nothing(store: Any, tables: Any) -> None:
    """The same rows, a hundred times, backwards too."""
    fill(tables)
    store.receive_many(all_genuine(STORY))
    work = Work(store, neighbours(tables), timedelta(days=1), awaits=False)
    runner = Projector(store, neighbours(tables))
    runner.replay()
    before = kept(tables)
    rows = store.events.between().to_list()

    for turn in range(10):
        runner._perform(work.do(rows[:: -1 if turn % 2 else 1] * 3))

    assert kept(tables) == before


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([("Send", {}), ("Delivery", {})], "delivered"),
        ([("Delivery", {}), ("Bounce", {})], "bounced"),
        ([("Delivery", {}), ("Bounce", {"bounceType": "Transient"})], "delivered"),  # an out-of-office reply
        ([("Bounce", {"bounceType": "Transient", "bounceSubType": "MailboxFull"}), ("Delivery", {})], "bounced"),
        ([("Bounce", {}), ("Complaint", {})], "complained"),
        ([("Send", {}), ("Bounce", {"bounceSubType": "OnAccountSuppressionList"})], "suppressed"),
        ([("Send", {}), ("Complaint", {"complaintFeedbackType": "not-spam"})], "delivered"),
        ([("Send", {}), ("Complaint", {"complaintFeedbackType": "auth-failure"})], "sent"),
        ([("Send", {}), ("Complaint", {"complaintSubType": "OnAccountSuppressionList"})], "suppressed"),
    ],
    ids=lambda told: told if isinstance(told, str) else "-".join(kind for kind, _ in told),
)
def test_the_strongest_of_what_is_told_is_the_status(told: list[Any], status: str) -> None:
    """Whichever came first."""
    client = testing.MemoryClient()
    for order in (1, -1):
        store = testing.memory_store(client, database=str(order))
        client[str(order)]["notificationrecords"].insert_many([{"messageId": "m-1"}])
        for kind, body in told[::order]:
            store.receive(genuine(payload(kind, body=body)))
        Projector(store, Projections("n", MessageStatus(client[str(order)]["notificationrecords"]))).replay()

        assert client[str(order)]["notificationrecords"].find().to_list()[0]["ses"]["status"]["is"] == status


def test_of_equal_evidence_the_earliest_says_since_when() -> None:
    """Whichever was stored first, and whatever its key."""
    for moments in ((1, 5, 3), (5, 3, 1), (3, 1, 5)):
        client = testing.MemoryClient()
        store, records = testing.memory_store(client, database="d"), client["d"]["records"]
        records.insert_many([{"messageId": "m-1"}])
        runner = Projector(store, Projections("n", MessageStatus(records)))
        for second in moments:
            told = payload("Bounce", at=f"2024-05-01T12:00:0{second}.000Z", to=f"p{second}@example.com")
            receipt = store.receive(genuine(told))
            runner._perform(runner._work.do([store.events.get(receipt.events[0].id)]))

        assert records.find().to_list()[0]["ses"]["status"]["at"].second == 1


def test_a_record_for_each_recipient_tells_that_ones_status() -> None:
    """One message id, two people, two records, and a bounce of one."""
    client = testing.MemoryClient()
    store, records = testing.memory_store(client, database="d"), client["d"]["records"]
    people = ["ann@example.com", "Bob@example.com"]
    records.insert_many([{"_id": person, "mail": "m-1", "who": person} for person in people])
    store.receive(genuine(testing.send(to=people, message_id="m-1")))
    store.receive(genuine(testing.bounce(to=people, bounced=people[1], message_id="m-1")))
    store.receive(genuine(testing.opened(to=people, message_id="m-1")))
    Projector(store, Projections("n", MessageStatus(records, by_message_id("mail", address="who")))).replay()

    told = {row["_id"]: row["ses"] for row in records.find().to_list()}
    assert {who: ses["status"]["is"] for who, ses in told.items()} == {people[0]: "sent", people[1]: "bounced"}
    assert not any("firstOpenedAt" in ses for ses in told.values()), "nobody knows which of them opened it"


def test_what_a_machine_opens_arrived_and_is_not_opened() -> None:
    """As the analytics have it: a proxy fetches the images of mail that its server took."""
    client = testing.MemoryClient()
    store, tables = testing.memory_store(client, database="d"), client["d"]
    fill(tables)
    (opened,) = consistent([tagged("Open")])  # in the moment of sending
    store.receive(genuine(opened))
    Projector(store, neighbours(tables)).replay()

    ses = tables["notificationrecords"].find({"_id": 1}).to_list()[0]["ses"]
    assert (ses["status"]["is"], "firstOpenedAt" in ses) == ("delivered", False)
    figures = tables["notificationmsgs"].find({"_id": 1}).to_list()[0]["ses"]["figures"]
    assert (figures["opens"], figures["machine_opens"]) == (0, 1)


def test_whatever_else_is_to_be_kept_is_a_line_each() -> None:
    """First, last and strongest, or a join of your own, below a field of your own."""
    client = testing.MemoryClient()
    store, users = testing.memory_store(client, database="d"), client["d"]["users"]
    users.insert_many([{"_id": 1, "contact": {"mail": "ann@example.com"}}])
    rank = {"Click": 1, "Open": 2}
    declared = Projections(
        "n",
        Keep(
            users,
            by_address("contact.mail"),
            {
                "first": first(),
                "last": last(),
                "did": strongest(lambda about: Told(rank[about.event.type], about.event.type, {"via": "mail"})),
                "mail": Join("$max", lambda about: about.event.message_id),
            },
            types=("Open", "Click"),
            under="mailing.seen",
        ),
    )
    for number, kind in enumerate(["Open", "Click", "Open", "Delivery"]):
        store.receive(genuine(payload(kind, message_id=f"m-{number}", at=f"2024-05-01T12:00:0{number}.000Z")))
    Projector(store, declared).replay()

    (user,) = users.find().to_list()
    seen = user["mailing"]["seen"]
    assert (seen["first"].second, seen["last"].second, seen["mail"]) == (0, 2, "m-2")
    assert (seen["did"]["is"], seen["did"]["via"], seen["did"]["at"].second) == ("Click", "mail", 1)


# ── Following ────────────────────────────────────────────────────────────────────────────────


def test_it_follows_what_is_stored_and_goes_on_where_it_was(with_store: Any, tables: Any) -> None:
    """Nothing of before its first time; then everything, what came between two runs included."""

    async def body(face: Face) -> None:
        fill(tables)
        await face.get(lambda store: store.receive(genuine(tagged("Send", message_id="m-0"))))
        await of(projector(face).run(idle_seconds=0, polling=True))
        for number in (1, 2, 3):
            await face.get(
                lambda store, number=number: store.receive(genuine(tagged("Send", message_id=f"m-{number}")))
            )
        told: list[int] = []
        report = await of(
            projector(face).run(idle_seconds=0.3, polling=True, on_progress=lambda done: told.append(done.events))
        )

        assert (report.events, told[-1]) == (3, 3)
        seen = {row["_id"] for row in tables["notificationrecords"].find({"ses.status.is": "sent"}).to_list()}
        assert seen == {1, 2, 3}
        assert (await of(projector(face).run(idle_seconds=0.3, polling=True))).events == 0

    with_store(body)


def test_a_row_whose_receiver_died_before_it_derived_the_standing_still_counts(store: Any, tables: Any) -> None:
    """The projection derives it: a flag would else stay as it was, with nothing more to come."""
    fill(tables)
    store.receive(genuine(payload("Bounce", to="bob@example.com")))
    for name in ("ses_suppression", "ses_suppression_act"):
        tables[name].delete_many({})
    Projector(store, neighbours(tables)).replay()

    assert tables["authusers"].find_one({"_id": 2})["ses"]["deliverability"]["deliverable"] is False
    assert not store.suppression.check("bob@example.com")


def test_what_is_no_event_is_seen_to_by_a_recheck(with_store: Any, tables: Any) -> None:
    """A reactivation by hand, of one address or of all."""

    async def body(face: Face) -> None:
        fill(tables)
        await face.get(lambda store: store.receive_many(all_genuine(STORY)))
        runner = projector(face)
        await of(runner.replay())

        def flag() -> Any:
            (user,) = tables["authusers"].find({"_id": 2}).to_list()
            return user["ses"]["deliverability"]["deliverable"]

        for addresses in (("BOB@example.com",), ()):
            await face.get(lambda store: store.suppression.suppress("bob@example.com", by="me"))
            await of(runner.recheck(*addresses))
            assert flag() is False
            await face.get(lambda store: store.suppression.reactivate("bob@example.com", by="me", why="test"))
            dry = await of(runner.recheck(*addresses, dry=True))
            assert [change.field for change in dry.changes] == ["ses.deliverability"]
            assert flag() is False
            report = await of(runner.recheck(*addresses))
            assert (flag(), report.projections["deliverability"].changed) == (True, 1)

    with_store(body)


# ── Documents that are not there ─────────────────────────────────────────────────────────────


def test_a_document_that_comes_late_is_caught_up(with_store: Any, tables: Any) -> None:
    """The notification is stored after its events: they wait, and are tried again."""
    clock = [NOW]

    async def body(face: Face) -> None:
        face.store._clock = lambda: clock[0]
        await face.get(lambda store: store.receive_many(all_genuine(STORY)))
        runner = projector(face)
        report = await of(runner.replay())
        assert (report.projections["status"].missing, report.projections["figures"].missing) == (5, 5)
        fill(tables)
        assert (await of(runner.catch_up())).projections == {}, "it is not time yet"
        clock[0] += timedelta(minutes=2)
        report = await of(runner.catch_up())

        assert report.projections["status"].matched == 2
        assert tables["ses_projection_waiting"].find({}).to_list() == []
        late = {name: documents for name, documents in kept(tables).items() if name != "authusers"}
        await of(runner.replay())
        assert {name: documents for name, documents in kept(tables).items() if name != "authusers"} == late

    with_store(body)


def test_what_never_comes_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """After as long as one is patient, with pauses that grow; no address in the log."""
    client, clock = testing.MemoryClient(), [NOW]
    store = testing.memory_store(client, database="d", clock=lambda: clock[0])
    store.receive(genuine(payload("Send")))
    runner = Projector(store, Projections("n", MessageStatus(client["d"]["records"])), patience_seconds=86400)
    runner.replay()
    tries = given_up = 0
    for _ in range(2 * 24 * 60):
        clock[0] += timedelta(minutes=1)
        for counts in runner.catch_up().projections.values():
            tries, given_up = tries + counts.missing, given_up + counts.given_up

    assert (given_up, client["d"]["ses_projection_waiting"].find().to_list()) == (1, [])
    assert 20 < tries < 40
    said = [record.getMessage() for record in caplog.records if record.name == "sesevent.projections"]
    assert said == ["projection status: the documents of 1 events did not come"]


def test_missing_documents_may_be_ignored_or_made(with_store: Any, tables: Any) -> None:
    """As the declaration says; what is made has what it was asked for by, and nothing is doubled."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(STORY)))
        ignoring = projector(face, lambda database: neighbours(database, "ignore", "a"))
        report = await of(ignoring.replay())
        assert (report.projections["status"].missing, tables["ses_projection_waiting"].find({}).to_list()) == (5, [])
        making = projector(face, lambda database: neighbours(database, "upsert", "b"))
        report = await of(making.replay())
        assert report.projections["status"].made == 2
        await of(making.replay())

        records = {row["messageId"]: row["ses"]["status"]["is"] for row in tables["notificationrecords"].find({})
                   .to_list()}  # fmt: skip
        assert records == {"m-1": "delivered", "m-2": "bounced"}
        assert [row["_id"] for row in tables["notifications"].find({}).to_list()] == [ObjectId(HEX)]
        assert [row["email"] for row in tables["authusers"].find({}).to_list()] == ["bob@example.com"]

    with_store(body)


def test_a_tag_that_names_no_document_stops_nobody() -> None:
    """Whatever is in it: only the sender's own code would put it there, and it may be wrong."""
    client = testing.MemoryClient()
    store = testing.memory_store(client, database="d")
    store.receive(genuine(tagged("Send", tags={"notification": ["not an id"]})))
    declared = Projections("n", MessageStatus(client["d"]["notes"], by_tag("notification", convert=ObjectId)))

    assert Projector(store, declared).replay().projections["status"].missing == 0


# ── Dry runs ─────────────────────────────────────────────────────────────────────────────────


def test_a_dry_run_tells_exactly_what_would_change_and_changes_nothing(with_store: Any, tables: Any) -> None:
    """Before, after, and where; then the real run does that, and another dry run has nothing to tell."""

    async def body(face: Face) -> None:
        fill(tables)
        runner = projector(face)
        await of(runner.run(idle_seconds=0, polling=True))
        await face.get(lambda store: store.receive_many(all_genuine(STORY)))
        whole = {name: tables[name].find({}).to_list() for name in (*NEIGHBOURS, "ses_watch")}
        reports = [await of(runner.replay(dry=True)), await of(runner.dry_run(idle_seconds=0.5))]

        assert whole == {name: tables[name].find({}).to_list() for name in whole}
        assert not any(tables[f"ses_projection_{name}"].find({}).to_list() for name in ("part", "sum", "waiting"))
        replayed, told = (
            {(change.projection, change.document, change.field): change.after for change in report.changes}
            for report in reports
        )
        assert replayed == told
        await of(runner.run(idle_seconds=0.5, polling=True))
        collections = {"status": "notificationrecords", "by-tag": "notifications", "raise": "sendevents",
                       "deliverability": "authusers", "figures": "notificationmsgs"}  # fmt: skip
        for (projection, document, field), after in told.items():
            (value,) = tables[collections[projection]].find({"_id": document}).to_list()
            for step in field.split(".") if field else ():
                value = value[step]
            assert value == after
        assert {name for name, _, _ in told} == set(collections)
        assert (await of(runner.replay(dry=True))).changes == []
        assert "ann@" not in repr(reports[0].changes)

    with_store(body)


# ── Failures ─────────────────────────────────────────────────────────────────────────────────


class Stubborn:
    """A collection whose server is away for the first calls."""

    def __init__(self, collection: Any, failures: int) -> None:
        self._collection, self.failures = collection, failures

    def update_many(self, *arguments: Any, **options: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("away")
        return self._collection.update_many(*arguments, **options)


def test_a_write_that_fails_while_a_database_is_away_is_tried_until_it_is_done() -> None:
    """And the place in the events is not kept before."""
    client = testing.MemoryClient()
    store, records = testing.memory_store(client, database="d"), client["d"]["records"]
    records.insert_many([{"messageId": "m-1"}])
    store.receive(genuine(payload("Send")))
    stubborn: Any = Stubborn(records, 3)
    report = Projector(store, Projections("n", MessageStatus(stubborn))).replay()

    assert (stubborn.failures, report.projections["status"].changed) == (0, 1)


def test_a_neighbour_that_refuses_for_good_is_named_and_nothing_is_skipped(store: Any, tables: Any) -> None:
    """Its schema forbids the field; once it is mended, the next run does what was left."""
    tables.create_collection("notificationrecords", validator={"ses.status": {"$exists": False}})
    tables["notificationrecords"].insert_one({"messageId": "m-1"})
    declared = Projections("n", MessageStatus(tables["notificationrecords"]))
    Projector(store, declared).run(idle_seconds=0)
    store.receive(genuine(payload("Send")))
    for _ in range(2):
        with pytest.raises(StoreError, match=r"Projection status.*code 121") as caught:
            Projector(store, declared).run(idle_seconds=20)
        assert (caught.value.code, caught.value.retryable) == (121, False)
    tables.command("collMod", "notificationrecords", validator={})

    assert Projector(store, declared).run(idle_seconds=1).projections["status"].changed == 1


def test_a_call_is_made_for_each_event_and_what_it_raises_ends_the_run(with_store: Any) -> None:
    """And it is called again by the next; a coroutine function where there is asyncio."""
    called: list[Any] = []
    failing = [True]

    def call(document: Any) -> None:
        if failing and document["messageId"] == "m-2":
            failing.clear()
            raise LookupError("down")
        called.append(document["messageId"])

    async def call_later(document: Any) -> None:
        call(document)

    async def body(face: Face) -> None:
        function = call if face.colour == "sync" else call_later
        runner = projector(face, lambda _: Projections("n", Raise(call=function, types=["Bounce"])))
        await of(runner.run(idle_seconds=0, polling=True))
        for number in (1, 2):
            await face.get(
                lambda store, number=number: store.receive(genuine(payload("Bounce", message_id=f"m-{number}")))
            )
        with pytest.raises(LookupError):
            await of(runner.run(idle_seconds=2, polling=True))
        report = await of(runner.run(idle_seconds=0.5, polling=True))

        assert (set(called), called[-1], report.projections["raise"].called) == ({"m-1", "m-2"}, "m-2", 2)

    with_store(body)


def test_declarations_that_cannot_be_are_refused(store: Any, tables: Any) -> None:
    """When they are made, or when a projector is."""
    records = tables["records"]
    for wrong in (
        lambda: Projections("", MessageStatus(records)),
        lambda: Projections("n"),
        lambda: Projections("n", MessageStatus(records), MessageStatus(records)),
        lambda: MessageStatus(records, missing="nonsense"),
        lambda: Raise(),
        lambda: Raise(records, call=print),
        lambda: Projector(store, Projections("n", MessageStatus(records)), batch_size=0),
    ):
        with pytest.raises(ConfigurationError):
            wrong()


def test_a_collection_of_the_other_colour_is_refused(with_store: Any) -> None:
    """Before anything is asked of it."""

    async def body(face: Face) -> None:
        other: Any = testing.async_memory_store() if face.colour == "sync" else testing.memory_store()
        with pytest.raises(ConfigurationError, match="other colour"):
            projector(face, lambda _: neighbours(other._collections["ses_event"].database))

    with_store(body)


# ── Processes ────────────────────────────────────────────────────────────────────────────────


def many(number: int) -> list[Any]:
    """Events of ten mails to two people, as they are told over and over."""
    kinds = ["Send", "Delivery", "Open", "Click", "Bounce", "Complaint"]
    return [
        tagged(kinds[n % 6], message_id=f"m-{n % 10}", at=f"2024-05-01T12:{n // 60 % 60:02}:{n % 60:02}.000Z",
               to=["ann@example.com", "bob@example.com"][n % 2])
        for n in range(number)
    ]  # fmt: skip


SCRIPT = """
import sys
from pymongo import MongoClient
sys.path[:0] = {path!r}
from both import encrypted
from contrib.test_projections import neighbours
from sesevent import EventStore
from sesevent.contrib.projections import Projector
with MongoClient({uri!r}) as client, EventStore.connect({uri!r}, database={database!r}, **encrypted()) as store:
    runner = Projector(store, neighbours(client[{database!r}]), batch_size=3)
    print("ready", flush=True)
    runner.{call}
    print("done", flush=True)
"""


def started(uri: str, database: str, call: str) -> subprocess.Popen[str]:
    script = SCRIPT.format(path=[os.path.dirname(os.path.dirname(__file__))], uri=uri, database=database, call=call)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("call", ["run(idle_seconds=4)", "replay()"])
def test_killed_in_the_middle_it_goes_on_and_comes_to_the_same_end(
    store: Any, tables: Any, mongodb_uri: str, database: str, call: str
) -> None:
    """kill -9, again and again, at moments that are never the same."""
    fill(tables)
    declared = neighbours(tables)
    Projector(store, declared).run(idle_seconds=0)
    store.receive_many(all_genuine(many(240)))
    kills = 0
    for delay in (0.05, 0.15, 0.3, 0.5):
        process = started(mongodb_uri, database, call)
        time.sleep(delay)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    process = started(mongodb_uri, database, call)
    assert process.communicate(timeout=100)[0] == "done\n"
    assert kills >= 2
    after = kept(tables)
    assert after["notificationmsgs"][0]["ses"]["figures"]["events"] == 240
    if call.startswith("run"):
        assert tables["ses_watch"].count_documents({}) == 1

    Projector(store, declared).clear()
    assert not any("status" in row.get("ses", {}) for row in kept(tables)["notificationrecords"])
    Projector(store, declared).replay()
    assert kept(tables) == after


def test_a_killed_replay_goes_on_where_it_was(store: Any, tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not from the beginning; another span of time is another replay."""
    monkeypatch.setattr("sesevent.plans.read.next_page.__defaults__", (10,))
    fill(tables)
    store.receive_many(all_genuine(many(60)))

    class Killed(BaseException):
        pass

    def die(report: Any) -> None:
        if report.events == 30:
            raise Killed

    with pytest.raises(Killed):
        Projector(store, neighbours(tables)).replay(on_progress=die)
    assert Projector(store, neighbours(tables)).replay(until=NOW).events == 60
    with pytest.raises(Killed):
        Projector(store, neighbours(tables)).replay(on_progress=die)
    assert Projector(store, neighbours(tables)).replay().events == 40
    assert Projector(store, neighbours(tables)).replay().events == 60


def test_two_at_once_do_no_harm(store: Any, tables: Any, mongodb_uri: str, database: str) -> None:
    """Both do everything, in batches that overlap, while more comes; the end is that of one alone."""
    fill(tables)
    declared = neighbours(tables)
    Projector(store, declared).run(idle_seconds=0)
    failures: list[BaseException] = []

    def work(size: int) -> None:
        try:
            with (
                MongoClient(mongodb_uri) as client,
                EventStore.connect(mongodb_uri, database=database, **encrypted()) as own,
            ):
                Projector(own, neighbours(client[database]), batch_size=size).run(idle_seconds=5)
        except BaseException as error:  # noqa: BLE001  # a thread's error must reach the test
            failures.append(error)

    workers = [threading.Thread(target=work, args=(size,)) for size in (2, 7)]
    for worker in workers:
        worker.start()
    for start in range(0, 180, 20):
        store.receive_many(all_genuine(many(180)[start : start + 20]))
    for worker in workers:
        worker.join()
    assert failures == []
    after = kept(tables)
    assert after["notificationmsgs"][0]["ses"]["figures"]["events"] == 180
    Projector(store, declared).clear()
    Projector(store, declared).replay()

    assert kept(tables) == after


def test_whoever_is_held_up_between_two_steps_undoes_nothing() -> None:
    """One projector does the second event of a mail between any two steps of another that does the first."""
    story = consistent([
        tagged("Bounce", message_id="m-1", to="bob@example.com", body={"bounceSubType": "MailboxFull", "bounceType": "Transient"}),
        tagged("Complaint", message_id="m-1", to="bob@example.com", at="2024-05-01T13:00:00.000Z"),
        tagged("Delivery", message_id="m-2", to="bob@example.com", at="2024-05-01T14:00:00.000Z"),
    ])  # fmt: skip
    ends, steps = [], 0
    while steps is not None:
        client = testing.MemoryClient()
        store, tables = testing.memory_store(client, database="d", clock=lambda: NOW), client["d"]
        fill(tables)
        one, other = (Projector(store, neighbours(tables))._work for _ in range(2))
        held = one.do([store.events.get(store.receive(genuine(story[0])).events[0].id)])
        steps = after_steps(held, one.collections, steps)
        late = [store.events.get(store.receive(genuine(event)).events[0].id) for event in story[1:]]
        Projector(store, neighbours(tables))._perform(other.do(late))
        after_steps(held, one.collections, None)
        ends.append((kept(tables), tables["ses_projection_sum"].find().to_list()))

    assert len(ends) > 10
    assert all(end == ends[-1] for end in ends), [end == ends[-1] for end in ends]


def after_steps(plan: Any, collections: Any, steps: int | None) -> int | None:
    """Perform so many steps more, or all; how many it shall be the next time, None where the plan has ended."""
    outcome, done = getattr(after_steps, "left", None), 0
    try:
        while steps is None or done <= steps:
            operation = plan.send(outcome)
            outcome = _outcome(operation, collections)
            done += 1
        after_steps.left = outcome  # type: ignore[attr-defined]
    except StopIteration:
        after_steps.left = None  # type: ignore[attr-defined]
        return None
    return steps + 1


def test_it_is_stopped_from_elsewhere(store: Any, tables: Any) -> None:
    """After the batch in hand; what is done is kept."""
    fill(tables)
    runner = Projector(store, neighbours(tables))
    thread = threading.Thread(target=runner.run)
    thread.start()
    until(lambda: tables["ses_watch"].count_documents({}))
    store.receive(genuine(tagged("Send", message_id="m-1")))
    until(lambda: tables["notificationrecords"].count_documents({"ses.status.is": "sent"}))
    runner.stop()
    thread.join(20)

    assert not thread.is_alive()
    assert Projector(store, neighbours(tables)).run(idle_seconds=0.5).events == 0


def test_a_dry_run_lets_nothing_wait() -> None:
    """Where a document is missing it is counted, and that is all."""
    client = testing.MemoryClient()
    store = testing.memory_store(client, database="d")
    store.receive(genuine(payload("Send")))
    report = Projector(store, Projections("n", MessageStatus(client["d"]["records"]))).replay(dry=True)

    assert report.projections["status"].missing == 1
    assert client["d"]["ses_projection_waiting"].find().to_list() == []


# ── where not everything is kept of people ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_joins_by_address_is_refused_where_pseudonyms_are_kept(colour: str) -> None:
    """It would find nobody, and leave a record saying that somebody may be mailed; joining by mail goes on."""
    from sesevent.privacy.policy import PrivacyPolicy
    from sesevent.privacy.protection import Protection
    from sesevent.privacy.pseudonyms import Key
    from sesevent.testing.memory import AsyncMemoryClient

    privacy = Protection(PrivacyPolicy.of("transactional"), [Key("k1", b"of these tests, alone")])
    client = testing.MemoryClient()
    sync = colour == "sync"
    store: Any = (testing.memory_store if sync else testing.async_memory_store)(client, privacy=privacy)
    made: Any = Projector if sync else AsyncProjector
    people = (client if sync else AsyncMemoryClient(client))["d"]["people"]
    for joins in (
        Deliverability(people),
        Keep(people, by_address(), {"at": last()}),
        MessageStatus(people, by_message_id(address="who")),
        MessageStatus(people, by_tag("notification", address="who")),
    ):
        with pytest.raises(ConfigurationError, match="pseudonyms"):
            made(store, Projections("n", joins))
    assert made(store, Projections("n", MessageStatus(people)))


def test_an_erased_person_is_in_no_record_and_none_is_waited_for() -> None:
    """A mark is nobody's address: no record is made of it, and a replay does not wait for one."""
    from sesevent.privacy.protection import Protection
    from sesevent.privacy.pseudonyms import Key

    client = testing.MemoryClient()
    store = testing.memory_store(client, privacy=Protection(keys=[Key("k1", b"of these tests, alone")]))
    store.receive_many(all_genuine([payload("Delivery", to="ann@example.com"), payload("Bounce", to="ben@gmail.com")]))
    store.privacy.erase("ann@example.com", by="desk")
    store.privacy.erase("ben@gmail.com", by="desk")
    people, told = client["d"]["people"], client["d"]["told"]
    declared = Projections(
        "n",
        Keep(people, by_address(), {"at": last()}, missing="upsert"),
        Keep(told, by_message_id(address="who"), {"at": last()}, name="told"),
        Deliverability(people, missing="upsert"),
    )
    report = Projector(store, declared).replay()

    assert (people.find().to_list(), told.find().to_list()) == ([], [])
    assert client["cache"]["ses_projection_waiting"].find().to_list() == []
    assert report.events == 2
