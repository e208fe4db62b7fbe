"""A worker between a real boto3 client, moto's SQS, and MongoDB; and what happens when one of them goes away."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from both import encrypted
from sesevent import (
    AsyncEventStore,
    AwsUnavailable,
    ConfigurationError,
    EventStore,
    StoreError,
    Verifier,
    local,
    testing,
)
from sesevent.plans.receive import Outcome
from sesevent.testing.signing import TOPIC, Signer

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from botocore.config import Config  # noqa: E402
from botocore.stub import Stubber  # noqa: E402

from sesevent.contrib.sqs import AsyncWorker, Counts, Worker, redrive  # noqa: E402
from sqs_queue import KEYS, Queue, bounces, moto, served, wait_until  # noqa: E402

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])
needs_own_server = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; it is not ours to stop"
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of moto's server."""
    with served() as address:
        yield address


@pytest.fixture
def queue(endpoint: str) -> Queue:
    return Queue(endpoint)


@pytest.fixture
def place(mongodb_uri: str, database: str, store: Any) -> dict[str, Any]:
    """Where a store of either colour keeps things; indexed already."""
    return {"uri": mongodb_uri, "database": database, **encrypted()}


@contextmanager
def working(colour: str, queue: Queue, place: dict[str, Any], **settings: Any) -> Iterator[Any]:
    """A worker that runs in a thread of its own, and is stopped in the end; what it raises is raised here."""
    found: list[Any] = []
    until_empty, on_progress = settings.pop("until_empty", False), settings.pop("on_progress", None)
    settings = {"client": queue.client, "wait_seconds": 1} | settings

    def run() -> None:
        with EventStore.connect(**place) as store:
            found.append(Worker(store, queue.url, **settings))
            found[0].run(until_empty=until_empty, on_progress=on_progress)

    async def run_async() -> None:
        async with await AsyncEventStore.connect(**place) as store:
            found.append(AsyncWorker(store, queue.url, **settings))
            await found[0].run(until_empty=until_empty, on_progress=on_progress)

    raised: list[BaseException] = []

    def main() -> None:
        try:
            run() if colour == "sync" else asyncio.run(run_async())
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    wait_until(lambda: found or raised)
    try:
        if found:
            yield found[0]
    finally:
        if found and not until_empty:
            found[0].stop()
        thread.join(60)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def drained(colour: str, queue: Queue, place: dict[str, Any], **settings: Any) -> Counts:
    """What a worker counted who ran until the queue was empty."""
    with working(colour, queue, place, **{"until_empty": True, "wait_seconds": 0} | settings) as worker:
        pass
    counts: Counts = worker.counts
    return counts


def stored(store: EventStore) -> list[str]:
    return sorted(event.message_id for event in store.events.between())


# ── The ordinary walk ────────────────────────────────────────────────────────────────────────


@COLOURS
def test_enveloped_and_raw_bodies_are_stored_and_deleted(colour: str, queue: Queue, place: Any, store: Any) -> None:
    """With and without raw message delivery."""
    queue.send(testing.notification(testing.bounce(to="ann@example.com")), testing.click(to="ben@example.com"))
    counts = drained(colour, queue, place)

    assert sorted(event.type for event in store.events.between()) == ["Bounce", "Click"]
    assert not store.suppression.check("ann@example.com")
    assert (counts.received, counts.stored, counts.fresh, counts.deleted) == (2, 2, 2, 2)
    assert queue.left == (0, 0)


@COLOURS
def test_what_comes_again_is_deleted_and_counts_once(colour: str, queue: Queue, place: Any, store: Any) -> None:
    """SQS delivers at least once, and SNS too."""
    queue.send(*bounces(3), *map(testing.notification, bounces(3)), *bounces(8))
    counts = drained(colour, queue, place)

    assert stored(store) == sorted(f"m-{n}" for n in range(8))
    assert (counts.stored, counts.fresh, counts.duplicates, counts.deleted) == (14, 8, 6, 14)
    assert queue.left == (0, 0)


@COLOURS
def test_poison_becomes_a_dead_letter_and_harms_no_neighbour(colour: str, queue: Queue, place: Any, store: Any) -> None:
    """It is kept with its bytes, and deleted from the queue."""
    queue.send(testing.send(message_id="before"), '{"eventType": "Bounce", "mail": 1}', "{oops", testing.send())
    counts = drained(colour, queue, place)

    assert (counts.dead_letters, counts.stored, counts.deleted, queue.left) == (2, 2, 4, (0, 0))
    contents = [store.dead_letters.get(letter.id).content for letter in store.dead_letters.list()]
    assert set(contents) == {b"{oops", b'{"eventType": "Bounce", "mail": 1}'}


