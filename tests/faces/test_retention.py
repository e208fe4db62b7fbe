"""Events are kept no longer than a policy says, by both stores; and what is held stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import Face, encrypted
from sesevent import AsyncEventStore, ConfigurationError, EventStore, testing, trusted
from sesevent.ops import ask
from sesevent.plans import keeping
from sesevent.retention import Retention
from sesevent.storage.operations import Find

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=100)
POLICY = Retention.loads("""
[[rule]]
why = "evidence"
types = ["Complaint"]
keep = true
[[rule]]
why = "of use for a season"
types = ["Open", "Click"]
delete = "3 months"
thin = "1 month"
[[rule]]
why = "nobody reads the text"
configuration_sets = ["marketing"]
thin = "90 days"
""")


@pytest.fixture(params=["sync", "async"])
def retained(request: pytest.FixtureRequest, mongodb_uri: str, database: str, store: Any) -> Callable[[Any], Any]:
    """Call something of a store of either colour, on a day a hundred days after the events."""
    import asyncio

    def call(asked: Callable[[Any], Any]) -> Any:
        if request.param == "sync":
            with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, **encrypted()) as own:
                return asked(own)

        async def main() -> Any:
            async with AsyncEventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, **encrypted()) as own:
                return await asked(own)

        return asyncio.run(main())

    return call


def fill(store: Any) -> None:
    raws = testing.stream(500, seed=4, start=START, mails_per_second=1 / 1000)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)


def kind_of(row: Any) -> str:
    return "whole" if "Message" in row else "thin"


def test_a_policy_is_done_and_done_once(store: Any, rows: Any, retained: Callable[[Any], Any]) -> None:
    """The first rule that speaks of an event decides; a plan tells beforehand how many go."""
    fill(store)
    before = {row["_id"]: row for row in rows.find()}
    planned = retained(lambda own: own.retention.plan(POLICY))
    assert {row["_id"]: row for row in rows.find()} == before
    done = retained(lambda own: own.retention.run(POLICY, by="ann"))
    after = {row["_id"]: row for row in rows.find()}

    gone = [row for key, row in before.items() if key not in after]
    border = f"{NOW - timedelta(days=92):%Y-%m-%d}"  # three months before 9 August
    assert {row["Type"] for row in gone} == {"Open", "Click"}
    assert max(row["Timestamp"] for row in gone) < border
    for row in after.values():
        engaged = row["Type"] in ("Open", "Click")
        assert not (engaged and row["Timestamp"] < border)
        marketing = row["derived"]["configurationSet"] == "marketing" and row["Type"] != "Complaint"
        old = row["Timestamp"] < f"{NOW - timedelta(days=90):%Y-%m-%dT%H}"
        assert kind_of(row) == ("thin" if engaged or (marketing and old) else "whole")
        assert row["derived"] == before[row["_id"]]["derived"]
    counts: dict[tuple[int, str], int] = {}
    for due in planned:
        counts[due.rule, due.kind] = counts.get((due.rule, due.kind), 0) + due.events
    assert counts == {(step.rule, step.kind): step.events for step in done if step.events}
    assert counts[2, "delete"] == len(gone) > 0
    assert [step.events for step in retained(lambda own: own.retention.run(POLICY))] == [0, 0, 0]
    assert retained(lambda own: own.retention.plan(POLICY)) == []


def test_the_audit_says_what_went_and_why(store: Any, retained: Callable[[Any], Any]) -> None:
    """Before the first of a day goes, and how many behind the last."""
    fill(store)
    done = retained(lambda own: own.retention.run(POLICY, by="ann"))
    entries = store.audit.latest(limit=500)
    ended = [entry for entry in entries if entry.act == "retention delete ends"]
    assert sum(entry.detail["events"] for entry in ended) == done[0].events
    assert {(entry.by, entry.why) for entry in ended} == {("ann", "of use for a season")}
    assert len([entry for entry in entries if entry.act == "retention delete begins"]) == len(ended)


def test_what_is_held_stays_whole(store: Any, rows: Any, retained: Callable[[Any], Any]) -> None:
    """A hold beats every rule, thinning too, until it is lifted."""
    fill(store)
    mail = rows.find_one({"Type": "Click"}, sort=[("Timestamp", 1)])["MessageId"]
    before = list(rows.find({"MessageId": mail}))
    put = retained(lambda own: own.keeping.hold("message", mail, by="counsel", why="case 7"))
    assert retained(lambda own: own.keeping.holds()) == [put]
    retained(lambda own: own.retention.run(POLICY))
    assert list(rows.find({"MessageId": mail})) == before

    assert retained(lambda own: own.keeping.release(put.id, by="counsel", why="closed"))
    assert not retained(lambda own: own.keeping.release(put.id, by="counsel", why="closed"))
    assert not retained(lambda own: own.keeping.release("nonsense", by="counsel", why="closed"))
    retained(lambda own: own.retention.run(POLICY))
    assert "Click" not in {row["Type"] for row in rows.find({"MessageId": mail})}


@pytest.mark.parametrize("wrong", [("people", "x", "a", "b"), ("address", "", "a", "b"), ("message", "m", "", "b")])
def test_a_hold_says_what_who_and_why(wrong: tuple[str, str, str, str], retained: Callable[[Any], Any]) -> None:
    """Or it is none."""
    kind, value, by, why = wrong
    with pytest.raises(ConfigurationError):
        retained(lambda own: own.keeping.hold(kind, value, by=by, why=why))


def test_a_row_of_which_nobody_knows_whom_it_concerns_is_held_where_a_person_is(
    store: Any, rows: Any, retained: Callable[[Any], Any]
) -> None:
    """Rows of older shapes, before they are adopted."""
    rows.insert_one({"Type": "Open", "Timestamp": "2024-05-01T10:00:00.000Z", "Message": "{}", "MessageId": "m"})
    put = retained(lambda own: own.keeping.hold("address", "ann@example.com", by="counsel", why="case 7"))
    retained(lambda own: own.retention.run(POLICY))
    assert rows.count_documents({}) == 1
    retained(lambda own: own.keeping.release(put.id, by="counsel", why="closed"))
    retained(lambda own: own.retention.run(POLICY))
    assert rows.count_documents({}) == 0


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_a_thin_row_can_still_be_asked_for(store: Any, rows: Any, retained: Callable[[Any], Any]) -> None:
    """By all that queries need; and no rule of today tells it anew."""
    fill(store)
    retained(lambda own: own.retention.run(POLICY))
    thin = rows.find_one({"thin": True, "Type": "Bounce"})
    found = store.events.for_recipient(thin["derived"]["recipients"][0]).to_list()
    event = next(one for one in found if one.id == thin["_id"])
    assert (event.type, event.message_id, str(event.id)) == ("Bounce", thin["MessageId"], str(thin["_id"]))
    rows.update_many({}, {"$set": {"derived.rules": "older"}})
    store.reclassify()
    assert rows.find_one({"_id": thin["_id"]})["derived"] == thin["derived"] | {"rules": "older"}


def test_only_rows_that_are_what_they_were_are_thinned(with_store: Any, tables: Any) -> None:
    """Whoever changes a row changes its `derived`; the others go in one command, and count once, whoever thins too."""
    rows = tables["ses_event"]

    async def body(face: Face) -> None:
        raws = [testing.bounce(to=f"p{number}@example.com") for number in range(9)]
        await face.get(lambda store: store.receive_many(trusted(raw, because="a test's own") for raw in raws))
        read = await face.get(lambda store: store.keeping._perform(everything()))
        rows.update_many({"_id": read[4]["_id"]}, {"$set": {"derived.rules": "of tomorrow"}})
        done = [await face.get(lambda store: store.keeping._perform(keeping.thin(read))) for _ in "12"]
        assert done == [8, 0]

    def everything() -> Any:
        return (yield from ask(Find("ses_event", {}, as_stored=True)))

    with_store(body)
    assert sum("Message" in row for row in rows.find({}).to_list()) == 1
    assert rows.count_documents({"thin": True}) == 8


def test_a_policy_that_archives_needs_an_archive(store: Any, rows: Any, retained: Callable[[Any], Any]) -> None:
    """And says so before anything is done."""
    fill(store)
    both = Retention.loads('[[rule]]\nwhy="x"\ntypes=["Open"]\ndelete="1 day"\n[[rule]]\nwhy="x"\narchive="1 day"')
    before = rows.count_documents({})
    with pytest.raises(ConfigurationError, match="no archive"):
        retained(lambda own: own.retention.run(both))
    assert rows.count_documents({}) == before


def test_a_policy_archives_where_it_says_so(
    store: Any, rows: Any, retained: Callable[[Any], Any], tmp_path: Any
) -> None:
    """What earlier rules speak of stays."""
    from sesevent.contrib.archive import Archive, Directory

    fill(store)
    policy = Retention.loads('[[rule]]\nwhy="x"\ntypes=["Bounce"]\nkeep=true\n[[rule]]\nwhy="x"\narchive="1 month"')
    number = rows.count_documents({})
    archive = Archive(store, Directory(tmp_path))
    told: list[tuple[int, str, str, int]] = []

    def tell(step: Any) -> None:
        told.append((step.rule, step.kind, step.day, step.events))

    done = retained(lambda own: own.retention.run(policy, archive=archive, on_progress=tell))
    assert len(told) > 3
    assert {one[:2] for one in told} == {(2, "archive")}
    assert [one[2:] for one in told] == sorted(one[2:] for one in told)
    assert told[-1][3] == done[0].events
    assert rows.distinct("Type") == ["Bounce"]
    assert [step.events for step in done] == [number - rows.count_documents({})]
    assert sum(part.rows for part in archive.parts()) == done[0].events


def test_rollups_keep_what_they_counted_of_deleted_events(store: Any, retained: Callable[[Any], Any]) -> None:
    """Counts outlive the events."""
    fill(store)
    store.analytics.roll_up()
    window = (START, START + timedelta(days=20))
    before = store.analytics.timeseries(*window)
    retained(lambda own: own.retention.run(POLICY))
    store.analytics.roll_up()
    store.analytics.recount(*window)
    assert store.analytics.timeseries(*window) == before


def test_events_that_were_deleted_leave_standings_as_they_were(store: Any, retained: Callable[[Any], Any]) -> None:
    """The facts are kept apart; a rebuild comes to the same."""
    fill(store)
    before = list(store.suppression.list())
    assert before
    everything = Retention.loads('[[rule]]\nwhy="x"\ndelete="1 day"')
    retained(lambda own: own.retention.run(everything))
    assert store.events.between().first() is None
    store.suppression.rebuild()
    assert list(store.suppression.list()) == before


# ── a TTL index ─────────────────────────────────────────────────────────────────────────────────────────────────────

SIMPLE = Retention.loads('[[rule]]\nwhy = "of use for a year"\ndelete = "13 months"')


def expiry(rows: Any) -> Any:
    return rows.index_information().get("expiry")


@pytest.mark.timeout(300)  # MongoDB looks once a minute, and a shorter time holds from its next look on
@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_mongodb_deletes_by_itself_where_that_is_chosen(store: Any, rows: Any, tables: Any, mongo_client: Any) -> None:
    """Events go, and with them nothing else: standings and the facts behind them stay."""
    old, new = START - timedelta(days=900), datetime.now(timezone.utc)
    for sent, person in ((old, "gone@example.com"), (new, "new@example.com")):
        store.receive(trusted(testing.bounce(to=person, sent=sent), because="a test's own"))
    facts = list(tables["ses_suppression_act"].find())
    mongo_client.admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 1})
    try:
        assert store.retention.expire(SIMPLE, by="ann") == timedelta(days=397)
        for _ in range(400):
            if rows.count_documents({}) == 1:
                break
            time.sleep(0.5)
    finally:
        mongo_client.admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 60})

    assert [row["derived"]["recipients"] for row in rows.find()] == [["new@example.com"]]
    assert list(tables["ses_suppression_act"].find()) == facts
    store.suppression.rebuild()
    assert not store.suppression.check("gone@example.com").allowed
    assert store.retention.expires_after() == timedelta(days=397)
    assert "expiry" in [one.subject for one in store.examine() if one.level == "ok"]
    entry = next(one for one in store.audit.latest() if one.act == "expiry begins")
    assert (entry.by, entry.why, entry.detail) == ("ann", "of use for a year", {"days": 397, "age": "13 months"})


def test_it_is_changed_and_ended(rows: Any, store: Any, retained: Callable[[Any], Any]) -> None:
    """Ending what is not there is told; making sure of indexes leaves it alone."""
    longer = Retention.loads('[[rule]]\nwhy = "longer"\ndelete = "2 years"')
    retained(lambda own: own.retention.expire(SIMPLE, by="ann"))
    retained(lambda own: own.retention.expire(longer, by="ann"))
    assert expiry(rows)["expireAfterSeconds"] == 731 * 86400
    store.ensure_indexes()
    assert expiry(rows)["expireAfterSeconds"] == 731 * 86400

    assert retained(lambda own: own.retention.stop_expiring(by="ann", why="no more"))
    assert not retained(lambda own: own.retention.stop_expiring(by="ann"))
    assert retained(lambda own: own.retention.expires_after()) is None
    assert expiry(rows) is None


@pytest.mark.parametrize(
    "text",
    [
        '[[rule]]\nwhy = "x"\ntypes = ["Open"]\ndelete = "1 year"',
        '[[rule]]\nwhy = "x"\nconfiguration_sets = ["a"]\ndelete = "1 year"',
        '[[rule]]\nwhy = "x"\ntypes = ["Open"]\nkeep = true\n[[rule]]\nwhy = "y"\ndelete = "1 year"',
        '[[rule]]\nwhy = "x"\nthin = "1 year"',
        '[[rule]]\nwhy = "x"\nthin = "1 month"\ndelete = "1 year"',
        '[[rule]]\nwhy = "x"\narchive = "1 year"',
        '[[rule]]\nwhy = "x"\nkeep = true',
        '[[rule]]\nwhy = "x"\ndelete = "6 days"',
    ],
)
def test_a_policy_that_a_ttl_index_cannot_keep_is_refused(store: Any, rows: Any, text: str) -> None:
    """It knows one age for all, and deletes."""
    with pytest.raises(ConfigurationError):
        store.retention.expire(Retention.loads(text), by="ann")
    assert expiry(rows) is None


def test_a_hold_forbids_it_and_ends_it(store: Any, rows: Any) -> None:
    """Whichever comes first."""
    held = store.keeping.hold("address", "ann@example.com", by="ann", why="a lawsuit")
    with pytest.raises(ConfigurationError, match="held"):
        store.retention.expire(SIMPLE, by="bob")
    assert expiry(rows) is None

    store.keeping.release(held.id, by="ann", why="settled")
    store.retention.expire(SIMPLE, by="bob")
    store.keeping.hold("campaign", "spring", by="ann", why="another one")
    assert expiry(rows) is None
    assert "expiry ends" in [entry.act for entry in store.audit.latest()]


def test_rollups_forbid_it_and_do_not_begin_beside_it(store: Any, rows: Any) -> None:
    """A TTL index cannot seal an hour before its events go: it would be counted again, and wrongly."""
    pytest.importorskip("datasketches")
    fill(store)
    store.retention.expire(SIMPLE, by="ann")
    with pytest.raises(ConfigurationError, match="seal"):
        store.analytics.roll_up()
    store.retention.stop_expiring(by="ann")
    store.analytics.roll_up()
    with pytest.raises(ConfigurationError, match="seal"):
        store.retention.expire(SIMPLE, by="ann")
    assert expiry(rows) is None


def test_the_job_does_not_pretend_to_keep_what_expires(store: Any) -> None:
    """Nor does the doctor overlook an index that somebody made by hand."""
    store.retention.expire(SIMPLE, by="ann")
    with pytest.raises(ConfigurationError, match="397 days"):
        store.retention.run(POLICY)
    store.retention.run(SIMPLE)
    store.keeping._perform(_insert_a_hold())
    told = [one for one in store.examine() if one.subject == "expiry"]
    assert [(one.level, "held" in one.finding) for one in told] == [("error", True)]


def _insert_a_hold() -> Any:
    from bson import ObjectId

    from sesevent.ops import ask
    from sesevent.storage.keeping import Hold, insert_hold

    yield from ask(insert_hold(Hold(str(ObjectId()), "campaign", "spring", "ann", "by hand", NOW)))


def test_a_row_that_changed_since_it_was_read_is_not_taken_out(
    store: Any, rows: Any, retained: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that is held since; however many commands it takes, and whether it was read raw or not."""
    monkeypatch.setattr("sesevent.storage.keeping._ROOM", 2000)  # bytes: some three rows
    for raw in (False, True):
        rows.delete_many({})
        fill(store)
        read = retained(lambda own, raw=raw: own.keeping.rows("2024-05-01", NOW, raw=raw))
        changed = read[0]["_id"]
        mail = next(one["MessageId"] for one in read if one["MessageId"] != read[0]["MessageId"])
        rows.update_one({"_id": changed}, {"$set": {"derived.rules": "other"}})
        put = retained(lambda own, mail=mail: own.keeping.hold("message", mail, by="counsel", why="case 7"))
        gone = retained(lambda own, read=read: own.keeping.take_out(read))
        left = {row["_id"] for row in rows.find({"Timestamp": {"$lt": "2024-05-02"}})}
        assert left == {changed} | {one["_id"] for one in read if one["MessageId"] == mail}
        assert gone == len(read) - len(left) > 10
        retained(lambda own, put=put: own.keeping.release(put.id, by="counsel", why="closed"))
