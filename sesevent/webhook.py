"""What an HTTP request from SNS is answered, whatever framework carries it.

Verify, then confirm or receive, then answer: 200 only after the durable write; 4xx for what is not
proven (SNS drops it), 503 for what cannot be told or stored right now (SNS tries again), and 200
for a genuine message that cannot be understood, which is a dead letter by then. Nothing of an
unproven message is stored, logged, visited or confirmed.

The adapters in :mod:`sesevent.contrib` translate requests in and answers out.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final, NamedTuple, Protocol

from sesevent.errors import ConfigurationError, SesEventError, UntrustedMessage
from sesevent.sns.origin import Headers, header_pairs
from sesevent.sns.trust import VerifiedMessage
from sesevent.verifier import Verifier, confirm_subscription

__all__ = ["ONLY_POST", "Answer", "AsyncWebhook", "Confirm", "Settings", "Webhook", "header"]

SECONDS: Final = 10.0  # for one request; SNS gives up after fifteen
LARGEST: Final = 2**20  # bytes of a body; SNS publishes at most 256 KiB, which escaping may double
AT_ONCE: Final = 100  # requests
_AT_LEAST: Final = 1.0  # seconds for writing down what was confirmed already
_DIGITS: Final = 18  # of a length

Confirm = Callable[[VerifiedMessage], object]
"""Confirms the subscription that a verified handshake offers."""

_log = logging.getLogger("sesevent.webhook")


class Answer(NamedTuple):
    """An HTTP response, to be sent as plain text."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


DONE: Final = Answer(200, "received")
BUSY: Final = Answer(503, "too many requests at once", (("Retry-After", "1"),))
TOO_LATE: Final = Answer(503, "not done in time")
TOO_LARGE: Final = Answer(413, "larger than any SNS message")
ONLY_POST: Final = Answer(405, "SNS posts", (("Allow", "POST"),))
WHO: Final = Answer(401, "who are you?", (("WWW-Authenticate", 'Basic realm="sesevent"'),))


class Store(Protocol):
    """What a webhook needs of an `EventStore`."""

    def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> object:
        """Receive what is proven."""
        ...

    def record_handshake(
        self, message: VerifiedMessage, *, confirmed: bool = False, timeout_seconds: float | None = None
    ) -> None:
        """Write a handshake down."""
        ...


class AsyncStore(Protocol):
    """What a webhook needs of an `AsyncEventStore`."""

    async def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> object:
        """Receive what is proven."""
        ...

    async def record_handshake(
        self, message: VerifiedMessage, *, confirmed: bool = False, timeout_seconds: float | None = None
    ) -> None:
        """Write a handshake down."""
        ...


class Settings:
    """What both colours of a webhook are told."""

    def __init__(
        self,
        *,
        topics: str | Collection[str] | None = None,
        accounts: str | Collection[str] | None = None,
        verifier: Verifier | None = None,
        confirm: Confirm | None = confirm_subscription,
        secret: str | None = None,
        largest: int = LARGEST,
        timeout_seconds: float = SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        if verifier is not None and (topics or accounts):
            raise ConfigurationError("Give the webhook topics and accounts, or a verifier that knows them.")
        if secret is not None and ":" not in secret:
            raise ConfigurationError("A webhook's secret is user:password, as it stands in the URL told to SNS.")
        self.verifier = verifier or Verifier(topics=topics, accounts=accounts)
        self.confirm = confirm
        self.largest = largest
        self.timeout_seconds = timeout_seconds
        self.at_once = at_once
        self._secret = None if secret is None else secret.encode()

    def refuse(self, method: str, headers: Headers) -> Answer | None:
        """The answer to what can be refused before the body is read, or None."""
        if method != "POST":
            return ONLY_POST
        if self._secret is not None and not hmac.compare_digest(self._secret, _credentials(headers)):
            return WHO  # SNS sends the URL's user and password only when it is asked who it is
        length = header(headers, "content-length")
        if not length.isascii() or not length.isdigit():
            return None
        return TOO_LARGE if len(length) > _DIGITS or int(length) > self.largest else None

    def confirmed(self, message: VerifiedMessage) -> bool:
        """Confirm the subscription that is offered, if one is and it is wanted."""
        handshake = message.handshake or {}
        if self.confirm is None or handshake.get("Type") != "SubscriptionConfirmation":
            return False  # an UnsubscribeConfirmation is never answered: that would subscribe again
        self.confirm(message)
        return True


class Webhook:
    """A webhook for blocking code, over an `EventStore`."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._free = threading.BoundedSemaphore(settings.at_once)

    def answer(self, body: bytes, headers: Headers) -> Answer:
        """Receive one message and say what SNS is to be told."""
        if len(body) > self.settings.largest:
            return TOO_LARGE
        if not self._free.acquire(blocking=False):
            return BUSY
        deadline = time.monotonic() + self.settings.timeout_seconds
        try:
            message = self.settings.verifier.verify(body, headers)
            left = deadline - time.monotonic()  # a certificate may have had to be fetched
            if left <= 0:
                return TOO_LATE
            if message.handshake is None:
                self._store.receive(message, timeout_seconds=left)
            else:
                confirmed = self.settings.confirmed(message)
                left = max(deadline - time.monotonic(), _AT_LEAST)
                self._store.record_handshake(message, confirmed=confirmed, timeout_seconds=left)
            return DONE
        except SesEventError as error:
            return _answer_to(error)
        finally:
            self._free.release()


class AsyncWebhook:
    """A webhook for asyncio, over an `AsyncEventStore`."""

    def __init__(self, store: AsyncStore, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._running = 0

    async def answer(self, body: Callable[[], Awaitable[bytes | None]], headers: Headers) -> Answer:
        """Read the body (None: too large), receive its message and say what SNS is to be told."""
        if self._running >= self.settings.at_once:
            return BUSY
        self._running += 1
        try:
            return await asyncio.wait_for(self._answer(body, headers), self.settings.timeout_seconds)
        except SesEventError as error:
            return _answer_to(error)
        except asyncio.TimeoutError:  # a class of its own before Python 3.11
            return TOO_LATE
        finally:
            self._running -= 1

    async def _answer(self, body: Callable[[], Awaitable[bytes | None]], headers: Headers) -> Answer:
        content = await body()
        if content is None:
            return TOO_LARGE
        message = await self.settings.verifier.verify_async(content, headers)
        if message.handshake is None:
            await self._store.receive(message)
        else:
            confirmed = await asyncio.to_thread(self.settings.confirmed, message)
            await self._store.record_handshake(message, confirmed=confirmed)
        return DONE


def header(headers: Headers, wanted: str) -> str:
    """The value of a header, whatever its case; empty where there is none."""
    return next((value for name, value in header_pairs(headers) if name == wanted), "")


def _answer_to(error: SesEventError) -> Answer:
    """What SNS is told of an error. The log names the kind of it, and nothing that arrived."""
    check = f" ({error.check})" if isinstance(error, UntrustedMessage) else ""
    _log.warning("answered %s: %s%s", error.http_status, type(error).__name__, check)
    return Answer(error.http_status, type(error).__name__ + check)


def _credentials(headers: Headers) -> bytes:
    scheme, _, encoded = header(headers, "authorization").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""
