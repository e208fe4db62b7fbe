"""Event ↔ stored document, in both directions and for every shape rows were ever written in.

Three shapes exist. Ours: the five strings as the Mongoose schema means them, `derived`, and
`received`. Two older ones, without those: an SNS envelope saved as it came (``Type`` is
``Notification``, ``MessageId`` is SNS's), and a normalised row (``Type`` is SES's word) whose
``Message`` may be the SES event or anything else. All are read by the same function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import bson
from bson import ObjectId

from sesevent import addresses, bounces, jsontext
from sesevent.analytics.groups import group_of
from sesevent.analytics.providers import OTHER, provider_of
from sesevent.errors import PayloadError
from sesevent.events.essentials import Essentials, tag_values
from sesevent.events.event import Event, kind_of
from sesevent.events.identity import event_key, key_of
from sesevent.events.machines import machine_of
from sesevent.events.parse import class_of, read_event, word_of
from sesevent.events.part import read_part
from sesevent.events.subscription import TopicPreferences
from sesevent.moments import format_moment, read_moment
from sesevent.privacy.pseudonyms import NOWHERE
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.unwrap import unwrap

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protected

__all__ = [
    "DERIVED_VERSION",
    "ENGAGEMENT",
    "IDENTITY_KINDS",
    "MARK",
    "StoredEvent",
    "derived_of",
    "document_fields",
    "document_of",
    "event_inside",
    "is_protected",
    "is_too_large",
    "legacy_derived",
    "protect",
    "received_of",
    "stored_event",
]

IDENTITY_KINDS: Final = ("Bounce", "Complaint", "Delivery")
"""Kinds that SES may report twice: by event publishing, and by identity notifications."""
ENGAGEMENT: Final = ("Open", "Click")
"""Kinds that a person or a machine causes."""
MARK: Final = re.compile(r"erased(?:\.[1-9]\d*)?@[^@]+|unreadable@erased\.invalid")
"""What stands in place of an erased person's address, in rows whose ``derived.erased`` says so."""
_MOST_PEOPLE: Final = 10_000  # SES itself takes 50; some 100,000 entries of an index are more than one write may hold
_LARGEST: Final = 16 * 2**20  # https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-BSON-Document-Size
DERIVED_VERSION: Final = 3
"""Which rules made a row's `derived`. 2: with the reasons of failures, and subscribers' wishes. 3: with how long
it took, machines, links, templates and pools."""


def document_of(event: Essentials, message: UnverifiedMessage, now: datetime) -> dict[str, Any]:
    """The document to store for *event*, which arrived as *message* at *now*."""
    document = _fields(event)
    document["received"] = received_of(message, now)
    return document


def protect(document: dict[str, Any], event: Essentials, protected: Protected, version: str) -> None:
    """Have the document of an event say no more than *protected* does, by the privacy policy of this *version*.

    Its key stays that of the event as it came, so a repeat is one, whatever the keys are by then. So do figures: what
    it counts as, how long it took, why it failed, whether a machine read.
    """
    document["Message"], derived = protected.text, document["derived"]
    document.pop("Subject", None)
    if protected.subject is not None:
        document["Subject"] = protected.subject
    if protected.recipients:
        if protected.recipients[0].endswith(NOWHERE) and "group" in derived:
            derived["recipients"] = [_by_provider(person) for person in derived["recipients"]]
            _add_group(derived, event, document["Timestamp"])
        derived["recipients"] = protected.recipients
    if "click" in derived:
        derived["click"] = {} if protected.link is None else {"link": protected.link}
    if protected.tags is not None:
        for name in ("tags", *_TAGS.values()):
            derived.pop(name, None)
        _add_tags(derived, protected.tags)
    document["received"]["protected"] = version


def _by_provider(normal: str) -> str:
    """Of an address whose domain is to be hidden what figures by provider need: a domain that many share."""
    return normal if provider_of(normal.rpartition("@")[2]) != OTHER else NOWHERE


def is_too_large(document: Mapping[str, Any]) -> bool:
    """Whether MongoDB would refuse a document for its size, or for the number of people that it is found by."""
    # What is derived takes at most some eight times the room of its text, so only long texts are worth measuring.
    if len(document["Message"]) <= _LARGEST // 16:
        return False
    return len(document["derived"].get("recipients", ())) > _MOST_PEOPLE or len(bson.encode(document)) > _LARGEST


