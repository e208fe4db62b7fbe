"""Trust is a type: nothing else gets into a store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from both import Face
from payloads import notification, payload
from sesevent import ConfigurationError, VerifiedMessage, trusted, trusted_each, unwrap
from sesevent.sns.trust import require_verified


def test_a_verified_message_is_not_made_by_hand() -> None:
    """There are two doors, and this is none."""
    with pytest.raises(TypeError, match="verify"):
        VerifiedMessage(b"{}", "because I say so")


def test_trusting_needs_a_reason() -> None:
    """Which the message keeps."""
    with pytest.raises(ConfigurationError, match="reason"):
        trusted(b"{}", because="")
    assert "queue" in repr(trusted(b"{}", because="the queue admits our topic only"))


def test_what_is_inside_is_what_unwrapping_tells() -> None:
    """Also of batches."""
    raw = [payload("Send"), payload("Open")]

    assert trusted(raw, because="test").messages == unwrap(raw)
    assert trusted(raw, because="test").sns is None
    told = trusted(notification(payload("Send"), message_id="n-7"), because="test").sns
    assert told is not None
    assert told.message_id == "n-7"


def test_each_of_many_is_trusted_for_the_same_reason() -> None:
    """One at a time; without a reason none is."""
    found = trusted_each(iter([payload("Send"), payload("Open")]), because="a file of ours")

    assert [(message.because, message.messages[0].payload["eventType"]) for message in found] == [
        ("a file of ours", "Send"), ("a file of ours", "Open"),
    ]  # fmt: skip
    with pytest.raises(ConfigurationError, match="reason"):
        list(trusted_each([b"{}"], because=""))


def test_only_one_message_in_one_envelope_tells_of_sns() -> None:
    """Of several nobody could say which envelope is meant."""
    several = trusted([notification(payload("Send"))] * 2, because="test")
    offered = {"Type": "SubscriptionConfirmation", "Token": "t"}

    assert (several.sns, several.handshake) == (None, None)
    assert trusted(offered, because="test").handshake == offered
    assert trusted([offered, offered], because="test").handshake is None
    assert trusted(json.loads(notification(payload("Send"))), because="test").handshake is None
    assert trusted(payload("Send"), because="test").handshake is None


def test_what_is_inside_is_unwrapped_once() -> None:
    """And shown by its reason only."""
    message = trusted(payload("Send"), because="the queue admits our topic only")

    assert message.messages is message.messages
    assert repr(message) == "<VerifiedMessage because the queue admits our topic only>"


def test_what_is_not_proven_is_told_the_two_doors() -> None:
    """By its type only: what it says is nobody's business."""
    with pytest.raises(ConfigurationError, match="not bytes") as caught:
        require_verified(b"{}")
    assert "verify()" in str(caught.value.hint)
    assert "trusted()" in str(caught.value.hint)
    with pytest.raises(ConfigurationError) as caught:
        trusted(b"{}", because="")
    assert "because" in str(caught.value.hint)


@pytest.mark.parametrize(
    "raw", [b"{}", "{}", {"eventType": "Send"}, [], None, unwrap(notification(payload("Send")))[0]]
)
def test_a_store_takes_nothing_unproven(with_store: Any, rows: Any, raw: Any) -> None:
    """Bytes, text, decoded values, unwrapped messages: an error that names the two doors, and nothing is stored."""

    async def body(face: Face) -> None:
        with pytest.raises(ConfigurationError, match=r"verify.*trusted"):
            await face.get(lambda store: store.receive(raw))
        with pytest.raises(ConfigurationError, match=r"verify.*trusted"):
            await face.get(lambda store: store.receive_many([raw]))
        assert rows.count_documents({}) == 0

    with_store(body)
