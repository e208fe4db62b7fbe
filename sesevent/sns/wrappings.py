"""The table of what AWS's transports wrap around a message: how each is recognised, and what it holds.

Recognition is by content alone, so it does not matter which function, queue or file a value
came from, and wrappings may stand inside each other in any order.
Next: :mod:`sesevent.sns.unwrap`, which peels them off.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sesevent import jsontext

__all__ = ["HANDSHAKES", "WRAPPINGS", "Member", "Unreadable", "Wrapping", "is_sns"]

HANDSHAKES = ("SubscriptionConfirmation", "UnsubscribeConfirmation")

Value = dict[str, Any]


class Unreadable(NamedTuple):
    """What stands in a wrapping in place of a value that cannot be had."""

    reason: str


class Member(NamedTuple):
    """One thing inside a wrapping."""

    via: str
    """The name of the wrapping, as it appears in a message's ``place.via``."""
    path: str
    """Where it stands in the wrapping, such as ``.Records[1].body``."""
    value: Any
    """Text, bytes, or an already decoded value."""
    record: Value | None = None
    """The transport's own record around it, with the ids to acknowledge it by."""


class Wrapping(NamedTuple):
    """One way in which AWS wraps messages."""

    recognises: Callable[[Value], bool]
    members: Callable[[Value], Iterator[Member]]


# ── SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html ─────────


def is_sns(value: Value) -> bool:
    """True for an SNS envelope, in HTTP's spelling or Lambda's."""
    kind = value.get("Type")
    return (kind == "Notification" and "Message" in value) or kind in HANDSHAKES


def _sns(value: Value) -> Iterator[Member]:
    yield Member("sns", ".Message", value.get("Message"))


# ── Lambda's batches: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html ──────


def _lambda(value: Value) -> Iterator[Member]:
    for position, record in enumerate(value["Records"]):
        yield _record(record, f".Records[{position}]")


def _record(record: Any, path: str = "") -> Member:
    """One record: which service made it is told by what it holds."""
    if not isinstance(record, dict):
        return Member("lambda", path, Unreadable("is not a record"))
    if isinstance(record.get("Sns"), dict):
        return Member("lambda", f"{path}.Sns", record["Sns"], record)
    if isinstance(record.get("ses"), dict):  # a receipt rule's function: an inbound mail that does not say so
        return Member("lambda-ses", f"{path}.ses", {"notificationType": "Received"} | record["ses"], record)
    if isinstance(record.get("kinesis"), dict):
        return Member("lambda-kinesis", f"{path}.kinesis.data", _plain(record["kinesis"].get("data")), record)
    if "body" in record:
        return Member("lambda-sqs", f"{path}.body", record["body"], record)
    return Member("lambda", path, record, record)


# ── SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html ──


def _received_messages(value: Value) -> Iterator[Member]:
    for position, message in enumerate(value["Messages"]):
        body = message["Body"] if isinstance(message, dict) and "Body" in message else Unreadable("has no Body")
        yield Member("sqs-receive", f".Messages[{position}].Body", body, message if isinstance(message, dict) else None)


def _sqs_message(value: Value) -> Iterator[Member]:
    yield Member("sqs-message", ".Body", value["Body"], value)


# ── EventBridge: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ses.html ──────


def _eventbridge(value: Value) -> Iterator[Member]:
    yield Member("eventbridge", ".detail", value["detail"], value)


# ── Firehose: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html ───────
#    and its HTTP endpoints: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html


def _is_firehose(value: Value) -> bool:
    records = value.get("records")
    return isinstance(records, list) and all(isinstance(record, dict) and "data" in record for record in records)


def _firehose(value: Value) -> Iterator[Member]:
    for position, record in enumerate(value["records"]):
        yield Member("firehose", f".records[{position}].data", _plain(record["data"]), record)


def _firehose_failed(value: Value) -> Iterator[Member]:
    # What it keeps in S3 of a record that was not transformed or not delivered:
    # https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
    yield Member("firehose-failed", ".rawData", _plain(value["rawData"]), value)


# ── A web request handed to a function: API Gateway, a function URL, a load balancer ─────────
#    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads


def _is_request(value: Value) -> bool:
    return "body" in value and any(name in value for name in ("requestContext", "httpMethod", "routeKey"))


def _request(value: Value) -> Iterator[Member]:
    body = _plain(value["body"]) if value.get("isBase64Encoded") is True else value["body"]
    yield Member("http-proxy", ".body", body, value)


# ── Small things ─────────────────────────────────────────────────────────────────────────────


def _plain(data: Any) -> Any:
    """Base64, undone."""
    try:
        return jsontext.as_text(base64.b64decode(data, validate=True))
    except (TypeError, binascii.Error):
        return Unreadable("is not base64")
    except ValueError as reason:
        return Unreadable(str(reason))


def _holds(key: str, kind: type) -> Callable[[Value], bool]:
    return lambda value: isinstance(value.get(key), kind)


WRAPPINGS: tuple[Wrapping, ...] = (
    Wrapping(is_sns, _sns),
    Wrapping(_holds("Records", list), _lambda),
    Wrapping(_holds("Messages", list), _received_messages),
    Wrapping(lambda value: "detail-type" in value and isinstance(value.get("detail"), dict), _eventbridge),
    Wrapping(_is_firehose, _firehose),
    Wrapping(lambda value: "rawData" in value and "attemptsMade" in value, _firehose_failed),
    Wrapping(_is_request, _request),
    Wrapping(lambda value: "Body" in value and ("ReceiptHandle" in value or "MessageId" in value), _sqs_message),
    # One record of a batch, handed on by itself.
    Wrapping(lambda value: "eventSource" in value or "EventSource" in value, lambda value: iter([_record(value)])),
)
"""First match wins."""
