"""Backfill from S3: real boto3 against moto's server, a real MongoDB, processes that are killed."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import encrypted
from payloads import payload
from sesevent import AwsUnavailable, ConfigurationError, EventStore, testing
from sesevent.testing.stream import stream

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ResponseStreamingError  # noqa: E402

from sesevent.contrib.s3 import Report, ingest  # noqa: E402

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


def sends(first: int, count: int) -> list[dict[str, Any]]:
    return [payload("Send", message_id=f"m-{n:05}") for n in range(first, first + count)]


def lines(events: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def joined(events: list[dict[str, Any]]) -> bytes:
    """As Firehose leaves them."""
    return "".join(map(json.dumps, events)).encode()


class Bucket:
    """A bucket of the test's own, and the requests that a client makes to it."""

    def __init__(self, url: str) -> None:
        self.name = f"b-{uuid.uuid4().hex[:12]}"
        self.settings: dict[str, Any] = {"endpoint_url": url} | KEYS
        self._client = boto3.client("s3", **self.settings)
        self._client.create_bucket(Bucket=self.name)
        self.got: list[str] = []
        """The keys of the objects that were read."""

    def put(self, **objects: bytes) -> None:
        for key, body in objects.items():
            self._client.put_object(Bucket=self.name, Key=key.replace("__", "/").replace("_", "."), Body=body)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)

    def session(self, **hooks: Callable[..., Any]) -> Any:
        """A boto3.Session whose calls are noted."""
        session = boto3.Session()

        def noted(params: dict[str, Any], **_: Any) -> None:
            self.got.append(params["Key"])

        session.events.register("provide-client-params.s3.GetObject", noted)
        for name, hook in hooks.items():
            session.events.register(f"{name.replace('_', '-')}.s3.GetObject", hook)
        return session

    def ingest(self, store: Any, prefix: str = "", **settings: Any) -> Report:
        self.got.clear()
        session = settings.pop("session", None) or self.session()
        return ingest(store, f"s3://{self.name}/{prefix}", session=session, **self.settings, **settings)


@pytest.fixture
def bucket(moto_url: str) -> Iterator[Bucket]:
    return Bucket(moto_url)


def test_whatever_was_left_in_s3_is_stored(bucket: Bucket, store: EventStore, rows: Any) -> None:
    """Lines, one behind the other, a list, notifications, Firehose's failures; packed or not, by content."""
    notified = [testing.notification(event) for event in sends(1500, 500)]
    failed = {
        "attemptsMade": 4,
        "errorCode": "Lambda.FunctionError",
        "rawData": "eyJldmVudFR5cGUiOiAiU2VuZCIsICJtYWlsIjoge319",
    }
    bucket.put(
        a__1_gz=gzip.compress(lines(sends(0, 500))),
        a__2=joined(sends(500, 500)),
        a__3_gz=joined(sends(1000, 250)),
        a__4=gzip.compress(json.dumps(sends(1250, 250)).encode()),
        a__5_jsonl=lines(notified),
        a__6=json.dumps(failed).encode(),
        b__1=lines(sends(9000, 1)),
    )
    report = bucket.ingest(store, "a/")

    assert (report.objects, report.failed, report.foreign, report.places) == (6, 0, 0, [])
    assert (report.summary.events, report.summary.fresh, report.last) == (2001, 2001, "a/6")
    assert {row["MessageId"] for row in rows.find()} >= {f"m-{n:05}" for n in range(2000)}
    assert report.bytes == sum(
        entry["Size"] for entry in bucket._client.list_objects_v2(Bucket=bucket.name, Prefix="a/")["Contents"]
    )


