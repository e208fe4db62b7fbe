"""A worker that empties an SQS queue into a store (extra ``aws``).

A message is deleted once it is stored durably, or kept as a dead letter, and not before. Whatever happens to the
worker, SQS hands out what was not deleted again, and what was stored already is recognised: so any number of
workers, in any number of processes, may share a queue.

What to do with one message is told by its `Outcome`; nothing here looks into it. Where MongoDB is away the messages
in hand stay in hand, hidden from others, and are tried again: polling on would only use up the number of receives
after which a redrive policy moves them away.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from sesevent.contrib.health import HealthFile, HealthServer, exposition
from sesevent.errors import (
    AwsUnavailable,
    ConfigurationError,
    MissingExtra,
    SesEventError,
    UntrustedMessage,
    VerifierUnavailable,
)
from sesevent.moments import UTC
from sesevent.plans.receive import Outcome
from sesevent.sns.trust import VerifiedMessage, trusted
from sesevent.verifier import Verifier

try:
    from botocore.config import Config

    from sesevent.contrib.aws_errors import RAISED, error_code, made_client, translated
except ImportError:
    raise MissingExtra("Receiving from SQS", "aws") from None

__all__ = ["AsyncStore", "AsyncWorker", "Counts", "Store", "Worker", "redrive"]

_log = logging.getLogger("sesevent.sqs")

AT_ONCE: Final = 10  # messages; the most that SQS hands out, deletes or extends in one call
LONGEST_WAIT: Final = 20  # seconds; SQS's longest poll
LONGEST_HIDDEN: Final = 12 * 3600  # seconds; SQS's longest visibility timeout
LONGEST_PAUSE: Final = 30.0  # seconds between two attempts while something is away
PROOFS: Final = 4
"""Attempts to prove a message before it is let go: whoever can send to the queue may name a certificate that there is
not, and must not keep a worker waiting for it."""
_FEW_RECEIVES: Final = 3
_DAY: Final = 24 * 3600

_FORGED: Final = frozenset({"address", "certificate", "signature"})
"""The checks of `sesevent.sns.origin.CHECKS` that nothing genuine fails, whatever the settings."""
_NO_QUEUE: Final = {
    "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress", "QueueDoesNotExist", "ResourceNotFoundException",
}  # fmt: skip
_REGION_IN_URL: Final = re.compile(r"[/.]sqs(?:-fips)?\.([a-z]+-[a-z-]+-\d+)\.", re.ASCII)

R = TypeVar("R")


class Store(Protocol):
    """What is needed of an `EventStore`."""

    def receive_each(self, items: Iterable[VerifiedMessage]) -> Iterator[Outcome]:
        """Receive many things, and tell what became of each."""
        ...


class AsyncStore(Protocol):
    """What is needed of an `AsyncEventStore`."""

    def receive_each(self, items: Iterable[VerifiedMessage]) -> AsyncIterator[Outcome]:
        """Receive many things, and tell what became of each."""
        ...


@dataclass
class Counts:
    """What a worker has done so far."""

    polls: int = 0
    """Times that SQS answered."""
    empty_polls: int = 0
    """…and had nothing."""
    received: int = 0
    """Messages that SQS handed out; each time, where it was more than once."""
    stored: int = 0
    """Events found in them and stored durably, repeats included."""
    fresh: int = 0
    """Events that had not been stored before."""
    skipped: int = 0
    """Messages without an event of SES's: handshakes, greetings, somebody else's."""
    dead_letters: int = 0
    """Messages that could not be understood, or only in part, and are kept as dead letters."""
    refused: int = 0
    """Messages that are forged, and were deleted."""
    unproven: int = 0
    """Messages that the verifier did not accept for a reason a genuine one may have, a certificate that cannot be had
    among them; left on the queue."""
    failed: int = 0
    """Messages that cannot be stored; left on the queue."""
    retried: int = 0
    """Attempts at messages in hand that were in vain for now: MongoDB, or a certificate, could not be reached."""
    released: int = 0
    """Messages given back to the queue unfinished."""
    deleted: int = 0
    """Messages deleted from the queue."""
    extended: int = 0
    """Times that a message in hand was hidden from others for longer."""
    errors: int = 0
    """Calls of SQS that failed, after boto3's own attempts."""
    last_success: datetime | None = None
    """When SQS was last asked and everything that it handed out was dealt with."""

    @property
    def duplicates(self) -> int:
        """Events that were stored before."""
        return self.stored - self.fresh


