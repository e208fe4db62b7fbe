"""What was done, written down: the only writer of the audit trail, and who reads and checks it.

An entry is built on the last one and inserted under the next number. Of two who do so at once one finds the number
taken, and builds on what is there now: so the chain never forks, however many write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sesevent.addresses import is_pseudonym
from sesevent.audit import Anchor, AuditEntry, Check, entry_hash, link
from sesevent.errors import ConfigurationError, StoreConflict, StoreError
from sesevent.moments import UTC
from sesevent.ops import Plan, ask
from sesevent.sns.trust import VerifiedMessage, require_verified
from sesevent.storage import reads, writes
from sesevent.storage.records import audit_document, audit_entry, handshake_entry

__all__ = [
    "FOLLOWED", "PAGE", "check_page", "entries_page", "head_of", "latest", "note", "note_change", "note_followed",
    "note_keys",
    "record_handshake",
]  # fmt: skip

PAGE = 500  # entries
FOLLOWED = "policy followed"
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # what is said is the same whenever it is said
_TRIES = 1000  # others may be faster that often; each time one of them got through


def note(entry: AuditEntry, once: str | None = None) -> Plan[AuditEntry]:
    """Write an entry at the end of the trail, and return it as it stands there.

    What has a name (*once*) that is in the trail already is not written again. Raises StoreConflict where others
    write so much that there was no place to be had.
    """
    entry = _naming_nobody(entry)
    for _ in range(_TRIES):
        if once is not None and (said := (yield from ask(reads.audited_once(once)))):
            return audit_entry(said[0])
        heads = yield from ask(reads.audit_entries(1))
        linked = link(entry, audit_entry(heads[0]) if heads else None)
        (placed,) = yield from ask(writes.insert_audit(audit_document(linked, once)))
        if placed:
            return linked
    raise StoreConflict("Too many write into the audit trail at once.", hint="Try again.")


def _naming_nobody(entry: AuditEntry) -> AuditEntry:
    """An entry in which no address stands but of who did it: it can never be taken back, whoever is erased."""
    detail = {name: _hidden(value) for name, value in entry.detail.items()}
    return replace(entry, subject=_hidden(entry.subject), why=_hidden(entry.why), detail=detail)


def _hidden(value: Any) -> Any:
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    if not isinstance(value, str) or "@" not in value:
        return value
    return _ADDRESS.sub(lambda found: found[0] if is_pseudonym(found[0]) else "(an address)", value)


_ADDRESS: Final = re.compile(r"""[^\s@<>()"',;:=]+@[^\s@<>()"',;:/?]+""")


def note_change(entry: AuditEntry) -> Plan[AuditEntry | None]:
    """Write how something is set up, unless the last entry about it says the same; None: it did.

    Two who find the same change at once write it once: an entry's name holds the one it follows.
    """
    last = yield from latest(1, entry.subject)
    if last and (last[0].act, dict(last[0].detail)) == (entry.act, dict(entry.detail)):
        return None
    number = last[0].number if last else 0
    said = entry_hash(AuditEntry(_ANY_TIME, entry.act, entry.subject, detail=entry.detail))
    return (yield from note(entry, f"{said} after {number}"))


def note_followed(subject: str, version: str, default: str, now: datetime) -> Plan[None]:
    """Write that a process follows another policy than the last one did; of the *default* one only where it is new.

    Whoever may not write there changes nothing by what it follows, and is not kept from reading.
    """
    try:
        if version == default and not (yield from latest(1, subject)):
            return
        yield from note_change(AuditEntry(now, FOLLOWED, subject, detail={"version": version}))
    except (StoreError, ConfigurationError) as error:
        if error.retryable:
            raise


def note_keys(subject: str, keys: Mapping[str, str], now: datetime) -> Plan[None]:
    """Write by which keys a process works, where they are others than the last one's: fingerprints, never keys."""
    if not keys:
        return
    try:
        yield from note_change(AuditEntry(now, "keys in use", subject, detail=dict(keys)))
    except (StoreError, ConfigurationError) as error:  # as above
        if error.retryable:
            raise


def record_handshake(message: VerifiedMessage, confirmed: bool, now: datetime) -> Plan[None]:
    """Write down that a subscription was offered, confirmed or ended; a repeat changes nothing."""
    envelope = require_verified(message).handshake
    if envelope is None:
        raise ConfigurationError("This message is no SNS handshake.")
    entry = handshake_entry(envelope, confirmed, now)
    yield from note(entry, f"{entry.act} {entry.detail['notificationId']}")


def latest(limit: int, subject: str | None = None) -> Plan[list[AuditEntry]]:
    """What was done last, the latest first."""
    if limit < 1:
        raise ConfigurationError("limit must be 1 or more.")
    documents = yield from ask(reads.audit_entries(limit, subject))
    return [audit_entry(document) for document in documents]


def entries_page(after: int) -> Plan[list[AuditEntry]]:
    """The entries behind a number, in order."""
    return [audit_entry(document) for document in (yield from ask(reads.audit_page(after, PAGE)))]


def check_page(check: Check) -> Plan[bool]:
    """Let a check see the next entries; False at the end."""
    after = 0 if check.head is None else check.head.number
    found = yield from entries_page(after)
    for entry in found:
        check.see(entry)
    return len(found) == PAGE


def head_of(now: datetime) -> Plan[Anchor | None]:
    """How far the trail reaches now; None where it is empty."""
    heads: list[dict[str, Any]] = yield from ask(reads.audit_entries(1))
    return Anchor(heads[0]["_id"], heads[0]["hash"], now) if heads else None
