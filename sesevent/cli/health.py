"""Is all well? ``sesevent health``, for probes and for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, print_json, print_rows
from sesevent.errors import ConfigurationError
from sesevent.moments import read_span

if TYPE_CHECKING:
    from sesevent.vitals import Health, Limits

__all__ = ["health"]

EXIT_CODES = {"ok": 0, "degraded": 1, "down": 2}


def health(
    silence: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=SPAN", help="Degraded where the last event of a type is older: Delivery=2h."),
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Exit code 0 also where degraded: for liveness.")] = False,
    aws: Annotated[bool, typer.Option("--aws", help="Ask whether SES and SNS answer, too.")] = False,
    region: Annotated[
        str | None, typer.Option(help="With --aws: the region; by default as boto3 is configured.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="With --aws: the profile of AWS's configuration.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="With --aws: another address of AWS.")] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: Annotated[float, typer.Option(help="Seconds for everything that MongoDB is asked.")] = 5.0,
    json: options.Json = False,
) -> None:
    """Say how well the store is. Exit code 0: ok, 1: degraded, 2: down, as is a server that does not answer."""
    from sesevent.vitals import Limits

    limits = Limits(silence=dict(map(_silence, silence or ())))
    also = [options.aws_setup(region, profile, endpoint_url).health] if aws else []
    found = _health(limits, also, uri, database, collection, timeout)
    if for_people(json):
        print_rows([_row(check) for check in found.to_dict()["checks"]], as_json=False, title=found.status)
    else:
        print_json(found.to_dict())
    raise typer.Exit(0 if probe and found.status != "down" else EXIT_CODES[found.status])


def _health(
    limits: Limits, also: list[Any], uri: str | None, database: str | None, collection: str, timeout: float
) -> Health:
    """Of a store that is opened without a look whether anybody is there: that is what is asked."""
    with options.unopened_store(uri, database, collection, timeout) as store:
        return store.health(timeout_seconds=timeout, limits=limits, also=also)


def _row(check: dict[str, Any]) -> dict[str, Any]:
    return {name: check[name] for name in ("status", "name", "finding", "remedy")}


def _silence(text: str) -> tuple[str, timedelta]:
    word, equals, length = text.partition("=")
    span = read_span(length)
    if not equals or span is None:
        raise ConfigurationError(f"{text!r} is no TYPE=SPAN.", hint="Such as Delivery=2h.")
    return word, span
