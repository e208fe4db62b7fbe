"""How a person is taken out of a row, and what is kept of it: the list of the erased, and receipts.

A row keeps its id, its time and everything that is counted; where the person's address stood stands a *mark*, the same
for everybody at a provider (`erased@gmail.com`) or at any other domain (`erased@erased.invalid`). Of a mail to nobody
else only what an allow-list names is left. The list of the erased holds keyed hashes, and the keys are not in the
database. Next: :mod:`sesevent.plans.erased`, which asks the list, and :mod:`sesevent.plans.privacy`, which erases.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo import UpdateOne

from sesevent import addresses, jsontext
from sesevent.addresses import is_pseudonym
from sesevent.analytics.groups import group_of
from sesevent.analytics.providers import OTHER, provider_of
from sesevent.errors import ConfigurationError
from sesevent.privacy.rewriting import Rewriter
from sesevent.storage.codec import ENGAGEMENT, MARK
from sesevent.storage.layout import DEAD_LETTERS, ERASURES, EVENTS, SUPPRESSION, SUPPRESSION_ACTS
from sesevent.storage.operations import Delete, Document, Find, Insert, Update
from sesevent.storage.reads import WITHOUT_DERIVED
from sesevent.storage.renewal import Place, next_page
from sesevent.storage.standings import FACT, act_document, act_in, fact_document, fact_in, with_id
from sesevent.suppression.facts import Act

__all__ = [
    "NOWHERE", "Erasing", "ErasureReceipt", "Person", "addresses_in", "among_erased", "begun", "counted", "delete_acts",
    "delete_standings", "erasing_in", "erasures", "event_in", "finished", "forget", "insert_acts", "letter_names",
    "letter_without", "moved", "named_in", "noted_letters", "older_rows_naming", "payload_of", "person_of",
    "put_letters", "put_rows", "receipt_of", "rows_naming", "rows_of_mails", "rows_saying", "sent_at",
    "whole_list", "wish", "without", "without_forms",
]  # fmt: skip

NOWHERE: Final = "erased.invalid"
"""A domain that nobody has (RFC 2606): of keyed hashes, and of marks of people whose domain may tell who they are."""
_COMMON_KEPT: Final = frozenset({"from", "to", "date"})
"""Of the common headers of a mail to one person: the others may say anything."""
_OWN_DETAILS: Final = ("ipAddress", "link", "linkTags")
"""Of an open or a click: from where, and where to; links hold tokens."""

_PLAIN: Final = frozenset({"group", "recipients", "source", "v", "at", "took", "rules", "machine", "erased"})
"""Of `derived`: what holds no text, or one that is seen to apart."""


class Person(NamedTuple):
    """Whom something is about."""

    address: str
    """In normal form."""
    forms: tuple[str, ...]
    """Everything that the address may be stored as: itself, its pseudonyms."""
    hash: str
    """The keyed hash, by the newest key; empty where there are no keys."""
    hashes: tuple[str, ...]
    """…by each of them."""

    @property
    def mark_domain(self) -> str:
        """The domain of marks: what many share tells nothing, and figures by provider stay."""
        domain = self.address.rpartition("@")[2]
        return NOWHERE if provider_of(domain) == OTHER else domain

    def __repr__(self) -> str:
        return f"<Person {self.hash or addresses.mask(self.address)}>"


def spellings(person: Person) -> list[str]:
    """Texts, in lower case, one of which stands in whatever names somebody: as links and codes spell them, too."""
    local, _, domain = person.address.rpartition("@")
    written = f"{local}@{_unicode(domain)}"
    plain = dict.fromkeys([*person.forms, written])
    return [*plain, *(form.replace("@", sign) for form in plain for sign in _SIGNS)]


_SIGNS: Final = ("%40", "\\u0040", "%2540", "=40", "=")
"""What stands for the @ in links, in JSON, in quoted-printable and in return paths."""


def _unicode(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna")
    except (UnicodeError, ValueError):
        return domain


# ── a row without a person ──────────────────────────────────────────────────────────────────────────────────────────


def without(document: Mapping[str, Any], person: Person) -> Document | None:
    """A row of any shape without a person; None where it does not name them."""
    scrubbed = _Scrubbed(document, person)
    return scrubbed.document if scrubbed.changed else None


class _Scrubbed:
    """One row, without one person."""

    def __init__(self, document: Mapping[str, Any], person: Person) -> None:
        self._person = person
        derived: Mapping[str, Any] = document.get("derived") or {}
        message = document.get("Message")
        payload = payload_of(message)
        mark = _free_mark(person, derived, message if isinstance(message, str) else str(message))
        self._named = dict.fromkeys(person.forms, mark)
        self._rewriter = Rewriter(self._named.get, {"to": list(person.forms)})
        self._own = not set(person.forms).isdisjoint(derived.get("recipients", ()))
        self.document = dict(document)
        self._sole = False
        if payload is not None:
            self._put_message(payload, derived, message)
        elif isinstance(message, str):
            self.document["Message"] = self._rewriter.text(message, "sentence")
        self._put_subject()
        if "derived" in document and derived:
            self.document["derived"] = self._derived(derived)
        self._sweep(mark)
        self.changed = self.document != document
        if self.changed and derived:
            self._count(derived)

    def _put_message(self, payload: Any, derived: Mapping[str, Any], message: Any) -> None:
        if self._own:
            payload = payload if isinstance(message, str) else deepcopy(payload)
            event, put_back = event_in(payload)
            if event is not None:  # cleared first: what is left is quicker to look through
                self._sole = _is_alone(event, derived, self._person)
                self._clear(event, derived)
                put_back(event)
        written = self._rewriter.written(payload)
        if not self._own and written == payload:
            return
        if isinstance(written, dict):  # an inbound mail may name them in as many ways as there are codes
            written.pop("content", None)
        self.document["Message"] = jsontext.encode(written) if isinstance(message, str) else written

    def _clear(self, event: dict[str, Any], derived: Mapping[str, Any]) -> None:
        """Take out what is the person's without naming them."""
        if self._own and event.get("eventType") in ENGAGEMENT:
            body = event.get(str(event["eventType"]).lower())
            gone = _OWN_DETAILS if "machine" in derived else (*_OWN_DETAILS, "userAgent")  # a proxy's says who it is
            if isinstance(body, dict):
                for name in gone:
                    body.pop(name, None)
        mail = event.get("mail")
        if not self._sole or not isinstance(mail, dict):
            return
        if "headers" in mail:
            mail["headers"] = []
        if isinstance(common := mail.get("commonHeaders"), dict):
            mail["commonHeaders"] = {name: value for name, value in common.items() if name in _COMMON_KEPT}

    def _put_subject(self) -> None:
        subject = self.document.get("Subject")
        if self._sole:
            self.document.pop("Subject", None)
        elif isinstance(subject, str):
            self.document["Subject"] = self._rewriter.text(subject, "subject")

    def _derived(self, derived: Mapping[str, Any]) -> Document:
        told = {name: value if name in _PLAIN else self._rewriter.written(value, name)
                for name, value in derived.items()}  # fmt: skip
        if "recipients" in derived:  # in normal form, as the source is
            told["recipients"] = [self._named.get(one, one) for one in derived["recipients"]]
        if "source" in derived:
            told["source"] = self._named.get(derived["source"], derived["source"])
        if self._own and isinstance(click := told.pop("click", None), dict) and click.keys() - {"link"}:
            told["click"] = {name: value for name, value in click.items() if name != "link"}
        return told

    def _sweep(self, mark: str) -> None:
        """Where an address stands in a way that nobody thought of, it is written over as text."""
        text = self.document.get("Message")
        lowered = text.lower() if isinstance(text, str) else ""
        for form in self._person.forms:
            if form in lowered:
                text = self.document["Message"] = re.sub(re.escape(form), mark, str(text), flags=re.IGNORECASE)

    def _count(self, before: Mapping[str, Any]) -> None:
        """Say how many were taken out. Whoever changes a row changes its `derived`: others see it by that."""
        derived = self.document["derived"]
        derived["erased"] = int(before.get("erased", 0)) + 1
        if "group" in before:
            kind, stamp, mail = [str(self.document.get(name, "")) for name in ("Type", "Timestamp", "MessageId")]
            if (group := group_of(kind, stamp, mail, derived)) is not None:
                derived["group"] = group


