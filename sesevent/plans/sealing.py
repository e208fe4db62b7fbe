"""Encryption, told around every other plan: what goes to MongoDB is sealed, what comes back is opened.

`sealed` stands between a plan and its driver. It fetches the keys that an operation needs by operations of its own, so
both colours share it; seals documents, filters and pipelines by the table of :mod:`sesevent.storage.sealing`; and opens
each value of an answer by itself, so that a key that is gone costs the values it sealed and no others. Where a store
encrypts nothing, none of this is imported.

What a key does is handed in (:mod:`sesevent.contrib.encryption`). Below are the stories about keys themselves.
Next: :mod:`sesevent.faces.encryption`, which hands them out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from bson import Binary
from pymongo import IndexModel, UpdateOne

from sesevent import addresses
from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError, SesEventError
from sesevent.ops import Operation, Plan, ask
from sesevent.plans import audit
from sesevent.storage.layout import DEAD_LETTERS, ENCRYPTION, EVENTS, HOLDS, KEYS, SUPPRESSION, SUPPRESSION_ACTS
from sesevent.storage.operations import (
    Aggregate,
    Change,
    Count,
    CreateIndexes,
    Delete,
    Document,
    Find,
    Insert,
    NextChange,
    Now,
    Remove,
    Update,
    UseMaster,
)
from sesevent.storage.sealing import (
    DOMAINS,
    ERASED,
    KEYED,
    LOST,
    SEALED,
    Unreadable,
    behind_in,
    fields_of,
    is_sealed,
    key_of,
    page_of_link,
    people_in,
    seal_filter,
    seal_pipeline,
    sealed_in,
    uuid_of,
    with_tokens,
    without_tokens,
)

__all__ = ["Encrypted", "Key", "Seals", "Status", "encrypt_page", "new_data_key", "rotate", "sealed", "shred", "status"]

R = TypeVar("R")

ROOT: Final = "sesevent:root"
"""The name of the one data key that the master key wraps."""
PROVIDER: Final = "local:sesevent"
"""How the vault says of all other data keys that the ring's secret wraps them."""
RANDOM: Final = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
_RING: Final = "ring"
_FRESH: Final = timedelta(minutes=1)
"""How long a process goes on with a key that another destroyed. MongoDB's own drivers keep keys as long."""
_MOST: Final = 100_000  # keys that are remembered meanwhile
_PAGE: Final = 500


class Key(Protocol):
    """A data key: `sesevent.contrib.encryption.DataKey`."""

    id: bytes

    def random(self, value: Any) -> Binary: ...
    def equal(self, value: Any) -> Binary: ...
    def open(self, sealed: bytes) -> Any: ...
    def wrap(self, material: bytes) -> bytes: ...
    def unwrap(self, wrapped: bytes) -> bytes: ...


@dataclass
class Known:
    """What a process knows of keys, for a while."""

    since: datetime
    addresses: bytes
    """The id of the key for what is found by address beside events."""
    events: tuple[bytes, ...]
    """Ids of the keys that nobody has for himself: the last is for new rows."""
    wrapping: Key
    naming: bytes
    in_clear: frozenset[str]
    """Of the keyed collections those that still have rows in the clear."""
    keys: dict[bytes, Key] = field(default_factory=dict)
    people: dict[str, bytes | None] = field(default_factory=dict)
    """By address: the id of a person's key; None where he has none."""
    gone: dict[bytes, str] = field(default_factory=dict)
    """Keys that cannot be had, and why."""

    def name(self, address: str) -> str:
        """A person's key's name in the vault: nobody can tell the address from it, nor try addresses on it."""
        return "person:" + hmac.digest(self.naming, address.encode("utf-8", "surrogatepass"), "sha256").hex()

    def of(self, address: str) -> Key | None:
        """A person's key."""
        identifier = self.people.get(address)
        return None if identifier is None else self.keys.get(identifier)

    def required(self, identifier: bytes) -> Key:
        """A key without which nothing can be written, or asked by address."""
        if identifier not in self.keys:
            raise ConfigurationError(
                "A data key that this store needs is not in its key vault (ses_key).",
                hint="Restore the vault; or, to go on with new rows, make another: sesevent encryption new-key",
            )
        return self.keys[identifier]

    def opened(self, value: Binary) -> Any:
        """What a sealed value holds, or a mark with the reason why nobody can tell."""
        identifier = key_of(value)
        key = self.keys.get(identifier)
        if key is None:
            return _unreadable(self.gone.get(identifier, LOST))
        try:
            return key.open(value)
        except ValueError:
            return _unreadable("damaged")


