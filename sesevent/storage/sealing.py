"""What of a document is kept encrypted, and where: one table, and what walks documents, filters and pipelines by it.

It knows no key and no cipher: what seals a value is handed in. A sealed value is MongoDB's own binary of subtype 6
(https://github.com/mongodb/specifications/blob/master/source/bson-binary-encrypted/binary-encrypted.md), so that any
driver with the keys reads it. Next: :mod:`sesevent.plans.sealing`, which fetches keys and puts this around operations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bson import Binary
from bson.binary import UUID_SUBTYPE

from sesevent import addresses, jsontext
from sesevent.privacy.rewriting import rewrite
from sesevent.storage.codec import MARK
from sesevent.storage.layout import DEAD_LETTERS, EVENTS, HOLDS, SUPPRESSION, SUPPRESSION_ACTS

__all__ = [
    "DOMAINS", "ENCRYPTED", "ERASED", "KEYED", "LOST", "SEALED", "TABLE", "SealedField", "Unreadable", "as_was",
    "behind_in", "fields_of", "guarded_in", "holds_sealed", "is_sealed", "key_of", "mark_of", "page_of_link",
    "people_in", "seal_filter", "seal_pipeline", "sealed_in", "text_of", "token", "uuid_of", "with_tokens",
    "without_tokens",
]  # fmt: skip

ENCRYPTED: Final = 6
"""The subtype of binaries that hold what is encrypted."""
DOMAINS: Final = "domains"
"""In `derived`: the domains of sealed recipients, `@example.com`, in the clear: figures by provider need them."""
SEALED: Final = "sealed"
"""Of an event that names several people who have keys of their own: those people, each under his own key."""
KEYED: Final = (SUPPRESSION, SUPPRESSION_ACTS)
"""Collections whose `_id` is sealed: it is an address, or a hash that anybody could compute of one."""


class SealedField(NamedTuple):
    """One row: what is sealed, how, with whose key, and why so."""

    collection: str
    path: str
    equal: bool
    """Deterministic: equal values look equal, so MongoDB can find them. Else random."""
    key: str
    """``person``: of whom it is about (where people have keys of their own); ``events``; ``addresses``."""
    why: str


TABLE: Final = (
    SealedField(EVENTS, "Message", False, "person", "the whole event as SES told it"),
    SealedField(EVENTS, "Subject", False, "person", "of the mail"),
    SealedField(EVENTS, "derived.recipients", True, "person", "found by address, and counted"),
    SealedField(EVENTS, "derived.click.link", False, "person", "links often hold who clicked"),
    SealedField(EVENTS, "derived.click.page", True, "events", "the link up to its `?`: counted by `top_links`"),
    SealedField(EVENTS, SEALED, False, "person", "the people of an event that names several"),
    SealedField(SUPPRESSION, "_id", True, "addresses", "found by address, also once a person's events are unreadable"),
    SealedField(SUPPRESSION, "mailbox", True, "addresses", "the same without its `+tag`"),
    SealedField(SUPPRESSION_ACTS, "_id", True, "addresses", "a hash that anybody could compute of an address"),
    SealedField(SUPPRESSION_ACTS, "address", True, "addresses", "found by address"),
    SealedField(SUPPRESSION_ACTS, "note", False, "addresses", "what people wrote about people"),
    SealedField(DEAD_LETTERS, "content", False, "events", "what arrived, and could not be understood"),
    SealedField(HOLDS, "value", False, "addresses", "may be an address"),
    SealedField(HOLDS, "why", False, "addresses", "what people wrote about people"),
)
"""All that is sealed. What is not here is in the clear."""


def fields_of(collection: str) -> dict[str, SealedField]:
    """What is sealed in a collection, by path."""
    return _BY_COLLECTION.get(collection, {})


_BY_COLLECTION: Final[dict[str, dict[str, SealedField]]] = {
    name: {field.path: field for field in TABLE if field.collection == name}
    for name in dict.fromkeys(field.collection for field in TABLE)
}


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Unreadable(str):
    """Stands where nobody can read any more what was there."""

    __slots__ = ("domain", "reason", "sealed")
    reason: str
    sealed: Binary
    """What was there: who writes the mark back writes that, and another key may open it one day."""
    domain: str
    """Of a recipient: what is in the clear beside it. Empty where nothing is."""


ERASED: Final = "erased"
"""The person's key was destroyed on purpose."""
LOST: Final = "key lost"
"""Nobody knows what became of the key."""


