"""What could not be understood: ``sesevent dead-letters …``."""

from __future__ import annotations

import json as text
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, for_people, note, print_counts, print_json, print_rows, progress

if TYPE_CHECKING:
    from sesevent.storage.records import DeadLetter

__all__ = ["app"]

app = typer.Typer(help="What could not be understood: look at it, try it again, forget it.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Dead letters, by id.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """List those that arrived last, the latest first."""
    with options.opened_store(uri, database, collection, timeout) as store:
        print_rows([_row(letter) for letter in store.dead_letters.list(limit=limit)], as_json=json)


@app.command("show")
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Show one with its problems and what arrived. That may hold personal data."""
    with options.opened_store(uri, database, collection, timeout) as store:
        letter = store.dead_letters.get(identifier)
    if letter is None:
        note(f"there is no dead letter {identifier}")
        raise typer.Exit(1)
    content = (letter.content or b"").decode("utf-8", "backslashreplace")
    if not for_people(json):
        print_json(_row(letter) | {"content": content})
        return
    print_rows([_row(letter)], as_json=False)
    for problem in letter.problems:
        print(clean(f"{problem.path}: {problem.message}"))
    print("\n" + "\n".join(clean(line) for line in _laid_out(content).split("\n")))


@app.command("retry")
def retry(
    identifiers: Ids = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Try these, or all, again: worth it after an upgrade. What is understood now is stored."""
    with options.opened_store(uri, database, collection, timeout) as store, progress("tried") as told:
        retried = store.dead_letters.retry(*identifiers or (), on_progress=lambda so_far: told(so_far.tried))
    print_counts({"tried": retried.tried, "settled": retried.settled, "events": retried.events}, as_json=json)
    _all_there(identifiers, retried.tried)


@app.command("purge")
def purge(
    identifiers: Ids = None,
    before: Annotated[
        str | None, typer.Option(help="Those that last arrived before this date, or span ago (30d).")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    why: Annotated[str, typer.Option("--why", help="Why; stands in the audit.")] = "",
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Forget these, those from before a time, or all. They cannot be had back."""
    if (before is not None) + everything + bool(identifiers) != 1:
        raise typer.BadParameter("Say which: ids, or --before a time, or --all.")
    moment, who = options.moment(before), options.author(by)
    with options.opened_store(uri, database, collection, timeout) as store:
        purged = store.dead_letters.purge(*identifiers or (), before=moment, everything=everything, by=who, why=why)
    print_counts({"purged": purged}, as_json=json)
    _all_there(identifiers, purged)


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "first_at": letter.first_at,
        "last_at": letter.last_at,
        "count": letter.count,
        "size": letter.size,
        "via": letter.received["via"],
        "problems": [str(problem) for problem in letter.problems],
    }


def _all_there(identifiers: list[str] | None, found: int) -> None:
    missing = len(set(identifiers or ())) - found
    if missing > 0:
        note(f"not there: {missing} of the dead letters named")
        raise typer.Exit(1)


def _laid_out(content: str) -> str:
    try:
        return text.dumps(text.loads(content), indent=2, ensure_ascii=False)
    except ValueError:
        return content
