"""What the library is tried on: real-looking payloads in every wrapping, and ways to spoil them.

`seeds` are the beginnings, `spoiled` changes one as an accident or an enemy would, and `HOSTILE` grows
inputs that ask for much work or memory. Hypothesis and the coverage-guided session (`guided.py`) share them.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sesevent import testing

MARKER = "marker-7f3a@example.com"
SUBJECT = "Subject marker-7f3a of a letter"
"""Personal things in every seed: they must not come out in an error or a repr."""

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"  # beside the repository, where there is one

ABOUT: dict[str, Any] = {"to": (MARKER, "ann@example.com"), "subject": SUBJECT, "source": f"Shop <{MARKER}>"}


def events() -> list[Any]:
    """One of each kind, one that SES has not invented yet, and one as identity notification."""
    made = [
        testing.send(**ABOUT), testing.delivery(**ABOUT), testing.bounce(**ABOUT), testing.complaint(**ABOUT),
        testing.reject(**ABOUT), testing.opened(**ABOUT), testing.click(link_tags={"a": ["b"]}, **ABOUT),
        testing.rendering_failure(**ABOUT), testing.delivery_delay(**ABOUT), testing.subscription(**ABOUT),
        testing.received(content="From: ann\r\n\r\nHi", **ABOUT), testing.bounce(family="identity", **ABOUT),
    ]  # fmt: skip
    later = {
        "eventType": "Forward",
        "mail": made[0]["mail"],
        "forward": {"timestamp": "2024-05-01T12:00:00Z", "n": [1]},
    }
    return [*made, later]


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def _sns(value: Any) -> Any:
    return testing.notification(value)


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "bare": lambda value: value,
    "sns": _sns,
    "sns-handshake": lambda value: _sns(value) | {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "u"},
    "lambda-sns": lambda value: {"Records": [{"EventSource": "aws:sns", "EventSubscriptionArn": "a", "Sns": _sns(value)}]},
    "lambda-sqs": lambda value: {"Records": [{"messageId": "1", "body": json.dumps(_sns(value)), "eventSource": "aws:sqs"}]},
    "lambda-ses": lambda value: {"Records": [{"eventSource": "aws:ses", "ses": value}]},
    "lambda-kinesis": lambda value: {"Records": [{"eventID": "1", "kinesis": {"data": _in_base64(json.dumps(value))}}]},
    "record": lambda value: {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "h", "body": json.dumps(value)},
    "sqs-receive": lambda value: {"Messages": [{"MessageId": "1", "ReceiptHandle": "h", "Body": json.dumps(value)}]},
    "sqs-message": lambda value: {"MessageId": "1", "ReceiptHandle": "h", "Body": json.dumps(_sns(value))},
    "eventbridge": lambda value: {"id": "1", "detail-type": "Email Bounced", "source": "aws.ses", "detail": value},
    "firehose": lambda value: {"records": [{"recordId": "1", "data": _in_base64(json.dumps(value) + "\n")}]},
    "request": lambda value: {"requestContext": {}, "body": json.dumps(_sns(value))},
    "request-base64": lambda value: {"routeKey": "/", "isBase64Encoded": True, "body": _in_base64(json.dumps(value))},
    "list": lambda value: [value, 1, "x", [value]],
    "text": json.dumps,
}  # fmt: skip
"""How AWS hands a value over, as a decoded value."""


def seeds() -> list[bytes]:
    """The project's own payloads in every wrapping, equal in every run."""
    kinds = events()
    found = [json.dumps(wrap(event)).encode() for event in kinds for wrap in WRAPPERS.values()]
    lines = [json.dumps(event) for event in kinds]
    several = "\n".join(lines).encode()
    found += [several, "".join(lines).encode(), b"not JSON\n" + several, gzip.compress(several, mtime=0)]
    found += [testing.signed_notification(event) for event in kinds[:3]]
    found += [json.dumps(one).encode() for one in testing.samples()]
    found += [json.dumps(one).encode() for one in testing.stream(20)]
    return found


def corpus_seeds() -> list[bytes]:
    """Payloads as AWS documents them, and as public test suites hold them; none where they are not at hand."""
    return [
        file.read_bytes() for file in sorted(CORPUS.glob("*")) if file.suffix in (".json", ".ndjson", ".gz", ".txt")
    ]


# ── Spoiling ─────────────────────────────────────────────────────────────────────────────────