def _unreadable(reason: str) -> Unreadable:
    mark = Unreadable("erased@erased.invalid" if reason == ERASED else "unreadable@erased.invalid")
    mark.reason = reason
    return mark


@dataclass
class Seals:
    """What encrypts for one store. Made by `sesevent.contrib.encryption.Encryption`."""

    engine: Any
    """PyMongo's `ClientEncryption` or `AsyncClientEncryption`: it has the master key."""
    provider: str
    master_key: Mapping[str, Any] | None
    per_person: bool
    make: Any
    """Makes a `Key` of its id and material; ``make.material()`` is for a new one."""
    known: Known | None = None
    secret: tuple[bytes, Key, bytes] | None = None
    """The ring as it was read, and what was in it."""

    def around(self, plan: Plan[R]) -> Plan[R]:
        """The same plan, encrypting."""
        return sealed(plan, self)

    def text_of(self, value: Any) -> str | None:
        """The text that was sealed beside events, where its key is at hand; one in the clear is itself."""
        found = self.known.opened(value) if is_sealed(value) and self.known is not None else value
        return found if isinstance(found, str) and not isinstance(found, Unreadable) else None

    def __repr__(self) -> str:
        return "<Seals>"


# ── around every plan ───────────────────────────────────────────────────────────────────────────────────────────────


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
    return (yield from perform(operation, (yield from _known(seals)), seals))


_SEALED: Final = frozenset({EVENTS, *KEYED, DEAD_LETTERS, HOLDS})


def _find(operation: Find, known: Known, seals: Seals) -> Plan[Any]:
    name, asked = operation.collection, operation.filter
    yield from _load_people(_addresses_in(asked), known, seals, create=False)
    clear = True
    if name in KEYED and (behind := behind_in(asked)) is not None:
        clear = name in known.in_clear and bool((yield Find(name, {"_id": behind}, limit=1, projection={"_id": 1})))
    condition = seal_filter(name, asked, partial(_forms, known, name), clear=clear)
    rows = yield replace(operation, filter=condition)
    if operation.as_stored:
        return rows
    return (yield from _open_all(rows, known, seals))


def _count(operation: Count | Delete, known: Known, seals: Seals) -> Plan[Any]:
    yield from _load_people(_addresses_in(operation.filter), known, seals, create=False)
    return (
        yield replace(
            operation,
            filter=seal_filter(operation.collection, operation.filter, partial(_forms, known, operation.collection)),
        )
    )


def _remove(operation: Remove, known: Known, seals: Seals) -> Plan[Any]:
    forms = partial(_forms, known, operation.collection)
    for each in operation.filters:
        yield from _load_people(_addresses_in(each), known, seals, create=False)
    filters = [seal_filter(operation.collection, each, forms) for each in operation.filters]
    return (yield replace(operation, filters=filters))


def _aggregate(operation: Aggregate, known: Known, seals: Seals) -> Plan[Any]:
    forms = partial(_forms, known, operation.collection)
    pipeline = seal_pipeline(operation.collection, operation.pipeline, forms)
    rows = yield replace(operation, pipeline=pipeline)
    return (yield from _open_all(rows, known, seals))


def _insert(operation: Insert, known: Known, seals: Seals) -> Plan[Any]:
    name = operation.collection
    yield from _prepare(name, operation.documents, known, seals)
    in_clear = yield from _in_clear(name, [document["_id"] for document in operation.documents], known)
    documents = [_sealed(name, document, document["_id"], known, seals, in_clear) for document in operation.documents]
    return (yield replace(operation, documents=documents))


def _update(operation: Update, known: Known, seals: Seals) -> Plan[Any]:
    name = operation.collection
    changes = [part for update in operation.updates for part in _parts(update)]
    yield from _prepare(name, changes, known, seals)
    for update in operation.updates:
        yield from _load_people(_addresses_in(update._filter), known, seals, create=False)
    in_clear = yield from _in_clear(name, [update._filter.get("_id") for update in operation.updates], known)
    updates = [_sealed_update(name, update, known, seals, in_clear) for update in operation.updates]
    return (yield replace(operation, updates=updates))


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
    Remove: _remove,
    Aggregate: _aggregate,
    Insert: _insert,
    Update: _update,
    NextChange: _next_change,
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


