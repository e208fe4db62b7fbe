"""Real parts together: boto3, a stand-in for AWS, a server on loopback, MongoDB; and what happens when it goes away."""

from __future__ import annotations

import asyncio
import gc
import http.server
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient

from both import encrypted
from sesevent import AsyncEventStore, EventStore, Verifier, local, testing, trusted
from sesevent.contrib.asgi import webhook
from sesevent.contrib.sns import confirm_by_api
from sesevent.testing.signing import TOPIC, Signer
from sesevent.webhook import Settings, Webhook

boto3, httpx, uvicorn = map(pytest.importorskip, ("boto3", "httpx", "uvicorn"))
moto_server = pytest.importorskip("moto.server")

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of moto's server."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def served(store: AsyncEventStore, **settings: Any) -> Iterator[str]:
    """A webhook into *store* under uvicorn on loopback; the store is closed with it, in the same loop."""
    hook = webhook(store, **settings)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def closing(message: Any) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await store.close()
            await send(message)

        await hook(scope, receive, closing)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="on", timeout_keep_alive=30))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def signing_relay(signer: Signer, target: str, statuses: list[int]) -> Iterator[str]:
    """Between the stand-in and the webhook: signs with our key, since nobody has Amazon's."""

    class Relay(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = httpx.post(target, content=json.dumps(signer.sign(body)))
            statuses.append(answer.status_code)
            self.send_response(answer.status_code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def wait_until(holds: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_from_boto3_through_sns_and_http_into_mongodb(aws: str, mongodb_uri: str, database: str) -> None:
    """Published by boto3, posted by the SNS stand-in, served by uvicorn, verified, stored; unsigned it is refused."""
    signer = Signer()
    sns = boto3.client("sns", endpoint_url=aws, **KEYS)
    topic = sns.create_topic(Name="ses-events")["TopicArn"]
    store = AsyncEventStore(AsyncMongoClient(mongodb_uri), database=database)
    verifier = Verifier(topics=topic, certificates=signer.certificates)
    statuses: list[int] = []
    with served(store, verifier=verifier) as url, signing_relay(signer, url, statuses) as relay:
        subscription = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=relay)["SubscriptionArn"]
        for payload in (testing.send(), testing.bounce(), testing.bounce()):
            sns.publish(TopicArn=topic, Message=json.dumps(payload), Subject="Amazon SES Email Event Notification")
        sns.publish(TopicArn=topic, Message="Successfully validated SNS topic for Amazon SES event publishing.")
        wait_until(lambda: len(statuses) == 4)
        sns.unsubscribe(SubscriptionArn=subscription)
        forged = httpx.post(url, content=json.dumps(testing.notification(testing.complaint())))

    assert statuses == [200] * 4
    assert forged.status_code == 400
    with EventStore.connect(mongodb_uri, database=database, **encrypted()) as reader:
        assert sorted(event.type for event in reader.events.between()) == ["Bounce", "Send"]
        assert {row.document["received"]["topicArn"] for row in reader.events.between()} == {topic}


def test_from_boto3_through_sns_and_sqs_into_mongodb(aws: str, store: EventStore) -> None:
    """What the queue hands over is stored as it is, with and without raw delivery; the wrapping tells the receipts."""
    sns, sqs = (boto3.client(name, endpoint_url=aws, **KEYS) for name in ("sns", "sqs"))
    topic = sns.create_topic(Name="for-queues")["TopicArn"]
    for name, raw in (("wrapped", "false"), ("raw", "true")):
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {"RawMessageDelivery": raw}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    sns.publish(TopicArn=topic, Message=json.dumps(testing.complaint(to="ann@example.com")))
    for name, fresh in (("wrapped", True), ("raw", False)):
        queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        received = sqs.receive_message(QueueUrl=queue)
        message = trusted(received, because="the queue's policy admits our topic only")

        assert store.receive(message).fresh is fresh
        assert [inner.transport.receipt_handle for inner in message.messages] == [
            received["Messages"][0]["ReceiptHandle"]
        ]
    assert not store.suppression.check("ann@example.com")


def test_a_subscription_is_confirmed_through_the_api(aws: str) -> None:
    """In the topic's region; a refusal is a 503, so that SNS offers it again."""
    signer = Signer()
    sns = boto3.client("sns", endpoint_url=aws, **KEYS)
    topic = sns.create_topic(Name="confirmed")["TopicArn"]
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="y")
    store = testing.memory_store()
    settings = Settings(
        verifier=Verifier(topics=[topic, topic + "-2"], certificates=signer.certificates),
        confirm=confirm_by_api(session, endpoint_url=aws),
    )
    now = datetime.now(timezone.utc)

    assert Webhook(store, settings).answer(signer.handshake(topic=topic, at=now), ()).status == 200
    assert Webhook(store, settings).answer(signer.handshake(topic=topic + "-2", at=now), ()).status == 503
    assert [entry.subject for entry in store.audit.latest()] == [topic]


@pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; it is not ours to stop"
)
@pytest.mark.timeout(180)
# PyMongo's asyncio client, cancelled while it connects to a server that is gone, leaves the socket to the collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function _SelectorTransport:pytest.PytestUnraisableExceptionWarning"
)
def test_two_hundred_posts_at_once_while_the_database_stops_and_starts() -> None:
    """Every 2xx is in the collection, nothing else was acknowledged, and in the end everything got through."""
    signer = Signer()
    verifier = Verifier(topics=TOPIC, certificates=signer.certificates, max_age=None)
    bodies = {
        f"m-{n}": signer.notification(testing.bounce(message_id=f"m-{n}", to=f"p-{n}@example.com")) for n in range(200)
    }
    acknowledged: set[str] = set()
    answers: list[int] = []

    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            client: Any = AsyncMongoClient(running.uri, timeoutMS=2000, serverSelectionTimeoutMS=2000)
            with served(AsyncEventStore(client), verifier=verifier, timeout_seconds=4) as url:
                asyncio.run(_post_all(url, bodies, acknowledged, answers, home))
            stored = _stored(running.uri)
        finally:
            local.stop(home)

    gc.collect()  # here, and not in some other test
    assert acknowledged == set(bodies)
    assert stored == set(bodies)
    assert set(answers) == {200, 503}


