"""What makes two deliveries of an event the same event, and the key that follows from it.

The key is an ObjectId's twelve bytes: four of the event's time in seconds, so that keys sort by
time and MongoDB's own ``_id`` index serves both de-duplication and time; eight of a BLAKE2b
hash of the identity, so that any process on any route computes the same. With a hundred
million events in the same second two keys collide with a probability of about 1 in 3,700.

The table has one row per kind, and only what both payload families agree on may stand in it.
Next: :mod:`sesevent.storage.writes`, which stores under this key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sesevent import jsontext
from sesevent.events.essentials import Essentials
from sesevent.events.event import Event

__all__ = ["IDENTITY", "Identity", "event_key", "key_of"]


class Identity(NamedTuple):
    """One row: what tells one event of a kind from another, and why."""

    parts: Callable[[Essentials], tuple[str, ...]]
    words: str
    """The parts in words, for the documentation."""
    reason: str


def event_key(event: Event) -> bytes:
    """The twelve bytes under which *event* is stored, equal for every delivery of the same event."""
    return key_of(event.essentials)


def key_of(event: Essentials) -> bytes:
    """The same, of an event's essentials. An event of no mail that could be named is known by all it says."""
    identity = IDENTITY.get(event.type, UNKNOWN)
    mail = event.message_id or str(jsontext.settled(event.decoded()))
    text = "\x1f".join([event.type, mail, *identity.parts(event)])
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return _seconds(event.timestamp).to_bytes(4, "big") + digest


def _seconds(moment: datetime | None) -> int:
    """ObjectId's clock: seconds since 1970 in 32 bits. Events outside it sort at the nearest end."""
    if moment is None:
        return 0
    return min(max(int(moment.timestamp()), 0), _LAST)


_LAST: Final = 0xFFFFFFFF


def _own(event: Essentials, name: str) -> str:
    value = event.own.get(name)
    return value if type(value) is str else str(jsontext.settled(value))


def _when(event: Essentials) -> str:
    return event.stamp or "None"


def _whom(event: Essentials) -> str:
    normals = event.normals
    return normals[0] if len(normals) == 1 else ",".join(sorted(normals))


def _feedback(event: Essentials) -> tuple[str, ...]:
    told = jsontext.settled(event.own.get("feedbackId"))
    return (str(told),) if told else (_when(event), _whom(event))


def _nothing(_: Essentials) -> tuple[str, ...]:
    return ()


def _canonical(event: Essentials) -> tuple[str, ...]:
    return (_sorted_json(event.decoded()),)


def _sorted_json(value: Any) -> str:
    return jsontext.encode(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(member) for member in value] if isinstance(value, list) else value


IDENTITY: Final[dict[str, Identity]] = {
    "Send": Identity(_nothing, "message", "SES accepts a message once"),
    "Reject": Identity(_nothing, "message", "a message is rejected as a whole, once"),
    "Rendering Failure": Identity(_nothing, "message", "a message is rendered once"),
    "Delivery": Identity(
        lambda event: (_whom(event),),
        "message, recipients",
        "each recipient is delivered to once; one event may name several",
    ),
    "Bounce": Identity(
        _feedback,
        "message, feedbackId (else time and recipients)",
        "SES's own id of the bounce, the same in event publishing and identity notifications",
    ),
    "Complaint": Identity(
        _feedback,
        "message, feedbackId (else time and recipients)",
        "SES's own id of the complaint, the same in event publishing and identity notifications",
    ),
    "DeliveryDelay": Identity(
        lambda event: (_when(event), _whom(event), _own(event, "delayType")),
        "message, time, recipients, delayType",
        "a message may be delayed again and again",
    ),
    "Open": Identity(
        lambda event: (_when(event), _own(event, "ipAddress"), _own(event, "userAgent")),
        "message, time, IP address, user agent",
        "the same mail may be opened often, and by several people in one moment",
    ),
    "Click": Identity(
        lambda event: (_when(event), _own(event, "ipAddress"), _own(event, "userAgent"), _own(event, "link")),
        "message, time, IP address, user agent, link",
        "scanners follow every link of a mail in the same millisecond",
    ),
    "Subscription": Identity(
        lambda event: (_when(event), _own(event, "contactList")),
        "message, time, contact list",
        "preferences change as often as the recipient likes",
    ),
    "Received": Identity(
        lambda event: (_when(event), _own(event, "recipients")),
        "message, time, matched recipients",
        "two receipt rules may match one mail for different recipients",
    ),
}
"""Kind → identity. Every key also holds the type and SES's message id."""

UNKNOWN: Final = Identity(
    _canonical, "the whole payload", "nothing is known of its fields, but equal payloads are equal"
)
