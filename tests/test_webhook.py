"""What SNS is answered: the statuses decide whether it tries again, so they are the contract."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sesevent import Certificates, ConfigurationError, StoreUnavailable, VerifiedMessage, Verifier, testing
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer
from sesevent.webhook import Answer, AsyncWebhook, Settings, Webhook

SIGNER = Signer()
BODY = SIGNER.notification(testing.bounce(to="ann@example.com"))


class Slow:
    """A store that waits for leave, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.leave = threading.Event()
        self.error = error
        self.received = 0

    def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> None:
        self.leave.wait(5)
        if self.error is not None:
            raise self.error
        self.received += 1

    def record_handshake(self, message: VerifiedMessage, **settings: Any) -> None:
        raise AssertionError("no handshake was sent")


class Both:
    """One webhook of either colour, asked the same way."""

    def __init__(self, colour: str, client: testing.MemoryClient) -> None:
        self.colour, self.client = colour, client
        self.store = testing.memory_store(client)

    def post(self, body: bytes, headers: Any = (), **settings: Any) -> Answer:
        given = {"verifier": self.verifier(), "confirm": None} | settings
        configured = Settings(**given)
        refused = configured.refuse("POST", headers)
        if refused is not None:
            return refused
        if self.colour == "sync":
            return Webhook(self.store, configured).answer(body, headers)

        async def content() -> bytes:
            return body

        return asyncio.run(AsyncWebhook(testing.async_memory_store(self.client), configured).answer(content, headers))

    def verifier(self, certificates: Certificates | None = None) -> Verifier:
        return Verifier(topics=TOPIC, certificates=certificates or SIGNER.certificates, clock=lambda: SENT)


@pytest.fixture(params=["sync", "async"])
def hook(request: pytest.FixtureRequest) -> Both:
    return Both(request.param, testing.MemoryClient())


def _fails(url: str) -> bytes:
    raise OSError("no route")


def test_a_genuine_event_is_stored_and_then_acknowledged(hook: Both) -> None:
    """Twice: the repeat too, so that SNS stops."""
    assert [hook.post(BODY).status, hook.post(BODY).status] == [200, 200]
    assert [event.type for event in hook.store.events.between()] == ["Bounce"]
    assert not hook.store.suppression.check("ann@example.com")


@pytest.mark.parametrize(
    "body", [BODY.replace(b"ann", b"bob"), b"{}", b"\xff\x00", json.dumps(testing.bounce()).encode()]
)
def test_a_forgery_is_a_4xx_and_leaves_nothing(hook: Both, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """No event, no dead letter, no trace of its content in the log or the answer."""
    with caplog.at_level(logging.DEBUG):
        answer = hook.post(body)

    assert answer.status in (400, 403)
    assert hook.store.events.between().to_list() == []
    assert hook.store.dead_letters.count() == 0
    assert "example" not in caplog.text + answer.text


def test_what_cannot_be_told_now_is_a_503_and_succeeds_later(hook: Both) -> None:
    """The certificate's host is away."""
    assert hook.post(BODY, verifier=hook.verifier(Certificates(_fails))).status == 503
    assert hook.store.events.between().to_list() == []
    assert hook.post(BODY).status == 200


@pytest.mark.parametrize("text", ["{oops", '{"eventType":"Bounce","mail":1}'])
def test_a_genuine_message_that_cannot_be_understood_is_a_dead_letter_and_a_2xx(hook: Both, text: str) -> None:
    """SNS must stop, and nothing is lost."""
    assert hook.post(SIGNER.notification(text)).status == 200
    (letter,) = hook.store.dead_letters.list()
    whole = hook.store.dead_letters.get(letter.id)
    assert whole is not None
    assert whole.content == text.encode()


@pytest.mark.parametrize("text", ["Successfully validated SNS topic for Amazon SES event publishing.", "Hello"])
def test_other_messages_of_our_topic_are_acknowledged(hook: Both, text: str) -> None:
    """SES's own greeting among them; neither an event nor a dead letter."""
    assert hook.post(SIGNER.notification(text)).status == 200
    assert hook.store.dead_letters.count() == 0


def test_an_offered_subscription_is_confirmed_after_verification_and_written_down(hook: Both) -> None:
    """Once, however often SNS repeats it."""
    confirmed: list[VerifiedMessage] = []
    body = SIGNER.handshake()
    for _ in range(2):
        assert hook.post(body, confirm=confirmed.append).status == 200
    assert hook.post(body.replace(b"Token", b"Taken"), confirm=confirmed.append).status == 400
    assert len(confirmed) == 2
    assert [(entry.act, entry.subject) for entry in hook.store.audit.latest()] == [("subscription confirmed", TOPIC)]
    assert "2336412f37" not in repr(hook.store.audit.latest())
    assert any("subscription confirmed" in finding.finding for finding in hook.store.examine())


def test_a_subscription_may_be_left_to_a_person(hook: Both) -> None:
    """It is offered then, and doctor says so."""
    assert hook.post(SIGNER.handshake()).status == 200
    assert [entry.act for entry in hook.store.audit.latest()] == ["subscription offered"]
    assert any(finding.level == "warning" and "offered" in finding.finding for finding in hook.store.examine())


def test_a_confirmation_that_fails_is_not_acknowledged(hook: Both) -> None:
    """So SNS offers it again."""

    def fails(message: VerifiedMessage) -> None:
        raise StoreUnavailable("away")

    assert hook.post(SIGNER.handshake(), confirm=fails).status == 503
    assert hook.store.audit.latest() == []


def test_the_end_of_a_subscription_is_written_down_and_never_undone(hook: Both) -> None:
    """Its token would subscribe again."""
    answer = hook.post(SIGNER.handshake("UnsubscribeConfirmation"), confirm=pytest.fail)

    assert answer.status == 200
    assert [entry.act for entry in hook.store.audit.latest()] == ["unsubscribed"]
    assert any(finding.level == "warning" and "unsubscribed" in finding.finding for finding in hook.store.examine())


def test_a_store_that_is_away_is_a_503() -> None:
    """Nothing was acknowledged."""
    store = Slow(StoreUnavailable("away"))
    store.leave.set()
    settings = Settings(verifier=Both("sync", testing.MemoryClient()).verifier())

    assert Webhook(store, settings).answer(BODY, ()).status == 503


def test_too_many_at_once_are_sent_away_and_come_back() -> None:
    """With a 503, before any work."""
    store = Slow()
    hook = Webhook(store, Settings(verifier=Both("sync", testing.MemoryClient()).verifier(), at_once=2))
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(hook.answer, BODY, ()) for _ in range(8)]
        while sum(future.done() for future in running) < 6:
            pass
        store.leave.set()
        statuses = sorted(future.result().status for future in running)

    assert statuses == [200, 200, 503, 503, 503, 503, 503, 503]
    assert hook.answer(BODY, ()).status == 200


