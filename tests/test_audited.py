"""Whatever changes what is known of people, or shows it, stands in the audit trail: a table, and nothing beside it."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sesevent import EventStore, Verifier, local, testing, trusted
from sesevent.faces import (
    analytics,
    audit,
    compliance,
    encryption,
    histories,
    keeping,
    migration,
    monitor,
    privacy,
    retention,
    storage,
    tokens,
    watch,
)  # fmt: skip
from sesevent.privacy.protection import Protection
from sesevent.privacy.pseudonyms import Key
from sesevent.retention import Retention
from sesevent.suppression.facts import ACTS, Act
from sesevent.suppression.policy import Policy
from sesevent.sync import DeadLetters, EventRepository, SuppressionList
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer

WHO = "ann.person@example.com"
NOW = datetime(2025, 6, 1, tzinfo=timezone.utc)
POLICY = Retention.loads('[[rule]]\nwhy = "x"\ndelete = "13 months"')


def handshake(kind: Any) -> Any:
    signer = Signer()
    verifier = Verifier(topics=TOPIC, certificates=signer.certificates, clock=lambda: SENT)
    return verifier.verify(signer.handshake(kind))


def with_an_old_event(store: Any) -> Any:
    store.receive(trusted(testing.bounce(to=WHO, sent=NOW - timedelta(days=800)), because="a test's own"))
    return store


def with_a_dead_letter(store: Any) -> Any:
    store.receive_many([trusted("{oops", because="a test's own")])
    return store


def archived(store: Any, directory: Any) -> Any:
    pytest.importorskip("pyarrow")
    from sesevent.contrib.archive import Archive, Directory

    archive = Archive(with_an_old_event(store), Directory(directory), by="ann")
    archive.run(NOW)
    return archive


def clicked(store: Any) -> None:
    pytest.importorskip("cryptography")
    from sesevent.unsubscribe import OneClick, Settings, Unsubscribe

    one_click = OneClick("https://mail.example.com/u", "k" * 43)
    query = one_click.link(WHO, stream="news").partition("?")[2]
    form = {"content-type": "application/x-www-form-urlencoded"}
    Unsubscribe(store, Settings(one_click)).answer("POST", query, lambda: b"List-Unsubscribe=One-Click", form)


def revoked(store: Any) -> None:
    store.tokens.revoke(store.tokens.create("x").token.id)


def released(store: Any) -> None:
    store.keeping.release(store.keeping.hold("address", WHO, by="ann", why="x").id, by="ann", why="y")


def ended(store: Any) -> None:
    store.retention.expire(POLICY, by="ann")
    store.retention.stop_expiring(by="ann")


def connected(store: Any, uri: str, policy: Policy) -> None:
    EventStore.connect(uri, database=store.client_database, policy=policy).close()


def keyed(store: Any, uri: str) -> Any:
    """The same store, with a key for pseudonyms and keyed hashes."""
    return EventStore.connect(
        uri, database=store.client_database, privacy=Protection(keys=[Key("k1", b"of the tests, alone")])
    )


def erased(store: Any, uri: str) -> None:
    with keyed(with_an_old_event(store), uri) as other:
        other.privacy.erase(WHO, by="ann", why="asked us")
        other.privacy.readmit(WHO, by="ann", why="came back")


def told_about(store: Any, uri: str) -> None:
    with keyed(with_an_old_event(store), uri) as other:
        other.privacy.export(WHO, by="ann")


def encrypted(store: Any, uri: str) -> None:
    pytest.importorskip("pymongocrypt")
    from sesevent.contrib.encryption import Encryption, LocalKey

    told = Encryption(LocalKey(b"k" * 96), per_person=True)
    with EventStore.connect(uri, database=store.client_database, encryption=told) as other:
        with_an_old_event(other)
        other.encryption.new_data_key(by="ann", why="yearly")
        other.encryption.rotate(by="ann", why="yearly")
        other.encryption.shred(WHO, by="ann", why="asked us")


Doing = Callable[[Any, Any, str], object]
DONE: dict[str, tuple[str, Doing]] = {
    # the word → what it is called in the trail, and something that does it
    "suppression: put on the list": ("suppress", lambda s, d, u: s.suppression.suppress(WHO, by="ann")),
    "suppression: unsubscribed": ("unsubscribe", lambda s, d, u: s.suppression.unsubscribe(WHO, stream="news")),
    "suppression: by one click": ("unsubscribe", lambda s, d, u: clicked(s)),
    "suppression: came back": ("resubscribe", lambda s, d, u: s.suppression.resubscribe(WHO, stream="news")),
    "suppression: many at once": (
        "acts recorded", lambda s, d, u: s.suppression.record([(WHO, Act(NOW, "", "listed"))])),
    "suppression: a list": ("list imported", lambda s, d, u: s.suppression.import_([WHO], by="ann")),
    "reactivation": ("reactivate", lambda s, d, u: s.suppression.reactivate(WHO, by="ann", why="x")),
    "export": ("exported", lambda s, d, u: s.suppression.export(io.StringIO(), by="ann")),
    "policy: suppression": ("policy followed", lambda s, d, u: connected(s, u, Policy(name="other"))),
    "policy: retention": ("policy followed", lambda s, d, u: s.retention.run(POLICY, by="ann")),
    "key: seals cursors": ("key made", lambda s, d, u: s.tokens.sealing_key()),
    "key: unsubscribe links": ("keys in use", lambda s, d, u: clicked(s)),
    "key: pseudonyms": ("keys in use", lambda s, d, u: keyed(s, u).close()),
    "key: of data": ("data key made", lambda s, d, u: encrypted(s, u)),
    "key: of keys": ("master key rotated", lambda s, d, u: encrypted(s, u)),
    "key: a person's": ("key shredded", lambda s, d, u: encrypted(s, u)),
    "erasure: begins": ("erasure begins", lambda s, d, u: erased(s, u)),
    "erasure: ends": ("erasure ends", lambda s, d, u: erased(s, u)),
    "erasure: taken back": ("readmitted", lambda s, d, u: erased(s, u)),
    "a person is told": ("personal data exported", lambda s, d, u: told_about(s, u)),
    "key: an API token": ("token created", lambda s, d, u: s.tokens.create("x", by="ann")),
    "key: an API token ends": ("token revoked", lambda s, d, u: revoked(s)),
    "retention: begins": ("retention delete begins", lambda s, d, u: with_an_old_event(s).retention.run(POLICY)),
    "retention: ends": ("retention delete ends", lambda s, d, u: with_an_old_event(s).retention.run(POLICY)),
    "retention: by MongoDB": ("expiry begins", lambda s, d, u: s.retention.expire(POLICY, by="ann")),
    "retention: no more by MongoDB": ("expiry ends", lambda s, d, u: ended(s)),
    "migration: taken back": ("migration undone", lambda s, d, u: s.migration.undo(by="ann")),
    "hold": ("hold", lambda s, d, u: s.keeping.hold("address", WHO, by="ann", why="x")),
    "hold: lifted": ("release", lambda s, d, u: released(s)),
    "archive": ("archive written", lambda s, d, u: archived(s, d)),
    "archive: deleted here": ("archive deleted here", lambda s, d, u: archived(s, d)),
    "restore": ("archive restored", lambda s, d, u: archived(s, d).restore()),
    "dead letters": ("dead letters purged", lambda s, d, u: with_a_dead_letter(s).dead_letters.purge(everything=True)),
    "subscription: confirmed": (
        "subscription confirmed", lambda s, d, u: s.record_handshake(handshake("SubscriptionConfirmation"), confirmed=True)),
    "subscription: offered": (
        "subscription offered", lambda s, d, u: s.record_handshake(handshake("SubscriptionConfirmation"))),
    "subscription: ended": ("unsubscribed", lambda s, d, u: s.record_handshake(handshake("UnsubscribeConfirmation"))),
}  # fmt: skip
"""Acts of a store. Those of the HTTP API (unmasking, exports, use of tokens) are below."""


@pytest.mark.parametrize("word", DONE)
def test_whatever_is_done_is_in_the_trail(
    word: str, store: Any, database: str, mongodb_uri: str, tmp_path: Any
) -> None:
    """By its name, naming nobody; and the chain holds."""
    store.client_database = database
    act, do = DONE[word]
    do(store, tmp_path, mongodb_uri)
    told = store.audit.latest()

    assert act in [entry.act for entry in told]
    assert "ann.person" not in repr(told)
    assert store.audit.verify().intact


def test_the_guide_tells_of_every_act() -> None:
    """Whoever reads a trail finds there what its words mean."""
    guide = (Path(__file__).parents[1] / "docs/how-to/keep-an-audit-trail.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([^`]+)`", guide)) | {"retention delete begins", "retention delete ends"}  # told as one

    assert {act for act, _ in DONE.values()} <= told


def test_a_compaction_is_in_the_trail() -> None:
    """On a server of its own: while it goes on, others there may wait for long."""
    with local.server() as uri, EventStore.connect(uri, database="alone", timeout_seconds=60) as store:
        with_an_old_event(store).storage.compact(by="ann")

        assert "compacted" in [entry.act for entry in store.audit.latest()]
        assert store.audit.verify().intact


def test_every_act_about_a_person_is_one_of_the_table() -> None:
    """A new one must be audited too."""
    one_by_one = {act for act, _ in DONE.values()}
    assert {"suppress", "unsubscribe", "resubscribe", "reactivate"} <= one_by_one
    by_others = {"complaint", "listed", "unlisted", "erase"}  # by `record` and lists; by an erasure, told as that
    assert ACTS.keys() - one_by_one == by_others


READS, HERE = "(changes nothing)", "(its entry is told above)"
METHODS: dict[str, str] = {
    "EventStore.adopt": "(works out again what the row says already)",
    "EventStore.close": READS,
    "EventStore.connect": HERE,
    "EventStore.ensure_indexes": "(concerns nobody)",
    "EventStore.examine": READS,
    "EventStore.health": "(one document that concerns nobody)",
    "EventStore.on": READS,
    "EventStore.receive": "(each event is its own record)",
    "EventStore.receive_each": "(each event is its own record)",
    "EventStore.receive_many": "(each event is its own record)",
    "EventStore.recipient": READS,
    "EventStore.reclassify": "(works out again what the row says already)",
    "EventStore.reindex": "(works out again what the row says already)",
    "EventStore.record_handshake": HERE,
    "EventStore.status": READS,
    "EventStore.status_many": READS,
    "EventStore.watch": "(keeps its place, which concerns nobody)",
    "SuppressionList.check": READS,
    "SuppressionList.check_many": READS,
    "SuppressionList.export": HERE,
    "SuppressionList.filter": READS,
    "SuppressionList.history": READS,
    "SuppressionList.import_": HERE,
    "SuppressionList.list": READS,
    "SuppressionList.mirrored": READS,
    "SuppressionList.reactivate": HERE,
    "SuppressionList.rebuild": "(works out again what follows from facts and acts)",
    "SuppressionList.record": HERE,
    "SuppressionList.resubscribe": HERE,
    "SuppressionList.simulate": READS,
    "SuppressionList.stream_for": READS,
    "SuppressionList.tenant_for": READS,
    "SuppressionList.suppress": HERE,
    "SuppressionList.unsubscribe": HERE,
    "DeadLetters.count": READS,
    "DeadLetters.get": READS,
    "DeadLetters.list": READS,
    "DeadLetters.purge": HERE,
    "DeadLetters.retry": "(stores what arrived before; the HTTP API writes down who asked for it)",
    "Keeping.documents": READS,
    "Keeping.hold": HERE,
    "Keeping.holds": READS,
    "Keeping.next_day": READS,
    "Keeping.put_back": "(for an archive, which writes it down by part)",
    "Keeping.release": HERE,
    "Keeping.rows": READS,
    "Keeping.seal": "(concerns nobody)",
    "Keeping.take_out": "(for an archive and for retention, which write it down by part and by day)",
    "Keeping.thin": "(for retention, which writes it down by day)",
    "Retaining.expire": HERE,
    "Retaining.expires_after": READS,
    "Retaining.plan": READS,
    "Retaining.run": HERE,
    "Retaining.stop_expiring": HERE,
    "Tokens.create": HERE,
    "Tokens.find": READS,
    "Tokens.list": READS,
    "Tokens.recognise": "(the HTTP API writes down each hour in which a token is used)",
    "Tokens.revoke": HERE,
    "Tokens.sealing_key": HERE,
    "Privacy.erase": HERE,
    "Privacy.export": HERE,
    "Privacy.readmit": HERE,
    "Privacy.receipt": READS,
    "Privacy.receipts": READS,
    "Encrypting.encrypt_existing": "(the same values, in another form)",
    "Encrypting.new_data_key": HERE,
    "Encrypting.rotate": HERE,
    "Encrypting.shred": HERE,
    "Encrypting.status": READS,
    "Migration.inspect": READS,
    "Migration.run": "(works out what the row says already; repeats that are deleted are told)",
    "Migration.undo": HERE,
    "Monitor.acknowledge": "(concerns an alarm; its own log says who)",
    "Monitor.silence": "(concerns an alarm; its own log says who)",
    "Storage.compact": HERE,
    "Storage.measure": "(copies that are gone when it returns)",
    "Storage.report": READS,
}
"""Of every method of a store: is it audited, or why not?"""
READ_ONLY = (EventRepository, analytics.Analytics, audit.Audit, compliance.Compliance, histories.RecipientHistory,
             watch.Watch)  # fmt: skip
"""Faces that show and count; reading a database directly is open to whoever may connect to it, and leaves no trace."""
FACES = (EventStore, SuppressionList, DeadLetters, keeping.Keeping, retention.Retaining, tokens.Tokens, storage.Storage,
         privacy.Privacy, encryption.Encrypting, migration.Migration)  # fmt: skip


def test_every_method_is_audited_or_has_a_reason_why_not() -> None:
    """Whoever adds one says which."""
    methods = {
        f"{face.__name__}.{name}"
        for face in FACES
        for name, member in inspect.getmembers(face)
        if not name.startswith("_") and callable(member)
    }
    assert methods == {name for name in METHODS if not name.startswith("Monitor.")}
    assert all(hasattr(monitor.Monitor, name.partition(".")[2]) for name in METHODS if name.startswith("Monitor."))


# ── what is said at each start ──────────────────────────────────────────────────────────────────────────────────────


def test_a_policy_is_told_when_it_changes_and_not_at_each_start(store: Any, database: str, mongodb_uri: str) -> None:
    """The default of a store that never had another is no news; back to it is."""
    store.client_database = database
    for policy in (Policy(), Policy(name="strict"), Policy(name="strict"), Policy(), Policy()):
        connected(store, mongodb_uri, policy)
    told = [entry.detail["version"] for entry in store.audit.latest() if entry.act == "policy followed"]

    assert told == [Policy().version, Policy(name="strict").version]


def test_a_privacy_policy_is_told_when_it_changes(store: Any, database: str, mongodb_uri: str) -> None:
    """Also when there is none any more: then everything is kept."""
    from sesevent.privacy.policy import PrivacyPolicy

    strict = PrivacyPolicy.load({"ip_address": "drop"})
    for protection in (None, Protection(strict), Protection(strict), None):
        EventStore.connect(mongodb_uri, database=database, privacy=protection).close()
    told = [entry.detail["version"] for entry in store.audit.latest() if entry.subject == "privacy policy"]

    assert told == ["", strict.version]


def test_a_retention_policy_is_told_with_its_rules(store: Any) -> None:
    """Once, until it is another; equal ages are equal however they are written."""
    for text in ("13 months", "13 months", "1 year 1 month", "2 years"):
        store.retention.run(Retention.loads(f'[[rule]]\nwhy = "x"\ndelete = "{text}"'), by="ann")
    told = [entry for entry in store.audit.latest() if entry.subject == "retention policy"]

    assert [entry.detail["rules"][0]["delete"] for entry in told] == ["2 years", "1 year 1 month", "13 months"]
    assert {entry.by for entry in told} == {"ann"}


def test_two_who_find_the_same_change_write_it_once(store: Any) -> None:
    """Whoever comes second finds it said."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.audit.note_change("keys in use", "x", detail={"fingerprints": ["a"]}), range(8)))
    assert len(store.audit.latest()) == 1
    assert store.audit.note_change("keys in use", "x", detail={"fingerprints": ["a"]}) is None
    assert store.audit.note_change("keys in use", "x", detail={"fingerprints": ["b"]}) is not None
    assert store.audit.note_change("keys in use", "x", detail={"fingerprints": ["a"]}) is not None


