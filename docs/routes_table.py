"""Which event is told of by which route: what AWS sends is a table, and that it is read is tried, cell by cell."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sesevent import parse, testing
from sesevent.events.parse import EVENT_CLASSES

Payload = dict[str, Any]

PUBLISHED = frozenset(EVENT_CLASSES) - {"Received"}
"""Event publishing's kinds: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html"""
NOTIFIED = frozenset({"Bounce", "Complaint", "Delivery"})
"""An identity's: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html"""
INBOUND = frozenset({"Received"})
"""A receipt rule's: https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html"""


class Route(NamedTuple):
    """One way from SES to the store."""

    name: str
    kinds: frozenset[str]
    wrap: Callable[[Payload], Any]
    """What arrives."""
    by: str
    """What receives it."""
    proof: str
    told: str
    """How it is acknowledged."""
    family: str = "event"


def _sqs(body: Any) -> Payload:
    return {"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": json.dumps(body)}]}


def _from_sqs(body: Any) -> Payload:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": json.dumps(body)}]}


def _bridged(event: Payload) -> Payload:
    return {"version": "0", "id": "1", "source": "aws.ses", "detail-type": "Email Sent", "detail": event}


def _packed(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def _from_kinesis(value: Any) -> Payload:
    return {"Records": [{"eventSource": "aws:kinesis", "eventID": "1", "kinesis": {"data": _packed(value)}}]}


def _from_sns(event: Payload) -> Payload:
    return {"Records": [{"EventSource": "aws:sns", "Sns": dict(testing.notification(event))}]}


def _from_firehose(event: Payload) -> Payload:
    return {"invocationId": "1", "records": [{"recordId": "1", "data": _packed(event)}]}


def _of_a_rule(event: Payload) -> Payload:
    inner = {name: event[name] for name in ("mail", "receipt")}
    return {"Records": [{"eventSource": "aws:ses", "ses": inner}]}


_WEBHOOK = "[webhook](../how-to/receive-over-http.md)"
_WORKER = "[worker](../how-to/run-an-sqs-worker.md)"
_FUNCTION = "[function](../how-to/run-in-lambda.md)"
_INGEST = "[`sesevent ingest`](../how-to/backfill-from-s3.md)"
_POLICY, _IAM, _SIGNED = "the queue's policy", "IAM", "SNS's signature, and the topic"

ROUTES = (
    Route("SNS → HTTPS", PUBLISHED, testing.notification, _WEBHOOK, _SIGNED, "200, or 503 for once more"),
    Route("SNS → SQS", PUBLISHED, lambda event: _sqs(testing.notification(event)), _WORKER,
          f"{_POLICY}; the signature, if asked for", "deleted, one by one"),
    Route("SNS → SQS, raw", PUBLISHED, _sqs, _WORKER, _POLICY, "deleted, one by one"),
    Route("SNS → Lambda", PUBLISHED, _from_sns, _FUNCTION, _IAM, "the function returns, or fails"),
    Route("SNS → SQS → Lambda", PUBLISHED, lambda event: _from_sqs(testing.notification(event)), _FUNCTION, _IAM,
          "`batchItemFailures`"),
    Route("EventBridge → SQS", PUBLISHED, lambda event: _sqs(_bridged(event)), _WORKER, _POLICY, "deleted, one by one"),
    Route("EventBridge → Lambda", PUBLISHED, _bridged, _FUNCTION, _IAM, "the function returns, or fails"),
    Route("EventBridge → Kinesis → Lambda", PUBLISHED, lambda event: _from_kinesis(_bridged(event)), _FUNCTION, _IAM,
          "`batchItemFailures`"),
    Route("EventBridge → Kinesis", PUBLISHED, _bridged, _INGEST, _IAM, "a bookmark for each shard"),
    Route("Firehose → Lambda", PUBLISHED, _from_firehose, _FUNCTION, _IAM, "`Ok` or `ProcessingFailed`, one by one"),
    Route("Firehose → S3", PUBLISHED, json.dumps, _INGEST, _IAM, "a bookmark for each object"),
    Route("identity → SNS → any of the above", NOTIFIED, testing.notification, "as above", "as above", "as above",
          "identity"),
    Route("receipt rule → SNS → any of the above", INBOUND, testing.notification, "as above", "as above", "as above"),
    Route("receipt rule → Lambda", INBOUND, _of_a_rule, _FUNCTION, _IAM, "the function returns, or fails"),
)  # fmt: skip

_MADE = {
    "Bounce": testing.bounce, "Click": testing.click, "Complaint": testing.complaint, "Delivery": testing.delivery,
    "DeliveryDelay": testing.delivery_delay, "Open": testing.opened, "Received": testing.received,
    "Reject": testing.reject, "Rendering Failure": testing.rendering_failure, "Send": testing.send,
    "Subscription": testing.subscription,
}  # fmt: skip


def read_by(route: Route, kind: str) -> bool:
    """Whether an event of a kind, as it arrives by a route, is read as the same event."""
    plain = _MADE[kind](family=route.family) if route.family != "event" else _MADE[kind]()
    (expected,), found = parse(plain), parse(route.wrap(plain))
    return [(one.type, one.message_id, one.timestamp) for one in found] == [
        (expected.type, expected.message_id, expected.timestamp)
    ]


def matrix() -> list[tuple[str, ...]]:
    """A row for each route: what is told by it."""
    return [(route.name, *[_cell(route, kind) for kind in EVENT_CLASSES]) for route in ROUTES]


def _cell(route: Route, kind: str) -> str:
    if kind not in route.kinds:
        return ""
    if not read_by(route, kind):
        raise AssertionError(f"{kind} by {route.name} is not read as what it is")
    return "●"


def manners() -> Iterator[tuple[str, ...]]:
    """A row for each route: how it is received."""
    for route in ROUTES:
        yield route.name, route.by, route.proof, route.told
