"""Rows of older versions, and of other applications: read as they are, brought up to date, taken over, given back."""

from __future__ import annotations

import importlib.util
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId, json_util
from pymongo import UpdateOne

from both import Face
from payloads import genuine
from sesevent import EventStore, jsontext, testing
from sesevent.drivers.sync import perform
from sesevent.errors import ConfigurationError
from sesevent.faces.migration import Pace
from sesevent.plans import migrate, renewing
from sesevent.storage import renewal
from sesevent.storage.codec import DERIVED_VERSION
from sesevent.storage.older import Inspection, Keys
from sesevent.storage.operations import SEALS
from sesevent.storage.renewal import Place
from sesevent.suppression.policy import DEFAULT_POLICY
from sesevent.testing import payloads

OLDER = sorted((Path(__file__).parents[1] / "older").glob("*.jsonl"))
RELAXED = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True, tzinfo=timezone.utc)
NOW = datetime(2024, 5, 2, 8, 30, tzinfo=timezone.utc)
FIVE = ("Type", "MessageId", "Subject", "Message", "Timestamp")
SENT = datetime(2024, 5, 1, 9, 30, tzinfo=timezone.utc)
BOUNCE = payloads.bounce(to="ann@example.com", sent=SENT, message_id="m-1")
DELIVERY = payloads.delivery(to="ben@example.com", sent=SENT, message_id="m-2")


def documents(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json_util.loads(line, json_options=RELAXED) for line in lines]


