"""Payloads to try things with: ``sesevent testing …``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sesevent import testing
from sesevent.cli.output import print_json, progress

__all__ = ["app"]

app = typer.Typer(help="Payloads to try things with.", no_args_is_help=True)


@app.command("samples")
def samples() -> None:
    """Print SNS notifications of every kind of event, one a line: a morning of a small shop."""
    for sample in testing.samples():
        print_json(sample)


@app.command("generate")
def generate(
    events: Annotated[int, typer.Option(min=0, help="How many.")] = 1000,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal streams.")] = 0,
) -> None:
    """Print a sender's stream of SNS notifications, one a line: late, out of order and double as in life."""
    with progress("generated", silent=sys.stdout.isatty()) as told:
        for number, sample in enumerate(testing.stream(events, seed=seed), 1):
            print_json(sample)
            if number % 1000 == 0:
                told(number)