OnProgress = Callable[[Counts], object]


class _Message(NamedTuple):
    """A message in hand, as boto3 gives it, and what it is deleted by."""

    raw: dict[str, Any]
    handle: str


class _Hand:
    """The messages of one poll that are not settled yet."""

    def __init__(self, messages: Sequence[_Message]) -> None:
        self.messages = list(messages)
        self.proofs = 0
        self.released = False


Proven = list[tuple[_Message, VerifiedMessage]]
Settled = list[tuple[_Message, Outcome]]
S = TypeVar("S")


# ── SQS ──────────────────────────────────────────────────────────────────────────────────────


class _Queue:
    """One queue: the calls to it, and what its errors mean."""

    def __init__(self, url: str, client: Any, connections: int, options: dict[str, Any]) -> None:
        self.url = url
        self.name = url.rstrip("/").rpartition("/")[2]
        self.client = client or _client(url, options | {"config": _config(connections, options)})

    def attributes(self) -> dict[str, str]:
        found: dict[str, str] = self._call("get_queue_attributes", AttributeNames=["All"]).get("Attributes", {})
        return found

    def receive(self, wait: int, hidden: int, *, dated: bool) -> list[_Message]:
        more = {"MessageSystemAttributeNames": ["SentTimestamp"]} if dated else {}
        told = self._call(
            "receive_message", MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait, VisibilityTimeout=hidden, **more
        )
        return [_Message(message, message["ReceiptHandle"]) for message in told.get("Messages", ())]

    def delete(self, messages: Sequence[_Message]) -> int:
        return self._each("delete_message_batch", messages)

    def hide(self, messages: Sequence[_Message], seconds: int) -> int:
        return self._each("change_message_visibility_batch", messages, VisibilityTimeout=seconds)

    def _each(self, operation: str, messages: Sequence[_Message], **more: Any) -> int:
        """Do something to at most ten messages; returns to how many it was done."""
        entries = [{"Id": str(n), "ReceiptHandle": message.handle, **more} for n, message in enumerate(messages)]
        told = self._call(operation, Entries=entries)
        for code in sorted({str(entry.get("Code")) for entry in told.get("Failed", ())}):
            _log.warning("%s did not succeed for some of %d messages: %s", operation, len(entries), code)
        return len(entries) - len(told.get("Failed", ()))

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.client, operation)(QueueUrl=self.url, **request)
        except RAISED as error:
            raise _translated(error, operation) from None
        return answer


def _client(queue: str, options: dict[str, Any]) -> Any:
    """boto3's client, in the region that the queue's URL or ARN names, unless another is asked for."""
    found = _REGION_IN_URL.search(queue)
    region = found[1] if found else queue.split(":")[3] if queue.startswith("arn:") else None
    named = {"region_name": region} if region else {}
    return made_client("sqs", service="Amazon SQS", prefix="sqs", **named | options)


def _config(connections: int, options: dict[str, Any]) -> Any:
    ours = Config(max_pool_connections=connections)
    return ours.merge(options["config"]) if options.get("config") else ours


def _translated(error: Exception, doing: str) -> SesEventError:
    if error_code(error) in _NO_QUEUE:
        return ConfigurationError("There is no such queue.", hint="Check its URL, the region and the account.")
    return translated(error, doing, service="Amazon SQS", prefix="sqs")


