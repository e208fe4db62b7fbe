"""A person's rights, renewals and retention where the store encrypts, beside rows from before it did; in both colours."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bson
import pytest

from both import Face, Stores
from sesevent import AsyncEventStore, EventStore, PrivacyPolicy, Protection, testing, trusted
from sesevent.contrib.archive import Archive, Directory
from sesevent.contrib.encryption import Encryption, LocalKey
from sesevent.privacy.pseudonyms import Key
from sesevent.storage.sealing import is_sealed

MASTER = LocalKey(b"m" * 96)
ANN, BEN = "ann.lee@gmail.com", "ben@example.org"
SENT = datetime(2024, 5, 1, 9, tzinfo=timezone.utc)
PRIVACY_KEYS = [Key("k1", b"0123456789abcdef")]
PRIVACY = Protection(PrivacyPolicy(), keys=PRIVACY_KEYS)
payloads = testing.payloads
both: dict[str, Any] = {"to": ["Ann Lee <Ann.Lee@Gmail.com>", BEN], "sent": SENT, "subject": "for two"}
alone: dict[str, Any] = {"to": ANN, "sent": SENT + timedelta(hours=1), "subject": "Dear Ann"}
RAWS: list[Any] = [
    payloads.send(**both),
    payloads.opened(**both),
    payloads.send(**alone),
    payloads.click(**alone),
    payloads.complaint(**alone),
    payloads.send(to=BEN, sent=SENT),
]
Run = Callable[..., Any]


class Databases:
    """Stores of one colour over one database, encrypting or not."""

    def __init__(self, colour: str, uri: str, database: str, client: Any, encryption: Encryption) -> None:
        self.tables, self.encryption, self._colour, self._uri, self._name = (
            client[database], encryption, colour, uri, database,
        )  # fmt: skip
        self.opened: list[Any] = []

    def __call__(self, body: Callable[[Face], Awaitable[Any]], encryption: Any = True, privacy: Any = PRIVACY) -> Any:
        face = EventStore if self._colour == "sync" else AsyncEventStore
        told = self.encryption if encryption is True else encryption
        return Stores(self._colour, self.tables, lambda: face.connect(
            self._uri, database=self._name, encryption=told, privacy=privacy, without_keys=told is None))(body)  # fmt: skip

    def blocking(self) -> Any:
        """A blocking store, as archives need one."""
        store = EventStore.connect(self._uri, database=self._name, encryption=self.encryption, privacy=PRIVACY)
        self.opened.append(store)
        return store

    def named(self, *texts: str) -> list[str]:
        """The collections in which one of these texts stands in the clear."""
        rows = [(name, bson.encode(row).lower()) for name in self.tables.list_collection_names()
                for row in self.tables[name].find()]  # fmt: skip
        return sorted({name for name, row in rows for text in texts if text.lower().encode() in row})


@pytest.fixture(params=["sync", "async"])
def databases(request: pytest.FixtureRequest, mongodb_uri: str, database: str, mongo_client: Any,
              per_person: bool) -> Iterator[Databases]:  # fmt: skip
    found = Databases(request.param, mongodb_uri, database, mongo_client, Encryption(MASTER, per_person=per_person))
    yield found
    for store in found.opened:
        store.close()


@pytest.fixture(params=[False, True], ids=["one key", "people's keys"])
def per_person(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def receive(raws: list[Any]) -> Any:
    return lambda store: store.receive_many([trusted(raw, because="a test's own") for raw in raws])


async def fill(face: Face) -> None:
    await face.get(receive(RAWS))
    await face.get(receive([b'{"to": "ann.lee@gmail.com"']))


def erase(address: str = ANN, **told: Any) -> Any:
    return lambda store: store.privacy.erase(address, **{"by": "desk", "why": "asked", **told})


def seen(rows: Any) -> str:
    return "\n".join(repr(dict(row.document)) for row in rows)


def everything(store: Any) -> Any:
    return store.events.between()


@pytest.mark.parametrize("before", ["encrypted", "in the clear", "half of them"])
def test_an_erased_person_is_in_no_row_and_others_are_still_sealed(databases: Databases, before: str) -> None:
    """Nor in a dead letter; whichever rows were in the clear. What is written is sealed; what stays can be read."""
    if before != "encrypted":
        databases(fill, encryption=None)
    if before == "half of them":
        tables = databases.tables
        first = [row["_id"] for row in tables["ses_event"].find({}, {"_id": 1}).sort("_id", 1).limit(3)]
        kept = [tables["ses_event"].find_one_and_delete({"_id": one}) for one in first]
        databases(lambda face: face.get(receive([json.loads(row["Message"]) for row in kept])))

    async def body(face: Face) -> None:
        await fill(face)
        receipt = await face.get(erase())
        rows = await face.get(everything)
        assert (receipt.events, receipt.dead_letters, len(rows)) == (5, 1, 6)
        told = seen(rows)
        assert [text for text in (ANN, "ann lee", "dear ann") if text in told.lower()] == []
        assert told.count("for two") >= 2
        assert len(await face.get(lambda store: store.events.for_recipient(BEN))) == 3
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed
        assert not await face.get(lambda store: store.events.for_recipient(ANN))

    databases(body)
    assert databases.named(ANN, "Dear Ann") == []
    for row in databases.tables["ses_event"].find({"derived.erased": 1}):
        assert is_sealed(row["Message"])
        assert all(is_sealed(one) for one in row["derived"]["recipients"])


# ── keys and archives ───────────────────────────────────────────────────────────────────────────────────────────────

LATER = datetime(2025, 1, 1, tzinfo=timezone.utc)


def archive_all(databases: Databases, place: Path) -> Archive:
    """Everything out of the log, into an archive of a blocking store, which stays open."""
    archive = Archive(databases.blocking(), Directory(place))
    archive.run(LATER)
    return archive


def test_erasing_destroys_the_persons_key_and_an_archive_nobody_named_is_unreadable(
    databases: Databases, tmp_path: Path, per_person: bool
) -> None:
    """Where people have keys. Restoring brings back rows, and nobody of them; where there is one key the list does it."""
    databases(fill)
    archive = archive_all(databases, tmp_path)

    async def body(face: Face) -> None:
        await face.get(receive([payloads.send(to=ANN, sent=SENT + timedelta(days=300))]))
        imagined = await face.get(erase(dry_run=True))
        assert imagined.keys == per_person
        assert (await face.get(erase())).keys == per_person
        assert (await face.get(lambda store: store.privacy.receipt(ANN))).keys == per_person
        acts = [entry.act for entry in await face.get(lambda store: store.audit.latest())]
        assert acts.count("key shredded") == per_person
        assert (await face.get(erase())).keys == 0

    databases(body)
    archive = Archive(databases.blocking(), Directory(tmp_path))
    documents = [document for part in archive.parts() for some in archive.documents(part) for document in some]
    opened = databases.blocking().privacy._perform(unseal(documents))
    assert per_person == (ANN not in repr(opened))
    assert repr(opened).count(BEN) >= 3
    archive.restore()

    async def afterwards(face: Face) -> None:
        rows = await face.get(everything)
        assert len(rows) == 7
        assert ANN not in seen(rows).lower()
        assert len(await face.get(lambda store: store.events.for_recipient(BEN))) == 3
        assert not await face.get(lambda store: store.events.for_recipient(ANN))
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed

    databases(afterwards)
    assert databases.named(ANN) == []


def unseal(documents: list[Any]) -> Any:
    from sesevent.ops import ask
    from sesevent.storage.operations import Unseal

    return (yield from ask(Unseal(documents)))


def test_an_archive_that_is_sealed_is_exported_and_rewritten(databases: Databases, tmp_path: Path) -> None:
    """No text in it leads to the person: what is sealed is opened, and what takes its place is sealed again."""
    databases(fill)
    archive = archive_all(databases, tmp_path)

    async def body(face: Face) -> None:
        paper = io.StringIO()
        counts = await face.get(lambda store: store.privacy.export(ANN, paper, by="desk", archives=[archive]))
        assert counts["events"] == 5
        assert "Dear Ann" in paper.getvalue()
        assert BEN not in paper.getvalue()
        assert (await face.get(erase(dry_run=True, archives=[archive]))).archived == 5
        assert (await face.get(erase(archives=[archive]))).archived == 5

    databases(body)
    documents = [document for part in archive.parts() for some in archive.documents(part) for document in some]
    assert len(documents) == 6
    assert all(is_sealed(document["Message"]) for document in documents)
    opened = repr(databases.blocking().privacy._perform(unseal(documents)))
    assert [text for text in (ANN, "Dear Ann") if text in opened] == []
    assert BEN in opened


def test_who_is_named_beside_somebody_whose_key_is_lost_is_taken_out_alone(
    databases: Databases, per_person: bool
) -> None:
    """What cannot be read now stays as it was sealed: once the vault is restored it is read again."""
    if not per_person:
        pytest.skip("one key for all")
    databases(fill)
    vault = databases.tables["ses_key"]

    async def lose(face: Face) -> None:
        await face.get(lambda store: store.events.for_recipient(BEN))
        lost.append(vault.find_one_and_delete({"keyAltNames": face.store._collections["seals"].known.name(BEN)}))

    async def body(face: Face) -> None:
        told = [row.document for row in await face.get(everything) if "unreadable" in row.document]
        assert len(told) == 3
        assert (await face.get(erase())).events == 5

    async def afterwards(face: Face) -> None:
        rows = await face.get(everything)
        assert ANN not in seen(rows).lower()
        assert len(await face.get(lambda store: store.events.for_recipient(BEN))) == 3
        sent = [row for row in rows if row.document["derived"].get("recipients", ())[-1:] == [BEN]]
        assert [row.event.mail.destination for row in sent if row.event.type == "Send"].count([BEN]) == 1
        assert {tuple(row.event.mail.destination) for row in sent} == {("erased@gmail.com", BEN), (BEN,)}
        assert not [row for row in rows if row.unreadable]

    lost: list[Any] = []
    databases(lose)
    databases(body)
    vault.insert_one(lost[0])
    databases(afterwards)


def test_reading_thoroughly_finds_who_is_named_in_passing(databases: Databases) -> None:
    """Though the text is sealed, and no pattern finds anything in it; whatever kinds of id rows have."""
    inbound = payloads.send(to=BEN, sent=SENT, subject="from ann.lee@gmail.com to you")

    async def body(face: Face) -> None:
        await face.get(receive([inbound]))
        assert (await face.get(erase())).events == 0
        assert ANN in seen(await face.get(everything))
        assert (await face.get(erase(thorough=True, dry_run=True))).events == 1
        assert (await face.get(erase(thorough=True))).events == 1
        told = seen(await face.get(everything))
        assert ANN not in told
        assert BEN in told

    databases(body)


# ── rows made anew ──────────────────────────────────────────────────────────────────────────────────────────────────


def older(raw: Any, identifier: Any) -> dict[str, Any]:
    """A row as an application with Mongoose wrote it."""
    event = json.loads(raw) if isinstance(raw, (str, bytes)) else raw
    mail = event["mail"]
    return {"_id": identifier, "Type": event["eventType"], "MessageId": mail["messageId"], "Subject": "Dear Ann",
            "Message": json.dumps(event), "Timestamp": mail["timestamp"]}  # fmt: skip


def test_rows_that_are_adopted_renewed_and_taken_over_never_stand_in_the_clear(databases: Databases) -> None:
    """`derived` is sealed whoever works it out; repeats are recognised, marked and deleted; figures and facts follow."""
    rows = databases.tables["ses_event"]
    bounce = payloads.bounce(**both)
    rows.insert_many([older(bounce, "a"), older(bounce, bson.ObjectId()), older(payloads.click(**alone), "b")])

    async def body(face: Face) -> None:
        await face.get(lambda store: store.migration.run())
        for row in rows.find():
            assert all(map(is_sealed, row["derived"]["recipients"]))
            assert is_sealed(row["derived"].get("click", {}).get("link", next(iter(row["derived"]["recipients"]))))
        await face.get(lambda store: store.encryption.encrypt_existing())
        rows.update_many({}, {"$set": {"derived.rules": "older", "derived.v": 0}})
        keys = {row["_id"]: row["derived"]["key"] for row in rows.find()}
        renewed = await face.get(lambda store: store.reindex())
        assert (renewed.rows, {row["_id"]: row["derived"].get("key") for row in rows.find()}) == (3, keys)
        assert all(row["derived"]["v"] > 0 and "older" not in repr(row["derived"]) for row in rows.find())
        assert {event.event.type for event in await face.get(lambda store: store.events.for_recipient(ANN))} == {
            "Bounce", "Click",
        }  # fmt: skip
        await face.get(lambda store: store.migration.run(duplicates="delete", by="ann"))
        assert rows.count_documents({}) == 2
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed

    databases(body)
    assert databases.named(ANN, "Dear Ann") == []


def given_back(databases: Databases) -> dict[Any, dict[str, Any]]:
    return {row["_id"]: row for row in databases.tables["ses_event"].find()}


def test_rows_that_are_undone_are_as_they_were_written(databases: Databases, per_person: bool) -> None:
    """In the clear, since their application reads no other; to the byte, where nobody's display name was left out."""
    rows = databases.tables["ses_event"]
    rows.insert_many([
        older(payloads.click(**alone), "a"), older(payloads.bounce(**both), "b"),
        older(payloads.complaint(**alone), "c") | {"Message": "no event"},
    ])  # fmt: skip
    before = given_back(databases)

    async def body(face: Face) -> None:
        await face.get(receive([payloads.opened(to=BEN)]))
        await face.get(lambda store: store.migration.run())
        await face.get(lambda store: store.encryption.encrypt_existing())
        assert all(
            is_sealed(row["Message"]) and is_sealed(row["Subject"]) for row in rows.find({"_id": {"$in": ["a", "b"]}})
        )
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed
        done = await face.get(lambda store: store.migration.undo())
        assert (done.rows, done.reworded, done.left) == (3, per_person, 0)
        assert (await face.get(lambda store: store.suppression.check(ANN))).allowed
        assert len(await face.get(everything)) == 4

    databases(body)
    after = given_back(databases)
    assert [row for key, row in after.items() if isinstance(key, bson.ObjectId) and not is_sealed(row["Message"])] == []
    names = ["a", "c"] if per_person else ["a", "b", "c"]
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert {name: value for name, value in after["b"].items() if name != "Message"} == {
        name: value for name, value in before["b"].items() if name != "Message"}  # fmt: skip
    assert json.loads(after["b"]["Message"])["mail"]["destination"] == [ANN, BEN] if per_person else True


