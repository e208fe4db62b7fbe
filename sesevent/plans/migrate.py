"""Taking over a collection that another application wrote, and goes on writing.

Looking comes first and changes nothing. Then rows are given their `derived` (:mod:`sesevent.plans.renewing`), and of
rows that hold the same event all but one are left, marked or deleted, as a policy says. Nothing waits for the other
application, and nothing it wrote is changed. Next: :mod:`sesevent.faces.migration`, which hands it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple, get_args

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit, keeping
from sesevent.plans.renewing import TakenBack
from sesevent.storage import renewal
from sesevent.storage.layout import EVENTS, PLURAL
from sesevent.storage.older import Inspection, look_at
from sesevent.storage.operations import Count, Document
from sesevent.storage.renewal import DUPLICATE_OF, Place

__all__ = ["PAGE", "Duplicates", "Migrated", "duplicates_page", "inspect_page", "policy_of", "undoing"]

PAGE: Final = 1000  # rows

Duplicates = Literal["keep", "mark", "delete"]
"""What becomes of rows that count for nothing, since another one holds the same event."""


@dataclass
class Migrated:
    """What a migration, or its undoing, did so far."""

    rows: int = 0
    """Rows that were given their `derived`, or from which it was taken back."""
    duplicates: int = 0
    """Rows that count for nothing, since another one holds the same event."""
    marked: int = 0
    """Rows whose mark was changed."""
    deleted: int = 0
    """Duplicates that were deleted."""
    reworded: int = 0
    """Of the rows that were undone those whose text is what it was but for display names and how addresses are spelled:
    they name several people, and were kept encrypted with keys of theirs."""
    left: int = 0
    """Rows that were not undone, since what is encrypted in them cannot be opened."""

    def take(self, page: TakenBack) -> int:
        """Count a page of an undoing; returns how many rows were looked at."""
        self.rows += page.rows
        self.reworded += page.reworded
        self.left += page.left
        return page.rows + page.left


class _Same(NamedTuple):
    """Rows of older shapes with the same event, of those on a page."""

    counts: Any
    """The `_id` of the row that counts."""
    told_briefly: bool
    """Whether that one has the event as an identity notification told it."""
    others: list[Document]
    itself: Document | None


def policy_of(duplicates: str, by: str) -> Duplicates:
    """The policy of this name. Raises ConfigurationError where there is none, or nobody says who deletes."""
    if duplicates not in get_args(Duplicates):
        raise ConfigurationError(f"Duplicates can be kept, marked or deleted, not {duplicates!r}.")
    if duplicates == "delete" and not by:
        raise ConfigurationError("Say who deletes duplicates.", hint="Give by=…; it is written into the audit trail.")
    return duplicates  # type: ignore[return-value]  # it was checked


def undoing(by: str, now: datetime) -> Plan[None]:
    """Write into the audit that rows are given back: what is encrypted in them becomes readable."""
    yield from audit.note(AuditEntry(now, "migration undone", EVENTS, by))


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def inspect_page(inspection: Inspection, place: Place, size: int = PAGE) -> Plan[Place | None]:
    """Look at the next rows; None at the end of all."""
    rows = yield from ask(renewal.next_page({}, place, size))
    seen = [look_at(row) for row in rows]
    keys = {one.key for one in seen if not one.is_ours}
    ours = (yield from _held_by_ours(keys)) if keys else {}
    inspection.see(seen, frozenset(ours))
    behind = renewal.place_behind(rows, place, size)
    if behind is None:
        inspection.not_seen = max(0, (yield from ask(Count(EVENTS, {}))) - inspection.rows)
        inspection.plural = bool((yield from ask(Count(PLURAL, {}, 1))))
    return behind


def _held_by_ours(keys: set[str]) -> Plan[dict[str, Document]]:
    """The rows of this library that hold one of these events, by its key."""
    found = yield from ask(renewal.ours_with(keys))
    return {str(row["_id"]): row for row in found}


# ── duplicates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a walk over rows of older shapes is, in the order of their events."""

    after: tuple[str, Any] | None = None
    """Key and id of the last row."""
    counts: Any = None
    """The row that counts for that event, which may have rows on the next page too."""
    told_briefly: bool = False


def duplicates_page(
    policy: Duplicates, walk: Walk, done: Migrated, by: str, now: datetime, size: int = PAGE
) -> Plan[Walk | None]:
    """Do with the next duplicates what a policy says; None at the end.

    What one page deletes counts already for nothing: so no figure and no standing changes.
    """
    rows = yield from ask(renewal.adopted_in_order(walk.after, size))
    if not rows:
        return None
    ours = yield from _held_by_ours({row["derived"]["key"] for row in rows})
    groups = list(_groups(rows, ours, walk))
    others = [row for group in groups for row in group.others]
    done.duplicates += len(others)
    if policy == "mark":
        done.marked += yield from _mark(groups)
    elif policy == "delete":
        tells_no_more = [row for group in groups for row in group.others if _tells_no_more(row, group)]
        done.deleted += yield from _delete(tells_no_more, by, now)
    last = rows[-1]
    return Walk((last["derived"]["key"], last["_id"]), groups[-1].counts, groups[-1].told_briefly)


def _groups(rows: Sequence[Document], ours: dict[str, Document], walk: Walk) -> Iterator[_Same]:
    for key, several in groupby(rows, lambda row: str(row["derived"]["key"])):
        same = list(several)
        if key in ours:
            yield _Same(ours[key]["_id"], _is_brief(ours[key]), same, None)
        elif walk.after is not None and walk.after[0] == key:
            yield _Same(walk.counts, walk.told_briefly, same, None)
        else:  # as analytics count: the least id
            yield _Same(same[0]["_id"], _is_brief(same[0]), same[1:], same[0])


def _is_brief(row: Document) -> bool:
    return bool(row["derived"].get("identity"))


def _tells_no_more(row: Document, group: _Same) -> bool:
    return _is_brief(row) or not group.told_briefly


def _mark(groups: Sequence[_Same]) -> Plan[int]:
    wanted = [(row, group.counts) for group in groups for row in group.others]
    wanted += [(group.itself, None) for group in groups if group.itself is not None]
    marks = {row["_id"]: of for row, of in wanted if row.get(DUPLICATE_OF) != of}
    if marks:
        yield from ask(renewal.mark_duplicates(marks))
    return len(marks)


def _delete(rows: Sequence[Document], by: str, now: datetime) -> Plan[int]:
    """Delete rows that are still what they were, and not held; it is written into the audit trail before."""
    if not rows:
        return 0
    why = "another row holds the same event"
    yield from audit.note(AuditEntry(now, "delete duplicates", EVENTS, by, why, {"rows": len(rows)}))
    return (yield from keeping.take_out(rows))