def _unwise(attributes: dict[str, str]) -> Iterator[str]:
    """What of a queue's set-up will be regretted."""
    policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    receives, kept = int(policy.get("maxReceiveCount", 0)), int(attributes.get("MessageRetentionPeriod", 0))
    if not policy:
        yield "The queue has no redrive policy: what can never be stored comes back until it expires."
    elif receives < _FEW_RECEIVES:
        yield f"The queue's redrive policy gives a message up after {receives} receives: a few restarts use them up."
    if 0 < kept < _DAY:
        yield f"The queue keeps messages for {kept / 3600:g} hours: whatever is away for longer costs events."
    if attributes.get("FifoQueue") == "true":
        yield "The queue is FIFO: a message that cannot be stored holds up its group. No order is needed here."


def redrive(
    dead_letter_queue: str,
    *,
    to: str | None = None,
    per_second: int | None = None,
    client: Any = None,
    **client_options: Any,
) -> str:
    """Have SQS move the messages of a dead-letter queue back to where they came from; returns the task's handle.

    *dead_letter_queue* is an ARN or a URL. *to* is the ARN of another queue to move them to, and *per_second* the
    most messages to move each second. SQS does it by itself, after this returns. Needs the permission
    ``sqs:StartMessageMoveTask``. Raises ConfigurationError where there is no such queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
    """
    client = client or _client(dead_letter_queue, client_options)
    if not dead_letter_queue.startswith("arn:"):
        dead_letter_queue = _Queue(dead_letter_queue, client, 1, {}).attributes()["QueueArn"]
    more = {"DestinationArn": to, "MaxNumberOfMessagesPerSecond": per_second}
    try:
        started = client.start_message_move_task(
            SourceArn=dead_letter_queue, **{name: value for name, value in more.items() if value is not None}
        )
    except RAISED as error:
        raise _translated(error, "start_message_move_task") from None
    return str(started["TaskHandle"])


# ── What both colours share ──────────────────────────────────────────────────────────────────


