"""What is to be kept in whose document: said once, as a value.

`Projections` holds the declarations of one application under one name. `Keep` is the general one: how to find the
document, and which fields hold which join; `MessageStatus` is one of them, ready made. The others tell things that
are no joins: :mod:`~sesevent.contrib.projections.deliverability`, :mod:`~sesevent.contrib.projections.figures`,
:mod:`~sesevent.contrib.projections.raised`. Next: :mod:`sesevent.contrib.projections.projector`, which runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Protocol, Union, cast

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidId

from sesevent.analytics.status import PRECEDENCE, status_of
from sesevent.contrib.projections.joins import Join, Told, first, joined, last, strongest
from sesevent.contrib.projections.operations import Find as Look
from sesevent.contrib.projections.operations import UpdateMany, Wrote, neighbour
from sesevent.contrib.projections.report import Change, Outcome
from sesevent.errors import ConfigurationError, StoreError
from sesevent.events.event import Event
from sesevent.events.machines import machine_of
from sesevent.moments import UTC, read_moment
from sesevent.ops import Plan, ask
from sesevent.storage.codec import ENGAGEMENT, MARK, StoredEvent, derived_of
from sesevent.storage.failures import DUPLICATE_KEY
from sesevent.storage.happenings import happened_in
from sesevent.storage.ordering import order
from sesevent.suppression.policy import Policy

__all__ = [
    "About", "Find", "Keep", "MessageStatus", "Missing", "Projection", "Projections", "Target", "World", "by_address",
    "by_message_id", "by_tag",
]  # fmt: skip

Missing = Literal["report", "ignore", "upsert"]
"""What is done where the document is not there: count it, and try again until it is; nothing; make it."""


class World(NamedTuple):
    """What a projection needs to know beside the events."""

    set_name: str
    """Of the declarations it belongs to."""
    policy: Policy
    now: datetime
    dry: bool
    """Say what would be changed, and change nothing."""
    awaits: bool
    """Functions may be coroutine functions."""


class About(NamedTuple):
    """An event, and the person of it whose document is asked about, if it is one person's."""

    stored: StoredEvent
    address: str = ""
    """In normal form; empty where the document is about the mail, whoever got it."""

    @property
    def event(self) -> Event:
        """The typed event."""
        return self.stored.event

    @property
    def at(self) -> datetime | None:
        """When it happened."""
        return self.stored.timestamp

    @property
    def key(self) -> str:
        """The event key."""
        return self.stored.key


class Target(NamedTuple):
    """Which documents of the neighbour an event concerns."""

    filter: Mapping[str, Any]
    address: str = ""
    """Whose they are, in normal form, where they are one person's."""
    fresh: Mapping[str, Any] = MappingProxyType({})
    """What a document that is made gets besides what *filter* asks to be equal."""


Find = Callable[[StoredEvent], Union[Sequence[Target], None]]
"""Finds the documents an event concerns; None where that cannot be told yet, and is to be tried again."""

_BY_ADDRESS: Final = "by_address"


def _joins_by_address(find: Find) -> Find:
    setattr(find, _BY_ADDRESS, True)
    return find


def require_addresses(projection: Any) -> None:
    """Raise ConfigurationError where a projection finds documents by address, and events are kept under pseudonyms."""
    if getattr(projection, _BY_ADDRESS, False) or getattr(getattr(projection, "find", None), _BY_ADDRESS, False):
        raise ConfigurationError(
            f"The projection {projection.name!r} finds documents by address, and this store keeps pseudonyms instead: "
            "it would find nobody, and leave what your records say of them as it is.",
            hint="Find them by message id or tag; or keep recipients (privacy policy), and encrypt them.",
        )


def by_message_id(field: str = "messageId", *, address: str | None = None) -> Find:
    """The document whose *field* holds SES's message id; of several recipients' documents, whose *address* matches."""

    def find(stored: StoredEvent) -> Sequence[Target]:
        mail = {field: stored.message_id}
        if not stored.message_id:
            return []
        return [Target(mail)] if address is None else [of_person(mail, address, *one) for one in _people(stored)]

    return find if address is None else _joins_by_address(find)


