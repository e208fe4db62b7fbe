"""The audit trail as a chain: each entry holds the hash of the one before it, so that none can be changed unseen.

Entries are numbered from 1. `link` makes one of what was done, `Check` walks a chain and names the place where it was
edited, where something was taken out or put in. Whoever owns the database could build the whole chain anew: *anchors*,
heads of the chain kept elsewhere, would tell. An entry names no person: it refers to the act, by an id that leads to
the person as long as the act is kept. It knows nothing of databases. Next: :mod:`sesevent.plans.audit`, its keeper.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sesevent.moments import UTC, format_moment

__all__ = ["FIRST", "Anchor", "AuditEntry", "Check", "Flaw", "entry_hash", "link"]

FIRST: Final = "0" * 64
"""What stands for the hash of the entry before the first."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done: to the set-up, to what is known of people, or to see it."""

    at: datetime
    """When, to the millisecond."""
    act: str
    """What was done, such as ``subscription confirmed`` or ``reactivate``."""
    subject: str
    """What it was done to: a topic's ARN, an act's id, a token's name. Never an address."""
    by: str = ""
    """Who did it; empty where the library did it by itself."""
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Text, whole numbers, truth values, and lists and objects of these."""
    number: int = 0
    """Its place in the chain, from 1; 0 before it has one."""
    previous: str = FIRST
    """The hash of the entry before it."""
    hash: str = ""
    """Of all of the above."""


def link(entry: AuditEntry, head: AuditEntry | None) -> AuditEntry:
    """*entry* as the next after *head*; as the first, where there is none."""
    at = entry.at.astimezone(UTC)
    linked = replace(
        entry,
        at=at.replace(microsecond=at.microsecond // 1000 * 1000),  # as MongoDB keeps it
        number=1 if head is None else head.number + 1,
        previous=FIRST if head is None else head.hash,
    )
    return replace(linked, hash=entry_hash(linked))


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 of what an entry says, its place included, in one canonical spelling."""
    told = {
        "act": entry.act,
        "at": format_moment(entry.at),
        "by": entry.by,
        "detail": entry.detail,
        "number": entry.number,
        "previous": entry.previous,
        "subject": entry.subject,
        "why": entry.why,
    }
    text = json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()


def _is_as_written(entry: AuditEntry) -> bool:
    try:
        return entry.hash == entry_hash(entry)
    except (TypeError, ValueError, AttributeError):  # something in it is not what an entry is made of
        return False


class Anchor(NamedTuple):
    """How far a chain reached at a time: kept where the database's owner cannot write."""

    number: int
    hash: str
    at: datetime


class Flaw(NamedTuple):
    """Where a chain does not hold, and how it shows."""

    number: int
    """The first entry concerned."""
    words: str


class Check:
    """Walks a chain from its first entry on, in order, and collects what does not hold."""

    def __init__(self, anchors: Iterable[Anchor] = ()) -> None:
        self._anchors = {anchor.number: anchor for anchor in anchors}
        self._before: AuditEntry | None = None
        self.entries = 0
        """Entries seen."""
        self.flaws: list[Flaw] = []

    @property
    def head(self) -> AuditEntry | None:
        """The last entry seen."""
        return self._before

    def see(self, entry: AuditEntry) -> None:
        """Look at the next entry."""
        expected = 1 if self._before is None else self._before.number + 1
        before = FIRST if self._before is None else self._before.hash
        if entry.number > expected:
            gone = f"{expected}" if entry.number == expected + 1 else f"{expected} to {entry.number - 1}"
            self.flaws.append(Flaw(expected, f"removed: {gone}"))
        elif entry.number < expected:
            self.flaws.append(Flaw(entry.number, "put in: this number is no place behind the one before"))
        elif entry.previous != before:
            self.flaws.append(Flaw(entry.number, "put in, or the one before replaced: it follows another entry"))
        if not _is_as_written(entry):
            self.flaws.append(Flaw(entry.number, "edited: it says something else than when it was written"))
        anchor = self._anchors.pop(entry.number, None)
        if anchor is not None and anchor.hash != entry.hash:
            self.flaws.append(
                Flaw(entry.number, f"rewritten: another entry stood here on {anchor.at:%Y-%m-%d %H:%M} UTC")
            )
        self.entries += 1
        self._before = entry

    def end(self) -> list[Flaw]:
        """What does not hold, now that the chain has ended: also what anchors know of and is gone."""
        last = 0 if self._before is None else self._before.number
        beyond = [number for number in self._anchors if number > last]
        if beyond:
            self.flaws.append(Flaw(last + 1, f"removed: {last + 1} to at least {max(beyond)}"))
        return sorted(self.flaws)
