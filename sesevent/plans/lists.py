"""Lists that are imported: a page of rows written down as acts, the standings after them, and the count of it all.

It reads no files: rows come from :mod:`sesevent.suppression.files`. To import a list again, in whole or
after a failure in the middle, is safe: what is written down already is not written twice, and
the standings of all its addresses are derived again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sesevent import addresses
from sesevent.audit import AuditEntry
from sesevent.errors import Problem
from sesevent.ops import Plan, ask
from sesevent.plans import audit, erased
from sesevent.plans.gather import names_of
from sesevent.plans.suppress import rederive
from sesevent.storage import writes
from sesevent.storage.standings import imported_with_id
from sesevent.suppression.facts import Act
from sesevent.suppression.files import Row
from sesevent.suppression.policy import Policy

__all__ = ["Imported", "note_imported", "take"]

_PROBLEMS_KEPT = 100


@dataclass
class Imported:
    """How far an import has come."""

    read: int = 0
    """Rows that were understood."""
    recorded: int = 0
    """Those of them that said something new."""
    changed: int = 0
    """Standings that changed."""
    failed: int = 0
    """Lines that were not understood."""
    problems: list[Problem] = field(default_factory=list)
    """What was wrong with them, by line; the first hundred."""

    def __iadd__(self, page: Imported) -> Imported:
        self.read += page.read
        self.recorded += page.recorded
        self.changed += page.changed
        self.failed += page.failed
        self.problems += page.problems[: _PROBLEMS_KEPT - len(self.problems)]
        return self


def note_imported(like: Act, whole: Imported, now: datetime) -> Plan[None]:
    """Write into the audit that a list was imported."""
    counts = {"read": whole.read, "recorded": whole.recorded, "changed": whole.changed, "failed": whole.failed}
    detail = {"stream": like.stream, "tenant": like.tenant, **counts}
    yield from audit.note(AuditEntry(now, "list imported", "suppression", like.by, like.note, detail))


def take(policy: Policy, told: Iterable[Row | Problem]) -> Plan[Imported]:
    """Write down what rows of a list say; returns what became of them alone."""
    rows, problems = list[Row](), list[Problem]()
    for one in told:
        if isinstance(one, Problem):
            problems.append(one)
        else:
            rows.append(one)
    normals = [addresses.normal(row.address) for row in rows]
    stored, names = yield from names_of(normals)
    stored |= yield from erased.hashes_of(normals)
    acts = [
        (
            stored[normal],
            imported_with_id(stored[normal], erased.without_name(row.act, normal, stored[normal]), dated=row.dated),
        )
        for normal, row in zip(normals, rows, strict=True)
    ]
    fresh = (yield from ask(writes.record_acts(acts))) if acts else []
    changed = yield from rederive(policy, [name for name, _ in acts], names=names)
    yield from erased.settle(policy, normals)
    return Imported(len(rows), sum(fresh), len(changed), len(problems), problems)