KEYS = (
    "Type", "Message", "MessageId", "TopicArn", "Subject", "Timestamp", "Signature", "SignatureVersion", "SigningCertURL",
    "Records", "Sns", "ses", "kinesis", "data", "body", "Messages", "Body", "ReceiptHandle", "detail", "detail-type",
    "records", "recordId", "requestContext", "isBase64Encoded", "eventSource", "eventType", "notificationType", "mail",
    "bounce", "complaint", "delivery", "send", "reject", "open", "click", "failure", "deliveryDelay", "subscription",
    "receipt", "timestamp", "messageId", "source", "destination", "tags", "headers", "commonHeaders", "subject", "sender",
    "from", "bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients", "emailAddress", "feedbackId",
    "ses:configuration-set", "campaign", "name", "value", "linkTags", "processingTimeMillis", "action", "content",
)  # fmt: skip
"""The names that decide how something is read."""
WORDS = (
    "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation", "Bounce", "Complaint", "Delivery", "Received",
    "Send", "Rendering Failure", "Forward", "AmazonSnsSubscriptionSucceeded", "2024-05-01T09:00:00.000Z", "May 2024",
    "1714554000000", MARKER, SUBJECT, f'"{MARKER}" <{MARKER}>', "((((", "a@(b", "é@ü.example", "arn:aws:sns:us-east-1:1:t",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**63, 2**64, 10**30, -(10**30), 10**400, 1e308, "", " ", "\x00", "\ud83d", "😀", "\ufeff",
    "{", "[1", "{}", "[]", '"x"', "x" * 2000, "(" * 3000, [], {}, [None], [[]], {"": None}, [{}], ["a", 1, None],
    {"a": ["b"]}, {"name": None},
)  # fmt: skip
"""Values of every type, where another was expected."""
_LITERALS = (b"NaN", b"1e999", b"-Infinity", b"9" * 5000, b"18446744073709551616", b'"\\ud83d"', b"\xff", b"\x00", b"\xef\xbb\xbf",
             b"[" * 150, b"]" * 150, b'{"a":' * 150, b"\n", b"\x1e", b'"mail":1,', b'"Message":"{}",', b"\\", b'"')  # fmt: skip

Holder = tuple[Any, Any]
"""A list or object, and the position or key of something in it."""


_OTHERS: tuple[Any, ...] = (None, 0, "x", [], {}, [None], {"a": [1]})


def single_changes(value: Any) -> Iterator[bytes]:
    """*value* with one thing in it missing, or of another type: each thing, each type."""
    root = [value]
    for holder, key in list(_places(root)):
        kept = holder[key]
        for other in _OTHERS:
            holder[key] = other
            yield json.dumps(root[0]).encode()
        holder[key] = kept
        if isinstance(holder, dict):
            whole = dict(holder)
            del holder[key]
            yield json.dumps(root[0]).encode()
            holder.update(whole)


def spoiled(chance: random.Random, data: bytes) -> bytes:
    """*data* with a few changes: of what it means where it is JSON, else of its bytes."""
    for _ in range(chance.randint(1, 3)):
        changed = _with_another_value(chance, data) if chance.random() < 0.7 else None
        data = _with_other_bytes(chance, data) if changed is None else changed
    return data


