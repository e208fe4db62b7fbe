"""What became of a mail: one fold over its events, whatever order they came in and however often.

`PRECEDENCE` is the rule: of everything that is told of a person the strongest row gives the state. Times
decide nothing there, because they come from different clocks: SES's own, a provider's, that of the server
which wrote a bounce. Events are put in one order first, so the timeline does not depend on theirs either.

It knows no documents and no payloads. Next: :mod:`sesevent.storage.happenings`, which reads rows into
`Happened`, and :mod:`sesevent.plans.status`, which asks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent import addresses
from sesevent.bounces.rulebook import load_rules
from sesevent.errors import ConfigurationError
from sesevent.jsonvalues import fields_as_json
from sesevent.moments import UTC

__all__ = [
    "PRECEDENCE", "STATES", "Change", "Evidence", "Happened", "MessageStatus", "RecipientStatus", "State",
    "TimelineEntry", "status_of",
]  # fmt: skip


class State(NamedTuple):
    """What a mail may have come to, for one person."""

    meaning: str
    words: str
    """For a sentence to a person."""
    settled: bool
    """False where more is to be expected."""


STATES: Final[dict[str, State]] = {
    "complained": State("the person, or their provider, called it unwanted", "Reported as unwanted", True),
    "possibly_complained": State(
        "one of several people at a provider called it unwanted, and the provider does not say which",
        "Perhaps reported as unwanted",
        True,
    ),
    "bounced": State("it came back, at once or after a server had taken it", "Bounced", True),
    "rejected": State("SES found a virus and did not send it", "Rejected by Amazon SES", True),
    "rendering_failed": State("its template could not be filled in, so it was not sent", "Could not be rendered", True),
    "suppressed": State(
        "SES did not send it: the person is on a suppression list there, or unsubscribed there",
        "Not sent by Amazon SES",
        True,
    ),
    "unknown": State("no event tells", "Unknown", False),
    "delayed": State("a server put it off; SES tries again", "Delayed", False),
    "sent": State("SES accepted it, and no more is known", "Sent", False),
    "delivered": State("a server took it, or something shows that it arrived", "Delivered", True),
    "received": State("it is a mail to us, taken by a receipt rule", "Received", True),
}
"""What asks for attention most first: of several recipients in different states, the first names the whole mail."""


class Evidence(NamedTuple):
    """One row of the precedence: what speaks for a state, and why it stands where it does."""

    name: str
    state: str | None
    """None where it changes nothing."""
    told_by: str
    """In words: which events."""
    why: str


PRECEDENCE: Final[tuple[Evidence, ...]] = (
    Evidence("complaint", "complained", "Complaint about one person",
             "the person's own word; who complains has it, whatever a server said"),
    Evidence("bounce-hard", "bounced", "Bounce of the class `hard`",
             "stronger than a delivery: a server may take a mail and return it later (an asynchronous bounce), "
             "and then it did not arrive in the end"),
    Evidence("bounce-block", "bounced", "Bounce of the class `block`", "as `bounce-hard`: this mail was refused"),
    Evidence("bounce-soft", "bounced", "Bounce of the class `soft`",
             "as `bounce-hard`: even a Transient bounce is final for its mail; single attempts come as DeliveryDelay"),
    Evidence("complaint-possible", "possibly_complained", "Complaint that names several",
             "weaker than a bounce: whose mail came back is not the one who complained of it"),
    Evidence("delivery", "delivered", "Delivery",
             "stronger than a delay: SES went on trying; and than what says that nothing was sent, for it arrived"),
    Evidence("click", "delivered", "Click in a mail to one person",
             "it arrived, also where the Delivery is missing: who follows a link, machines included, has the mail"),
    Evidence("open", "delivered", "Open of a mail to one person",
             "as `click`: also a provider's proxy fetches images of mail that its server took"),
    Evidence("auto-reply", "delivered", "Bounce of the class `auto_reply`",
             "an out-of-office reply that SES words as a bounce: it was delivered, and something answered"),
    Evidence("subscription", "delivered", "Subscription change from a mail to one person",
             "it arrived: the link, or header, that was used stands in it"),
    Evidence("not-spam", "delivered", "Complaint of the type `not-spam` about one person",
             "the opposite of a complaint: the person took it out of the junk folder"),
    Evidence("bounce-undetermined", "bounced", "Bounce of the class `undetermined`",
             "weaker than a delivery: an answer that nobody can read is as likely an automatic reply"),
    Evidence("suppressed", "suppressed", "Bounce of the class `suppressed`; Complaint with such a `complaintSubType`",
             "no server said anything: SES did not send it, though it published a Send"),
    Evidence("reject", "rejected", "Reject", "stronger than the Send: accepted first, then not sent"),
    Evidence("rendering-failure", "rendering_failed", "Rendering Failure",
             "stronger than the Send: accepted first, then not sent"),
    Evidence("delay", "delayed", "DeliveryDelay",
             "weaker than what it ends in, a delivery or a bounce, whichever of them was stored first"),
    Evidence("received", "received", "Received", "a mail to us: nothing else is told of it"),
    Evidence("send", "sent", "Send", "the weakest: all else follows it, even where it arrives first"),
    Evidence("candidate", "sent", "Open, Click, Subscription or `not-spam` of a mail to several",
             "SES names everybody the mail went to: it was sent to each, and one of them, nobody knows who, did that"),
    Evidence("nothing", None, "any other type; Complaint of the type `auth-failure`",
             "what is not understood is kept in the timeline, and changes nothing; "
             "a report on signatures (RFC 6591) is nobody's word"),
)  # fmt: skip
"""Strongest first."""

_RANK: Final = {row.name: place for place, row in enumerate(PRECEDENCE)}
_STATE_OF: Final = [row.state or "unknown" for row in PRECEDENCE]
_NOTHING: Final = _RANK["nothing"]

Tags = tuple[tuple[str, tuple[str, ...]], ...]


class Happened(NamedTuple):
    """One event, as far as it can matter for what became of its mail."""

    key: str
    """The event key: equal for every report of the same event."""
    type: str
    """SES's word."""
    at: datetime | None = None
    people: tuple[str, ...] = ()
    """Whom it concerns, in normal form."""
    guess: bool = False
    """True where SES names several and means one of them."""
    reasons: tuple[str, ...] = ()
    """Of a failure: why, one for all or one for each of *people*."""
    classes: tuple[str, ...] = ()
    """Its class, likewise: ``hard``, ``soft``, ``block``, …"""
    kind: str = ""
    """``bounceType``, ``complaintFeedbackType`` or ``delayType``."""
    sub_type: str = ""
    machine: str = ""
    """Of an open or a click: the rule by which it was a machine's."""
    link: str = ""
    off: tuple[str, ...] = ()
    """Of a subscription change: the topics a person is off now; `*` is all of them."""
    on: tuple[str, ...] = ()
    identity: bool = False
    """True where an identity notification tells it, which knows less."""
    sent: datetime | None = None
    """When its mail was sent."""
    subject: str | None = None
    source: str | None = None
    configuration_set: str | None = None
    campaign: str | None = None
    tags: Tags | None = None

    def __repr__(self) -> str:
        return f"<Happened {self.type} {self.key}>"