def test_a_slow_store_or_client_is_given_up_in_time() -> None:
    """Well before SNS gives up; asyncio's side cuts it off, the other side's store is told the time."""

    class Never:
        async def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> None:
            await asyncio.sleep(60)

        async def record_handshake(self, message: VerifiedMessage, **settings: Any) -> None: ...

    async def arrived() -> bytes:
        return BODY

    async def drips() -> bytes:
        await asyncio.sleep(60)
        return BODY

    settings = Settings(verifier=Both("async", testing.MemoryClient()).verifier(), timeout_seconds=0.2)
    for body in (arrived, drips):
        answer = asyncio.run(AsyncWebhook(Never(), settings).answer(body, ()))
        assert answer.status == 503


def test_the_time_a_certificate_took_is_not_given_to_the_store() -> None:
    """All of it together has one bound; what is late already is not begun."""
    told: list[float] = []

    class Told(Slow):
        def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> None:
            told.append(timeout_seconds or 0)

    def slow(url: str) -> bytes:
        time.sleep(0.2)
        return SIGNER.serve(url)

    for seconds, status in ((5.0, 200), (0.1, 503)):
        verifier = Verifier(topics=TOPIC, certificates=Certificates(slow), clock=lambda: SENT)
        assert Webhook(Told(), Settings(verifier=verifier, timeout_seconds=seconds)).answer(BODY, ()).status == status
    assert len(told) == 1
    assert told[0] < 4.9


def test_a_body_that_is_too_large_is_refused(hook: Both) -> None:
    """By its length before it is read, and by its bytes where that lied."""
    assert hook.post(BODY, {"Content-Length": "2000000"}).status == 413
    assert Webhook(hook.store, Settings(verifier=hook.verifier(), largest=100)).answer(BODY, ()).status == 413


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Basic", 401), ("Basic §", 401), ("Bearer dTpw", 401), ("user:pass", 401),
     ("Basic " + base64.b64encode(b"user:wrong").decode(), 401), ("Basic " + base64.b64encode(b"user:pass").decode(), 200),
     ("basic " + base64.b64encode(b"user:pass").decode(), 200)],
)  # fmt: skip
def test_a_shared_secret_is_asked_for_in_addition(hook: Both, authorization: str, status: int) -> None:
    """The way SNS tells the user and password of a URL: after a challenge."""
    answer = hook.post(BODY, {"Authorization": authorization}, secret="user:pass")

    assert answer.status == status
    assert dict(answer.headers).get("WWW-Authenticate", "").startswith("Basic") == (status == 401)
    assert hook.post(BODY.replace(b"ann", b"bob"), {"Authorization": authorization}, secret="user:pass").status >= 400


@pytest.mark.parametrize(
    "wrong",
    [{}, {"topics": ()}, {"topics": TOPIC, "verifier": Verifier(topics=TOPIC)}, {"topics": TOPIC, "secret": "word"}],
)
def test_a_webhook_without_topics_does_not_start(wrong: dict[str, Any]) -> None:
    """Closed by default."""
    with pytest.raises(ConfigurationError):
        Settings(**wrong)


def test_only_posts_are_taken() -> None:
    """Anything else is told so."""
    answer = Settings(topics=TOPIC).refuse("GET", ())
    assert answer is not None
    assert (answer.status, answer.headers) == (405, (("Allow", "POST"),))