def test_an_object_where_text_should_be_is_sealed_as_text_is(databases: Databases, per_person: bool) -> None:
    """As some applications wrote them; they are read as ever, and given back as objects."""
    rows = databases.tables["ses_event"]
    written = {"a": older(payloads.click(**alone), "a"), "b": older(payloads.bounce(**both), "b")}
    rows.insert_many([row | {"Message": json.loads(row["Message"])} for row in written.values()])
    before = given_back(databases)

    async def body(face: Face) -> None:
        await face.get(lambda store: store.migration.run())
        await face.get(lambda store: store.encryption.encrypt_existing())
        assert databases.named(ANN, BEN, "Ann.Lee@Gmail.com", "Dear Ann") == []
        assert sorted(one.event.type for one in await face.get(everything)) == ["Bounce", "Click"]
        assert (await face.get(lambda store: store.encryption.status())).in_clear == ()
        done = await face.get(lambda store: store.migration.undo())
        assert (done.rows, done.reworded, done.left) == (2, per_person, 0)

    databases(body)
    after = given_back(databases)
    assert after["a"] == before["a"]
    assert after["b"]["Message"]["mail"]["destination"] == ([ANN, BEN] if per_person else both["to"])


def test_rows_that_nobody_can_open_are_not_undone(databases: Databases, per_person: bool, mongodb_uri: str) -> None:
    """They are counted, and found as ever; once there are keys again they are undone as well."""
    rows, vault = databases.tables["ses_event"], databases.tables["ses_key"]
    rows.insert_many([older(payloads.click(**alone), "a"), older(payloads.bounce(**both), "b"),
                      older(payloads.send(to=BEN, sent=SENT), "c")])  # fmt: skip
    before = given_back(databases)

    async def apply(face: Face) -> None:
        await face.get(lambda store: store.migration.run())
        await face.get(lambda store: store.encryption.encrypt_existing())

    async def without_keys(face: Face) -> None:
        done = await face.get(lambda store: store.migration.undo())
        assert (done.rows, done.left) == (0, 3)

    databases(apply)
    kept = given_back(databases)
    databases(without_keys, encryption=None)
    assert given_back(databases) == kept
    if per_person:
        lost = list(vault.find({"keyAltNames": {"$gte": "person:", "$lt": "person;"}}))
        lose_key_of(databases, ANN)

        async def lost_one(face: Face) -> None:
            done = await face.get(lambda store: store.migration.undo())
            assert (done.rows, done.left) == (1, 2)  # one names Ann beside Ben
            assert (await face.get(lambda store: store.migration.undo())).left == 2

        databases(lost_one)
        assert given_back(databases) == kept | {"c": before["c"]}
        vault.delete_many({"_id": {"$in": [row["_id"] for row in lost]}})
        vault.insert_many(lost)

    async def with_keys(face: Face) -> None:
        assert (await face.get(lambda store: store.migration.undo())).left == 0

    databases(with_keys)
    assert all("derived" not in row and isinstance(row["Message"], str) for row in given_back(databases).values())