_MAIL: Final = Happened._fields.index("sent")
_COLUMNS: Final = len(Happened._fields) - _MAIL


@dataclass(frozen=True, slots=True, repr=False)
class RecipientStatus:
    """What became of a mail for one person."""

    address: str
    """In normal form."""
    state: str
    """One of `STATES`."""
    since: datetime | None = None
    """When that happened which gave the state."""
    evidence: str = "nothing"
    """The row of `PRECEDENCE` that gave it."""
    event: str | None = None
    """The key of the event that gave it."""
    reason: str | None = None
    """Of a failure: why, in the words of `sesevent.classify`."""
    bounce_class: str | None = None
    """Of a failure: ``hard``, ``soft``, ``block``, …"""
    delivered_at: datetime | None = None
    """When a server took it, the first time; None where no Delivery tells."""
    delays: int = 0
    first_opened_at: datetime | None = None
    """By a person, as far as one can tell."""
    opens: int = 0
    """Those of people; SES cannot tell of a mail to several who it was, so then none is counted here."""
    machine_opens: int = 0
    first_clicked_at: datetime | None = None
    clicks: int = 0
    machine_clicks: int = 0
    unsubscribed: tuple[str, ...] = ()
    """Topics the person is off since a change made from this mail; `*` stands for all."""

    @property
    def settled(self) -> bool:
        """False where more is to be expected. A delivered mail too may still bounce or be complained of."""
        return STATES[self.state].settled

    @property
    def sentence(self) -> str:
        """The status in words, for a person; the address is not in it."""
        why = f": {_meaning(self.reason)}" if self.reason else ""
        late = ", after a server had taken it" if self.state == "bounced" and self.delivered_at else ""
        done = [f"{word} {count}×" for word, count in (("opened", self.opens), ("clicked", self.clicks)) if count]
        more = f" {', '.join(done).capitalize()}." if done else ""
        return f"{STATES[self.state].words}{_on(self.since)}{late}{why}.{more}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in values that JSON knows."""
        return fields_as_json(self) | {"settled": self.settled, "sentence": self.sentence}

    def __repr__(self) -> str:
        return f"<RecipientStatus {addresses.mask(self.address)} {self.state}>"


