"""Backfill from Kinesis: real boto3 against moto's server, a real MongoDB, a process that is killed."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from payloads import payload
from sesevent import AwsError, ConfigurationError, EventStore

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402

from sesevent.contrib import kinesis  # noqa: E402
from sesevent.contrib.kinesis import Report, _parents_first, ingest  # noqa: E402

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


class Stream:
    """A stream of the test's own, of two shards."""

    def __init__(self, url: str) -> None:
        self.name = f"s-{uuid.uuid4().hex[:12]}"
        self.settings: dict[str, Any] = {"endpoint_url": url} | KEYS
        self.client = boto3.client("kinesis", **self.settings)
        self.create()
        self.asked: list[dict[str, Any]] = []
        """The iterators that were asked for."""

    def create(self) -> None:
        self.client.create_stream(StreamName=self.name, ShardCount=2)
        self.client.get_waiter("stream_exists").wait(StreamName=self.name, WaiterConfig={"Delay": 1})

    def put(self, first: int, count: int) -> None:
        for start in range(first, first + count, 250):
            events = [payload("Send", message_id=f"m-{n:05}") for n in range(start, min(start + 250, first + count))]
            records = [{"Data": json.dumps(event).encode(), "PartitionKey": str(n)} for n, event in enumerate(events)]
            self.client.put_records(StreamName=self.name, Records=records)

    def split(self) -> None:
        shard = self.client.list_shards(StreamName=self.name)["Shards"][0]
        low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        self.client.split_shard(
            StreamName=self.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2)
        )

    def ingest(self, store: Any, **settings: Any) -> Report:
        session = boto3.Session()
        self.asked.clear()

        def noted(params: dict[str, Any], **_: Any) -> None:
            self.asked.append(params)

        session.events.register("provide-client-params.kinesis.GetShardIterator", noted)
        for name, hook in settings.pop("hooks", {}).items():
            session.events.register(name, hook)
        return ingest(store, f"kinesis://{self.name}", session=session, **self.settings, **settings)


@pytest.fixture
def stream(moto_url: str) -> Stream:
    return Stream(moto_url)


def mails(rows: Any) -> list[str]:
    return sorted(row["MessageId"] for row in rows.find({}, {"MessageId": 1}))


def test_everything_a_stream_holds_is_stored_and_then_only_what_is_new(
    stream: Stream, store: EventStore, rows: Any
) -> None:
    """From the oldest record to the tip of each shard; then behind the bookmark of each; or all *again*."""
    stream.put(0, 1500)
    first = stream.ingest(store, batch_size=200)
    stream.put(1500, 100)
    second = stream.ingest(store)
    kinds = {asked["ShardIteratorType"] for asked in stream.asked}

    assert (first.shards, first.summary.fresh) == (2, 1500)
    assert (second.summary.items, second.summary.fresh, kinds) == (100, 100, {"AFTER_SEQUENCE_NUMBER"})
    assert mails(rows) == [f"m-{n:05}" for n in range(1600)]
    again = stream.ingest(store, again=True).summary
    assert (again.items, again.fresh) == (1600, 0)


def test_shards_that_were_split_are_read_after_their_parents(stream: Stream, store: EventStore, rows: Any) -> None:
    """What was put before and behind the split, each once."""
    stream.put(0, 300)
    stream.split()
    stream.put(300, 300)
    report = stream.ingest(store)

    assert (report.shards, report.summary.items, report.summary.fresh) == (4, 600, 600)
    order = [asked["ShardId"] for asked in stream.asked]
    assert order.index("shardId-000000000000") < order.index("shardId-000000000002")
    stream.put(600, 50)
    assert stream.ingest(store).summary.items == 50


def test_a_shard_that_is_split_while_it_is_read_is_followed(stream: Stream, store: EventStore, rows: Any) -> None:
    """Its children are read too."""
    stream.put(0, 300)

    def split(_: Any) -> None:
        if not stream.asked[2:]:
            stream.split()
            stream.put(300, 300)

    stream.ingest(store, on_progress=split, batch_size=10_000)
    stream.ingest(store)

    assert mails(rows) == [f"m-{n:05}" for n in range(600)]


