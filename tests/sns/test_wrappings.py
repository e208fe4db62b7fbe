"""Every wrapping AWS puts around an event, alone and inside each other."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from payloads import notification, payload
from sesevent import PayloadError, parse, unwrap

EVENT = payload("Bounce")
TEXT = json.dumps(EVENT)
SNS = json.loads(notification(EVENT))


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def sqs_record(body: str) -> dict[str, Any]:
    return {
        "messageId": "q-1",
        "receiptHandle": "h-1",
        "body": body,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:q",
    }


EVENTBRIDGE = {"version": "0", "id": "e-1", "detail-type": "Email Bounced", "source": "aws.ses", "detail": EVENT}
LAMBDA_SNS = {
    "EventSource": "aws:sns",
    "EventSubscriptionArn": "arn:s",
    "Sns": SNS | {"Subject": None, "SigningCertUrl": "u"},
}
KINESIS = {"eventID": "k-1", "eventSource": "aws:kinesis", "kinesis": {"data": packed(TEXT)}}
FUNCTION_URL = {"requestContext": {}, "isBase64Encoded": True, "body": packed(json.dumps(SNS))}

ONE_EVENT = {
    "SNS": (SNS, ("sns",), "$.Message"),
    "SNS → Lambda": ({"Records": [LAMBDA_SNS]}, ("lambda", "sns"), "$.Records[0].Sns.Message"),
    "one record of it": (LAMBDA_SNS, ("lambda", "sns"), "$.Sns.Message"),
    "SQS → Lambda, raw": ({"Records": [sqs_record(TEXT)]}, ("lambda-sqs",), "$.Records[0].body"),
    "SNS → SQS → Lambda": ({"Records": [sqs_record(json.dumps(SNS))]}, ("lambda-sqs", "sns"), "$.Records[0].body.Message"),
    "SQS": ({"MessageId": "q", "ReceiptHandle": "h", "Body": TEXT}, ("sqs-message",), "$.Body"),
    "SQS, a reply": ({"Messages": [{"MessageId": "q", "Body": json.dumps(SNS)}]}, ("sqs-receive", "sns"), "$.Messages[0].Body.Message"),
    "EventBridge": (EVENTBRIDGE, ("eventbridge",), "$.detail"),
    "EventBridge → SQS → Lambda": ({"Records": [sqs_record(json.dumps(EVENTBRIDGE))]}, ("lambda-sqs", "eventbridge"), "$.Records[0].body.detail"),
    "EventBridge → SNS": (SNS | {"Message": json.dumps(EVENTBRIDGE)}, ("sns", "eventbridge"), "$.Message.detail"),
    "Firehose": ({"records": [{"recordId": "f-1", "data": packed(TEXT + "\n")}]}, ("firehose",), "$.records[0].data"),
    "SNS → Firehose": ({"records": [{"recordId": "f", "data": packed(json.dumps(SNS))}]}, ("firehose", "sns"), "$.records[0].data.Message"),
    "what Firehose could not transform": ({"attemptsMade": 4, "rawData": packed(TEXT)}, ("firehose-failed",), "$.rawData"),
    "Kinesis → Lambda": ({"Records": [KINESIS]}, ("lambda-kinesis",), "$.Records[0].kinesis.data"),
    "a function URL": (FUNCTION_URL, ("http-proxy", "sns"), "$.body.Message"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_EVENT)
def test_a_wrapping_yields_the_event_and_says_what_was_around_it(name: str) -> None:
    """By its content alone."""
    wrapped, via, path = ONE_EVENT[name]
    (message,) = unwrap(json.dumps(wrapped))

    assert ("event", via, path) == (message.kind, message.place.via, message.place.path)
    assert parse(wrapped)[0].raw == EVENT


def test_what_a_transport_tells_is_at_hand() -> None:
    """To acknowledge, delete, or trace a message."""
    wrapped = {"Records": [sqs_record(json.dumps(SNS))]}
    (message,) = unwrap(wrapped)

    assert message.transport == ("q-1", "h-1", "arn:q")
    assert message.sns is not None
    assert (message.sns.message_id, message.sns.topic_arn) == ("n-1", "arn:aws:sns:us-east-1:1:t")


@pytest.mark.parametrize(
    ("name", "record_id"), [("EventBridge", "e-1"), ("Firehose", "f-1"), ("Kinesis → Lambda", "k-1")]
)
def test_each_transport_has_its_own_word_for_an_id(name: str, record_id: str) -> None:
    """We have one."""
    assert record_id == unwrap(ONE_EVENT[name][0])[0].transport.record_id


def test_a_batch_goes_on_past_a_bad_member() -> None:
    """Which is reported by its position."""
    bodies = [TEXT, "this is not JSON", '{"eventType":"Bounce","mail":3}', json.dumps(SNS), '{"cut": ']
    batch = {"Records": [*map(sqs_record, bodies), "no record"]}
    found = parse(batch)

    assert len(found) == 2
    assert [problem.path for problem in found.problems] == [
        "$.Records[2].body→$.mail",
        "$.Records[4].body",
        "$.Records[5]",
    ]


@pytest.mark.parametrize("data", ["%%%", None, packed("x")[:-2], base64.b64encode(b"\xff\xfe").decode()])
def test_data_that_cannot_be_decoded_is_malformed(data: Any) -> None:
    """And kept as it stood."""
    (message,) = unwrap({"records": [{"recordId": "1", "data": data}]})

    assert message.kind == "malformed"
    assert message.problem is not None
    assert '"recordId":"1"' in message.text


def test_an_object_firehose_left_in_s3_may_be_gzipped_and_without_line_ends() -> None:
    """Concatenated documents."""
    assert len(parse(gzip.compress((TEXT * 3).encode()))) == 3


def test_gzipped_files_behind_one_another_are_all_read() -> None:
    """As log tools join them; the second is no less an event than the first."""
    packed = gzip.compress(TEXT.encode())

    assert len(parse(packed * 3)) == 3
    with pytest.raises(PayloadError, match="gzip"):
        parse(packed + b"nonsense")


@pytest.mark.parametrize("data", [b"\x1f\x8bnonsense", gzip.compress(TEXT.encode(), mtime=0)[:-9]])
def test_broken_gzip_is_malformed(data: bytes) -> None:
    """Cut off, or never was."""
    assert [message.kind for message in unwrap(data)] == ["malformed"]


@pytest.mark.parametrize(
    "wrapped",
    [
        EVENTBRIDGE | {"source": "aws.ec2", "detail": {"state": "running"}},
        {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "k"}}}]},
        {"records": [{"recordId": "1", "data": packed("Hello World")}]},
        {"Records": [sqs_record("Hello")]},
        FUNCTION_URL | {"body": packed("Hello")},
    ],
)
def test_other_contents_of_a_wrapping_are_foreign(wrapped: Any) -> None:
    """Not SES's, and no error of theirs."""
    assert [message.kind for message in unwrap(wrapped)] == ["foreign"]
    assert parse(wrapped) == []