class Change(NamedTuple):
    """What an event changed for one person."""

    address: str
    before: str
    after: str

    def __repr__(self) -> str:
        return f"<Change {self.before} → {self.after}>"  # whose is personal


@dataclass(frozen=True, slots=True, repr=False)
class TimelineEntry:
    """One thing that happened to a mail, and what it changed."""

    at: datetime | None
    type: str
    """SES's word."""
    key: str
    """The event key."""
    people: tuple[str, ...]
    """Whom it concerns, in normal form."""
    certain: bool
    """False where it is one of *people*, and nobody can say which."""
    changes: tuple[Change, ...]
    """Empty where it changed no state."""
    reasons: tuple[str, ...] = ()
    machine: str | None = None
    link: str | None = None

    @property
    def effect(self) -> str:
        """What it changed, in words without addresses; ``nothing`` where it did not."""
        steps = Counter(f"{change.before} → {change.after}" for change in self.changes)
        told = [step if count == 1 else f"{step} ({count} people)" for step, count in steps.items()]
        if (done := _DONE.get(self.type)) is not None:
            by = f"a machine ({self.machine})" if self.machine else "a person" if self.certain else "one of them"
            told.append(f"{done} by {by}")
        return ", ".join(told) or "nothing"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in values that JSON knows."""
        return fields_as_json(self) | {"effect": self.effect}

    def __repr__(self) -> str:
        return f"<TimelineEntry {self.type}: {self.effect}>"


@dataclass(frozen=True, slots=True, repr=False)
class MessageStatus:
    """What became of a mail: of each of its recipients, and the story that led there."""

    message_id: str
    state: str
    """The headline: what all have in common; of different states the one that stands first in `STATES`."""
    recipients: tuple[RecipientStatus, ...] = ()
    """Everybody whom an event of the mail names; a bounce may name the address a mail was forwarded to."""
    timeline: tuple[TimelineEntry, ...] = ()
    """By time; an event that was reported several times stands there once."""
    sent_at: datetime | None = None
    subject: str | None = None
    source: str | None = None
    """Whom it came from, in normal form."""
    configuration_set: str | None = None
    campaign: str | None = None
    tags: Tags = ()
    """The message tags that are the sender's own, and their values."""
    opens: int = 0
    """Those of people, whoever they were."""
    machine_opens: int = 0
    clicks: int = 0
    machine_clicks: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many recipients are in which state."""
        found = Counter(one.state for one in self.recipients)
        return {state: found[state] for state in STATES if found[state]}

    @property
    def known(self) -> bool:
        """False where no event of such a mail is stored."""
        return bool(self.timeline)

    @property
    def settled(self) -> bool:
        """True where no more is to be expected for any recipient."""
        return bool(self.recipients) and all(one.settled for one in self.recipients)

    @property
    def sentence(self) -> str:
        """The status in words, for a person; no address is in it."""
        if len(self.recipients) == 1:
            return self.recipients[0].sentence
        told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in self.counts.items())
        return f"{len(self.recipients)} recipients: {told}." if told else f"{STATES[self.state].words}."

    def of(self, address: str, forms: Collection[str] = ()) -> RecipientStatus | None:
        """The status for one person, however the address is spelled; None where no event names them.

        Where people are stored under pseudonyms give all *forms*, as ``privacy.pseudonyms.forms(address)`` tells them.
        Raises ConfigurationError where there are pseudonyms and no forms: a status knows no keys.
        """
        wanted = {addresses.normal(address), *forms}
        found = next((one for one in self.recipients if one.address in wanted), None)
        if found is None and not forms and any(addresses.is_pseudonym(one.address) for one in self.recipients):
            raise ConfigurationError(
                "Recipients of this mail are stored under pseudonyms, and a status has no keys to find an address by.",
                hint="Ask store.recipient(address), or give forms=privacy.pseudonyms.forms(address).",
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything, in values that JSON knows."""
        return fields_as_json(self) | {
            "tags": {name: list(values) for name, values in self.tags},
            "counts": self.counts,
            "settled": self.settled,
            "sentence": self.sentence,
        }

    def __repr__(self) -> str:
        return f"<MessageStatus {self.message_id} {self.state}, {len(self.recipients)} recipients>"