def payload_of(message: Any) -> Any:
    """What `Message` says, decoded; None where it is no JSON."""
    if isinstance(message, Mapping):
        return message
    if not isinstance(message, str):
        return None
    try:
        return jsontext.decode(message)
    except ValueError:
        return None


def event_in(payload: Any) -> tuple[dict[str, Any] | None, Any]:
    """The event in a payload, and how it is put back: an older row may hold it in SNS's envelope."""
    if not isinstance(payload, dict):
        return None, None
    text = payload.get("Message")
    if "mail" in payload or not isinstance(text, str):
        return payload, lambda _: None
    try:
        inner = jsontext.decode(text)
    except ValueError:
        return None, None
    if not isinstance(inner, dict):
        return None, None
    return inner, lambda event: payload.__setitem__("Message", jsontext.encode(event))


def _is_alone(event: Mapping[str, Any] | None, derived: Mapping[str, Any], person: Person) -> bool:
    """Whether a mail went to nobody else."""
    mail = (event or {}).get("mail")
    destination = mail.get("destination") if isinstance(mail, Mapping) else None
    people = destination if isinstance(destination, list) and destination else derived.get("recipients", ())
    return all(isinstance(one, str) and addresses.normal(one) in person.forms for one in people)


def _free_mark(person: Person, derived: Mapping[str, Any], text: str) -> str:
    """A mark that nobody has in this row, or two people would count as one."""
    taken = derived.get("recipients", ())
    number, mark = 1, f"erased@{person.mark_domain}"
    while mark in taken or mark in text:
        number += 1
        mark = f"erased.{number}@{person.mark_domain}"
    return mark