def document_fields(event: Event) -> dict[str, Any]:
    """What is stored of *event*, however it arrived."""
    return _fields(event.essentials)


def _fields(event: Essentials) -> dict[str, Any]:
    document: dict[str, Any] = {
        "_id": ObjectId(key_of(event)),
        "Type": event.type,
        "MessageId": event.message_id,
        "Message": event.text,
        "Timestamp": event.stamp,
        "derived": derived_of(event),
    }
    _add_group(document["derived"], event, event.stamp)
    subject = event.subject
    if subject is not None:
        document["Subject"] = subject
    return document


def _add_group(derived: dict[str, Any], event: Essentials, stamp: str) -> None:
    """What it counts as, so that counting need not work it out for every row."""
    group = group_of(event.type, stamp, event.message_id, derived)
    if group is not None:
        derived["group"] = group


def derived_of(event: Essentials) -> dict[str, Any]:
    """What queries need, computed from the event alone. What is absent or empty is left out."""
    derived: dict[str, Any] = {"v": DERIVED_VERSION}
    if "eventType" not in event.essence and event.type in IDENTITY_KINDS:
        derived["identity"] = True  # tells less than event publishing does of the same event: it gives way
    moment = event.timestamp
    if moment is not None:
        derived["at"] = moment
    normals = event.normals
    if normals:
        derived["recipients"] = normals
        if event.guessed:
            derived["guess"] = True
    took = event.took
    if took is not None:
        derived["took"] = took
    mail = event.mail
    source = mail.get("source")
    if source and type(source) is str:
        derived["source"] = (_normal_source if len(source) <= _LONGEST_SOURCE else addresses.normal)(source)
    tags = mail.get("tags")
    if type(tags) is dict:
        _add_tags(derived, tags)
    if event.body in _DETAILS:
        _add_details(derived, event)
    return derived


def _add_tags(derived: dict[str, Any], tags: dict[str, object]) -> None:
    """The tags people set. SES's own stay in `Message`; what is asked of them has a field of its own."""
    for name, field in _TAGS.items():
        if name in tags and (told := tag_values(tags[name])):
            derived[field] = told[0]
    own = [{"name": name, "values": tag_values(values)} for name, values in tags.items() if name[:4] != "ses:"]
    if own:
        derived["tags"] = own


_TAGS: Final = {
    "ses:configuration-set": "configurationSet",
    "campaign": "campaign",
    "template": "template",  # SES names a mail's template only where rendering it fails
    "ip_pool": "ipPool",  # SES never names the pool
    "ip-pool": "ipPool",
}
"""Tag → our name in `derived`."""


def _add_details(derived: dict[str, Any], event: Essentials) -> None:
    """What a kind has of its own, under the name of its body."""
    name = event.body or ""
    wanted = _DETAILS[name]
    body = event.own
    found: dict[str, Any] = {ours: text for ours, theirs in wanted.items() if isinstance(text := body.get(theirs), str)}
    if event.type == "Subscription":
        found |= _wishes(body.get("newTopicPreferences"))
    if event.type in ENGAGEMENT and (machine := machine_of(event.type, body.get("userAgent"), derived.get("took"))):
        derived["machine"] = machine
    if event.type in bounces.CLASSIFIED:
        found |= _reasons(event)
        derived["rules"] = bounces.rules_version()
    if found:
        derived[name] = found


def _wishes(told: object) -> dict[str, Any]:
    """Topics of the contact list that a person is off or on now; `*` stands for all of them."""
    preferences = read_part(TopicPreferences, told)
    out: list[str] = []
    on: list[str] = []
    if preferences.unsubscribe_all is not None:
        (out if preferences.unsubscribe_all else on).append("*")
    for topic in preferences.topic_subscription_status or ():
        if topic.topic_name and topic.subscription_status in ("OptIn", "OptOut"):
            (on if topic.subscription_status == "OptIn" else out).append(topic.topic_name)
    return {name: topics for name, topics in (("out", out), ("in", on)) if topics}


