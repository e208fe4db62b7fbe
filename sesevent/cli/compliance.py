"""For those who answer for a list, and for its people: ``sesevent compliance …``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, note, print_json, print_rows

if TYPE_CHECKING:
    from sesevent.analytics.hygiene import Hygiene

__all__ = ["app"]

app = typer.Typer(help="Whom to take off a list, and what is stored about people.", no_args_is_help=True)


@app.command("hygiene")
def hygiene(
    months: Annotated[int, typer.Option(min=1, max=120, help="Who did not look for so long is unengaged.")] = 6,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, in which no spreadsheet finds a formula.")] = False,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 300.0,
    json: options.Json = False,
) -> None:
    """Tell whom to take off your lists: how many of each kind, masked examples, what to do and why.

    It reads all events of twice as many months.
    """
    with options.opened_store(uri, database, collection, timeout) as store:
        told = store.compliance.hygiene(months=months)
    if csv:
        _print_csv(told)
    elif for_people(json):
        rows = ({"people": f"{one.people:,}", "who": one.words, "such as": one.examples, "do": one.do, "why": one.why}
                for one in told.findings if one.people)  # fmt: skip
        print_rows(rows, as_json=False, title=f"of {told.people:,} people who were mailed since {told.since:%Y-%m-%d}")
    else:
        print_json(told.to_dict())
    if not told.engagement_known:
        note("nobody is called unengaged: no open or click is known")
    if told.hidden:
        note(f"of {told.hidden:,} people addresses are hidden: whether theirs are role addresses is not seen")
    if not told.counted_once:
        note("somebody may count twice: not all that stands for an address can be compared with the rest")


def _print_csv(told: Hygiene) -> None:
    from sesevent import csvtext

    print(csvtext.line(["kind", "people", "examples", "who", "do", "why"]), end="")
    for one in told.findings:
        cells = [one.name, str(one.people), " ".join(one.examples), one.words, one.do, one.why]
        print(csvtext.line([csvtext.escaped(cell) for cell in cells]), end="")


@app.command("record")
def record(
    retention: Annotated[
        Path | None, typer.Option(metavar="POLICY.toml", help="The retention policy that holds.", show_default=False)
    ] = None,
    controller: Annotated[str, typer.Option(help="Who is responsible, and how to reach them.")] = "",
    legal_basis: Annotated[str, typer.Option(help="What it rests on, such as consent.")] = "",
    recipient_of_data: Annotated[
        list[str] | None, typer.Option(help="To whom it is handed on; may be repeated.", show_default=False)
    ] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Print a record of processing (GDPR, article 30) from what is configured, as Markdown or JSON.

    Exit code 1 where points are open that no configuration knows.
    """
    from sesevent.retention import Retention

    policy = None if retention is None else Retention.load(retention)
    with options.opened_store(uri, database, collection, timeout) as store:
        told = store.compliance.record(
            retention=policy, controller=controller, legal_basis=legal_basis, recipients=recipient_of_data or ()
        )
    if json:
        print_json(told.to_dict())
    else:
        print(told.to_markdown(), end="")
    raise typer.Exit(1 if told.open_points else 0)
