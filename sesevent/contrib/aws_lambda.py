"""Functions for AWS Lambda: `handler` for what IAM guards, `http_handler` for what comes over HTTP, and
`monitor_handler` for a schedule.

Each source is answered in its own way, so that what is not stored is delivered again and what is stored
is not. The store is made when it is first needed and kept while Lambda keeps the environment. Whatever
happens, a function answers before Lambda ends it: what was not done in time is not acknowledged. It needs
no extra; boto3 is not used.
"""

from __future__ import annotations

import base64
import inspect
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Union

from sesevent.errors import ConfigurationError, PayloadError, SesEventError
from sesevent.plans.receive import Outcome
from sesevent.sns.trust import VerifiedMessage, trusted
from sesevent.sns.unwrap import Raw
from sesevent.storage.connection import within
from sesevent.sync import EventStore

if TYPE_CHECKING:
    from sesevent.faces.monitor import Notifier
    from sesevent.monitoring.rules import Rule

__all__ = ["handler", "http_handler", "monitor_handler"]

BECAUSE: Final = "IAM decides who may invoke this function"
SECONDS: Final = 10.0  # for one invocation
MARGIN: Final = 1.0  # seconds before Lambda's own end
MONITORING_SECONDS: Final = 45.0  # for one evaluation: below the minute in which the next one comes

_OF_THE_WEB: Final = frozenset({"httpMethod", "rawPath", "raw_path", "requestContext", "routeKey"})
"""Keys that a function URL, API Gateway, a load balancer and VPC Lattice put around what anybody may have sent."""

StoreSource = Union[EventStore, Callable[[], EventStore]]
Function = Callable[..., dict[str, Any]]
Tell = Callable[[Any, Sequence[Outcome]], dict[str, Any]]

_log = logging.getLogger("sesevent.aws_lambda")


def handler(
    store: StoreSource, *, because: str = BECAUSE, timeout_seconds: float = SECONDS, margin_seconds: float = MARGIN
) -> Function:
    """A function that receives into *store* what SNS, SQS, Kinesis, EventBridge, Firehose or a caller invokes it with.

    *store* is an `EventStore`, or a function that makes one: ``handler(lambda: EventStore.connect(uri))``. It
    is called at the first invocation, and again after it failed. *because* is why what arrives is taken for genuine.
    An invocation takes no longer than *timeout_seconds*, and ends *margin_seconds* before Lambda would end it.

    What became of the event is told as its source wants it:

    - SQS, Kinesis, DynamoDB streams: ``batchItemFailures`` names what is not stored; set ``ReportBatchItemFailures``.
      Where nothing is stored the function fails, which means the same, also to a mapping without that setting.
    - Firehose's transformation: each record unchanged, ``Ok`` where it is stored, else ``ProcessingFailed``.
    - SNS, EventBridge, a direct invocation: counts. The function fails where anything is not stored.

    What cannot be understood is a dead letter, and counts as stored. Raises ConfigurationError for a web
    request, which proves nothing: `http_handler` is for these.
    """
    opened = _Opened(store)

    def lambda_handler(event: Any, context: Any = None) -> dict[str, Any]:
        if isinstance(event, dict) and not _OF_THE_WEB.isdisjoint(event):
            raise ConfigurationError(
                "A web request proves nothing of its sender, so this function does not receive it.",
                hint="Use sesevent.contrib.aws_lambda.http_handler, which verifies SNS's signature.",
            )
        items, tell = _read(event)
        messages = [trusted(item, because=because) for item in items]
        with within(_left(context, timeout_seconds, margin_seconds)):
            return tell(event, opened.receive(messages))

    return lambda_handler


def http_handler(
    store: StoreSource, *, timeout_seconds: float = SECONDS, margin_seconds: float = MARGIN, **settings: Any
) -> Function:
    """A function behind a function URL, API Gateway or a load balancer, to which SNS posts over HTTPS.

    It verifies each message and answers as every webhook here does. *settings* are those of
    `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all. *store*, *timeout_seconds* and
    *margin_seconds* are as for `handler`.
    """
    from sesevent.webhook import Answer, Settings, Webhook

    told = Settings(timeout_seconds=timeout_seconds, **settings)
    opened = _Opened(store)

    def answer_to(event: dict[str, Any], context: Any) -> Answer:
        headers = _headers(event)
        refused = told.refuse(_method(event), headers)
        if refused is not None:
            return refused
        with within(_left(context, timeout_seconds, margin_seconds)):
            try:
                return Webhook(opened.get(), told).answer(_body(event), headers)
            except SesEventError as error:  # the store could not be made
                return Answer(error.http_status, type(error).__name__)

    def lambda_handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        answer = answer_to(event, context)
        headers = {"Content-Type": "text/plain; charset=utf-8", **dict(answer.headers)}
        return {"statusCode": answer.status, "headers": headers, "body": answer.text, "isBase64Encoded": False}

    return lambda_handler