def test_what_is_foreign_is_skipped_and_what_is_broken_is_told_with_its_line(
    bucket: Bucket, store: EventStore, rows: Any
) -> None:
    """Neither stops the others, nor becomes a dead letter: it stays where it is."""
    good = [json.dumps(event) for event in sends(0, 4)]
    bucket.put(
        a__1=f"{good[0]}\n{{oops\n{good[1]}\n".encode(),
        a__2_eml=b"Return-Path: <ann@example.com>\r\nSubject: hello\r\n\r\nhi",
        a__3_gz=gzip.compress(lines(sends(10, 2000)))[:-20],
        a__4=b"",
        a__5=(good[2] + "{\"eventType\": 1}" + good[3]).encode(),
        a__6=json.dumps({"Records": [{"eventSource": "aws:s3"}]}).encode(),
    )  # fmt: skip
    report = bucket.ingest(store, "a/")

    assert sorted(str(place)[:16] for place in report.places) == [
        "a/1:2: $: is not",
        "a/3.gz:1998: $: ",
        "a/5:1: $[1]: is ",
    ]
    assert (report.objects, report.foreign, report.failed, report.summary.skipped) == (1, 2, 3, 1)
    assert {f"m-{n:05}" for n in range(4)} <= {row["MessageId"] for row in rows.find()}
    assert store.dead_letters.count() == 0


def test_what_is_stored_completely_is_not_read_again(bucket: Bucket, store: EventStore) -> None:
    """What was broken is, and what changed; with *again* everything is. Nothing is stored twice."""
    bucket.put(a__1=lines(sends(0, 10)), a__2=lines(sends(10, 10)) + b"{oops", a__3=joined(sends(20, 10)), a__4=b"x,y")
    first = bucket.ingest(store, "a/")
    bucket.put(
        a__0=lines(sends(30, 5)), a__2=lines(sends(10, 10) + sends(40, 1)), a__3=joined(sends(20, 10) + sends(50, 1))
    )
    second = bucket.ingest(store, "a/")
    read = sorted(set(bucket.got))

    assert (first.summary.fresh, first.before) == (30, 0)
    assert (read, second.before, second.summary.fresh) == (["a/0", "a/2", "a/3"], 2, 5 + 1 + 1)
    assert bucket.ingest(store, "a/").before == 5
    assert bucket.got == []
    again = bucket.ingest(store, "a/", again=True)
    assert (again.before, again.objects, again.summary.fresh, again.summary.events) == (0, 4, 0, 37)


def test_another_collection_has_bookmarks_of_its_own(
    bucket: Bucket, store: EventStore, mongodb_uri: str, database: str
) -> None:
    """Or it would stay empty."""
    bucket.put(a__1=lines(sends(0, 10)))
    bucket.ingest(store, "a/")
    with EventStore.connect(mongodb_uri, database=database, collection="ses_events", **encrypted()) as other:
        assert bucket.ingest(other, "a/").summary.fresh == 10


def test_only_keys_behind_one_and_objects_since_a_time_are_read(bucket: Bucket, store: EventStore) -> None:
    """By S3's own order and time."""
    bucket.put(**{f"a__{n}": lines(sends(n, 1)) for n in range(5)})
    now = datetime.now(timezone.utc)

    assert bucket.ingest(store, "a/", since=now + timedelta(hours=1)).last == ""
    assert bucket.ingest(store, "a/", after="a/2").objects == 2
    assert bucket.got == ["a/3", "a/4"]
    assert bucket.ingest(store, "a/", since=now - timedelta(hours=1)).objects == 3


