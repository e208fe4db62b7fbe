"""What is stored of people by a privacy policy, and that whoever has the address is answered all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from payloads import genuine
from sesevent import AsyncEventStore, EventStore, PrivacyPolicy, Protection, testing
from sesevent.privacy.pseudonyms import Key, is_pseudonym

OLD, NEW = Key("2024", b"o" * 32), Key("2025", b"n" * 32)
ANN, BOB = "ann@example.com", "bob@example.com"
NOW = datetime(2024, 5, 3, tzinfo=timezone.utc)


@pytest.fixture
def connect(mongodb_uri: str, database: str) -> Iterator[Callable[..., EventStore]]:
    """Stores over one database, each with what it keeps of people."""
    opened: list[EventStore] = []

    def connected(*keys: Key, **actions: Any) -> EventStore:
        policy = PrivacyPolicy.of("transactional", **actions) if keys else None
        privacy = Protection(policy, keys) if policy else None
        store = EventStore.connect(mongodb_uri, database=database, privacy=privacy, clock=lambda: NOW)
        opened.append(store)
        store.ensure_indexes()
        return store

    yield connected
    for store in opened:
        store.close()


def received(store: Any, *events: Any) -> Any:
    return store.receive_many([genuine(json.dumps(event)) for event in events])


def everything(tables: Any) -> str:
    """All that a database holds, as text."""
    return "\n".join(str(row) for name in tables.list_collection_names() for row in tables[name].find())


EVENTS = [
    testing.payloads.send(to=[f"Ann <{ANN}>", BOB]),
    testing.payloads.delivery(to=ANN),
    testing.payloads.bounce(to=ANN, diagnostic=f"smtp; 550 5.1.1 <{ANN}>: unknown"),
    testing.payloads.click(to=ANN, link="https://shop.example.com/?u=ann%40example.com", ip_address="198.51.100.24"),
    testing.payloads.complaint(to=BOB),
    testing.payloads.opened(to=BOB, ip_address="2001:db8:1:2::3"),
]  # fmt: skip


def test_no_address_is_in_the_database(connect: Callable[..., EventStore], tables: Any) -> None:
    """Nor a name, a subject or a whole IP address: in any collection, in any field."""
    store = connect(NEW)

    received(store, *EVENTS)
    store.suppression.suppress("carl@example.com", by="support")
    store.suppression.import_(["dora@example.com"], by="support")

    held = everything(tables)
    for told in ("ann@", "ann%40", "bob@", "carl@", "dora@", "Ann <", "shipped", "198.51.100.24", "2001:db8:1:2::3"):
        assert told not in held
    assert "198.51.100.0" in held
    assert "2001:db8:1::" in held


def test_a_row_is_keyed_by_the_event_as_it_came(connect: Callable[..., EventStore], rows: Any) -> None:
    """So a repeat is one under any policy and any key, and an event stored before there was a policy stays one."""
    received(connect(), EVENTS[1])
    received(connect(OLD), *EVENTS)
    received(connect(NEW, OLD), *EVENTS)

    assert rows.count_documents({}) == len(EVENTS)
    plain = {str(event["_id"]) for event in documents_of(EVENTS)}
    assert {str(row["_id"]) for row in rows.find()} == plain


def documents_of(events: list[Any]) -> list[Any]:
    from sesevent.plans.bulk import prepare_batch

    return prepare_batch([genuine(json.dumps(event)) for event in events], 0, NOW, True).documents


def test_figures_are_those_of_the_event_as_it_came(connect: Callable[..., EventStore], rows: Any) -> None:
    """Its group, how long it took, why it failed, whether a machine read: all but what the policy takes away."""
    received(connect(NEW, user_agent="drop", diagnostics="drop"), *EVENTS)

    for plain in documents_of(EVENTS):
        kept = rows.find_one({"_id": plain["_id"]})
        for name in set(plain["derived"]) - {"recipients", "click", "at"}:
            assert kept["derived"].get(name) == plain["derived"][name], name


def test_a_key_may_hide_domains(connect: Callable[..., EventStore], tables: Any) -> None:
    """But those of providers stay in figures: many share them."""
    store = connect(Key("1", b"k" * 32, keep_domain=False))
    people = ["ann@ann-example.example", "ben@gmail.com"]
    received(store, *[testing.payloads.delivery(to=person) for person in people])

    assert "ann-example" not in everything(tables)
    found = {row.name for row in store.analytics.by("provider", since=NOW - timedelta(days=5)).rows}
    assert found == {"gmail", "other"}
    assert len(store.events.for_recipient(people[1]).to_list()) == 1


def test_message_parses_as_the_same_event(connect: Callable[..., EventStore]) -> None:
    """…and what is derived of people is what it says."""
    store = connect(NEW)
    received(store, *EVENTS)

    for stored in store.events.find():
        people = [recipient.normal for recipient in stored.event.recipients]
        assert people == stored.document["derived"]["recipients"]
        assert all(map(is_pseudonym, people))
        assert stored.key == str(stored.id)
        assert stored.event.message_id == stored.document["MessageId"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_whoever_has_the_address_is_answered(
    colour: str, connect: Callable[..., EventStore], mongodb_uri: str, database: str
) -> None:
    """By events, mails, decisions, histories: whatever key was today's when it was stored, or none."""
    import asyncio

    received(connect(), EVENTS[1])
    received(connect(OLD), EVENTS[0])
    received(connect(NEW, OLD), *EVENTS[2:])
    privacy = Protection(PrivacyPolicy.of("transactional"), [NEW, OLD])

    async def asked() -> tuple[Any, ...]:
        if colour == "sync":
            store = connect(NEW, OLD)
            found = store.events.for_recipient("ANN@example.com").to_list()
            letters = list(store.recipient(ANN))
            return found, letters, store.suppression.check(ANN), store.suppression.history(ANN)
        async with AsyncEventStore.connect(mongodb_uri, database=database, privacy=privacy) as other:
            found = await other.events.for_recipient("ANN@example.com").to_list()
            letters = [letter async for letter in other.recipient(ANN)]
            return found, letters, await other.suppression.check(ANN), await other.suppression.history(ANN)

    found, letters, decision, history = asyncio.run(asked())
    assert {stored.type for stored in found} == {"Send", "Delivery", "Bounce", "Click"}
    assert {letter.status.address for letter in letters} == {ANN}
    assert (decision.allowed, decision.address, decision.rule) == (False, ANN, "hard-bounce")
    assert [fact.kind for fact in history.facts] == ["Bounce"]


