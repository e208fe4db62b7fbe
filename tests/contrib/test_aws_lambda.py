"""Functions as Lambda calls them: real-shaped events of every source, a real MongoDB, and its going away."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import CORPUS, encrypted
from payloads import all_genuine, payload
from sesevent import ConfigurationError, EventStore, StoreError, StoreUnavailable, local, testing
from sesevent.contrib.aws_lambda import handler, http_handler, monitor_handler
from sesevent.testing.signing import Signer

needs_own_server = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
)


def sqs(*bodies: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    records = [
        {
            "messageId": f"sqs-{number}",
            "receiptHandle": f"handle-{number}",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:ses-events",
            "awsRegion": "us-east-1",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def sns(body: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:ses-events:21be56ed-a058-49f5-8c98-aedd2564c486",
        "Sns": testing.notification(body),
    }
    return {"Records": [record]}


def kinesis(*bodies: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    records = [
        {
            "kinesis": {
                "partitionKey": "1",
                "sequenceNumber": f"4959033827149025660855969203{n}",
                "data": packed(body),
            },
            "eventSource": "aws:kinesis",
            "eventID": f"shardId-000000000006:4959033827149025660855969203{n}",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/ses-events",
        }
        for n, body in enumerate(bodies)
    ]
    return {"Records": records}


def firehose(*bodies: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html"""
    return {
        "invocationId": "invoked123",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/ses-events",
        "region": "us-east-1",
        "records": [
            {"recordId": f"record-{n}", "approximateArrivalTimestamp": 1510772160000, "data": packed(body)}
            for n, body in enumerate(bodies)
        ],
    }


def eventbridge(body: Any) -> dict[str, Any]:
    return {"version": "0", "id": "e-1", "detail-type": "Email Bounced", "source": "aws.ses", "detail": body}


def packed(body: Any) -> str:
    return base64.b64encode((body if isinstance(body, str) else json.dumps(body)).encode()).decode()


def bounce(number: int = 0) -> dict[str, Any]:
    return payload("Bounce", message_id=f"m-{number}", to=f"p-{number}@example.com")


class Context:
    """What of Lambda's context is asked for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


@pytest.fixture
def refusing(store: EventStore, tables: Any) -> EventStore:
    """A store whose server refuses the event of the mail ``m-1``, for good."""
    tables.command("collMod", "ses_event", validator={"MessageId": {"$ne": "m-1"}})
    return store


def test_a_queue_s_batch_is_stored_and_nothing_of_it_comes_again(store: EventStore, rows: Any) -> None:
    """Bare, in SNS's envelope, malformed: what cannot be understood is a dead letter."""
    event = sqs(bounce(0), testing.notification(bounce(1)), "{oops", "no event at all")

    assert handler(store)(event, Context(30)) == {"batchItemFailures": []}
    assert (rows.count_documents({}), store.dead_letters.count()) == (2, 1)


def test_exactly_what_is_not_stored_comes_again(refusing: EventStore, rows: Any) -> None:
    """One poison among good ones; what was malformed is settled."""
    event = sqs(bounce(0), bounce(1), "{oops", bounce(2))

    assert handler(refusing)(event, Context(30)) == {"batchItemFailures": [{"itemIdentifier": "sqs-1"}]}
    assert {row["MessageId"] for row in rows.find()} == {"m-0", "m-2"}


def test_where_nothing_of_a_batch_is_stored_the_function_fails(refusing: EventStore) -> None:
    """It means the same, also to a mapping without ReportBatchItemFailures: that would delete everything."""
    with pytest.raises(StoreError, match="121"):
        handler(refusing)(sqs(bounce(1)), Context(30))


def test_a_stream_is_told_by_sequence_number(refusing: EventStore, rows: Any) -> None:
    """Lambda begins again at the lowest."""
    answer = handler(refusing)(kinesis(bounce(0), bounce(1), bounce(2)), Context(30))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "49590338271490256608559692031"}]}
    assert rows.count_documents({}) == 2


