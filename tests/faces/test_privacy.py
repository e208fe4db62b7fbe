"""A person's rights: everything held is told, and whatever tells of the person is erased, by both stores."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import bson
import pytest

from sesevent import ConfigurationError, EventStore, Held, testing, trusted
from sesevent.drivers import sync as driver
from sesevent.ops import ask
from sesevent.privacy.pseudonyms import Key, Pseudonyms
from sesevent.storage.operations import PSEUDONYMS
from sesevent.storage.renewal import renew_derived
from sesevent.suppression.facts import Act

SENT = datetime(2024, 5, 1, 9, tzinfo=timezone.utc)
NOW = SENT + timedelta(days=3)
ANN, BOB = "ann.lee@gmail.com", "bob@example.org"
KEYS = Pseudonyms([Key("k2", b"fedcba9876543210"), Key("k1", b"0123456789abcdef")], writes=False)
HASH = KEYS.erased(ANN)
payloads = testing.payloads
both: dict[str, Any] = {"to": ["Ann Lee <Ann.Lee@Gmail.com>", BOB], "sent": SENT, "subject": "ann.lee@gmail.com, bob"}
alone: dict[str, Any] = {"to": ANN, "sent": SENT + timedelta(hours=1), "subject": "Dear Ann"}
RAWS: list[Any] = [
    payloads.send(**both),
    payloads.delivery(**both),
    payloads.opened(**both),
    payloads.send(**alone),
    payloads.delivery(**alone),
    payloads.opened(**alone),
    payloads.click(**alone),
    payloads.complaint(**alone),
    payloads.send(to=BOB, sent=SENT),
]


def bounce_of_bob() -> Any:
    """SES names all recipients of a mail in each event: this one is about Bob, and names Ann."""
    raw = payloads.bounce(**both)
    raw["bounce"]["bouncedRecipients"] = [{"emailAddress": BOB, "diagnosticCode": "smtp; 550 5.1.1 no such user"}]
    return raw


def keyed(store: Any, keys: Any = KEYS, colour: str = "sync") -> Any:
    async def asked() -> Any:
        return keys

    store._collections[PSEUDONYMS] = (lambda: keys) if colour == "sync" else asked
    return store


@pytest.fixture
def in_store(with_store: Any) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
    """Runs a body with a store that has keys, and Ann's and Bob's events in it."""

    def run(body: Callable[[Any], Awaitable[None]]) -> None:
        async def filled(face: Any) -> None:
            keyed(face.store, colour=face.colour)
            face.tables = with_store.tables
            await receive(face, [*RAWS, bounce_of_bob()])
            await body(face)

        with_store(filled)

    return run


async def receive(face: Any, raws: list[Any]) -> None:
    for raw in raws:
        await face.get(lambda store, raw=raw: store.receive(trusted(raw, because="a test's own")))


async def erase(face: Any, address: str = ANN, **told: Any) -> Any:
    return await face.get(lambda store: store.privacy.erase(address, **{"by": "desk", **told}))


def found(tables: Any, name: str, conditions: Any = None) -> list[Any]:
    rows = tables[name].find(conditions or {})
    return list(rows.to_list() if hasattr(rows, "to_list") else rows)


def naming(tables: Any, *texts: str) -> list[str]:
    """The collections in which one of these texts stands, in whatever case."""
    names = tables.list_collection_names() if hasattr(tables, "list_collection_names") else list(tables._collections)
    wanted = [text.encode() for text in texts]
    rows = [(name, bson.encode(row).lower()) for name in names for row in found(tables, name)]
    return sorted({name for name, row in rows for text in wanted if text in row})


# ── what goes, and what stays ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_nothing_in_the_database_names_an_erased_person(in_store: Any) -> None:
    """No collection, however it was spelled; and nothing that is about Bob alone has changed."""

    async def body(face: Any) -> None:
        assert "ses_event" in naming(face.tables, ANN, "ann lee", "dear ann")
        before = {row["_id"]: row for row in found(face.tables, "ses_event")}
        receipt = await erase(face, why="asked by Ann.Lee@gmail.com")
        after = {row["_id"]: row for row in found(face.tables, "ses_event")}

        assert naming(face.tables, ANN, "ann lee", "dear ann") == []
        assert (receipt.events, receipt.said, receipt.standings, receipt.finished is None) == (9, 1, 1, False)
        assert [row["MessageId"] for key, row in before.items() if after[key] == row] == [
            row["MessageId"] for row in before.values() if "ann" not in row["Message"].lower()
        ]

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_an_event_keeps_what_is_counted_of_it_and_parses_as_the_same(in_store: Any) -> None:
    """Its id, kind, mail and time, the figures by provider, who else got the mail, and what happened to them."""

    async def body(face: Any) -> None:
        before = {row["_id"]: row for row in found(face.tables, "ses_event")}
        await erase(face)
        for row in found(face.tables, "ses_event"):
            old = before[row["_id"]]
            for name in ("Type", "MessageId", "Timestamp", "received"):
                assert row[name] == old[name]
            mark = "erased@gmail.com"
            assert row["derived"]["recipients"] == [mark if one == ANN else one for one in old["derived"]["recipients"]]
            assert row["derived"].get("group") == old["derived"].get("group")
            event = (await face.get(lambda store, row=row: store.events.get(row["_id"]))).event
            assert (event.type, event.message_id, event.mail.destination.count(BOB)) == (
                old["Type"], old["MessageId"], json.loads(old["Message"])["mail"]["destination"].count(BOB),
            )  # fmt: skip

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_what_is_the_persons_own_goes_though_it_does_not_name_them(in_store: Any) -> None:
    """Subject and headers of mails to nobody else; where from, and by what, they were opened, and which link."""

    async def body(face: Any) -> None:
        await erase(face)
        own = [row for row in found(face.tables, "ses_event") if row["derived"]["recipients"] == ["erased@gmail.com"]]
        assert {row["Type"] for row in own} == {"Send", "Delivery", "Open", "Click", "Complaint"}
        for row in own:
            told = json.loads(row["Message"])
            assert "Subject" not in row
            assert (told["mail"]["headers"], told["mail"]["commonHeaders"].keys()) == ([], {"from", "to"})
            engaged = told.get("open", told.get("click", {}))
            assert {"ipAddress", "userAgent", "link"}.isdisjoint(engaged)
            assert "link" not in row["derived"].get("click", {})
        shared = [row for row in found(face.tables, "ses_event") if BOB in row["derived"]["recipients"]]
        assert {row["Subject"] for row in shared} >= {"erased@gmail.com, bob"}
        assert all(json.loads(row["Message"])["mail"]["headers"] for row in shared)

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_two_who_are_erased_stay_two(in_store: Any) -> None:
    """Or a mail to both would count as a mail to one."""

    async def body(face: Any) -> None:
        cat = "cat@gmail.com"
        await receive(face, [payloads.send(to=[ANN, cat], sent=SENT + timedelta(hours=2))])
        await erase(face)
        await erase(face, cat)
        (row,) = [row for row in found(face.tables, "ses_event") if row["derived"].get("erased") == 2]
        assert row["derived"]["recipients"] == ["erased@gmail.com", "erased.2@gmail.com"]
        assert json.loads(row["Message"])["mail"]["destination"] == ["erased@gmail.com", "erased.2@gmail.com"]

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_a_domain_that_few_have_goes_too(in_store: Any) -> None:
    """It may tell who somebody is; at a provider it tells nothing."""

    async def body(face: Any) -> None:
        await erase(face, BOB)
        assert naming(face.tables, BOB, "example.org") == []
        (row,) = [row for row in found(face.tables, "ses_event") if row["Type"] == "Bounce"]
        assert row["derived"]["recipients"] == ["erased@erased.invalid"]

    in_store(body)


# ── no mail, whatever comes later ───────────────────────────────────────────────────────────────────────────────────


async def may_mail(face: Any, address: str = ANN) -> bool:
    return bool(await face.get(lambda store: store.suppression.check(address)))


def test_whoever_was_erased_is_not_mailed_and_learns_why(in_store: Any) -> None:
    """Also without anything that spoke against it before."""

    async def body(face: Any) -> None:
        for address in (ANN, "dan@gmail.com"):
            await erase(face, address)
            decision = await face.get(lambda store, address=address: store.suppression.check(address))
            assert (decision.allowed, decision.reason) == (False, "erased")
            assert "erased" in decision.sentence
        assert await may_mail(face, "eve@gmail.com")

    in_store(body)


def test_each_of_many_who_were_erased_stays_so(in_store: Any) -> None:
    """Also when mail to one of them comes, and the list is longer than whom it names."""
    people = [f"person{number}@example.org" for number in range(6)]

    async def body(face: Any) -> None:
        for person in people:
            await face.get(lambda store, person=person: store.privacy.erase(person, by="ben"))
        for person in people:
            await receive(face, [payloads.bounce(to=person, sent=NOW, subject="-")])

        assert naming(face.tables, *people) == []
        for person in people:
            decision = await face.get(lambda store, person=person: store.suppression.check(person))
            assert decision.rule == "erased"

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_nothing_that_comes_later_brings_the_person_back(in_store: Any) -> None:
    """Not late events, nor new mail, acts, imported lists, a rebuild; and none of it lets mail through."""

    async def body(face: Any) -> None:
        await erase(face)
        later: dict[str, Any] = {"to": [ANN, BOB], "sent": NOW + timedelta(days=1)}
        await receive(face, [payloads.bounce(**alone), *RAWS, payloads.send(**later), payloads.complaint(**later)])
        await face.get(
            lambda store: store.receive_many([trusted(payloads.bounce(to=ANN, sent=NOW), because="a test's own")])
        )
        await face.get(lambda store: store.suppression.suppress(ANN, by="ben", note=f"{ANN} called"))
        await face.get(lambda store: store.suppression.import_(io.StringIO(f"{ANN}\n"), by="ben"))
        letters = [b'{"to": "Ann.Lee@GMAIL.com"', b'{"u": "https://x.example/?e=ann.lee%40gmail.com"',
                   b'{"ann.lee\\u0040gmail.com": ']  # fmt: skip
        await face.get(lambda store: store.receive_many([trusted(one, because="a test's own") for one in letters]))
        await face.get(lambda store: store.suppression.resubscribe(ANN, stream="news"))
        with pytest.raises(ConfigurationError, match="erased"):
            await face.get(lambda store: store.suppression.reactivate(ANN, by="ben", why="x", override=True))
        lifted = Act(NOW + timedelta(days=9000), "", "reactivate", override=True)
        await face.get(lambda store: store.suppression.record([(ANN, lifted)]))
        await face.get(lambda store: store.suppression.rebuild())
        await face.get(lambda store: store.reclassify())

        assert naming(face.tables, ANN, "ann.lee%40", "ann.lee\\u0040") == []
        assert not await may_mail(face)
        assert naming(face.tables, "erased@gmail.com") == ["ses_dead_letter", "ses_event"], "a mark is nobody"
        assert len(found(face.tables, "ses_dead_letter")) == 3
        (bounce,) = found(
            face.tables, "ses_event", {"Type": "Bounce", "MessageId": payloads.bounce(**alone)["mail"]["messageId"]}
        )
        facts = found(face.tables, "ses_suppression_act", {"address": HASH, "act": "fact"})
        assert str(bounce["_id"]) in {fact["event"] for fact in facts}, "it is still noted, of the hash"

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_without_do_not_mail_nothing_is_kept_and_only_old_mail_is_erased_again(in_store: Any) -> None:
    """A customer who leaves may come back; what a backup holds of before does not."""

    async def body(face: Any) -> None:
        await erase(face, keep_do_not_mail=False)
        assert found(face.tables, "ses_suppression_act", {"address": {"$in": [ANN, HASH]}}) == []
        assert found(face.tables, "ses_suppression", {"_id": {"$in": [ANN, HASH]}}) == []
        assert await may_mail(face)
        await receive(face, [payloads.bounce(**alone)])
        assert naming(face.tables, ANN) == []
        assert await may_mail(face)
        new = datetime.now(timezone.utc) + timedelta(hours=1)
        await receive(face, [payloads.bounce(to=ANN, sent=new)])
        assert not await may_mail(face)
        assert naming(face.tables, ANN) == ["ses_event", "ses_suppression", "ses_suppression_act"]

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_who_is_readmitted_is_as_anybody_and_a_complaint_is_not_forgotten(in_store: Any) -> None:
    """The rows of before stay erased."""

    async def body(face: Any) -> None:
        await erase(face)
        assert await face.get(lambda store: store.privacy.readmit(ANN, by="desk", why="she is back"))
        decision = await face.get(lambda store: store.suppression.check(ANN))
        assert decision.reason == "complaint"
        assert naming(face.tables, ANN) == ["ses_suppression", "ses_suppression_act"]
        await receive(face, [payloads.send(to=ANN, sent=NOW)])
        assert "ses_event" in naming(face.tables, ANN)
        assert not await face.get(lambda store: store.privacy.readmit(ANN, by="desk", why="again"))

    in_store(body)


def test_rows_that_are_put_back_come_without_the_person(in_store: Any) -> None:
    """As from an archive that nobody told of the erasure, or a backup."""

    async def body(face: Any) -> None:
        rows = found(face.tables, "ses_event")
        await erase(face)
        face.tables["ses_event"].delete_many({})
        assert await face.get(lambda store: store.keeping.put_back(rows)) == len(rows)
        assert naming(face.tables, ANN) == []
        assert {row["_id"] for row in found(face.tables, "ses_event")} == {row["_id"] for row in rows}

    in_store(body)


# ── everything else ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_dead_letters_are_rewritten(in_store: Any) -> None:
    """In any spelling; the same that comes again is the same dead letter, and brings nobody back."""

    async def body(face: Any) -> None:
        broken = f'{{"eventType": "Bounce", "mail": {{"destination": ["{ANN}", "{BOB}"]}}, "bounce": 5, "u": "ann.lee%40gmail.com"'

        async def arrive() -> None:
            with pytest.raises(Exception, match="JSON"):
                await face.get(lambda store: store.receive(trusted(broken, because="a test's own")))

        await arrive()
        receipt = await erase(face)
        assert receipt.dead_letters == 1
        await arrive()
        (letter,) = found(face.tables, "ses_dead_letter")
        assert (BOB.encode() in letter["content"], letter["count"]) == (True, 2)
        assert naming(face.tables, ANN, "ann.lee%40") == []

    in_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_rows_of_older_shapes_are_found_too(in_store: Any) -> None:
    """Without `derived`, SNS's envelope around the event, or an object in place of the text."""

    async def body(face: Any) -> None:
        text = json.dumps(payloads.opened(**alone))
        face.tables["ses_event"].insert_many(
            [
                {"Type": "Notification", "MessageId": "s", "Message": json.dumps({"Type": "Notification", "MessageId": "s", "TopicArn": "t", "Message": text, "Timestamp": "2024-05-01T10:00:00.000Z"}), "Timestamp": "2024-05-01T10:00:00.000Z"},
                {"Type": "Open", "MessageId": "m", "Message": text, "Timestamp": "2024-05-01T10:00:00.000Z"},
                {"Type": "Open", "MessageId": "o", "Message": json.loads(text), "Timestamp": "2024-05-01T10:00:00.000Z"},
            ]
        )  # fmt: skip
        receipt = await erase(face)
        assert receipt.events == 12
        assert naming(face.tables, ANN, "dear ann") == []
        older = [row for row in found(face.tables, "ses_event") if row["MessageId"] in ("s", "m", "o")]
        assert all("ipAddress" not in str(row["Message"]) for row in older)
        assert {row["derived"]["recipients"][0] for row in older} == {"erased@gmail.com"}

    in_store(body)