def test_a_receipt_tells_the_caller_of_whom_he_told(connect: Callable[..., EventStore]) -> None:
    """The events as they came, and whose standing changed, by address: he had it all before."""
    receipt = connect(NEW).receive(genuine(json.dumps(EVENTS[2])))

    assert receipt.event is not None
    assert receipt.event.recipients[0].address == ANN
    assert [standing.address for standing in receipt.standings] == [ANN]


@pytest.mark.parametrize("before", [(), (OLD,)])
def test_what_was_known_comes_along_to_a_new_key(
    before: tuple[Key, ...], connect: Callable[..., EventStore], tables: Any
) -> None:
    """Facts of one person under two names count together, and under the old name nothing is left."""
    soft = [
        testing.payloads.bounce(to=ANN, bounce_type="Transient", bounce_sub_type="MailboxFull", status="5.2.2",
                                diagnostic="smtp; 552 5.2.2 full", after=timedelta(hours=hours), subject=str(hours))
        for hours in (30, 32, 34)
    ]  # fmt: skip
    received(connect(*before), *soft[:2])
    store = connect(NEW, OLD)
    assert store.suppression.check(ANN).allowed

    received(store, soft[2])

    assert store.suppression.check(ANN).rule == "soft-bounces"
    name = store._pseudonyms.of(ANN)  # type: ignore[union-attr]
    assert [row["_id"] for row in tables["ses_suppression"].find({"now": None})] == [name]
    assert {row["address"] for row in tables["ses_suppression_act"].find()} == {name}
    assert store.suppression.rebuild().changed == 0


def test_a_repeat_after_a_rotation_changes_nothing(connect: Callable[..., EventStore]) -> None:
    """The row keeps the name it was stored under, and the person stays one."""
    received(connect(OLD), *EVENTS)
    store = connect(NEW, OLD)

    again = received(store, *EVENTS)

    assert (again.events, again.fresh) == (len(EVENTS), 0)
    assert store.suppression.check(BOB).rule == "complaint"
    assert len(store.events.for_recipient(BOB).to_list()) == 3


