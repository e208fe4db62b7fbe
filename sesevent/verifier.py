"""Prove that an SNS message is genuine: `verify`, and `Verifier` for those who do it all day.

Three steps: what can be refused by looking (:mod:`sesevent.sns.origin`), the certificate from a
cache or from SNS's own host, the proof (:mod:`sesevent.sns.signature`). It fails closed, and tells
apart what is forged (UntrustedMessage) from what cannot be told right now (VerifierUnavailable).
This is the only module that fetches anything from a message's origin; it stores nothing.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout  # its own class before Python 3.11
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sesevent.errors import ConfigurationError, SesEventError, UntrustedMessage, VerifierUnavailable
from sesevent.moments import UTC
from sesevent.sns.origin import (
    FRESH_FOR,
    Body,
    Claim,
    Expected,
    Headers,
    Topic,
    check_claim,
    confirmation_url,
    read_claim,
    read_topic,
)
from sesevent.sns.signature import Certificate, check_proof, read_certificate, require_cryptography
from sesevent.sns.trust import VerifiedMessage, vouched
from sesevent.vitals import Check

__all__ = ["Certificates", "Verifier", "confirm_subscription", "fetch", "offered_subscription", "verify"]

_LARGEST = 64 * 1024  # bytes; SNS's certificates have about two thousand
_PATIENCE = 4.0  # seconds for one answer of SNS's host, all of it


class Certificates:
    """SNS's certificates, by address: fetched once, kept for a while, a few at a time. Safe to share between threads.

    Only addresses that passed the checks are asked for, so nobody can fill it with others; made-up
    names on SNS's own host are held off by *new_per_minute*. A failure is never remembered as a verdict.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes] | None = None,
        *,
        kept: int = 64,
        kept_for: timedelta = timedelta(hours=24),
        new_per_minute: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch or _fetch
        self._kept, self._kept_for = kept, kept_for.total_seconds()
        self._allowance, self._per_second, self._asked_at = float(new_per_minute), new_per_minute / 60, clock()
        self._burst = new_per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Certificate, float]] = OrderedDict()
        self._fetching: dict[str, Future[Certificate]] = {}
        self._failures = 0  # since the last success

    def known(self, url: str) -> Certificate | None:
        """The certificate, if it is at hand."""
        entry = self._known.get(url)
        return entry[0] if entry is not None and self._clock() < entry[1] else None

    def get(self, url: str) -> Certificate:
        """The certificate at this address. Raises VerifierUnavailable where it cannot be had now."""
        known = self.known(url)
        if known is not None:
            return known
        own: Future[Certificate] = Future()
        with self._lock:
            known, running = self.known(url), self._fetching.get(url)
            if known is not None:  # somebody was done with it just now
                return known
            if running is None:
                if url not in self._known:  # what was good before, and is only old, cannot be starved by made-up names
                    self._take_allowance()
                self._fetching[url] = own
        return self._fetch_for_all(url, own) if running is None else _awaited(running)

    def _fetch_for_all(self, url: str, own: Future[Certificate]) -> Certificate:
        try:
            found = self._fetched(url)
        except BaseException as error:
            self._failures += 1
            own.set_exception(error if isinstance(error, SesEventError) else VerifierUnavailable("The fetch ended."))
            raise
        else:
            self._keep(url, found)
            own.set_result(found)
            return found
        finally:
            with self._lock:
                del self._fetching[url]

    def _fetched(self, url: str) -> Certificate:
        try:
            return read_certificate(self._fetch(url))
        except SesEventError:
            raise
        except Exception as error:  # whatever a fetcher of the caller's raises, the answer is «cannot tell now»
            raise _unavailable("A certificate cannot be had", error) from error

    def _keep(self, url: str, found: Certificate) -> None:
        with self._lock:
            self._failures = 0
            self._known[url] = found, self._clock() + self._kept_for
            self._known.move_to_end(url)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)

    def health(self) -> Check:
        """How many certificates are at hand, for `EventStore.health`; degraded where one could not be had lately."""
        with self._lock:
            now = self._clock()
            fresh = sum(now < until for _, until in self._known.values())
            failures, allowance = self._failures, self._allowance + (now - self._asked_at) * self._per_second
        figures = {"known": float(fresh), "failures": float(failures)}
        if failures:
            said = f"{failures} could not be fetched since the last that could; {fresh} are at hand"
            return Check("certificates", "degraded", said, "Let this machine reach SNS by https.", figures)
        if allowance < 1:
            return Check("certificates", "degraded", "too many unknown ones were asked for: new ones wait", "", figures)
        return Check("certificates", "ok", f"{fresh} at hand", figures=figures)

    def _take_allowance(self) -> None:
        """One fetch from the allowance, which grows back with time."""
        now = self._clock()
        self._allowance = min(self._burst, self._allowance + (now - self._asked_at) * self._per_second)
        self._asked_at = now
        if self._allowance < 1:
            raise VerifierUnavailable("Too many certificates were asked for in a short time.")
        self._allowance -= 1


def _awaited(theirs: Future[Certificate]) -> Certificate:
    try:
        return theirs.result(_PATIENCE)
    except FutureTimeout as error:
        raise _unavailable("A certificate is still being fetched", error) from error


