"""Encryption, told around every other plan: what goes to MongoDB is sealed, what comes back is opened.

`sealed` stands between a plan and its driver. It fetches the keys that an operation needs by operations of its own, so
both colours share it; seals documents, filters and pipelines by the table of :mod:`sesevent.storage.sealing`; and opens
each value of an answer by itself, so that a key that is gone costs the values it sealed and no others. Where a store
encrypts nothing, none of this is imported.

What a key does is handed in (:mod:`sesevent.contrib.encryption`). Next: :mod:`sesevent.plans.keys`, which has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

import bson
from bson import Binary
from pymongo import UpdateOne

from sesevent.errors import SesEventError
from sesevent.ops import Operation, Plan
from sesevent.plans.keys import Key, Keyring, Known, destroy, load, load_people, what_is_known
from sesevent.storage.layout import DEAD_LETTERS, EVENTS, HOLDS
from sesevent.storage.operations import (
    Aggregate,
    AskKeys,
    Change,
    Count,
    Delete,
    Document,
    Find,
    Insert,
    NextChange,
    Remove,
    Reseal,
    Shred,
    Unseal,
    Update,
    UpdateAll,
)
from sesevent.storage.sealing import (
    DOMAINS,
    KEYED,
    SEALED,
    Unreadable,
    as_was,
    behind_in,
    fields_of,
    guarded_in,
    is_sealed,
    key_of,
    mark_of,
    page_of_link,
    people_in,
    seal_filter,
    seal_pipeline,
    sealed_in,
    text_of,
    with_tokens,
    without_tokens,
)

__all__ = ["Seals", "prepare", "seal", "sealed"]

R = TypeVar("R")


class Seals(Keyring):
    """What encrypts for one store."""

    def around(self, plan: Plan[R]) -> Plan[R]:
        """The same plan, encrypting."""
        return sealed(plan, self)


def sealed(plan: Plan[R], seals: Seals) -> Plan[R]:
    """*plan*, with everything it asks sealed and everything it is told opened. Errors go to the plan."""
    with closing(plan):
        try:
            operation = next(plan)
            while True:
                try:
                    outcome = yield from _performed(operation, seals)
                except SesEventError as error:  # noqa: PERF203  # as the drivers do
                    operation = plan.throw(error)
                else:
                    operation = plan.send(outcome)
        except StopIteration as done:
            result: R = done.value
            return result


def _performed(operation: Operation[Any], seals: Seals) -> Plan[Any]:
    perform = _PERFORMED.get(type(operation))
    if perform is None or getattr(operation, "collection", EVENTS) not in _SEALED:
        return (yield operation)
    return (yield from perform(operation, (yield from what_is_known(seals)), seals))


_SEALED: Final = frozenset({EVENTS, *KEYED, DEAD_LETTERS, HOLDS})


def _find(operation: Find, known: Known, seals: Seals) -> Plan[Any]:
    name, asked = operation.collection, operation.filter
    yield from load_people(_addresses_in(asked), known, seals, create=False)
    clear = True
    if name in KEYED and (behind := behind_in(asked)) is not None:
        clear = name in known.in_clear and bool((yield Find(name, {"_id": behind}, limit=1, projection={"_id": 1})))
    condition = seal_filter(name, asked, partial(_forms, known, name), clear=clear)
    rows = yield replace(operation, filter=condition)
    if operation.as_stored or operation.raw:
        return rows
    return (yield from _open_all(rows, known, seals))


def _count(operation: Count | Delete | UpdateAll, known: Known, seals: Seals) -> Plan[Any]:
    yield from load_people(_addresses_in(operation.filter), known, seals, create=False)
    return (
        yield replace(
            operation,
            filter=seal_filter(operation.collection, operation.filter, partial(_forms, known, operation.collection)),
        )
    )


def _remove(operation: Remove, known: Known, seals: Seals) -> Plan[Any]:
    forms = partial(_forms, known, operation.collection)
    for each in operation.filters:
        yield from load_people(_addresses_in(each), known, seals, create=False)
    filters = [seal_filter(operation.collection, each, forms) for each in operation.filters]
    return (yield replace(operation, filters=filters))


def _aggregate(operation: Aggregate, known: Known, seals: Seals) -> Plan[Any]:
    forms = partial(_forms, known, operation.collection)
    pipeline = seal_pipeline(operation.collection, operation.pipeline, forms)
    rows = yield replace(operation, pipeline=pipeline)
    return (yield from _open_all(rows, known, seals))


def _insert(operation: Insert, known: Known, seals: Seals) -> Plan[Any]:
    name = operation.collection
    named = yield from prepare(name, operation.documents, known, seals)
    in_clear = yield from _in_clear(name, [document["_id"] for document in operation.documents], known)
    documents = [
        seal(name, document, document["_id"], known, seals, in_clear, people=people)
        for document, people in zip(operation.documents, named, strict=True)
    ]
    return (yield replace(operation, documents=documents))


def _update(operation: Update, known: Known, seals: Seals) -> Plan[Any]:
    name = operation.collection
    if operation.as_given:
        return (yield operation)
    changes = [part for update in operation.updates for part in _parts(update)]
    yield from prepare(name, changes, known, seals)
    for update in operation.updates:
        yield from load_people(_addresses_in(update._filter), known, seals, create=False)
    in_clear = yield from _in_clear(name, [update._filter.get("_id") for update in operation.updates], known)
    kept = yield from _as_kept(name, operation.updates, known, seals)
    updates = [_sealed_update(name, update, known, seals, in_clear, kept) for update in operation.updates]
    return (yield replace(operation, updates=updates))


_Kept = dict[str, tuple[Document, Document]]
"""By id: rows as they are kept, and opened."""


def _as_kept(name: str, updates: Sequence[UpdateOne], known: Known, seals: Keyring) -> Plan[_Kept]:
    """Rows that are changed where they are still what they were: MongoDB cannot compare what is sealed at random."""
    wanted = [update._filter["_id"] for update in updates if guarded_in(name, update._filter)]
    if not wanted:
        return {}
    rows = yield Find(name, {"_id": {"$in": wanted}})
    opened = yield from _open_all(deepcopy(rows), known, seals)
    return {repr(row["_id"]): (row, as_told) for row, as_told in zip(rows, opened, strict=True)}


def _guards(name: str, condition: Mapping[str, Any], kept: _Kept) -> dict[str, Any]:
    """Guards that MongoDB can compare: what is kept, where it is what the guard says; else nothing passes."""
    guards: dict[str, Any] = {}
    for field in guarded_in(name, condition):
        row, opened = kept.get(repr(condition["_id"]), ({}, {}))
        if field not in row or bson.encode({"": opened.get(field)}) != bson.encode({"": condition[field]}):
            return {"$nor": [{}]}
        guards[field] = row[field]
    return guards


def _unseal(operation: Unseal, known: Known, seals: Keyring) -> Plan[Any]:
    rows = yield from _open_all(deepcopy(list(operation.documents)), known, seals)
    return rows


def _reseal(operation: Reseal, known: Known, seals: Keyring) -> Plan[Any]:
    told = [{name: value for name, value in after.items() if name != "unreadable"} for _, after in operation.changes]
    yield from prepare(EVENTS, told, known, seals)
    return [
        _sealed_event(after, after["_id"], known, seals, before.get(SEALED, ()))
        for (before, _), after in zip(operation.changes, told, strict=True)
    ]


def _shred(operation: Shred, known: Known, seals: Keyring) -> Plan[Any]:
    del known
    return (yield from destroy(seals, operation.forms, operation.by, operation.why, dry_run=operation.dry_run))


def _ask_keys(operation: AskKeys, known: Known, seals: Keyring) -> Plan[bool]:
    yield from load_people(operation.forms, known, seals, create=False)
    shared = all(one in known.keys for one in known.events)
    return shared and (not seals.per_person or any(known.of(form) is not None for form in operation.forms))


def _next_change(operation: NextChange, known: Known, seals: Seals) -> Plan[Any]:
    change: Change = yield operation
    if change.document is not None:
        yield from _open_all([change.document], known, seals)
        if (row := change.document.get("fullDocument")) is not None:
            _finish(row, known)
    return change


_PERFORMED: Final[dict[type, Callable[[Any, Known, Seals], Plan[Any]]]] = {
    Find: _find,
    Count: _count,
    Delete: _count,
    UpdateAll: _count,
    Remove: _remove,
    Aggregate: _aggregate,
    Insert: _insert,
    Update: _update,
    NextChange: _next_change,
    Unseal: _unseal,
    Reseal: _reseal,
    Shred: _shred,
    AskKeys: _ask_keys,
}


def _addresses_in(condition: Mapping[str, Any]) -> Iterable[str]:
    """Those that a filter asks events for."""
    for name, value in condition.items():
        if name in ("$and", "$or", "$nor"):
            for each in value:
                yield from _addresses_in(each)
        elif name == "derived.recipients":
            told = value.get("$in", ()) if isinstance(value, Mapping) else (value,)
            yield from (one for one in told if isinstance(one, str))


def _forms(known: Known, collection: str, path: str, value: str) -> Sequence[Any]:
    """Everything a text may be kept as."""
    if collection != EVENTS:
        own = known.required(known.addresses).equal(value)
        return (value, own) if collection in known.in_clear else (own,)
    found: list[Any] = [value]
    found += [known.keys[one].equal(value) for one in known.events if one in known.keys]
    if path == "derived.recipients" and (person := known.of(value)) is not None:
        found.append(person.equal(value))
    return found


# ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(name: str, parts: Sequence[Mapping[str, Any]], known: Known, seals: Keyring) -> Plan[list[list[str]]]:
    """Have the keys that are needed to seal these; returns whose they are, of each."""
    named = [people_in(part) if name == EVENTS and seals.per_person else [] for part in parts]
    yield from load_people(dict.fromkeys(chain.from_iterable(named)), known, seals, create=True)
    return named


def _in_clear(name: str, identifiers: Sequence[Any], known: Known) -> Plan[frozenset[str]]:
    """Of a keyed collection the rows that are there in the clear: they stay so until all are encrypted."""
    if name not in known.in_clear:
        return frozenset()
    texts = [one for one in identifiers if isinstance(one, str)]
    rows = yield Find(name, {"_id": {"$in": texts}}, projection={"_id": 1})
    return frozenset(row["_id"] for row in rows)


def _identifier(name: str, value: Any, known: Known, in_clear: frozenset[str]) -> Any:
    """What a row of a keyed collection stands under."""
    if name not in KEYED or not isinstance(value, str) or value in in_clear:
        return value
    return known.required(known.addresses).equal(value)


def seal(
    name: str,
    fields: Mapping[str, Any],
    identifier: Any,
    known: Known,
    seals: Keyring,
    in_clear: frozenset[str],
    before: Sequence[Any] = (),
    people: list[str] | None = None,
) -> Document:
    """A document, or the fields that are set in one, with all sealed that has to be; *people*: as `prepare` said."""
    if name == EVENTS:
        return _sealed_event(fields, identifier, known, seals, before, people)
    told = dict(fields)
    for path, row in fields_of(name).items():
        value = told.get(path)
        if path == "_id" and path in told:
            told[path] = _identifier(name, value, known, in_clear)
        elif isinstance(value, (str, bytes)) and value and not is_sealed(value):
            key = known.required(known.addresses if row.key == "addresses" else known.events[-1])
            told[path] = key.equal(value) if row.equal else key.random(value)
    return told


def _sealed_event(
    fields: Mapping[str, Any],
    identifier: Any,
    known: Known,
    seals: Keyring,
    before: Sequence[Any] = (),
    people: list[str] | None = None,
) -> Document:
    """*before*: the people that were sealed beside the text; those whose keys are gone stay so."""
    told = dict(fields)
    shared = known.required(known.events[-1])
    if people is None:
        people = people_in(fields) if seals.per_person else []
    owner = (known.of(people[0]) or shared) if len(people) == 1 else shared
    message = told.get("Message")
    if (text := text_of(message)) is not None:
        gone = {mark: one for place, one in enumerate(before) if (mark := mark_of(place)) in text and is_sealed(one)}
        if len(people) > 1 or gone:
            told["Message"] = shared.random(as_was(message, with_tokens(text, identifier, [*people, *gone])))
            told[SEALED] = [*[(known.of(person) or shared).random(person) for person in people], *gone.values()]
        else:
            told["Message"] = owner.random(message)
    elif isinstance(message, (dict, list)):
        told["Message"] = owner.random(message)
    if isinstance(subject := told.get("Subject"), str):
        told["Subject"] = owner.random(subject)
    if isinstance(derived := told.get("derived"), Mapping):
        told["derived"] = _sealed_derived(derived, owner, shared, known, seals)
    if isinstance(recipients := told.get("derived.recipients"), list):
        told["derived.recipients"] = _sealed_people(recipients, shared, known, seals)
        told[f"derived.{DOMAINS}"] = _domains(recipients)
    return told


def _sealed_derived(
    derived: Mapping[str, Any], owner: Key, shared: Key, known: Known, seals: Keyring
) -> dict[str, Any]:
    told = dict(derived)
    if recipients := told.get("recipients"):
        told["recipients"] = _sealed_people(recipients, shared, known, seals)
        told.setdefault(DOMAINS, _domains(recipients))
    link = (told.get("click") or {}).get("link")
    if isinstance(link, str):
        told["click"] = {**told["click"], "link": owner.random(link), "page": shared.equal(page_of_link(link))}
    return told


def _sealed_people(people: Sequence[Any], shared: Key, known: Known, seals: Keyring) -> list[Any]:
    return [_sealed_person(one, shared, known, seals) for one in people]


def _sealed_person(one: Any, shared: Key, known: Known, seals: Keyring) -> Any:
    if isinstance(one, Unreadable):
        return one.sealed
    key = (known.of(one) or shared) if seals.per_person and isinstance(one, str) else shared
    return key.equal(one) if isinstance(one, str) else one


def _domains(people: Sequence[Any]) -> list[str]:
    # With the @, so that patterns that end addresses end these too.
    return ["@" + one.rpartition("@")[2] for one in people if isinstance(one, str)]


def _parts(update: UpdateOne) -> list[Mapping[str, Any]]:
    change: Any = update._doc
    return [change[name] for name in _SET if name in change] if isinstance(change, Mapping) else []


_SET: Final = ("$set", "$setOnInsert")


def _sealed_update(
    name: str, update: UpdateOne, known: Known, seals: Keyring, in_clear: frozenset[str], kept: _Kept
) -> UpdateOne:
    condition = seal_filter(name, {key: value for key, value in update._filter.items() if key != "_id"},
                            partial(_forms, known, name)) | _guards(name, update._filter, kept)  # fmt: skip
    identifier = update._filter.get("_id")
    before = kept.get(repr(identifier), ({}, {}))[0].get(SEALED, ())
    if "_id" in update._filter:
        condition = {"_id": _identifier(name, identifier, known, in_clear)} | condition
    change: Any = update._doc
    if isinstance(change, Mapping):
        change = {
            operator: seal(name, told, identifier, known, seals, in_clear, before) if operator in _SET else told
            for operator, told in change.items()
        }
        original: Any = update._doc
        written = original.get("$set", {})
        anew = isinstance(written.get("Message"), (str, dict, list)) or "Message" in change.get("$unset", ())
        if name == EVENTS and anew and SEALED not in change.get("$set", {}):
            change["$unset"] = {**change.get("$unset", {}), SEALED: ""}  # whom the text before named
    return UpdateOne(condition, change, upsert=bool(update._upsert))


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _open_all(rows: list[Document], known: Known, seals: Keyring) -> Plan[list[Document]]:
    yield from load({key_of(value) for row in rows for value in sealed_in(row)}, known, seals)
    for row in rows:
        _finish(_opened(row, known), known)
    return rows


def _opened(value: Any, known: Known) -> Any:
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, (dict, list, Binary)):
                value[name] = _opened(member, known)
        return value
    if isinstance(value, list):
        return [_opened(member, known) for member in value]
    return known.opened(value) if is_sealed(value) else value


def _finish(row: Document, known: Known) -> Document:
    """A row as it was before it was sealed; what nobody can read is left out, and the row says why (`unreadable`)."""
    del known
    people = row.pop(SEALED, None)
    derived = row.get("derived")
    if isinstance(derived, dict) and (domains := derived.pop(DOMAINS, None)) is not None:
        for one, domain in zip(derived.get("recipients", ()), domains, strict=False):
            if isinstance(one, Unreadable):
                one.domain = domain.lstrip("@")
        _finish_derived(derived, row)
    for name in ("Message", "Subject", "content", "note"):
        if isinstance(mark := row.get(name), Unreadable):
            del row[name]
            row["unreadable"] = mark.reason
    message = row.get("Message")
    if people and (text := text_of(message)) is not None:
        named = [mark_of(place) if isinstance(one, Unreadable) else one for place, one in enumerate(people)]
        row["Message"] = as_was(message, without_tokens(text, row.get("_id"), named))
        if isinstance(row.get("received"), dict):
            row["received"].setdefault("protected", SEALED)  # the text is not the one that the key was made of
        _mark(row, people)
    return row


def _finish_derived(derived: dict[str, Any], row: Document) -> None:
    _mark(row, derived.get("recipients", ()))
    click = derived.get("click")
    if isinstance(click, dict):
        click.pop("page", None)
        if isinstance(click.get("link"), Unreadable):
            del click["link"]


def _mark(row: Document, people: Iterable[Any]) -> None:
    reason = next((one.reason for one in people if isinstance(one, Unreadable)), None)
    if reason is not None:
        row["unreadable"] = reason