@pytest.mark.parametrize("keys", [(OLD,), (OLD, NEW), (NEW, OLD)])
def test_who_may_not_be_mailed_is_known_whoever_has_which_key_first(
    keys: tuple[Key, ...], connect: Callable[..., EventStore]
) -> None:
    """While a new key is rolled out some write by it already."""
    first = connect(*keys[::-1])
    received(first, EVENTS[4])

    assert not connect(*keys).suppression.check(BOB).allowed


def test_a_reactivation_answers_under_all_names(connect: Callable[..., EventStore]) -> None:
    """Those under older keys, and those under the one that others have first already."""
    received(connect(NEW, OLD), EVENTS[2])
    behind = connect(OLD, NEW)
    assert not behind.suppression.check(ANN).allowed

    assert behind.suppression.reactivate(ANN, by="support", why="a new mailbox").allowed

    assert connect(NEW, OLD).suppression.check(ANN).allowed


def test_a_hold_holds_whatever_a_person_is_stored_as(connect: Callable[..., EventStore]) -> None:
    """It names the person, since somebody must be told whom it is about."""
    received(connect(), EVENTS[1])
    store = connect(NEW)
    received(store, *EVENTS)

    store.keeping.hold("address", ANN, by="legal", why="a dispute")

    left = list(store.keeping.rows("2024-05-01", NOW))
    assert {row["Type"] for row in left} == {"Complaint", "Open"}


def test_what_is_not_understood_is_kept_without_its_text_where_the_policy_says_so(
    connect: Callable[..., EventStore], tables: Any
) -> None:
    """It is counted, and cannot be tried again."""
    store = connect(NEW, dead_letters="drop")
    bad = json.dumps({"eventType": "Bounce", "mail": ANN, "bounce": [ANN]})

    for _ in range(2):
        received(store, json.loads(bad))

    letter = store.dead_letters.get(store.dead_letters.list()[0].id)
    assert letter is not None
    assert (letter.content, letter.size, letter.count, letter.truncated) == (b"", len(bad), 2, True)
    assert ANN not in everything(tables)
    assert store.dead_letters.retry().settled == 0


def test_a_dead_letter_is_protected_when_it_is_understood(connect: Callable[..., EventStore], tables: Any) -> None:
    """It is kept as it came until then."""
    store, event = connect(NEW), EVENTS[2]
    text = json.dumps(event).encode()
    store._collections["ses_dead_letter"].insert_one(
        {"content": text, "size": len(text), "problems": [], "received": {"at": NOW, "via": "direct"}, "lastAt": NOW,
         "count": 1, "version": "0"}
    )  # fmt: skip

    assert store.dead_letters.retry().settled == 1
    assert ANN not in everything(tables)


def test_figures_by_provider_are_the_same_under_pseudonyms(connect: Callable[..., EventStore]) -> None:
    """Since domains stay, and where they do not, what they were stands in the group."""
    store = connect(NEW)
    received(store, *EVENTS)

    table = store.analytics.by("recipient_domain", since=NOW - timedelta(days=5))

    assert [row.name for row in table.rows] == ["example.com"]


@pytest.mark.parametrize(
    ("policy", "privacy", "words"),
    [
        ({"plus_tags": ["example.com"]}, {}, "share a mailbox"),
        ({"stream_tag": "stream"}, {"tags": "drop"}, "message tags stream"),
    ],
)
def test_policies_that_do_not_fit_are_refused(
    policy: Any, privacy: Any, words: str, mongodb_uri: str, database: str
) -> None:
    """At once, and not when somebody is mailed who should not have been."""
    from sesevent import ConfigurationError, Policy

    protection = Protection(PrivacyPolicy.of("transactional", **privacy), [NEW])

    with pytest.raises(ConfigurationError, match=words):
        EventStore.connect(mongodb_uri, database=database, policy=Policy.load(policy), privacy=protection)


def test_reasons_stay_where_what_told_them_was_not_kept(connect: Callable[..., EventStore], rows: Any) -> None:
    """Rules of later can tell nothing anew without the server's words: what was told when it came stays."""
    store = connect(NEW, diagnostics="drop")
    words = "smtp; 452 4.2.2 mailbox full"
    received(store, testing.payloads.bounce(to=ANN, bounce_type="Transient", diagnostic=words, status=""))
    (before,) = rows.find()
    assert before["derived"]["bounce"]["reason"] == "mailbox_full"
    assert "mailbox full" not in str(before)
    rows.update_many({}, {"$set": {"derived.rules": "of old"}})

    assert store.reclassify().rows == 1
    assert rows.find_one()["derived"] == before["derived"]
    assert store.reindex().rows == 0