def _reasons(event: Essentials) -> dict[str, Any]:
    """Reason and class; of a failure that has several, lists in the order of the recipients."""
    told = bounces.classify_body(event.type, event.own)
    if len(told) > 1:
        of = dict(zip([addresses.normal(text) for text in event.named], told, strict=True))
        told = [of[normal] for normal in event.normals]
    columns = {"reason": [one.reason for one in told], "class": [one.bounce_class for one in told]}
    return {name: values[0] if len(set(values)) == 1 else values for name, values in columns.items()}


_normal_source = lru_cache(maxsize=1024)(addresses.normal)  # a sender has few
_LONGEST_SOURCE: Final = 998  # characters; the source of an inbound mail is a stranger's, and must not fill a cache

_DETAILS: Final[dict[str, dict[str, str]]] = {
    "bounce": {"type": "bounceType", "subType": "bounceSubType"},
    "complaint": {"type": "complaintFeedbackType", "subType": "complaintSubType"},
    "deliveryDelay": {"type": "delayType"},
    "reject": {},
    "failure": {"template": "templateName"},
    "open": {},
    "click": {"link": "link"},
    "subscription": {"list": "contactList"},
}
"""Body → our name in `derived` → SES's."""


def legacy_derived(document: Mapping[str, Any]) -> dict[str, Any]:
    """The `derived` of a row in an older shape: as ours, and SES's words where the columns hold others."""
    event = _event_of(document).essentials
    derived = derived_of(event)
    if is_protected(document):
        return derived | _kept_figures(document) | _kept_reasons(document, event, derived)
    # What this library received has its event's key for an `_id`, whatever was taken out of its text since.
    key = _key_in(document) or (str(document["_id"]) if "received" in document else key_of(event).hex())
    if key != str(document["_id"]):
        derived["key"] = key  # by which the same event in two rows counts once
    if "erased" in (known := document.get("derived") or {}):
        derived["erased"] = known["erased"]
    if event.type != document.get("Type"):
        derived["type"] = event.type
    if event.message_id and event.message_id != document.get("MessageId"):
        derived["messageId"] = event.message_id
    if derived.keys().isdisjoint(("key", "messageId", "type")):  # those rows are looked at more closely
        _add_group(derived, event, _text(document, "Timestamp") or "")
    return derived


def is_protected(document: Mapping[str, Any]) -> bool:
    """Whether a row says less than the event did that arrived: its key, and some figures, no more follow from it."""
    return "unreadable" in document or "protected" in (document.get("received") or {})


def _key_in(document: Mapping[str, Any]) -> str | None:
    """The key of a row that says less than the event did, as one that a person was taken out of."""
    derived = document.get("derived") or {}
    if "erased" in derived or "thin" in document or is_protected(document):
        return str(derived.get("key", document["_id"]))
    return None


def _kept_figures(document: Mapping[str, Any]) -> dict[str, Any]:
    known = document.get("derived") or {}
    return {name: known[name] for name in _FIGURES if name in known}


_FIGURES: Final = ("group", "took", "machine", "recipients", "erased", "key", "type", "messageId")
"""What of `derived` is worked out before an event is protected, or somebody was taken out of it."""


def _kept_reasons(document: Mapping[str, Any], event: Essentials, derived: Mapping[str, Any]) -> dict[str, Any]:
    """Why a mail failed, as it was told while what tells it was there: a privacy policy may leave that out (null)."""
    name = event.body or ""
    known = (document.get("derived") or {}).get(name) or {}
    people = [one for some in event.own.values() if isinstance(some, list) for one in some if isinstance(one, dict)]
    if not any(word in one and one[word] is None for one in (event.own, *people) for word in _WORDS):
        return {}
    kept = {field: known[field] for field in ("reason", "class") if field in known}
    return {name: {**derived.get(name, {}), **kept}} if kept else {}


_WORDS: Final = {"diagnosticCode", "errorMessage"}
"""What reasons are told by, and a policy may drop."""