def test_what_names_somebody_and_does_not_concern_them_is_found_where_one_looks_thoroughly(in_store: Any) -> None:
    """Such as an inbound mail of theirs: the whole log is read for it."""

    async def body(face: Any) -> None:
        await receive(face, [payloads.received(source=ANN, to="help@shop.example.com")])
        await erase(face)
        assert naming(face.tables, ANN) == ["ses_event"]
        receipt = await erase(face, thorough=True)
        assert receipt.events == 1
        assert naming(face.tables, ANN) == []

    in_store(body)


def test_what_is_held_is_not_erased(in_store: Any) -> None:
    """Neither the person's, nor a mail of hers, nor a mail that is held for another; and nothing is begun."""

    async def body(face: Any) -> None:
        mail = payloads.send(**alone)["mail"]["messageId"]
        everything = found(face.tables, "ses_event")
        for kind, value in (
            ("address", "Ann.Lee@gmail.com"),
            ("message", mail),
            ("campaign", "orders"),
            ("address", BOB),
        ):
            held = await face.get(
                lambda store, kind=kind, value=value: store.keeping.hold(kind, value, by="c", why="7")
            )
            with pytest.raises(Held) as refused:
                await erase(face)
            assert "ann" not in str(refused.value).lower()
            assert found(face.tables, "ses_event") == everything
            assert found(face.tables, "ses_erasure") == []
            await face.get(lambda store, held=held: store.keeping.release(held.id, by="c", why="over"))
        assert (await erase(face)).events == 9

    in_store(body)