def made_today() -> dict[Any, dict[str, Any]]:
    """What this version makes of the same payloads."""
    spec = importlib.util.spec_from_file_location("make_older", Path(__file__).parents[1] / "older" / "make.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return {row["_id"]: row for row in made.stored()}


def envelope(payload: Any, number: int, **columns: Any) -> dict[str, Any]:
    return {
        "_id": ObjectId(f"{number:024x}"), "Type": "Notification", "MessageId": f"00000000-0000-0000-0000-{number:012}",
        "Message": jsontext.encode(payload), "Timestamp": "2024-05-01T12:00:00.000Z", "__v": 0,
    } | columns  # fmt: skip


def plain(rows: Any) -> list[dict[str, Any]]:
    return rows.find({}, sort=[("_id", 1)]).to_list()


# ── documents of older versions ─────────────────────────────────────────────────────────────────────────────────────


def test_there_is_a_file_of_this_edition() -> None:
    """Or a new one must be written: see its maker."""
    assert {row["derived"]["v"] for row in documents(OLDER[-1])} == {DERIVED_VERSION}


@pytest.mark.parametrize("file", OLDER, ids=[file.stem for file in OLDER])
def test_documents_of_older_versions_are_read(file: Path, with_store: Any, rows: Any) -> None:
    """Each event by message, type and person, and what became of its mail, before anything brings them up to date."""
    older = documents(file)
    rows.insert_many(older)

    async def body(face: Face) -> None:
        for row in older:
            derived = row["derived"]
            found = await face.get(lambda store, row=row: store.events.get(row["_id"]))
            message_id = derived.get("messageId", row["MessageId"])
            assert (found.message_id, found.type) == (message_id, derived.get("type", row["Type"]))
            assert found.id in [
                one.id for one in await face.get(lambda store, of=message_id: store.events.by_message_id(of))
            ]
            for person in derived.get("recipients", ()):
                told = await face.get(lambda store, person=person: store.events.for_recipient(person))
                assert found.id in [one.id for one in told]
            assert (await face.get(lambda store, of=message_id: store.status(of))).message_id == message_id

    with_store(body)


@pytest.mark.parametrize("file", OLDER, ids=[file.stem for file in OLDER])
@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_reindexing_makes_of_them_what_today_makes(file: Path, with_store: Any, rows: Any, tables: Any) -> None:
    """Field by field; the five strings stay; a second run has nothing to do; standings follow."""
    older = documents(file)
    rows.insert_many(older)

    async def body(face: Face) -> None:
        done = await face.get(lambda store: store.reindex())
        if not file.stem.startswith(
            f"v{DERIVED_VERSION}"
        ):  # of those whose bounce rules are today's nothing is made anew
            assert done.rows == len(older)
        assert (await face.get(lambda store: store.reindex())).rows == 0
        if file.stem in ("v1", "v2"):
            assert not (await face.get(lambda store: store.suppression.check("eve@example.com"))).allowed

    with_store(body)
    today = made_today()
    for row in plain(rows):
        if file.stem == "v3-early" and "group" not in row["derived"]:  # rows of that edition had none
            today[row["_id"]]["derived"].pop("group", None)
        assert row == today[row["_id"]]
    assert tables["ses_event_unfinished"].find({}).to_list() == []


def test_what_newer_versions_made_and_what_was_thinned_is_left(store: Any, rows: Any) -> None:
    """A newer one may run beside this one; and of a row without its text nothing can be made."""
    newer, thinned = documents(OLDER[0])[:2]
    newer["derived"] |= {"v": DERIVED_VERSION + 1, "rules": "of tomorrow"}
    del thinned["Message"]
    rows.insert_many([newer, thinned | {"thin": True}])
    before = plain(rows)
    assert store.reindex().rows == 0
    assert plain(rows) == before


def test_only_where_something_changes_hours_are_counted_again(store: Any, rows: Any) -> None:
    """Rollups are those of the log afterwards, and an hour of which nothing changed is left alone."""
    rows.insert_many(documents(next(file for file in OLDER if file.stem == "v2")))
    store.analytics.roll_up()
    again = {"$set": {"derived.v": DERIVED_VERSION - 1}}
    store.reindex()
    assert store.analytics.rollup_lag().dirty > 0
    store.analytics.roll_up()
    assert store.analytics.recount("2024-05-01", "2024-05-09", repair=False).differences == ()

    rows.update_many({}, again)
    done = store.reindex()
    assert (done.rows > 20, done.changed, store.analytics.rollup_lag().dirty) == (True, 0, 0)


def test_what_an_older_version_took_an_event_to_say_is_forgotten(with_store: Any, tables: Any) -> None:
    """It named somebody else: nobody is suppressed by what is not said any more."""
    rows = tables["ses_event"]

    async def body(face: Face) -> None:
        async def suppressed() -> list[bool]:
            asked = ["ann@example.com", "other@example.com"]
            return [not one.allowed for one in await face.get(lambda store: store.suppression.check_many(asked))]

        for number, steps in enumerate([None, *range(1, 14)]):
            client = face.store.client if face.colour == "sync" else None
            payload = payloads.bounce(to="ann@example.com", sent=SENT, message_id=f"m-{number}")
            older = envelope(payload, number + 1)
            rows.insert_many([older])
            await face.get(lambda store: store.adopt())
            wrong = {"derived.v": 1, "derived.recipients": ["other@example.com"]}
            rows.bulk_write([UpdateOne({"_id": older["_id"]}, {"$set": wrong})])
            await face.get(lambda store: store.suppression.rebuild())
            assert (await suppressed())[1]
            if steps is not None and client is not None:  # somebody dies before
                place = renewal.next_page(renewal.below_today("?"), Place(2), 99)
                stale = perform(iter_find(place), face.store._collections)
                dies_after(
                    steps,
                    renewing.renew(DEFAULT_POLICY, [row for row in stale if row["derived"]["v"] == 1]),
                    face.store._collections,
                )
            await face.get(lambda store: store.reindex())
            assert await suppressed() == [True, False], steps

    with_store(body)


def test_it_goes_on_where_it_was_and_two_at_once_do_no_harm(store: Any, rows: Any) -> None:
    """A place is kept by edition; at the end the next one begins at the beginning."""
    rows.insert_many(documents(OLDER[0]))
    name, policy = "ses_event", DEFAULT_POLICY
    place = perform(renewing.begin(name), store._collections)
    assert place == Place()
    place = Place(2)
    first = perform(renewing.reindex_page(policy, name, place, NOW, 5), store._collections)
    assert perform(renewing.begin(name), store._collections) == first.place != Place()
    second = perform(renewing.reindex_page(policy, name, Place(2), NOW, 5), store._collections)
    assert (first.rows, second.rows) == (5, 5)
    before = {"$set": {"derived.v": DERIVED_VERSION - 1}}
    rows.update_one({"_id": plain(rows)[0]["_id"]}, before)  # as an older version that still runs
    store.reindex()
    assert perform(renewing.begin(name), store._collections) == Place()
    assert rows.count_documents({"derived.v": {"$lt": DERIVED_VERSION}}) == 1  # of before the place that was kept
    store.reindex()
    assert rows.count_documents({"derived.v": {"$lt": DERIVED_VERSION}}) == 0


# ── whoever dies ────────────────────────────────────────────────────────────────────────────────────────────────────


def dies_after(steps: int, plan: Any, collections: Any) -> bool:
    """Perform a plan's first steps, and no more; whether it came to its end."""
    if SEALS in collections:
        plan = collections[SEALS].around(plan)
    try:
        operation = next(plan)
        for _ in range(steps):
            operation = plan.send(operation.finish(operation.start(collections)))
    except StopIteration:
        return True
    return False


def state(client: Any) -> dict[str, Any]:
    names = ("ses_event", "ses_suppression", "ses_suppression_act", "ses_event_unfinished")
    return {name: [row | {"rev": 0} for row in plain(client["test"][name])] for name in names}


def older_rows() -> list[dict[str, Any]]:
    pause = payloads.bounce(to="cleo@example.net", sent=SENT, message_id="m-3", bounce_type="Transient")
    later = payloads.delivery(to="cleo@example.net", sent=SENT + timedelta(days=9), message_id="m-4")
    return [envelope(one, number) for number, one in enumerate([BOUNCE, DELIVERY, pause, later], 1)]


STORIES = {
    "give": (lambda: renewing.adopt_some(DEFAULT_POLICY, 2), lambda store: store.adopt()),
    "take": (lambda: renewing.take_back_some(DEFAULT_POLICY, size=2), lambda store: store.migration.undo()),
    "renew": (
        lambda: renewing.reindex_page(DEFAULT_POLICY, "ses_event", Place(2), NOW, 2),
        lambda store: store.reindex(),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_whoever_dies_is_finished_by_the_next(story: str) -> None:
    """After each step: rows, facts and standings are in the end what they are where nobody dies."""
    plan, whole = STORIES[story]

    def begun() -> tuple[Any, EventStore]:
        client = testing.MemoryClient()
        store = testing.memory_store(client, database="test", clock=lambda: NOW)
        if story == "renew":
            client["test"]["ses_event"].insert_many(documents(OLDER[0]))
        else:
            client["test"]["ses_event"].insert_many(older_rows())
        if story == "take":
            store.adopt()
        return client, store

    client, store = begun()
    before = state(client)
    whole(store)
    expected = state(client)
    assert (expected["ses_event_unfinished"], expected != before) == ([], True)
    for steps in range(1, 60):
        client, store = begun()
        done = dies_after(steps, plan(), store._collections)
        whole(store)
        if story == "renew":  # what lies before the place that was kept
            whole(store)
        assert state(client) == expected, steps
        if done:
            break
    assert steps > 7


# ── taking over ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_migrating_and_undoing_leaves_everything_as_it_was(with_store: Any, tables: Any) -> None:
    """Rows byte for byte; and nobody is suppressed by what is not known any more, but by what we received ourselves."""
    rows = tables["ses_event"]
    rows.insert_many(older_rows())
    ours = payloads.bounce(to="eve@example.com", sent=SENT, message_id="m-9")
    before = plain(rows)
    told: list[int] = []

    async def body(face: Face) -> None:
        async def suppressed() -> list[bool]:
            asked = ["ann@example.com", "eve@example.com"]
            return [not one.allowed for one in await face.get(lambda store: store.suppression.check_many(asked))]

        await face.get(lambda store: store.receive(genuine(ours)))
        done = await face.get(lambda store: store.migration.run(on_progress=lambda so_far: told.append(so_far.rows)))
        assert (done.rows, told[-1], await suppressed()) == (4, 4, [True, True])
        between = plain(rows)
        assert [{name: row[name] for name in row if name != "derived"} for row in between][:4] == before
        assert all(row["derived"] for row in between)
        assert (await face.get(lambda store: store.migration.run())).rows == 0

        assert (await face.get(lambda store: store.migration.undo())).rows == 4
        assert await suppressed() == [False, True]
        assert (await face.get(lambda store: store.migration.undo())).rows == 0

    with_store(body)
    assert plain(rows)[:4] == before
    assert len(tables["ses_suppression_act"].find({}).to_list()) == 1


def test_a_fact_that_another_row_tells_too_is_kept_when_one_is_given_back(store: Any, rows: Any) -> None:
    """Of the same event in a row of ours, and in one of another application."""
    rows.insert_many(older_rows())
    store.receive(genuine(BOUNCE))
    store.migration.run()
    store.migration.undo()
    assert not store.suppression.check("ann@example.com").allowed


def test_rows_that_are_not_what_was_written_any_more_are_not_given_back(store: Any, rows: Any) -> None:
    """Thinned by retention, or somebody was erased from them: nothing could be made of them again."""
    rows.insert_many(older_rows())
    store.adopt()
    rows.update_one({"_id": ObjectId(f"{1:024x}")}, {"$set": {"derived.erased": ["x"]}})
    rows.update_one({"_id": ObjectId(f"{2:024x}")}, {"$set": {"thin": True}, "$unset": {"Message": ""}})
    assert store.migration.undo().rows == 2
    assert [bool(row.get("derived")) for row in plain(rows)] == [True, True, False, False]


def twice() -> list[dict[str, Any]]:
    """Two of one event, three of another; of the fourth a row of ours is there too."""
    again = payloads.opened(sent=SENT, message_id="m-5", to="dan@example.com")
    return [
        envelope(one, number) for number, one in enumerate([BOUNCE, BOUNCE, DELIVERY, DELIVERY, DELIVERY, again], 1)
    ]


def test_the_same_event_counts_once_and_marks_say_which(with_store: Any, tables: Any) -> None:
    """Ours, else the least id; a page at a time; nothing is deleted; marks follow when another row counts."""
    rows = tables["ses_event"]
    rows.insert_many(twice())

    async def body(face: Face) -> None:
        await face.get(
            lambda store: store.receive(genuine(payloads.opened(sent=SENT, message_id="m-5", to="dan@example.com")))
        )
        kept = await face.get(lambda store: store.migration.run())
        assert (kept.duplicates, kept.marked, kept.deleted) == (4, 0, 0)
        marked = await face.get(lambda store: store.migration.run(duplicates="mark"))
        assert (marked.duplicates, marked.marked) == (4, 4)
        assert (await face.get(lambda store: store.migration.run(duplicates="mark"))).marked == 0

        marks = {int(str(row["_id"]), 16): row.get("duplicateOf") for row in plain(rows) if "received" not in row}
        ours = next(row["_id"] for row in plain(rows) if "received" in row)
        one, three = ObjectId(f"{1:024x}"), ObjectId(f"{3:024x}")
        assert marks == {1: None, 2: one, 3: None, 4: three, 5: three, 6: ours}

        await face.get(lambda store: store.receive(genuine(BOUNCE)))
        assert (await face.get(lambda store: store.migration.run(duplicates="mark"))).marked == 2

    with_store(body)


def test_a_page_may_end_between_rows_of_one_event(store: Any, rows: Any) -> None:
    """Whatever the size of a page."""
    rows.insert_many(twice())
    store.adopt()
    for size in range(1, 8):
        done, walk = migrate.Migrated(), migrate.Walk()
        while walk is not None:
            walk = perform(migrate.duplicates_page("keep", walk, done, "", NOW, size), store._collections)
        assert done.duplicates == 3, size


def test_deleting_duplicates_is_asked_for_and_spares_what_is_held_or_tells_more(store: Any, rows: Any) -> None:
    """One row of each event is left; it stands in the audit trail, and no figure changes."""
    brief = {("notificationType" if name == "eventType" else name): value for name, value in BOUNCE.items()}
    rows.insert_many([*twice(), envelope(brief, 7, _id=ObjectId(b"\0" * 12))])  # the least id, and tells less
    store.adopt()
    store.keeping.hold("message", "m-2", by="lea", why="a claim")
    figures = store.analytics.summary("2024-05-01", "2024-05-09").counts

    with pytest.raises(ConfigurationError):
        store.migration.run(duplicates="delete")
    with pytest.raises(ConfigurationError):
        store.migration.run(duplicates="sometimes", by="lea")
    assert rows.count_documents({}) == 7
    done = store.migration.run(duplicates="delete", by="lea")

    assert (done.duplicates, done.deleted, rows.count_documents({})) == (4, 0, 7)  # held, or told briefly by the least
    store.keeping.release(store.keeping.holds()[0].id, by="lea", why="settled")
    assert store.migration.run(duplicates="delete", by="lea").deleted == 2
    assert [(entry.act, entry.by) for entry in store.audit.latest(limit=1)] == [("delete duplicates", "lea")]
    assert store.analytics.summary("2024-05-01", "2024-05-09").counts == figures


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def odd_rows() -> list[dict[str, Any]]:
    send = payloads.send(sent=SENT, message_id="m-7")
    return [
        *twice(),
        {"_id": "by hand", "Type": "Bounce", "MessageId": "m-8", "Message": "550 unknown", "Timestamp": SENT},
        {"_id": 7, "Type": "Delivery", "MessageId": "m-2", "Message": DELIVERY, "Timestamp": 1714555800000, "tenant": "x"},
        {"_id": ObjectId(), "Type": "SubscriptionConfirmation", "Message": "hello", "Timestamp": "Wed May 01 2024 09:30:00 GMT+0000"},
        {"_id": ObjectId(), "Type": "bounced", "Message": jsontext.encode(send)},
        {"_id": ObjectId(), "Subject": "?", "Timestamp": "yesterday"},
        {"_id": SENT, "Type": "Open"},
    ]  # fmt: skip


def test_looking_tells_what_is_there_and_changes_nothing(with_store: Any, rows: Any) -> None:
    """Shapes, types, spellings of time, oddities, duplicates: numbers, names and ids, and not what rows say."""
    rows.insert_many(odd_rows())
    found: list[Inspection] = []

    async def body(face: Face) -> None:
        await face.get(
            lambda store: store.receive(genuine(payloads.opened(sent=SENT, message_id="m-5", to="dan@example.com")))
        )
        before = plain(rows)
        found.append(await face.get(lambda store: store.migration.inspect()))
        assert plain(rows) == before

    with_store(body)
    (told,) = found
    assert (told.rows, told.older, told.waiting, told.not_seen) == (12, 11, 11, 1)
    assert dict(told.shapes) == {"ours": 1, "envelope": 6, "columns": 1, "normalised": 2, "handshake": 1, "foreign": 1}
    assert dict(told.types) == {"Bounce": 2, "Delivery": 4, "Open": 1, "Send": 1}
    assert dict(told.times) == {"SES's": 6, "date": 1, "number": 1, "other text": 1, "absent": 1, "unreadable": 1}
    assert (told.same_as_ours, told.keys.repeated, told.duplicates) == (1, 4, 5)
    assert (told.first, told.last) == ("2024-05-01T12:00:00.000Z", "2024-05-01T12:00:00.000Z")
    assert dict(told.other_fields) == {"tenant": 1}
    assert {name: told.oddities[name] for name in ("message is no text", "no message", "type differs", "id of another kind")} == {
        "message is no text": 1, "no message": 1, "type differs": 1, "id of another kind": 2,
    }  # fmt: skip
    assert told.examples["id of another kind"] == ["7", "by hand"]
    assert [step["rows"] for step in told.steps()] == [11, 1, 5]
    assert "example.com" not in str(told) + str(told.table())


def test_odd_rows_are_migrated_all_the_same_and_back(store: Any, rows: Any) -> None:
    """Whatever is in them; ids that no walk finds too."""
    rows.insert_many(odd_rows())
    before = plain(rows)
    assert store.migration.run().rows == 12
    assert rows.count_documents({"derived.v": DERIVED_VERSION}) == 12
    assert [{name: row[name] for name in row if name != "derived"} for row in plain(rows)] == before
    assert store.migration.undo().rows == 12
    assert plain(rows) == before


def test_many_different_events_are_reckoned_from_a_share_of_them() -> None:
    """In bounded memory, and said so."""
    keys = Keys(most=1000)
    for number in range(40_000):
        keys.see(f"00000000{(number // 2) * 0x9E3779B97F4A7C15 % 2**64:016x}")
    assert len(keys.counts) <= 1000
    assert not keys.exact
    assert 18_000 < keys.repeated < 22_000


def test_a_walk_ends_only_behind_the_last_kind_of_id(rows: Any, store: Any) -> None:
    """Numbers, texts, ObjectIds: the server compares each with its own kind."""
    rows.insert_many([{"_id": one} for one in (3, 1.5, "a", "b", ObjectId(), ObjectId())])
    place: Place | None = Place()
    found = []
    while place is not None:
        page = perform(iter_find(renewal.next_page({}, place, 1)), store._collections)
        found += [row["_id"] for row in page]
        place = renewal.place_behind(page, place, 1)
        assert renewal.read_place(renewal.text_of_place(place)) == place if place else True
    assert (len(found), found[:4]) == (6, [1.5, 3, "a", "b"])


def iter_find(find: Any) -> Any:
    from sesevent.ops import ask

    return (yield from ask(find))


def test_a_pace_is_held_and_lost_time_is_not_caught_up_with() -> None:
    """So many rows a second at most."""
    now = [0.0]
    pace = Pace(100, clock=lambda: now[0])
    assert pace.pause(50) == pytest.approx(0.5)
    now[0] = 0.5
    assert pace.pause(50) == pytest.approx(0.5)
    now[0] = 100.0
    assert pace.pause(50) == pytest.approx(0.0, abs=0.02)
    assert pace.pause(50) == pytest.approx(0.49, abs=0.02)
    assert Pace(None).pause(10_000) == 0
    with pytest.raises(ConfigurationError):
        Pace(0)


# ── rows whose columns tell ─────────────────────────────────────────────────────────────────────────────────────────

SPOKEN = {
    "Send": "send", "Delivery": "delivery", "Bounce": "bounce", "Complaint": "COMPLAINT", "Reject": "reject",
    "Rendering Failure": "rendering_failure", "DeliveryDelay": "delivery-delay",
}  # fmt: skip


def spoken(word: str, number: int, message: Any) -> dict[str, Any]:
    """A row of an application that spells types in its own way, and keeps less than the whole event."""
    return {
        "_id": ObjectId(f"{number:024x}"), "Type": word, "MessageId": f"m-{number}", "Subject": "Hi",
        "Message": message, "Timestamp": "2024-05-01T12:00:00.000Z", "__v": 0,
    }  # fmt: skip


def test_types_in_an_applications_own_spelling_count_as_sess(with_store: Any, rows: Any) -> None:
    """Found by SES's word and by theirs, before and after the migration; the columns stay as they were."""
    before = [spoken(word, number, "550 5.1.1 user unknown") for number, word in enumerate(SPOKEN.values())]
    rows.insert_many(before)

    async def found(face: Face) -> dict[str, list[str]]:
        return {
            word: [
                one.message_id for one in await face.get(lambda store, word=word: store.events.by_type(word).to_list())
            ]
            for word in SPOKEN
        }

    async def body(face: Face) -> None:
        wanted = {word: [f"m-{number}"] for number, word in enumerate(SPOKEN)}
        told = await face.get(lambda store: store.migration.inspect())
        assert dict(told.shapes) == {"columns": len(SPOKEN)}
        assert await found(face) == wanted
        await face.get(lambda store: store.migration.run())
        assert await found(face) == wanted

    with_store(body)
    assert [{name: value for name, value in row.items() if name != "derived"} for row in plain(rows)] == before


@pytest.mark.parametrize("wrapped", [False, True], ids=["its part alone", "its part by its name"])
@pytest.mark.parametrize("as_text", [True, False], ids=["text", "object"])
def test_who_a_row_is_about_is_told_by_sess_part_of_it(wrapped: bool, as_text: bool, store: Any, rows: Any) -> None:
    """An application may have kept the `bounce` or `complaint` of a notification, without its `mail`."""
    bounce, complaint = payloads.bounce(to="ann@example.com"), payloads.complaint(to="ben@example.com")
    for number, (payload, name) in enumerate([(bounce, "bounce"), (complaint, "complaint")]):
        part = {name: payload[name]} if wrapped else payload[name]
        rows.insert_one(spoken(name, number, jsontext.encode(part) if as_text else part))
    store.migration.run()

    summary = store.analytics.summary(SENT - timedelta(days=1), SENT + timedelta(days=1))
    assert (summary.counts["complaints"], summary.counts["sends"]) == (1, 0)
    told = {one.address: one for one in store.suppression.check_many(["ann@example.com", "ben@example.com"])}
    assert (told["ann@example.com"].allowed, told["ben@example.com"].allowed) == (False, False)
    assert [one.type for one in store.events.for_recipient("ann@example.com")] == ["Bounce"]


@pytest.mark.parametrize(
    "message", ['{"bouncedRecipients": 7}', '{"bouncedRecipients": [{}]}', '{"a": 1}', "[]", "{", None]
)
def test_what_is_no_part_of_sess_is_left_aside(message: Any, store: Any, rows: Any) -> None:
    """The columns tell what they tell."""
    rows.insert_one(spoken("bounce", 1, message))
    assert store.migration.run().rows == 1

    (event,) = store.events.by_type("Bounce").to_list()
    assert (event.message_id, event.event.recipients) == ("m-1", ())
