"""The audit trail of a store: `Audit` of an `EventStore`, `AsyncAudit` of an `AsyncEventStore`.

A store makes them, and hands in how it performs plans. The chain itself is in :mod:`sesevent.audit`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sesevent.audit import Anchor, AuditEntry, Check, Flaw
from sesevent.ops import Plan
from sesevent.plans import audit

__all__ = ["AsyncAudit", "Audit", "Verified"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole trail found."""

    entries: int
    head: AuditEntry | None
    """The last entry."""
    flaws: tuple[Flaw, ...]
    """Where it does not hold, in order; none: it does."""

    @property
    def intact(self) -> bool:
        """True where nothing was edited, taken out or put in."""
        return not self.flaws


class Audit:
    """Who did what, when and why: ``store.audit``. Entries are chained; nothing here changes one."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    def note(
        self,
        act: str,
        subject: str,
        *,
        by: str,
        why: str = "",
        detail: Mapping[str, Any] = _NOTHING,
        once: str | None = None,
    ) -> AuditEntry:
        """Write down what was done, to what, by whom and why; returns the entry as it stands in the trail.

        An entry names no person, since it cannot be taken back: addresses in *subject*, *why* and *detail* are left
        out. *once* names what is written down only once. Raises StoreConflict where others write so much at once that
        there was no place to be had.
        """
        entry = AuditEntry(self._clock(), act, subject, by, why, dict(detail))
        noted: AuditEntry = self._perform(audit.note(entry, once))
        return noted

    def note_change(
        self,
        act: str,
        subject: str,
        *,
        by: str = "",
        why: str = "",
        detail: Mapping[str, Any] = _NOTHING,
    ) -> AuditEntry | None:
        """Write down how something is set up, unless the last entry about *subject* says the same; None: it did.

        For what is said at each start and changes rarely, such as which keys are in use. Nothing else is noted of
        that *subject*. As in `note`, *detail* names no person, and holds no key.
        """
        entry = AuditEntry(self._clock(), act, subject, by, why, dict(detail))
        noted: AuditEntry | None = self._perform(audit.note_change(entry))
        return noted

    def latest(self, *, limit: int = 100, subject: str | None = None) -> list[AuditEntry]:
        """What was done, to one subject or any, the latest first."""
        found: list[AuditEntry] = self._perform(audit.latest(limit, subject))
        return found

    def entries(self, *, after: int = 0) -> Iterator[AuditEntry]:
        """Every entry behind a number, in order and in constant memory."""
        while page := self._perform(audit.entries_page(after)):
            yield from page
            after = page[-1].number

    def verify(self, *, anchors: Iterable[Anchor] = (), on_progress: Callable[[int], object] | None = None) -> Verified:
        """Look at the whole trail, in constant memory, for entries that were edited, taken out or put in.

        The end of a chain, or all of it, can be replaced by whoever owns the database: only *anchors*, which were kept
        elsewhere, tell that. *on_progress* is told the number of entries after each page of five hundred.
        """
        check = Check(anchors)
        more = True
        while more:
            more = self._perform(audit.check_page(check))
            if on_progress is not None:
                on_progress(check.entries)
        return Verified(check.entries, check.head, tuple(check.end()))

    def anchor(self) -> Anchor | None:
        """How far the trail reaches now, to be kept where the database's owner cannot write; None of an empty one."""
        found: Anchor | None = self._perform(audit.head_of(self._clock()))
        return found


class AsyncAudit:
    """Who did what, when and why: ``store.audit``. Entries are chained; nothing here changes one."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    async def note(
        self,
        act: str,
        subject: str,
        *,
        by: str,
        why: str = "",
        detail: Mapping[str, Any] = _NOTHING,
        once: str | None = None,
    ) -> AuditEntry:
        """Write down what was done, to what, by whom and why; returns the entry as it stands in the trail.

        An entry names no person, since it cannot be taken back: addresses in *subject*, *why* and *detail* are left
        out. *once* names what is written down only once. Raises StoreConflict where others write so much at once that
        there was no place to be had.
        """
        entry = AuditEntry(self._clock(), act, subject, by, why, dict(detail))
        noted: AuditEntry = await self._perform(audit.note(entry, once))
        return noted

    async def note_change(
        self,
        act: str,
        subject: str,
        *,
        by: str = "",
        why: str = "",
        detail: Mapping[str, Any] = _NOTHING,
    ) -> AuditEntry | None:
        """Write down how something is set up, unless the last entry about *subject* says the same; None: it did.

        For what is said at each start and changes rarely, such as which keys are in use. Nothing else is noted of
        that *subject*. As in `note`, *detail* names no person, and holds no key.
        """
        entry = AuditEntry(self._clock(), act, subject, by, why, dict(detail))
        noted: AuditEntry | None = await self._perform(audit.note_change(entry))
        return noted

    async def latest(self, *, limit: int = 100, subject: str | None = None) -> list[AuditEntry]:
        """What was done, to one subject or any, the latest first."""
        found: list[AuditEntry] = await self._perform(audit.latest(limit, subject))
        return found

    async def entries(self, *, after: int = 0) -> AsyncIterator[AuditEntry]:
        """Every entry behind a number, in order and in constant memory."""
        while page := await self._perform(audit.entries_page(after)):
            for entry in page:
                yield entry
            after = page[-1].number

    async def verify(
        self, *, anchors: Iterable[Anchor] = (), on_progress: Callable[[int], object] | None = None
    ) -> Verified:
        """Look at the whole trail, in constant memory, for entries that were edited, taken out or put in.

        The end of a chain, or all of it, can be replaced by whoever owns the database: only *anchors*, which were kept
        elsewhere, tell that. *on_progress* is told the number of entries after each page of five hundred.
        """
        check = Check(anchors)
        more = True
        while more:
            more = await self._perform(audit.check_page(check))
            if on_progress is not None:
                on_progress(check.entries)
        return Verified(check.entries, check.head, tuple(check.end()))

    async def anchor(self) -> Anchor | None:
        """How far the trail reaches now, to be kept where the database's owner cannot write; None of an empty one."""
        found: Anchor | None = await self._perform(audit.head_of(self._clock()))
        return found