def by_tag(tag: str, field: str = "_id", *, convert: Callable[[str], Any] = str, address: str | None = None) -> Find:
    """The document whose *field* holds the value of a message tag that you set when you send.

    *convert* makes of the text what is stored, such as ``bson.ObjectId``; a text it refuses with a ValueError or
    TypeError, or bson's InvalidId, concerns no document. Identity notifications hold no tags: whose they are is told
    when event publishing reports the same event.
    """

    def find(stored: StoredEvent) -> Sequence[Target] | None:
        values = stored.event.tags.get(tag)
        if values is None and holds_no_tags(stored):
            return None
        try:
            mails = [{field: convert(value)} for value in values or ()]
        except (ValueError, TypeError, InvalidId):
            return []
        if address is None:
            return [Target(mail) for mail in mails]
        return [of_person(mail, address, *one) for mail in mails for one in _people(stored)]

    return find if address is None else _joins_by_address(find)


def by_address(field: str = "email") -> Find:
    """The documents of the people an event surely concerns, whose *field* holds their address.

    As the event spells it, or all in lower case; for other spellings give the declaration a collation that takes no
    notice of case, and the field an index of that.
    """

    def find(stored: StoredEvent) -> Sequence[Target]:
        return [] if stored.event.essentials.guessed else [of_person({}, field, *one) for one in _people(stored)]

    return _joins_by_address(find)


def _people(stored: StoredEvent) -> list[tuple[str, str]]:
    """Whom an event concerns: the normal form, and how the event spells it."""
    people = [person for person in stored.event.recipients if not MARK.fullmatch(person.normal)]  # erased: nobody's
    return list({person.normal: (person.normal, person.address) for person in people}.values())


def of_person(mail: Mapping[str, Any], field: str, normal: str, spelled: str = "") -> Target:
    """The documents of one person, however the event spells the address."""
    if spelled in ("", normal):
        return Target({**mail, field: normal}, normal)
    return Target({**mail, field: {"$in": [normal, spelled]}}, normal, {field: normal})