def named_in(document: Mapping[str, Any]) -> list[str]:
    """Whom a row names, in normal form: those it concerns, and all to whom the mail went."""
    found = list((document.get("derived") or {}).get("recipients", ()))
    message = document.get("Message")
    if isinstance(message, str) and message.count("@") < 2:
        return found
    event, _ = event_in(payload_of(message))
    mail = (event or {}).get("mail")
    destination = mail.get("destination") if isinstance(mail, Mapping) else None
    if isinstance(destination, list):
        found += [addresses.normal(one) for one in destination if isinstance(one, str)]
    # What is sealed by a key of another store names nobody here.
    return list(dict.fromkeys(one for one in found if isinstance(one, str) and not MARK.fullmatch(one)))


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_BY_TIME: Final = (("Timestamp", 1), ("_id", 1))


def rows_naming(forms: Collection[str], size: int = 0, *, narrow: bool = False) -> Find:
    """Rows that concern somebody; *narrow*: their ids, times, and those of their mails."""
    told = {"MessageId": 1, "derived.messageId": 1, "derived.at": 1} if narrow else None
    return Find(EVENTS, _concerning(forms), _BY_TIME, size, told)


def rows_of_mails(mails: Sequence[str], forms: Collection[str]) -> Find:
    """The other rows of these mails: SES names all recipients of a mail in each."""
    there = {"$in": list(mails)}
    return Find(EVENTS, {"$or": [{"MessageId": there}, {"derived.messageId": there}], "$nor": [_concerning(forms)]})


def _concerning(forms: Collection[str]) -> dict[str, Any]:
    return {"derived.recipients": {"$in": list(forms)}}