class _Worker(Generic[S]):
    """Everything but the loop and the calls to the store."""

    def __init__(
        self,
        store: S,
        queue_url: str,
        *,
        client: Any = None,
        pollers: int = 1,
        wait_seconds: int = LONGEST_WAIT,
        visibility_seconds: int = 60,
        verifier: Verifier | None = None,
        health_file: Path | str | None = None,
        health_port: int | None = None,
        health_host: str = "127.0.0.1",
        healthy_seconds: float = 120.0,
        **client_options: Any,
    ) -> None:
        _check_range("pollers", pollers, 1, 100)
        _check_range("wait_seconds", wait_seconds, 0, LONGEST_WAIT)
        _check_range("visibility_seconds", visibility_seconds, 1, LONGEST_HIDDEN)
        self.queue_url = queue_url
        self._store, self._verifier, self._pollers = store, verifier, pollers
        self._wait_seconds, self._hidden = wait_seconds, visibility_seconds
        self._queue = _Queue(queue_url, client, 2 * pollers + 2, client_options)
        self._file, self._healthy_seconds = HealthFile(health_file), healthy_seconds
        self._listen_at, self._server = (health_host, health_port), None
        self._counts, self._well_at = Counts(), float("-inf")
        self._lock = threading.RLock()  # a signal's handler may come back in where its own thread is
        self._telling = threading.Lock()
        self._stopping = threading.Event()
        self._told_to_stop = False
        self._open: set[Future[list[_Message] | None]] = set()
        self._error: BaseException | None = None

    _server: HealthServer | None

    @property
    def counts(self) -> Counts:
        """What was done so far, as it is now; from whatever thread."""
        with self._lock:
            return replace(self._counts)

    @property
    def metrics(self) -> str:
        """The counts as Prometheus reads them, such as ``sesevent_worker_received_total``."""
        counts = self.counts
        return exposition("sesevent_worker", asdict(counts) | {"duplicates": counts.duplicates})

    @property
    def healthy(self) -> bool:
        """True where the last success is younger than *healthy_seconds*."""
        return time.monotonic() - self._well_at < self._healthy_seconds

    @property
    def health_port(self) -> int | None:
        """The port at which ``/healthz`` and ``/metrics`` are answered while it runs."""
        return None if self._server is None else self._server.port

    def stop(self) -> None:
        """Take no more messages; `run` returns when what is in hand is settled, and does not wait for open polls.

        From any thread, or from the handler of a signal. A message that an open poll still brings is given back. A
        worker that was stopped stays so.
        """
        if self._told_to_stop:
            return
        self._told_to_stop = True
        self._stopping.set()
        with self._lock:
            for asked in list(self._open):
                with suppress(InvalidStateError):  # it was answered just now, or nobody waits for it any more
                    asked.set_result(None)

    # ── Asking ──

    def _ask(self) -> Future[list[_Message] | None]:
        """Ask SQS for messages; None where the worker was stopped.

        In a thread of its own: a long poll cannot be broken off, but it can be left behind.
        """
        asked: Future[list[_Message] | None] = Future()
        with self._lock:
            if self._told_to_stop:
                asked.set_result(None)
                return asked
            self._open.add(asked)
        threading.Thread(target=self._answer, args=(asked,), name="sesevent-poll", daemon=True).start()
        return asked

    def _answer(self, asked: Future[list[_Message] | None]) -> None:
        try:
            messages = self._queue.receive(self._wait_seconds, self._hidden, dated=self._verifier is not None)
            self._count(polls=1, empty_polls=not messages, received=len(messages))
            try:
                asked.set_result(messages)
            except InvalidStateError:
                self._give_back(_Hand(messages))
        except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
            with suppress(InvalidStateError):
                asked.set_exception(error)
        finally:
            with self._lock:
                self._open.discard(asked)

    @contextmanager
    def _holding(self, messages: Sequence[_Message]) -> Iterator[_Hand]:
        """Keep messages hidden from others while they are in hand."""
        hand, over = _Hand(messages), threading.Event()
        if messages:
            threading.Thread(target=self._keep, args=(hand, over), name="sesevent-keep", daemon=True).start()
        try:
            yield hand
        finally:
            over.set()

    def _keep(self, hand: _Hand, over: threading.Event) -> None:
        while not over.wait(self._hidden / 2):
            if messages := list(hand.messages):
                self._count(extended=self._hide(messages, self._hidden))

    def _give_back(self, hand: _Hand) -> None:
        """Let SQS hand out again at once what is still in hand."""
        messages, hand.messages = hand.messages, []
        hand.released = bool(messages)
        if messages:
            self._count(released=self._hide(messages, 0))

    # ── Proving and settling ──

    def _prove(self, hand: _Hand) -> Proven:
        """Those in hand that may be believed. What is forged is deleted, what may be genuine stays on the queue."""
        if self._verifier is None:
            because = f"IAM guards the queue {self._queue.name}"
            return [(message, trusted(message.raw, because=because)) for message in hand.messages]
        hand.proofs += 1
        judged = [(message, self._judged(message, hand.proofs < PROOFS)) for message in hand.messages]
        proven = [(message, told) for message, told in judged if isinstance(told, VerifiedMessage)]
        hand.messages = [message for message, told in judged if told is None or isinstance(told, VerifiedMessage)]
        self._delete([message for message, told in judged if _is_forged(told)])
        return proven

    def _judged(self, message: _Message, again: bool) -> VerifiedMessage | SesEventError | None:
        """A message's proof, or why there is none; None where it cannot be told for now, and may be tried *again*."""
        assert self._verifier is not None  # noqa: S101  # for the reader of types
        try:
            return self._verifier.verify(message.raw["Body"], now=_sent_at(message.raw))
        except UntrustedMessage as error:
            _log.warning("a message is not believed: it fails the check «%s»", error.check)
            self._count(refused=_is_forged(error), unproven=not _is_forged(error))
            return error
        except VerifierUnavailable as error:
            _log.warning("whether a message is genuine cannot be told for now")
            self._count(retried=again, unproven=not again)
            return None if again else error

    def _settle(self, hand: _Hand, settled: Settled) -> None:
        """Delete what is stored; in hand stays what may be stored later."""
        for _, outcome in settled:
            self._count_outcome(outcome)
        for message, outcome in settled:
            if outcome.error is None or not outcome.error.retryable:
                hand.messages.remove(message)
        self._delete([message for message, outcome in settled if outcome.settled])

    def _count_outcome(self, outcome: Outcome) -> None:
        receipt, error = outcome.receipt, outcome.error
        if receipt is not None:
            self._count(
                stored=len(receipt.events),
                fresh=len(outcome.fresh),
                skipped=not receipt.events and error is None,
                dead_letters=error is not None,
            )
            if outcome.message is not None and outcome.message.handshake is not None:
                _log.warning("a subscription was offered to the queue, or ended; nothing is confirmed here")
        elif error is not None:
            self._count(retried=error.retryable, failed=not error.retryable)
            _log.warning("a message cannot be stored%s: %s", " for now" * error.retryable, type(error).__name__)

    def _delete(self, messages: Sequence[_Message]) -> None:
        if messages:
            try:
                self._count(deleted=self._queue.delete(messages))
            except AwsUnavailable as error:  # they come again, are recognised, and are deleted then
                self._trouble(error)

    # ── Being well ──

    def _check(self) -> list[str]:
        return list(_unwise(self._queue.attributes()))

    def _start(self) -> None:
        for sentence in self._check():
            _log.warning(sentence)
        self._file.touch()
        host, port = self._listen_at
        if port is not None:
            self._server = HealthServer(host, port, lambda: self.healthy, lambda: self.metrics)
        self._well_at = time.monotonic()

    def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        with suppress(OSError):
            self._file.remove()

    def _done(self, hand: _Hand, on_progress: OnProgress | None = None) -> None:
        """One poll is over; a success, where everything that it brought is dealt with."""
        if not hand.released:
            with self._lock:
                self._counts.last_success, self._well_at = datetime.now(UTC), time.monotonic()
            self._file.touch()
        if on_progress is not None:
            with self._telling:  # its own: a reader who is slow must not keep messages from being held
                on_progress(self.counts)

    # ── Small things ──

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self._counts, name, getattr(self._counts, name) + int(number))

    def _trouble(self, error: SesEventError) -> None:
        self._count(errors=1)
        _log.warning("%s", error)

    def _hide(self, messages: Sequence[_Message], seconds: int) -> int:
        """What may fail without harm: SQS hands messages out again in its own time."""
        try:
            return self._queue.hide(messages, seconds)
        except SesEventError as error:
            self._trouble(error)
            return 0


