"""Who may use the HTTP API: ``sesevent tokens …``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json, print_rows
from sesevent.moments import UTC

if TYPE_CHECKING:
    from sesevent.storage.tokens import Token

__all__ = ["app"]

app = typer.Typer(help="Who may use the HTTP API.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it; stands in the audit.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, read:pii, suppress or admin; may be repeated. [default: read]")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: a date, or in 90d.", show_default=False)] = None,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Make a token. Its text is shown this once, and kept nowhere."""
    with options.opened_store(uri, database, collection, timeout) as store:
        made = store.tokens.create(
            name, scopes=scope or ["read"], expires=options.moment_ahead(expires), by=options.author(by)
        )
    if for_people(json):
        print(made.text)
        note("keep it well: it cannot be shown again")
    else:
        print_json({"token": made.text} | _row(made.token))


@app.command("list")
def list_(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """List tokens, without their secrets."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows([_row(token) for token in store.tokens.list()], as_json=json)


@app.command("revoke")
def revoke(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A token's id.")],
    why: Annotated[str, typer.Option(help="Why; stands in the audit.")] = "",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """End a token: servers notice within seconds. Exit code 1 if there is none that was not ended before."""
    with options.opened_store(uri, database, collection, timeout) as store:
        done = store.tokens.revoke(identifier, by=options.author(by), why=why)
    note(f"revoked {identifier}" if done else f"there is no token {identifier} that is not revoked already")
    if not for_people(json):
        print_json({"id": identifier, "revoked": done})
    raise typer.Exit(0 if done else 1)


def _row(token: Token) -> dict[str, Any]:
    from datetime import datetime

    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "usable": token.usable(datetime.now(UTC)),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