def _prepare(name: str, parts: Sequence[Mapping[str, Any]], known: Known, seals: Seals) -> Plan[None]:
    """Have the keys that are needed to seal these."""
    if name == EVENTS and seals.per_person:
        people = dict.fromkeys(person for part in parts for person in people_in(part))
        yield from _load_people(people, known, seals, create=True)


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


def _sealed(
    name: str, fields: Mapping[str, Any], identifier: Any, known: Known, seals: Seals, in_clear: frozenset[str]
) -> Document:
    """A document, or the fields that are set in one, with all sealed that has to be."""
    if name == EVENTS:
        return _sealed_event(fields, identifier, known, seals)
    told = dict(fields)
    for path, row in fields_of(name).items():
        value = told.get(path)
        if path == "_id" and path in told:
            told[path] = _identifier(name, value, known, in_clear)
        elif isinstance(value, (str, bytes)) and value and not is_sealed(value):
            key = known.required(known.addresses if row.key == "addresses" else known.events[-1])
            told[path] = key.equal(value) if row.equal else key.random(value)
    return told


def _sealed_event(fields: Mapping[str, Any], identifier: Any, known: Known, seals: Seals) -> Document:
    told = dict(fields)
    shared = known.required(known.events[-1])
    people = people_in(fields) if seals.per_person else []
    owner = (known.of(people[0]) or shared) if len(people) == 1 else shared
    if isinstance(text := told.get("Message"), str):
        if len(people) > 1:
            told["Message"] = shared.random(with_tokens(text, identifier, people))
            told[SEALED] = [(known.of(person) or shared).random(person) for person in people]
        else:
            told["Message"] = owner.random(text)
    if isinstance(subject := told.get("Subject"), str):
        told["Subject"] = owner.random(subject)
    if isinstance(derived := told.get("derived"), Mapping):
        told["derived"] = _sealed_derived(derived, owner, shared, known, seals)
    if isinstance(recipients := told.get("derived.recipients"), list):
        told["derived.recipients"] = _sealed_people(recipients, shared, known, seals)
        told[f"derived.{DOMAINS}"] = _domains(recipients)
    return told


def _sealed_derived(derived: Mapping[str, Any], owner: Key, shared: Key, known: Known, seals: Seals) -> dict[str, Any]:
    told = dict(derived)
    if recipients := told.get("recipients"):
        told["recipients"] = _sealed_people(recipients, shared, known, seals)
        told.setdefault(DOMAINS, _domains(recipients))
    link = (told.get("click") or {}).get("link")
    if isinstance(link, str):
        told["click"] = {**told["click"], "link": owner.random(link), "page": shared.equal(page_of_link(link))}
    return told


def _sealed_people(people: Sequence[Any], shared: Key, known: Known, seals: Seals) -> list[Any]:
    if not seals.per_person:
        return [shared.equal(one) if isinstance(one, str) else one for one in people]
    return [(known.of(one) or shared).equal(one) if isinstance(one, str) else one for one in people]


def _domains(people: Sequence[Any]) -> list[str]:
    # With the @, so that patterns that end addresses end these too.
    return ["@" + one.rpartition("@")[2] for one in people if isinstance(one, str)]


def _parts(update: UpdateOne) -> list[Mapping[str, Any]]:
    change: Any = update._doc
    return [change[name] for name in _SET if name in change] if isinstance(change, Mapping) else []


_SET: Final = ("$set", "$setOnInsert")


