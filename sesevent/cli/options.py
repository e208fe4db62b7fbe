"""Options that several commands share, and what they mean."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli.output import note
from sesevent.errors import ConfigurationError
from sesevent.moments import UTC, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesevent.sync import EventStore

Uri = Annotated[str | None, typer.Option(envvar="SESEVENT_MONGODB_URI", help="MongoDB to use.", show_default=False)]
Database = Annotated[str | None, typer.Option(help="Database; by default the URI's, else «cache».")]
Collection = Annotated[str, typer.Option(help="Collection of the events.")]
Timeout = Annotated[float, typer.Option(help="Seconds after which a silent server is given up.")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines also on a terminal.")]

_RELATIVE = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def opened_store(uri: str | None, database: str | None, collection: str, timeout: float) -> Iterator[EventStore]:
    """The store the options name; without a URI, the local server that runs by default."""
    from sesevent.sync import EventStore

    where = uri or _local_uri()
    with EventStore.connect(where, database=database, collection=collection, timeout_seconds=timeout) as store:
        yield store


def moment(text: str | None) -> datetime | None:
    """A point in time: a date, or how long ago (``2h``, ``7d``)."""
    if text is None:
        return None
    ago = _RELATIVE.fullmatch(text)
    if ago is not None:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return read_moment(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a date nor a span such as 2h or 7d") from None


def tag(text: str | None) -> tuple[str, str | None] | None:
    """A message tag: ``NAME`` or ``NAME=VALUE``."""
    if text is None:
        return None
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _local_uri() -> str:
    from sesevent import local

    running: Any = local.status()
    if running is None:
        raise ConfigurationError(
            "No MongoDB is named.", hint="Give --uri, set SESEVENT_MONGODB_URI, or run: sesevent local start"
        )
    note(f"using the local server at {running.uri}")
    return str(running.uri)
