"""What is personal is kept encrypted: found, read, counted, rotated, and made unreadable, in both colours."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import Face, Stores
from payloads import all_genuine, notification, payload
from sesevent import AsyncEventStore, ConfigurationError, EventStore
from sesevent.analytics.measures import Window
from sesevent.contrib.encryption import Encryption, LocalKey
from sesevent.plans.encryption import Encrypted
from sesevent.storage.sealing import TABLE, is_sealed, sealed_in

MASTER = LocalKey(b"m" * 96)
ONE_KEY = Encryption(MASTER)
ANN, BEN, CID = "ann@example.com", "ben@example.net", "cid@example.org"
KINDS = ("Send", "Delivery", "Open", "Click", "Bounce", "Complaint")
Run = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, mongodb_uri: str, database: str, mongo_client: Any) -> Run:
    """Run a body with a store of one colour, encrypting as asked; None: not at all."""
    face = EventStore if request.param == "sync" else AsyncEventStore

    def go(body: Callable[[Face], Awaitable[Any]], encryption: Encryption | None = ONE_KEY) -> Any:
        stores = Stores(request.param, mongo_client[database], lambda: face.connect(
            mongodb_uri, database=database, encryption=encryption))  # fmt: skip
        return stores(body)

    return go


@pytest.fixture(params=[False, True], ids=["one key", "people's keys"])
def encryption(request: pytest.FixtureRequest) -> Encryption:
    return Encryption(MASTER, per_person=request.param)


def told(*people: str, kinds: tuple[str, ...] = KINDS) -> list[dict[str, Any]]:
    """One event of each kind about each of these."""
    return [payload(kind, to=one, message_id=mail(one)) for one in people for kind in kinds]


def mail(address: str) -> str:
    """SES's id of the mail to somebody."""
    return f"m-{address.partition('@')[0]}"


def received(*events: dict[str, Any]) -> Any:
    return lambda store: store.receive_many(all_genuine([notification(event) for event in events]))


def of(address: str) -> Any:
    return lambda store: store.events.for_recipient(address)


def everything(tables: Any) -> str:
    """All that MongoDB holds, as text; what is binary as Latin-1."""
    names = tables.list_collection_names()
    return "\n".join(repr(row) for name in names for row in tables[name].find())


def test_nothing_personal_is_in_the_database(run: Run, tables: Any, encryption: Encryption) -> None:
    """And the store answers as ever: by address, however spelled; decisions, lists, history, status."""

    async def body(face: Face) -> None:
        await face.get(received(*told(ANN, BEN)))
        await face.get(lambda store: store.suppression.suppress(CID, by="eve", note="called"))
        await face.get(lambda store: store.keeping.hold("address", CID, by="eve", why="law"))

        assert sorted(event.type for event in await face.get(of("Ann <ANN@Example.com>"))) == sorted(KINDS)
        assert {event.event.mail.destination[0] for event in await face.get(of(ANN))} == {ANN}
        assert (await face.get(lambda store: store.suppression.check("ANN@example.com"))).rule == "complaint"
        listed = await face.get(lambda store: store.suppression.list())
        assert sorted(one.address for one in listed) == [ANN, BEN, CID]
        history = await face.get(lambda store: store.suppression.history(CID))
        assert [act.note for act in history.acts] == ["called"]
        assert (await face.get(lambda store: store.status(mail(ANN)))).recipients[0].address == ANN
        assert [hold.value for hold in await face.get(lambda store: store.keeping.holds())] == [CID]

    run(body, encryption)
    kept = everything(tables)
    assert len(list(sealed_in([*tables["ses_event"].find()]))) >= 36
    assert [secret for secret in (ANN, BEN, CID, "Hello", "https://example.com/") if secret in kept] == []