def _with_another_value(chance: random.Random, data: bytes) -> bytes | None:
    try:
        root = [json.loads(data)]
        _spoil(chance, root)
        return json.dumps(root[0], ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _spoil(chance: random.Random, root: list[Any]) -> None:
    places = list(_places(root))
    documents = [place for place in places if _is_document(place[0][place[1]])]
    inside = bool(documents) and chance.random() < 0.7
    holder, key = chance.choice(documents if inside else places[1:] or places)
    value = holder[key]
    if inside:
        inner = [json.loads(value)]
        _spoil(chance, inner)
        holder[key] = json.dumps(inner[0])
        return
    change = chance.choice(("delete", "replace", "word", "rename", "swap", "repeat", "list", "wrap", "text", "texts"))
    if change == "delete" and holder is not root:
        del holder[key]
    elif change == "rename" and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder.pop(key)
    elif change == "swap":
        other, there = chance.choice(places)
        holder[key], other[there] = other[there], value
        if _is_cyclic(root):
            holder[key] = None
    elif change == "repeat" and isinstance(holder, list):
        holder[key:key] = [value] * chance.choice((1, 2, 40))
    else:
        holder[key] = _instead(chance, change, value)


def _is_document(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[")


def _instead(chance: random.Random, change: str, value: Any) -> Any:
    if change == "word":
        return chance.choice(WORDS)
    if change == "list":
        return [value, chance.choice(ODD)]
    if change == "wrap":
        return chance.choice(list(WRAPPERS.values()))(value)
    if change in ("text", "texts"):
        return json.dumps(value) if change == "text" else json.dumps(json.dumps(value))
    return chance.choice(ODD)


def _places(value: Any) -> Iterator[Holder]:
    keys = range(len(value)) if isinstance(value, list) else list(value)
    for key in keys:
        yield value, key
        if isinstance(value[key], (list, dict)):
            yield from _places(value[key])


def _is_cyclic(root: list[Any]) -> bool:
    try:
        json.dumps(root)
    except (ValueError, RecursionError):
        return True
    return False


def _with_other_bytes(chance: random.Random, data: bytes) -> bytes:
    start, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    change = chance.choice(("flip", "cut", "drop", "insert", "repeat", "literal"))
    if change == "flip" and data:
        start = min(start, len(data) - 1)
        return data[:start] + bytes([data[start] ^ (1 << chance.randint(0, 7))]) + data[start + 1 :]
    if change == "cut":
        return data[:end]
    if change == "drop":
        return data[:start] + data[end:]
    if change == "repeat":
        return data[:end] + data[start:end] + data[end:]
    some = chance.choice(_LITERALS) if change == "literal" else bytes([chance.randint(0, 255)])
    return data[:start] + some + data[start:]


# ── Asking for much ──────────────────────────────────────────────────────────────────────────


def _event(**mail: Any) -> bytes:
    return json.dumps({"eventType": "Send", "mail": mail}).encode()


def _unknown(text: bytes) -> bytes:
    return b'{"eventType":"Forward","mail":{"messageId":"m","headersTruncated":"?"},"z":' + text + b"}"


def _bounces(number: int) -> bytes:
    people = [{"emailAddress": f"{one}@example.com", "status": [one] if one % 2 else "5"} for one in range(number)]
    return json.dumps({"eventType": "Bounce", "mail": {}, "bounce": {"bouncedRecipients": people}}).encode()


def _wrapped_often(number: int) -> bytes:
    value: Any = testing.send()
    for _ in range(8):
        value = {"Records": [value]}
    return json.dumps([value] * (number // 400)).encode()


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested lists": lambda size: b"[" * size,
    "closed nested lists": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "nested objects": lambda size: b'{"a":' * (size // 5),
    "a nested part of an event": lambda size: _unknown(b"[" * 90 + b"0," * (size // 2) + b"0" + b"]" * 90),
    "events nested deeply": lambda size: b"\n".join([_unknown(b"[" * 480 + b"]" * 480)] * (size // 1000)),
    "a list of numbers": lambda size: b"[" + b"1," * (size // 2) + b"1]",
    "lines of numbers": lambda size: b"1\n" * (size // 2),
    "documents behind one another": lambda size: b"{}" * (size // 2),
    "good and bad lines": lambda size: b"{}\n{\n" * (size // 5),
    "empty lines": lambda size: b"\n" * size,
    "repeated keys": lambda size: b'{"mail":{},' + b'"a":1,' * (size // 6) + b'"eventType":"Send"}',
    "many keys": lambda size: json.dumps(
        {"eventType": "New", "mail": {str(one): 1 for one in range(size // 12)}}
    ).encode(),
    "records": lambda size: b'{"Records":[' + b"{}," * (size // 3) + b"{}]}",
    "records that are none": lambda size: b'{"Records":[' + b"1," * (size // 2) + b"1]}",
    "wrappings inside each other": _wrapped_often,
    "escapes": lambda size: _event(commonHeaders={"subject": '\n"\\' * (size // 6)}),
    "escapes escaped": lambda size: json.dumps(json.dumps(json.dumps("\\" * (size // 16)))).encode(),
    "lone surrogates": lambda size: b'{"eventType":"Send","mail":{"source":"' + b"\\ud83d" * (size // 6) + b'"}}',
    "NULs": lambda size: b'{"eventType":"Send","mail":{"source":"' + b"\x00" * size + b'"}}',
    "a huge integer": lambda size: _unknown(b"9" * size),
    "a huge fraction": lambda size: _unknown(b"1." + b"9" * size),
    "a huge exponent": lambda size: _unknown(b"1e" + b"9" * size),
    "many tags": lambda size: _event(tags={str(one): [str(one)] for one in range(size // 18)}),
    "many recipients": lambda size: _event(destination=[f"{one}@example.com" for one in range(size // 22)]),
    "bounced recipients, half of them odd": lambda size: _bounces(size // 60),
    "headers, half of them odd": lambda size: _event(headersTruncated="?", headers=[{"name": "a"}, 1] * (size // 17)),
    "a long address": lambda size: _event(destination=["a" * size + "@example.com"]),
    "a long domain": lambda size: _event(destination=["a@" + "a." * (size // 2)]),
    "a long domain in letters of the world": lambda size: _event(
        destination=["a@" + "".join(chr(0x4E00 + one * 7919 % 20000) for one in range(size // 6))]
    ),
    "a long domain of combining marks": lambda size: _event(destination=["a@e" + "\u0301\u0323" * (size // 12)]),
    "an address full of comments": lambda size: _event(destination=["(" * size + " a@b", "(" * 900 + "a@b"]),
    "an address full of quotes": lambda size: _event(destination=['"\\' * (size // 4) + ' " <a@b'], source='"' * size),
    "a long time": lambda size: _event(timestamp=" (" * (size // 2)),
    "a long time zone": lambda size: _event(timestamp="2024-05-01 10:00" + "GMT+1" * (size // 5)),
    "a topic of great length": lambda size: json.dumps(testing.notification({}, topic_arn="a" * size)).encode(),
}
"""What it is → inputs of about so many bytes."""


def bomb(unpacked: int) -> bytes:
    """A small file that unpacks to much."""
    return gzip.compress(b" " * unpacked, mtime=0)
