"""Trust is a type: nothing else gets into a store."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Face
from payloads import notification, payload
from sesevent import ConfigurationError, VerifiedMessage, trusted, unwrap


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