def _is_forged(told: object) -> bool:
    return isinstance(told, UntrustedMessage) and told.check in _FORGED


def _pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 10))


def _sent_at(raw: dict[str, Any]) -> datetime:
    """When SQS took a message: how long it waited on the queue since does not make it stale."""
    return datetime.fromtimestamp(int(raw["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _check_range(name: str, value: float, least: int, most: int) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most}.")


def _bug(message: VerifiedMessage, error: Exception) -> Outcome:
    """For what nobody foresaw: one message is left on the queue, and the others are not its prisoners."""
    _log.error("a message cannot be stored, by a mistake of this library or a store of yours: %s", type(error).__name__)
    return Outcome(message, None, SesEventError(f"It could not be stored ({type(error).__name__})."))


# ── The two colours ──────────────────────────────────────────────────────────────────────────


class Worker(_Worker[Store]):
    """Receives what an SQS queue holds into a store, and deletes it there once it is stored. Its twin is `AsyncWorker`.

    *client* is boto3's SQS client; without one it is made with *client_options* (``region_name``, ``endpoint_url``,
    …), in the region of *queue_url*. As many *pollers* ask at once, for up to ten messages each, and wait up to
    *wait_seconds* for some to come. A message in hand is hidden from other workers for *visibility_seconds*, and
    again before they end.

    The queue's policy is trusted to admit only whom you would believe. With a *verifier* each message must be an SNS
    notification with a good signature besides, so raw message delivery must be off. What is forged is deleted; what
    fails a check that depends on settings (the topic, the version, its age when SQS took it, no envelope) is not
    stored, and stays for the queue's redrive policy.

    While it runs *health_file* is touched at each success, and removed at the end; at *health_port* of *health_host*
    ``/healthz`` says 200 where the last success is younger than *healthy_seconds*, else 503, and ``/metrics`` tells
    the counts.
    """

    def check(self) -> list[str]:
        """Look at the queue; returns what of its set-up is unwise, in sentences. `run` does so first, and logs them.

        Raises ConfigurationError where there is no such queue, or it may not be asked.
        """
        return self._check()

    def run(self, *, until_empty: bool = False, on_progress: OnProgress | None = None) -> None:
        """Work until `stop` is called, or, with *until_empty*, until the queue has nothing to hand out.

        *on_progress* is called with the counts after each poll that is dealt with. What is away for the moment, SQS
        or MongoDB, is waited for. Raises ConfigurationError where the queue does not exist or may not be used, and
        AwsError where SQS refuses a call, or cannot be reached at the start.
        """
        pollers = [
            threading.Thread(
                target=self._poll, args=(until_empty, on_progress), name=f"sesevent-worker-{n}", daemon=True
            )
            for n in range(self._pollers)
        ]
        try:
            self._start()
            for poller in pollers:
                poller.start()
            for poller in pollers:
                while poller.is_alive():
                    poller.join(0.5)  # comes back, so that signals are heard on every platform
        finally:
            self.stop()
            self._end()
        if self._error is not None:
            raise self._error

    def poll_once(self) -> int:
        """Receive up to ten messages, store them, delete them; returns how many SQS handed out.

        What cannot be stored now is given back to the queue at once.
        """
        messages = self._ask().result()
        with self._holding(messages or ()) as hand:
            try:
                self._work(hand)
            finally:
                self._give_back(hand)
        self._done(hand)
        return len(messages or ())

    def _poll(self, until_empty: bool, on_progress: OnProgress | None) -> None:
        try:
            while (messages := self._next()) is not None:
                with self._holding(messages) as hand:
                    self._finish(hand)
                self._done(hand, on_progress)
                if until_empty and not messages:
                    break
        except BaseException as error:  # noqa: BLE001  # raised by `run`
            self._error = error
            self.stop()

    def _next(self) -> list[_Message] | None:
        failures = 0
        while True:
            try:
                return self._ask().result()
            except AwsUnavailable as error:  # noqa: PERF203
                failures += 1
                self._trouble(error)
                self._stopping.wait(_pause(failures))

    def _finish(self, hand: _Hand) -> None:
        """Settle what is in hand, however long it takes, unless the worker is stopped meanwhile."""
        failures = 0
        try:
            self._work(hand)
            while hand.messages and not self._stopping.wait(_pause(failures)):
                failures += 1
                self._work(hand)
        finally:
            self._give_back(hand)

    def _work(self, hand: _Hand) -> None:
        proven = self._prove(hand)
        outcomes = self._receive([message for _, message in proven])
        self._settle(hand, [(message, outcome) for (message, _), outcome in zip(proven, outcomes, strict=True)])

    def _receive(self, messages: list[VerifiedMessage]) -> list[Outcome]:
        try:
            return list(self._store.receive_each(messages))
        except SesEventError:
            raise
        except Exception as error:  # noqa: BLE001  # see _bug
            if len(messages) == 1:
                return [_bug(messages[0], error)]
            return [outcome for message in messages for outcome in self._receive([message])]


class AsyncWorker(_Worker[AsyncStore]):
    """Receives what an SQS queue holds into a store, and deletes it there once it is stored. Its twin is `Worker`.

    *client* is boto3's SQS client; without one it is made with *client_options* (``region_name``, ``endpoint_url``,
    …), in the region of *queue_url*. As many *pollers* ask at once, for up to ten messages each, and wait up to
    *wait_seconds* for some to come. A message in hand is hidden from other workers for *visibility_seconds*, and
    again before they end. boto3 blocks: it is called in threads.

    The queue's policy is trusted to admit only whom you would believe. With a *verifier* each message must be an SNS
    notification with a good signature besides, so raw message delivery must be off. What is forged is deleted; what
    fails a check that depends on settings (the topic, the version, its age when SQS took it, no envelope) is not
    stored, and stays for the queue's redrive policy.

    While it runs *health_file* is touched at each success, and removed at the end; at *health_port* of *health_host*
    ``/healthz`` says 200 where the last success is younger than *healthy_seconds*, else 503, and ``/metrics`` tells
    the counts.
    """

    async def check(self) -> list[str]:
        """Look at the queue; returns what of its set-up is unwise, in sentences. `run` does so first, and logs them.

        Raises ConfigurationError where there is no such queue, or it may not be asked.
        """
        return await asyncio.to_thread(self._check)

    async def run(self, *, until_empty: bool = False, on_progress: OnProgress | None = None) -> None:
        """Work until `stop` is called, or, with *until_empty*, until the queue has nothing to hand out.

        *on_progress* is called with the counts after each poll that is dealt with. What is away for the moment, SQS
        or MongoDB, is waited for. Raises ConfigurationError where the queue does not exist or may not be used, and
        AwsError where SQS refuses a call, or cannot be reached at the start.
        """
        pollers: list[asyncio.Task[None]] = []
        try:
            await asyncio.to_thread(self._start)
            pollers += [asyncio.create_task(self._poll(until_empty, on_progress)) for _ in range(self._pollers)]
            await asyncio.wait(pollers)
        finally:
            self.stop()
            await asyncio.gather(*pollers)
            await asyncio.to_thread(self._end)
        if self._error is not None:
            raise self._error

    async def poll_once(self) -> int:
        """Receive up to ten messages, store them, delete them; returns how many SQS handed out.

        What cannot be stored now is given back to the queue at once.
        """
        messages = await asyncio.wrap_future(self._ask())
        with self._holding(messages or ()) as hand:
            try:
                await self._work(hand)
            finally:
                await asyncio.to_thread(self._give_back, hand)
        self._done(hand)
        return len(messages or ())

    async def _poll(self, until_empty: bool, on_progress: OnProgress | None) -> None:
        try:
            while (messages := await self._next()) is not None:
                with self._holding(messages) as hand:
                    await self._finish(hand)
                self._done(hand, on_progress)
                if until_empty and not messages:
                    break
        except Exception as error:  # noqa: BLE001  # raised by `run`
            self._error = error
            self.stop()

    async def _next(self) -> list[_Message] | None:
        failures = 0
        while True:
            try:
                return await asyncio.wrap_future(self._ask())
            except AwsUnavailable as error:  # noqa: PERF203
                failures += 1
                self._trouble(error)
                await self._stopped_within(_pause(failures))

    async def _stopped_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(0.1, left))
        return self._stopping.is_set()

    async def _finish(self, hand: _Hand) -> None:
        """Settle what is in hand, however long it takes, unless the worker is stopped meanwhile."""
        failures = 0
        try:
            await self._work(hand)
            while hand.messages and not await self._stopped_within(_pause(failures)):
                failures += 1
                await self._work(hand)
        finally:
            await asyncio.to_thread(self._give_back, hand)

    async def _work(self, hand: _Hand) -> None:
        proven = await asyncio.to_thread(self._prove, hand)
        outcomes = await self._receive([message for _, message in proven])
        settled = [(message, outcome) for (message, _), outcome in zip(proven, outcomes, strict=True)]
        await asyncio.to_thread(self._settle, hand, settled)

    async def _receive(self, messages: list[VerifiedMessage]) -> list[Outcome]:
        try:
            return [outcome async for outcome in self._store.receive_each(messages)]
        except SesEventError:
            raise
        except Exception as error:  # noqa: BLE001  # see _bug
            if len(messages) == 1:
                return [_bug(messages[0], error)]
            return [outcome for message in messages for outcome in await self._receive([message])]
