"""What is kept beside events: what could not be read, and what was done to the set-up. Records ↔ documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from bson import ObjectId

from sesevent.audit import AuditEntry
from sesevent.errors import Problem
from sesevent.moments import format_moment
from sesevent.sns.message import UnverifiedMessage
from sesevent.storage.codec import received_of
from sesevent.suppression.facts import Act
from sesevent.version import __version__

__all__ = [
    "LARGEST_KEPT",
    "DeadLetter",
    "act_entry",
    "audit_document",
    "audit_entry",
    "dead_letter",
    "dead_letter_document",
    "handshake_entry",
]

LARGEST_KEPT: Final = 8 * 2**20
"""Bytes of one dead letter that are kept; MongoDB's documents end at 16 MiB."""
_PROBLEMS_KEPT: Final = 20


@dataclass(frozen=True, repr=False)
class DeadLetter:
    """Something received that could not be understood, kept as it came."""

    id: str
    """24 hexadecimal digits, computed from the content: equal content is one dead letter."""
    content: bytes | None
    """What arrived, byte by byte; None in a list, which leaves it out; empty where the privacy policy drops it."""
    size: int
    """Bytes that arrived."""
    problems: tuple[Problem, ...]
    """What was wrong with it when it last arrived."""
    received: Mapping[str, Any]
    """When (``at``) and how (``via``, ``topicArn``, ``notificationId``) it first arrived."""
    last_at: datetime
    """When it last arrived."""
    count: int
    """How often it arrived."""
    version: str
    """The version of sesevent that could not read it."""

    @property
    def truncated(self) -> bool:
        """True where it was not kept whole, being too large or not allowed to be: it cannot be tried again."""
        return self.size > LARGEST_KEPT or (self.size > 0 and self.content == b"")

    @property
    def first_at(self) -> datetime:
        """When it first arrived."""
        at: datetime = self.received["at"]
        return at

    def __repr__(self) -> str:
        return f"<DeadLetter {self.id}: {self.size} bytes, {self.count} times>"


def dead_letter_document(
    message: UnverifiedMessage, problems: Sequence[Problem], now: datetime, *, keep_text: bool = True
) -> dict[str, Any]:
    """The document of a message that cannot be understood; without its text where that may not be kept."""
    content = _bytes(message.text)
    return {
        "_id": ObjectId(blake2b(content, digest_size=12, person=b"dead letter").digest()),
        "content": content[:LARGEST_KEPT] if keep_text else b"",
        "size": len(content),
        "problems": [{"path": problem.path, "message": problem.message} for problem in problems[:_PROBLEMS_KEPT]],
        "received": received_of(message, now),
        "lastAt": now,
        "version": __version__,
    }


def dead_letter(document: Mapping[str, Any]) -> DeadLetter:
    """The dead letter in a document."""
    content = document.get("content")
    return DeadLetter(
        str(document["_id"]),
        None if content is None else bytes(content),
        document["size"],
        tuple([Problem(problem["path"], problem["message"]) for problem in document["problems"]]),
        document["received"],
        document["lastAt"],
        document["count"],
        document["version"],
    )


def handshake_entry(envelope: Mapping[str, str], confirmed: bool, now: datetime) -> AuditEntry:
    """What the audit says of an SNS handshake; its token stays out."""
    ended = envelope["Type"] == "UnsubscribeConfirmation"
    act = "unsubscribed" if ended else "subscription confirmed" if confirmed else "subscription offered"
    detail = {"notificationId": str(envelope.get("MessageId"))}
    return AuditEntry(now, act, str(envelope.get("TopicArn")), detail=detail)


def act_entry(act: Act) -> AuditEntry:
    """What the audit says of an act about a person: all but who that is."""
    told = {"stream": act.stream, "origin": act.origin, "tenant": act.tenant, "override": act.override}
    detail = {name: value for name, value in told.items() if value} | (
        {} if act.until is None else {"until": format_moment(act.until)}
    )
    return AuditEntry(act.at, act.act, act.id, act.by, act.note, detail)


def audit_document(entry: AuditEntry, once: str | None) -> dict[str, Any]:
    """The document of a linked audit entry; *once* names what must not be said twice."""
    told = {name: getattr(entry, name) for name in _AUDITED} | {"detail": dict(entry.detail)}
    return {"_id": entry.number} | told | ({} if once is None else {"once": once})


def audit_entry(document: Mapping[str, Any]) -> AuditEntry:
    """The audit entry in a document, whatever was done to that."""
    return AuditEntry(**{name: document.get(name, "") for name in _AUDITED}, number=document["_id"])


_AUDITED: Final = ("at", "act", "subject", "by", "why", "detail", "previous", "hash")


def _bytes(text: str) -> bytes:
    """The bytes a text came from, bad ones included."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # text that was handed in as text, and holds surrogates of its own
        return text.encode("utf-8", "surrogatepass")
