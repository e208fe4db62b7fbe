"""Peel off what AWS's transports wrap around a SES event.

Which wrappings there are stands in one table, :mod:`sesevent.sns.wrappings`. A bad member of a
batch becomes a message of kind ``malformed`` at its position; the others are read all the same.
Next: :mod:`sesevent.events`, which reads what is left.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Union

from sesevent import jsontext, payloads
from sesevent.errors import Problem
from sesevent.sns.message import Place, UnverifiedMessage
from sesevent.sns.wrappings import HANDSHAKES, WRAPPINGS, Unreadable, Wrapping, is_sns

__all__ = ["Raw", "one_notification", "unwrap"]

Raw = Union[bytes, str, Mapping[str, Any], list[Any]]
"""What can be handed in: JSON text, or what a JSON reader made of it."""
Text = Union[str, bytes, None]
"""The exact text of a value, where it stood in the input as text."""

_IDENTITY_KINDS = ("Bounce", "Complaint", "Delivery", "Received")
_DEEPEST = 8  # wrappings inside each other; AWS's own routes need four
_GZIP = b"\x1f\x8b"
_LARGEST_UNPACKED = 512 * 2**20  # bytes; Firehose's own objects stay below 128 MiB


class Around(NamedTuple):
    """What stands around a value: the innermost SNS envelope, and the transport's record."""

    envelope: dict[str, Any] | None = None
    record: dict[str, Any] | None = None


def unwrap(raw: Raw) -> list[UnverifiedMessage]:
    """Every message inside *raw*, in order, each with what its wrapping tells.

    Takes every form in which AWS hands over SES's events: bare, in SNS notifications, in SQS
    messages, in Lambda's batches, in EventBridge and Firehose envelopes, in web requests handed
    to a function, and these inside each other; lists, JSON lines, and documents one behind the
    other, gzipped or not; as bytes, text, or already decoded. Never raises for bad content: that
    becomes a message of kind ``malformed`` with its problem.
    """
    text: Text = None
    value: Any = raw
    if isinstance(raw, (str, bytes)):
        text = raw
        if isinstance(raw, bytes) and raw[:2] == _GZIP:
            try:
                text = _unpacked(raw)
            except ValueError as reason:
                return [_malformed(str(reason), _TOP, raw.decode("utf-8", "surrogateescape"), _NOTHING)]
        try:
            value = jsontext.decode(text)
        except ValueError as reason:
            return list(_peel_several(text, _TOP, _NOTHING, reason))
    elif isinstance(raw, Mapping):
        value = dict(raw)
    short = one_notification(value)
    if short is not None and _is_ses(short[1]):
        return [UnverifiedMessage("event", *short, _IN_NOTIFICATION, value)]
    return list(_peel(value, text, _TOP, _NOTHING))


def _unpacked(packed: bytes) -> bytes:
    """Undo gzip, but not a bomb. A file may be several, one behind the other (RFC 1952 section 2.2)."""
    try:
        data = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(_LARGEST_UNPACKED + 1)
    except EOFError:
        raise ValueError("is cut off") from None
    except (OSError, zlib.error):
        raise ValueError("is not gzip, although it begins so") from None
    if len(data) > _LARGEST_UNPACKED:
        raise ValueError("is too large when unpacked")
    return data


def one_notification(value: Any) -> tuple[str, dict[str, Any]] | None:
    """The short way for what most input is: of an SNS notification that holds one payload, its text and that decoded.

    It only ever agrees with the long way, which everything else takes; whether the payload tells its
    type is still to be seen.
    """
    if type(value) is not dict or value.get("Type") != "Notification":
        return None
    text = value.get("Message")
    if type(text) is not str:
        return None
    try:
        payload = payloads.scan(text)
    except payloads.REFUSED:
        return None
    return (text, payload) if type(payload) is dict and "mail" in payload else None


def _peel(value: Any, text: Text, place: Place, around: Around) -> Iterator[UnverifiedMessage]:
    """Sort one decoded value: an event, a wrapping to peel further, or neither."""
    if isinstance(value, list):
        yield from _peel_list(value, place, around)
    elif not isinstance(value, dict) or len(place.via) > _DEEPEST:
        yield from _not_an_event(value, place, around)
    elif _is_ses(value) and not is_sns(value):  # what stands beside the signed fields of an envelope proves nothing
        yield _event(value, text, place, around)
    elif wrapping := next((row for row in WRAPPINGS if row.recognises(value)), None):
        yield from _peel_members(value, wrapping, place, around)
    else:
        yield from _not_an_event(value, place, around)


