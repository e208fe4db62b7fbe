"""What is kept of people: ``sesevent privacy show`` and ``key``."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import note, print_rows
from sesevent.moments import UTC
from sesevent.privacy.policy import PRESETS, PrivacyPolicy
from sesevent.privacy.pseudonyms import Key, written_key

__all__ = ["app", "key", "show"]

app = typer.Typer(help="What is kept of people.", no_args_is_help=True, rich_markup_mode=None)


@app.command("show")
def show(
    preset: Annotated[
        str | None, typer.Option(help=f"Another policy than the one that holds: {', '.join(PRESETS)}.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Tell what becomes of each part of an event before it is stored, and why: for a record of processing, too."""
    kept = None if preset else options.privacy()
    policy = PrivacyPolicy.of(preset) if preset else PrivacyPolicy() if kept is None else kept.policy
    keys = () if kept is None or kept.pseudonyms is None else kept.pseudonyms.keys
    note(f"policy {policy.version}; " + (f"keys {', '.join(key.id for key in keys)}" if keys else "no keys"))
    print_rows([_row(row._asdict(), short=not json) for row in policy.explain()], as_json=json)


def _row(told: dict[str, Any], *, short: bool) -> dict[str, Any]:
    names = ("field", "type", "action", "stored") if short else tuple(told)
    return {name: told[name] for name in names}


@app.command("key")
def key(
    id: Annotated[  # noqa: A002  # the word for it
        str | None, typer.Option(help="Its id, lower-case letters and digits; by default today's date.")
    ] = None,
    no_domain: Annotated[bool, typer.Option("--no-domain", help="Its pseudonyms hold no domain.")] = False,
) -> None:
    """Make a key for pseudonyms, and print it: to be kept where secrets are, outside the database, and never lost.

    A greater id is a newer key: 2025 after 2024. To change keys, give every process the new one behind the old, then
    in front of it; what was stored by the old one is found as long as that stays in the list.
    """
    named = id or datetime.now(UTC).strftime("%Y%m%d")
    print(written_key(Key(named, secrets.token_bytes(32), keep_domain=not no_domain)))
    note("whoever has this key can tell whose a pseudonym is; whoever loses it finds nobody by address any more")