@pytest.mark.parametrize("per_person", [True], ids=["people's keys"])
def test_a_row_whose_text_is_in_the_clear_is_undone_whoever_is_sealed_beside_it(databases: Databases) -> None:
    """Of its five strings nothing is lost, and what only it told is forgotten."""
    databases.tables["ses_event"].insert_one(older(payloads.complaint(**alone), "a"))
    before = given_back(databases)
    databases(lambda face: face.get(lambda store: store.migration.run()))
    lose_key_of(databases, ANN)

    async def body(face: Face) -> None:
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed
        done = await face.get(lambda store: store.migration.undo())
        assert (done.rows, done.left) == (1, 0)
        assert (await face.get(lambda store: store.suppression.check(ANN))).allowed

    databases(body)
    assert given_back(databases) == before


def test_what_its_application_writes_while_a_row_is_undone_stays(databases: Databases) -> None:
    """A row that is not any more what was opened is left to the next run."""
    from sesevent.ops import ask
    from sesevent.storage import renewal
    from sesevent.storage.operations import Unseal

    rows = databases.tables["ses_event"]
    rows.insert_one(older(payloads.click(**alone), "a"))

    def late() -> Any:
        kept = yield from ask(renewal.adopted(None, 9))
        opened = yield from ask(Unseal(kept))
        rows.update_one({"_id": "a"}, {"$set": {"Message": "written now"}})
        yield from ask(renewal.take_derived([renewal.GivenBack(*pair) for pair in zip(kept, opened, strict=True)]))

    async def body(face: Face) -> None:
        await face.get(lambda store: store.migration.run())
        await face.get(lambda store: store.encryption.encrypt_existing())
        await face.get(lambda store: store.migration._perform(late()))
        assert rows.find_one({"_id": "a"})["Message"] == "written now"
        assert (await face.get(lambda store: store.migration.undo())).rows == 1

    databases(body)
    assert rows.find_one({"_id": "a"})["Message"] == "written now"


