"""The cache of certificates, and the one place that fetches: bounded, patient for seconds, and never fooled twice."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sesevent import Certificates, UntrustedMessage, VerifierUnavailable, testing, verifier, verify
from sesevent.sns.trust import VerifiedMessage
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer

SIGNER = Signer()
HOST = "https://sns.us-east-1.amazonaws.com/"


class Server:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 0.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return SIGNER.pem

    def cache(self, **settings: Any) -> Certificates:
        return Certificates(self.fetch, clock=lambda: self.now, **settings)


def test_a_certificate_is_fetched_once_and_again_when_it_is_old() -> None:
    """A day later."""
    server = Server()
    cache = server.cache()

    assert cache.known(HOST) is None
    assert cache.get(HOST) is cache.get(HOST)
    server.now += 86_399
    assert cache.get(HOST) is cache.known(HOST)
    assert len(server.asked) == 1
    server.now += 2
    assert cache.known(HOST) is None
    cache.get(HOST)
    assert len(server.asked) == 2


def test_the_cache_is_bounded() -> None:
    """The oldest gives way."""
    server = Server()
    cache = server.cache(kept=2)
    for name in "abca":
        cache.get(HOST + name)

    assert len(server.asked) == 4
    assert cache.known(HOST + "b") is None
    assert cache.known(HOST + "c") is not None


def test_new_addresses_are_held_off_and_known_ones_are_not() -> None:
    """Somebody makes up names on SNS's own host; the allowance grows back."""
    server = Server()
    cache = server.cache(new_per_minute=3)
    cache.get(HOST + "genuine")
    for number in range(2):
        cache.get(HOST + str(number))
    with pytest.raises(VerifierUnavailable, match="Too many"):
        cache.get(HOST + "one more")
    assert cache.get(HOST + "genuine")
    server.now += 20
    assert cache.get(HOST + "one more")


def test_one_fetch_at_a_time_for_an_address() -> None:
    """Twenty threads, one request; when it fails, all are told, and the next one tries again."""
    asked: list[str] = []
    gate = threading.Event()

    def fetch(url: str) -> bytes:
        asked.append(url)
        gate.wait(5)
        if len(asked) == 1:
            raise OSError("gone")
        return SIGNER.pem

    cache = Certificates(fetch)
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(cache.get, HOST) for _ in range(20)]
        time.sleep(0.2)
        gate.set()
        assert all(isinstance(future.exception(), VerifierUnavailable) for future in waiting)
    assert len(asked) == 1
    assert cache.get(HOST)
    assert len(asked) == 2


# ── The fetching itself, against a server that misbehaves ────────────────────────────────────


@contextmanager
def tls_server(answer: Callable[[Any], None], directory: Path) -> Iterator[str]:
    """An https server on loopback with a throw-away certificate."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    from cryptography.hazmat.primitives import serialization

    host = Signer(common_name="localhost")
    key.write_bytes(
        host._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(host.pem)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_address[1]}/cert.pem"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The throw-away server is believed."""
    make = ssl.create_default_context

    def lenient() -> ssl.SSLContext:
        context = make()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    monkeypatch.setattr(ssl, "create_default_context", lenient)


def _says(status: int, body: bytes, **headers: str) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        with suppress(OSError):  # the client may have seen enough
            request.wfile.write(body)

    return answer


def test_what_is_there_is_fetched(tmp_path: Path, believing: None) -> None:
    """Status 200, its bytes."""
    with tls_server(_says(200, SIGNER.pem), tmp_path) as url:
        assert verifier.fetch(url) == SIGNER.pem


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, b"", {}),
        (500, b"", {}),
        (302, b"", {"Location": "https://evil.example/"}),
        (204, b"", {}),
        (200, b"x" * 70_000, {}),
    ],
)
def test_redirects_errors_and_too_much_are_not_taken(
    tmp_path: Path, believing: None, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Nothing is followed."""
    with tls_server(_says(status, body, **headers), tmp_path) as url, pytest.raises(ValueError, match="answered"):
        verifier.fetch(url)


def test_a_server_that_drips_is_given_up(tmp_path: Path, believing: None) -> None:
    """All of the answer together has one deadline."""

    def drip(request: Any) -> None:
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            for _ in range(50):
                request.wfile.write(b"x")
                time.sleep(0.1)

    started = time.monotonic()
    with tls_server(drip, tmp_path) as url, pytest.raises(ValueError, match="slowly"):
        verifier.fetch(url, patience=0.5)
    assert time.monotonic() - started < 4


def test_a_server_whose_own_certificate_is_not_trusted_is_not_believed(tmp_path: Path) -> None:
    """TLS is what proves SNS's host."""
    with tls_server(_says(200, SIGNER.pem), tmp_path) as url, pytest.raises(ssl.SSLError):
        verifier.fetch(url)


def test_a_silent_server_is_given_up() -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OSError, match="timed out"):
        verifier.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/", patience=0.3)


# ── Confirming a subscription ────────────────────────────────────────────────────────────────


def _handshake(kind: Any = "SubscriptionConfirmation") -> VerifiedMessage:
    return verify(SIGNER.handshake(kind, token="t+o/k"), topics=TOPIC, certificates=SIGNER.certificates, now=SENT)


def test_a_subscription_is_confirmed_at_an_address_built_from_what_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address in the message is not visited."""
    visited: list[str] = []
    monkeypatch.setattr(verifier, "fetch", lambda url: visited.append(url) or b"")
    verifier.confirm_subscription(_handshake())

    assert visited == [
        HOST + "?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Ases-events"
        "&Token=t%2Bo%2Fk&Version=2010-03-31"
    ]


def test_only_an_offered_subscription_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Using an UnsubscribeConfirmation's token would subscribe again."""
    monkeypatch.setattr(verifier, "fetch", pytest.fail)
    event = verify(
        testing.signed_notification(testing.send()), topics=TOPIC, certificates=testing.signer().certificates, now=SENT
    )
    for message in (_handshake("UnsubscribeConfirmation"), event):
        with pytest.raises(UntrustedMessage, match="offers no subscription"):
            verifier.confirm_subscription(message)


def test_a_confirmation_that_fails_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS repeats the handshake."""

    def gone(url: str) -> bytes:
        raise OSError("gone")

    monkeypatch.setattr(verifier, "fetch", gone)
    with pytest.raises(VerifierUnavailable):
        verifier.confirm_subscription(_handshake())
