"""Amazon SES's own list and ours: ``sesevent suppression sync``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_rows, progress
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesevent.plans.ses_sync import Report

__all__ = ["sync"]

_DONE = ("listed", "unlisted", "put", "delete", "keep")


def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; tell what would be done for whom.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Only write SES's list down here.")] = False,
    push: Annotated[bool, typer.Option("--push", help="Only bring SES's list up to ours.")] = False,
    region: Annotated[str | None, typer.Option(help="Region of the list; by default as boto3 is configured.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another address of SES.", show_default=False)] = None,
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds between two calls; SES allows about one a second.")
    ] = 1.0,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Mirror the account's suppression list at Amazon SES, both ways or one. Exit code 1 if SES refused an address."""
    if pull and push:
        raise ConfigurationError("--pull and --push are one way each.", hint="Name neither to go both ways.")
    from sesevent.contrib.ses_account import SesAccount

    with options.opened_store(uri, database, collection, timeout) as store, progress("mirrored") as told:
        account = SesAccount(store, pause=pause, region_name=region, endpoint_url=endpoint_url)
        mirror = account.pull if pull else account.push if push else account.sync
        report = mirror(dry_run=dry_run, on_progress=lambda so_far: told(so_far.done))
    if dry_run:
        print_rows(_planned(report), as_json=json)
    _tell(report, json=json)
    raise typer.Exit(1 if report.failed else 0)


def _planned(report: Report) -> Iterator[dict[str, Any]]:
    for step in report.steps:
        yield {
            "address": step.address,
            "does": step.does,
            "reason": step.reason,
            "because": step.row,
            "at_ses": list(step.spellings),
        }


def _tell(report: Report, *, json: bool) -> None:
    counts = {"region": report.region, "entries": report.entries} | {name: report.counts.get(name, 0) for name in _DONE}
    counts |= {"failed": report.failed, "changed_meanwhile": report.changed_meanwhile}
    if report.dry_run:  # the rows above are the result
        note("would do: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    else:
        print_rows([counts], as_json=json)
    for step in report.refused:
        note(f"Amazon SES refused to {step.does} {step.address}")
    if report.overrides is None:
        note("whether configuration sets heed the list could not be asked")
    for override in report.overrides or ():
        who = (
            "the account"
            if override.configuration_set is None
            else f"the configuration set {override.configuration_set}"
        )
        note(f"{who} does not heed the list for {' and '.join(override.ignores)}")