def test_what_is_not_of_ses_is_deleted_and_counted_as_skipped(
    queue: Queue, place: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A handshake too, which is told: a worker confirms nothing."""
    signer = Signer()
    queue.send(signer.handshake().decode(), testing.notification({"hello": "world"}))
    counts = drained("sync", queue, place)

    assert (counts.skipped, counts.deleted, queue.left) == (2, 2, (0, 0))
    assert "a subscription was offered" in caplog.text


@COLOURS
def test_one_poll_can_be_had_by_itself(colour: str, queue: Queue, place: Any, store: Any) -> None:
    """For a cron job, or a test."""
    queue.send(*bounces(12))
    worker: Any
    if colour == "sync":
        worker = Worker(store, queue.url, client=queue.client, wait_seconds=0)
        polls = [worker.poll_once() for _ in range(4)]
    else:

        async def main() -> tuple[AsyncWorker, list[int]]:
            async with await AsyncEventStore.connect(**place) as astore:
                worker = AsyncWorker(astore, queue.url, client=queue.client, wait_seconds=0)
                return worker, [await worker.poll_once() for _ in range(4)]

        worker, polls = asyncio.run(main())
    assert sum(polls) == worker.counts.deleted == 12
    assert (polls[-1], worker.counts.empty_polls > 0, queue.left) == (0, True, (0, 0))


def test_a_worker_is_told_of_what_is_done(queue: Queue, place: Any) -> None:
    """After each poll, by counts that are a copy."""
    told: list[Counts] = []
    queue.send(*bounces(3))
    drained("sync", queue, place, on_progress=told.append)

    assert [counts.deleted for counts in told] == [3, 3]
    assert told[0].last_success is not None


@COLOURS
def test_several_pollers_share_a_queue(colour: str, queue: Queue, place: Any, store: Any) -> None:
    """Each event is fresh once, whoever had it in hand."""
    queue.send(*bounces(60), *bounces(60))
    counts = drained(colour, queue, place, pollers=4)

    assert (counts.fresh, stored(store), queue.left) == (60, sorted(f"m-{n}" for n in range(60)), (0, 0))
    assert store.suppression.rebuild().changed == 0


def test_the_two_colours_agree() -> None:
    """Names, parameters and docstrings."""
    for name in ("__init__", "check", "counts", "health_port", "healthy", "metrics", "poll_once", "run", "stop"):
        ours, theirs = (inspect.getattr_static(worker, name) for worker in (Worker, AsyncWorker))
        assert ours.__doc__ == theirs.__doc__
        if callable(ours):
            assert inspect.signature(ours) == inspect.signature(theirs)
    told = [str(inspect.getdoc(worker)) for worker in (Worker, AsyncWorker)]
    assert told[0].split("\n")[3:] == told[1].replace(" boto3 blocks: it is called in threads.", "").split("\n")[3:]


# ── When something is away ───────────────────────────────────────────────────────────────────


@needs_own_server
@COLOURS
def test_nothing_is_deleted_while_the_database_is_away(colour: str, queue: Queue) -> None:
    """Received once and kept in hand, however long it takes; stored once, then deleted."""
    with tempfile.TemporaryDirectory() as home:
        place = {"uri": local.start(home).uri, "timeout_seconds": 1}
        try:
            with working(colour, queue, place, visibility_seconds=4) as worker:
                wait_until(lambda: worker.counts.polls)
                local.stop(home)
                queue.send(*bounces(5))
                wait_until(lambda: worker.counts.retried >= 4)
                assert (worker.counts.deleted, sum(queue.left)) == (0, 5)
                local.start(home)
                wait_until(lambda: queue.left == (0, 0))
            counts = worker.counts  # of one that has ended: the queue knows of a deletion before the worker does
            with EventStore.connect(**place) as store:
                assert stored(store) == [f"m-{n}" for n in range(5)]
        finally:
            local.stop(home)
    assert (counts.received, counts.deleted, counts.fresh, counts.failed) == (5, 5, 5, 0)


@needs_own_server
@COLOURS
def test_who_is_stopped_while_the_database_is_away_gives_back_what_is_in_hand(colour: str, queue: Queue) -> None:
    """At once, for others to try."""
    with tempfile.TemporaryDirectory() as home:
        place = {"uri": local.start(home).uri, "timeout_seconds": 1}
        try:
            with working(colour, queue, place, visibility_seconds=600) as worker:
                wait_until(lambda: worker.counts.polls)
                local.stop(home)
                queue.send(*bounces(2))
                wait_until(lambda: worker.counts.retried)
        finally:
            local.stop(home)
    assert (worker.counts.deleted, worker.counts.released > 0, queue.left) == (0, True, (2, 0))


@needs_own_server
def test_one_poll_with_the_database_away_gives_back_what_it_took(queue: Queue) -> None:
    """And is no success."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        with EventStore.connect(running.uri, timeout_seconds=1) as store:
            local.stop(home)
            queue.send(*bounces(2))
            worker = Worker(store, queue.url, client=queue.client, visibility_seconds=600)
            assert worker.poll_once() > 0
    assert (worker.counts.released, worker.counts.last_success, queue.left) == (worker.counts.received, None, (2, 0))


@needs_own_server
@COLOURS
def test_what_takes_long_is_hidden_from_others_meanwhile(colour: str, queue: Queue) -> None:
    """With a server that stands still for longer than SQS would wait."""
    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            with working(colour, queue, {"uri": running.uri, "timeout_seconds": 60}, visibility_seconds=2) as worker:
                wait_until(lambda: worker.counts.polls)
                os.kill(running.pid, signal.SIGSTOP)
                try:
                    queue.send(testing.bounce())
                    wait_until(lambda: queue.left == (0, 1))
                    theirs = [message for _ in range(6) for message in queue.receive(wait=1)]
                finally:
                    os.kill(running.pid, signal.SIGCONT)
                wait_until(lambda: queue.left == (0, 0))
        finally:
            local.stop(home)

    assert theirs == []
    assert worker.counts.extended >= 4
    assert (worker.counts.received, worker.counts.deleted) == (1, 1)


@COLOURS
def test_sqs_that_is_away_is_waited_for(colour: str, place: Any, store: Any) -> None:
    """As long as it takes; its errors are counted."""
    server, address = moto()
    queue = Queue(address, "comes-and-goes")
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
    settings = {"client": None, "endpoint_url": address, "config": once, **KEYS}
    with working(colour, queue, place, **settings) as worker:
        wait_until(lambda: worker.counts.polls)
        server.stop()
        wait_until(lambda: worker.counts.errors)
        host, _, port = address.removeprefix("http://").partition(":")
        server, _ = moto(host, int(port))
        queue.send(testing.bounce())
        wait_until(lambda: worker.counts.deleted)
    server.stop()

    assert (worker.counts.fresh, len(stored(store))) == (1, 1)


def test_a_long_poll_does_not_hold_up_a_stop(queue: Queue, place: Any) -> None:
    """It is left behind, and what it still brings is given back."""
    with working("sync", queue, place, wait_seconds=20) as worker:
        wait_until(lambda: worker._open)
        (asked,) = worker._open
    assert asked.result() is None
    queue.send(testing.bounce())
    wait_until(lambda: worker.counts.released == 1)

    assert (worker.counts.deleted, queue.left) == (0, (1, 0))


# ── What cannot be stored ────────────────────────────────────────────────────────────────────


class Refusing:
    """A store that refuses one message for good, and stores the others: in its own words, or by a bug."""

    def __init__(self, store: Any, bad: str, error: Exception) -> None:
        self.store, self.bad, self.error = store, bad, error

    def receive_each(self, items: Any) -> Iterator[Outcome]:
        for item in items:
            if self.bad not in item.raw["Body"]:
                yield from self.store.receive_each([item])
            elif isinstance(self.error, StoreError):
                yield Outcome(item, None, self.error)
            else:
                raise self.error


@pytest.mark.parametrize("error", [StoreError("no"), ZeroDivisionError("someone@example.com")])
def test_what_cannot_be_stored_stays_for_the_redrive_policy(
    endpoint: str, store: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """After so many receives SQS moves it to its own dead-letter queue; the others are stored."""
    dead = Queue(endpoint)
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = Queue(endpoint, RedrivePolicy=policy)
    queue.send(*bounces(5))
    refusing = Refusing(store, "p-3@example.com", error)
    worker = Worker(refusing, queue.url, client=queue.client, wait_seconds=1, visibility_seconds=1)
    worker.poll_once()
    wait_until(lambda: worker.poll_once() == 0 and dead.left == (1, 0))

    assert (worker.counts.failed, worker.counts.deleted, queue.left) == (2, 4, (0, 0))
    assert stored(store) == ["m-0", "m-1", "m-2", "m-4"]
    assert type(error).__name__ in caplog.text
    assert "example.com" not in caplog.text


# ── Proofs ───────────────────────────────────────────────────────────────────────────────────


def verifying(queue: Queue, store: Any, signer: Signer, **settings: Any) -> Worker:
    verifier = Verifier(topics=TOPIC, certificates=signer.certificates, **settings)
    return Worker(store, queue.url, client=queue.client, wait_seconds=0, verifier=verifier)


def poll_until(worker: Worker, holds: Callable[[], Any]) -> None:
    """moto's short polls may bring less than is there."""
    wait_until(lambda: (worker.poll_once(), holds())[1])


def test_a_verifier_stores_what_is_genuine_and_deletes_what_is_forged(
    queue: Queue, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not stored, is counted, and does not come again."""
    signer, now = Signer(), datetime.now(timezone.utc)
    genuine = signer.notification(testing.bounce(to="ann@example.com"), at=now).decode()
    elsewhere = signer.notification(testing.bounce(to="cat@example.com"), at=now).decode()
    queue.send(genuine, genuine.replace("ann@", "bob@"), elsewhere.replace("sns.us-east-1", "evil.us-east-1"))
    worker = verifying(queue, store, signer)
    poll_until(worker, lambda: queue.left == (0, 0))

    assert (worker.counts.refused, worker.counts.deleted, worker.counts.fresh) == (2, 3, 1)
    assert [event.event.recipients[0].address for event in store.events.between()] == ["ann@example.com"]
    assert "«signature»" in caplog.text
    assert "bob" not in caplog.text


def test_what_a_setting_may_be_to_blame_for_is_neither_stored_nor_deleted(queue: Queue, store: Any) -> None:
    """A raw body, another topic, another version, one that was old when SQS took it: for the redrive policy."""
    signer, now = Signer(), datetime.now(timezone.utc)
    bounce = testing.bounce()
    queue.send(
        bounce,
        signer.notification(bounce, at=now, topic=TOPIC + "-2").decode(),
        signer.notification(bounce, at=now, version=1).decode(),
        signer.notification(bounce, at=now - timedelta(hours=2)).decode(),
    )
    worker = verifying(queue, store, signer, versions={"2"})
    poll_until(worker, lambda: worker.counts.unproven == 4)

    assert (worker.counts.deleted, queue.left, stored(store)) == (0, (0, 4), [])


def test_waiting_on_the_queue_makes_nothing_stale(queue: Queue, store: Any) -> None:
    """An hour's outage must not make a verifier refuse an hour's events."""
    signer, now = Signer(), datetime.now(timezone.utc)
    queue.send(signer.notification(testing.bounce(), at=now).decode())
    worker = verifying(queue, store, signer, clock=lambda: now + timedelta(days=3))
    poll_until(worker, lambda: worker.counts.deleted)

    assert worker.counts.fresh == 1


def test_what_cannot_be_proven_for_now_is_tried_again(queue: Queue, place: Any) -> None:
    """While certificates cannot be had it stays in hand."""
    signer, away = Signer(), [True]
    serve = signer.serve

    def fetch(url: str) -> bytes:
        if away[0]:
            raise OSError("no route")
        return serve(url)

    signer.certificates._fetch = fetch
    queue.send(signer.notification(testing.bounce(), at=datetime.now(timezone.utc)).decode())
    with working("async", queue, place, verifier=Verifier(topics=TOPIC, certificates=signer.certificates)) as worker:
        wait_until(lambda: worker.counts.retried >= 2)
        away[0] = False
        wait_until(lambda: worker.counts.deleted)

    assert (worker.counts.received, worker.counts.fresh) == (1, 1)


def test_a_made_up_certificate_does_not_keep_a_worker_waiting(queue: Queue, place: Any, store: Any) -> None:
    """It cannot be told from one that cannot be had for now; so it is let go after a few attempts."""
    signer, now = Signer(), datetime.now(timezone.utc)
    envelope = testing.notification(testing.bounce(message_id="forged"), at=now, topic_arn=TOPIC)
    missing = signer.certificate_url().rpartition("/")[0] + f"/SimpleNotificationService-{'0' * 32}.pem"
    queue.send(signer.sign(envelope, certificate_url=missing))
    verifier = Verifier(topics=TOPIC, certificates=signer.certificates)
    with working("sync", queue, place, verifier=verifier, visibility_seconds=600) as worker:
        wait_until(lambda: worker.counts.retried)
        queue.send(signer.notification(testing.bounce(message_id="genuine"), at=now).decode())
        wait_until(lambda: worker.counts.deleted)

    assert (worker.counts.unproven, stored(store), queue.left) == (1, ["genuine"], (0, 1))


# ── Health ───────────────────────────────────────────────────────────────────────────────────


def got(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@COLOURS
def test_health_is_told_by_a_file_and_a_port(colour: str, queue: Queue, place: Any, tmp_path: Path) -> None:
    """The file is touched at each success and gone at the end; the port tells counts too."""
    file = tmp_path / "alive"
    queue.send(testing.bounce(to="ann@example.com"))
    with working(colour, queue, place, health_file=file, health_port=0) as worker:
        wait_until(lambda: worker.counts.deleted)
        os.utime(file, (0, 0))
        wait_until(lambda: file.stat().st_mtime > 0)
        port = worker.health_port
        assert got(port, "/healthz") == (200, "well\n")
        status, metrics = got(port, "/metrics")
        assert got(port, "/other")[0] == 404

    assert status == 200
    assert "sesevent_worker_deleted_total 1\n" in metrics
    assert "sesevent_worker_last_success_timestamp_seconds " in metrics
    assert "ann" not in metrics
    assert not file.exists()
    with pytest.raises(urllib.error.URLError):
        got(port, "/healthz")


@needs_own_server
def test_a_worker_whose_database_is_away_is_not_well(queue: Queue) -> None:
    """Once the last success is too long ago."""
    with tempfile.TemporaryDirectory() as home:
        place = {"uri": local.start(home).uri, "timeout_seconds": 1}
        try:
            with working("sync", queue, place, health_port=0, healthy_seconds=2) as worker:
                wait_until(lambda: worker.counts.polls)
                assert got(worker.health_port, "/healthz")[0] == 200
                local.stop(home)
                queue.send(testing.bounce())
                wait_until(lambda: got(worker.health_port, "/healthz")[0] == 503)
        finally:
            local.stop(home)


@pytest.mark.parametrize(
    "settings", [{"health_file": "/nowhere/at/all"}, {"health_port": 1, "health_host": "192.0.2.1"}]
)
def test_health_that_cannot_be_told_is_a_configuration_error(queue: Queue, place: Any, settings: Any) -> None:
    """Said at the start, not by a probe."""
    with pytest.raises(ConfigurationError, match=r"cannot be written|can listen"):
        drained("sync", queue, place, **settings)


# ── The queue's set-up ───────────────────────────────────────────────────────────────────────


@COLOURS
def test_a_queue_that_is_not_there_is_a_configuration_error(colour: str, queue: Queue, place: Any) -> None:
    """Said at the start."""
    queue.url += "-not"
    with pytest.raises(ConfigurationError, match="no such queue"):
        drained(colour, queue, place)


@COLOURS
def test_a_queue_that_goes_away_ends_the_worker(colour: str, queue: Queue, place: Any) -> None:
    """With the same error: waiting would not help."""

    gone: list[str] = []

    def deleted(_: Counts) -> None:
        if not gone:
            gone.append(queue.url)
            queue.client.delete_queue(QueueUrl=queue.url)

    with (
        pytest.raises(ConfigurationError, match="no such queue"),
        working(colour, queue, place, pollers=2, on_progress=deleted) as worker,
    ):
        wait_until(lambda: worker._told_to_stop)


@pytest.mark.parametrize(
    ("operation", "action"),
    [("get_queue_attributes", "GetQueueAttributes"), ("receive_message", "ReceiveMessage"),
     ("delete_message_batch", "DeleteMessage")],
)  # fmt: skip
def test_a_right_that_lacks_is_named(store: Any, operation: str, action: str) -> None:
    """moto asks for no rights; the answer is AWS's, through boto3's own stub."""
    client = boto3.client("sqs", **KEYS)
    with Stubber(client) as stub:
        if operation == "delete_message_batch":
            message = {"MessageId": "1", "ReceiptHandle": "r", "Body": json.dumps(testing.bounce())}
            stub.add_response("receive_message", {"Messages": [message]})
        stub.add_client_error(operation, "AccessDeniedException", "no", 403)
        worker = Worker(store, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", client=client)
        with pytest.raises(ConfigurationError, match=f"permission sqs:{action}\\."):
            worker.check() if operation == "get_queue_attributes" else worker.poll_once()
        stub.assert_no_pending_responses()


def test_a_delete_that_fails_in_part_is_told_and_the_rest_counted(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The message comes again, and is recognised then."""
    client = boto3.client("sqs", **KEYS)
    messages = [{"MessageId": f"{n}", "ReceiptHandle": f"r-{n}", "Body": json.dumps(testing.bounce())} for n in (0, 1)]
    failed = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}
    with Stubber(client) as stub:
        stub.add_response("receive_message", {"Messages": messages})
        stub.add_response("delete_message_batch", failed)
        worker = Worker(store, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", client=client)
        worker.poll_once()

    assert (worker.counts.stored, worker.counts.fresh, worker.counts.deleted) == (2, 1, 1)
    assert "InternalError" in caplog.text


def test_what_of_a_queue_will_be_regretted_is_said(endpoint: str, store: Any) -> None:
    """And nothing of one that is set up well."""
    dead = Queue(endpoint)

    def told(name: str = "", **attributes: str) -> str:
        queue = Queue(endpoint, name, **attributes)
        return " ".join(Worker(store, queue.url, client=queue.client).check())

    def policy(receives: int) -> str:
        return json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": receives})

    assert "no redrive policy" in told()
    assert "after 1 receives" in told(RedrivePolicy=policy(1))
    assert "for 1 hours" in told(RedrivePolicy=policy(5), MessageRetentionPeriod="3600")
    assert "FIFO" in told("ordered.fifo", FifoQueue="true")
    assert told(RedrivePolicy=policy(5)) == ""


@pytest.mark.parametrize(
    "wrong", [{"pollers": 0}, {"wait_seconds": 21}, {"visibility_seconds": 0}, {"wait_seconds": 1.5}]
)
def test_a_setting_that_sqs_would_refuse_is_refused(store: Any, wrong: dict[str, Any]) -> None:
    """By name, before anything is asked."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Worker(store, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", client=object(), **wrong)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/q", "eu-central-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/q", "us-gov-west-1"),
        ("https://vpce-1.sqs.eu-west-2.vpce.amazonaws.com/123456789012/q", "eu-west-2"),
    ],
)
def test_the_region_is_that_of_the_queue(store: Any, url: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever boto3 is configured for, unless one is named."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")

    assert Worker(store, url)._queue.client.meta.region_name == region
    assert Worker(store, url, region_name="us-east-1")._queue.client.meta.region_name == "us-east-1"


# ── Redrive ──────────────────────────────────────────────────────────────────────────────────


def test_a_redrive_asks_sqs_to_move_messages_back() -> None:
    """By boto3's own stub, which checks the request: moto 5 knows no StartMessageMoveTask."""
    client = boto3.client("sqs", **KEYS)
    dead, other = (f"arn:aws:sqs:eu-west-1:123456789012:{name}" for name in ("dead", "other"))
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
    with Stubber(client) as stub:
        stub.add_response("start_message_move_task", {"TaskHandle": "t-1"}, {"SourceArn": dead})
        asked = {"SourceArn": dead, "DestinationArn": other, "MaxNumberOfMessagesPerSecond": 5}
        stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": dead}})
        stub.add_response("start_message_move_task", {"TaskHandle": "t-2"}, asked)
        stub.add_client_error("start_message_move_task", "ResourceNotFoundException", http_status_code=404)
        stub.add_client_error("start_message_move_task", "AccessDenied", http_status_code=403)
        stub.add_client_error("start_message_move_task", "RequestThrottled", http_status_code=400)

        assert redrive(dead, client=client) == "t-1"
        assert redrive(url, to=other, per_second=5, client=client) == "t-2"
        with pytest.raises(ConfigurationError, match="no such queue"):
            redrive(dead, client=client)
        with pytest.raises(ConfigurationError, match="sqs:StartMessageMoveTask"):
            redrive(dead, client=client)
        with pytest.raises(AwsUnavailable):
            redrive(dead, client=client)
