"""What is held about a person, as plain values for that person: other recipients stay hidden, senders do not.

Next: :mod:`sesevent.plans.personal`, which finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bson import Binary, ObjectId

from sesevent import addresses
from sesevent.audit import AuditEntry
from sesevent.jsonvalues import as_json
from sesevent.privacy.papers import Thing
from sesevent.privacy.rewriting import Rewriter
from sesevent.storage.erasures import Person, event_in, letter_names, payload_of
from sesevent.storage.keeping import Hold
from sesevent.storage.layout import AUDIT, EVENTS
from sesevent.storage.operations import Find
from sesevent.storage.renewal import Place, next_page
from sesevent.storage.sealing import DOMAINS, ERASED, LOST, Unreadable
from sesevent.storage.standings import FACT, standings_in
from sesevent.suppression.rules import rule_named

__all__ = [
    "ARCHIVED", "LETTERS", "OWN", "PERHAPS", "about_letter", "audit_thing", "audited_about", "concerns",
    "erasure_thing", "event_thing", "hold_thing", "only_unreadable", "perhaps", "said_thing", "sealed_rows",
    "standing_things", "told_by", "unreadable_thing", "unreadable_things",
]  # fmt: skip

_HIDDEN: Final = "someone.else@hidden.invalid"
_SENDERS: Final = ("from", "sender", "replyTo", "returnPath")


def concerns(document: Mapping[str, Any], person: Person) -> bool:
    """Whether a row concerns somebody; of older shapes it is not worked out yet, and so all do that name them."""
    derived = document.get("derived")
    if not derived:
        return letter_names(repr(document).encode("utf-8", "surrogatepass"), person)
    return not set(person.forms).isdisjoint(derived.get("recipients", ()))


def event_thing(document: Mapping[str, Any], person: Person, *, archived: bool = False) -> Thing:
    """An event, in which nobody else who got the mail is named."""
    payload = payload_of(document.get("Message"))
    event, _ = event_in(payload) if isinstance(payload, dict) else (None, None)
    rewriter = Rewriter(_hiding(event or {}, person), {"to": list(person.forms), "in": payload})
    derived = document.get("derived") or {}
    subject = document.get("Subject")
    told = {
        "id": document["_id"],
        "at": document.get("Timestamp"),
        "type": derived.get("type") or document.get("Type"),
        "message_id": document.get("MessageId"),
        "subject": rewriter.text(subject, "subject") if isinstance(subject, str) else None,
        "source": ((event or {}).get("mail") or {}).get("source") or derived.get("source"),
        "event": rewriter.written(payload) if payload is not None else document.get("Message"),
        "derived": {name: rewriter.written(value, name) for name, value in derived.items() if name != "group"},
        "received": document.get("received"),
        "archived": archived,
        "unreadable": _why_unreadable(document, person),
    }
    return Thing("events", as_json(told))


def _why_unreadable(document: Mapping[str, Any], person: Person) -> str | None:
    """Why somebody's event cannot be read; of another one in it that does not count."""
    read = "Message" in document or "thin" in document
    reason: str | None = None if read and concerns(document, person) else document.get("unreadable")
    return reason


# ── what nobody can read ────────────────────────────────────────────────────────────────────────────────────────────

OWN: Final = "events about you; all that can be told of them stands above"
PERHAPS: Final = "events that may be about you, or about others at your domain"
ARCHIVED: Final = "archived events that may be about you, or about others at your domain"
LETTERS: Final = "messages that may name you"
_REASONS: Final = {
    LOST: "their key is lost: they can be read, and be found, once the key vault is restored",
    ERASED: "their key was destroyed for good, as somebody asked",
}


def unreadable_things(what: str, reasons: Iterable[str]) -> list[Thing]:
    """How much of something nobody can read, and why."""
    return [unreadable_thing(what, reason, count) for reason, count in sorted(Counter(reasons).items())]


def unreadable_thing(what: str, reason: str, count: int) -> Thing:
    """That so much of something cannot be read."""
    told = {"what": what, "count": count, "reason": reason, "sentence": _REASONS.get(reason, _DAMAGED)}
    return Thing("unreadable", told)


_DAMAGED: Final = "what is kept is damaged, or was changed"