def older_rows_naming(person: Person, size: int) -> Find:
    """Rows without `derived` whose text names somebody: they have an index of their own, which begins with `Type`."""
    return Find(EVENTS, WITHOUT_DERIVED | _saying(person), (), size)


def rows_saying(person: Person, place: Place, size: int) -> Find:
    """Any row whose text names, or may name, somebody, by id: no index helps."""
    return next_page(_saying(person), place, size)


def _saying(person: Person) -> dict[str, Any]:
    pattern = "(?i)" + "|".join(map(re.escape, spellings(person)))
    # An object in place of the text is an older application's. What is encrypted has to be read.
    texts = [{name: {"$regex": pattern}} for name in ("Message", "Subject", *_OBJECTS)]
    return {"$or": [*texts, {"Message": {"$type": "binData"}}, {"derived.source": {"$in": list(person.forms)}}]}


_OBJECTS: Final = ("Message.mail.destination", "Message.mail.source", "Message.Message")


def put_rows(changes: Sequence[tuple[Mapping[str, Any], Document]]) -> Update:
    """Replace rows, each where it is still what it was when it was read."""
    return Update(EVENTS, [_put_row(before, after) for before, after in changes])


def _put_row(before: Mapping[str, Any], after: Document) -> UpdateOne:
    told = {name: value for name, value in after.items() if before.get(name) != value}
    gone = dict.fromkeys(before.keys() - after.keys(), "")
    change = {"$set": told} | ({"$unset": gone} if gone else {})
    return UpdateOne({"_id": before["_id"], "derived": before.get("derived")}, change)


# ── what is said of people ──────────────────────────────────────────────────────────────────────────────────────────


def moved(document: Mapping[str, Any], to: str, forms: Collection[str]) -> Document:
    """A fact or an act about somebody, about the same by another name. Its id tells nothing of the old one."""
    if document["act"] == FACT:
        return fact_document(to, fact_in(document))
    act = act_in(document)
    told = act._replace(by=without_forms(act.by, forms), note=without_forms(act.note, forms))
    return act_document(to, with_id(to, told))


def without_forms(text: str, forms: Collection[str]) -> str:
    """A sentence of somebody's, without the person it names."""
    for form in forms:
        text = re.sub(re.escape(form), "the person", text, flags=re.IGNORECASE)
    return text


def wish(erasing: Erasing) -> Document:
    """The act that keeps an erased person from being mailed."""
    return act_document(erasing.hash, with_id(erasing.hash, Act(erasing.at, "", "erase", origin="privacy")))


def insert_acts(documents: Sequence[Document]) -> Insert:
    """Write down what was said, where it is not."""
    return Insert(SUPPRESSION_ACTS, documents)


def delete_acts(identifiers: Sequence[str]) -> Delete:
    """Forget what was said."""
    return Delete(SUPPRESSION_ACTS, {"_id": {"$in": list(identifiers)}})


def delete_standings(forms: Collection[str]) -> Delete:
    """Forget how somebody stands."""
    return Delete(SUPPRESSION, {"_id": {"$in": list(forms)}})


# ── dead letters ────────────────────────────────────────────────────────────────────────────────────────────────────


def letter_without(content: bytes, person: Person) -> bytes | None:
    """What could not be understood, without somebody; None where it does not name them. It need be no text."""
    mark = f"erased@{person.mark_domain}".encode()
    found = content
    for spelling in spellings(person):
        found = re.sub(re.escape(spelling.encode("utf-8", "surrogatepass")), mark, found, flags=re.IGNORECASE)
    return None if found == content else found


