"""What was done to the set-up is written down, and the doctor tells it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo import UpdateOne

from both import Face
from payloads import genuine, payload
from sesevent import ConfigurationError, Verifier
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer

SIGNER = Signer()


def proven(kind: Any, token: str = "t") -> Any:
    verifier = Verifier(topics=TOPIC, certificates=SIGNER.certificates, clock=lambda: SENT)
    return verifier.verify(SIGNER.handshake(kind, token=token))


def test_handshakes_are_written_down_once_without_their_token(with_store: Any, tables: Any) -> None:
    """The latest first; a repeat of SNS's changes nothing."""
    offered, ended = proven("SubscriptionConfirmation", "secret-1"), proven("UnsubscribeConfirmation", "secret-2")

    async def body(face: Face) -> None:
        for message, confirmed in ((offered, True), (offered, True), (ended, False)):
            await face.get(lambda store, m=message, c=confirmed: store.record_handshake(m, confirmed=c))
        told = [(entry.act, entry.subject) for entry in await face.get(lambda store: store.audit.latest())]

        assert sorted(told) == [("subscription confirmed", TOPIC), ("unsubscribed", TOPIC)]
        assert len(await face.get(lambda store: store.audit.latest(limit=1))) == 1
        with pytest.raises(ConfigurationError):
            await face.get(lambda store: store.audit.latest(limit=0))

    with_store(body)
    assert "secret" not in repr(tables["ses_audit"].find({}).to_list())


def test_only_a_proven_handshake_is_written_down(with_store: Any) -> None:
    """Neither an event, nor bytes that nobody vouches for."""

    async def body(face: Face) -> None:
        for wrong in (genuine(payload("Send")), SIGNER.handshake()):
            with pytest.raises(ConfigurationError):
                await face.get(lambda store, wrong=wrong: store.record_handshake(wrong))

    with_store(body)


@pytest.mark.parametrize(
    ("kinds", "level", "words"),
    [
        (["SubscriptionConfirmation"], "ok", "subscription confirmed"),
        (["SubscriptionConfirmation", "UnsubscribeConfirmation"], "warning", "unsubscribed"),
    ],
)
def test_the_doctor_tells_what_became_last_of_a_subscription(
    with_store: Any, kinds: list[str], level: str, words: str
) -> None:
    """And that dead letters wait."""

    async def body(face: Face) -> None:
        for kind in kinds:
            confirmed = kind == "SubscriptionConfirmation"
            await face.get(lambda store, k=kind, c=confirmed: store.record_handshake(proven(k), confirmed=c))
        findings = await face.get(lambda store: store.examine())
        (told,) = [finding for finding in findings if finding.subject == "subscription"]

        assert (told.level, told.finding.split(" at ")[0]) == (level, words)
        assert told.finding.endswith(TOPIC)
        (letters,) = [finding for finding in findings if finding.subject == "dead letters"]
        assert (letters.level, letters.finding) == ("ok", "none")

    with_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_each_act_about_a_person_is_in_the_trail_and_names_nobody(with_store: Any, tables: Any) -> None:
    """Who, why and on which stream; the id leads to the act."""

    async def body(face: Face) -> None:
        await face.get(
            lambda store: store.suppression.suppress("Ann@example.org", by="ben", note="asked", stream="news")
        )
        await face.get(
            lambda store: store.suppression.reactivate("ann@example.org", by="eve", why="asked", stream="news")
        )
        first, second = reversed(await face.get(lambda store: store.audit.latest()))

        assert [(entry.act, entry.by, entry.why) for entry in (first, second)] == [
            ("suppress", "ben", "asked"), ("reactivate", "eve", "asked")]  # fmt: skip
        assert first.detail["stream"] == "news"
        assert await face.get(lambda store: store.audit.latest(subject=first.subject)) == [first]
        verified = await face.get(lambda store: store.audit.verify())
        assert verified.intact
        assert (verified.entries, verified.head) == (2, second)

    with_store(body)
    kept = tables["ses_audit"].find({}).to_list()
    assert "ann@" not in repr(kept).lower()
    acts = {row["_id"] for row in tables["ses_suppression_act"].find({}).to_list()}
    assert {row["subject"] for row in kept} <= acts


def test_what_was_done_to_the_trail_in_the_database_is_found(with_store: Any, tables: Any) -> None:
    """With the place; and its anchor finds what the chain alone cannot."""

    async def body(face: Face) -> None:
        for number in range(6):
            await face.get(lambda store, n=number: store.audit.note("tried", f"thing {n}", by="ann"))
        anchor = await face.get(lambda store: store.audit.anchor())
        assert anchor.number == 6

        kept = tables["ses_audit"]
        kept.bulk_write([UpdateOne({"_id": 2}, {"$set": {"by": "eve"}})])
        kept.delete_many({"_id": 4})
        kept.delete_many({"_id": 6})
        verified = await face.get(lambda store: store.audit.verify(anchors=[anchor]))
        assert [(flaw.number, flaw.words.split(":")[0]) for flaw in verified.flaws] == [
            (2, "edited"), (4, "removed"), (6, "removed")]  # fmt: skip

    with_store(body)


def test_many_writers_make_one_chain(store: Any) -> None:
    """Whoever finds a number taken builds on what is there now."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.audit.note("tried", f"thing {n}", by="ann", once=str(n % 30)), range(60)))
    verified = store.audit.verify()
    assert verified.intact
    assert verified.entries == 30
    assert sorted({entry.subject for entry in store.audit.entries()}) == sorted(
        {entry.subject for entry in store.audit.latest(limit=60)}
    )
