"""One-click unsubscribing (RFC 8058): ``sesevent unsubscribe …``. The page itself is served by ``sesevent serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json
from sesevent.errors import ConfigurationError

__all__ = ["app"]

app = typer.Typer(help="Links with which people unsubscribe by one click.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", envvar="SESEVENT_UNSUBSCRIBE_URL", help="Where links lead; https.")]


@app.command("key")
def key(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="A new key goes before those that it holds.")],
) -> None:
    """Make a key, the newest of FILE. Links of the others still work until you take them out."""
    from sesevent.unsubscribe import new_key

    try:
        before = to.read_text(encoding="utf-8") if to.exists() else ""
        beside = to.with_name(to.name + ".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{new_key()}\n{before}")
        beside.replace(to)
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"The key cannot be written: {told}.") from None
    note(f"keep {to} away from the database, and give it to all who send and to who serves; restart them")


@app.command("headers")
def headers(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whom the mail goes to; - reads it.")],
    stream: Annotated[str, typer.Option(envvar="SESEVENT_STREAM", help="What is left with it; * for everything.")],
    url: Url,
    unsubscribe_keys: options.UnsubscribeKeys = None,
    about: Annotated[str, typer.Option(help="The mail or campaign; is written down with the act.")] = "",
    mailto: Annotated[str | None, typer.Option(help="An address that takes opt-outs too.", show_default=False)] = None,
    tenant: options.Tenant = "",
    json: options.Json = False,
) -> None:
    """Tell the two headers of a mail to one person."""
    from sesevent.unsubscribe import OneClick, read_keys

    if unsubscribe_keys is None:
        raise ConfigurationError("Unsubscribe links need keys.", hint="Give --unsubscribe-keys FILE.")
    (person,) = options.each_line([address])
    one_click = OneClick(url, read_keys(unsubscribe_keys), mailto=mailto)
    told = one_click.headers(person, stream=stream, tenant=tenant, about=about)
    if for_people(json):
        print("\n".join(f"{name}: {value}" for name, value in told.items()))
    else:
        print_json(told)


@app.command("read")
def read(
    link: Annotated[str, typer.Argument(metavar="LINK", help="A link, or what follows its t=; - reads it.")],
    unsubscribe_keys: options.UnsubscribeKeys = None,
    json: options.Json = False,
) -> None:
    """Tell what a link stands for. Exit code 1 where none of the keys made it."""
    (text,) = options.each_line([link])
    told = options.one_click("https://localhost/", unsubscribe_keys).read(text)
    if told is None:
        note("none of these keys made this link")
        raise typer.Exit(1)
    row = {"address": told.address, "stream": told.stream, "tenant": told.tenant, "about": told.about,
           "made_at": told.made_at}  # fmt: skip
    if for_people(json):
        print("\n".join(f"{name}: {value}" for name, value in row.items() if value))
    else:
        print_json(row)