def test_who_may_only_read_may_follow_any_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail cannot be written then, and nothing follows from that; a server that is away is told of."""
    from sesevent import ConfigurationError, StoreUnavailable
    from sesevent.drivers.sync import perform
    from sesevent.plans import audit as plans

    def refused(error: Exception) -> Any:
        def note(*_: Any) -> Any:
            raise error
            yield

        return note

    collections = testing.memory_store()._collections
    monkeypatch.setattr(plans, "note", refused(ConfigurationError("may not")))
    perform(plans.note_followed("suppression policy", "other", "default", NOW), collections)
    monkeypatch.setattr(plans, "note", refused(StoreUnavailable("away")))
    with pytest.raises(StoreUnavailable):
        perform(plans.note_followed("suppression policy", "other", "default", NOW), collections)


# ── over HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_over_http_uses_of_tokens_exports_and_unmaskings_are_written_down(mongodb_uri: str, database: str) -> None:
    """A token once an hour, however often it is used; exports also masked ones; whoever is refused leaves nothing."""
    pytest.importorskip("uvicorn")
    from web_fixtures import mail, serving, take

    with EventStore.connect(mongodb_uri, database=database) as store:
        store.ensure_indexes()
        take(store, mail("bounce", to=WHO))
        made = {scope: store.tokens.create(scope, scopes=[scope]) for scope in ("read", "read:pii", "admin")}
        gone = store.tokens.create("gone", scopes=["read"])
        store.tokens.revoke(gone.token.id)
        httpx = pytest.importorskip("httpx")
        with serving(mongodb_uri, database) as url, httpx.Client(base_url=url, timeout=30) as http:

            def get(path: str, text: str) -> int:
                return int(http.get(path, headers={"Authorization": f"Bearer {text}"}).status_code)

            assert [get("/v1/events", made["read"].text) for _ in range(5)] == [200] * 5
            assert get("/v1/suppression/export", made["read"].text) == 200
            assert get("/v1/events", made["read:pii"].text) == 200
            assert get("/v1/events", gone.text) == 401
            assert get("/v1/events", made["read"].text[:-1] + "x") == 401
        told = [(entry.act, entry.subject) for entry in store.audit.latest()]

    names = {made[scope].token.id: scope for scope in made} | {gone.token.id: "gone"}
    used = [names[subject] for act, subject in told if act == "token used"]
    assert used.count("read") in (1, 2)  # an hour may end in between
    assert set(used) == {"read", "read:pii"}
    assert ("exported", "suppression") in told
    assert "unmasked" in [act for act, _ in told]