def test_thinning_and_deleting_leave_what_is_sealed_sealed(databases: Databases) -> None:
    """A row without its text is found by address, erased, and told to its person."""
    from sesevent.retention import Retention

    async def body(face: Face) -> None:
        await fill(face)
        policy = Retention.loads('[[rule]]\nwhy = "x"\nthin = "1 month"')
        (done,) = await face.get(lambda store: store.retention.run(policy, by="desk"))
        assert done.events == 6
        assert len(await face.get(lambda store: store.events.for_recipient(ANN))) == 5
        assert (await face.get(erase())).events == 5
        assert not await face.get(lambda store: store.events.for_recipient(ANN))
        assert len(await face.get(lambda store: store.events.for_recipient(BEN))) == 3
        gone = Retention.loads('[[rule]]\nwhy = "x"\ndelete = "1 month"')
        (done,) = await face.get(lambda store: store.retention.run(gone, by="desk"))
        assert (done.events, databases.tables["ses_event"].count_documents({})) == (6, 0)

    databases(body)
    assert databases.named(ANN) == []


# ── who answers for it ──────────────────────────────────────────────────────────────────────────────────────────────


def deliveries(*people: str, months: float = 1) -> list[Any]:
    at = datetime.now(timezone.utc) - timedelta(days=30.5 * months)
    return [payloads.delivery(to=one, message_id=f"{one} {months}", sent=at) for one in people]


