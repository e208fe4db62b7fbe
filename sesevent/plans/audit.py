"""What was done, by whom and why: written down, and told. Every entry of the audit is written here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sesevent import addresses
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.sns.trust import VerifiedMessage, require_verified
from sesevent.storage import reads, writes
from sesevent.storage.operations import Document
from sesevent.storage.records import AuditEntry, audit_entry, audit_fields, handshake_fields

__all__ = ["about", "latest", "note", "record_handshake"]


def record_handshake(message: VerifiedMessage, confirmed: bool, now: datetime) -> Plan[None]:
    """Write down that a subscription was offered, confirmed or ended; a repeat changes nothing."""
    envelope = require_verified(message).handshake
    if envelope is None:
        raise ConfigurationError("This message is no SNS handshake.")
    yield from _write(handshake_fields(envelope, confirmed, now))


def note(act: str, subject: str, by: str, why: str, detail: Mapping[str, Any], now: datetime) -> Plan[None]:
    """Write down that somebody did something. A subject that is an address is masked, and told by a hash."""
    shown, person = about(subject)
    entry = AuditEntry(now, act, shown, dict(detail) | person, by, why)
    yield from _write(audit_fields(entry))


def about(subject: str) -> tuple[str, dict[str, str]]:
    """What the audit shows of a subject, and what tells one person from another of the same mask.

    The hash is no secret to whoever can guess the address; it keeps addresses out of what is read and passed on.
    """
    if not addresses.is_one(subject):
        return subject, {}
    normal = addresses.normal(subject)
    return addresses.mask(normal), {"person": blake2b(normal.encode(), digest_size=16, person=b"audit").hexdigest()}


def latest(limit: int) -> Plan[list[AuditEntry]]:
    """What was done last, the latest first."""
    if limit < 1:
        raise ConfigurationError("limit must be 1 or more.")
    documents = yield from ask(reads.audit_entries(limit))
    return [audit_entry(document) for document in documents]


def _write(entry: Document) -> Plan[None]:
    yield from ask(writes.insert_audit(entry))
