"""May I send? ``sesevent suppression …``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, print_rows
from sesevent.suppression.decide import Decision

__all__ = ["app"]

app = typer.Typer(help="Whom may you mail, and why not?", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `check` a sub-command although it is the only one."""


@app.command("check")
def check(
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="However spelled; - reads lines.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell for each address whether it may be mailed, and why not. Exit code 3 if one may not."""
    refused = 0

    def rows(decisions: Iterator[Decision]) -> Iterator[dict[str, Any]]:
        nonlocal refused
        for decision in decisions:
            refused += not decision.allowed
            yield _row(decision, short=for_people(json))

    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows(rows(store.suppression.check_many(_asked(addresses))), as_json=json)
    raise typer.Exit(3 if refused else 0)


def _asked(addresses: list[str]) -> Iterator[str]:
    for address in addresses:
        if address == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield address


def _row(decision: Decision, *, short: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"address": decision.address, "allowed": decision.allowed, "reason": decision.reason}
    if not short:
        told |= {"rule": decision.rule, "evidence": list(decision.evidence), "policy_version": decision.policy_version}
    return told | {"since": decision.since, "sentence": decision.sentence}