def test_a_status_says_that_it_cannot_find_an_address_among_pseudonyms(connect: Callable[..., EventStore]) -> None:
    """Or finds it by all its forms; nobody is told that a mail did not go to them."""
    from sesevent import ConfigurationError

    store = connect(NEW, OLD)
    received(store, EVENTS[2])
    status = store.status(EVENTS[2]["mail"]["messageId"])
    forms = Protection(PrivacyPolicy.of("transactional"), [NEW]).pseudonyms.forms(ANN)

    assert status.of(ANN, forms).state == "bounced"
    assert status.of(status.recipients[0].address).state == "bounced"
    assert status.of(BOB, [BOB]) is None
    with pytest.raises(ConfigurationError, match="pseudonyms") as caught:
        status.of(ANN)
    assert "store.recipient" in caught.value.hint
    assert [letter.status.state for letter in store.recipient(ANN)] == ["bounced"]


def test_mongoengine_finds_pseudonyms_by_the_keys_it_was_told(
    connect: Callable[..., EventStore], odm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each of them; the plain address too."""
    from sesevent import SesEvent

    received(connect(), EVENTS[3])
    received(connect(OLD), EVENTS[1])
    received(connect(NEW, OLD), EVENTS[2])
    assert SesEvent.objects.for_recipient(ANN).count() == 1
    monkeypatch.setitem(SesEvent._meta, "pseudonyms", None)
    SesEvent.bind(privacy=Protection(PrivacyPolicy.of("transactional"), [NEW, OLD]))
    assert SesEvent.objects.for_recipient("Ann@Example.com").count() == 3
    assert SesEvent.objects.for_recipient(BOB).count() == 0


# ── erased, whatever was kept ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize(
    "now", [(NEW, OLD), (OLD, NEW), (NEW, OLD, "plain")], ids=["newest first", "oldest first", "plain"]
)
def test_an_erasure_finds_every_form_of_a_person(
    connect: Callable[..., EventStore], tables: Any, mongodb_uri: str, database: str, colour: str, now: tuple[Any, ...]
) -> None:
    """Rows in the clear, and by each of several keys; the hash blocks whichever key comes first."""
    received(connect(), EVENTS[0], EVENTS[1])
    early = connect(OLD)
    received(early, EVENTS[2])
    received(connect(NEW, OLD), EVENTS[3], EVENTS[4])
    early.suppression.suppress(ANN, by="support")
    keys = [key for key in now if isinstance(key, Key)]
    privacy = Protection(PrivacyPolicy() if "plain" in now else PrivacyPolicy.of("transactional"), keys)
    forms = [form for form in privacy.pseudonyms.forms(ANN) if not form.startswith("e.")]
    before = [row["derived"]["recipients"] for row in tables["ses_event"].find()]
    assert {form for some in before for form in some if form in forms} == set(forms)

    async def later() -> Any:
        async with AsyncEventStore.connect(mongodb_uri, database=database, privacy=privacy) as own:
            return await own.privacy.erase(ANN, by="desk")

    def at_once() -> Any:
        with EventStore.connect(mongodb_uri, database=database, privacy=privacy) as own:
            return own.privacy.erase(ANN, by="desk")

    assert (at_once() if colour == "sync" else asyncio.run(later())).events == 4
    newest = Key("2026", b"z" * 32)
    stores = [connect(*order) for order in ((OLD, NEW), (NEW, OLD), (newest, NEW, OLD))]
    received(stores[-1], testing.payloads.bounce(to=ANN, message_id="late"))
    names = set(tables.list_collection_names()) - {"ses_erasure"}  # the list has pseudonyms, so that it knows them
    held = "\n".join(str(row) for name in names for row in tables[name].find())
    assert [form for form in (*forms, newest.pseudonym(ANN)) if form in held] == []
    for store in stores:
        assert not store.suppression.check(ANN).allowed
        assert not store.events.for_recipient(ANN).to_list()
