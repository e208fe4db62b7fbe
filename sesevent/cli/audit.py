"""Who did what, when and why: ``sesevent audit …``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_json, print_rows, progress
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesevent.audit import Anchor, AuditEntry

__all__ = ["app"]

app = typer.Typer(help="Who did what, when and why; and whether anybody touched that.", no_args_is_help=True)

Anchors = Annotated[
    list[str] | None,
    typer.Option(
        "--anchors", metavar="FILE|s3://BUCKET/PREFIX", help="Anchors that were kept elsewhere; may be repeated."
    ),
]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this.", show_default=False)] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell what was done last, the latest first."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows([_row(entry) for entry in store.audit.latest(limit=limit, subject=subject)], as_json=json)


@app.command("export")
def export(
    after: Annotated[int, typer.Option(min=0, help="Begin behind this number.")] = 0,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
) -> None:
    """Write every entry with its hashes, in order, as JSON lines."""
    with options.opened_store(uri, database, collection, timeout) as store:
        for entry in store.audit.entries(after=after):
            print_json(_row(entry) | {"previous": entry.previous, "hash": entry.hash})


@app.command("verify")
def verify(
    anchors: Anchors = None,
    public_key: Annotated[Path | None, typer.Option(help="Proves the anchors.", show_default=False)] = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Look for entries that were edited, taken out or put in. Exit code 1 where one was."""
    known = list(_anchors(anchors or [], public_key, region, endpoint_url))
    with options.opened_store(uri, database, collection, timeout) as store, progress("entries") as told:
        found = store.audit.verify(anchors=known, on_progress=told)
    note(f"{found.entries:,} entries, {len(known)} anchors, {'intact' if found.intact else 'NOT intact'}")
    print_rows([{"number": flaw.number, "finding": flaw.words} for flaw in found.flaws], as_json=json)
    raise typer.Exit(0 if found.intact else 1)


@app.command("key")
def key(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; the public one beside it.")],
) -> None:
    """Make a key for anchors: FILE signs them, FILE.pub proves them."""
    from sesevent.contrib.anchors import new_key

    private, public = new_key()
    try:
        with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(private)
        to.with_name(to.name + ".pub").write_text(public, encoding="ascii")
    except OSError as error:
        raise ConfigurationError(f"The key cannot be written: {error.strerror}.") from None
    note(f"keep {to} away from the database's owner, and give {to}.pub to whoever checks")


@app.command("anchor")
def anchor(
    to: Annotated[str, typer.Argument(metavar="FILE|s3://BUCKET/PREFIX", help="Where to keep it.")],
    key_file: Annotated[Path, typer.Option("--key", help="Signs it; made by sesevent audit key.")],
    days: Annotated[int, typer.Option(min=1, help="For how long S3 shall let nobody change it.")] = 3650,
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Keep the trail's head, signed, where the database's owner cannot write. Run it daily."""
    from sesevent.contrib import anchors

    private = _text(key_file)
    keys = {"fingerprints": [anchors.fingerprint(private)]}
    with options.opened_store(uri, database, collection, timeout) as store:
        head = store.audit.anchor()
        if head is None:
            note("the trail is empty: there is nothing to anchor")
            return
        if store.audit.note_change("keys in use", "audit anchors", by=options.author(by), detail=keys) is not None:
            head = store.audit.anchor() or head  # with what was just written
    line = anchors.signed(head, private)
    if to.startswith("s3://"):
        bucket, prefix = _place(to)
        kept = anchors.keep_in_s3(line, _s3(region, endpoint_url), bucket, prefix, days=days)
        note(f"kept as {kept}")
    else:
        with _opened(Path(to)) as file:
            file.write(line + "\n")
    print_rows([{"number": head.number, "hash": head.hash, "at": head.at}], as_json=json)


def _anchors(
    places: list[str], public_key: Path | None, region: str | None, endpoint_url: str | None
) -> Iterator[Anchor]:
    if not places:
        return
    if public_key is None:
        raise ConfigurationError("Anchors are worth nothing unproven.", hint="Give --public-key FILE.")
    from sesevent.contrib import anchors

    for place in places:
        if place.startswith("s3://"):
            lines = anchors.lines_in_s3(_s3(region, endpoint_url), *_place(place))
            yield from anchors.read((line for text in lines for line in text.splitlines()), _text(public_key))
        else:
            yield from anchors.read(_text(Path(place)).splitlines(), _text(public_key))


def _place(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return bucket, prefix


def _s3(region: str | None, endpoint_url: str | None) -> Any:
    from sesevent.contrib.anchors import s3_client

    return s3_client(region_name=region, endpoint_url=endpoint_url)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', 'it is no text')}.") from None


def _opened(path: Path) -> Any:
    try:
        return path.open("a", encoding="ascii")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def _row(entry: AuditEntry) -> dict[str, Any]:
    told = {"number": entry.number, "at": entry.at, "act": entry.act, "subject": entry.subject}
    return told | {"by": entry.by, "why": entry.why, "detail": dict(entry.detail)}