def test_an_inbound_mail_from_a_receipt_rule_is_received() -> None:
    """Lambda's form of it does not say what it is."""
    record = {"eventSource": "aws:ses", "ses": {"mail": EVENT["mail"], "receipt": {"recipients": ["a@example.com"]}}}
    (event,) = parse({"Records": [record]})

    assert event.type == "Received"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"messageId": "1", "receiptHandle": "2", "eventSourceARN": "3", "body": TEXT, "eventSource": "s"},
            ("1", "2", "3"),
        ),
        ({"MessageId": "1", "ReceiptHandle": "2", "Body": TEXT}, ("1", "2", None)),
        ({"MessageId": "1", "Body": TEXT}, ("1", None, None)),
        ({"ReceiptHandle": "2", "Body": TEXT}, (None, "2", None)),
        (LAMBDA_SNS, (None, None, "arn:s")),
        (EVENTBRIDGE, ("e-1", None, "aws.ses")),
        (KINESIS | {"eventSourceARN": "arn:k"}, ("k-1", None, "arn:k")),
        ({"messageId": 7, "receiptHandle": ["2"], "body": TEXT, "eventSource": "s"}, (None, None, None)),
    ],
)
def test_what_each_transport_tells(record: Any, told: tuple[str | None, ...]) -> None:
    """Its id, what it is deleted by, where it came from; what is no text is not told."""
    (message,) = unwrap(record)

    assert (message.kind, message.transport) == ("event", told)


