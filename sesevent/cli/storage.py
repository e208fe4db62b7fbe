"""What is kept, in bytes: ``sesevent storage …``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json, print_rows

if TYPE_CHECKING:
    from sesevent.storage.sizes import CollectionSize, Share, StorageReport

__all__ = ["app"]

app = typer.Typer(help="What is kept, in bytes, and what would save some.", no_args_is_help=True)

_MOST = 12  # rows of a table for people


@app.command("report")
def report(
    retention: Annotated[
        Path | None,
        typer.Option(metavar="POLICY.toml", help="A retention policy: what would it free?", show_default=False),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Random events by which shares are reckoned.")] = 2_000,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Tell bytes by collection, index, field, type and month, how they grow, and what a policy would free."""
    from sesevent.retention import Retention

    policy = None if retention is None else Retention.load(retention)
    with options.opened_store(uri, database, collection, timeout) as store:
        told = store.storage.report(policy, sample=sample)
    if for_people(json):
        _show(told)
    else:
        print_json(told.to_dict())


@app.command("measure")
def measure(
    sample: Annotated[int, typer.Option(min=1, help="Random events to be copied and measured.")] = 20_000,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 300.0,
    json: options.Json = False,
) -> None:
    """Measure what each block compressor makes of your own events. Copies a sample into scratch collections."""
    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.storage.measure(sample=sample)
        now = next((one for one in store.storage.report(sample=1).collections if one.name == "ses_event"), None)
    print_rows(
        (
            {
                "compressor": one.compressor,
                "message": "dropped" if one.thinned else "kept",
                "documents": one.documents,
                "size": one.size,
                "on_disk": one.on_disk,
                "whole_on_disk": one.whole_on_disk,
            }
            for one in found
        ),
        as_json=json,
    )
    if now is not None:
        note(f"now: {now.compressor}, {_bytes(now.on_disk)} on disk, of which {_bytes(now.free)} are free")


@app.command("compact")
def compact(
    name: Annotated[
        str, typer.Argument(metavar="[COLLECTION]", help="Which one, as the report names it.")
    ] = "ses_event",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 3600.0,
    json: options.Json = False,
) -> None:
    """Give free space inside a collection's file back to the disk, on the server that is written to; others go on.

    The compressor stays. Run it on each member of a replica set, the primary last.
    """
    with options.opened_store(uri, database, collection, timeout) as store:
        done = store.storage.compact(name, by=options.author(by))
    row = {"collection": name, "freed": done.freed, "on_disk_before": done.before.on_disk,
           "on_disk_after": done.after.on_disk, "free_after": done.after.free}  # fmt: skip
    print_rows([row], as_json=json)


def _show(told: StorageReport) -> None:
    print_rows(map(_collection, told.collections), as_json=False, title=f"{_bytes(told.on_disk)} on disk")
    indexes = ({"index": f"{one.name}.{index.name}", "on disk": _bytes(index.on_disk)}
               for one in told.collections for index in one.indexes)  # fmt: skip
    print_rows(sorted(indexes, key=lambda row: row["index"]), as_json=False, title="indexes")
    for title, shares in (("fields of events", told.fields), ("types", told.types), ("months", told.months)):
        print_rows(_shares(shares), as_json=False, title=f"{title}, as {told.sampled:,} events tell")
    per_day = f"{told.events_per_day:,.0f} events a day, {_bytes(told.on_disk_per_day)} on disk"
    print(f"growth, by the last 30 days: {per_day}; {_bytes(told.on_disk_per_day * 365)} a year")
    if told.savings:
        rows = ({"rule": one.rule, "step": one.kind, "events": f"~{one.events:,}", "freed on disk": _bytes(one.on_disk),
                 "error": f"±{one.error:.1%} of all", "why": one.why} for one in told.savings)  # fmt: skip
        print_rows(rows, as_json=False, title="what the policy would free now, but for what is held")
    for advice in told.advice:
        note(advice)


def _collection(one: CollectionSize) -> dict[str, Any]:
    return {
        "collection": one.name,
        "documents": f"{one.documents:,}",
        "size": _bytes(one.size),
        "on disk": _bytes(one.on_disk),
        "free": _bytes(one.free),
        "indexes": _bytes(one.indexes_on_disk),
        "compressor": one.compressor,
    }


def _shares(shares: Sequence[Share]) -> list[dict[str, str]]:
    """The first of them; of months the last."""
    some = shares[-_MOST:] if shares and shares[0].name[:2] in ("19", "20") else shares[:_MOST]
    return [{"": one.name, "size": _bytes(one.size), "share": f"{one.share:.1%} ± {one.error:.1%}"} for one in some]


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
