"""What commands are told besides flags, and by whom: ``sesevent config``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from sesevent.cli import options, settings
from sesevent.cli.output import note, print_rows

__all__ = ["config"]

_ORIGINS = {"COMMANDLINE": "flag", "DEFAULT": "default"}


def config(
    ctx: typer.Context,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    stream: options.Stream = "*",
    tenant: options.Tenant = "",
    by: options.By = None,
    tz: options.Tz = "UTC",
    json: options.Json = False,
) -> None:
    """Tell every setting that holds here, and where it comes from: flag, environment, file or default.

    Passwords in URIs are masked. What differs for single commands is told after that.
    """
    del uri, database, collection, timeout, stream, tenant, by, tz
    told: settings.Read = ctx.obj.told
    if told.path is None:
        note("no file: neither " + " nor ".join(map(str, settings.places())))
    print_rows([*_common(ctx, told), *_of_commands(told.values, told)], as_json=json)


def _common(ctx: Any, told: settings.Read) -> Iterator[dict[str, Any]]:
    for name, common in settings.COMMON.items():
        where = ctx if name in ctx.params else ctx.parent
        value, source = where.params[name], where.get_parameter_source(name).name
        if value is None and (named := ctx.obj.files.get(name)) is not None:
            value, source = named, "DEFAULT_MAP"
        shown = None if value is None else settings.masked(value) if isinstance(value, str) else value
        yield {
            "option": f"--{name.replace('_', '-')}",
            "value": shown,
            "origin": _origin(source, common.variable, told),
        }


def _origin(source: str, variable: str, told: settings.Read) -> str:
    if source == "ENVIRONMENT":
        return f"environment: {variable}"
    return f"file: {told.path}" if source == "DEFAULT_MAP" else _ORIGINS.get(source, source.casefold())


def _of_commands(table: Any, told: settings.Read, path: str = "") -> Iterator[dict[str, Any]]:
    """What the file says of single commands, in its own order."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _of_commands(value, told, f"{path}{name.replace('_', '-')} ")
        elif path:
            shown = [settings.masked(one) for one in value] if isinstance(value, list) else settings.masked(value)
            yield {"option": f"{path}--{name.replace('_', '-')}", "value": shown, "origin": f"file: {told.path}"}
