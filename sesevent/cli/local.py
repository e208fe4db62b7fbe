"""A MongoDB server of one's own: ``sesevent local …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sesevent import local
from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json

__all__ = ["app"]

app = typer.Typer(help="Run a MongoDB server on this machine, for trying things out.", no_args_is_help=True)

Directory = Annotated[Path | None, typer.Option(help="Where its data is.", show_default="the user's data directory")]


@app.command("start")
def start(
    directory: Directory = None,
    port: Annotated[int | None, typer.Option(help="Port; by default the last one, or a free one.")] = None,
    json: options.Json = False,
) -> None:
    """Start a server; if one runs on that directory already, tell where."""
    _tell(local.start(directory, port=port), json)


@app.command("stop")
def stop(directory: Directory = None, json: options.Json = False) -> None:
    """Stop the server."""
    stopped = local.stop(directory)
    if for_people(json):
        print("stopped" if stopped else "no server runs there")
    else:
        print_json({"stopped": stopped})


@app.command("status")
def status(directory: Directory = None, json: options.Json = False) -> None:
    """Tell whether a server runs. Exit code 1 if none does."""
    running = local.status(directory)
    if running is None:
        note("no server runs there")
        raise typer.Exit(1)
    _tell(running, json)


def _tell(running: Any, as_json: bool) -> None:
    if not for_people(as_json):
        print_json({"uri": running.uri, "pid": running.pid, "port": running.port, "directory": str(running.directory)})
        return
    print(f"MongoDB runs at {running.uri}\n  data      {running.directory}\n  process   {running.pid}")
    print(f"For other programs:\n  export SESEVENT_MONGODB_URI='{running.uri}'")