def status_of(message_id: str, happened: Iterable[Happened]) -> MessageStatus:
    """What became of a mail, from its events in any order and repetition."""
    story = _in_order(happened)
    tracks: dict[str, _Track] = {}
    whole = _Track()
    timeline = tuple([_take(one, tracks, whole) for one in story])
    sent_at, subject, source, configuration_set, campaign, tags = _of_mail(story)
    return MessageStatus(
        message_id,
        _headline(tracks.values()),
        tuple([track.status(address) for address, track in tracks.items()]),
        timeline,
        sent_at,
        subject,
        source,
        configuration_set,
        campaign,
        tags,
        opens=whole.opens,
        machine_opens=whole.machine_opens,
        clicks=whole.clicks,
        machine_clicks=whole.machine_clicks,
    )


def _in_order(happened: Iterable[Happened]) -> list[Happened]:
    """Each event once, by time; of several reports of one event the richest."""
    once: dict[str, Happened] = {}
    for one in happened:
        other = once.get(one.key)
        once[one.key] = one if other is None or one == other else min(one, other, key=_richest_first)
    return sorted(once.values(), key=_by_time)


def _richest_first(one: Happened) -> tuple[bool, int, str]:
    return one.identity, sum(not value for value in one), repr(tuple(one))  # whatever is left, any order that is one


def _by_time(one: Happened) -> tuple[datetime, int, str]:
    return one.at or _BEFORE_ALL, _KINDS.get(one.type, len(_KINDS)), one.key


_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)  # such rows have no time, and the server sorts them first too
# In this order where they have one time: Reject and Rendering Failure have that of the Send.
_KINDS: Final = {kind: place for place, kind in enumerate(("Send", "Reject", "Rendering Failure", "Delivery"))}


class _Track:
    """What is known of one person while the story is told; and, of the whole mail, what people did with it."""

    __slots__ = (
        "by", "clicks", "delays", "delivered_at", "first_clicked_at", "first_opened_at", "machine_clicks",
        "machine_opens", "off", "opens", "place", "rank",
    )  # fmt: skip

    def __init__(self) -> None:
        self.rank = _NOTHING
        self.by: Happened | None = None
        self.place = 0
        self.delivered_at: datetime | None = None
        self.first_opened_at: datetime | None = None
        self.first_clicked_at: datetime | None = None
        self.delays = self.opens = self.machine_opens = self.clicks = self.machine_clicks = 0
        self.off: set[str] = set()

    @property
    def state(self) -> str:
        return _STATE_OF[self.rank]

    def note(self, one: Happened) -> None:
        """Count what somebody did."""
        if one.type == "Open":
            if one.machine:
                self.machine_opens += 1
            else:
                self.opens += 1
                self.first_opened_at = self.first_opened_at or one.at
        elif one.type == "Click":
            if one.machine:
                self.machine_clicks += 1
            else:
                self.clicks += 1
                self.first_clicked_at = self.first_clicked_at or one.at
        elif one.type == "Delivery":
            self.delivered_at = self.delivered_at or one.at
        elif one.type == "DeliveryDelay":
            self.delays += 1
        elif one.type == "Subscription":
            self.off = (self.off - set(one.on)) | set(one.off)

    def status(self, address: str) -> RecipientStatus:
        """What it comes to."""
        by = self.by
        return RecipientStatus(
            address,
            self.state,
            by.at if by else None,
            PRECEDENCE[self.rank].name,
            by.key if by else None,
            (_of_person(by.reasons, self.place) or None) if by else None,
            (_of_person(by.classes, self.place) or None) if by else None,
            self.delivered_at,
            self.delays,
            self.first_opened_at,
            self.opens,
            self.machine_opens,
            self.first_clicked_at,
            self.clicks,
            self.machine_clicks,
            tuple(sorted(self.off)),
        )