def _sealed_update(
    name: str, update: UpdateOne, known: Known, seals: Seals, in_clear: frozenset[str]
) -> UpdateOne:
    condition = seal_filter(name, {key: value for key, value in update._filter.items() if key != "_id"},
                            partial(_forms, known, name))  # fmt: skip
    identifier = update._filter.get("_id")
    if "_id" in update._filter:
        condition = {"_id": _identifier(name, identifier, known, in_clear)} | condition
    change: Any = update._doc
    if isinstance(change, Mapping):
        change = {
            operator: _sealed(name, told, identifier, known, seals, in_clear) if operator in _SET else told
            for operator, told in change.items()
        }
    return UpdateOne(condition, change, upsert=bool(update._upsert))


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _open_all(rows: list[Document], known: Known, seals: Seals) -> Plan[list[Document]]:
    yield from _load({key_of(value) for row in rows for value in sealed_in(row)}, known, seals)
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
    if isinstance(derived, dict) and derived.pop(DOMAINS, None) is not None:
        _finish_derived(derived, row)
    for name in ("Message", "Subject", "content", "note"):
        if isinstance(mark := row.get(name), Unreadable):
            del row[name]
            row["unreadable"] = mark.reason
    if people and isinstance(text := row.get("Message"), str):
        named = [f"erased.{place}@erased.invalid" if isinstance(one, Unreadable) else one
                 for place, one in enumerate(people)]  # fmt: skip
        row["Message"] = without_tokens(text, row.get("_id"), named)
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


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _known(seals: Seals) -> Plan[Known]:
    """What is known of keys: looked at again once a minute, so that what others did to them is noticed."""
    now: datetime = yield Now()
    known = seals.known
    if known is not None and timedelta() <= now - known.since < _FRESH and len(known.keys) < _MOST:
        return known
    rows = yield Find(ENCRYPTION, {"_id": _RING}, durable=True)
    ring = rows[0] if rows else (yield from _begin(seals, now))
    wrapping, naming = yield from _secret(ring["wrapped"], seals)
    in_clear = []
    for name in KEYED:
        if (yield Find(name, {"_id": {"$type": "string"}}, limit=1, projection={"_id": 1})):
            in_clear.append(name)
    shared = tuple(bytes(one) for one in ring["events"])
    known = Known(now, bytes(ring["addresses"]), shared, wrapping, naming, frozenset(in_clear))
    yield from _load({known.addresses, *shared}, known, seals)
    seals.known = known
    return known


def _secret(wrapped: Binary, seals: Seals) -> Plan[tuple[Key, bytes]]:
    """What is in the ring: whoever may use the master key reads it."""
    if seals.secret is None or seals.secret[0] != bytes(wrapped):
        told = yield UseMaster(seals.engine, lambda engine: engine.decrypt(wrapped))
        seals.secret = bytes(wrapped), seals.make(b"", bytes(told["wrap"])), bytes(told["name"])
    return seals.secret[1:]


def _begin(seals: Seals, now: datetime) -> Plan[Document]:
    """Make the root key, the ring and the first data keys. Of several who do so at once one is followed by all."""
    names = IndexModel(
        [("keyAltNames", 1)], unique=True, partialFilterExpression={"keyAltNames": {"$exists": True}}, name="names"
    )
    yield CreateIndexes(KEYS, [names])
    try:
        yield UseMaster(seals.engine, lambda engine: engine.create_data_key(seals.provider, master_key=seals.master_key, key_alt_names=[ROOT])
        )
    except SesEventError:
        if not (yield Find(KEYS, {"keyAltNames": ROOT}, limit=1, durable=True)):
            raise
    material = seals.make.material()
    secret = {"wrap": material, "name": seals.make.material()[:32]}
    wrapped = yield UseMaster(seals.engine, lambda engine: engine.encrypt(secret, RANDOM, key_alt_name=ROOT))
    wrapping = seals.make(b"", material)
    made = [_vault_document(seals, wrapping, name, now) for name in ("sesevent:addresses", "sesevent:events:1")]
    own, events = [document["_id"] for document in made]
    for document in made:  # of somebody else who began at the same time the names may be there
        document["keyAltNames"] = [f"{document['keyAltNames'][0]}:{bytes(document['_id']).hex()[:8]}"]
    yield Insert(KEYS, made)
    yield Insert(ENCRYPTION, [{"_id": _RING, "wrapped": wrapped, "addresses": own, "events": [events], "at": now}])
    rows = yield Find(ENCRYPTION, {"_id": _RING}, durable=True)
    first: Document = rows[0]
    return first


def _vault_document(seals: Seals, wrapping: Key, name: str, now: datetime) -> Document:
    """A new data key, as MongoDB's key vaults have them."""
    return {
        "_id": uuid_of(uuid4().bytes),
        "keyMaterial": wrapping.wrap(seals.make.material()),
        "creationDate": now,
        "updateDate": now,
        "status": 0,
        "masterKey": {"provider": PROVIDER},
        "keyAltNames": [name],
    }