def test_without_a_transport_there_is_nothing_to_tell() -> None:
    """And no envelope."""
    (message,) = unwrap(EVENT)

    assert message.transport == (None, None, None)
    assert message.sns is None
    assert message.place == ("$", (), None)


@pytest.mark.parametrize(
    "wrapped",
    [
        {name: {} if name == "requestContext" else "x", "body": json.dumps(SNS)}
        for name in ("requestContext", "httpMethod", "routeKey")
    ]
    + [FUNCTION_URL | {"isBase64Encoded": False, "body": json.dumps(SNS)}],
)
def test_a_web_request_is_known_by_any_of_its_marks(wrapped: Any) -> None:
    """A function URL's, API Gateway's, a load balancer's; its body may be plain."""
    assert [message.place.via for message in unwrap(wrapped)] == [("http-proxy", "sns")]


@pytest.mark.parametrize(
    ("wrapped", "path", "said"),
    [
        ({"Records": ["x"]}, "$.Records[0]", "is not a record"),
        ({"Messages": ["x", {"Body": TEXT}]}, "$.Messages[0].Body", "has no Body"),
        ({"Messages": [{"MessageId": "1"}]}, "$.Messages[0].Body", "has no Body"),
        ({"records": [{"data": "%%%"}]}, "$.records[0].data", "is not base64"),
        ({"records": [{"data": None}]}, "$.records[0].data", "is not base64"),
        ({"records": [{"data": base64.b64encode(b"\xff").decode()}]}, "$.records[0].data", "UTF-8"),
        ({"attemptsMade": 1, "rawData": "%"}, "$.rawData", "is not base64"),
        (FUNCTION_URL | {"body": "%"}, "$.body", "is not base64"),
        ([EVENT, [EVENT]], "$[1]", "is a list inside a list"),
    ],
)
def test_what_cannot_be_read_in_a_wrapping_is_told_where_and_why(wrapped: Any, path: str, said: str) -> None:
    """The others are read."""
    problems = [message.problem for message in unwrap(wrapped) if message.problem is not None]

    assert [problem.path for problem in problems] == [path]
    assert said in problems[0].message


@pytest.mark.parametrize(
    "value",
    [
        {"Records": {}},
        {"Messages": "x"},
        {"detail-type": "x", "detail": "y"},
        {"detail": EVENT},
        {"records": [{}]},
        {"records": [{"data": packed(TEXT)}, {}]},
        {"records": {}},
        {"rawData": packed(TEXT)},
        {"attemptsMade": 1},
        {"body": TEXT},
        {"requestContext": {}},
        {"Body": TEXT},
        {"Type": "Notification"},
        {"Type": "Whatever", "Message": TEXT},
    ],
)
def test_what_lacks_a_mark_is_no_wrapping(value: Any) -> None:
    """Nobody can say what it was meant to be."""
    assert [message.kind for message in unwrap(value)] == ["malformed"]


def test_a_record_tells_by_what_it_holds_which_service_made_it() -> None:
    """Whatever else is in it."""
    held = {"Sns": SNS, "ses": {"mail": EVENT["mail"], "receipt": {}}, "kinesis": {"data": packed(TEXT)}, "body": TEXT}
    vias = {
        name: [message.place.via for message in unwrap({"Records": [{"EventSource": "x", name: value}]})]
        for name, value in held.items()
    }

    assert vias == {
        "Sns": [("lambda", "sns")],
        "ses": [("lambda-ses",)],
        "kinesis": [("lambda-kinesis",)],
        "body": [("lambda-sqs",)],
    }
    assert [message.place.via for message in unwrap({"Records": [EVENT]})] == [("lambda",)]


@pytest.mark.parametrize("space", [" ", "\n\t ", "\r\n"])
def test_white_space_before_a_payload_means_nothing(space: str) -> None:
    """Some hop broke the line."""
    assert [message.kind for message in unwrap({"Records": [sqs_record(space + TEXT + space)]})] == ["event"]
