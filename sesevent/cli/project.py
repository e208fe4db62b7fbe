"""Neighbours kept up to date: ``sesevent project MODULE:NAME``."""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, print_json, print_rows, progress
from sesevent.cli.signals import ended_by_signals
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from sesevent.contrib.projections import Projections, Report
    from sesevent.sync import EventStore

__all__ = ["project"]

_IDLE = 1.0  # seconds after which there is nothing more for now


def project(
    declared: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME", help="Your Projections, or a function that makes them of the store; found here."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be changed, and change nothing.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End when nothing more comes.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Go through stored events, and end; --since and --until are event times.")
    ] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Write down what the suppression list says of everybody now, and end.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="The first time, begin with what was stored since: a date, or 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="With --replay: events before this.")] = None,
    polling: Annotated[bool, typer.Option("--polling", help="Look again and again; no change stream.")] = False,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Keep your own records up to date from events, as a module of yours declares it, until told to stop.

    SIGTERM and Ctrl-C end it after the batch in hand; the next time it goes on there.
    """
    if until is not None and not replay:
        raise ConfigurationError("--until is for --replay: events as they come have no end.")
    from sesevent.contrib.projections import Projector

    begin, end = options.moment(since), options.moment(until)
    with options.opened_store(uri, database, collection, timeout) as store:
        projector = Projector(store, _declared(declared, store))
        with ended_by_signals(projector.stop), progress("events") as shown:

            def told(report: Report) -> None:
                shown(report.events)

            if recheck:
                report = projector.recheck(dry=dry_run)
            elif replay:
                report = projector.replay(since=begin, until=end, dry=dry_run, on_progress=told)
            elif dry_run:
                report = projector.dry_run(since=begin)
            else:
                idle = _IDLE if once else None
                report = projector.run(since=begin, idle_seconds=idle, polling=polling or None, on_progress=told)
    _tell(report, dry_run, json)


def _tell(report: Report, dry: bool, json: bool) -> None:
    people = for_people(json)
    if dry:
        told = [change._asdict() for change in report.changes]
        if people:  # values may tell of people, and somebody may look over your shoulder
            told = [{name: row[name] for name in ("projection", "document", "field")} for row in told]
        print_rows(told, as_json=json, title="would be changed")
        return
    rows = [{"projection": name, **asdict(counts)} for name, counts in report.projections.items()]
    if people:
        print_rows(rows, as_json=json, title=f"{report.events:,} events")
    else:
        for row in rows:
            print_json(row)


def _declared(name: str, store: EventStore) -> Projections:
    """What a module of the user's declares."""
    from sesevent.contrib.projections import Projections

    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ConfigurationError("Say where your projections are: MODULE:NAME, such as app.mail:declared.")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the folder one is in, as for python -m
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"There is no module {error.name}; this folder was searched too.") from None
    except AttributeError:
        raise ConfigurationError(f"{module} has no {attribute}.") from None
    made = found(store) if callable(found) else found
    if not isinstance(made, Projections):
        raise ConfigurationError(f"{name} is not, and makes no, sesevent.contrib.projections.Projections.")
    return made
