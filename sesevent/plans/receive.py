"""From bytes to a receipt: the walk of an event, in order.

`prepare` is pure: it unwraps, reads, keys and builds the documents. `store` is the plan: insert
what is not there yet, then derive the standings of whomever the events concern. A repeated
event derives again too, so that a crash between the two steps is mended by the redelivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from bson import ObjectId

from sesevent import addresses
from sesevent.errors import PayloadError, Problem, SesEventError, StoreError
from sesevent.events.essentials import Essentials
from sesevent.events.event import Event
from sesevent.events.parse import class_of, event_of
from sesevent.ops import Plan, ask
from sesevent.plans import erased
from sesevent.plans.erased import Listed, Taken
from sesevent.plans.marking import mark
from sesevent.plans.parse import essentials_in
from sesevent.plans.suppress import note_facts, rederive, touch
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.trust import VerifiedMessage, require_verified
from sesevent.storage import reads
from sesevent.storage.codec import IDENTITY_KINDS, document_of, is_too_large, protect
from sesevent.storage.erasures import put_letters, put_rows
from sesevent.storage.operations import AskPseudonyms, Document
from sesevent.storage.records import dead_letter_document
from sesevent.storage.writes import insert_events, keep_dead_letters, prefer_published
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Standing

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protection

__all__ = [
    "Outcome", "Prepared", "Receipt", "ReceivedEvent", "Redelivery", "Seen", "Stored", "Summary", "Tell",
    "prepare", "prepare_one", "store", "store_each", "store_together",
]  # fmt: skip

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


class Outcome(NamedTuple):
    """What became of one of many things received."""

    message: VerifiedMessage | None
    """What was handed in."""
    receipt: Receipt | None
    """What of it is stored; None where nothing could be."""
    error: SesEventError | None = None
    """A PayloadError where something in it could not be understood, and is a dead letter now; else why it is
    not stored."""

    @property
    def settled(self) -> bool:
        """True where it may be acknowledged: it is stored, or kept as a dead letter."""
        return self.error is None or isinstance(self.error, PayloadError)

    @property
    def fresh(self) -> list[Event]:
        """The events in it that had not been stored before."""
        return [received.event for received in self.receipt.events if received.fresh] if self.receipt else []

    def result(self) -> Receipt:
        """The receipt. Raises the error, where there is one."""
        if self.error is not None or self.receipt is None:
            raise self.error or ValueError("an outcome is a receipt or an error")
        return self.receipt


Tell = Callable[[int, Outcome], object]
"""Hears what became of one of several things, by its place among them."""


class Seen(NamedTuple):
    """Events, and those of them that had not been stored before."""

    events: int = 0
    fresh: int = 0


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
    by_type: dict[str, Seen] = field(default_factory=dict)
    """The events, and how many of them were fresh, by SES's word; those of no known kind under ``other``."""

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
    evidence: list[Document] = field(default_factory=list)
    """Those of the documents that hold facts about the touched."""
    events: list[Event | None] | None = None
    """The events in the documents, where the caller wants them: they weigh more than the documents. None in
    place of those of kinds that are not to be kept."""
    keep: tuple[type[Event], ...] = (Event,)
    """The kinds of event to keep."""
    skipped: list[UnverifiedMessage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    dead: list[Document] = field(default_factory=list)
    """What cannot be understood, to be kept as dead letters."""
    message: VerifiedMessage | None = None
    """What it was prepared of, where that is one thing."""
    mailed: dict[ObjectId, list[str]] = field(default_factory=dict)
    """By event: to whom its mail went, in normal form, where that is several."""
    privacy: Protection | None = None
    """What is kept of people; None: everything, as it came."""
    names: dict[str, str] = field(default_factory=dict)
    """What people are stored as, where that is not their address, in normal form → that address."""


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
    if _is_too_long(message.text):
        _bury(message, [_too_large(message)], now, prepared)
        return
    try:
        event = essentials_in(message)
    except PayloadError as error:
        _bury(message, error.problems, now, prepared)
        return
    document = document_of(event, message, now)
    if prepared.privacy is not None:
        _protect(prepared.privacy, event, document, prepared.names)
    if is_too_large(document):
        _bury(message, [_too_large(message)], now, prepared)
        return
    if prepared.events is not None:
        prepared.events.append(event_of(event) if issubclass(class_of(event.type), prepared.keep) else None)
    prepared.documents.append(document)
    if prepared.privacy is not None and type(mailed := event.mail.get("destination")) is list and len(mailed) > 1:
        prepared.mailed[document["_id"]] = [addresses.normal(one) for one in mailed if type(one) is str]
    if touch(document, prepared.touched, prepared.delivered):
        prepared.evidence.append(document)


def _protect(privacy: Protection, event: Essentials, document: Document, names: dict[str, str]) -> None:
    """What is stored says no more than the policy lets it; its key is that of the event as it came."""
    protected = privacy.protect(event)
    if protected is None:
        return
    protect(document, event, protected, privacy.policy.version)
    if privacy.hides:
        names.update(zip(protected.recipients, event.normals))  # noqa: B905  # none where nobody is named


def _bury(message: UnverifiedMessage, problems: Sequence[Problem], now: datetime, prepared: Prepared) -> None:
    prepared.problems.extend(problems)
    keep_text = prepared.privacy is None or prepared.privacy.keeps_dead_letters
    prepared.dead.append(dead_letter_document(message, problems, now, keep_text=keep_text))


def _too_large(message: UnverifiedMessage) -> Problem:
    return Problem(message.place.path, "is too large to be stored", message.place.line)


def _is_too_long(text: str) -> bool:
    # A character takes four bytes at most; only long texts are worth counting exactly.
    return len(text) > _LARGEST // 4 and len(text.encode("utf-8", "surrogatepass")) > _LARGEST


class Redelivery:
    """Whether much of what arrives is there already: then it is cheaper to ask first than to be refused."""

    def __init__(self) -> None:
        self.expected = False

    def learn(self, fresh: Sequence[bool]) -> None:
        """See how many of the last were repeats."""
        if len(fresh) >= _TELLING:
            self.expected = fresh.count(False) * 10 > len(fresh)


_TELLING = 20  # events from which one may learn


def store(policy: Policy, prepared: Prepared, redelivery: Redelivery) -> Plan[Stored]:
    """Store prepared events and dead letters, then derive the standings the events touch."""
    fresh = yield from _record([prepared], redelivery)
    return Stored(fresh, (yield from _derive(policy, prepared)))


def _record(several: Sequence[Prepared], redelivery: Redelivery) -> Plan[list[bool]]:
    """Keep dead letters, and events that are not there yet; says of each event whether it was fresh."""
    listed = yield from _take_out_erased(several, {})
    prepared = several[0] if len(several) == 1 else _merged(several)
    if prepared.dead:
        yield from _keep(prepared.dead)
    if not prepared.documents:
        return []
    fresh = yield from _insert(prepared.documents, redelivery)
    yield from _prefer_published(
        [document for document, new in zip(prepared.documents, fresh, strict=True) if not new and _published(document)]
    )
    yield from _take_out_erased(several, listed, written=True)
    yield from mark(prepared.documents)
    return fresh


def _take_out_erased(several: Sequence[Prepared], known: Listed, *, written: bool = False) -> Plan[Listed]:
    """Take those who were erased out of prepared events; of *written* ones, whoever was erased since it was *known*."""
    if (yield from ask(AskPseudonyms())) is None:
        return {}
    people = {one for prepared in several for document in prepared.documents for one in _mailed(document, prepared)}
    listed = yield from erased.among(people)
    if listed.keys() <= known.keys():
        return listed
    changes = [change for prepared in several for change in _without_erased(prepared, listed)]
    if written and changes:
        yield from ask(put_rows(changes))
    return listed


def _mailed(document: Document, prepared: Prepared) -> list[str]:
    people: list[str] = [prepared.names.get(one) or one for one in document["derived"].get("recipients", ())]
    return people + prepared.mailed.get(document["_id"], [])


def _without_erased(prepared: Prepared, listed: Listed) -> list[tuple[Document, Document]]:
    """Take the erased out of what is prepared; returns what it was and what it is."""
    found = [erased.taken(document, _mailed(document, prepared), listed) for document in prepared.documents]
    changes = [(old, new.document) for old, new in zip(prepared.documents, found, strict=True) if new is not None]
    if changes:
        evidence = {one["_id"]: one for one in prepared.evidence}
        pairs = [
            Taken(old, evidence.get(old["_id"], old)) if new is None else new
            for old, new in zip(prepared.documents, found, strict=True)
        ]
        prepared.documents = [pair.document for pair in pairs]
        prepared.touched, prepared.delivered = set(), set()
        prepared.evidence = [
            pair.evidence for pair in pairs if touch(pair.evidence, prepared.touched, prepared.delivered)
        ]
    return changes


def _derive(policy: Policy, prepared: Prepared) -> Plan[list[Standing]]:
    """Note the facts in stored events, and let the standings follow; returns those that changed."""
    yield from note_facts(prepared.evidence)
    changed = yield from rederive(policy, prepared.touched, prepared.delivered, prepared.names)
    people = {one.address for one in changed} | prepared.touched
    yield from erased.settle(policy, {prepared.names.get(person, person) for person in people})
    return changed


def _insert(documents: Sequence[Document], redelivery: Redelivery) -> Plan[list[bool]]:
    """Insert events that are not there yet; says of each whether it was fresh."""
    if redelivery.expected:
        fresh = yield from _insert_absent(documents)
    else:
        fresh = yield from ask(insert_events(documents))
    redelivery.learn(fresh)
    return fresh


def _insert_absent(documents: Sequence[Document]) -> Plan[list[bool]]:
    """The same, asking first: where much is there already it is cheaper than to be refused."""
    rows = yield from ask(reads.which_are_there([document["_id"] for document in documents]))
    there = {row["_id"] for row in rows}
    absent = [document for document in documents if document["_id"] not in there]
    inserted = iter((yield from ask(insert_events(absent))) if absent else ())
    return [document["_id"] not in there and next(inserted) for document in documents]


def _prefer_published(repeated: Sequence[Document]) -> Plan[None]:
    """Let what event publishing tells of an event replace what an identity notification told of it."""
    if not repeated:
        return
    rows = yield from ask(reads.told_by_identity([document["_id"] for document in repeated]))
    poorer = {row["_id"] for row in rows}
    if richer := [document for document in repeated if document["_id"] in poorer]:
        yield from ask(prefer_published(richer))
        yield from note_facts(richer, anew=True)


def _keep(dead: Sequence[Document]) -> Plan[None]:
    letters = yield from erased.letters_without(dead)
    outcome = yield from ask(keep_dead_letters(letters))
    if outcome.refused:  # others kept the same for the first time just now: it is there to be counted
        yield from ask(keep_dead_letters([letters[position] for position in outcome.refused]))
    written = yield from erased.letters_without(letters)  # whoever was erased meanwhile
    changes = [(old["_id"], old["content"], new["content"])
               for old, new in zip(letters, written, strict=True) if old is not new]  # fmt: skip
    if changes:
        yield from ask(put_letters(changes))


def _published(document: Document) -> bool:
    """True for an event that an identity notification may have told before, and told less of."""
    return document["Type"] in IDENTITY_KINDS and "identity" not in document["derived"]


def prepare_one(message: VerifiedMessage, now: datetime, privacy: Protection | None = None) -> Prepared:
    """Read everything in one thing, and keep what an `Outcome` tells of it."""
    prepared = Prepared(events=[], message=message, privacy=privacy)
    prepare(message, now, prepared)
    return prepared


def store_together(policy: Policy, several: Sequence[Prepared], redelivery: Redelivery, tell: Tell) -> Plan[None]:
    """Store what `prepare_one` made of several things in one go; *tell* hears of each as soon as it is settled.

    Nobody fails for another's sake: what the database refuses of all together is tried one by one. And nobody
    waits for another's standing: first those are told who touch none, last those that change some.
    """
    try:
        fresh = iter((yield from _record(several, redelivery)))
    except StoreError as error:
        if error.retryable or len(several) == 1:
            for place, one in enumerate(several):
                tell(place, Outcome(one.message, None, error))
            return
        for place, one in enumerate(several):
            (outcome,) = yield from store_each(policy, [one], redelivery)
            tell(place, outcome)
        return
    stored = [(place, one, [next(fresh) for _ in one.documents]) for place, one in enumerate(several)]
    for part in _by_what_they_touch(stored):
        concerned = _merged([one for _, one, _ in part])
        try:
            standings = yield from _derive(policy, concerned)
        except StoreError as error:
            for place, one, _ in part:
                tell(place, Outcome(one.message, None, error))
        else:
            for place, one, new in part:
                tell(place, _outcome(one, new, standings))


def store_each(policy: Policy, several: Sequence[Prepared], redelivery: Redelivery) -> Plan[list[Outcome]]:
    """Store what `prepare_one` made of several things in one go; returns what became of each, in order."""
    outcomes: dict[int, Outcome] = {}
    yield from store_together(policy, several, redelivery, outcomes.__setitem__)
    return [outcomes[place] for place in range(len(several))]


_Recorded = tuple[int, Prepared, list[bool]]


def _by_what_they_touch(stored: Sequence[_Recorded]) -> Iterator[list[_Recorded]]:
    """First those that touch no standing, then those that may only clear one, then those that are evidence."""
    for touched, delivered in ((False, False), (False, True), (True, None)):
        part = [
            one for one in stored if bool(one[1].touched) is touched and delivered in (None, bool(one[1].delivered))
        ]
        if part:
            yield part


def _named(standing: Standing, names: Mapping[str, str]) -> Standing:
    """A standing under the address by which the caller knows the person."""
    name = names.get(standing.address)
    return standing if name is None else replace(standing, address=name)


def _merged(several: Sequence[Prepared]) -> Prepared:
    whole = Prepared()
    for one in several:
        whole.documents += one.documents
        whole.touched |= one.touched
        whole.delivered |= one.delivered
        whole.evidence += one.evidence
        whole.dead += one.dead
        whole.names |= one.names
    return whole


def _outcome(prepared: Prepared, fresh: Sequence[bool], standings: Sequence[Standing]) -> Outcome:
    rows = zip(prepared.events or (), prepared.documents, fresh, strict=True)  # all kinds are kept: see prepare_one
    concerned = prepared.touched | prepared.delivered
    receipt = Receipt(
        tuple([ReceivedEvent(event, str(document["_id"]), new) for event, document, new in rows if event is not None]),
        tuple([_named(standing, prepared.names) for standing in standings if standing.address in concerned]),
        tuple(prepared.skipped),
    )
    return Outcome(prepared.message, receipt, PayloadError(prepared.problems) if prepared.problems else None)