def is_sealed(value: object) -> bool:
    """True for what is encrypted."""
    return type(value) is Binary and value.subtype == ENCRYPTED


def key_of(value: Binary) -> bytes:
    """The id of the key that a sealed value was sealed with: it stands in its header."""
    return bytes(value[1:17])


def uuid_of(identifier: bytes) -> Binary:
    """A key's id as MongoDB keeps it."""
    return Binary(identifier, UUID_SUBTYPE)


def sealed_in(value: Any) -> Iterator[Binary]:
    """Every sealed value inside, however deep."""
    if isinstance(value, dict):
        for member in value.values():
            yield from sealed_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from sealed_in(member)
    elif is_sealed(value):
        yield value


def holds_sealed(document: Mapping[str, Any]) -> bool:
    """Whether anything in a document is sealed."""
    return next(sealed_in(document), None) is not None


# ── the people of an event ──────────────────────────────────────────────────────────────────────────────────────────


def people_in(fields: Mapping[str, Any]) -> list[str]:
    """Everybody whom an event names as a recipient, in normal form: those it concerns first.

    Marks of those who were erased are nobody's, and have no key.
    """
    found = dict.fromkeys(_of(fields, "derived.recipients") or fields.get("derived.recipients") or ())
    text = text_of(fields.get("Message"))
    if text is not None:
        found |= dict.fromkeys(_named(text))
    return [one for one in found if type(one) is str and not MARK.fullmatch(one)]


def _named(text: str) -> Iterator[str]:
    """Whom a message went to, by its envelope and by its headers: all of them stand in the text."""
    try:
        mail = jsontext.decode(text)["mail"]
        headers = mail.get("commonHeaders") or {}
        told = [mail.get("destination"), *(headers.get(name) for name in ("to", "cc", "bcc"))]
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for some in told:
        for one in some if isinstance(some, list) else ():
            if isinstance(one, str):
                yield from _each(one)


def _each(text: str) -> Iterator[str]:
    """A header may name several in one text."""
    if text.count("@") == 1:
        yield addresses.normal(text)
    else:
        yield from (addresses.normal(part) for part in text.split(",") if "@" in part)


_TOKEN: Final = re.compile(r"p(\d+)\.([0-9a-f]*)@sealed\.invalid")


def token(place: int, identifier: Any) -> str:
    """What stands in a row's text for the person at a place of its `sealed`; an address of no other row looks so."""
    return f"p{place}.{identifier}@sealed.invalid"


def mark_of(place: int) -> str:
    """What stands in a text for the person at a place of its row's `sealed` whose key is gone.

    An erased person's mark, so that nobody takes it for a person; but of numbers that no erasure gives.
    """
    return f"erased.{_FIRST_MARK + place}@erased.invalid"


_FIRST_MARK: Final = 1000  # a mail has fifty recipients, https://docs.aws.amazon.com/ses/latest/dg/quotas.html


def text_of(message: Any) -> str | None:
    """A `Message` as text: of an object, as some applications wrote them, its JSON. None where there is none."""
    if not isinstance(message, (dict, list)):
        return message if isinstance(message, str) else None
    try:
        return jsontext.encode(message)
    except (TypeError, ValueError):  # of what only BSON knows
        return None


def as_was(message: Any, text: str) -> Any:
    """A text of `text_of`, changed since, in the form that its `Message` had."""
    return text if isinstance(message, str) else jsontext.decode(text)


def with_tokens(text: str, identifier: Any, people: Sequence[str]) -> str:
    """The text with a token wherever one of these people stands."""
    places = {person: token(place, identifier) for place, person in enumerate(people)}
    return rewrite(text, places.get)


def without_tokens(text: str, identifier: Any, people: Sequence[str]) -> str:
    """The text with people in the place of their tokens."""

    def person(found: str) -> str | None:
        told = _TOKEN.fullmatch(found)
        ours = told is not None and told[2] == str(identifier) and int(told[1]) < len(people)
        return people[int(told[1])] if told is not None and ours else None

    return rewrite(text, person)


