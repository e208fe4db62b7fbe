"""``sesevent worker``, in processes of its own, on moto's SQS."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sesevent import testing, trusted_each

pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from sqs_queue import REGION, Queue, bounces, served, wait_until

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": REGION}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of moto's server."""
    with served() as address:
        yield address


@pytest.fixture
def queue(endpoint: str) -> Queue:
    return Queue(endpoint)


@pytest.fixture
def worker(mongodb_uri: str, database: str, store: Any, queue: Queue) -> Iterator[Callable[..., Any]]:
    """Start ``sesevent worker sqs`` on the test's queue and database."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "sesevent.cli", "worker", "sqs", queue.url, "--endpoint-url", queue.endpoint,
                   "--database", database, *arguments]  # fmt: skip
        environment = os.environ | KEYS | {"SESEVENT_MONGODB_URI": mongodb_uri}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, int], str]:
    """Exit code, the last counts, and what was said."""
    out, said = process.communicate(timeout=60)
    return process.returncode, json.loads(out.splitlines()[-1]) if out else {}, said


def message_ids(rows: Any) -> list[str]:
    return sorted(row["MessageId"] for row in rows.find({}, {"MessageId": 1}))


def expected(number: int) -> list[str]:
    return sorted(f"m-{n}" for n in range(number))


def test_a_queue_is_drained_and_what_was_done_is_counted(worker: Any, queue: Queue, rows: Any) -> None:
    """A table of sorts on a terminal, one JSON object in a pipe."""
    queue.send(*bounces(12), testing.notification(testing.click()), {"what": "is this?"}, *bounces(3))
    code, counts, said = ended(worker("--until-empty", "--wait", "0"))

    assert code == 0
    assert (counts["received"], counts["fresh"], counts["duplicates"], counts["deleted"]) == (17, 13, 3, 17)
    assert rows.count_documents({}) == 13
    assert queue.left == (0, 0)
    assert "no redrive policy" in said


def test_one_poll_takes_ten_at_most(worker: Any, queue: Queue) -> None:
    """For a cron job."""
    queue.send(*bounces(12))
    code, counts, _ = ended(worker("--once"))

    assert (code, counts["polls"], counts["deleted"] + sum(queue.left)) == (0, 1, 12)
    assert 0 < counts["deleted"] <= 10


@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_three_workers_in_two_processes_have_no_double_effects(
    worker: Any, queue: Queue, rows: Any, store: Any
) -> None:
    """Each event is stored once and fresh once, and the standings are what follows from the events."""
    stream = list(testing.stream(150, seed=7, duplicates=0.2))
    payloads = [*stream, *bounces(50), *stream[:50]]
    queue.send(*payloads)
    # On a busy machine an answer of the queue may get lost, and what it brought comes again when SQS says so.
    options = ("--until-empty", "--wait", "1", "--visibility", "5")
    several = [worker(*options, "--pollers", pollers) for pollers in ("2", "1")]
    done = [ended(process) for process in several]
    while sum(queue.left):
        late = ended(worker(*options))
        done.append(late)
    alone = testing.memory_store()
    alone.receive_many(trusted_each(payloads, because="this test made them"))

    assert {code for code, _, _ in done} == {0}
    wanted = Counter((event.message_id, event.type) for event in alone.events.between())
    assert Counter((row["MessageId"], row["Type"]) for row in rows.find()) == wanted
    assert sum(counts["fresh"] for _, counts, _ in done) == wanted.total() == rows.count_documents({})
    assert min(counts["received"] for _, counts, _ in done[:2]) > 0
    assert store.suppression.rebuild().changed == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(worker: Any, queue: Queue, rows: Any, number: int) -> None:
    """With exit code 0, what was in hand is stored and deleted, the rest is on the queue, and nothing in between."""
    queue.send(*bounces(200))
    process = worker("--every", "0")
    wait_until(lambda: rows.count_documents({}) > 20)
    process.send_signal(number)
    code, counts, _ = ended(process)

    assert code == 0
    assert 20 < counts["deleted"] < 200
    assert sum(queue.left) == 200 - counts["deleted"]
    assert rows.count_documents({}) == counts["deleted"]


def test_a_signal_is_not_kept_waiting_by_a_long_poll(worker: Any, queue: Queue, tmp_path: Path) -> None:
    """Twenty seconds are longer than many supervisors give."""
    file = tmp_path / "alive"
    process = worker("--wait", "20", "--health-file", str(file))
    wait_until(file.exists)
    process.terminate()
    started = time.monotonic()
    code, counts, _ = ended(process)

    assert (code, counts["deleted"], file.exists()) == (0, 0, False)
    assert time.monotonic() - started < 15


@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_a_killed_worker_loses_nothing(worker: Any, queue: Queue, rows: Any, store: Any) -> None:
    """kill -9 in the middle: what it had in hand comes again to another, and counts once."""
    queue.send(*bounces(150))
    process = worker("--visibility", "2")
    wait_until(lambda: rows.count_documents({}) > 20)
    process.kill()
    process.communicate()
    survived = rows.count_documents({})
    assert survived < 150
    rest = worker("--wait", "1")
    wait_until(lambda: queue.left == (0, 0), 60)
    rest.terminate()

    assert ended(rest)[0] == 0
    assert message_ids(rows) == expected(150)
    assert store.suppression.rebuild().changed == 0


def test_health_and_counts_are_to_be_had_while_it_runs(worker: Any, queue: Queue) -> None:
    """At a port of one's own, and as lines in a pipe."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    queue.send(*bounces(3))
    process = worker("--health-port", str(port), "--every", "0", "--wait", "1")
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    process.terminate()

    assert ended(process)[0] == 0
    assert 0 < lines[0]["deleted"] <= lines[1]["deleted"] <= 3


def test_what_is_not_believed_shows_in_the_exit_code(worker: Any, queue: Queue, rows: Any) -> None:
    """A raw body proves nothing; it is left for the redrive policy."""
    queue.send(*bounces(1))
    code, counts, said = ended(worker("--once", "--topic", "arn:aws:sns:eu-west-1:123456789012:ses"))

    assert (code, counts["unproven"], sum(queue.left), rows.count_documents({})) == (1, 1, 1, 0)
    assert "«body»" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--once", "--until-empty"), "two ways to end"), (("--topic", "nonsense"), "not the ARN of an SNS topic")],
)
def test_what_cannot_be_done_is_said(worker: Any, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2."""
    code, _, said = ended(worker(*arguments))

    assert code == 2
    assert words in said


def test_a_queue_that_is_not_there_is_said(sesevent: Any, endpoint: str, store: Any) -> None:
    """With exit code 2; so is a dead-letter queue that cannot be redriven."""
    url = f"{endpoint}/123456789012/nowhere"
    for command in (("sqs",), ("redrive",)):
        done = sesevent("worker", *command, url, "--endpoint-url", endpoint, **KEYS)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no such queue" in done.stderr
