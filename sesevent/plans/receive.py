"""From bytes to a receipt: the walk of an event, in order.

`prepare` is pure: it unwraps, reads, keys and builds the documents. `store` is the plan: insert
what is not there yet, then derive the standings of whomever the events concern. A repeated
event derives again too, so that a crash between the two steps is mended by the redelivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sesevent.errors import PayloadError, Problem
from sesevent.events.event import Event
from sesevent.ops import Plan, ask
from sesevent.plans.parse import read_message
from sesevent.plans.suppress import note_facts, rederive, touched
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.trust import VerifiedMessage, require_verified
from sesevent.storage.codec import IDENTITY_KINDS, document_of, is_too_large
from sesevent.storage.operations import Document
from sesevent.storage.records import dead_letter_document
from sesevent.storage.writes import insert_events, keep_dead_letters, prefer_published
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Standing

__all__ = ["Prepared", "Receipt", "ReceivedEvent", "Stored", "Summary", "prepare", "receive", "store"]

_LARGEST = 12 * 2**20  # bytes of one event that are worth reading; MongoDB takes documents of 16 MiB


class ReceivedEvent(NamedTuple):
    """One event of a receipt."""

    event: Event
    id: str
    """The key it is stored under, 24 hexadecimal digits."""
    fresh: bool
    """False where it was stored before."""


@dataclass(frozen=True)
class Receipt:
    """What became of one thing received. It exists only once everything in it is stored durably."""

    events: tuple[ReceivedEvent, ...] = ()
    standings: tuple[Standing, ...] = ()
    """Suppression standings that changed."""
    skipped: tuple[UnverifiedMessage, ...] = ()
    """Handshakes, and messages that are not SES's."""

    @property
    def event(self) -> Event | None:
        """The event, where exactly one arrived."""
        return self.events[0].event if len(self.events) == 1 else None

    @property
    def fresh(self) -> bool:
        """True where at least one event had not been stored before."""
        return any(received.fresh for received in self.events)


@dataclass
class Summary:
    """What became of many things received, so far."""

    items: int = 0
    """Things taken from the input."""
    events: int = 0
    """Events found in them and stored durably, repeats included."""
    fresh: int = 0
    """Events that had not been stored before."""
    skipped: int = 0
    """Handshakes, and messages that are not SES's."""
    failed: int = 0
    """Things that could not be read, or only in part."""
    problems: list[Problem] = field(default_factory=list)
    """The first hundred problems; their paths begin with the thing's position, ``$[17]``."""

    @property
    def duplicates(self) -> int:
        """Events that were stored before."""
        return self.events - self.fresh


@dataclass(slots=True)
class Prepared:
    """Things received, read and ready to be stored."""

    documents: list[Document] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    """Addresses, in normal form, whose suppression standing may change."""
    delivered: set[str] = field(default_factory=set)
    """Addresses that were delivered to: it changes the standing of those only that had failures."""
    events: list[Event] | None = None
    """The events in the documents, where the caller wants them: they weigh more than the documents."""
    skipped: list[UnverifiedMessage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    dead: list[Document] = field(default_factory=list)
    """What cannot be understood, to be kept as dead letters."""


class Stored(NamedTuple):
    """What became of prepared events."""

    fresh: list[bool]
    standings: list[Standing]


def prepare(received: VerifiedMessage, now: datetime, prepared: Prepared) -> None:
    """Read everything in *received* and add it to *prepared*: events with their documents, dead letters, the rest.

    Raises ConfigurationError for anything but a `VerifiedMessage`.
    """
    for message in require_verified(received).messages:
        if message.kind == "event":
            _prepare_event(message, now, prepared)
        elif message.problem is not None:
            _bury(message, [message.problem], now, prepared)
        else:
            prepared.skipped.append(message)


def _prepare_event(message: UnverifiedMessage, now: datetime, prepared: Prepared) -> None:
    if _is_too_large(message.text):
        _bury(message, [_too_large(message)], now, prepared)
        return
    try:
        event = read_message(message)
    except PayloadError as error:
        _bury(message, error.problems, now, prepared)
        return
    document = document_of(event, message, now)
    if is_too_large(document):
        _bury(message, [_too_large(message)], now, prepared)
        return
    if prepared.events is not None:
        prepared.events.append(event)
    for own, others in zip((prepared.touched, prepared.delivered), touched(document), strict=True):
        own.update(others)
    prepared.documents.append(document)


def _bury(message: UnverifiedMessage, problems: Sequence[Problem], now: datetime, prepared: Prepared) -> None:
    prepared.problems.extend(problems)
    prepared.dead.append(dead_letter_document(message, problems, now))


def _too_large(message: UnverifiedMessage) -> Problem:
    return Problem(message.place.path, "is too large to be stored", message.place.line)


def _is_too_large(text: str) -> bool:
    # A character takes four bytes at most; only long texts are worth counting exactly.
    return len(text) > _LARGEST // 4 and len(text.encode("utf-8", "surrogatepass")) > _LARGEST


def store(policy: Policy, prepared: Prepared) -> Plan[Stored]:
    """Store prepared events and dead letters, then derive the standings the events touch."""
    if prepared.dead:
        yield from _keep(prepared.dead)
    if not prepared.documents:
        return Stored([], [])
    fresh = yield from ask(insert_events(prepared.documents))
    richer = [
        document for document, new in zip(prepared.documents, fresh, strict=True) if not new and _published(document)
    ]
    if prepared.touched:
        yield from note_facts(prepared.documents)
    if richer:
        yield from ask(prefer_published(richer))
        yield from note_facts(richer, anew=True)
    standings = yield from rederive(policy, prepared.touched, prepared.delivered)
    return Stored(fresh, standings)


def _keep(dead: Sequence[Document]) -> Plan[None]:
    outcome = yield from ask(keep_dead_letters(dead))
    if outcome.refused:  # others kept the same for the first time just now: it is there to be counted
        yield from ask(keep_dead_letters([dead[position] for position in outcome.refused]))


def _published(document: Document) -> bool:
    """True for an event that an identity notification may have told before, and told less of."""
    return document["Type"] in IDENTITY_KINDS and "identity" not in document["derived"]


def receive(policy: Policy, message: VerifiedMessage, now: datetime) -> Plan[Receipt]:
    """Receive one thing: all of the walk.

    Raises PayloadError where something in it cannot be understood; that is a dead letter then, and
    what could be understood is stored.
    """
    events: list[Event] = []
    prepared = Prepared(events=events)
    prepare(message, now, prepared)
    stored = yield from store(policy, prepared)
    if prepared.problems:
        raise PayloadError(prepared.problems)
    received = zip(events, prepared.documents, stored.fresh, strict=True)
    return Receipt(
        tuple([ReceivedEvent(event, str(document["_id"]), fresh) for event, document, fresh in received]),
        tuple(stored.standings),
        tuple(prepared.skipped),
    )