async def _post_all(url: str, bodies: dict[str, bytes], acknowledged: set[str], answers: list[int], home: str) -> None:
    """Each body is posted until it is acknowledged, as SNS would; the database goes away after the first few."""
    limits = httpx.Limits(max_connections=200)

    async with httpx.AsyncClient(limits=limits, timeout=30) as http:
        # However quick the posts are and however slow the stop, some arrive before it, some during it, some after it.
        now, stopping, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        moments = dict(zip(bodies, [now] * 50 + [stopping] * 100 + [gone] * 50, strict=True))
        now.set()

        async def post(name: str) -> None:
            await moments[name].wait()
            while name not in acknowledged:
                answer = await http.post(url, content=bodies[name])
                answers.append(answer.status_code)
                if answer.status_code == 200:
                    acknowledged.add(name)
                    continue
                await asyncio.sleep(0.2)

        async def disturb() -> None:
            while len(acknowledged) < 20:
                await asyncio.sleep(0.01)
            stopping.set()
            await asyncio.to_thread(local.stop, home)
            before = len(answers)
            gone.set()
            while len(answers) < before + 50:
                await asyncio.sleep(0.05)
            again = await asyncio.to_thread(local.start, home)
            with MongoClient(again.uri) as client:  # what was acknowledged before the stop has survived it
                rows = await asyncio.to_thread(lambda: client["cache"]["ses_event"].distinct("MessageId"))
                assert acknowledged_before <= set(rows)

        acknowledged_before: set[str] = set()

        async def remember() -> None:
            while len(acknowledged) < 20:
                await asyncio.sleep(0.01)
            acknowledged_before.update(acknowledged)

        await asyncio.gather(disturb(), remember(), *(post(name) for name in bodies))


def _stored(uri: str) -> set[str]:
    with EventStore.connect(uri) as store:
        return {event.message_id for event in store.events.between()}