async def hygiene(face: Face) -> tuple[Any, dict[str, Any]]:
    told = await face.get(lambda store: store.compliance.hygiene())
    return told, {one.name: one for one in told.findings if one.people}


def test_hygiene_counts_what_is_sealed_as_what_is_not(databases: Databases) -> None:
    """With keys at hand roles are seen, too; and slips of the fingers beside a large domain."""
    month = datetime.now(timezone.utc) - timedelta(days=20)
    typo = payloads.bounce(to="eve@exampel.com", message_id="m-typo", sent=month)

    async def body(face: Face) -> None:
        await face.get(receive([*deliveries(*[f"n{n}@example.com" for n in range(25)]), typo]))
        await face.get(receive([payloads.send(to="info@example.org", sent=month)]))
        told, found = await hygiene(face)
        assert (told.people, told.hidden, told.counted_once) == (27, 0, True)
        assert (found["typo_domain"].people, found["typo_domain"].examples) == (1, ("e…@exampel.com",))
        assert (found["role"].people, found["role"].examples) == (1, ("i…@example.org",))
        assert found["hard_bounced"].people == 1
        record = await face.get(lambda store: store.compliance.record())
        assert "everything, in clear" not in record.to_markdown()
        assert "master key" in record.to_markdown()

    databases(body)