def _take(one: Happened, tracks: dict[str, _Track], whole: _Track) -> TimelineEntry:
    """Let an event count, and tell what it changed."""
    whole.note(one)
    read = _EVIDENCE.get(one.type)
    changes = []
    for place, address in enumerate(one.people):
        track = tracks.get(address)
        if track is None:
            track = tracks[address] = _Track()
        if not one.guess:
            track.note(one)
        rank = _RANK[read(one, place)] if read else _NOTHING
        if rank < track.rank:  # of equal rank the first stays
            before = track.state
            track.rank, track.by, track.place = rank, one, place
            if track.state != before:
                changes.append(Change(address, before, track.state))
    return TimelineEntry(
        one.at, one.type, one.key, one.people, not one.guess, tuple(changes), one.reasons,
        one.machine or None, one.link or None,
    )  # fmt: skip


def _headline(tracks: Iterable[_Track]) -> str:
    states = {track.state for track in tracks}
    return next((state for state in STATES if state in states), "unknown")


def _bounce(one: Happened, place: int) -> str:
    told = _of_person(one.classes, place)
    if not told:  # rows that were derived before there were classes
        told = "suppressed" if "suppress" in one.sub_type.lower() else _CLASS_OF_TYPE.get(one.kind, "")
    return _BOUNCES.get(told, "bounce-undetermined")


def _complaint(one: Happened, _: int) -> str:
    if "suppress" in one.sub_type.lower():
        return "suppressed"
    kind = one.kind.lower()
    if kind == "auth-failure":
        return "nothing"
    if kind == "not-spam":
        return "candidate" if one.guess else "not-spam"
    return "complaint-possible" if one.guess else "complaint"


def _always(name: str) -> Callable[[Happened, int], str]:
    return lambda *_: name


def _unless_guessed(name: str) -> Callable[[Happened, int], str]:
    return lambda one, _: "candidate" if one.guess else name


_EVIDENCE: Final[dict[str, Callable[[Happened, int], str]]] = {
    "Send": _always("send"),
    "Delivery": _always("delivery"),
    "DeliveryDelay": _always("delay"),
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Reject": _always("reject"),
    "Rendering Failure": _always("rendering-failure"),
    "Open": _unless_guessed("open"),
    "Click": _unless_guessed("click"),
    "Subscription": _unless_guessed("subscription"),
    "Received": _always("received"),
}
"""SES's word → the row of `PRECEDENCE` an event stands for, for the person at a place."""

_DONE: Final = {"Open": "opened", "Click": "clicked"}
_BOUNCES: Final = {
    "hard": "bounce-hard", "block": "bounce-block", "soft": "bounce-soft", "auto_reply": "auto-reply",
    "suppressed": "suppressed",
}  # fmt: skip
_CLASS_OF_TYPE: Final = {"Permanent": "hard", "Transient": "soft"}


def _of_person(values: tuple[str, ...], place: int) -> str:
    """What a column says of the person at a place: it holds one value for all, or one for each."""
    if len(values) > 1:
        return values[place] if place < len(values) else ""
    return values[0] if values else ""


def _of_mail(story: Iterable[Happened]) -> list[Any]:
    """What the events say of their mail, from `Happened.sent` on: of each column the first that is told."""
    columns = zip(*[one[_MAIL:] for one in story], strict=True)
    found = [next((value for value in column if value is not None), None) for column in columns] or [None] * _COLUMNS
    found[-1] = found[-1] or ()
    return found


def _meaning(reason: str) -> str:
    known: Mapping[str, Any] = load_rules().reasons
    return known[reason].meaning if reason in known else reason.replace("_", " ")


def _on(moment: datetime | None) -> str:
    return "" if moment is None else f" on {moment:%Y-%m-%d} at {moment:%H:%M} UTC"