def test_a_table_s_stream_holds_no_events_and_is_done(store: EventStore) -> None:
    """Its records are somebody else's."""
    record = {"eventID": "1", "eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "111", "NewImage": {}}}

    assert handler(store)({"Records": [record]}) == {"batchItemFailures": []}


@pytest.mark.parametrize("event", [sns(bounce(1)), eventbridge(bounce(1)), bounce(1), testing.notification(bounce(1))])
def test_what_comes_alone_is_counted_and_fails_where_it_is_not_stored(
    refusing: EventStore, tables: Any, event: dict[str, Any]
) -> None:
    """SNS, EventBridge, a direct invocation: Lambda calls again, and then it is stored."""
    function = handler(refusing)
    with pytest.raises(StoreError):
        function(event, Context(30))
    tables.command("collMod", "ses_event", validator={})

    assert function(event, Context(30)) == {"events": 1, "fresh": 1, "skipped": 0, "dead_letters": 0}
    assert function(event, Context(30))["fresh"] == 0


def test_firehose_gets_every_record_back_unchanged(refusing: EventStore, rows: Any) -> None:
    """Ok is what is stored or a dead letter; the rest goes to Firehose's own failures."""
    event = firehose(bounce(0), bounce(1), "{oops", "no event at all")
    answer = handler(refusing)(event, Context(30))

    assert [record["result"] for record in answer["records"]] == ["Ok", "ProcessingFailed", "Ok", "Ok"]
    assert [(record["recordId"], record["data"]) for record in answer["records"]] == [
        (record["recordId"], record["data"]) for record in event["records"]
    ]
    assert (rows.count_documents({}), refusing.dead_letters.count()) == (1, 1)


@pytest.mark.parametrize("kept", ["wrapped-firehose-lambda", "wrapped-lambda-sqs-batch", "wrapped-lambda-sns-bounce"])
def test_events_as_aws_documents_them_are_received(
    store: EventStore, rows: Any, corpus: dict[str, list[dict[str, str]]], kept: str
) -> None:
    """Each event in them, as the corpus's index counts them."""
    name = f"amazon-ses-developer-guide__{kept}.json"
    handler(store)(json.loads((CORPUS / name).read_text(encoding="utf-8")), Context(30))

    assert rows.count_documents({}) == sum(bool(event["event_type"]) for event in corpus[name])


@pytest.mark.parametrize(
    "event",
    [
        {"version": "2.0", "routeKey": "$default", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}},
        {"httpMethod": "POST", "path": "/", "headers": {}, "body": json.dumps(bounce())},
        {"raw_path": "/", "method": "POST", "body": json.dumps(bounce())},
    ],
)
def test_a_web_request_is_refused(store: EventStore, rows: Any, event: dict[str, Any]) -> None:
    """Whoever can reach the address could write bounces; the error says what to use."""
    with pytest.raises(ConfigurationError, match="http_handler"):
        handler(store)(event, Context(30))

    assert (rows.count_documents({}), store.dead_letters.count()) == (0, 0)


def test_a_store_is_made_at_the_first_invocation_and_kept(mongodb_uri: str, database: str) -> None:
    """Where that failed, it is made anew."""
    uris = iter(["mongodb://127.0.0.1:1/", mongodb_uri])
    made: list[EventStore] = []

    def make() -> EventStore:
        made.append(EventStore.connect(next(uris), database=database, timeout_seconds=2))
        return made[-1]

    function = handler(make)
    with pytest.raises(StoreUnavailable):
        function(sqs(bounce()), Context(2))
    for _ in range(2):
        assert function(sqs(bounce()), Context(30)) == {"batchItemFailures": []}
    made.pop().close()

    assert made == []


def test_an_asyncio_store_is_refused() -> None:
    """Lambda calls functions that block."""
    with pytest.raises(ConfigurationError, match="EventStore"):
        handler(testing.async_memory_store())(sqs(bounce()))  # type: ignore[arg-type]


@needs_own_server
def test_without_a_server_nothing_is_acknowledged_and_nothing_is_lost() -> None:
    """Each source in its way, before Lambda's own end; delivered again it is stored, once."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            with EventStore.connect(running.uri, timeout_seconds=60) as store:
                function = handler(store, margin_seconds=4)
                events = [sqs(bounce(0), bounce(1)), sns(bounce(2)), kinesis(bounce(3)), eventbridge(bounce(4))]
                assert function(sqs(bounce(5)), Context(30)) == {"batchItemFailures": []}
                local.stop(home)
                for event in events:
                    context = Context(5)
                    with pytest.raises(StoreUnavailable):
                        function(event, context)
                    assert context.get_remaining_time_in_millis() > 0
                failed = function(firehose(bounce(6), bounce(7)), Context(5))
                assert [record["result"] for record in failed["records"]] == ["ProcessingFailed"] * 2
                local.start(home)
                for event in [*events, *events, firehose(bounce(6), bounce(7))]:
                    function(event, Context(30))
                assert sorted(row.message_id for row in store.events.between()) == [f"m-{n}" for n in range(8)]
        finally:
            local.stop(home)


@needs_own_server
def test_a_thawed_environment_goes_on_with_a_server_that_was_restarted_meanwhile() -> None:
    """The same function, whose sockets are all dead."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            with EventStore.connect(running.uri, maxIdleTimeMS=60_000) as store:
                function = handler(store)
                assert function(sns(bounce(0)), Context(30))["fresh"] == 1
                local.stop(home)
                local.start(home)
                assert function(sns(bounce(1)), Context(30))["fresh"] == 1
        finally:
            local.stop(home)