def test_parents_come_first_also_over_generations() -> None:
    """Whatever order the shards are listed in; a parent that is no longer listed is not waited for."""
    shards = [
        {"ShardId": "d", "ParentShardId": "b", "AdjacentParentShardId": "c"},
        {"ShardId": "c", "ParentShardId": "a"},
        {"ShardId": "b", "ParentShardId": "a"},
        {"ShardId": "a", "ParentShardId": "gone"},
    ]

    assert [shard["ShardId"] for shard in _parents_first(shards)] == ["a", "c", "b", "d"]


def test_a_first_run_may_begin_at_a_time(stream: Stream, store: EventStore, rows: Any) -> None:
    """What arrived before is left out."""
    stream.put(0, 20)
    time.sleep(1.1)  # moto keeps arrival to the second
    since = datetime.now(timezone.utc)
    stream.put(20, 20)
    stream.ingest(store, since=since)

    assert mails(rows) == [f"m-{n:05}" for n in range(20, 40)]
    assert stream.ingest(store, since=since + timedelta(hours=1)).summary.items == 0


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_stops_no_other(stream: Stream, store: EventStore) -> None:
    """A stream forgets, so its bytes are kept; it is told by shard and sequence number."""
    stream.put(0, 5)
    told = stream.client.put_record(StreamName=stream.name, Data=b"{oops", PartitionKey="1")
    stream.put(5, 5)
    report = stream.ingest(store)

    assert str(report.places[0]).startswith(f"{told['ShardId']}:{told['SequenceNumber']}: $: is not JSON")
    assert (report.summary.events, report.summary.failed, store.dead_letters.count()) == (10, 1, 1)
    assert stream.ingest(store).summary.items == 0


def test_a_stream_of_the_same_name_is_another(stream: Stream, store: EventStore, rows: Any) -> None:
    """Its records are read from the oldest."""
    stream.put(0, 5)
    stream.ingest(store)
    stream.client.delete_stream(StreamName=stream.name)
    time.sleep(1.1)  # moto keeps the creation to the second
    stream.create()
    stream.put(5, 5)
    stream.ingest(store)

    assert mails(rows) == [f"m-{n:05}" for n in range(10)]


def test_an_iterator_that_expired_is_made_anew_behind_what_was_read(
    stream: Stream, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the store took longer than its five minutes. moto's do not expire: the answer is made up on its way."""
    stream.put(0, 40)
    calls = iter(range(1000))

    def expire(params: Any, **_: Any) -> None:
        if next(calls) == 1:
            raise ClientError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")

    monkeypatch.setattr(kinesis, "PAGE", 10)
    report = stream.ingest(store, hooks={"before-call.kinesis.GetRecords": expire})

    assert (report.summary.items, report.summary.fresh) == (40, 40)
    assert "AFTER_SEQUENCE_NUMBER" in {asked["ShardIteratorType"] for asked in stream.asked}


def test_what_cannot_be_done_is_told(stream: Stream, store: EventStore) -> None:
    """A URL that is none, and a stream that is not there."""
    with pytest.raises(ConfigurationError, match="kinesis://name"):
        ingest(store, "kinesis:/name")
    with pytest.raises(AwsError, match="ResourceNotFound"):
        ingest(store, "kinesis://not-there", **stream.settings)


def test_a_command_that_was_killed_goes_on_where_it_was(
    stream: Stream, ingest_by_command: Callable[..., subprocess.Popen[str]], rows: Any
) -> None:
    """kill -9 after some batches; the next run reads what is left."""
    stream.put(0, 4000)
    with ingest_by_command(f"kinesis://{stream.name}") as killed:
        assert killed.stdout is not None
        so_far = json.loads(killed.stdout.readline())
        killed.kill()
        killed.communicate()
    second = ingest_by_command(f"kinesis://{stream.name}")
    done = json.loads(second.communicate(timeout=60)[0].splitlines()[-1])

    assert so_far["events"] == 1000
    assert done["events"] <= 3000
    assert (done["shards"], done["failed"], second.returncode) == (2, 0, 0)
    assert mails(rows) == [f"m-{n:05}" for n in range(4000)]
