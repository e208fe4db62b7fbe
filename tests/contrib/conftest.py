"""A throw-away SNS for the adapters."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent import Verifier, testing
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def settings(signer: Signer) -> dict[str, Any]:
    """What a webhook is told in these tests."""
    return {"verifier": Verifier(topics=TOPIC, certificates=signer.certificates, clock=lambda: SENT), "largest": 5000}


@pytest.fixture
def client() -> testing.MemoryClient:
    return testing.MemoryClient()


@pytest.fixture
def posts(signer: Signer) -> list[tuple[bytes, dict[str, str], int]]:
    """Bodies, headers, and the status each must get: the same whatever carries them."""
    good = signer.notification(testing.bounce(to="ann@example.com"))
    kind = {"X-Amz-Sns-Message-Type": "Notification"}
    return [
        (good, kind, 200),
        (good, {}, 200),
        (good, {"X-Amz-Sns-Message-Type": "SubscriptionConfirmation"}, 403),
        (good.replace(b"ann@", b"bob@"), kind, 403),
        (b"{}", kind, 400),
        (b"", {}, 400),
        (b"x" * 6000, kind, 413),
        (signer.notification("{oops"), kind, 200),
    ]
