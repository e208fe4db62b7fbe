"""A record of processing, as article 30 of the GDPR asks for one: what is stored of whom, why, how long, who sees it.

It is made of the configuration, so it says what is, and not what was once written down. What no configuration knows
(who is responsible, which law it rests on) is handed in. It asks nobody. Next: :mod:`sesevent.plans.compliance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent.jsonvalues import fields_as_json

__all__ = ["HELD", "Held", "Kept", "ProcessingRecord", "Who"]


class Held(NamedTuple):
    """What a collection holds about people."""

    of: str
    """About whom."""
    what: str
    why: str
    until: str
    """How long, where nothing else says so."""


_NOBODY: Final = "nobody"
_RECIPIENTS: Final = "people who are mailed"
_STAFF: Final = "people who work with it"

HELD: Final[dict[str, Held]] = {
    "ses_event": Held(
        _RECIPIENTS, "address, subject and headers of mails; what became of each; of opens and clicks the reader's IP "
        "address, software and links", "to know what became of a mail, whom one may still mail, and how sending goes",
        "for good, unless a retention policy says otherwise"),
    "ses_events": Held(
        _RECIPIENTS, "as ses_event, where another application writes its events there", "as ses_event", "as ses_event"),
    "ses_event_unfinished": Held(
        _NOBODY, "which rows are brought up to date", "to finish what a killed process began", "until it is done"),
    "ses_key": Held(
        _NOBODY, "data keys, each sealed by a master key that is kept elsewhere; some are of one person",
        "to read what is encrypted", "until it is shredded"),
    "ses_encryption": Held(_NOBODY, "how far a change of keys has come", "to go on after a restart", "for good"),
    "ses_suppression": Held(
        _RECIPIENTS, "address; which rules hold against mailing it, since when",
        "to mail nobody who must not be mailed",
        "as long as a rule holds: to forget an opt-out would be to break it"),
    "ses_suppression_act": Held(
        _RECIPIENTS, "address; bounces, complaints, opt-outs and what people said about it, with their names",
        "to prove why an address is or is not mailed", "for good: the proof outlives the events"),
    "ses_dead_letter": Held(
        _RECIPIENTS, "messages that could not be read, as they came", "to lose no event to an error",
        "until it is understood or purged"),
    "ses_audit": Held(
        _STAFF, "who did what, when and why; no recipient is named", "to prove what was done",
        "for good: a chain cannot be shortened"),
    "ses_hold": Held(
        f"{_RECIPIENTS}; {_STAFF}", "an address, mail or campaign that must be kept; who said so and why",
        "legal holds (GDPR, article 17(3)(e))", "until it is lifted"),
    "ses_erasure": Held(
        f"{_RECIPIENTS}; {_STAFF}", "a keyed hash of each person who was erased; who did it, why, and how much it was",
        "to erase again what comes back, and to mail nobody who asked not to be", "until the person is readmitted"),
    "ses_token": Held(_STAFF, "name and rights of each API token, and a hash of it", "to know who asks", "for good"),
    "ses_alarm": Held(_STAFF, "the state of each alarm, and who acknowledged it", "to be warned in time", "for good"),
    "ses_alarm_log": Held(_STAFF, "what became of alarms, and who was told", "to see what went wrong", "for good"),
    "ses_rollup": Held(
        _NOBODY, "counts by hour, and sketches that tell of no person", "figures over long spans", "for good"),
    "ses_rollup_hour": Held(_NOBODY, "which hours are counted", "figures over long spans", "for good"),
    "ses_watch": Held(_NOBODY, "how far each reader is", "to go on after a restart", "for good"),
    "ses_bookmark": Held(_NOBODY, "how far each file or stream was read", "to go on after a restart", "for good"),
    "ses_health": Held(_NOBODY, "one document", "to see whether writing works", "for good"),
}  # fmt: skip
"""By collection. A test holds it complete."""


class Kept(NamedTuple):
    """What is kept in one collection, and how long."""

    collection: str
    of: str
    what: str
    why: str
    how_long: tuple[str, ...]
    documents: int


class Who(NamedTuple):
    """Who may see it."""

    name: str
    may: str


@dataclass(frozen=True, slots=True)
class ProcessingRecord:
    """What is stored about whom, where, why, how long, and who may see it."""

    at: datetime
    controller: str
    """Article 30(1)(a): who is responsible; empty where nobody said."""
    legal_basis: str
    where: str
    """The database, and what kind of server holds it."""
    kept: tuple[Kept, ...]
    capture: tuple[Mapping[str, Any], ...]
    """Field by field, what is stored of an event; none: everything, as it comes."""
    who: tuple[Who, ...]
    recipients: tuple[str, ...]
    """Article 30(1)(d): to whom it is handed on."""
    measures: tuple[str, ...]
    """Article 30(1)(g)."""
    open_points: tuple[str, ...] = field(default=())
    """What must be added by hand, or put right."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return fields_as_json(self)

    def to_markdown(self) -> str:
        """As a document."""
        parts = [
            "# Record of processing: events of mails sent through Amazon SES",
            f"As configured on {self.at:%Y-%m-%d}. GDPR, article 30.",
            f"**Controller:** {self.controller or '…'}  \n**Legal basis:** {self.legal_basis or '…'}  \n"
            f"**Where:** {self.where}",
            "## What is kept, why, and how long",
            _table(("where", "about", "what", "why", "how long", "now"), [
                (one.collection, one.of, one.what, one.why, "; ".join(one.how_long), f"{one.documents:,}")
                for one in self.kept
            ]),
            "## What of an event is stored",
            _table(tuple(self.capture[0]), [tuple(map(str, row.values())) for row in self.capture])
            if self.capture else "Everything, as Amazon SES tells it: no privacy policy is configured.",
            "## Who may see it",
            _table(("who", "what"), [tuple(one) for one in self.who]),
            "## To whom it is handed on",
            _listed(self.recipients),
            "## How it is protected",
            _listed(self.measures),
        ]  # fmt: skip
        if self.open_points:
            parts += ["## Still open", _listed(self.open_points)]
        return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- …"
