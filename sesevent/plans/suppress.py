"""Standings follow the facts: derive again what a batch touched, and answer for addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sesevent import addresses
from sesevent.errors import StoreConflict
from sesevent.events.bounce import Bounce
from sesevent.events.complaint import Complaint
from sesevent.events.event import Event
from sesevent.ops import Plan, ask
from sesevent.storage import reads, writes
from sesevent.storage.codec import standing_in
from sesevent.storage.operations import Document
from sesevent.suppression.decide import Decision, decide
from sesevent.suppression.facts import Fact
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Standing, derive

__all__ = ["CHECKED_AT_ONCE", "check", "rederive", "touched"]

CHECKED_AT_ONCE = 1000  # addresses in one question
_EVIDENCE = (Bounce, Complaint)
_TRIES = 20  # each lost race means that another writer got through


def check(policy: Policy, asked: Sequence[str]) -> Plan[list[Decision]]:
    """One decision for each address, in the order asked."""
    normals = [addresses.normal(address) for address in asked]
    documents = yield from ask(reads.standings_of(set(normals)))
    standings = {document["_id"]: standing_in(document) for document in documents}
    return [decide(policy, standings.get(normal) or Standing(normal, policy.version)) for normal in normals]


def touched(event: Event) -> list[str]:
    """The addresses, in normal form, of which this event is evidence."""
    return [recipient.normal for recipient in event.recipients] if isinstance(event, _EVIDENCE) else []


def rederive(policy: Policy, normals: Iterable[str]) -> Plan[list[Standing]]:
    """Derive the standings of these addresses from the facts and keep what changed; returns the changed ones.

    The revision is read before the facts: whoever adds a fact later will derive later too.
    """
    left = set(normals)
    changed: list[Standing] = []
    for _ in range(_TRIES):
        if not left:
            return changed
        kept = yield from ask(reads.standings_of(left))
        rows = yield from ask(reads.facts_about(left))
        changes = _changes(policy, left, {document["_id"]: document for document in kept}, rows)
        if not changes:
            return changed
        outcome = yield from ask(writes.keep_standings(changes))
        lost = {changes[position][0].address for position in outcome.refused}
        changed += [standing for standing, _ in changes if standing.address not in lost]
        left = lost
    raise StoreConflict("Other writers won every race for a suppression standing.", hint="It is safe to repeat.")


def _changes(
    policy: Policy, normals: set[str], kept: dict[str, Document], rows: list[Document]
) -> list[tuple[Standing, int]]:
    facts: dict[str, list[Fact]] = {normal: [] for normal in normals}
    for row in rows:
        fact = reads.fact_in(row)
        if fact is not None:
            for normal in facts.keys() & row["derived"]["recipients"]:
                facts[normal].append(fact)
    changes = []
    for normal in sorted(normals):
        before = standing_in(kept[normal]) if normal in kept else Standing(normal, policy.version)
        after = derive(policy, normal, facts[normal])
        if after != before:
            changes.append((after, kept[normal]["rev"] if normal in kept else 0))
    return changes
