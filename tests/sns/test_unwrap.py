"""What is peeled off, and what stays."""

from __future__ import annotations

import gzip
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


def test_eight_wrappings_are_read_and_no_more() -> None:
    """AWS's own routes need four."""
    for deep, kind in ((8, "event"), (9, "foreign")):
        value: Any = EVENT
        for _ in range(deep):
            value = {"Type": "Notification", "Message": json.dumps(value)}

        assert kinds(value) == [kind]


@pytest.mark.parametrize(
    ("raw", "path", "via", "line"),
    [
        (EVENT, "$", (), None),
        ([EVENT], "$[0]", (), None),
        (f"\n{TEXT}\n{TEXT}"[1:], "$[0]", (), 1),
        (json.dumps(TEXT), "$", ("json",), None),
        (ENVELOPE | {"Message": f"{TEXT}\n{TEXT}"}, "$.Message[0]", ("sns",), 1),
        (ENVELOPE | {"Message": json.dumps([EVENT])}, "$.Message[0]", ("sns",), None),
        (ENVELOPE | {"Message": json.dumps(TEXT)}, "$.Message", ("sns", "json"), None),
    ],
)
def test_each_message_tells_where_it_stood(raw: Any, path: str, via: tuple[str, ...], line: int | None) -> None:
    """Its path, what was around it, and of several documents the line."""
    assert unwrap(raw)[0].place == (path, via, line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"a": 1}', "is no SES event, and no wrapping that AWS puts around one"),
        (b"\xff\xfe", "UTF-8"),
        (b"\x1f\x8bnonsense", "is not gzip, although it begins so"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "is cut off"),
        ("[[1]]", "is a list inside a list"),
    ],
)
def test_what_is_malformed_says_why_and_keeps_what_stood_there(text: str | bytes, said: str) -> None:
    """So that it can be looked at later."""
    (message,) = unwrap(text)

    assert message.problem is not None
    assert said in message.problem.message
    kept = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    assert message.text == ("[1]" if text == "[[1]]" else '{"a":1}' if text == '{"a": 1}' else kept)
    assert message.payload == {}


@pytest.mark.parametrize("nothing", ["", " ", "\n\r\n", b""])
def test_nothing_is_said_to_be_empty(nothing: str | bytes) -> None:
    """In these words, which whoever counts rejections reads."""
    (message,) = unwrap(nothing)

    assert message.problem is not None
    assert message.problem.message == "is empty"


@pytest.mark.parametrize(
    ("lines", "found"), [(("nonsense",), ["event", "malformed"]), (("x", "y"), ["event", *["malformed"] * 2])]
)
def test_a_line_that_is_no_document_costs_itself_only(lines: tuple[str, ...], found: list[str]) -> None:
    """Also where there are but two; what has no document in it is one piece of nonsense."""
    assert kinds("\n".join([TEXT, *lines])) == found
    assert kinds("\n".join([*lines, TEXT])) == found[::-1]
    assert kinds("x\ny") == ["malformed"]


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is a few kilobytes."""
    monkeypatch.setattr("sesevent.sns.unwrap._LARGEST_UNPACKED", len(TEXT))

    assert kinds(gzip.compress(TEXT.encode())) == ["event"]
    (message,) = unwrap(gzip.compress(TEXT.encode() + b" "))
    assert message.problem is not None
    assert message.problem.message == "is too large when unpacked"


@pytest.mark.parametrize("odd", [{1}, float("nan"), object()])
def test_what_cannot_be_written_is_kept_by_the_name_of_its_type(odd: Any) -> None:
    """A value that a program handed in, and no JSON reader made."""
    (message,) = unwrap({"a": odd})

    assert (message.kind, message.text) == ("malformed", "<dict>")


def test_a_whole_object_of_firehose_is_unpacked() -> None:
    """It holds as many events as its buffer took, and packs well."""
    assert kinds(gzip.compress(f"{TEXT}\n".encode() * 500)) == ["event"] * 500


def test_sns_s_own_fields_are_told_only_where_they_are_text() -> None:
    """An envelope may hold anything."""
    (message,) = unwrap(ENVELOPE | {"MessageId": 7, "Subject": None})

    assert message.sns == ("Notification", None, "arn:t", None, "2020-01-01T00:00:00.000Z")


@pytest.mark.parametrize("kind", ["Bounce", "Complaint", "Delivery", "Received"])
def test_an_identity_notification_that_lost_its_mail_is_read(kind: str) -> None:
    """By its known kind; an event of publishing without a mail is CloudTrail's."""
    assert kinds({"notificationType": kind}) == ["event"]
    assert kinds({"eventType": kind}) == ["malformed"]
    assert kinds({"eventType": 3, "notificationType": kind, "mail": {}}) == ["malformed"]


def test_a_message_is_shown_without_what_it_says() -> None:
    """Its kind, and where it stood."""
    assert [repr(message) for message in unwrap([EVENT, ENVELOPE])] == [
        "<event at $[0] via nothing>",
        "<event at $[1].Message via sns>",
    ]
    assert repr(unwrap(ENVELOPE | {"Message": json.dumps(TEXT)})[0]) == "<event at $.Message via sns/json>"


def test_lines_of_which_none_is_a_document_are_one_problem() -> None:
    """Somebody's text, and not a bad line for each of its lines."""
    assert kinds("one\ntwo\nthree") == ["malformed"]
    assert kinds(f"one\n{TEXT}\n3") == ["malformed", "event", "malformed"]


def test_a_lone_surrogate_leaves_storable_text_of_the_same_meaning() -> None:
    """Text and payload agree, and both can be stored."""
    (message,) = unwrap('{"eventType":"Send","mail":{"commonHeaders":{"subject":"é\ud83d"}}}')

    assert message.text.encode()
    assert message.payload["mail"]["commonHeaders"]["subject"] == "é\ufffd"


@given(st.binary() | st.text())
def test_arbitrary_input_raises_nothing(raw: bytes | str) -> None:
    """Whatever it is, it becomes messages."""
    assert all(message.kind in ("event", "control", "foreign", "malformed") for message in unwrap(raw))