def test_who_is_kept_in_several_ways_counts_once(databases: Databases) -> None:
    """In the clear, by one data key and the next, under a pseudonym; what was seen of them in any of these counts."""
    pseudonymous = Protection(PrivacyPolicy.of("transactional"), keys=PRIVACY_KEYS)
    seen = payloads.opened(to=ANN, sent=datetime.now(timezone.utc) - timedelta(days=250))
    databases(lambda face: face.get(receive([seen, *deliveries(ANN, "idle@example.com", months=8)])), encryption=None)
    databases(lambda face: face.get(receive(deliveries(ANN, months=7))), encryption=None, privacy=pseudonymous)

    async def rotated(face: Face) -> None:
        await face.get(receive(deliveries(ANN, BEN, "idle@example.com", months=3)))
        await face.get(lambda store: store.encryption.new_data_key(by="eve", why="yearly"))
        at = datetime.now(timezone.utc) - timedelta(days=61)
        await face.get(receive([payloads.opened(to=ANN, sent=at), *deliveries(ANN, BEN, "idle@example.com", months=1)]))
        told, found = await hygiene(face)
        assert (told.people, told.hidden, told.counted_once) == (3, 0, True)
        assert (found["unengaged"].people, found["unengaged"].examples) == (1, ("i…@example.com",))

    databases(rotated)