def _peel_text(text: str | bytes, place: Place, around: Around) -> Iterator[UnverifiedMessage]:
    try:
        value = jsontext.decode(text)
    except ValueError as reason:
        return _peel_several(text, place, around, reason)
    return _peel(value, text, place, around)


def _peel_list(values: list[Any], place: Place, around: Around) -> Iterator[UnverifiedMessage]:
    for position, value in enumerate(values):
        inside = place._replace(path=f"{place.path}[{position}]")
        if isinstance(value, list):  # AWS nests no lists, so neither does this recursion
            yield _malformed("is a list inside a list", inside, _shown(value), around)
        else:
            yield from _peel(value, None, inside, around)


def _peel_members(
    value: dict[str, Any], wrapping: Wrapping, place: Place, around: Around
) -> Iterator[UnverifiedMessage]:
    for via, path, member, record in wrapping.members(value):
        inside = Place(place.path + path, (*place.via, via), place.line)
        about = Around(value if via == "sns" else around.envelope, record or around.record)
        if via == "sns" and value["Type"] in HANDSHAKES:
            yield UnverifiedMessage("control", str(member), {}, inside, *about)
        elif isinstance(member, Unreadable):
            yield _malformed(member.reason, inside, _shown(record), about)
        elif not isinstance(member, str):
            yield from _peel(member, None, inside, about)
        elif member.lstrip()[:1] in _JSON_STARTS:
            yield from _peel_text(member, inside, about)
        else:  # a sentence: SES's «Successfully validated SNS topic …», or somebody else's text
            yield UnverifiedMessage("foreign", member, {}, inside, *about)


def _is_ses(value: dict[str, Any]) -> bool:
    """Every SES event has ``mail``; CloudTrail's records have an ``eventType`` too, but no mail.

    A notification of a known kind that lost its mail is read all the same; SES's own
    ``AmazonSnsSubscriptionSucceeded`` is a greeting, not an event.
    """
    if "mail" in value:
        return isinstance(value.get("eventType") or value.get("notificationType"), str)
    return value.get("notificationType") in _IDENTITY_KINDS


def _event(value: dict[str, Any], text: Text, place: Place, around: Around) -> UnverifiedMessage:
    try:
        exact = jsontext.encode(value) if text is None else jsontext.as_text(text)
        storable = jsontext.storable(exact)
        payload = value if storable == exact else jsontext.decode(storable)
    except ValueError as reason:
        return _malformed(str(reason), place, _shown(value), around)
    return UnverifiedMessage("event", storable, payload, place, *around)


def _not_an_event(value: Any, place: Place, around: Around) -> Iterator[UnverifiedMessage]:
    """Inside a wrapping this is somebody else's message; bare, nobody can say what it was meant to be."""
    if isinstance(value, str) and len(place.via) <= _DEEPEST:
        # A JSON text inside a JSON string.
        yield from _peel_text(value, place._replace(via=(*place.via, "json")), around)
    elif place.via:
        yield UnverifiedMessage("foreign", _shown(value), {}, place, *around)
    else:
        yield _malformed("is no SES event, and no wrapping that AWS puts around one", place, _shown(value), around)


def _peel_several(text: str | bytes, place: Place, around: Around, reason: ValueError) -> Iterator[UnverifiedMessage]:
    """What is not one JSON document may be several, or lines of them; else it is malformed."""
    try:
        text = jsontext.as_text(text)
        documents = jsontext.decode_many(text)
    except ValueError as not_several:
        if isinstance(text, bytes):
            yield _malformed(str(not_several), place, text.decode("utf-8", "surrogateescape"), around)
        else:
            yield from _peel_lines(text, place, around, reason)
        return
    if not documents:
        yield _malformed("is empty", place, text, around)
    for position, (line, part, value) in enumerate(documents):
        yield from _peel(value, part, Place(f"{place.path}[{position}]", place.via, line), around)


def _peel_lines(text: str, place: Place, around: Around, reason: ValueError) -> Iterator[UnverifiedMessage]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) < 2 or not any(jsontext.is_document(line) for _, line in lines):
        yield _malformed(str(reason), place, text, around)
        return
    for number, line in lines:
        yield from _peel_text(line, place._replace(line=number), around)


def _malformed(message: str, place: Place, text: str, around: Around) -> UnverifiedMessage:
    return UnverifiedMessage("malformed", text, {}, place, *around, Problem(place.path, message, place.line))


def _shown(value: Any) -> str:
    """What a value looked like, for the keeping of what could not be read."""
    try:
        return jsontext.encode(value)
    except ValueError:
        return f"<{type(value).__name__}>"


_TOP = Place()
_NOTHING = Around()
_IN_NOTIFICATION = Place("$.Message", ("sns",))
_JSON_STARTS = ("{", "[", '"')
