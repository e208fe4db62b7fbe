"""Data keys: fetched from MongoDB's key vault, made where they are missing, remembered for a minute.

A key vault is a collection of wrapped data keys. Here one of them, the root, is wrapped by the master key, and protects
a ring: the secret that wraps all others, and the one that names people's keys. Plans, as everything that asks MongoDB.
Next: :mod:`sesevent.plans.sealing`, which uses keys, and :mod:`sesevent.plans.encryption`, which changes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bson import Binary
from pymongo import IndexModel

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError, SesEventError
from sesevent.macs import mac
from sesevent.ops import Plan
from sesevent.plans import audit
from sesevent.storage.layout import ENCRYPTION, KEYS, RING
from sesevent.storage.operations import CreateIndexes, Delete, Document, Find, Insert, Now, UseMaster
from sesevent.storage.sealing import ERASED, KEYED, LOST, Unreadable, is_sealed, key_of, uuid_of

__all__ = [
    "ROOT", "Key", "Keyring", "Known", "destroy", "load", "load_people", "vault_document", "what_is_known",
]  # fmt: skip

ROOT: Final = "sesevent:root"
"""The name of the one data key that the master key wraps."""
PROVIDER: Final = "local:sesevent"
"""How the vault says of all other data keys that the ring's secret wraps them."""
RANDOM: Final = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
_FRESH: Final = timedelta(minutes=1)
"""How long a process goes on with a key that another destroyed. MongoDB's own drivers keep keys as long."""
_MOST: Final = 100_000  # keys that are remembered meanwhile


class Key(Protocol):
    """A data key: `sesevent.contrib.encryption.DataKey`."""

    id: bytes

    def random(self, value: Any) -> Binary:
        """A value sealed so that nobody sees whether two are equal."""
        ...

    def equal(self, value: Any) -> Binary:
        """A value sealed so that equal ones can be found."""
        ...

    def open(self, sealed: bytes) -> Any:
        """The value again; raises ValueError where it was not sealed with this key, or was changed."""
        ...

    def wrap(self, material: bytes) -> bytes:
        """Another key's material, as the vault keeps it."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """…and again; raises ValueError likewise."""
        ...


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
        return "person:" + mac(self.naming, address.encode("utf-8", "surrogatepass"), "sha256").hex()

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
            return _unreadable(self.gone.get(identifier, LOST), value)
        try:
            return key.open(value)
        except ValueError:
            return _unreadable("damaged", value)


def _unreadable(reason: str, sealed: Binary) -> Unreadable:
    mark = Unreadable("erased@erased.invalid" if reason == ERASED else "unreadable@erased.invalid")
    mark.reason, mark.sealed, mark.domain = reason, sealed, ""
    return mark


@dataclass
class Keyring:
    """What has the keys of one store. Made by `sesevent.contrib.encryption.Encryption`."""

    engine: Any
    """PyMongo's `ClientEncryption` or `AsyncClientEncryption`: it has the master key."""
    provider: str
    master_key: Mapping[str, Any] | None
    per_person: bool
    make: Any
    """Makes a `Key` of its id and material; ``make.identifier()`` and ``make.material()`` are for a new one."""
    known: Known | None = None
    secret: tuple[bytes, Key, bytes] | None = None
    """The ring as it was read, and what was in it."""

    def text_of(self, value: Any) -> str | None:
        """The text that was sealed beside events, where its key is at hand; one in the clear is itself."""
        found = self.known.opened(value) if is_sealed(value) and self.known is not None else value
        return found if isinstance(found, str) and not isinstance(found, Unreadable) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def what_is_known(seals: Keyring) -> Plan[Known]:
    """What is known of keys: looked at again once a minute, so that what others did to them is noticed."""
    now: datetime = yield Now()
    known = seals.known
    if known is not None and timedelta() <= now - known.since < _FRESH and len(known.keys) < _MOST:
        return known
    rows = yield Find(ENCRYPTION, {"_id": RING}, durable=True)
    ring = rows[0] if rows else (yield from _begin(seals, now))
    wrapping, naming = yield from _secret(ring["wrapped"], seals)
    in_clear = []
    for name in KEYED:
        if (yield Find(name, {"_id": {"$type": "string"}}, limit=1, projection={"_id": 1})):
            in_clear.append(name)
    shared = tuple(bytes(one) for one in ring["events"])
    known = Known(now, bytes(ring["addresses"]), shared, wrapping, naming, frozenset(in_clear))
    yield from load({known.addresses, *shared}, known, seals)
    seals.known = known
    return known