def test_hygiene_says_where_somebody_may_count_twice(
    databases: Databases, per_person: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the keys; where one is lost; and where there are more people than can be compared."""
    databases(lambda face: face.get(receive(deliveries(ANN, BEN))), encryption=None)
    databases(lambda face: face.get(receive([*deliveries(ANN, BEN, months=2), payloads.bounce(to="dan@example.org")])))

    async def once(face: Face) -> tuple[int, bool]:
        told, _ = await hygiene(face)
        assert told.to_dict()["counted_once"] == told.counted_once
        return told.people, told.counted_once

    assert databases(once) == (2, True)
    assert databases(once, encryption=None) == (4, False)
    if per_person:
        lose_key_of(databases, ANN)
        assert databases(once) == (3, False)
    monkeypatch.setattr("sesevent.analytics.hygiene.MERGED", 3)
    assert databases(once) == (4, False)


# ── keys that are lost ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_lost_key_costs_is_its_own_rows(databases: Databases, tmp_path: Path, per_person: bool) -> None:
    """Reading goes on and says why; an archive is asked as ever, for it holds no key; nothing is written over."""
    if not per_person:
        pytest.skip("one key for all")
    databases(fill)
    vault = databases.tables["ses_key"]

    async def lose(face: Face) -> None:
        await face.get(lambda store: store.events.for_recipient(ANN))
        vault.delete_one({"keyAltNames": face.store._collections["seals"].known.name(ANN)})

    async def body(face: Face) -> None:
        rows = await face.get(everything)
        assert [row.unreadable for row in rows].count("key lost") == 5
        assert all("news@shop.example.com" in (row.event.source or "") for row in rows)
        assert not [row for row in rows if row.unreadable and row.key != str(row.id)]
        before = list(databases.tables["ses_event"].find())
        await face.get(lambda store: store.reindex())
        await face.get(lambda store: store.reclassify())
        await face.get(lambda store: store.suppression.rebuild())
        assert list(databases.tables["ses_event"].find()) == before
        assert not (await face.get(lambda store: store.suppression.check(ANN))).allowed
        assert (await face.get(lambda store: store.compliance.hygiene())).people >= 0
        assert (await face.get(lambda store: store.status(rows[0].message_id))).state != "unknown"

    databases(lose)
    databases(body)
    archive = archive_all(databases, tmp_path)
    told = "SELECT DISTINCT unnest(recipient_domains) FROM events WHERE type IN ('Send', 'Click') ORDER BY 1"
    with archive.query(told) as answer:
        assert [row[0] for row in answer] == ["example.org", "gmail.com"]


def test_a_row_that_somebody_changed_meanwhile_is_not_written_over(databases: Databases) -> None:
    """MongoDB cannot compare what is sealed at random: it is compared here, and what is kept is the guard."""
    from sesevent.ops import ask
    from sesevent.storage.erasures import put_letters, put_rows

    async def body(face: Face) -> None:
        await fill(face)
        stale = [dict(row.document) for row in await face.get(lambda store: store.events.for_recipient(ANN))]
        (letter,) = await face.get(lambda store: store.dead_letters.list())
        await face.get(erase())
        before = [list(databases.tables[name].find()) for name in ("ses_event", "ses_dead_letter")]
        for change in (put_rows([(row, row | {"Subject": "of before"}) for row in stale]),
                       put_letters([(before[1][0]["_id"], letter.content, b"of before")])):  # fmt: skip
            done = await face.get(lambda store, change=change: store.privacy._perform(ask(change)))
            assert done.matched == 0
        assert [list(databases.tables[name].find()) for name in ("ses_event", "ses_dead_letter")] == before

    databases(body)


# ── what nobody can read ────────────────────────────────────────────────────────────────────────────────────────────


def lose_key_of(databases: Databases, address: str) -> None:
    """Take somebody's key out of the vault, as where it was restored from a backup of before."""

    async def lose(face: Face) -> None:
        await face.get(lambda store: store.events.for_recipient(address))
        name = face.store._collections["seals"].known.name(address)
        assert databases.tables["ses_key"].delete_one({"keyAltNames": name}).deleted_count == 1

    databases(lose)


async def exported(face: Face, address: str = ANN, **told: Any) -> tuple[dict[str, int], dict[str, Any], str]:
    paper, page = io.StringIO(), io.StringIO()
    counts = await face.get(lambda store: store.privacy.export(address, paper, page=page, by="desk", **told))
    return counts, json.loads(paper.getvalue()), page.getvalue()


keys_of_people = pytest.mark.parametrize("per_person", [True], ids=["people's keys"])


@keys_of_people
def test_events_of_somebody_whose_key_is_lost_are_found_by_what_is_noted(databases: Databases) -> None:
    """A complaint names its event, that shows what the person is sealed as, and so all are found, and told as unreadable."""
    databases(fill)
    lose_key_of(databases, ANN)

    async def body(face: Face) -> None:
        counts, paper, page = await exported(face)
        assert (counts["events"], counts["unreadable"]) == (5, 5)
        assert {one["unreadable"] for one in paper["events"]} == {"key lost"}
        assert sorted(one["type"] for one in paper["events"]) == ["Click", "Complaint", "Open", "Send", "Send"]
        (told,) = paper["unreadable"]
        assert (told["count"], told["reason"]) == (5, "key lost")
        assert told["what"].startswith("events about you")
        assert "(nobody can read the rest)" in page
        assert BEN not in json.dumps(paper) + page
        others = (await exported(face, BEN))[0]
        assert (others["events"], others["unreadable"]) == (3, 0)  # of theirs everything can be read

    databases(body)


@keys_of_people
def test_where_nothing_is_noted_an_export_says_how_many_events_may_be_the_persons(databases: Databases) -> None:
    """At the person's domain; whose they are nobody can tell. It never looks as if nothing were held."""
    databases(lambda face: face.get(receive([payloads.send(**alone), payloads.send(to=BEN, sent=SENT)])))
    lose_key_of(databases, ANN)

    async def body(face: Face) -> None:
        for person in (ANN, "eve@gmail.com"):
            counts, paper, page = await exported(face, person)
            assert (counts["events"], counts["unreadable"]) == (0, 1)
            assert [(one["count"], one["reason"]) for one in paper["unreadable"]] == [(1, "key lost")]
            assert "events that may be about you" in page
        assert (await exported(face, "nobody@example.net"))[1]["unreadable"] == []
        assert (await exported(face, BEN))[0]["unreadable"] == 0

    databases(body)


@keys_of_people
def test_events_of_before_a_lost_key_are_looked_for_thoroughly(databases: Databases) -> None:
    """Who was given another key since looks as if nothing were missing."""
    databases(lambda face: face.get(receive([payloads.send(**alone)])))
    lose_key_of(databases, ANN)
    databases(lambda face: face.get(receive([payloads.send(to=ANN, sent=LATER)])))

    async def body(face: Face) -> None:
        assert [(await exported(face, thorough=one))[0]["unreadable"] for one in (False, True)] == [0, 1]

    databases(body)


@keys_of_people
def test_who_shares_a_mail_with_somebody_unreadable_is_not_taken_for_them(databases: Databases) -> None:
    """Of two at one domain nobody can tell which one the event's other person is."""
    cat = "cat@gmail.com"
    databases(lambda face: face.get(receive([
        payloads.complaint(to=[ANN, cat], sent=SENT),
        payloads.send(to=cat, sent=SENT + timedelta(hours=1)),
    ])))  # fmt: skip
    lose_key_of(databases, cat)

    async def body(face: Face) -> None:
        assert (await exported(face))[0]["events"] == 1  # Ann's own
        counts, paper, _ = await exported(face, cat)
        assert (counts["events"], counts["unreadable"], len(paper["unreadable"])) == (2, 2, 1)

    async def lost_too(face: Face) -> None:
        counts, paper, _ = await exported(face, cat)
        assert counts["events"] == 0  # which of the two?
        assert [one["count"] for one in paper["unreadable"]] == [2]

    databases(body)
    lose_key_of(databases, ANN)
    databases(lost_too)


@keys_of_people
def test_an_export_says_what_nobody_can_read_any_more_on_purpose(databases: Databases) -> None:
    """Destroyed keys are told from lost ones."""
    databases(fill)
    databases(lambda face: face.get(lambda store: store.encryption.shred(ANN, by="eve", why="asked")))

    async def body(face: Face) -> None:
        counts, paper, _ = await exported(face)
        assert [(one["count"], one["reason"]) for one in paper["unreadable"]] == [(5, "erased")]
        assert counts["standings"] == 1

    databases(body)


def test_without_the_shared_key_dead_letters_and_events_are_counted(databases: Databases, per_person: bool) -> None:
    """Nobody can tell whom a message names that cannot be read."""
    databases(fill)
    ring = databases.tables["ses_encryption"].find_one({"_id": "ring"})
    databases.tables["ses_key"].delete_one({"_id": ring["events"][0]})

    async def body(face: Face) -> None:
        counts, paper, _ = await exported(face)
        told = {one["what"]: one["count"] for one in paper["unreadable"]}
        assert [count for what, count in told.items() if what.startswith("messages")] == [1]
        assert counts["unreadable"] == sum(told.values())
        assert counts["events"] == 5

    databases(body)


@pytest.mark.parametrize("per_person", [False], ids=["one key"])
def test_without_the_one_key_for_all_what_may_be_the_persons_is_counted(databases: Databases) -> None:
    """No fact leads there, and the address does not any more."""
    databases(lambda face: face.get(receive([payloads.send(**alone), payloads.send(to=BEN, sent=SENT)])))
    databases.tables["ses_key"].delete_many({"keyAltNames": {"$regex": "^sesevent:events"}})

    async def body(face: Face) -> None:
        counts, paper, _ = await exported(face)
        assert (counts["events"], [one["count"] for one in paper["unreadable"]]) == (0, [1])

    databases(body)


@keys_of_people
def test_an_archive_tells_of_what_may_be_the_persons(databases: Databases, tmp_path: Path) -> None:
    """Its events cannot be read either."""
    databases(fill)
    archive = archive_all(databases, tmp_path)
    lose_key_of(databases, ANN)
    archive = Archive(databases.blocking(), Directory(tmp_path))

    async def body(face: Face) -> None:
        counts, paper, _ = await exported(face, archives=[archive])
        assert counts["events"] == 0
        assert [(one["what"].split()[0], one["count"]) for one in paper["unreadable"]] == [("archived", 5)]

    databases(body)
