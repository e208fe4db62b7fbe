"""What was done to the set-up is written down, and the doctor tells it."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Face
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
        told = [(entry.act, entry.subject) for entry in await face.get(lambda store: store.audit())]

        assert sorted(told) == [("subscription confirmed", TOPIC), ("unsubscribed", TOPIC)]
        assert len(await face.get(lambda store: store.audit(limit=1))) == 1
        with pytest.raises(ConfigurationError):
            await face.get(lambda store: store.audit(limit=0))

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