def _secret(wrapped: Binary, seals: Keyring) -> Plan[tuple[Key, bytes]]:
    """What is in the ring: whoever may use the master key reads it."""
    if seals.secret is None or seals.secret[0] != bytes(wrapped):
        told = yield UseMaster(seals.engine, lambda engine: engine.decrypt(wrapped))
        seals.secret = bytes(wrapped), seals.make(b"", bytes(told["wrap"])), bytes(told["name"])
    return seals.secret[1:]


def _begin(seals: Keyring, now: datetime) -> Plan[Document]:
    """Make the root key, the ring and the first data keys. Of several who do so at once one is followed by all."""
    names = IndexModel(
        [("keyAltNames", 1)], unique=True, partialFilterExpression={"keyAltNames": {"$exists": True}}, name="names"
    )
    yield CreateIndexes(KEYS, [names])
    try:
        yield UseMaster(
            seals.engine,
            lambda engine: engine.create_data_key(seals.provider, master_key=seals.master_key, key_alt_names=[ROOT]),
        )
    except SesEventError:
        if not (yield Find(KEYS, {"keyAltNames": ROOT}, limit=1, durable=True)):
            raise
    material = seals.make.material()
    secret = {"wrap": material, "name": seals.make.material()[:32]}
    wrapped = yield UseMaster(seals.engine, lambda engine: engine.encrypt(secret, RANDOM, key_alt_name=ROOT))
    wrapping = seals.make(b"", material)
    made = [vault_document(seals, wrapping, name, now) for name in ("sesevent:addresses", "sesevent:events:1")]
    own, events = [document["_id"] for document in made]
    for document in made:  # of somebody else who began at the same time the names may be there
        document["keyAltNames"] = [f"{document['keyAltNames'][0]}:{bytes(document['_id']).hex()[:8]}"]
    yield Insert(KEYS, made)
    yield Insert(ENCRYPTION, [{"_id": RING, "wrapped": wrapped, "addresses": own, "events": [events], "at": now}])
    rows = yield Find(ENCRYPTION, {"_id": RING}, durable=True)
    first: Document = rows[0]
    return first


def vault_document(seals: Keyring, wrapping: Key, name: str, now: datetime) -> Document:
    """A new data key, as MongoDB's key vaults have them."""
    return {
        "_id": uuid_of(seals.make.identifier()),
        "keyMaterial": wrapping.wrap(seals.make.material()),
        "creationDate": now,
        "updateDate": now,
        "status": 0,
        "masterKey": {"provider": PROVIDER},
        "keyAltNames": [name],
    }


def _take(rows: Iterable[Document], known: Known, seals: Keyring) -> None:
    for row in rows:
        identifier = bytes(row["_id"])
        try:
            known.keys[identifier] = seals.make(identifier, known.wrapping.unwrap(bytes(row["keyMaterial"])))
        except ValueError:
            known.gone[identifier] = "damaged"


def load(identifiers: Iterable[bytes], known: Known, seals: Keyring) -> Plan[None]:
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


def load_people(people: Iterable[str], known: Known, seals: Keyring, *, create: bool) -> Plan[None]:
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
        yield Insert(KEYS, [vault_document(seals, known.wrapping, name, now) for name in left])
        yield from _find_people(left, known, seals)  # of two who make one at once the vault has the first


def _find_people(asked: Mapping[str, str], known: Known, seals: Keyring) -> Plan[None]:
    rows = yield Find(KEYS, {"keyAltNames": {"$in": list(asked)}})
    _take(rows, known, seals)
    known.people |= {asked[name]: bytes(row["_id"]) for row in rows for name in row["keyAltNames"] if name in asked}


def destroy(
    seals: Keyring, forms: Iterable[str], by: str, why: str, now: datetime | None = None, *, dry_run: bool = False
) -> Plan[int]:
    """Destroy the keys of the person with these names, or count them; written into the audit, which names nobody."""
    known = yield from what_is_known(seals)
    rows = yield Find(KEYS, {"keyAltNames": {"$in": [known.name(form) for form in forms]}}, durable=True)
    if dry_run:
        return len(rows)
    at: datetime = now or (yield Now())
    for row in rows:
        identifier = bytes(row["_id"])
        yield from audit.note(AuditEntry(at, "key shredded", identifier.hex(), by, why), f"shred {identifier.hex()}")
        yield Insert(ENCRYPTION, [{"_id": row["_id"], "erasedAt": at}])
        yield Delete(KEYS, {"_id": row["_id"]})
    if rows:
        seals.known = None
    return len(rows)
