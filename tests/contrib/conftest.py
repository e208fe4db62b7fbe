"""A throw-away SNS for the adapters, and a stand-in for AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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


KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """The address of moto's server."""
    moto_server = pytest.importorskip("moto.server")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ingest_by_command(moto_url: str, mongodb_uri: str, database: str) -> Callable[..., subprocess.Popen[str]]:
    """Start ``sesevent ingest`` with these arguments, against moto and the test's own database."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
        places = ["--endpoint-url", moto_url, "--region", "us-east-1", "--uri", mongodb_uri, "--database", database]
        command = [sys.executable, "-m", "sesevent.cli", "ingest", *arguments, *places]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start
