"""Old events, kept elsewhere: ``sesevent archive …``."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_counts, print_rows, progress
from sesevent.retention import read_age

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesevent.contrib.archive import Archive
    from sesevent.sync import EventStore

__all__ = ["app", "archive_of", "opened_archive"]

app = typer.Typer(help="Old events, kept as Parquet in a directory or S3.", no_args_is_help=True)

Place = Annotated[str, typer.Argument(metavar="DIRECTORY|s3://BUCKET/PREFIX", help="Where the archive is.")]
Since = Annotated[str | None, typer.Option(help="From this day on: a date, or 30d.", show_default=False)]
Until = Annotated[str | None, typer.Option(help="Up to this day, included.", show_default=False)]
Kind = Annotated[str, typer.Option(help="parquet, or ndjson for gzipped lines of MongoDB's Extended JSON.")]


@contextmanager
def opened_archive(
    place: str,
    region: str | None,
    endpoint_url: str | None,
    uri: str | None,
    database: str | None,
    collection: str,
    timeout: float,
    kind: str = "parquet",
    by: str = "",
) -> Iterator[Archive]:
    """The archive at a place, of the store the options name."""
    with options.opened_store(uri, database, collection, timeout) as store:
        yield archive_of(store, place, region, endpoint_url, kind=kind, by=by)


def archive_of(
    store: EventStore, place: str, region: str | None, endpoint_url: str | None, *, kind: str = "parquet", by: str
) -> Archive:
    """The archive of a store at a place."""
    from sesevent.contrib.archive import Archive, place_at

    named = {"region_name": region, "endpoint_url": endpoint_url}
    there = place_at(place, **{name: value for name, value in named.items() if value is not None})
    return Archive(store, there, kind=kind, by=by)


@app.command()
def run(
    place: Place,
    older_than: Annotated[str, typer.Option(help="Events of such an age: 90 days, 13 months, 2 years.")],
    types: options.Types = None,
    configuration_sets: Annotated[
        list[str] | None, typer.Option("--configuration-set", help="May be repeated.", show_default=False)
    ] = None,
    kind: Kind = "parquet",
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Archive old events, compare what is in the archive with the database, and delete them there.

    It may be interrupted or killed, and any number may run at once: run it again, and it goes on.
    """
    from sesevent.storage.keeping import Chosen

    before = read_age(older_than).before(datetime.now(timezone.utc))
    chosen = Chosen(tuple(types or ()), tuple(configuration_sets or ()))
    who = options.author(by)
    with (
        opened_archive(place, region, endpoint_url, uri, database, collection, timeout, kind, who) as archive,
        progress("events archived") as told,
    ):
        done = archive.run(before, chosen=chosen, on_progress=lambda so_far: told(so_far.deleted))
    told_of = ("parts", "events", "size", "repeats", "deleted", "left")
    print_counts({name: getattr(done, name) for name in told_of}, as_json=json)


@app.command("list")
def list_(
    place: Place,
    since: Since = None,
    until: Until = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell which days are archived, and in which parts."""
    with opened_archive(place, region, endpoint_url, uri, database, collection, timeout) as archive:
        parts = archive.parts(options.moment(since), options.moment(until))
        names = ("day", "number", "kind", "rows", "size", "first_at", "last_at", "data", "sha256")
        print_rows(({name: getattr(part, name) for name in names} for part in parts), as_json=json)


@app.command()
def verify(
    place: Place,
    since: Since = None,
    until: Until = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Fetch and read every part, and compare it with its manifest. Exit code 1 where something is wrong."""
    with (
        opened_archive(place, region, endpoint_url, uri, database, collection, timeout) as archive,
        progress("events") as told,
    ):
        begin, end = options.moment(since), options.moment(until)
        found = archive.verify(begin, end, on_progress=lambda so_far: told(so_far.events))
    note(f"{found.parts:,} parts, {found.events:,} events, {'intact' if found.intact else 'NOT intact'}")
    print_rows((flaw._asdict() for flaw in found.flaws), as_json=json)
    raise typer.Exit(0 if found.intact else 1)


@app.command()
def restore(
    place: Place,
    since: Since = None,
    until: Until = None,
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Put archived events back where they are not there. Name another --database to leave this one as it is."""
    who = options.author(by)
    with (
        opened_archive(place, region, endpoint_url, uri, database, collection, timeout, by=who) as archive,
        progress("events") as told,
    ):
        begin, end = options.moment(since), options.moment(until)
        done = archive.restore(begin, end, on_progress=lambda so_far: told(so_far.events))
    print_counts({"parts": done.parts, "events": done.events, "fresh": done.fresh}, as_json=json)


@app.command()
def query(
    place: Place,
    sql: Annotated[str, typer.Argument(help="DuckDB's SQL; the table is called events.")],
    since: Since = None,
    until: Until = None,
    local_files: Annotated[
        bool, typer.Option("--local-files", help="Let it read and write other files, too: as read_csv and COPY do.")
    ] = False,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Ask the archive and the database together, each event once."""
    begin, end = options.moment(since), options.moment(until)
    with (
        opened_archive(place, region, endpoint_url, uri, database, collection, timeout) as archive,
        archive.query(sql, since=begin, until=end, local_files=local_files) as answer,
    ):
        print_rows((dict(zip(answer.columns, row, strict=True)) for row in answer), as_json=json)
