"""What is held about a person, as plain values for that person: other recipients stay hidden, senders do not.

Next: :mod:`sesevent.plans.personal`, which finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sesevent import addresses
from sesevent.audit import AuditEntry
from sesevent.jsonvalues import as_json
from sesevent.privacy.papers import Thing
from sesevent.privacy.rewriting import Rewriter
from sesevent.storage.erasures import Person, event_in, letter_names, payload_of
from sesevent.storage.keeping import Hold
from sesevent.storage.layout import AUDIT
from sesevent.storage.operations import Find
from sesevent.storage.standings import FACT, standings_in
from sesevent.suppression.rules import rule_named

__all__ = [
    "about_letter",
    "audit_thing",
    "audited_about",
    "concerns",
    "erasure_thing",
    "event_thing",
    "hold_thing",
    "said_thing",
    "standing_things",
]

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
    }
    return Thing("events", as_json(told))


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
