"""Closed hours, counted once: ``sesevent rollup …``."""

from __future__ import annotations

from threading import Event
from typing import Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_counts, print_rows, progress
from sesevent.cli.signals import ended_by_signals
from sesevent.errors import StoreError

__all__ = ["app"]

app = typer.Typer(help="Closed hours, counted once: reports then read them, and not the log.", no_args_is_help=True)


@app.command()
def run(
    every: Annotated[
        str | None, typer.Option(help="Again and again, so often (60s, 5m), until Ctrl-C.", show_default=False)
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Count all that there is to count now. Any number may run at once, and each may be interrupted."""
    pause = None if every is None else options.seconds(every)
    ended = Event()
    with options.opened_store(uri, database, collection, timeout) as store, ended_by_signals(ended.set):
        while not ended.is_set():
            try:
                with progress("hours counted", silent=pause is not None) as tell:
                    done = store.analytics.roll_up(on_progress=lambda so_far: tell(so_far.hours))
            except StoreError as error:
                if pause is None or not error.retryable:
                    raise
                note(f"{error} Trying again in {every}.")
            else:
                if pause is None or done.hours:
                    print_counts({"hours": done.hours, "days": done.days}, as_json=json)
            if pause is None:
                break
            ended.wait(pause)


@app.command()
def recount(
    since: Annotated[str, typer.Option(help="From here on: a date, or 7d.")] = "7d",
    until: Annotated[str | None, typer.Option(help="Up to here; by default now.", show_default=False)] = None,
    repair: Annotated[bool, typer.Option(help="Count anew what differs.")] = True,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Compare what was counted with the log. Exit code 1 where something differs and is not repaired."""
    begin = options.moment(since)
    with options.opened_store(uri, database, collection, timeout) as store:
        told = store.analytics.recount(begin, options.moment(until), repair=repair)  # type: ignore[arg-type]
    print_rows((one._asdict() for one in told.differences), as_json=json)
    note(f"{told.hours:,} hours compared, {len(told.differences):,} differences, {told.repaired:,} hours counted anew")
    if told.differences and not repair:
        raise typer.Exit(1)


@app.command()
def status(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """How far it is behind: hours that ended and were not counted, and hours to be counted again."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows([store.analytics.rollup_lag()._asdict()], as_json=json)
