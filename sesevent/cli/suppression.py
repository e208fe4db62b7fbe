"""May I send? ``sesevent suppression …``: asked, listed, and told as the history of one address.

What people say is in :mod:`sesevent.cli.suppression_acts`, what is done to the whole list in
:mod:`sesevent.cli.suppression_lists`; their commands are named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options, ses_account, suppression_acts, suppression_lists
from sesevent.cli.output import for_people, note, print_rows
from sesevent.suppression.facts import ACTS, ALL_STREAMS

if TYPE_CHECKING:
    from sesevent.plans.acts import History
    from sesevent.suppression.decision import Decision
    from sesevent.suppression.facts import Act, Fact

__all__ = ["app"]

app = typer.Typer(help="Whom may you mail, and why not?", no_args_is_help=True)


@app.command("check")
def check(
    addresses: options.Addresses,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell for each address whether it may be mailed, and why not. Exit code 3 if one may not."""
    refused = 0

    def rows(decisions: Iterable[Decision]) -> Iterator[dict[str, Any]]:
        nonlocal refused
        for decision in decisions:
            refused += not decision.allowed
            yield options.decision_row(decision, short=for_people(json))

    with options.opened_store(uri, database, collection, timeout) as store:
        asked = options.each_line(addresses)
        print_rows(rows(store.suppression.check_many(asked, stream=stream, tenant=tenant)), as_json=json)
    raise typer.Exit(3 if refused else 0)


@app.command("list")
def list_(
    rule: options.Rule = None,
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.", min=0)] = 100,
    after: Annotated[str | None, typer.Option(help="Continue behind this address.")] = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """List whom you may not mail now, by address."""
    with options.opened_store(uri, database, collection, timeout) as store:
        listed = store.suppression.list(rule=rule, stream=stream, tenant=tenant, limit=limit or None, after=after)
        print_rows((options.decision_row(decision, short=for_people(json)) for decision in listed), as_json=json)


@app.command("history")
def history(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="However spelled.")],
    stream: options.Stream = ALL_STREAMS,
    tenant: options.Tenant = "",
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Tell what happened to an address, who said what about it, and what followed. Exit code 1 if nothing is known."""
    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.suppression.history(address, stream=stream, tenant=tenant)
    rows = _story(found)
    if rows or not for_people(json):
        print_rows(rows, as_json=json)
    if not rows:
        note("nothing is known of this address")
    raise typer.Exit(0 if rows else 1)


app.command("add")(suppression_acts.add)
app.command("unsubscribe")(suppression_acts.unsubscribe)
app.command("resubscribe")(suppression_acts.resubscribe)
app.command("reactivate")(suppression_acts.reactivate)
app.command("import")(suppression_lists.import_)
app.command("export")(suppression_lists.export)
app.command("rebuild")(suppression_lists.rebuild)
app.command("simulate")(suppression_lists.simulate)
app.command("sync")(ses_account.sync)


def _story(found: History) -> list[dict[str, Any]]:
    """By time: what happened, then what was said, then what followed."""
    rows = [
        *[_entry(fact.at, "event", _happened(fact), fact.event_id) for fact in found.facts],
        *[_entry(act.at, "act", _said(act), act.id) for act in found.acts],
        *[_entry(at, "decision", decision.sentence, decision.rule or "") for at, decision in found.decisions],
    ]
    return sorted(rows, key=lambda row: row["at"])  # equal times stay in this order


def _entry(at: Any, what: str, told: str, reference: str) -> dict[str, Any]:
    return {"at": at, "what": what, "told": told, "reference": reference}


def _happened(fact: Fact) -> str:
    if fact.kind == "Bounce":
        told = f"A mail bounced: {fact.reason} ({fact.bounce_class}); Amazon SES says {fact.type}/{fact.sub_type}"
    elif fact.kind == "Complaint":
        told = f"A complaint ({fact.type or fact.sub_type or 'of no named type'})"
        told += "" if fact.certain else ", by this person or another recipient at the same provider"
    elif fact.kind == "Subscription":
        told = "; ".join(
            [f"Opted {'in to' if opted_in else 'out of'} {_topic(name)}" for name, opted_in in fact.topics]
        )
    else:
        told = "A mail was delivered"
    return told + (f" [{fact.configuration_set}]" if fact.configuration_set else "")


def _topic(name: str) -> str:
    return "everything" if name == ALL_STREAMS else name


def _said(act: Act) -> str:
    where = "" if act.stream == ALL_STREAMS else f", on the stream {act.stream}"
    details = [
        f"by {act.by}" if act.by else "",
        f"from {act.origin}" if act.origin else "",
        f"until {act.until:%Y-%m-%d %H:%M} UTC" if act.until else "",
        f"for the tenant {act.tenant}" if act.tenant else "",
        "overriding complaints and unsubscriptions" if act.override else "",
    ]
    told = ACTS.get(act.act, act.act)
    note_ = f": «{act.note}»" if act.note else ""
    return f"{told[:1].upper()}{told[1:]}{where} ({', '.join(filter(None, details))}){note_}"