def test_two_functions_at_once_store_the_same_batch_once(mongodb_uri: str, database: str, rows: Any) -> None:
    """As when a message's visibility time-out ends too early."""
    event = sqs(*[bounce(number) for number in range(200)])

    def invoke(_: int) -> dict[str, Any]:
        with EventStore.connect(mongodb_uri, database=database, **encrypted()) as store:
            return handler(store)(event, Context(60))

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(invoke, range(2))) == [{"batchItemFailures": []}] * 2
    assert rows.count_documents({}) == 200


@pytest.mark.parametrize("base64_encoded", [False, True])
@pytest.mark.parametrize("shape", ["function url", "load balancer"])
def test_over_http_a_signature_is_proven(
    store: EventStore, settings: dict[str, Any], signer: Signer, shape: str, base64_encoded: bool
) -> None:
    """And answered as any webhook does; headers of a load balancer may be lists."""
    function = http_handler(lambda: store, **settings)

    def post(body: bytes) -> int:
        text = base64.b64encode(body).decode() if base64_encoded else body.decode()
        event: dict[str, Any] = {"body": text, "isBase64Encoded": base64_encoded}
        if shape == "function url":
            event |= {"headers": {"x-amz-sns-message-type": "Notification"}, "rawPath": "/"}
            event |= {"requestContext": {"http": {"method": "POST"}}}
        else:
            event |= {"httpMethod": "POST", "multiValueHeaders": {"x-amz-sns-message-type": ["Notification"]}}
        answer: int = function(event, Context(30))["statusCode"]
        return answer

    good = signer.notification(bounce())

    assert [post(body) for body in (good, good.replace(b"m-0", b"m-9"), b"{}", b"")] == [200, 403, 400, 400]
    assert function({"requestContext": {"http": {"method": "GET"}}}, None)["statusCode"] == 405
    assert [row.message_id for row in store.events.between()] == ["m-0"]


def test_over_http_without_a_server_sns_is_asked_to_come_again(settings: dict[str, Any], signer: Signer) -> None:
    """503, by the time that is left."""
    function = http_handler(lambda: EventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=60), **settings)
    event = {"httpMethod": "POST", "headers": {}, "body": signer.notification(bounce()).decode()}
    context = Context(1.5)

    assert function(event, context)["statusCode"] == 503
    assert context.get_remaining_time_in_millis() > 0


def test_a_cold_start_loads_what_receiving_needs_and_nothing_else() -> None:
    """The store's face included; no ODM, no AWS, no web framework, no command line, no cryptography, no figures."""
    heavy = ("mongoengine", "boto3", "fastapi", "rich", "typer", "cryptography", "sesevent.testing", "sesevent.web",
             "sesevent.webhook", "sesevent.verifier", "sesevent.cli", "sesevent.local", "sesevent.faces.analytics",
             "sesevent.monitoring", "sesevent.retention", "sesevent.plans.health", "sesevent.faces.keeping", "sesevent.faces.tokens")  # fmt: skip
    code = f"""
import sys
import pymongo
before = set(sys.modules)  # some releases of the driver load cryptography themselves
from sesevent import EventStore
from sesevent.contrib.aws_lambda import handler
handler(lambda: EventStore.connect("mongodb://example.com"))
print([name for name in {heavy!r} if name in sys.modules.keys() - before])"""

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_schedule_evaluates_alarms_and_is_told_how_many_there_are(store: Any) -> None:
    """Whatever it invokes with; each change is told once, and what could not be told is counted."""
    told: list[str] = []

    def broken(_: Any) -> None:
        raise ValueError

    at = datetime.now(timezone.utc) - timedelta(minutes=5)
    events = [
        make(to="ann@example.com", message_id=f"m-{n}", sent=at)
        for n in range(60)
        for make in (testing.send, testing.bounce)
    ]
    store.receive_many(all_genuine(events))
    evaluate = monitor_handler(lambda: store, notify=[lambda entry: told.append(entry.id), broken])
    first, again = evaluate({"source": "aws.events"}, Context(60_000)), evaluate()

    assert (first["worst"], first["critical"], first["told"], first["failures"]) == ("critical", 1, 1, 1)
    assert (again["critical"], again["told"]) == (1, 0)
    assert told == ["bounce-rate@1"]


def test_a_schedule_that_cannot_evaluate_fails() -> None:
    """Lambda's metric of errors is what is left to watch."""

    def away() -> Any:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        monitor_handler(away)()
