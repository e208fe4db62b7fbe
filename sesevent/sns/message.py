"""What is left when the wrappings are peeled off: one message, not yet trusted, not yet understood.

It does not know what the SES event says; :mod:`sesevent.events` does.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from sesevent.errors import Problem

__all__ = ["Kind", "Place", "SnsFacts", "TransportFacts", "UnverifiedMessage"]

Kind = Literal["event", "control", "foreign", "malformed"]


class SnsFacts(NamedTuple):
    """What an SNS envelope tells that the SES event inside does not."""

    type: str
    """``Notification``, ``SubscriptionConfirmation`` or ``UnsubscribeConfirmation``."""
    message_id: str | None
    topic_arn: str | None
    subject: str | None
    """The SNS subject, which is not the mail's."""
    timestamp: str | None
    """When SNS took the message, as written: later than the event."""


class TransportFacts(NamedTuple):
    """What a record of Lambda, SQS, EventBridge or Firehose tells of the message in it."""

    record_id: str | None
    """By which it is acknowledged in a batch: SQS's message id, Firehose's record id, EventBridge's id."""
    receipt_handle: str | None
    """By which it is deleted from its SQS queue."""
    received_by: str | None
    """The ARN of the queue, subscription, stream or rule it came through."""


# The transports spell these differently; the first that is there counts.
_TRANSPORT_NAMES = (
    ("messageId", "MessageId", "recordId", "eventID", "id"),
    ("receiptHandle", "ReceiptHandle"),
    ("eventSourceARN", "EventSubscriptionArn", "source"),
)


def _first_text(record: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((record[name] for name in names if isinstance(record.get(name), str)), None)


class Place(NamedTuple):
    """Where in the input something stood."""

    path: str = "$"
    """JSON path: ``$``, ``$[2]``, ``$.Message``, …"""
    via: tuple[str, ...] = ()
    """The wrappings around it, outermost first: ``()`` for a bare event, ``("sns",)`` for a notification."""
    line: int | None = None
    """1-based line, where the input was JSON lines."""


class UnverifiedMessage(NamedTuple):
    """One message from the inside of whatever was handed in."""

    kind: Kind
    """``event``: a SES event. ``control``: an SNS handshake. ``foreign``: well-formed, but not from SES
    (SES's own «Successfully validated …» sentence among them). ``malformed``: cannot be read; see *problem*."""
    text: str
    """The SES event exactly as received, as JSON text; of the other kinds, what stood in its place. Of
    malformed bytes that are not UTF-8, the bad ones are escaped as surrogates (PEP 383)."""
    payload: dict[str, Any]
    """*text* decoded, perhaps without the mail's headers; empty unless this is an event."""
    place: Place
    envelope: dict[str, Any] | None = None
    """The innermost SNS envelope around it, decoded; `sns` is its typed form."""
    record: dict[str, Any] | None = None
    """The transport's innermost record around it (Lambda, SQS, Firehose, EventBridge), decoded: `transport`
    is what it tells."""
    problem: Problem | None = None

    @property
    def sns(self) -> SnsFacts | None:
        """What the SNS envelope around it tells, if there is one."""
        envelope = self.envelope
        if envelope is None:
            return None
        texts = [envelope.get(name) for name in ("MessageId", "TopicArn", "Subject", "Timestamp")]
        return SnsFacts(envelope["Type"], *[text if isinstance(text, str) else None for text in texts])

    @property
    def transport(self) -> TransportFacts:
        """What the transport's record around it tells."""
        record = self.record or {}
        return TransportFacts(*[_first_text(record, names) for names in _TRANSPORT_NAMES])

    def __repr__(self) -> str:
        return f"<{self.kind} at {self.place.path} via {'/'.join(self.place.via) or 'nothing'}>"
