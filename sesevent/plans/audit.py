"""What was done to the set-up: written down, and told."""

from __future__ import annotations

from datetime import datetime

from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.sns.trust import VerifiedMessage, require_verified
from sesevent.storage import reads, writes
from sesevent.storage.records import AuditEntry, audit_entry, handshake_fields

__all__ = ["latest", "record_handshake"]


def record_handshake(message: VerifiedMessage, confirmed: bool, now: datetime) -> Plan[None]:
    """Write down that a subscription was offered, confirmed or ended; a repeat changes nothing."""
    envelope = require_verified(message).handshake
    if envelope is None:
        raise ConfigurationError("This message is no SNS handshake.")
    yield from ask(writes.insert_audit(handshake_fields(envelope, confirmed, now)))


def latest(limit: int) -> Plan[list[AuditEntry]]:
    """What was done last, the latest first."""
    if limit < 1:
        raise ConfigurationError("limit must be 1 or more.")
    documents = yield from ask(reads.audit_entries(limit))
    return [audit_entry(document) for document in documents]
