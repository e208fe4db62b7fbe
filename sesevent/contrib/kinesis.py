"""Backfill from a Kinesis data stream: everything it still holds, shard by shard (extra ``aws``).

What was stored of a shard gets a bookmark in the store, so that another run goes on there. A shard is read after
those it was split or merged from. It ends at the tip of the stream: what comes in all the time is for a Lambda
function (:mod:`sesevent.contrib.aws_lambda`) or Firehose. For asyncio run it in a thread with a store of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent.contrib.backfill import PLACES_KEPT, Store
from sesevent.errors import ConfigurationError, MissingExtra, Problem, SesEventError
from sesevent.plans import bulk
from sesevent.plans.in_flight import InFlight
from sesevent.plans.receive import Summary
from sesevent.sns.trust import VerifiedMessage, trusted

try:
    from botocore.config import Config

    from sesevent.contrib.aws_errors import RAISED, error_code, made_client, translated
except ImportError:
    raise MissingExtra("Reading from Kinesis", "aws") from None

__all__ = ["Place", "Report", "ingest"]

PAGE: Final = 10_000  # records; the most that Kinesis hands out at once
PAUSE: Final = 0.2  # seconds; a shard may be asked five times a second
_PATIENT: Final = Config(retries={"mode": "standard", "total_max_attempts": 10})


class Place(NamedTuple):
    """Where something could not be read: it is a dead letter now."""

    shard: str
    sequence_number: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.shard}:{self.sequence_number}: {self.problem.path}: {self.problem.message}"


@dataclass
class Report:
    """What became of a stream, so far."""

    summary: Summary = field(default_factory=Summary)
    """What became of its records."""
    shards: int = 0
    """Shards that were read to their end, or to the tip."""
    places: list[Place] = field(default_factory=list)
    """The first hundred records that could not be read."""


def ingest(
    store: Store,
    url: str,
    *,
    since: datetime | None = None,
    again: bool = False,
    session: Any = None,
    on_progress: Callable[[Report], object] | None = None,
    batch_size: int = bulk.BATCH,
    sleep: Callable[[float], object] = time.sleep,
    **client_options: Any,
) -> Report:
    """Store the events in the stream *url*, ``kinesis://name``, from its oldest record to its tip, in constant memory.

    Where an earlier run has been it goes on, unless *again*; else it begins *since* a time, if one is given.
    *session* is a ``boto3.Session``; *client_options* go to its Kinesis client. *on_progress* is called after each
    stored batch. A record that cannot be read is a dead letter and stops no other: a stream forgets.

    Raises AwsError, ConfigurationError or StoreUnavailable where nothing can be done: run it again, and it goes
    on where it was.
    """
    scheme, _, name = url.partition("://")
    if scheme != "kinesis" or not name:
        raise ConfigurationError("That is no Kinesis stream.", hint="It is kinesis://name.")
    config = _PATIENT.merge(client_options.pop("config")) if client_options.get("config") else _PATIENT
    client = made_client(
        "kinesis", session, service="Amazon Kinesis", prefix="kinesis", config=config, **client_options
    )
    return _Run(store, client, name, on_progress, sleep).read(since, again, batch_size)


def _translated(error: Exception, doing: str) -> SesEventError:
    return translated(error, doing, service="Amazon Kinesis", prefix="kinesis")


class _Run:
    """One walk through a stream."""

    def __init__(
        self,
        store: Store,
        client: Any,
        stream: str,
        on_progress: Callable[[Report], object] | None,
        sleep: Callable[[float], object],
    ) -> None:
        self._store = store
        self._client = client
        self._arn = ""
        self._stream = stream
        self._on_progress = on_progress
        self._sleep = sleep
        self._report = Report()
        self._in_flight: InFlight[tuple[str, str]] = InFlight()

    def read(self, since: datetime | None, again: bool, batch_size: int) -> Report:
        # Of two streams that had the same name one after the other, each has bookmarks of its own.
        told = self._call("describe_stream_summary", StreamName=self._stream)["StreamDescriptionSummary"]
        self._arn = f"{told['StreamARN']} {told['StreamCreationTimestamp']:%Y-%m-%dT%H:%M:%S}"
        items = self._received(since, again)
        self._report.summary = self._store.receive_many(items, on_progress=self._stored, batch_size=batch_size)
        return self._report

    def _received(self, since: datetime | None, again: bool) -> Iterator[VerifiedMessage]:
        done: set[str] = set()
        while waiting := [shard for shard in self._shards() if shard["ShardId"] not in done]:  # may be split meanwhile
            for shard in _parents_first(waiting):
                yield from self._records(shard["ShardId"], since, again)
                done.add(shard["ShardId"])
                self._report.shards += 1

    def _shards(self) -> Iterator[dict[str, Any]]:
        where = {"StreamName": self._stream}
        while where:
            page = self._call("list_shards", **where)
            yield from page["Shards"]
            where = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}

    def _records(self, shard: str, since: datetime | None, again: bool) -> Iterator[VerifiedMessage]:
        """What a shard holds, to its end or to the tip."""
        last = "" if again else self._store.bookmarks.read([self._name(shard)]).get(self._name(shard), "")
        iterator: str | None = self._iterator(shard, last, since)
        while iterator:
            try:
                page = self._call("get_records", ShardIterator=iterator, Limit=PAGE)
            except _Expired:  # the store took longer than the five minutes that an iterator holds
                iterator = self._iterator(shard, last, since)
                continue
            for record in page["Records"]:
                last = record["SequenceNumber"]
                self._in_flight.add((shard, last))
                yield trusted(record["Data"], because="the operator named the stream")
            at_the_tip = not page.get("MillisBehindLatest") and len(page["Records"]) < PAGE
            iterator = None if at_the_tip else page.get("NextShardIterator")
            if iterator and not page["Records"]:
                self._sleep(PAUSE)

    def _iterator(self, shard: str, last: str, since: datetime | None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if last:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last}
        elif since is not None:
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        told = self._call("get_shard_iterator", StreamName=self._stream, ShardId=shard, **where)
        return str(told["ShardIterator"])

    def _name(self, shard: str) -> str:
        return f"{self._arn} {shard}"

    def _stored(self, summary: Summary) -> None:
        self._report.summary = summary
        settled = self._in_flight.settle(summary)
        left = PLACES_KEPT - len(self._report.places)
        self._report.places += [Place(*record, problem) for record, problem in settled.problems[:left]]
        self._store.bookmarks.write({self._name(shard): last for shard, last in settled.things})
        if self._on_progress is not None:
            self._on_progress(self._report)

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request)
        except RAISED as error:
            if error_code(error) == "ExpiredIteratorException":
                raise _Expired from None
            raise _translated(error, operation) from None


class _Expired(Exception):
    """A shard's iterator is too old."""


def _parents_first(shards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each shard behind those it was split or merged from, where they are among them."""
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    waiting = {shard["ShardId"]: shard for shard in shards}
    while waiting:
        ready = [shard for shard in waiting.values() if not _parents(shard) & waiting.keys()]
        for shard in ready:
            yield waiting.pop(shard["ShardId"])


def _parents(shard: dict[str, Any]) -> set[str]:
    return {shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if shard.get(name)}
