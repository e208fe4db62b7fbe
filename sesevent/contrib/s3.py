"""Backfill from S3: what Firehose, or anybody, left there under a prefix (extra ``aws``).

Objects are read in the order of their keys, streamed, and received like everything else, so reading one twice
is harmless. What is stored completely gets a bookmark in the store: whoever comes later, in this process or
another, does not read it again. For asyncio run it in a thread with a store of its own.
Next: :mod:`sesevent.sns.pieces`, which cuts an object into payloads.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent.contrib.backfill import PLACES_KEPT, Store
from sesevent.errors import AwsUnavailable, ConfigurationError, MissingExtra, PayloadError, Problem, SesEventError
from sesevent.plans import bulk
from sesevent.plans.in_flight import InFlight
from sesevent.plans.receive import Summary
from sesevent.sns.pieces import may_be_json, pieces, unpacked
from sesevent.sns.trust import VerifiedMessage, trusted

try:
    from sesevent.contrib.aws_errors import RAISED, error_code, made_client, translated
except ImportError:
    raise MissingExtra("Reading from S3", "aws") from None

__all__ = ["Place", "Report", "ingest"]

LOOKED_UP: Final = 500  # bookmarks asked for, or put, at once
READ_AHEAD: Final = 2**20  # bytes
ATTEMPTS: Final = 5  # at going on with an object whose connection broke


class Place(NamedTuple):
    """Where something could not be read."""

    key: str
    line: int
    problem: Problem

    def __str__(self) -> str:
        return f"{self.key}:{self.line}: {self.problem.path}: {self.problem.message}"


@dataclass
class Report:
    """What became of a prefix, so far."""

    summary: Summary = field(default_factory=Summary)
    """What became of what was in the objects."""
    objects: int = 0
    """Objects that were read to their end, and whose events are stored."""
    before: int = 0
    """Objects that were stored completely before, and not read again."""
    foreign: int = 0
    """Objects that hold no JSON: mails, pictures, tables, nothing."""
    failed: int = 0
    """Objects that could not be read, or only in part. They are tried again the next time."""
    bytes: int = 0
    """What all objects that are done weigh, packed as they are."""
    last: str = ""
    """The key up to which everything is done: where another run might go on (*after*)."""
    places: list[Place] = field(default_factory=list)
    """The first hundred places that could not be read."""


def ingest(
    store: Store,
    url: str,
    *,
    since: datetime | None = None,
    after: str = "",
    again: bool = False,
    session: Any = None,
    on_progress: Callable[[Report], object] | None = None,
    batch_size: int = bulk.BATCH,
    **client_options: Any,
) -> Report:
    """Store the events in the objects below *url*, ``s3://bucket/prefix``, in constant memory.

    Takes whatever `sesevent.unwrap` does, one document behind the other, in lines or in lists, gzipped or not. Only
    objects last modified *since* a time are read, only keys behind *after*, and only what no earlier run stored
    completely, unless *again*. *session* is a ``boto3.Session``; *client_options* go to its S3 client.
    *on_progress* is called after each stored batch.

    An object that cannot be read, or only in part, is reported and stops no other; its content stays in S3 and
    becomes no dead letter. Raises AwsError, ConfigurationError or StoreUnavailable where nothing can be done:
    run it again, and it goes on where it was.
    """
    bucket, prefix = _named(url)
    client = made_client("s3", session, service="Amazon S3", prefix="s3", **client_options)
    run = _Run(store, client, bucket, on_progress)
    return run.read(prefix, since, after, again, batch_size)


def _named(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError("That is no place in S3.", hint="It is s3://bucket/prefix.")
    return bucket, prefix


def _translated(error: Exception, doing: str) -> SesEventError:
    return translated(error, doing, service="Amazon S3", prefix="s3")


@dataclass
class _Object:
    key: str
    etag: str
    size: int
    in_flight: int = 0
    ended: bool = False
    foreign: bool = False
    failed: bool = False


class _Run:
    """One walk through a prefix."""

    def __init__(self, store: Store, client: Any, bucket: str, on_progress: Callable[[Report], object] | None) -> None:
        self._store = store
        self._client = client
        self._bucket = bucket
        self._on_progress = on_progress
        self._report = Report()
        self._objects: deque[_Object] = deque()  # read or being read, and not done
        self._in_flight: InFlight[tuple[_Object, int, str]] = InFlight()
        self._marks: dict[str, str] = {}

    def read(self, prefix: str, since: datetime | None, after: str, again: bool, batch_size: int) -> Report:
        wanted = self._wanted(self._listed(prefix, since, after), again)
        items = (item for each in wanted for item in self._received(each))
        self._report.summary = self._store.receive_many(
            items, on_progress=self._stored, batch_size=batch_size, dead_letters=False
        )
        self._put_marks()
        return self._report

    # ── Which objects ──

    def _listed(self, prefix: str, since: datetime | None, after: str) -> Iterator[_Object]:
        """Objects in the order of their keys, page by page."""
        pages = self._client.get_paginator("list_objects_v2")
        where = {"Bucket": self._bucket, "Prefix": prefix} | ({"StartAfter": after} if after else {})
        try:
            for page in pages.paginate(**where):
                for entry in page.get("Contents", ()):
                    if since is None or entry["LastModified"] >= since:
                        yield _Object(entry["Key"], entry["ETag"], entry["Size"])
        except RAISED as error:
            raise _translated(error, "list_objects_v2") from None

    def _wanted(self, listed: Iterable[_Object], again: bool) -> Iterator[_Object]:
        """Those that are not stored completely yet, as they are now."""
        for some in bulk.batches(listed, LOOKED_UP):
            marks = {} if again else self._store.bookmarks.read([self._name(each) for each in some])
            for each in some:
                if marks.get(self._name(each)) == each.etag:
                    self._report.before += 1
                else:
                    yield each

    def _name(self, each: _Object) -> str:
        return f"s3://{self._bucket}/{each.key}"

    # ── What is in them ──

    def _received(self, each: _Object) -> Iterator[VerifiedMessage]:
        self._objects.append(each)
        try:
            with io.BufferedReader(_Body(self._client, self._bucket, each), READ_AHEAD) as body:
                file = unpacked(body)
                each.foreign = not each.size or not may_be_json(file)
                for piece in () if each.foreign else pieces(file):
                    each.in_flight += 1
                    self._in_flight.add((each, piece.before, piece.path))
                    yield trusted(piece.text, because="the operator named the bucket")
        except PayloadError as error:
            self._fail(each, error.problems[0].line or 1, error.problems[0])
        except _Unreadable as error:
            self._fail(each, 1, Problem("$", f"cannot be read ({error})"))
        each.ended = True
        self._advance()

    def _fail(self, each: _Object, line: int, problem: Problem) -> None:
        each.failed = True
        if len(self._report.places) < PLACES_KEPT:
            self._report.places.append(Place(each.key, line, problem))

    # ── What is done ──

    def _stored(self, summary: Summary) -> None:
        self._report.summary = summary
        settled = self._in_flight.settle(summary)
        for (each, before, path), problem in settled.problems:
            placed = problem._replace(path=path + problem.path[1:])
            self._fail(each, before + (problem.line or 1), placed)
        for each, _, _ in settled.failed:
            each.failed = True
        for each, _, _ in settled.things:
            each.in_flight -= 1
        self._advance()
        self._put_marks()
        if self._on_progress is not None:
            self._on_progress(self._report)

    def _advance(self) -> None:
        """Leave objects behind that are done, in the order of their keys."""
        while self._objects and self._objects[0].ended and not self._objects[0].in_flight:
            each = self._objects.popleft()
            self._report.last = each.key
            self._report.bytes += each.size
            self._report.failed += each.failed
            self._report.foreign += each.foreign
            self._report.objects += not (each.failed or each.foreign)
            if not each.failed:
                self._marks[self._name(each)] = each.etag
        if len(self._marks) >= LOOKED_UP:
            self._put_marks()

    def _put_marks(self) -> None:
        self._store.bookmarks.write(self._marks)
        self._marks = {}


class _Unreadable(Exception):
    """S3 does not hand out this object: it is gone, changed, archived, or not ours to read."""


class _Body(io.RawIOBase):
    """An object's bytes. Where the connection breaks it goes on from there, as long as the object is the same."""

    def __init__(self, client: Any, bucket: str, each: _Object) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": each.key, "IfMatch": each.etag}
        self._size = each.size
        self._place = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._read(len(buffer)) if self._place < self._size else b""
        buffer[: len(chunk)] = chunk
        self._place += len(chunk)
        return len(chunk)

    def _read(self, size: int) -> bytes:
        failed: SesEventError | None = None
        for _ in range(ATTEMPTS):
            try:
                return bytes(self._opened().read(size))
            except RAISED as error:  # noqa: PERF203  # that is what it is tried again for
                self._drop()
                failed = _translated(error, "get_object")
                if error_code(error) and not isinstance(failed, AwsUnavailable):
                    raise _Unreadable(error_code(error)) from None
        raise failed or ValueError("there are attempts")

    def close(self) -> None:
        self._drop()
        super().close()

    def _opened(self) -> Any:
        if self._body is None:
            there = {"Range": f"bytes={self._place}-"} if self._place else {}
            self._body = self._client.get_object(**self._where, **there)["Body"]
        return self._body

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
