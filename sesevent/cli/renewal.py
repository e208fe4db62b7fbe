"""Rows of other applications and of older versions: ``sesevent migrate`` and ``sesevent reindex``."""

from __future__ import annotations

from typing import Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_counts, print_rows, progress

__all__ = ["migrate", "reindex"]

Pace = Annotated[float | None, typer.Option(help="Touch so many rows a second at most.", show_default=False)]


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what is there, and change nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what rows were given.")] = False,
    duplicates: Annotated[
        str, typer.Option(help="Rows with an event that another one holds: keep, mark or delete.")
    ] = "keep",
    by: options.By = None,
    rows_per_second: Pace = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Take over a collection that another application wrote, such as one with Mongoose, while it goes on writing.

    Looks at every row and tells what is there, then gives rows what they need to be found by every question. The five
    strings and the `_id` stay as they are. Interrupted or killed, it is simply run again.
    """
    with options.opened_store(uri, database, collection, timeout) as store:
        if undo:
            with progress("rows") as told:
                done = store.migration.undo(
                    by=options.author(by),
                    rows_per_second=rows_per_second,
                    on_progress=lambda so_far: told(so_far.rows),
                )
            print_counts({"rows": done.rows, "reworded": done.reworded, "left": done.left}, as_json=json)
            if done.reworded:
                note("of reworded rows display names are gone, and addresses are spelled in normal form")
            if done.left:
                note("rows are left whose text cannot be decrypted: tell the command its keys (--encryption FILE), or "
                     "restore the key vault (ses_key), and run it again")  # fmt: skip
                raise typer.Exit(1)
            return
        store.ensure_indexes()
        with progress("rows looked at") as told:
            found = store.migration.inspect(on_progress=lambda so_far: told(so_far.rows))
        print_rows(found.table(), as_json=json, title="What is there")
        print_rows(found.steps(duplicates), as_json=json, title="What is to be done")
        if dry_run:
            note("nothing was changed")
            return
        with progress("rows") as told:
            done = store.migration.run(
                duplicates=duplicates,  # type: ignore[arg-type]  # it checks
                by=options.author(by) if duplicates == "delete" else by or "",
                rows_per_second=rows_per_second,
                on_progress=lambda so_far: told(so_far.rows),
            )
    print_counts(
        {"rows": done.rows, "duplicates": done.duplicates, "marked": done.marked, "deleted": done.deleted}, as_json=json
    )


def reindex(
    rows_per_second: Pace = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """After an upgrade: make anew what older versions worked out of events (`derived`), in place.

    Suppression standings and rollups follow where it says something else. Safe while others write, and several times
    at once; interrupted or killed, it goes on where it was.
    """
    with options.opened_store(uri, database, collection, timeout) as store, progress("rows made anew") as told:
        done = store.reindex(rows_per_second=rows_per_second, on_progress=lambda so_far: told(so_far.rows))
    print_counts({"rows": done.rows, "changed": done.changed, "standings": done.standings}, as_json=json)
