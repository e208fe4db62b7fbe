"""What became of a mail, or of all the mails of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, for_people, print_json, print_rows
from sesevent.suppression.facts import ALL_STREAMS

if TYPE_CHECKING:
    from sesevent.analytics.status import MessageStatus
    from sesevent.plans.status import Letter, Totals
    from sesevent.suppression.decision import Decision

__all__ = ["recipient", "status"]


def status(
    message_ids: Annotated[list[str], typer.Argument(metavar="MESSAGE_ID…", help="SES's ids; - reads lines.")],
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell what became of mails: of each recipient, and the story that led there. Exit code 1 if one is unknown."""
    unknown = 0
    with options.opened_store(uri, database, collection, timeout) as store:
        for mail in store.status_many(options.each_line(message_ids)):
            unknown += not mail.known
            if for_people(json):
                _show(mail)
            else:
                print_json(mail.to_dict())
    raise typer.Exit(1 if unknown else 0)


def recipient(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="However spelled.")],
    since: Annotated[str | None, typer.Option(help="Mails from this time on: a date, or 2h, 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Mails before this time.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many mails; 0 for all.", min=0)] = 50,
    totals: Annotated[bool, typer.Option("--totals", help="No mails, but what they came to, in one object.")] = False,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell of the mails to a person, the newest first, what became of them, and whether more may be sent.

    In a pipe a line is a mail; with --totals there is one line, with the decision and the totals.
    """
    begins, ends, people = options.moment(since), options.moment(until), for_people(json)
    with options.opened_store(uri, database, collection, timeout) as store:
        if totals or people:
            history = store.recipient(address, since=begins, until=ends)
            _sum_up(history.decision(stream=stream, tenant=tenant), history.totals(), people)
        if not totals:
            letters = store.recipient(address, since=begins, until=ends, limit=limit or None)
            print_rows((_row(letter, short=people) for letter in letters), as_json=json)


def _sum_up(decision: Decision, whole: Totals, people: bool) -> None:
    """Whether a person may be mailed, and what their mails came to."""
    if people:
        states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in whole.states.items())
        print(f"{decision.sentence}\n{whole.mails} mails{states and ': '}{states}.")
    else:
        print_json({"decision": options.decision_row(decision, short=False), "totals": whole.to_dict()})


def _show(mail: MessageStatus) -> None:
    """A mail for a person who reads along."""
    print(f"{clean(mail.message_id)}  {clean(mail.subject)}\n{mail.sentence}")
    if mail.known:
        names = ("address", "state", "since", "reason", "opens", "clicks")
        print_rows(({name: getattr(one, name) for name in names} for one in mail.recipients), as_json=False)
        rows = ({"at": one.at, "type": one.type, "changed": one.effect, "people": one.people} for one in mail.timeline)
        print_rows(rows, as_json=False)


def _row(letter: Letter, *, short: bool) -> dict[str, Any]:
    if not short:
        return letter.to_dict()
    one = letter.status
    return {
        "sent_at": letter.sent_at, "subject": letter.subject, "state": one.state, "since": one.since,
        "reason": one.reason, "opens": one.opens, "clicks": one.clicks, "message_id": letter.message_id,
    }  # fmt: skip