def test_a_dry_run_tells_the_same_and_changes_nothing(in_store: Any) -> None:
    """Nor is it in the audit trail."""

    async def body(face: Any) -> None:
        before = [
            found(face.tables, name) for name in ("ses_event", "ses_suppression_act", "ses_suppression", "ses_audit")
        ]
        told = await erase(face, dry_run=True)
        after = [
            found(face.tables, name) for name in ("ses_event", "ses_suppression_act", "ses_suppression", "ses_audit")
        ]
        assert before == after
        done = await erase(face)
        assert (told.events, told.said, told.standings, told.dry_run) == (done.events, done.said, done.standings, True)

    in_store(body)


def test_erasing_twice_is_erasing_once(in_store: Any) -> None:
    """A second time there is nothing to do, and the audit trail tells of both."""

    async def body(face: Any) -> None:
        await erase(face)
        rows, facts = found(face.tables, "ses_event"), found(face.tables, "ses_suppression_act", {"act": "fact"})
        again = await erase(face, by="other")
        assert (again.events, again.said, again.standings) == (0, 0, 0)
        assert found(face.tables, "ses_event") == rows
        assert found(face.tables, "ses_suppression_act", {"act": "fact"}) == facts
        entries = await face.get(lambda store: store.audit.latest(subject=HASH))
        assert [(one.act, one.by) for one in entries] == [
            ("erasure ends", "other"), ("erasure begins", "other"), ("erasure ends", "desk"), ("erasure begins", "desk"),
        ]  # fmt: skip
        assert entries[2].detail["events"] == 9
        assert (await face.get(lambda store: store.audit.verify())).intact

    in_store(body)


