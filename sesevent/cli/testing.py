"""Payloads to try things with: ``sesevent testing …``."""

from __future__ import annotations

import typer

from sesevent import testing
from sesevent.cli.output import print_json

__all__ = ["app"]

app = typer.Typer(help="Payloads to try things with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `samples` a sub-command although it is the only one."""


@app.command("samples")
def samples() -> None:
    """Print SNS notifications of every kind of event, one a line: a morning of a small shop."""
    for sample in testing.samples():
        print_json(sample)
