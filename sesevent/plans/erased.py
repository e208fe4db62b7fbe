"""Those who were erased stay so, whoever brings them back: a late event, a restored archive, an imported list.

Whatever is about to be written is held against the list of the erased first, and once more when it is written: whoever
was put there between the two is taken out here, or else by the erasure, which writes the list before it looks at the
log. A store without keys has no such list, and asks for none. Next: :mod:`sesevent.plans.privacy`, which erases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sesevent.addresses import is_pseudonym
from sesevent.errors import StoreConflict
from sesevent.ops import Plan, ask
from sesevent.plans.suppress import rederive
from sesevent.storage import erasures, reads
from sesevent.storage.erasures import Erasing, Person
from sesevent.storage.operations import AskPseudonyms, Document, Reseal, Unseal
from sesevent.suppression.facts import Act
from sesevent.suppression.policy import Policy

__all__ = [
    "Erased",
    "Listed",
    "Taken",
    "among",
    "give_back",
    "hashes_of",
    "letters_without",
    "put_again",
    "reduce",
    "rows_without",
    "settle",
    "taken",
    "without_name",
]

_TRIES = 20  # others may say something of a person that often while it is being reduced


class Erased(NamedTuple):
    """Somebody who was erased, and how."""

    person: Person
    erasing: Erasing


Listed = Mapping[str, Erased]
"""By address, as it was asked for."""


def among(people: Iterable[str]) -> Plan[Listed]:
    """Those of these addresses, in normal form, that were erased."""
    asked = set(people)
    pseudonyms = (yield from ask(AskPseudonyms())) if asked else None
    if pseudonyms is None:
        return {}
    rows = yield from ask(erasures.whole_list(len(asked)))
    if not rows:  # mostly nobody was: then no hash need be made
        return {}
    hidden = [address for address in asked if is_pseudonym(address)]
    of = {hashed: address for address in asked for hashed in pseudonyms.erased_forms(address)}
    if len(rows) > len(asked):
        rows = yield from ask(erasures.among_erased(of, hidden))
    found: dict[str, Erased] = {}
    for row in rows:
        erasing = erasures.erasing_in(row)
        named = {one for one in hidden if erasures.alias_of(one) in erasing.aliases} if erasing.aliases else set()
        for address in {*named, of[erasing.hash]} if erasing.hash in of else named:
            found[address] = Erased(erasures.person_of(address, pseudonyms), erasing)
    return found


def hashes_of(people: Iterable[str]) -> Plan[dict[str, str]]:
    """The names under which something is said of the erased among these; all others have their own."""
    listed = yield from among(people)
    return {address: one.erasing.hash for address, one in listed.items() if one.erasing.keep}


def without_name(act: Act, normal: str, stored: str) -> Act:
    """What is said of somebody who is stored under another name, such as a keyed hash: it does not name them either."""
    if stored == normal:
        return act
    note, by = (erasures.without_forms(text, [normal]) for text in (act.note, act.by))
    return act._replace(note=note, by=by)


# ── events that come ────────────────────────────────────────────────────────────────────────────────────────────────


class Taken(NamedTuple):
    """An event that the erased were taken out of."""

    document: Document
    """What is stored."""
    evidence: Document
    """What facts are made of: they are noted of the keyed hash."""


def taken(document: Mapping[str, Any], named: Iterable[str], listed: Listed) -> Taken | None:
    """An event without the erased among those it names; None where it may stay as it is."""
    sent = erasures.sent_at(document)
    stored, hashes = dict(document), {}
    for one in [listed[address] for address in named if address in listed]:
        if not one.erasing.covers(sent) or (without := erasures.without(stored, one.person)) is None:
            continue
        before, after = (each.get("derived", {}).get("recipients", []) for each in (stored, without))
        marks = [mark for mark, address in zip(after, before, strict=True) if address != mark]
        if one.erasing.keep:
            hashes.update(dict.fromkeys(marks, one.erasing.hash))
        stored = without
    if stored == document:
        return None
    derived = stored.get("derived", {})
    named_now = [hashes.get(one, one) for one in derived.get("recipients", ())]
    return Taken(stored, stored | {"derived": derived | ({"recipients": named_now} if named_now else {})})


def rows_without(documents: Sequence[Document]) -> Plan[tuple[list[Document], Listed]]:
    """Rows that come back, without the erased; and who of those they name was erased."""
    asking = yield from ask(AskPseudonyms())
    if asking is None:
        return list(documents), {}
    unsealed = yield from ask(Unseal(documents))
    listed = yield from among(name for document in unsealed for name in erasures.named_in(document))
    if not listed:
        return list(documents), listed
    pairs = [(document, _without(clear, listed), clear) for document, clear in zip(documents, unsealed, strict=True)]
    changed = yield from ask(Reseal([(document, after) for document, after, clear in pairs if after is not clear]))
    left = iter(changed)
    return [document if after is clear else next(left) for document, after, clear in pairs], listed


def _without(document: Document, listed: Listed) -> Document:
    found = taken(document, erasures.named_in(document), listed)
    return document if found is None else found.document


def put_again(documents: Sequence[Document], known: Listed) -> Plan[None]:
    """The same for rows that were just written: without whoever was erased meanwhile, of whom *known* knows nothing."""
    if (yield from ask(AskPseudonyms())) is None:
        return
    written, listed = yield from rows_without(documents)
    if listed.keys() - known.keys():
        changes = [(before, after) for before, after in zip(documents, written, strict=True) if before is not after]
        yield from ask(erasures.put_rows(changes))


def letters_without(letters: Sequence[Document]) -> Plan[list[Document]]:
    """Dead letters that come, without the erased."""
    if (yield from ask(AskPseudonyms())) is None:
        return list(letters)
    listed = yield from among(one for letter in letters for one in erasures.addresses_in(letter.get("content") or b""))
    return [_letter_without(letter, listed) for letter in letters] if listed else list(letters)


def _letter_without(letter: Document, listed: Listed) -> Document:
    before = content = bytes(letter.get("content") or b"")
    for one in listed.values():
        content = erasures.letter_without(content, one.person) or content
    return letter if content == before else letter | {"content": content}


# ── what is said of people ──────────────────────────────────────────────────────────────────────────────────────────


def reduce(policy: Policy, one: Erased) -> Plan[None]:
    """Let what is known of an erased person be known of the keyed hash, and of nobody else; or of nobody at all.

    The hash is kept from mail before the address is forgotten: at no time may it be mailed.
    """
    for _ in range(_TRIES):
        if not (yield from reduce_once(policy, one)):
            return
    raise StoreConflict("Others kept saying something of a person who is being erased.", hint="It is safe to repeat.")


def reduce_once(policy: Policy, one: Erased) -> Plan[bool]:
    """The same, once: whether there was something, and so may be again."""
    return (yield from (_hidden if one.erasing.keep else _dropped)(policy, one))


def _hidden(policy: Policy, one: Erased) -> Plan[bool]:
    """Whether there was something to be known of the hash."""
    person, erasing = one
    rows = yield from ask(reads.acts_about(person.forms))
    told = [erasures.moved(row, erasing.hash, person.forms) for row in rows]
    yield from ask(erasures.insert_acts([erasures.wish(erasing), *told]))
    yield from rederive(policy, [erasing.hash])
    if rows:
        yield from ask(erasures.delete_acts([row["_id"] for row in rows]))
    yield from ask(erasures.delete_standings(person.forms))
    return bool(rows)


def _dropped(policy: Policy, one: Erased) -> Plan[bool]:
    """Whether there was something to be forgotten: what happened since then stays."""
    person, erasing = one
    forms = (*person.forms, *person.hashes)
    rows = yield from ask(reads.acts_about(forms))
    old = [row["_id"] for row in rows if row["at"] <= erasing.at]
    if old:
        yield from ask(erasures.delete_acts(old))
    if len(old) < len(rows):
        yield from rederive(policy, {row["address"] for row in rows if row["_id"] not in old})
    else:
        yield from ask(erasures.delete_standings(forms))
    return bool(old)


def give_back(policy: Policy, person: Person) -> Plan[None]:
    """Let what is known of a keyed hash be known of the address again, but for the wish not to be mailed."""
    rows = yield from ask(reads.acts_about(person.hashes))
    told = [erasures.moved(row, person.address, ()) for row in rows if row["act"] != "erase"]
    if told:
        yield from ask(erasures.insert_acts(told))
        yield from rederive(policy, [person.address])
    if rows:
        yield from ask(erasures.delete_acts([row["_id"] for row in rows]))
    yield from ask(erasures.delete_standings(person.hashes))


def settle(policy: Policy, people: Iterable[str]) -> Plan[None]:
    """Reduce what was just said of those among these who were erased meanwhile."""
    listed = yield from among(people)
    for _, one in sorted(listed.items()):
        yield from reduce(policy, one)
