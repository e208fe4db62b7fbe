"""Stories about keys: how they stand, how they are changed and destroyed, and how what is in the clear is encrypted.

They are not performed through :mod:`sesevent.plans.sealing`: they see rows as these are kept. Next:
:mod:`sesevent.faces.encryption`, which hands them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from pymongo import UpdateOne

from sesevent import addresses
from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit
from sesevent.plans.keys import ROOT, Keyring, Known, destroy, vault_document, what_is_known
from sesevent.plans.sealing import prepare, seal
from sesevent.storage.layout import DEAD_LETTERS, ENCRYPTION, EVENTS, HOLDS, KEYS, RING, SUPPRESSION, SUPPRESSION_ACTS
from sesevent.storage.operations import (
    AskPseudonyms,
    Count,
    Document,
    Find,
    Insert,
    Remove,
    Update,
    UseMaster,
)
from sesevent.storage.sealing import KEYED, LOST, is_sealed, uuid_of

__all__ = ["Encrypted", "Status", "encrypt_page", "new_data_key", "rotate", "shred", "status"]

_PAGE: Final = 500  # rows


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


def status(seals: Keyring) -> Plan[Status]:
    """How it stands."""
    known = yield from what_is_known(seals)
    roots = yield Find(KEYS, {"keyAltNames": ROOT}, limit=1)
    told = dict(roots[0]["masterKey"]) if roots else {"provider": LOST}
    people = yield Count(KEYS, {"keyAltNames": {"$gte": "person:", "$lt": "person;"}})
    erased = yield Count(ENCRYPTION, {"_id": {"$ne": RING}})
    return Status(told.pop("provider"), told, len(known.events), people, erased, tuple(sorted(known.in_clear)))


def shred(seals: Keyring, address: str, by: str, why: str, now: datetime) -> Plan[int]:
    """Destroy a person's keys; returns how many there were. Written into the audit, which names nobody."""
    if not by or not why:
        raise ConfigurationError("Say who destroys a key, and why: it cannot be undone.")
    if not addresses.is_one(address):
        raise ConfigurationError("What was given is not one e-mail address.", hint="No key was destroyed.")
    pseudonyms = yield AskPseudonyms()
    forms = (addresses.normal(address),) if pseudonyms is None else pseudonyms.forms(address)
    return (yield from destroy(seals, forms, by, why, now))


def rotate(seals: Keyring, by: str, why: str, now: datetime) -> Plan[None]:
    """Have the master key that the store was given protect all keys from now on, in the place of the one before."""
    yield from what_is_known(seals)
    yield from audit.note(AuditEntry(now, "master key rotated", seals.provider, by, why, dict(seals.master_key or {})))
    yield UseMaster(
        seals.engine,
        lambda engine: engine.rewrap_many_data_key(
            {"keyAltNames": ROOT}, provider=seals.provider, master_key=seals.master_key
        ),
    )


def new_data_key(seals: Keyring, by: str, why: str, now: datetime) -> Plan[int]:
    """Seal new rows with a new data key; returns how many there are now. Old rows stay readable with theirs."""
    known = yield from what_is_known(seals)
    made = vault_document(seals, known.wrapping, f"sesevent:events:{uuid4().hex[:8]}", now)
    yield Insert(KEYS, [made])
    before = [uuid_of(one) for one in known.events]
    done = yield Update(ENCRYPTION, [UpdateOne({"_id": RING, "events": before}, {"$push": {"events": made["_id"]}})])
    seals.known = None
    if done.matched:
        yield from audit.note(AuditEntry(now, "data key made", bytes(made["_id"]).hex(), by, why))
    keys: int = len(before) + done.matched
    return keys


@dataclass
class Encrypted:
    """How far the encryption of what was in the clear has come."""

    looked_at: int = 0
    encrypted: int = 0
    """Rows that were in the clear."""
    place: tuple[str, Any] | None = (EVENTS, None)
    """Where it goes on; None at the end."""


def encrypt_page(seals: Keyring, so_far: Encrypted) -> Plan[Encrypted]:
    """Encrypt the next rows that are in the clear. Safe beside writers, and to repeat after a crash."""
    if so_far.place is None:
        return so_far
    name, after = so_far.place
    known = yield from what_is_known(seals)
    behind = {} if after is None else {"_id": {"$gt": after}}
    rows = yield Find(name, {"$and": [behind, _IN_CLEAR[name]]} if behind else _IN_CLEAR[name], (("_id", 1),), _PAGE)
    todo = [row for row in rows if not is_sealed(row.get("content"))]
    done = (yield from (_put_beside if name in KEYED else _encrypt)(name, todo, known, seals)) if todo else 0
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
_READABLE: Final = {"$type": ["string", "object", "array"]}
_IN_CLEAR: Final[dict[str, dict[str, Any]]] = {
    EVENTS: {"derived": {"$type": "object"}, "$or": [{"Message": _READABLE}, {"derived.recipients": _TEXT}]},
    SUPPRESSION_ACTS: {"_id": _TEXT},
    SUPPRESSION: {"_id": _TEXT},
    DEAD_LETTERS: {"content": {"$exists": True}},
    HOLDS: {"$or": [{"value": _TEXT}, {"why": _TEXT}]},
}
"""Acts before standings: a standing that is derived meanwhile finds them either way."""


def _encrypt(name: str, rows: list[Document], known: Known, seals: Keyring) -> Plan[int]:
    """Seal rows where they are, if they are still what they were."""
    named = yield from prepare(name, rows, known, seals)
    updates = []
    for row, people in zip(rows, named, strict=True):
        told = seal(name, row, row["_id"], known, seals, frozenset(), people=people)
        same = {"_id": row["_id"]} | {part: row[part] for part in ("derived", "Message") if part in row}
        updates.append(
            UpdateOne(same, {"$set": {key: value for key, value in told.items() if value is not row.get(key)}})
        )
    done = yield from ask(Update(name, updates))
    return done.matched


def _put_beside(name: str, rows: list[Document], known: Known, seals: Keyring) -> Plan[int]:
    """Put sealed rows beside those in the clear, then take these away, if they are still what they were."""
    sealed_rows = [seal(name, row, row["_id"], known, seals, frozenset()) for row in rows]
    yield Insert(name, sealed_rows)
    guard = "rev" if name == SUPPRESSION else "act"
    gone: int = yield Remove(name, [{"_id": row["_id"], guard: row.get(guard)} for row in rows])
    return gone
