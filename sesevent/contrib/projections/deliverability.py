"""Whether a person may be mailed, in the record of the person: as the suppression list has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sesevent.contrib.projections.declared import (
    Missing,
    Target,
    World,
    as_kept,
    clear_field,
    count,
    look_at,
    note_change,
    note_missing,
    of_person,
    require,
    update_neighbour,
)
from sesevent.contrib.projections.report import Outcome
from sesevent.errors import StoreConflict
from sesevent.ops import Plan, ask
from sesevent.plans import suppress
from sesevent.storage import reads
from sesevent.storage.codec import StoredEvent, legacy_derived
from sesevent.storage.standings import EVIDENCE
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import ALL_STREAMS

__all__ = ["Deliverability"]

_TRIES: Final = 5


@dataclass(frozen=True, repr=False)
class Deliverability:
    """Keep in the record of a person whether the suppression list lets them be mailed.

    *email* is the field that holds the address in lower case; where it is spelled otherwise too, give a *collation*
    that takes no notice of case, and the field an index of that. Kept is ``{deliverable, reason, since, until}`` as
    ``deliverability`` below *under*, for everybody of whom something was ever said; who has none was never spoken of.
    *stream* and *tenant* are those of `SuppressionList.check`.

    It is the list's answer when it was written. What is done by hand, by the list of Amazon SES, or by time
    (``until``) is no event: `Projector.recheck` sees to it.
    """

    collection: Any
    email: str = "email"
    stream: str = ALL_STREAMS
    tenant: str = ""
    under: str = "ses"
    missing: Missing = "ignore"
    name: str = "deliverability"
    collation: Any = None

    types = (*sorted(EVIDENCE), "Delivery")
    by_address = True

    def __post_init__(self) -> None:
        require(self.missing in ("report", "ignore", "upsert"), "missing is one of report, ignore and upsert.")

    def project(self, rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Let standings follow these events, and the records of the people follow the standings."""
        evidence, delivered = set[str](), set[str]()
        documents = [_with_derived(row) for row in rows]
        for document in documents:
            suppress.touch(document, evidence, delivered)
        if not world.dry:
            # A row is told of before whoever received it has derived the standing, or died doing so.
            yield from suppress.note_facts(documents)
            yield from suppress.rederive(world.policy, evidence, delivered)
        spoken_of = yield from _spoken_of(delivered - evidence)
        return (yield from self.recheck(sorted(evidence | spoken_of), rows, world))

    def recheck(self, people: Sequence[str], rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Keep what the list says now of these addresses, in normal form."""
        outcome = Outcome()
        of = _by_person(rows)
        left, kept = list(people), dict[str, dict[str, Any]]()
        for attempt in range(_TRIES):
            # Asked once more after writing: somebody else may have written meanwhile what was true before.
            decisions = yield from suppress.check(world.policy, left, self.stream, self.tenant, world.now)
            told = dict(zip(left, map(_told, decisions), strict=True))
            left = [normal for normal in left if kept.get(normal) != told[normal]]
            for normal in left:
                target = of_person({}, self.email, normal)
                yield from self._keep(target, told[normal], of.get(normal, ()), world, outcome, again=attempt > 0)
            kept |= told
            if not left or world.dry:
                return outcome
        raise StoreConflict(
            "A suppression standing changed each time it was written down.", hint="It is safe to repeat."
        )

    def _keep(
        self,
        target: Target,
        told: Mapping[str, Any],
        rows: Sequence[StoredEvent],
        world: World,
        outcome: Outcome,
        *,
        again: bool,
    ) -> Plan[None]:
        if world.dry:
            for document in (yield from look_at(self, target, outcome, rows)):
                before = (document.get(self.under) or {}).get("deliverability")
                note_change(self, outcome, document.get("_id"), "deliverability", before, as_kept(told))
            return
        wrote = yield from update_neighbour(self, target, {"$set": {f"{self.under}.deliverability": told}})
        count(outcome, wrote)
        if not again and not wrote.matched and not wrote.made:
            note_missing(outcome, rows, self.missing)

    def clear(self, world: World) -> Plan[None]:  # noqa: ARG002  # nothing is kept elsewhere
        """Take away everything that was kept."""
        yield from clear_field(self.name, f"{self.under}.deliverability")


def _told(decision: Decision) -> dict[str, Any]:
    refused = not decision.allowed
    return {
        "deliverable": decision.allowed,
        "reason": decision.reason if refused else None,
        "since": decision.since if refused else None,
        "until": decision.until if refused else None,
    }


def _spoken_of(delivered: Iterable[str]) -> Plan[set[str]]:
    """Those of whom something was ever said: of the others a delivery says nothing new."""
    asked = sorted(delivered)
    rows = (yield from ask(reads.standings_of(asked))) if asked else []
    return {row["_id"] for row in rows}


def _by_person(rows: Iterable[StoredEvent]) -> dict[str, list[StoredEvent]]:
    of: dict[str, list[StoredEvent]] = {}
    for row in rows:
        for normal in row.event.essentials.normals:
            of.setdefault(normal, []).append(row)
    return of


def _with_derived(row: StoredEvent) -> dict[str, Any]:
    document = dict(row.document)
    return document if document.get("derived") else document | {"derived": legacy_derived(document)}