def monitor_handler(
    store: StoreSource,
    *,
    rules: Sequence[Rule] | None = None,
    notify: Iterable[Notifier] | None = None,
    timeout_seconds: float = MONITORING_SECONDS,
    margin_seconds: float = MARGIN,
) -> Function:
    """A function that evaluates alarms each time that a schedule (EventBridge's, mostly) invokes it, whatever with.

    *rules* and *notify* are those of `sesevent.faces.monitor.Monitor.evaluate`; by default its own rules, and the
    function's log.
    *store*, *timeout_seconds* and *margin_seconds* are as for `handler`; the time holds for MongoDB, a notifier
    that takes long needs a bound of its own.

    It returns how many alarms are in which state, and how many notices could not be delivered. It fails where alarms
    cannot be evaluated, which Lambda's own metric ``Errors`` shows: have AWS watch that, since nobody else then does.
    """
    from sesevent.faces.monitor import log_alarm  # here, since a function that only receives must not wait for it
    from sesevent.monitoring.rules import DEFAULT_RULES

    opened, notifiers = _Opened(store), (log_alarm,) if notify is None else tuple(notify)
    looked_for = DEFAULT_RULES if rules is None else rules

    def lambda_handler(event: Any = None, context: Any = None) -> dict[str, Any]:  # noqa: ARG001  # a schedule says nothing
        with within(_left(context, timeout_seconds, margin_seconds)):
            done = opened.get().monitor.evaluate(looked_for, notify=notifiers)
        states = Counter[str](alarm.state for alarm in done.alarms)
        return {"worst": done.worst, **states, "told": len(done.told), "failures": len(done.failures)}

    return lambda_handler


class _Opened:
    """A store that is made when it is first needed, and kept."""

    def __init__(self, source: StoreSource) -> None:
        self._make: Callable[[], EventStore] = source if callable(source) else lambda: source
        self._store: EventStore | None = None
        self._lock = threading.Lock()

    def get(self) -> EventStore:
        """The store. Where making it fails, the next call tries again."""
        with self._lock:
            store = self._store
            if store is None:
                store = self._store = self._made()
            return store

    def _made(self) -> EventStore:
        made = self._make()
        if inspect.isawaitable(made) or inspect.iscoroutinefunction(getattr(made, "receive", None)):
            raise ConfigurationError("Lambda calls functions that block: give the handler an EventStore.")
        return made

    def receive(self, messages: Sequence[VerifiedMessage]) -> list[Outcome]:
        """What became of each; where there is no store for now, that nothing is stored."""
        try:
            return list(self.get().receive_each(messages))
        except SesEventError as error:
            if not error.retryable:
                raise
            return [Outcome(message, None, error) for message in messages]


def _left(context: Any, timeout_seconds: float, margin_seconds: float) -> float:
    """Seconds that an invocation may still take; 0 would mean for ever."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    left = timeout_seconds if remaining is None else min(timeout_seconds, remaining() / 1000 - margin_seconds)
    return max(left, 0.001)


# ── What arrived, and how its source is answered ─────────────────────────────────────────────


def _read(event: Any) -> tuple[list[Raw], Tell]:
    """The things in an invocation that can be acknowledged one by one, and how that is done."""
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list):
        return [{"Records": [record]} for record in records], _report if _source(records) in _NAMES else _count
    if isinstance(event, dict) and isinstance(event.get("records"), list):
        return [{"records": [record]} for record in event["records"]], _transform
    return [event], _count


def _source(records: Sequence[Any]) -> Any:
    return records[0].get("eventSource") if records and isinstance(records[0], dict) else None


_NAMES: Final[dict[str, Callable[[Any], str]]] = {
    "aws:sqs": lambda record: record["messageId"],
    # Lambda begins again at the lowest that is named.
    "aws:kinesis": lambda record: record["kinesis"]["sequenceNumber"],
    "aws:dynamodb": lambda record: record["dynamodb"]["SequenceNumber"],
}
"""By what a record of a batch is named in ``batchItemFailures``.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""


def _report(event: Any, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What of a batch is to be delivered again. Of a FIFO queue too: for events no order is wrong."""
    failed = [outcome for outcome in outcomes if not outcome.settled]
    if failed and len(failed) == len(outcomes):
        # To fail says the same, and is seen in the metrics; a mapping that does not ask for reports would
        # take the answer for success and delete everything.
        failed[0].result()
    _warn(failed, len(outcomes))
    pairs = zip(event["Records"], outcomes, strict=True)
    names = [_NAMES[record["eventSource"]](record) for record, outcome in pairs if not outcome.settled]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def _transform(event: Any, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Every record as it came. What is ``ProcessingFailed`` Firehose keeps in S3, from where it can be ingested.

    A dead letter is ``Ok``: what was to be done with it is done, and Firehose delivers it wherever it would
    have gone. https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
    """
    _warn([outcome for outcome in outcomes if not outcome.settled], len(outcomes))
    return {
        "records": [
            {
                "recordId": record["recordId"],
                "result": "Ok" if outcome.settled else "ProcessingFailed",
                "data": record["data"],
            }
            for record, outcome in zip(event["records"], outcomes, strict=True)
        ]
    }


def _count(_: Any, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """In numbers what became of it. Raises where anything is not stored: Lambda then calls again."""
    for outcome in outcomes:
        if not outcome.settled:
            outcome.result()
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt is not None]
    return {
        "events": sum(len(receipt.events) for receipt in receipts),
        "fresh": sum(len(outcome.fresh) for outcome in outcomes),
        "skipped": sum(len(receipt.skipped) for receipt in receipts),
        "dead_letters": sum(isinstance(outcome.error, PayloadError) for outcome in outcomes),
    }


def _warn(failed: Sequence[Outcome], whole: int) -> None:
    if failed:
        _log.warning("%d of %d records are not stored: %s", len(failed), whole, type(failed[0].error).__name__)


# ── A web request: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads ──


def _method(event: dict[str, Any]) -> str:
    http = (event.get("requestContext") or {}).get("http") or {}
    return str(event.get("httpMethod") or http.get("method") or "")


def _headers(event: dict[str, Any]) -> dict[str, str]:
    several = event.get("multiValueHeaders") or {}  # a load balancer may send only these
    return {name: values[-1] for name, values in several.items() if values} | (event.get("headers") or {})


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    try:
        return base64.b64decode(body) if event.get("isBase64Encoded") is True else body.encode()
    except ValueError:
        return b""  # no signed message, and answered so