def _take(rows: Iterable[Document], known: Known, seals: Seals) -> None:
    for row in rows:
        identifier = bytes(row["_id"])
        try:
            known.keys[identifier] = seals.make(identifier, known.wrapping.unwrap(bytes(row["keyMaterial"])))
        except ValueError:
            known.gone[identifier] = "damaged"


def _load(identifiers: Iterable[bytes], known: Known, seals: Seals) -> Plan[None]:
    """Have these keys; of those that cannot be had, know why."""
    missing = [one for one in identifiers if one not in known.keys and one not in known.gone]
    if not missing:
        return
    ids = {"$in": [uuid_of(one) for one in missing]}
    _take((yield Find(KEYS, {"_id": ids, "masterKey.provider": PROVIDER})), known, seals)
    left = [one for one in missing if one not in known.keys and one not in known.gone]
    if left:
        erased = yield Find(ENCRYPTION, {"_id": {"$in": [uuid_of(one) for one in left]}})
        known.gone |= dict.fromkeys(left, LOST) | {bytes(row["_id"]): ERASED for row in erased}


def _load_people(people: Iterable[str], known: Known, seals: Seals, *, create: bool) -> Plan[None]:
    """Have the keys of these people; with *create*, make those that are not there."""
    missing = {known.name(one): one for one in people if one not in known.people}
    unmade = {known.name(one): one for one in people if create and known.people.get(one, b"") is None}
    asked = missing | unmade
    if not asked:
        return
    yield from _find_people(asked, known, seals)
    if not create:
        known.people |= {one: None for one in asked.values() if one not in known.people}
        return
    left = {name: one for name, one in asked.items() if known.people.get(one) is None}
    if left:
        now = yield Now()
        yield Insert(KEYS, [_vault_document(seals, known.wrapping, name, now) for name in left])
        yield from _find_people(left, known, seals)  # of two who make one at once the vault has the first


def _find_people(asked: Mapping[str, str], known: Known, seals: Seals) -> Plan[None]:
    rows = yield Find(KEYS, {"keyAltNames": {"$in": list(asked)}})
    _take(rows, known, seals)
    known.people |= {asked[name]: bytes(row["_id"]) for row in rows for name in row["keyAltNames"] if name in asked}


# ── stories about keys: not performed through `sealed` ──────────────────────────────────────────────────────────────


class Status(NamedTuple):
    """How a store's encryption stands."""

    provider: str
    """What holds the master key: ``local``, ``aws``…"""
    master_key: Mapping[str, Any]
    """Its name, where it has one."""
    data_keys: int
    """Keys for what nobody has a key of his own for; only the last is for new rows."""
    people: int
    """People with a key of their own."""
    erased: int
    """Keys that were destroyed."""
    in_clear: tuple[str, ...]
    """Collections of suppression that have rows in the clear."""


def status(seals: Seals) -> Plan[Status]:
    """How it stands."""
    known = yield from _known(seals)
    roots = yield Find(KEYS, {"keyAltNames": ROOT}, limit=1)
    told = dict(roots[0]["masterKey"]) if roots else {"provider": LOST}
    people = yield Count(KEYS, {"keyAltNames": {"$gte": "person:", "$lt": "person;"}})
    erased = yield Count(ENCRYPTION, {"_id": {"$ne": _RING}})
    return Status(told.pop("provider"), told, len(known.events), people, erased, tuple(sorted(known.in_clear)))


def shred(seals: Seals, address: str, by: str, why: str, now: datetime) -> Plan[int]:
    """Destroy a person's keys; returns how many there were. Written into the audit, which names nobody."""
    if not by or not why:
        raise ConfigurationError("Say who destroys a key, and why: it cannot be undone.")
    if not addresses.is_one(address):
        raise ConfigurationError("What was given is not one e-mail address.", hint="No key was destroyed.")
    known = yield from _known(seals)
    rows = yield Find(KEYS, {"keyAltNames": known.name(addresses.normal(address))}, durable=True)
    for row in rows:
        identifier = bytes(row["_id"])
        yield from audit.note(AuditEntry(now, "key shredded", identifier.hex(), by, why), f"shred {identifier.hex()}")
        yield Insert(ENCRYPTION, [{"_id": row["_id"], "erasedAt": now}])
        yield Delete(KEYS, {"_id": row["_id"]})
    seals.known = None
    return len(rows)