class Verifier:
    """The settings of `verify`, kept; safe to share between threads and tasks."""

    def __init__(
        self,
        *,
        topics: str | Collection[str] | None,
        accounts: str | Collection[str] | None = None,
        versions: Collection[str] = ("1", "2"),
        max_age: timedelta | None = FRESH_FOR,
        certificates: Certificates | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        require_cryptography()  # told when a service starts, not by the first bounce that gets no answer
        self._expected = Expected.of(topics, accounts, versions, max_age)
        self._certificates = certificates or _SHARED
        self._clock = clock or _utc_now

    def verify(self, body: Body, headers: Headers | None = None, *, now: datetime | None = None) -> VerifiedMessage:
        """Prove one SNS message: see `sesevent.verify`."""
        claim = self._claim(body, headers, now)
        return _proven(claim, self._certificates.get(claim.certificate_url))

    async def verify_async(
        self, body: Body, headers: Headers | None = None, *, now: datetime | None = None
    ) -> VerifiedMessage:
        """The same for asyncio: a certificate that is not at hand is fetched in another thread."""
        claim = self._claim(body, headers, now)
        certificate = self._certificates.known(claim.certificate_url)
        if certificate is None:
            certificate = await asyncio.to_thread(self._certificates.get, claim.certificate_url)
        return _proven(claim, certificate)

    def health(self) -> Check:
        """How the certificates are: `Certificates.health`."""
        return self._certificates.health()

    def _claim(self, body: Body, headers: Headers | None, now: datetime | None) -> Claim:
        claim, now = read_claim(body), now or self._clock()
        if now.tzinfo is None:
            raise ConfigurationError("now must be aware: it is compared with the message's time.")
        check_claim(claim, headers, self._expected, now)
        return claim


def verify(
    body: Body,
    headers: Headers | None = None,
    *,
    topics: str | Collection[str] | None,
    accounts: str | Collection[str] | None = None,
    now: datetime | None = None,
    versions: Collection[str] = ("1", "2"),
    max_age: timedelta | None = FRESH_FOR,
    certificates: Certificates | None = None,
) -> VerifiedMessage:
    """Prove that an SNS message comes from a topic of ours; a store receives the result.

    *body* is what arrived, byte by byte; *headers* are the request's, where there was one. *topics*
    are the ARNs believed, *accounts* the AWS accounts; name at least one, and where both are named
    both must hold. *versions* without ``"1"`` refuses signatures over SHA-1. *max_age* bounds how
    old a message may be (None for trusted redrives); *now* is the time to judge by. *certificates*
    brings another cache, or another way to fetch.

    Raises UntrustedMessage for anything that is not proven (answer 4xx), VerifierUnavailable where
    the certificate cannot be had now (answer 503), and ConfigurationError without topics and accounts.

    https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
    """
    verifier = Verifier(topics=topics, accounts=accounts, versions=versions, max_age=max_age, certificates=certificates)
    return verifier.verify(body, headers, now=now)


def confirm_subscription(message: VerifiedMessage) -> None:
    """Confirm the subscription that a verified handshake offers, at SNS's host in the topic's region.

    The address is built from the proven topic and token; the one in the message is not visited.
    Raises UntrustedMessage where this is no such handshake, and VerifierUnavailable where SNS does
    not confirm.
    """
    topic, token = offered_subscription(message)
    try:
        fetch(confirmation_url(topic, token))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unavailable("SNS did not confirm the subscription", error) from error


def offered_subscription(message: VerifiedMessage) -> tuple[Topic, str]:
    """The topic and the token of the subscription that a verified handshake offers. Raises UntrustedMessage."""
    envelope = message.handshake or {}
    topic, token = read_topic(str(envelope.get("TopicArn"))), envelope.get("Token")
    if envelope.get("Type") != "SubscriptionConfirmation" or topic is None or not isinstance(token, str):
        # An UnsubscribeConfirmation holds a token too: using it would subscribe again.
        raise UntrustedMessage("body", "offers no subscription")
    return topic, token


def fetch(url: str, *, patience: float = _PATIENCE, largest: int = _LARGEST) -> bytes:
    """Get what is at an https address: status 200 only, no redirects, no proxies, at most *largest* bytes.

    *patience*, in seconds, is for the connection, for each answer, and for all of the body. Raises OSError,
    HTTPException or ValueError.
    """
    parts = urlsplit(url)
    deadline = time.monotonic() + patience
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=patience, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", target, headers={"Accept-Encoding": "identity", "Connection": "close"})
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"answered {response.status}")
        found = bytearray()
        while part := response.read1(8192):
            found += part
            if len(found) > largest or time.monotonic() > deadline:
                raise ValueError("answered too much, or too slowly")
        return bytes(found)
    finally:
        connection.close()


def _proven(claim: Claim, certificate: Certificate) -> VerifiedMessage:
    check_proof(claim, certificate)
    return vouched(claim.signed, f"its SNS signature, version {claim.version}")


def _unavailable(what: str, error: BaseException) -> VerifierUnavailable:
    return VerifierUnavailable(f"{what} ({type(error).__name__}).", hint="It is safe to try again.")


def _utc_now() -> datetime:
    return datetime.now(UTC)


_fetch = fetch  # which parameters called `fetch` hide
_SHARED = Certificates()