def addresses_in(content: bytes) -> list[str]:
    """Whom what could not be understood may name, in normal form: as JSON, links and codes spell them.

    It looks around each sign that stands for an @, and no further than an address reaches: anybody may send megabytes.
    """
    text = content.decode("utf-8", "replace")
    found: dict[str, None] = {}
    for sign in _AT.finditer(text):
        before = text[max(0, sign.start() - 80) : sign.start()].rstrip("\\")
        local = before[len(before.rstrip(_LOCAL_SIGNS)) :]
        if local and (domain := _DOMAIN.match(text[sign.end() : sign.end() + 254])):
            found[f"{local[-64:]}@{domain[0]}"] = None
    return list(dict.fromkeys(addresses.normal(one) for one in found if addresses.is_one(one)))


_AT: Final = re.compile(r"@|%(?:25)?40|=40|\\u0040", re.IGNORECASE)
_LOCAL_SIGNS: Final = string.ascii_letters + string.digits + "!#$&'*+/?^_`{|}~.-"
_DOMAIN: Final = re.compile(r"[\w\-]+(?:\.[\w\-]+)+")


def letter_names(content: bytes, person: Person) -> bool:
    """Whether what could not be understood names somebody."""
    text = content.lower()
    return any(spelling.encode("utf-8", "surrogatepass") in text for spelling in spellings(person))


def put_letters(changes: Sequence[tuple[Any, bytes, bytes]]) -> Update:
    """Replace what dead letters hold: id, before, after. The ids stay: what comes again is still known."""
    return Update(
        DEAD_LETTERS,
        [UpdateOne({"_id": key, "content": before}, {"$set": {"content": after}}) for key, before, after in changes],
    )


# ── the list of the erased ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ErasureReceipt:
    """What an erasure did, or would do. It names nobody."""

    person: str
    """The keyed hash of the address."""
    at: datetime
    """When it began. Mails from before are erased again wherever they come from."""
    by: str
    why: str
    keep_do_not_mail: bool
    events: int
    """Events it was taken out of."""
    said: int
    """Facts and acts about the person."""
    standings: int
    dead_letters: int
    archived: int
    """Events in archives that it was taken out of."""
    parts: int
    """Parts of archives that were written anew for it."""
    finished: datetime | None
    """None where it is not done yet: erase again, and it goes on."""
    dry_run: bool = False
    keys: int = 0
    """Data keys of the person that were destroyed, so that what lies elsewhere, such as in archives and backups, cannot
    be read either; 0 where people have no keys of their own."""


class Erasing(NamedTuple):
    """An erasure as it is kept in the list."""

    hash: str
    at: datetime
    by: str
    why: str
    keep: bool
    counts: Mapping[str, int]
    letters: Mapping[str, int]
    """Dead letters that were changed; when all is done only how many."""
    finished: datetime | None
    aliases: Sequence[str] = ()
    """The person's pseudonyms: a row that comes back may have no other name."""

    def covers(self, sent: datetime | None) -> bool:
        """Whether events of a mail that was sent then are erased."""
        return self.keep or sent is None or sent <= self.at


def erasing_in(document: Mapping[str, Any]) -> Erasing:
    """An erasure in a document."""
    return Erasing(
        document["_id"], document["at"], document["by"], document["why"], document["keep"], document["counts"],
        document.get("letters", {}), document.get("finished"), document.get("aliases", ()),
    )  # fmt: skip


def receipt_of(erasing: Erasing, *, dry_run: bool = False) -> ErasureReceipt:
    """What is told of an erasure."""
    counts = erasing.counts
    return ErasureReceipt(
        erasing.hash, erasing.at, erasing.by, erasing.why, erasing.keep, counts["events"], counts["said"],
        counts["standings"], counts.get("dead_letters", len(erasing.letters)), counts.get("archived", 0),
        counts.get("parts", 0), erasing.finished, dry_run, counts.get("keys", 0),
    )  # fmt: skip


def whole_list(most: int) -> Find:
    """Everybody in the list, where they are at most so many; else one more than that, durably."""
    return Find(ERASURES, {}, limit=most + 1, durable=True)


