"""No longer than needed: ``sesevent retention …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sesevent.cli import options
from sesevent.cli.archive import archive_of
from sesevent.cli.output import for_people, note, print_json, print_rows, progress
from sesevent.retention import Retention

__all__ = ["app"]

app = typer.Typer(
    help="Keep events no longer than a policy says, and what is held as long as it is held.", no_args_is_help=True
)

Policy = Annotated[Path, typer.Argument(metavar="POLICY.toml", help="The retention policy.")]
Why = Annotated[str, typer.Option(help="For the audit trail.")]


@app.command()
def plan(
    policy: Policy,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Tell what would go, by rule and month, and change nothing."""
    told = Retention.load(policy)
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows((due._asdict() for due in store.retention.plan(told)), as_json=json)


@app.command()
def run(
    policy: Policy,
    archive: Annotated[
        str | None,
        typer.Option(metavar="DIRECTORY|s3://BUCKET/PREFIX", help="For rules that archive.", show_default=False),
    ] = None,
    by: options.By = None,
    region: options.BucketRegion = None,
    endpoint_url: options.BucketEndpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Do what the policy says. It may be interrupted or killed: run it again, and it goes on."""
    told, who = Retention.load(policy), options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store, progress("events") as shown:
        there = None if archive is None else archive_of(store, archive, region, endpoint_url, by=who)
        done = store.retention.run(told, archive=there, by=who, on_progress=lambda so_far: shown(so_far.events))
    print_rows(({"rule": step.rule, "kind": step.kind, "events": step.events} for step in done), as_json=json)


@app.command()
def expire(
    policy: Policy,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Have MongoDB delete events by itself (TTL): for a policy of one rule that only deletes. A hold ends it."""
    told, who = Retention.load(policy), options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store:
        after = store.retention.expire(told, by=who)
    print_rows([{"expire_after_days": after.days}], as_json=json)


@app.command("stop-expiring")
def stop_expiring(
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Have MongoDB delete no more events by itself. Exit code 1 where it does not."""
    with options.opened_store(uri, database, collection, timeout) as store:
        after = store.retention.expires_after()
        ended = store.retention.stop_expiring(by=options.author(by), why=why)
    note(f"they were deleted after {after.days} days" if ended and after else "nothing expires")
    if not for_people(json):
        print_json({"ended": ended})
    raise typer.Exit(0 if ended else 1)


@app.command()
def hold(
    kind: Annotated[str, typer.Argument(metavar="address|message|campaign", help="What is held.")],
    value: Annotated[str, typer.Argument(help="Which one; - reads it from standard input.")],
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Keep all events about a person, a mail or a campaign, whatever a policy says."""
    (named,) = options.each_line([value])
    with options.opened_store(uri, database, collection, timeout) as store:
        put = store.keeping.hold(kind, named, by=options.author(by), why=why)  # type: ignore[arg-type]  # it checks
    print_rows([{"id": put.id}], as_json=json)


@app.command()
def release(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A hold's id.")],
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Lift a hold."""
    with options.opened_store(uri, database, collection, timeout) as store:
        gone = store.keeping.release(identifier, by=options.author(by), why=why)
    note("lifted" if gone else "there is no hold of this id")
    if not for_people(json):
        print_json({"id": identifier, "lifted": gone})
    raise typer.Exit(0 if gone else 1)


@app.command()
def holds(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell what is held, and why."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows((one._asdict() for one in store.keeping.holds()), as_json=json)