@dataclass(frozen=True, repr=False)
class Keep:
    """Keep joins of what events say in a neighbour's documents.

    *collection* is a PyMongo collection of the store's colour, of whatever database. *find* says which documents an
    event concerns, *fields* what is kept there: field → join (`first`, `last`, `strongest`, or a `Join` of your own).
    They lie below *under*, a sub-document that is the projections' own. *types* are SES's words; none: all.
    *missing* says what is done where there is no such document: ``report`` counts it and tries again for as long as
    the projector is patient, ``ignore`` does nothing, ``upsert`` makes it (which needs a unique index on what is
    asked for).
    """

    collection: Any
    find: Find
    fields: Mapping[str, Join]
    types: Sequence[str] = ()
    under: str = "ses"
    missing: Missing = "report"
    name: str = "keep"
    collation: Any = None

    def __post_init__(self) -> None:
        require(self.missing in ("report", "ignore", "upsert"), "missing is one of report, ignore and upsert.")
        require(bool(self.under) and "$" not in self.under, "under is the name of a sub-document, such as ses.")

    def project(self, rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Keep what these events say."""
        outcome = Outcome()
        groups: dict[bytes, _Group] = {}
        for row in rows:
            targets = self.find(row)
            if targets is None:
                note_untold(outcome, [row])
            for target in targets or ():
                self._tell(groups, row, target)
        for group in groups.values():
            yield from self._look(group, outcome) if world.dry else self._write(group, outcome)
        return outcome

    def clear(self, world: World) -> Plan[None]:  # noqa: ARG002  # nothing is kept elsewhere
        """Take away everything that was kept."""
        for name in self.fields:
            yield from clear_field(self.name, f"{self.under}.{name}")

    def _tell(self, groups: dict[bytes, _Group], row: StoredEvent, target: Target) -> None:
        about = About(row, target.address)
        told = {name: join.told(about) for name, join in self.fields.items()}
        said = {name: value for name, value in told.items() if value is not None}
        if said:
            group = groups.setdefault(bson.encode(target.filter), _Group(target))
            group.rows.append(row)
            for name, value in said.items():
                operator = self.fields[name].operator
                group.said[name] = joined(operator, group.said[name], value) if name in group.said else value

    def _write(self, group: _Group, outcome: Outcome) -> Plan[None]:
        change: dict[str, dict[str, Any]] = {}
        for name, value in group.said.items():
            change.setdefault(self.fields[name].operator, {})[f"{self.under}.{name}"] = value
        wrote = yield from update_neighbour(self, group.target, change)
        count(outcome, wrote)
        if not wrote.matched and not wrote.made:
            note_missing(outcome, group.rows, self.missing)

    def _look(self, group: _Group, outcome: Outcome) -> Plan[None]:
        after = as_kept(group.said)
        found = yield from look_at(self, group.target, outcome, group.rows)
        for document in found:
            own = at(document, self.under) or {}
            for name, value in after.items():
                before = own.get(name)
                kept = value if before is None else joined(self.fields[name].operator, before, value)
                note_change(self, outcome, document.get("_id"), name, before, kept)


@dataclass
class _Group:
    """What events of one batch say of the same documents."""

    target: Target
    rows: list[StoredEvent] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)


class MessageStatus(Keep):
    """Keep what became of a mail in the record of it: status, and when it was sent, delivered, opened and clicked.

    ``status`` is ``{place, at, event, is, reason}``: of all that is told the strongest (``is`` is one of ``sent``,
    ``delayed``, ``delivered``, ``bounced``, ``complained``, …), since when, by which event, and why it failed. A
    record of one person's copy is found by message id (or tag) *and* address: see `by_message_id`; a record of a
    mail to several tells the strongest of what is told of any of them. What machines open and click shows that it
    arrived, and is no open.
    """

    def __init__(
        self,
        collection: Any,
        find: Find | None = None,
        *,
        under: str = "ses",
        missing: Missing = "report",
        name: str = "status",
        collation: Any = None,
    ) -> None:
        super().__init__(
            collection,
            find or by_message_id(),
            _STATUS,
            under=under,
            missing=missing,
            name=name,
            collation=collation,
        )


def _status(about: About) -> Told | None:
    """What an event alone says of the mail: about one person, or about whomever it says most of."""
    row = {"_id": about.key, "Type": about.event.type, "derived": derived_of(about.event.essentials)}
    people = status_of(about.event.message_id, [happened_in(row)]).recipients
    told = [(_PLACES[one.evidence], one.state, one.reason) for one in people if about.address in ("", one.address)]
    nothing = (_PLACES["nothing"], "unknown", None)
    place, state, reason = min(told, key=lambda one: (one[0], one[2] or ""), default=nothing)
    return None if place == _PLACES["nothing"] else Told(place, state, {"reason": reason})


def _sent(about: About) -> datetime | None:
    when = (about.event.essence.get("mail") or {}).get("timestamp")
    return read_moment(when) if when else None


def _of(kind: str) -> Callable[[About], datetime | None]:
    """When something of this kind happened, unless a machine did it, or one of several, nobody knows which."""

    def when(about: About) -> datetime | None:
        event = about.event
        if event.type != kind or (about.address and event.essentials.guessed):
            return None
        agent = (event.essence.get(event.body or "") or {}).get("userAgent")
        return None if kind in ENGAGEMENT and machine_of(kind, agent, event.essentials.took) else about.at

    return when


_PLACES: Final = {row.name: place for place, row in enumerate(PRECEDENCE)}
_STATUS: Final = {
    "status": strongest(_status),
    "sentAt": first(_sent),
    "deliveredAt": first(_of("Delivery")),
    "firstOpenedAt": first(_of("Open")),
    "firstClickedAt": first(_of("Click")),
    "lastEventAt": last(),
}


class Projection(Protocol):
    """What a declaration must be able to do."""

    @property
    def name(self) -> str:
        """Its name among the others."""
        ...

    @property
    def collection(self) -> Any:
        """The neighbour's; None where there is none."""
        ...

    @property
    def types(self) -> Sequence[str]:
        """The kinds of events it wants, in SES's words; none: all."""
        ...

    def project(self, rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Do what these events ask for; again, in any order, with the same result."""
        ...

    def clear(self, world: World) -> Plan[None]:
        """Take away everything that was kept."""
        ...


class Projections:
    """The declarations of one application. *name* is that of its place in the events: keep it."""

    def __init__(self, name: str, *projections: Projection) -> None:
        require(bool(name), "Projections need a name, under which is kept how far they are.")
        require(bool(projections), "There is no projection.")
        names = [one.name for one in projections]
        require(len(set(names)) == len(names), "Two projections have one name: give them names of their own (name=…).")
        self.name = name
        self.projections = projections

    @property
    def types(self) -> tuple[str, ...]:
        """The kinds of events that are wanted; none: all."""
        wanted = [one.types for one in self.projections]
        return tuple(sorted({word for words in wanted for word in words})) if all(wanted) else ()

    def __repr__(self) -> str:
        return f"<Projections {self.name}: {', '.join(one.name for one in self.projections)}>"


# ── What the kinds of projections share ──────────────────────────────────────────────────────


class _Neighbour(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def under(self) -> str: ...
    @property
    def missing(self) -> Missing: ...
    @property
    def collation(self) -> Any: ...


_CODEC: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


def require(holds: bool, otherwise: str) -> None:
    """Raise ConfigurationError unless something holds."""
    if not holds:
        raise ConfigurationError(otherwise)


def as_kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the server gives them back: moments have milliseconds there."""
    return cast("dict[str, Any]", bson.decode(bson.encode(values), _CODEC))


def at(document: Mapping[str, Any], path: str) -> Any:
    """What lies at a path of a document."""
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def note_missing(outcome: Outcome, rows: Sequence[StoredEvent], missing: Missing) -> None:
    """Note that the document of these events is not there."""
    outcome.counts.missing += len(rows)
    if missing != "ignore":
        outcome.missing += [row.id for row in rows]


def note_untold(outcome: Outcome, rows: Sequence[StoredEvent]) -> None:
    """Note that whose document these events concern cannot be told yet.

    They are tried again whatever is done about missing documents: an identity notification holds no tags, and when
    event publishing reports the same event, the row is replaced and no watch tells of it.
    """
    note_missing(outcome, rows, "report")


def holds_no_tags(stored: StoredEvent) -> bool:
    """Whether an identity notification tells of the event: event publishing may tell more of it."""
    return "eventType" not in stored.event.essence


def note_change(of: _Neighbour, outcome: Outcome, identifier: Any, name: str, before: Any, after: Any) -> None:
    """Note what a dry run would change, if it would."""
    if order(before) != order(after):
        outcome.counts.changed += 1
        outcome.changes.append(Change(of.name, identifier, f"{of.under}.{name}", before, after))


def count(outcome: Outcome, wrote: Wrote) -> None:
    """Count what an update did."""
    outcome.counts.matched += wrote.matched
    outcome.counts.changed += wrote.modified
    outcome.counts.made += wrote.made


def update_neighbour(of: _Neighbour, target: Target, change: Mapping[str, Any]) -> Plan[Wrote]:
    """Change the documents of *target*, or make one where that is wanted."""
    upsert = of.missing == "upsert"
    if upsert and target.fresh:
        change = {**change, "$setOnInsert": target.fresh}
    update = UpdateMany(neighbour(of.name), target.filter, change, upsert, _options(of))
    try:
        return (yield from ask(update))
    except StoreError as error:
        if not upsert or error.code != DUPLICATE_KEY:
            raise
        return (yield from ask(update))  # somebody else made it just now: now it is there to be changed


def look_at(of: _Neighbour, target: Target, outcome: Outcome, rows: Sequence[StoredEvent]) -> Plan[list[Any]]:
    """The documents of *target*, for a dry run; where one would be made, what it would begin with."""
    found = yield from ask(Look(neighbour(of.name), target.filter, {of.under: 1}, _options(of)))
    outcome.counts.matched += len(found)
    if found:
        return found
    if of.missing == "upsert":
        outcome.counts.made += 1
        return [{}]
    note_missing(outcome, rows, of.missing)
    return []


def clear_field(name: str, path: str) -> Plan[Wrote]:
    """Take a field away wherever it is."""
    return (yield from ask(UpdateMany(neighbour(name), {path: {"$exists": True}}, {"$unset": {path: ""}})))


def _options(of: _Neighbour) -> dict[str, Any]:
    return {} if of.collation is None else {"collation": of.collation}