def among_erased(hashes: Iterable[str], pseudonyms: Sequence[str] = ()) -> Find:
    """Those of these hashes, and of these pseudonyms, that are in the list, durably."""
    ids: dict[str, Any] = {"_id": {"$in": list(hashes)}}
    return Find(
        ERASURES,
        {"$or": [ids, {"aliases": {"$in": list(map(alias_of, pseudonyms))}}]} if pseudonyms else ids,
        durable=True,
    )


def aliases_of(person: Person) -> tuple[str, ...]:
    """The person's pseudonyms as the list has them: without a domain, which may tell who it is."""
    return tuple([alias_of(form) for form in person.forms if is_pseudonym(form)])


def alias_of(pseudonym: str) -> str:
    """A pseudonym without its domain."""
    return pseudonym.partition("@")[0]


def erasures(after: str | None, size: int) -> Find:
    """The list, by hash."""
    return Find(ERASURES, {} if after is None else {"_id": {"$gt": after}}, (("_id", 1),), size)


def begun(erasing: Erasing) -> Update:
    """Put an erasure into the list; one that is finished begins anew."""
    told = {"at": erasing.at, "by": erasing.by, "why": erasing.why, "keep": erasing.keep, "counts": erasing.counts}
    if erasing.aliases:
        told["aliases"] = list(erasing.aliases)
    change = {"$set": told, "$unset": {"finished": "", "letters": ""}}
    return Update(ERASURES, [UpdateOne({"_id": erasing.hash}, change, upsert=True)])


def noted_letters(erasing: Erasing, identifiers: Iterable[Any]) -> Update:
    """Say, before it is done, which dead letters are changed: told twice it counts once."""
    told = {f"letters.{identifier}": 1 for identifier in identifiers}
    return Update(ERASURES, [UpdateOne({"_id": erasing.hash}, {"$set": told})])


def counted(erasing: Erasing, counts: Mapping[str, int]) -> Update:
    """Keep what was done so far."""
    told = {f"counts.{name}": count for name, count in counts.items()}
    return Update(ERASURES, [UpdateOne({"_id": erasing.hash}, {"$set": told})])


def finished(erasing: Erasing, now: datetime) -> tuple[Erasing, Update]:
    """An erasure that is done, and how that is kept: what it did in numbers, and nothing that leads anywhere."""
    told = receipt_of(erasing)
    names = ("events", "said", "standings", "dead_letters", "archived", "parts", "keys")
    counts = {name: int(getattr(told, name)) for name in names}
    change = {"$set": {"finished": now, "counts": counts}, "$unset": {"letters": ""}}
    done = erasing._replace(counts=counts, letters={}, finished=now)
    return done, Update(ERASURES, [UpdateOne({"_id": erasing.hash}, change)])


def forget(hashes: Iterable[str]) -> Delete:
    """Take somebody off the list."""
    return Delete(ERASURES, {"_id": {"$in": list(hashes)}})


def sent_at(document: Mapping[str, Any]) -> datetime | None:
    """When the mail of an event was sent; None where that cannot be told."""
    derived = document.get("derived") or {}
    at = derived.get("at")
    if not isinstance(at, datetime):
        return None
    took = derived.get("took", 0)
    try:
        return at - timedelta(milliseconds=took)
    except (OverflowError, TypeError):
        return at


def person_of(address: str, pseudonyms: Any) -> Person:
    """A person by address. Raises ConfigurationError for what is no address."""
    if not addresses.is_one(address):
        raise ConfigurationError("What was given is not one e-mail address.", hint="Nothing was done.")
    normal = addresses.normal(address)
    if pseudonyms is None:
        return Person(normal, (normal,), "", ())
    hashes = tuple(pseudonyms.erased_forms(normal))
    forms = tuple(dict.fromkeys([normal, *(one for one in pseudonyms.forms(normal) if one not in hashes)]))
    return Person(normal, forms, hashes[0], hashes)