def test_receipts_are_kept_and_found_by_address(in_store: Any) -> None:
    """They name nobody: the address, and a key, lead to one."""

    async def body(face: Any) -> None:
        told = []
        done = await erase(face, on_progress=lambda so_far: told.append(so_far.events))
        assert (max(told), told) == (9, sorted(told))
        assert await face.get(lambda store: store.privacy.receipts()) == [done]
        assert await face.get(lambda store: store.privacy.receipt("ANN.LEE@gmail.com")) == done
        assert await face.get(lambda store: store.privacy.receipt(BOB)) is None
        assert done.person == HASH

    in_store(body)


@pytest.mark.parametrize("wrong", ["ann", "ann@a.com, bob@a.com", ""])
def test_one_address_is_erased_by_somebody_with_a_key(in_store: Any, wrong: str) -> None:
    """Else nothing happens."""

    async def body(face: Any) -> None:
        with pytest.raises(ConfigurationError, match="one e-mail address"):
            await erase(face, wrong)
        with pytest.raises(ConfigurationError, match="who"):
            await erase(face, by="")
        keyed(face.store, None, face.colour)
        with pytest.raises(ConfigurationError, match="needs a key"):
            await erase(face)

    in_store(body)


def test_a_newer_key_finds_who_was_erased_by_an_older_one(in_store: Any) -> None:
    """As long as the older one is there."""

    async def body(face: Any) -> None:
        keyed(face.store, Pseudonyms(KEYS.keys[1:], writes=False), face.colour)
        await erase(face)
        keyed(face.store, KEYS, face.colour)
        await receive(face, [payloads.bounce(**alone)])
        assert naming(face.tables, ANN) == []
        assert not await may_mail(face)
        assert (await erase(face)).person == KEYS.erased_forms(ANN)[1]

    in_store(body)