def test_every_row_of_the_table_is_sealed(run: Run, tables: Any) -> None:
    """The documentation is printed of it: it says nothing that is not so."""

    async def body(face: Face) -> None:
        two = payload("Click", to=ANN, destination=[ANN, BEN])
        await face.get(received(two, *told("cid+news@example.com")))
        await face.get(lambda store: store.receive_many(all_genuine([b"{"])))
        await face.get(lambda store: store.suppression.suppress(ANN, by="eve", note="called"))
        await face.get(lambda store: store.keeping.hold("address", CID, by="eve", why="law"))

    run(body, Encryption(MASTER, per_person=True))
    for row in TABLE:
        found = [value for document in tables[row.collection].find() for value in _at(document, row.path.split("."))]
        assert found, row
        assert all(is_sealed(value) for value in found), row
        assert {value[0] for value in found} == {1 if row.equal else 2}, row


def _at(value: Any, path: list[str]) -> list[Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [] if value is None else value if isinstance(value, list) else [value]


def test_rows_read_as_they_were_written(run: Run, encryption: Encryption, store: Any) -> None:
    """The same documents as a store in the clear has, but for when they were received."""
    events = told(ANN, BEN)
    store.receive_many(all_genuine([notification(event) for event in events]))
    clear = {row.id: {**row.document, "received": None} for row in store.events.between()}
    store.client.drop_database(store.events._collections["ses_event"].database.name)

    async def body(face: Face) -> None:
        await face.get(received(*events))
        rows = await face.get(lambda store: store.events.between())
        assert {row.id: {**row.document, "received": None} for row in rows} == clear
        assert all(row.key == str(row.id) and row.unreadable is None for row in rows)

    run(body, encryption)


def test_storing_again_stores_nothing(run: Run, tables: Any, encryption: Encryption) -> None:
    """Keys, facts and standings are recognised although nothing can be compared by eye."""

    async def body(face: Face) -> None:
        first = await face.get(received(*told(ANN)))
        before = {name: tables[name].count_documents({}) for name in ("ses_event", "ses_suppression_act", "ses_key")}
        again = await face.get(received(*told(ANN)))

        assert (first.fresh, again.fresh) == (6, 0)
        assert {name: tables[name].count_documents({}) for name in before} == before

    run(body, encryption)


def test_figures_are_the_same(run: Run, encryption: Encryption) -> None:
    """By provider, by domain, funnels, links: what they count by is deterministic, or a domain."""
    simulated = payload("Delivery", to="success@simulator.amazonses.com", message_id="m-s")
    links = [payload("Click", to=one, message_id=mail(one), at="2024-05-01T13:00:00.000Z", body={
        "link": f"https://example.com/offer?who={one}"}) for one in (ANN, BEN)]  # fmt: skip
    window = Window(datetime(2024, 5, 1, tzinfo=timezone.utc), datetime(2024, 5, 2, tzinfo=timezone.utc))

    async def body(face: Face) -> Any:
        await face.get(received(*told(ANN, BEN), simulated, *links))
        ask = {"since": window.since, "until": window.until}
        tops = await face.get(lambda store: store.analytics.top_links(**ask))
        by_tag = await face.get(lambda store: store.analytics.by("tag", name="campaign", **ask))
        funnel = await face.get(lambda store: store.analytics.funnel(**ask))
        gmail = await face.get(lambda store: store.events.find(recipient_domain="example.net", **ask))
        other = await face.get(lambda store: store.events.find(provider="gmail", **ask))
        return sorted(map(repr, tops)), repr(by_tag), repr(funnel), len(gmail), len(other)

    async def empty(face: Face) -> None:
        for name in ("ses_event", "ses_suppression", "ses_suppression_act"):
            found = face.store.events._collections[name].delete_many({})
            if isinstance(found, Awaitable):
                await found

    clear = run(body, None)
    run(empty, None)
    assert run(body, encryption) == clear
    assert clear[3] == 7


def test_a_link_that_was_followed_before_and_after_is_one(run: Run, encryption: Encryption) -> None:
    """A store begins to encrypt while people click: one row for the link, and the first of two stays so."""

    def followed(person: str, *links: str) -> Any:
        clicks = [payload("Click", to=person, message_id=f"{mail(person)}{number}", at="2024-05-01T13:00:00.000Z",
                          body={"link": f"https://example.com/{link}"}) for number, link in enumerate(links)]  # fmt: skip
        return lambda face: face.get(received(*clicks))

    async def body(face: Face) -> Any:
        window = {
            "since": datetime(2024, 5, 1, tzinfo=timezone.utc),
            "until": datetime(2024, 5, 2, tzinfo=timezone.utc),
        }
        tops = await face.get(lambda store: store.analytics.top_links(**window, limit=1))
        return [(one.link, one.machine_mails, one.machine_clicks) for one in tops]

    run(followed(ANN, "offer", "offer", "terms"), None)
    run(followed(BEN, "terms", "terms", "help"), encryption)
    assert run(body, encryption) == [("https://example.com/terms", 3, 3)]


def test_old_and_new_rows_are_read_side_by_side(run: Run, tables: Any, encryption: Encryption) -> None:
    """A store that begins to encrypt finds, decides and counts with what is there already; then all is encrypted."""

    async def before(face: Face) -> None:
        await face.get(received(*told(ANN, BEN, kinds=("Send", "Bounce"))))
        await face.get(lambda store: store.suppression.suppress(CID, by="eve"))
        await face.get(lambda store: store.receive_many(all_genuine([b"{"])))

    async def beside(face: Face) -> None:
        assert (await face.get(received(*told(ANN, kinds=("Send", "Bounce"))))).fresh == 0
        await face.get(received(*told(ANN, kinds=("Complaint",)), *told("dan@example.com", kinds=("Bounce",))))

        assert len(await face.get(of(ANN))) == 3
        assert (await face.get(lambda store: store.suppression.check(ANN))).rule == "complaint"
        assert (await face.get(lambda store: store.suppression.check(CID))).rule == "manual"
        listed = [one.address for one in await face.get(lambda store: store.suppression.list())]
        assert sorted(listed) == [ANN, BEN, CID, "dan@example.com"]
        assert len(await face.get(lambda store: store.dead_letters.list())) == 1
        assert (await face.get(lambda store: store.encryption.status())).in_clear

    async def after(face: Face) -> None:
        pages: list[Encrypted] = []
        whole = await face.get(lambda store: store.encryption.encrypt_existing(on_progress=pages.append))
        again = await face.get(lambda store: store.encryption.encrypt_existing())

        assert (whole.encrypted > 5, again.encrypted, len(pages)) == (True, 0, 5)
        assert len(await face.get(of(ANN))) == 3
        listed = [one.address for one in await face.get(lambda store: store.suppression.list())]
        assert sorted(listed) == [ANN, BEN, CID, "dan@example.com"]
        assert (await face.get(lambda store: store.encryption.status())).in_clear == ()
        assert (await face.get(received(*told(ANN, kinds=("Send", "Bounce", "Complaint"))))).fresh == 0
        letter = (await face.get(lambda store: store.dead_letters.list()))[0]
        assert (await face.get(lambda store: store.dead_letters.get(letter.id))).content == b"{"

    run(before, None)
    acts = tables["ses_suppression_act"].count_documents({})
    run(beside, encryption)
    assert tables["ses_suppression_act"].count_documents({}) == acts + 2
    run(after, encryption)
    left = everything(tables)
    assert [
        line[:2000] for line in left.splitlines() if any(one in line for one in ("ann@", "ben@", "cid@", "dan@"))
    ] == []


def test_a_long_list_is_told_page_by_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address once, in some order, also while half of them are in the clear; *after* goes on behind one."""
    monkeypatch.setattr("sesevent.plans.acts.PAGE", 3)
    monkeypatch.setattr("sesevent.sync.acts.PAGE", 3)
    people = [f"p{number}@example.com" for number in range(16)]

    def adding(some: list[str]) -> Any:
        async def body(face: Face) -> None:
            for one in some:
                await face.get(lambda store, one=one: store.suppression.suppress(one, by="eve"))

        return body

    async def listing(face: Face) -> None:
        listed = [one.address for one in await face.get(lambda store: store.suppression.list())]
        assert sorted(listed) == sorted(people)
        rest = await face.get(lambda store: store.suppression.list(after=listed[4]))
        assert [one.address for one in rest] == listed[5:]
        rest = await face.get(lambda store: store.suppression.list(after=listed[12]))
        assert [one.address for one in rest] == listed[13:]
        rebuilt = await face.get(lambda store: store.suppression.rebuild())
        assert (rebuilt.changed, rebuilt.looked_at) == (0, 32)

    run(adding(people[:8]), None)
    run(adding(people[8:]))
    run(listing)


def test_a_person_can_be_made_unreadable(run: Run, tables: Any) -> None:
    """Everywhere, at once, for good; others and figures stay, and so does whom one may not mail."""
    keys = Encryption(MASTER, per_person=True)

    async def body(face: Face) -> None:
        await face.get(received(*told(ANN, BEN)))
        assert await face.get(lambda store: store.encryption.shred("Ann@Example.com", by="eve", why="asked")) == 1
        assert await face.get(lambda store: store.encryption.shred(ANN, by="eve", why="asked")) == 0

        assert await face.get(of(ANN)) == []
        rows = await face.get(lambda store: store.events.by_message_id(mail(ANN)))
        assert {(row.unreadable, "Message" in row.document, "Subject" in row.document) for row in rows} == {
            ("erased", False, False)
        }
        assert sorted(row.type for row in rows) == sorted(KINDS)
        assert {tuple(row.document["derived"]["recipients"]) for row in rows} == {("erased@erased.invalid",)}
        assert all(row.key == str(row.id) for row in rows)
        assert len(await face.get(of(BEN))) == 6
        assert (await face.get(lambda store: store.suppression.check(ANN))).rule == "complaint"
        entry = (await face.get(lambda store: store.audit.latest()))[0]
        assert (entry.act, entry.by, entry.why) == ("key shredded", "eve", "asked")

        await face.get(lambda store: store.suppression.rebuild())
        await face.get(lambda store: store.reclassify())
        assert [one.address for one in await face.get(lambda store: store.suppression.list())] in (
            [ANN, BEN], [BEN, ANN],
        )  # fmt: skip
        assert (await face.get(received(payload("Open", to=ANN, at="2024-06-01T00:00:00.000Z")))).fresh == 1
        assert len(await face.get(of(ANN))) == 1
        status = await face.get(lambda store: store.encryption.status())
        assert (status.people, status.erased) == (2, 1)

    run(body, keys)
    assert "ann@" not in everything(tables)


def test_of_several_people_only_the_one_is_made_unreadable(run: Run) -> None:
    """In the recipients, in headers, in links and in what a server said: the text holds tokens, and each a key."""
    bounce = payload(
        "Bounce", to=ANN, destination=[ANN, BEN, CID],
        commonHeaders={"subject": "Hello", "to": [f"Ann <{ANN}>", BEN], "cc": [CID]},
        body={"bouncedRecipients": [
            {"emailAddress": ANN, "diagnosticCode": f"550 <{ANN}> unknown"},
            {"emailAddress": BEN, "diagnosticCode": f"552 {BEN} is full"},
        ]},
    )  # fmt: skip

    async def body(face: Face) -> None:
        await face.get(received(bounce))
        (row,) = await face.get(of(BEN))
        text = row.document["Message"]
        assert (text.count(ANN), text.count(BEN), text.count(CID)) == (4, 4, 2)
        assert row.event.bounce.bounced_recipients[0].email_address == ANN
        assert row.key == str(row.id)

        await face.get(lambda store: store.encryption.shred(ANN, by="eve", why="asked"))
        (row,) = await face.get(of(BEN))
        text = row.document["Message"]
        assert (row.unreadable, ANN in text, text.count(BEN), text.count(CID)) == ("erased", False, 4, 2)
        assert [one.address for one in row.event.recipients][1] == BEN
        assert (await face.get(lambda store: store.status("m-1"))).of(BEN).reason

    run(body, Encryption(MASTER, per_person=True))


def test_a_lost_key_costs_its_rows_and_no_others(run: Run, tables: Any) -> None:
    """They say so; a damaged value likewise. Nothing is written with a key that is gone."""

    async def before(face: Face) -> None:
        await face.get(received(*told(ANN)))
        await face.get(lambda store: store.encryption.new_data_key(by="eve", why="yearly"))
        await face.get(received(*told(BEN)))

    async def after(face: Face) -> None:
        rows = await face.get(lambda store: store.events.between())
        assert {(row.message_id, row.unreadable) for row in rows} == {(mail(ANN), "key lost"), (mail(BEN), None)}
        assert len(await face.get(of(BEN))) == 6
        assert (await face.get(received(*told(CID)))).fresh == 6

    async def nothing(face: Face) -> None:
        with pytest.raises(ConfigurationError, match="not in its key vault"):
            await face.get(received(*told("dan@example.com")))
        assert len(await face.get(lambda store: store.events.between())) == 18
        await face.get(lambda store: store.encryption.new_data_key(by="eve", why="it was lost"))
        assert (await face.get(received(*told("dan@example.com")))).fresh == 6

    run(before)
    ring = tables["ses_encryption"].find_one({"_id": "ring"})
    tables["ses_key"].delete_one({"_id": ring["events"][0]})
    run(after)
    tables["ses_key"].delete_one({"_id": ring["events"][1]})
    run(nothing)


def test_who_may_be_mailed_is_never_guessed_without_the_key(run: Run, tables: Any) -> None:
    """An address that cannot be looked up is not one of whom nothing is known."""

    async def before(face: Face) -> None:
        await face.get(received(*told(ANN)))

    async def after(face: Face) -> None:
        with pytest.raises(ConfigurationError, match="not in its key vault"):
            await face.get(lambda store: store.suppression.check(ANN))

    run(before)
    tables["ses_key"].delete_one({"_id": tables["ses_encryption"].find_one({"_id": "ring"})["addresses"]})
    run(after)


def test_a_damaged_value_is_told(run: Run, tables: Any) -> None:
    """It is not taken for another text."""

    async def before(face: Face) -> None:
        await face.get(received(*told(ANN, kinds=("Send",))))

    async def after(face: Face) -> None:
        (row,) = await face.get(of(ANN))
        assert (row.unreadable, row.type) == ("damaged", "Send")

    run(before)
    sealed = bytearray(tables["ses_event"].find_one()["Message"])
    sealed[60] ^= 1
    from bson import Binary

    tables["ses_event"].update_one({}, {"$set": {"Message": Binary(bytes(sealed), 6)}})
    run(after)


def test_a_new_data_key_is_for_new_rows(run: Run, tables: Any) -> None:
    """Old and new are found by one question; the master key may change at the same time."""
    later = LocalKey(b"n" * 96, name="later")

    async def first(face: Face) -> None:
        await face.get(received(*told(ANN, kinds=("Send",))))
        assert await face.get(lambda store: store.encryption.new_data_key(by="eve", why="yearly")) == 2
        await face.get(received(*told(ANN, kinds=("Bounce",))))
        assert len(await face.get(of(ANN))) == 2

    async def second(face: Face) -> None:
        await face.get(lambda store: store.encryption.rotate(by="eve", why="yearly"))
        acts = [entry.act for entry in await face.get(lambda store: store.audit.latest())]
        assert {"data key made", "master key rotated"} <= set(acts)

    async def third(face: Face) -> None:
        assert len(await face.get(of(ANN))) == 2

    run(first)
    run(second, Encryption(later, others=(MASTER,)))
    run(third, Encryption(later))
    used = {value[1:17] for row in tables["ses_event"].find() for value in sealed_in(row)}
    assert len(used) == 2
    with pytest.raises(ConfigurationError):
        run(third, Encryption(MASTER))


def test_what_others_do_to_keys_is_noticed_within_a_minute(mongodb_uri: str, database: str) -> None:
    """Not before: a key that is in use is not asked for with each event."""
    now = [datetime(2024, 5, 1, tzinfo=timezone.utc)]
    keys = Encryption(MASTER, per_person=True)
    with (
        EventStore.connect(mongodb_uri, database=database, encryption=keys, clock=lambda: now[0]) as one,
        EventStore.connect(mongodb_uri, database=database, encryption=keys) as other,
    ):
        one.ensure_indexes()
        one.receive_many(all_genuine([notification(event) for event in told(ANN)]))
        other.encryption.shred(ANN, by="eve", why="asked")
        assert len(one.events.for_recipient(ANN).to_list()) == 6
        now[0] += timedelta(seconds=61)
        assert one.events.for_recipient(ANN).to_list() == []


def test_two_who_begin_at_once_use_the_same_keys(mongodb_uri: str, database: str) -> None:
    """Whoever is later follows."""
    from concurrent.futures import ThreadPoolExecutor

    keys = Encryption(MASTER, per_person=True)
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: EventStore.connect(mongodb_uri, database=database, encryption=keys), range(4)))
        list(pool.map(lambda pair: pair[1].receive_many(all_genuine([notification(payload(
            "Send", to=ANN, message_id=f"m-{pair[0]}"))])), enumerate(stores)))  # fmt: skip
    assert [len(store.events.for_recipient(ANN).to_list()) for store in stores] == [4] * 4
    assert stores[0].encryption.status().people == 1
    for store in stores:
        store.close()


def test_archives_hold_what_the_database_holds(run: Run, tables: Any) -> None:
    """What leaves the log leaves encrypted, comes back so, and is as unreadable once its key is gone."""
    keys = Encryption(MASTER, per_person=True)
    later = datetime(2025, 1, 1, tzinfo=timezone.utc)

    async def body(face: Face) -> None:
        await face.get(received(*told(ANN, BEN)))
        before = list(tables["ses_event"].find())
        rows = await face.get(lambda store: store.keeping.rows("2024-05-01", later))
        assert all(is_sealed(row["Message"]) for row in rows)
        assert await face.get(lambda store: store.keeping.take_out(rows)) == 12
        await face.get(lambda store: store.encryption.shred(ANN, by="eve", why="asked"))
        assert await face.get(lambda store: store.keeping.put_back(rows)) == 12

        assert sorted(tables["ses_event"].find(), key=lambda row: row["_id"]) == sorted(
            before, key=lambda row: row["_id"]
        )
        assert await face.get(of(ANN)) == []
        assert len(await face.get(of(BEN))) == 6

    run(body, keys)


def test_a_watch_tells_events_as_they_were(run: Run) -> None:
    """Of a change stream as of questions."""

    async def body(face: Face) -> None:
        for polling in (False, True):
            await face.get(received(payload("Send", to=ANN, message_id=f"w-{polling}")))
            since = datetime.now(timezone.utc) - timedelta(minutes=1)
            watch = face.store.watch(since=since, polling=polling, max_wait_seconds=5)
            if face.colour == "sync":
                with watch as rows:
                    first = next(iter(rows))
            else:
                async with watch as rows:
                    first = await anext(aiter(rows))
            assert json.loads(first.document["Message"])["mail"]["destination"] == [ANN]
            assert first.document["derived"]["recipients"] == [ANN]

    run(body)


def test_a_cached_check_forgets_whom_others_speak_of(mongodb_uri: str, database: str) -> None:
    """The change names an encrypted address."""
    import time

    from sesevent.cache import CachedChecks

    keys = Encryption(MASTER)
    with EventStore.connect(mongodb_uri, database=database, encryption=keys) as store, CachedChecks(store) as checks:
        assert checks.check(ANN).allowed
        store.suppression.suppress(ANN, by="eve")
        ends = time.monotonic() + 20
        while checks.check(ANN).allowed and time.monotonic() < ends:
            time.sleep(0.05)
        assert not checks.check(ANN).allowed


@pytest.mark.in_clear("the store is to encrypt nothing")
def test_a_store_that_encrypts_nothing_says_so(store: Any) -> None:
    """Its keys cannot be asked for."""
    with pytest.raises(ConfigurationError, match="encrypts nothing"):
        store.encryption.status()


@pytest.mark.parametrize("wrong", [{"by": ""}, {"why": ""}, {"address": "nobody"}])
def test_a_key_is_not_destroyed_by_accident(wrong: dict[str, str], run: Run) -> None:
    """Who, why, and of whom must be said."""
    said = {"address": ANN, "by": "eve", "why": "asked"} | wrong

    async def body(face: Face) -> None:
        with pytest.raises(ConfigurationError):
            await face.get(lambda store: store.encryption.shred(said.pop("address"), **said))

    run(body, Encryption(MASTER, per_person=True))
