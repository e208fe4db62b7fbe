"""What is peeled off, and what stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent import unwrap

EVENT = {"eventType": "Send", "mail": {"messageId": "m-1"}, "send": {}}
TEXT = json.dumps(EVENT)
ENVELOPE = {"Type": "Notification", "MessageId": "n-1", "TopicArn": "arn:t", "Subject": "s", "Message": TEXT + "\n",
            "Timestamp": "2020-01-01T00:00:00.000Z"}  # fmt: skip


def kinds(raw: Any) -> list[str]:
    return [message.kind for message in unwrap(raw)]


def test_a_notification_yields_the_exact_text_and_what_the_envelope_tells() -> None:
    """The text is what was signed: its last line end stays."""
    (message,) = unwrap(json.dumps(ENVELOPE).encode())

    assert message.text == TEXT + "\n"
    assert message.place[:2] == ("$.Message", ("sns",))
    assert message.sns == ("Notification", "n-1", "arn:t", "s", "2020-01-01T00:00:00.000Z")


@pytest.mark.parametrize("form", [json.dumps, lambda value: json.dumps(value).encode(), lambda value: value])
@pytest.mark.parametrize("value", [EVENT, ENVELOPE, [EVENT, ENVELOPE]])
def test_text_bytes_and_values_are_the_same(form: Any, value: Any) -> None:
    """Whoever decoded it already gets the same events."""
    expected = [EVENT] * (len(value) if isinstance(value, list) else 1)

    assert expected == [json.loads(message.text) for message in unwrap(form(value))]


@pytest.mark.parametrize(
    "text", [f"{TEXT}\n{TEXT}\n", f"{TEXT}{TEXT}", f"{TEXT}\r\n\r\n{TEXT}", f"\x1e{TEXT}\n\x1e{TEXT}\n"]
)
def test_documents_behind_one_another_are_several_messages(text: str) -> None:
    """JSON lines, and Firehose's objects without line ends."""
    assert kinds(text) == ["event", "event"]


def test_a_bad_line_is_reported_where_it_stands_and_hides_nothing() -> None:
    """The line number is the file's, blank lines counted."""
    first, bad, last = unwrap(f"{TEXT}\n\n{{broken\n{TEXT}\n")

    assert [first.kind, bad.kind, last.kind] == ["event", "malformed", "event"]
    assert bad.problem is not None
    assert bad.problem.line == 3


@pytest.mark.parametrize(
    "message",
    ["Successfully validated SNS topic for Amazon SES event publishing.", "Hello world!", '{"a": 1}', "[]", "null",
     '{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You have successfully subscribed"}',
     '{"eventType":"AwsApiCall","eventSource":"ses.amazonaws.com"}'],
)  # fmt: skip
def test_other_messages_on_the_topic_are_foreign(message: str) -> None:
    """SES's own greetings, CloudTrail's records, anybody's text: not events, and not errors either."""
    assert kinds(ENVELOPE | {"Message": message}) in (["foreign"], [])


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_handshakes_are_control_messages(kind: str) -> None:
    """Even where one lacks its sentence."""
    assert kinds({"Type": kind, "Token": "t", "Message": "You have chosen …"}) == ["control"]
    assert kinds({"Type": kind, "Token": "t"}) == ["control"]


@pytest.mark.parametrize(
    "text", ["", "   ", "nonsense", "{", '{"a": 1}', "1", b"\xff\xfe", '"x"', "[[1]]", '{"eventType": 3, "mail": {}}']
)
def test_what_is_nothing_known_is_malformed(text: str | bytes) -> None:
    """With a problem that says so and a path."""
    (message,) = unwrap(text)

    assert message.kind == "malformed"
    assert message.problem is not None
    assert message.problem.path.startswith("$")


def test_a_body_encoded_twice_is_read() -> None:
    """Some hop put the JSON text into a JSON string."""
    assert kinds(json.dumps(TEXT)) == ["event"]
    assert kinds(ENVELOPE | {"Message": json.dumps(TEXT)}) == ["event"]


def test_wrappings_in_wrappings_end_somewhere() -> None:
    """A body that is wrapped a thousand times costs no recursion."""
    value: Any = EVENT
    for _ in range(12):
        value = {"Type": "Notification", "Message": json.dumps(value)}

    assert kinds(value) == ["foreign"]


def test_a_lone_surrogate_leaves_storable_text_of_the_same_meaning() -> None:
    """Text and payload agree, and both can be stored."""
    (message,) = unwrap('{"eventType":"Send","mail":{"commonHeaders":{"subject":"é\ud83d"}}}')

    assert message.text.encode()
    assert message.payload["mail"]["commonHeaders"]["subject"] == "é\ufffd"


@given(st.binary() | st.text())
def test_arbitrary_input_raises_nothing(raw: bytes | str) -> None:
    """Whatever it is, it becomes messages."""
    assert all(message.kind in ("event", "control", "foreign", "malformed") for message in unwrap(raw))