def page_of_link(link: str) -> str:
    """A link up to its query."""
    return link.partition("?")[0].partition("#")[0]


def _of(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────────

Forms = Callable[[str, str], Sequence[Any]]
"""Path and value → everything the value may be kept as, the text itself among them."""


def seal_filter(collection: str, condition: Mapping[str, Any], forms: Forms, *, clear: bool = True) -> dict[str, Any]:
    """A filter that finds sealed values as well as those in the clear.

    Not *clear*: what is asked for behind a value is behind a sealed one (`behind_in`).
    """
    asked = {path for path, field in fields_of(collection).items() if field.equal}
    return _filter(condition, asked, forms, clear) if asked else dict(condition)


def guarded_in(collection: str, condition: Mapping[str, Any]) -> list[str]:
    """Of the fields that a write is guarded by those whose value, in the clear, MongoDB cannot compare."""
    sealed = {path.partition(".")[0] for path, field in fields_of(collection).items() if not field.equal or "." in path}
    return [name for name, value in condition.items() if name in sealed and _is_in_clear(value)]


def _is_in_clear(value: Any) -> bool:
    """Whether a guard's value was opened: not one that was read as it is kept, which MongoDB knows."""
    if isinstance(value, dict):
        return not any(name.startswith("$") for name in value) and next(sealed_in(value), None) is None
    return isinstance(value, (str, bytes)) and not is_sealed(value)


def behind_in(condition: Mapping[str, Any]) -> str | None:
    """The text that a page of a keyed collection is continued behind."""
    for name, value in condition.items():
        if name == "_id" and isinstance(value, Mapping) and isinstance(value.get("$gt"), str):
            return str(value["$gt"])
        for each in value if name == "$and" else ():
            if (found := behind_in(each)) is not None:
                return found
    return None


def _filter(condition: Mapping[str, Any], asked: set[str], forms: Forms, clear: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    more: list[dict[str, Any]] = []
    for name, value in condition.items():
        if name in ("$and", "$or", "$nor"):
            told[name] = [_filter(each, asked, forms, clear) for each in value]
        elif name not in asked:
            told[name] = value
        elif isinstance(value, Mapping) and "$regex" in value:  # patterns ask for domains only
            more.append({"$or": [{name: value}, {f"derived.{DOMAINS}": value}]})
        elif isinstance(value, Mapping) and "$gt" in value:
            more.append(_behind(name, value["$gt"], forms, clear))
        else:
            told[name] = _compared(name, value, forms)
    return told | {"$and": [*told.get("$and", ()), *more]} if more else told


def _compared(path: str, value: Any, forms: Forms) -> Any:
    if isinstance(value, str):
        found = list(forms(path, value))
        return found[0] if len(found) == 1 else {"$in": found}
    if isinstance(value, Mapping):
        return {operator: _operand(path, operator, wanted, forms) for operator, wanted in value.items()}
    return value


def _operand(path: str, operator: str, wanted: Any, forms: Forms) -> Any:
    if operator in ("$in", "$nin"):
        return [form for each in wanted for form in (forms(path, each) if isinstance(each, str) else (each,))]
    return wanted


def _behind(path: str, value: Any, forms: Forms, clear: bool) -> dict[str, Any]:
    """Behind a value in MongoDB's order, in which all texts stand before all binaries."""
    if not isinstance(value, str):
        return {path: {"$gt": value}}
    if not clear:
        return {path: {"$gt": next(form for form in forms(path, value) if is_sealed(form))}}
    return {"$or": [{path: {"$gt": value}}, {path: {"$type": "binData"}}]}


def seal_pipeline(collection: str, pipeline: Sequence[Mapping[str, Any]], forms: Forms) -> list[Mapping[str, Any]]:
    """A pipeline whose conditions find sealed values too."""
    return [_stage(collection, stage, forms) for stage in pipeline]


def _stage(collection: str, stage: Mapping[str, Any], forms: Forms) -> Mapping[str, Any]:
    (name, told), *_ = stage.items()
    if name == "$match":
        return {name: seal_filter(collection, told, forms)}
    if name == "$unionWith":
        return {name: {**told, "pipeline": seal_pipeline(told["coll"], told["pipeline"], forms)}}
    return stage
