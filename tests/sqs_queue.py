"""A queue at moto's SQS, for tests; it is a server, so that boto3's own writing and reading is part of them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from moto.sqs.models import Queue as MotoQueue

from sesevent import testing

REGION = "eu-west-1"
KEYS = {"region_name": REGION, "aws_access_key_id": "x", "aws_secret_access_key": "y"}


_delete = MotoQueue.delete_message


def _delete_in_turn(queue: MotoQueue, handle: str) -> None:
    """As SQS does: of deletions at the same moment, and of messages that arrive meanwhile, none is lost."""
    with queue._messages_lock:
        _delete(queue, handle)


MotoQueue.delete_message = _delete_in_turn  # type: ignore[method-assign]


def moto(host: str = "127.0.0.1", port: int = 0) -> tuple[Any, str]:
    """A running server and its address. What it keeps lives as long as the process."""
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"http://{host}:{port}"


@contextmanager
def served() -> Iterator[str]:
    """The address of a server."""
    server, address = moto()
    yield address
    server.stop()


class Queue:
    """A queue of a test's own."""

    def __init__(self, endpoint: str, name: str = "", **attributes: str) -> None:
        self.endpoint = endpoint
        self.client = boto3.client("sqs", endpoint_url=endpoint, **KEYS)
        name = name or f"q-{uuid.uuid4().hex[:8]}"
        self.url: str = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def send(self, *bodies: Any) -> None:
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(texts)]
        for start in range(0, len(entries), 10):
            self.client.send_message_batch(QueueUrl=self.url, Entries=entries[start : start + 10])

    def receive(self, wait: int = 0) -> list[dict[str, Any]]:
        """As another consumer would, for a moment."""
        told = self.client.receive_message(
            QueueUrl=self.url, WaitTimeSeconds=wait, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return list(told.get("Messages", ()))

    @property
    def left(self) -> tuple[int, int]:
        """Messages that are to be had, and those that somebody has in hand."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return int(self._told(names[0])), int(self._told(names[1]))

    @property
    def arn(self) -> str:
        return self._told("QueueArn")

    def _told(self, name: str) -> str:
        told = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return str(told["Attributes"][name])


def bounces(number: int) -> list[dict[str, Any]]:
    """Of as many mails, to as many people."""
    return [testing.bounce(message_id=f"m-{n}", to=f"p-{n}@example.com") for n in range(number)]


def wait_until(holds: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)  # each look may cost moto, in this process, two answers