def test_where_the_connection_breaks_it_goes_on_from_there(bucket: Bucket, store: EventStore) -> None:
    """Not from the beginning; and not with another version of the object."""
    bucket.put(a__1=lines(sends(0, 5000)))
    ranges: list[str | None] = []

    def broken(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Body"] = _Breaking(parsed["Body"], 300_000)

    def asked(params: dict[str, Any], **_: Any) -> None:
        ranges.append(params["headers"].get("Range"))

    session = bucket.session(after_call=broken, before_call=lambda params, **_: asked(params))
    report = bucket.ingest(store, "a/", session=session)

    assert (report.summary.fresh, report.failed) == (5000, 0)
    assert ranges[0] is None
    assert ranges[1:3] == ["bytes=300000-", "bytes=600000-"]


class _Breaking:
    """A body whose connection breaks after so many bytes."""

    def __init__(self, body: Any, left: int) -> None:
        self._body, self._left = body, left

    def read(self, size: int) -> bytes:
        if not self._left:
            raise ResponseStreamingError(error="broken")
        chunk: bytes = self._body.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._body.close()


def test_an_object_that_is_gone_when_it_is_wanted_stops_no_other(bucket: Bucket, store: EventStore) -> None:
    """Deleted by a lifecycle rule meanwhile, archived, or not ours to read."""
    bucket.put(a__1=lines(sends(0, 1)), a__2=lines(sends(1, 1)), a__3=lines(sends(2, 1)))

    def lose(params: dict[str, Any], **_: Any) -> None:
        if params["Key"] == "a/2":
            bucket.delete("a/2")

    report = bucket.ingest(store, "a/", session=bucket.session(provide_client_params=lose))

    assert (report.objects, report.failed) == (2, 1)
    assert "NoSuchKey" in str(report.places[0])


def test_what_cannot_be_done_is_told(bucket: Bucket, store: EventStore) -> None:
    """A URL that is none, a bucket that is not there, a service that cannot be reached."""
    for url in ("s3://", "http://bucket/", "s3:/b"):
        with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
            ingest(store, url)
    with pytest.raises(Exception, match="NoSuchBucket"):
        ingest(store, "s3://not-there/", **bucket.settings)
    with pytest.raises(AwsUnavailable):
        ingest(store, "s3://b/", **(bucket.settings | {"endpoint_url": "http://127.0.0.1:1"}))


def test_memory_does_not_grow_with_an_object(bucket: Bucket, store: EventStore) -> None:
    """60 MB without a line end, packed: at no time is more than a few batches of it there."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for event in sends(0, 3000):
            event["mail"]["commonHeaders"]["padding"] = "x" * 20_000
            file.write(json.dumps(event).encode())
    bucket.put(a__1=packed.getvalue())
    bucket.ingest(store, "nothing/")  # what is loaded at first use
    tracemalloc.start()
    try:
        report = bucket.ingest(store, "a/", batch_size=50)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert report.summary.fresh == 3000
    assert peak < 30 * 2**20


@pytest.fixture
def full(bucket: Bucket) -> tuple[Bucket, set[str]]:
    """A bucket of twelve objects of every layout with thousands of events, one of them broken; and their mails."""
    events = [json.loads(notice["Message"]) for notice in stream(6000, seed=3)]
    parts = [events[n::12] for n in range(12)]
    layouts: list[Callable[[list[Any]], bytes]] = [lines, joined, lambda part: gzip.compress(lines(part))]
    bucket.put(**{f"in__{n:02}": layouts[n % 3](part) for n, part in enumerate(parts)})
    bucket.put(in__07b=lines(sends(0, 5)) + b"{oops\n")
    return bucket, {event["mail"]["messageId"] for event in events} | {f"m-{n:05}" for n in range(5)}


def test_a_command_that_was_killed_goes_on_where_it_was(
    full: tuple[Bucket, set[str]], ingest_by_command: Callable[..., subprocess.Popen[str]], rows: Any
) -> None:
    """kill -9 after some batches; the next run leaves out what was stored completely, and the rest follows."""
    bucket, mails = full
    with ingest_by_command(f"s3://{bucket.name}/in/") as killed:
        assert killed.stdout is not None
        so_far = [json.loads(killed.stdout.readline()) for _ in range(2)][-1]
        killed.kill()
        killed.communicate()
    before = rows.count_documents({})
    second = ingest_by_command(f"s3://{bucket.name}/in/")
    told, problems = second.communicate(timeout=60)
    done = json.loads(told.splitlines()[-1])

    assert so_far["objects"] > 0
    assert done["stored_before"] >= so_far["objects"]
    assert (done["stored_before"] + done["objects"], done["failed"], second.returncode) == (12, 1, 1)
    assert before < rows.count_documents({})
    assert f"{bucket.name}/in/07b:6: $: is not JSON" in problems
    assert {row["MessageId"] for row in rows.find({}, {"MessageId": 1})} == mails


@pytest.mark.in_clear("its commands are told no key")
def test_two_commands_at_once_store_everything_once(
    full: tuple[Bucket, set[str]], ingest_by_command: Callable[..., subprocess.Popen[str]], rows: Any, store: EventStore
) -> None:
    """Fresh is each event for one of them."""
    bucket, mails = full
    both = [ingest_by_command(f"s3://{bucket.name}/in/") for _ in range(2)]
    fresh = [json.loads(each.communicate(timeout=100)[0].splitlines()[-1])["fresh"] for each in both]

    assert sum(fresh) == rows.count_documents({})
    assert {row["MessageId"] for row in rows.find({}, {"MessageId": 1})} == mails
    assert bucket.ingest(store, "in/").before == 12
