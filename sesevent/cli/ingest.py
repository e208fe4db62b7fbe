"""``ingest``: store the events in files, below a prefix in S3, in a Kinesis stream."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.files import pieces_of, report
from sesevent.cli.output import for_people, note, print_counts, print_json, progress
from sesevent.errors import ConfigurationError
from sesevent.plans.in_flight import InFlight
from sesevent.sns.trust import VerifiedMessage, trusted

if TYPE_CHECKING:
    from sesevent.contrib import kinesis, s3
    from sesevent.plans.receive import Summary
    from sesevent.sync import EventStore

Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCES…", help="Files, - for standard input, s3://BUCKET/PREFIX, kinesis://STREAM."),
]
Since = Annotated[
    str | None, typer.Option(help="S3: only objects changed since; Kinesis: only records since. A date, or 7d.")
]
Told = Callable[..., object]


def ingest(
    sources: Sources,
    since: Since = None,
    after: Annotated[str, typer.Option(help="S3: only keys behind this one.", show_default=False)] = "",
    again: Annotated[bool, typer.Option("--again", help="Read also what an earlier run stored completely.")] = False,
    region: Annotated[str | None, typer.Option(help="AWS region; by default as boto3 is configured.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Where to find S3 or Kinesis, if not at AWS.")] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Store the events in files, S3 or Kinesis; what is stored already stays as it is. Interrupted, run it again."""
    files = [source for source in sources if not _remote(source)]
    aws: dict[str, Any] = {"since": options.moment(since), "again": again}
    aws |= {"region_name": region, "endpoint_url": endpoint_url}
    if len(files) == len(sources) and (any(aws.values()) or after):
        raise ConfigurationError("Those options are for s3:// and kinesis://.")
    counts: Counter[str] = Counter()
    with options.opened_store(uri, database, collection, timeout) as store, progress("stored") as told:
        if files:
            counts.update(_of_files(store, files, told))
        for source in sources:
            if source.startswith("s3://"):
                counts.update(_of_s3(store, source, told, json, after=after, **aws))
            elif source.startswith("kinesis://"):
                counts.update(_of_kinesis(store, source, told, json, **aws))
    print_counts(counts, as_json=json)
    raise typer.Exit(1 if counts["failed"] else 0)


def _remote(source: str) -> bool:
    return source.startswith(("s3://", "kinesis://"))


def _counts(summary: Summary, failed: int) -> dict[str, int]:
    return {
        "events": summary.events, "fresh": summary.fresh, "duplicates": summary.duplicates,
        "skipped": summary.skipped, "failed": failed,
    }  # fmt: skip


# ── Files ──


def _of_files(store: EventStore, files: Sequence[str], told: Told) -> dict[str, int]:
    unread: list[str] = []
    in_flight: InFlight[tuple[str, int, str]] = InFlight()

    def stored(so_far: Summary) -> None:
        for (name, before, path), problem in in_flight.settle(so_far).problems:
            report(name, problem._replace(path=path + problem.path[1:]), before)
        told(so_far.events)

    summary = store.receive_many(_pieces(files, unread, in_flight), on_progress=stored, dead_letters=False)
    _tell_of_more(summary.failed, len(summary.problems))
    return _counts(summary, summary.failed + len(unread))


def _pieces(
    files: Iterable[str], unread: list[str], in_flight: InFlight[tuple[str, int, str]]
) -> Iterator[VerifiedMessage]:
    for name in files:
        for piece in pieces_of(name, unread):
            in_flight.add((name, piece.before, piece.path))
            yield trusted(piece.text, because="the operator named the file")


def _tell_of_more(failed: int, told: int) -> None:
    if failed > told:
        note(f"… and more: {failed} things could not be read")


# ── AWS ──


def _of_s3(store: EventStore, source: str, told: Told, json: bool, **settings: Any) -> dict[str, int]:
    from sesevent.contrib.s3 import ingest

    def stored(so_far: s3.Report) -> None:
        label = f"{so_far.objects:,} objects, {so_far.bytes / 2**20:,.1f} MiB; stored"
        told(so_far.summary.events, label)
        row = {"objects": so_far.objects, "bytes": so_far.bytes, "events": so_far.summary.events, "last": so_far.last}
        _tell(source, row, json)

    done = ingest(store, source, on_progress=stored, **settings)
    for place in done.places:
        note(f"{source.split('/')[2]}/{place}")
    _tell_of_more(done.summary.failed, len(done.places))
    objects = {"objects": done.objects, "stored_before": done.before, "foreign": done.foreign, "bytes": done.bytes}
    return objects | _counts(done.summary, done.failed)


def _of_kinesis(store: EventStore, source: str, told: Told, json: bool, **settings: Any) -> dict[str, int]:
    from sesevent.contrib.kinesis import ingest

    def stored(so_far: kinesis.Report) -> None:
        told(so_far.summary.events, f"{so_far.shards:,} shards; stored")
        _tell(source, {"shards": so_far.shards, "events": so_far.summary.events}, json)

    done = ingest(store, source, on_progress=stored, **settings)
    for place in done.places:
        note(f"{source}: {place}")
    _tell_of_more(done.summary.failed, len(done.places))
    return {"shards": done.shards} | _counts(done.summary, done.summary.failed)


def _tell(source: str, row: dict[str, Any], json: bool) -> None:
    """How far it is, for a program that reads along; a person sees the progress."""
    if not for_people(json):
        print_json({"source": source} | row)
        sys.stdout.flush()