def told_by(keys: Sequence[str]) -> Find:
    """The rows that hold these events."""
    own = [ObjectId(key) for key in keys if ObjectId.is_valid(key)]
    return Find(
        EVENTS, {"$or": [{"_id": {"$in": own}}, {"derived.key": {"$in": list(keys)}}]}, projection={"derived": 1}
    )


def only_unreadable(document: Mapping[str, Any], person: Person) -> Binary | None:
    """What somebody, of whom a row tells for sure, is sealed as in it; None where it can be read, or be another's."""
    derived = document["derived"]
    found = {mark.sealed for mark in _at_their_domain(derived, person)}
    in_clear = not set(person.forms).isdisjoint(derived.get("recipients", ()))
    return None if in_clear or "erased" in derived or len(found) != 1 else found.pop()


def perhaps(document: Mapping[str, Any], person: Person) -> Unreadable | None:
    """Whoever in a row may be the person."""
    return next(iter(_at_their_domain(document.get("derived") or {}, person)), None)


def _at_their_domain(derived: Mapping[str, Any], person: Person) -> Iterable[Unreadable]:
    domains = {form.rpartition("@")[2] for form in person.forms}
    recipients = derived.get("recipients", ())
    return (one for one in recipients if isinstance(one, Unreadable) and (not one.domain or one.domain in domains))


def sealed_rows(place: Place, size: int) -> Find:
    """Any row whose recipients are sealed, by id."""
    told = {"derived.recipients": 1, f"derived.{DOMAINS}": 1}
    return replace(next_page({"derived.recipients": {"$type": "binData"}}, place, size), projection=told)


def _hiding(event: Mapping[str, Any], person: Person) -> Callable[[str], str | None]:
    mail = event.get("mail")
    mail = mail if isinstance(mail, Mapping) else {}
    common = mail.get("commonHeaders")
    named = [mail.get("source"), *[common.get(name) for name in _SENDERS if isinstance(common, Mapping)]]
    texts = [one for value in named for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    seen = {*person.forms, *person.hashes, *map(addresses.normal, texts)}
    return lambda normal: None if normal in seen else _HIDDEN


def said_thing(document: Mapping[str, Any]) -> Thing:
    """A fact or an act."""
    told = dict(document)
    if document["act"] == FACT:
        told = {**told, **document["told"], "act": f"{document['told'].get('kind', FACT)} noted"}
        del told["told"]
    return Thing("said", as_json(told))


def standing_things(document: Mapping[str, Any]) -> Iterable[Thing]:
    """What speaks against mailing somebody."""
    for standing in standings_in(document):
        for holding in standing.holdings:
            rule = rule_named(holding.rule)
            told = holding._asdict() | {"sentence": rule.sentence if rule else holding.rule}
            yield Thing("standings", as_json(told | {"tenant": standing.tenant}))


def about_letter(document: Mapping[str, Any], person: Person) -> Thing | None:
    """A dead letter that names somebody; None for another."""
    content = bytes(document.get("content") or b"")
    if not letter_names(content, person):
        return None
    rewriter = Rewriter(_hiding({}, person), {"to": list(person.forms)})
    text = rewriter.text(content.decode("utf-8", "replace"), "sentence")
    told = {"id": document["_id"], "at": document["received"]["at"], "size": document["size"], "content": text}
    return Thing("dead_letters", as_json(told))


def hold_thing(hold: Hold) -> Thing:
    """That something must be kept; why is for those who said so to tell."""
    return Thing("holds", as_json({"id": hold.id, "kind": hold.kind, "at": hold.at}))


def audit_thing(entry: AuditEntry) -> Thing:
    """What was done."""
    names = ("number", "at", "act", "subject", "by", "why", "detail")
    return Thing("audit", as_json({name: getattr(entry, name) for name in names}))


def erasure_thing(document: Mapping[str, Any]) -> Thing:
    """That somebody was erased."""
    return Thing("erasures", as_json({name: document.get(name) for name in ("at", "by", "why", "keep", "finished")}))


def audited_about(subjects: Sequence[str]) -> Find:
    """What was done to any of these."""
    return Find(AUDIT, {"subject": {"$in": list(subjects)}}, (("_id", 1),), durable=True)