@pytest.mark.parametrize("keep", [True, False])
def test_a_clock_that_was_set_back_leaves_nothing(mongodb_uri: str, database: str, tables: Any, keep: bool) -> None:
    """What was said, and sent, in the hour that comes twice was before the erasure; and so when it comes again."""
    now = [NOW]
    with EventStore.connect(mongodb_uri, database=database, clock=lambda: now[0]) as store:
        keyed(store).ensure_indexes()
        late = {"to": ANN, "sent": NOW - timedelta(minutes=30)}
        store.receive_many([trusted(raw, because="a test's own") for raw in (*RAWS, payloads.complaint(**late))])
        store.suppression.suppress(ANN, by="ben", note="by phone")
        now[0] = NOW - timedelta(hours=1)
        store.privacy.erase(ANN, by="desk", keep_do_not_mail=keep)
        assert naming(tables, ANN) == []
        store.receive_many([trusted(payloads.opened(**late), because="a test's own")])
        assert naming(tables, ANN) == []
        assert store.suppression.check(ANN).allowed is not keep


def test_who_works_out_anew_what_was_read_before_an_erasure_writes_nothing(killable: Any, rows: Any) -> None:
    """What was derived from a text with the person in it must not come back."""
    killable.receive_many(trusted(raw, because="a test's own") for raw in RAWS)
    stale = list(rows.find({"Type": "Complaint"}))
    killable.privacy.erase(ANN, by="desk")
    erased = list(rows.find({"Type": "Complaint"}))
    driver.perform(ask(renew_derived(stale)), killable._collections)
    assert list(rows.find({"Type": "Complaint"})) == erased