@dataclass(frozen=True, slots=False, repr=False)
class StoredEvent:
    """One event as it is kept."""

    id: Any
    """The document's ``_id``: the event key, or what an older row was given."""
    document: Mapping[str, Any]
    """The document as read, with every field."""

    @cached_property
    def event(self) -> Event:
        """The typed event."""
        return _event_of(self.document)

    @property
    def type(self) -> str:
        """SES's word for what happened."""
        return self.event.type

    @property
    def message_id(self) -> str:
        """SES's id of the mail."""
        return self.event.message_id

    @property
    def timestamp(self) -> datetime | None:
        """When it happened."""
        return self.event.timestamp

    @cached_property
    def key(self) -> str:
        """The event key, 24 hexadecimal digits: equal for two rows that hold the same event."""
        return _key_in(self.document) or event_key(self.event).hex()

    @property
    def received_at(self) -> datetime | None:
        """When this library received it; None for older rows."""
        received = self.document.get("received") or {}
        at = received.get("at")
        return at if isinstance(at, datetime) else None

    @property
    def unreadable(self) -> str | None:
        """Why what is personal in it cannot be read: ``erased``, ``key lost`` or ``damaged``; None where it can.

        Of such a row type, time, message id and reasons are known still.
        """
        reason: str | None = self.document.get("unreadable")
        return reason

    @property
    def cursor(self) -> tuple[str | None, Any]:
        """Where this row stands in time order: hand it as *after* to continue behind it."""
        return self.document.get("Timestamp"), self.id

    def __repr__(self) -> str:
        return f"<StoredEvent {self.id} {self.event!r}>"


def stored_event(document: Mapping[str, Any]) -> StoredEvent:
    """The stored event in a document of any shape."""
    return StoredEvent(document["_id"], document)


def received_of(message: UnverifiedMessage, now: datetime) -> dict[str, Any]:
    """What the message itself cannot tell: when and how it arrived."""
    received: dict[str, Any] = {"at": now, "via": "/".join(message.place.via) or "direct"}
    envelope = message.envelope
    if envelope is not None:
        for ours, theirs in (("topicArn", "TopicArn"), ("notificationId", "MessageId")):
            if type(text := envelope.get(theirs)) is str:
                received[ours] = text
    return received


def _event_of(document: Mapping[str, Any]) -> Event:
    """The event in ``Message`` if it is one; else, in an older row, what the columns tell."""
    if (event := event_inside(document)) is not None:
        return event
    payload = _payload_from_columns(document)
    part = _part_in_message(document, payload["eventType"])
    with suppress(PayloadError):
        return read_event(jsontext.encode(payload | part), payload | part)
    return read_event(jsontext.encode(payload), payload)


def event_inside(document: Mapping[str, Any]) -> Event | None:
    """The first event in a row's ``Message``; None where there is none that can be read."""
    message = document.get("Message")
    if isinstance(message, (str, Mapping)):
        for inner in unwrap(message):
            if inner.kind == "event":
                try:
                    return read_event(inner.text, inner.payload)
                except PayloadError:
                    break
    return None


def _payload_from_columns(document: Mapping[str, Any]) -> dict[str, Any]:
    mail: dict[str, Any] = {"messageId": _text(document, "MessageId")}
    mail["commonHeaders"] = {"subject": _text(document, "Subject")}
    with suppress(ValueError):  # an older row may hold any text there; the event then has no time
        mail["timestamp"] = format_moment(read_moment(document.get("Timestamp")))
    # A row that was thinned, or that nobody can read any more, still says in `derived` what it was asked by.
    derived = document.get("derived") or {}
    mail |= {"source": derived["source"]} if "source" in derived else {}
    tags = {one["name"]: one["values"] for one in derived.get("tags", ())}
    tags |= {"ses:configuration-set": [derived["configurationSet"]]} if "configurationSet" in derived else {}
    word = word_of(_text(document, "Type") or "Unknown")
    return {"eventType": word, "mail": mail | ({"tags": tags} if tags else {})}


def _part_in_message(document: Mapping[str, Any], word: str) -> dict[str, Any]:
    """What is particular to a kind of event, where ``Message`` holds that instead of all: SES's ``bounce`` object."""
    message, (body, (_, people, _), *_) = document.get("Message"), kind_of(class_of(word))
    if isinstance(message, str):
        try:
            message = jsontext.decode(message)
        except ValueError:
            return {}
    if body is None or not isinstance(message, Mapping):
        return {}
    part = message.get(body, message if people in message else None)
    return {body: dict(part)} if isinstance(part, Mapping) else {}


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None
