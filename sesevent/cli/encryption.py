"""The keys of what is kept encrypted: ``sesevent encryption …``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json, print_rows
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from sesevent.plans.encryption import Encrypted

__all__ = ["app"]

app = typer.Typer(help="The keys of what is kept encrypted.", no_args_is_help=True)

Why = Annotated[str, typer.Option(help="Why; stands in the audit.")]


@app.command("key")
def key(to: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes; it must not be there.")]) -> None:
    """Make a local master key, for development: whoever has the file can read everything."""
    from sesevent.contrib.encryption import LocalKey

    try:
        with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(LocalKey.new().text + "\n")
    except OSError as error:
        raise ConfigurationError(f"The key cannot be written: {error.strerror}.") from None
    note(f"keep {to} safe, and never beside the database: without it what was encrypted is lost")


@app.command("status")
def status(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell which master key protects the data, and how many keys there are."""
    with options.opened_store(uri, database, collection, timeout) as store:
        told = store.encryption.status()
    row = told._asdict() | {
        "master_key": told.master_key.get("key", ""), "in_clear": ", ".join(told.in_clear),
    }  # fmt: skip
    print_rows([row], as_json=json)


@app.command("shred")
def shred(
    address: Annotated[str, typer.Argument(help="Whose key, however it is spelled.")],
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Destroy a person's key, for good: events about the person cannot be read any more, nor archives of them.

    Whom one may not mail stays known. Exit code 1 where the person had no key.
    """
    with options.opened_store(uri, database, collection, timeout) as store:
        keys = store.encryption.shred(address, by=options.author(by), why=why)
    note(f"destroyed {keys} key{'s' * (keys != 1)}" if keys else "there is no key of that person")
    if not for_people(json):
        print_json({"destroyed": keys})
    raise typer.Exit(0 if keys else 1)


@app.command("rotate")
def rotate(
    before: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Says the master key before, as --encryption says the one from now on."),
    ] = None,
    why: Why = "",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Have the master key that --encryption names protect all data from now on. No row is touched."""
    with options.opened_store(uri, database, collection, timeout, before=before or ()) as store:
        store.encryption.rotate(by=options.author(by), why=why)
        told = store.encryption.status()
    note(f"the master key is {told.master_key.get('key') or told.provider} now")
    if not for_people(json):
        print_json({"provider": told.provider, "master_key": told.master_key.get("key", "")})


@app.command("new-key")
def new_key(
    why: Why = "",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Encrypt new rows with a new data key; old rows stay readable."""
    with options.opened_store(uri, database, collection, timeout) as store:
        keys = store.encryption.new_data_key(by=options.author(by), why=why)
    note(f"there are {keys} data keys now; other processes follow within a minute")
    if not for_people(json):
        print_json({"data_keys": keys})


@app.command("apply")
def apply(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Encrypt what is still in the clear, in place. Safe beside writers, and to run again."""

    def tell(so_far: Encrypted) -> None:
        note(f"{so_far.encrypted:,} rows encrypted")

    with options.opened_store(uri, database, collection, timeout) as store:
        done = store.encryption.encrypt_existing(on_progress=tell)
    if not for_people(json):
        print_json({"looked_at": done.looked_at, "encrypted": done.encrypted})