# ── killed, and raced ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def killable(mongodb_uri: str, database: str) -> Iterator[Any]:
    with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, timeout_seconds=60) as store:
        store.ensure_indexes()
        yield keyed(store)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


class Steps:
    """Counts what is asked of the database, and kills before or after one of the questions, or does something there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at, self.after = 0, -1, False
        self.does: Callable[[], object] = self._kill
        self._real = driver._outcome
        monkeypatch.setattr(driver, "_outcome", self._step)

    def _kill(self) -> None:
        raise Killed

    def _step(self, *given: Any) -> Any:
        self.count += 1
        now = self.count == self.at
        if now and not self.after:
            self.does()
        answer = self._real(*given)
        if now and self.after:
            self.does()
        return answer

    def arm(self, at: int, *, after: bool = False, does: Callable[[], object] | None = None) -> None:
        self.count, self.at, self.after, self.does = 0, at, after, does or self._kill


def begin_again(store: Any, tables: Any, extra: list[Any] | None = None) -> None:
    for name in tables.list_collection_names():
        tables[name].delete_many({})
    few = [RAWS[0], RAWS[2], RAWS[7], bounce_of_bob(), *(extra or ())]
    store.receive_many(trusted(raw, because="a test's own") for raw in few)
    with pytest.raises(Exception, match="JSON"):
        store.receive(trusted(f'{{"a": "{ANN}"', because="a test's own"))


def test_killed_between_any_two_steps_it_is_done_by_doing_it_again(
    killable: Any, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same end, with the same receipt; and at no time may the person be mailed."""
    begin_again(killable, tables)
    steps = Steps(monkeypatch)
    whole = killable.privacy.erase(ANN, by="desk")
    total, ended = steps.count, rows_without_times(tables)
    assert total > 25
    for number in range(1, total + 1):
        for after in (False, True):
            steps.arm(-1)
            begin_again(killable, tables)
            steps.arm(number, after=after)
            with pytest.raises(Killed):
                killable.privacy.erase(ANN, by="desk")
            steps.arm(-1)
            assert not killable.suppression.check(ANN), (number, after)
            assert killable.privacy.erase(ANN, by="desk") == whole or number == total, (number, after)
            assert rows_without_times(tables) == ended, (number, after)
            assert naming(tables, ANN) == []
            assert killable.audit.verify().intact


