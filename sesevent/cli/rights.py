"""A person's rights: ``sesevent privacy export``, ``erase``, ``receipts`` and ``readmit``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.archive import archive_of
from sesevent.cli.output import for_people, note, print_counts, print_json, print_rows, progress

if TYPE_CHECKING:
    from sesevent.storage.erasures import ErasureReceipt

__all__ = ["add_to", "erase", "export", "readmit", "receipts"]

Address = Annotated[str, typer.Argument(help="Whose; - reads it from standard input.")]
Why = Annotated[str, typer.Option(help="For the audit trail, such as the number of the request.")]
Archives = Annotated[
    list[str] | None,
    typer.Option("--archive", metavar="DIRECTORY|s3://BUCKET/PREFIX", help="May be repeated.", show_default=False),
]


def export(
    address: Address,
    file: Annotated[
        str | None, typer.Option(help="Where the JSON goes; by default standard output, but no terminal.")
    ] = None,
    html: Annotated[str | None, typer.Option(help="Where the page for the person goes.", show_default=False)] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Read the whole log for events under keys that are lost.")
    ] = False,
    archive: Archives = None,
    why: Why = "",
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
) -> None:
    """Write down everything that is held about a person: JSON, and a page to be read. Others stay hidden."""
    (named,) = options.each_line([address])
    who = options.author(by)
    paper: Any = file or (None if html or sys.stdout.isatty() else sys.stdout)
    with options.opened_store(uri, database, collection, timeout) as store, progress("things") as told:
        archives = [archive_of(store, one, region, endpoint_url, by=who) for one in archive or ()]
        counts = store.privacy.export(
            named, paper, page=html, by=who, why=why, thorough=thorough, archives=archives, on_progress=told
        )
    note(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
    if counts["unreadable"]:
        note("keys are gone: what that hides, and whether it may be the person's, stands under unreadable")
    if paper is None and html is None:
        note("nothing was written: say --file FILE or --html FILE")


def erase(
    address: Address,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Keep nothing that keeps the person from being mailed again.")
    ] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Read the whole log for mails that name the person in passing.")
    ] = False,
    archive: Archives = None,
    why: Why = "",
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Erase a person. It may be interrupted or killed: run it again, and it goes on.

    Events stay, without the person; what is counted of them stays. Of the person a keyed hash is kept, so that nobody
    mails them again.
    """
    (named,) = options.each_line([address])
    who = options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store, progress("events") as told:
        archives = [archive_of(store, one, region, endpoint_url, by=who) for one in archive or ()]
        receipt = store.privacy.erase(
            named, by=who, why=why, keep_do_not_mail=not forget, dry_run=dry_run, thorough=thorough, archives=archives,
            on_progress=lambda so_far: told(so_far.events + so_far.archived),
        )  # fmt: skip
    if for_people(json):
        names = ("events", "said", "standings", "dead_letters", "archived", "parts")
        print_counts({name: getattr(receipt, name) for name in names}, as_json=False)
        note(f"receipt {receipt.person}" if not dry_run else "nothing was changed")
    else:
        print_json(asdict(receipt))


def receipts(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell who was erased, as keyed hashes, and what that did; also what is not finished yet."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows((_row(receipt) for receipt in store.privacy.receipts()), as_json=json)


def _row(receipt: ErasureReceipt) -> dict[str, Any]:
    told = asdict(receipt)
    del told["dry_run"]
    return told


def readmit(
    address: Address,
    why: Annotated[str, typer.Option(help="For the audit trail.")],
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Take a person off the list of the erased, such as a customer who came back. What is erased stays so."""
    (named,) = options.each_line([address])
    with options.opened_store(uri, database, collection, timeout) as store:
        there = store.privacy.readmit(named, by=options.author(by), why=why)
    note("readmitted" if there else "this person was not erased")
    if not for_people(json):
        print_json({"readmitted": there})
    raise typer.Exit(0 if there else 1)


def add_to(app: typer.Typer) -> None:
    """Have these commands among those of an app."""
    for command in (export, erase, receipts, readmit):
        app.command()(command)
