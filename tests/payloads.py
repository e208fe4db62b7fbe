"""The few payloads that tests write by hand; realistic ones come from `sesevent.testing`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

from sesevent import VerifiedMessage, trusted


def payload(kind: str, *, message_id: str = "m-1", at: str = "2024-05-01T12:00:00.000Z", to: str = "ann@example.com",
            body: dict[str, Any] | None = None, **mail: Any) -> dict[str, Any]:  # fmt: skip
    """A small event of one kind about one person."""
    key, named = {
        "Send": ("send", {}),
        "Open": ("open", {"timestamp": at, "userAgent": "Mail"}),
        "Click": ("click", {"timestamp": at, "link": "https://example.com/"}),
        "Delivery": ("delivery", {"timestamp": at, "recipients": [to]}),
        "Bounce": ("bounce", {"timestamp": at, "feedbackId": f"f-{message_id}-{at}", "bounceType": "Permanent",
                              "bounceSubType": "General", "bouncedRecipients": [{"emailAddress": to}]}),
        "Complaint": ("complaint", {"timestamp": at, "feedbackId": f"f-{message_id}-{at}",
                                    "complainedRecipients": [{"emailAddress": to}]}),
    }[kind]  # fmt: skip
    letter = {
        "messageId": message_id,
        "timestamp": at,
        "source": "shop@example.com",
        "destination": [to],
        "commonHeaders": {"subject": "Hello"},
        "tags": {"campaign": ["spring"], "ses:configuration-set": ["main"]},
    }
    return {"eventType": kind, "mail": letter | mail, key: named | (body or {})}


def notification(event: dict[str, Any], *, message_id: str = "n-1") -> bytes:
    """The same in an SNS envelope."""
    envelope = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:us-east-1:1:t",
        "Message": json.dumps(event) + "\n",
        "Timestamp": "2024-05-01T12:00:09.000Z",
    }
    return json.dumps(envelope).encode()


def genuine(raw: Any) -> VerifiedMessage:
    """Taken for genuine."""
    return raw if isinstance(raw, VerifiedMessage) else trusted(raw, because="a test made it")


def all_genuine(raws: Any) -> Any:
    """Each of them, whichever way they are iterated."""
    return _each_later(raws) if isinstance(raws, AsyncIterable) else _each(raws)


def _each(raws: Iterable[Any]) -> Iterator[VerifiedMessage]:
    return (genuine(raw) for raw in raws)


async def _each_later(raws: AsyncIterable[Any]) -> AsyncIterator[VerifiedMessage]:
    async for raw in raws:
        yield genuine(raw)