def rows_without_times(tables: Any) -> Any:
    told = {}
    for name in ("ses_event", "ses_suppression_act", "ses_suppression", "ses_dead_letter"):
        rows = [
            {key: value for key, value in row.items() if key not in ("received", "lastAt", "rev")}
            for row in tables[name].find()
        ]
        told[name] = sorted(rows, key=str)
    return told


def test_whatever_arrives_between_any_two_steps_is_erased(
    killable: Any, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events, and acts, before and after each question that an erasure asks."""
    begin_again(killable, tables)
    steps = Steps(monkeypatch)
    killable.privacy.erase(ANN, by="desk")
    for number in range(1, steps.count + 1):
        steps.arm(-1)
        begin_again(killable, tables)

        def arrives() -> None:
            steps.at = -1
            killable.receive(trusted(payloads.bounce(**alone), because="a test's own"))
            killable.receive_many([trusted(f'{{"late": "{ANN}"', because="a test's own")])
            killable.suppression.suppress(ANN, by="ben", note="ann.lee@gmail.com called late")

        steps.arm(number, does=arrives)
        killable.privacy.erase(ANN, by="desk")
        assert naming(tables, ANN) == [], number
        assert not killable.suppression.check(ANN)


@pytest.mark.parametrize("told", ["receive", "suppress", "put_back", "rebuild", "reclassify", "letter"])
def test_an_erasure_between_any_two_steps_of_whoever_writes_takes_it_too(
    killable: Any, tables: Any, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """They asked the list before it was written."""
    extra = [payloads.bounce(**alone)] if told == "reclassify" else []  # complaints have no reasons that rules tell
    begin_again(killable, tables, extra)
    late = list(tables["ses_event"].find({"Type": "Complaint"}))
    does: dict[str, Callable[[], object]] = {
        "receive": lambda: killable.receive(trusted(payloads.bounce(**alone), because="a test's own")),
        "suppress": lambda: killable.suppression.suppress(ANN, by="ben"),
        "letter": lambda: killable.receive_many([trusted(f'{{"late": "{ANN}"', because="a test's own")]),
        "put_back": lambda: killable.keeping.put_back(late),
        "rebuild": lambda: killable.suppression.rebuild(),
        "reclassify": lambda: killable.reclassify(),
    }
    steps = Steps(monkeypatch)
    if told == "reclassify":
        tables["ses_event"].update_many({}, {"$set": {"derived.rules": "older", "derived.bounce.reason": "of old"}})
    steps.arm(-1)
    does[told]()
    for number in range(1, steps.count + 1):
        steps.arm(-1)
        begin_again(killable, tables, extra)
        if told == "reclassify":
            tables["ses_event"].update_many({}, {"$set": {"derived.rules": "older", "derived.bounce.reason": "of old"}})
        else:
            tables["ses_event"].delete_one({"Type": "Complaint"})

        def erases() -> None:
            steps.at = -1
            killable.privacy.erase(ANN, by="desk")

        steps.arm(number, does=erases)
        does[told]()
        steps.arm(-1)
        assert naming(tables, ANN) == [], number
        assert not killable.suppression.check(ANN)