def rotate(seals: Seals, by: str, why: str, now: datetime) -> Plan[None]:
    """Have the master key that the store was given protect all keys from now on, in the place of the one before."""
    yield from _known(seals)
    yield from audit.note(AuditEntry(now, "master key rotated", seals.provider, by, why, dict(seals.master_key or {})))
    yield UseMaster(seals.engine, lambda engine: engine.rewrap_many_data_key(
            {"keyAltNames": ROOT}, provider=seals.provider, master_key=seals.master_key
        )
    )


def new_data_key(seals: Seals, by: str, why: str, now: datetime) -> Plan[int]:
    """Seal new rows with a new data key; returns how many there are now. Old rows stay readable with theirs."""
    known = yield from _known(seals)
    made = _vault_document(seals, known.wrapping, f"sesevent:events:{uuid4().hex[:8]}", now)
    yield Insert(KEYS, [made])
    before = [uuid_of(one) for one in known.events]
    done = yield Update(ENCRYPTION, [UpdateOne({"_id": _RING, "events": before}, {"$push": {"events": made["_id"]}})])
    seals.known = None
    if done.matched:
        yield from audit.note(AuditEntry(now, "data key made", bytes(made["_id"]).hex(), by, why))
    return len(before) + done.matched


@dataclass
class Encrypted:
    """How far the encryption of what was in the clear has come."""

    looked_at: int = 0
    encrypted: int = 0
    """Rows that were in the clear."""
    place: tuple[str, Any] | None = (EVENTS, None)
    """Where it goes on; None at the end."""


def encrypt_page(seals: Seals, so_far: Encrypted) -> Plan[Encrypted]:
    """Encrypt the next rows that are in the clear. Safe beside writers, and to repeat after a crash."""
    if so_far.place is None:
        return so_far
    name, after = so_far.place
    known = yield from _known(seals)
    behind = {} if after is None else {"_id": {"$gt": after}}
    rows = yield Find(name, {"$and": [behind, _IN_CLEAR[name]]} if behind else _IN_CLEAR[name], (("_id", 1),), _PAGE)
    todo = [row for row in rows if not is_sealed(row.get("content"))]
    done = (yield from (_replace if name in KEYED else _encrypt)(name, todo, known, seals)) if todo else 0
    names = list(_IN_CLEAR)
    further = names[names.index(name) + 1 :]
    if len(rows) == _PAGE:
        place: tuple[str, Any] | None = (name, rows[-1]["_id"])
    else:
        place = (further[0], None) if further else None
        if place is None:
            seals.known = None  # so that no rows in the clear are looked for any more
    return Encrypted(so_far.looked_at + len(rows), so_far.encrypted + done, place)


_TEXT: Final = {"$type": "string"}
_IN_CLEAR: Final[dict[str, dict[str, Any]]] = {
    EVENTS: {"derived": {"$type": "object"}, "$or": [{"Message": _TEXT}, {"derived.recipients": _TEXT}]},
    SUPPRESSION_ACTS: {"_id": _TEXT},
    SUPPRESSION: {"_id": _TEXT},
    DEAD_LETTERS: {"content": {"$exists": True}},
    HOLDS: {"value": _TEXT},
}
"""Acts before standings: a standing that is derived meanwhile finds them either way."""


def _encrypt(name: str, rows: list[Document], known: Known, seals: Seals) -> Plan[int]:
    """Seal rows where they are, if they are still what they were."""
    yield from _prepare(name, rows, known, seals)
    updates = []
    for row in rows:
        told = _sealed(name, row, row["_id"], known, seals, frozenset())
        same = {"_id": row["_id"]} | {part: row[part] for part in ("derived", "Message") if part in row}
        updates.append(UpdateOne(same, {"$set": {key: value for key, value in told.items() if value is not row.get(key)}}))
    return (yield from ask(Update(name, updates))).matched


def _replace(name: str, rows: list[Document], known: Known, seals: Seals) -> Plan[int]:
    """Put sealed rows beside those in the clear, then take these away, if they are still what they were."""
    sealed_rows = [_sealed(name, row, row["_id"], known, seals, frozenset()) for row in rows]
    yield Insert(name, sealed_rows)
    guard = "rev" if name == SUPPRESSION else "act"
    return (yield Remove(name, [{"_id": row["_id"], guard: row.get(guard)} for row in rows]))
