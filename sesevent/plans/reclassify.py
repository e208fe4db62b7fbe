"""Why did it fail, by today's rules? Rows that older rules told the reason of are told anew, in place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sesevent.bounces import rules_version
from sesevent.ops import Plan, ask
from sesevent.plans.marking import mark
from sesevent.plans.suppress import follow
from sesevent.storage import reads, writes
from sesevent.storage.codec import legacy_derived, stored_event
from sesevent.storage.reads import Cursor
from sesevent.suppression.policy import Policy

__all__ = ["PAGE", "Reclassified", "next_page"]

PAGE = 500  # rows


@dataclass
class Reclassified:
    """What became of rows whose reason was told by other rules, so far."""

    rows: int = 0
    """Rows looked at."""
    standings: int = 0
    """Suppression standings that changed."""
    last: Cursor | None = None

    def __iadd__(self, page: Reclassified) -> Reclassified:
        self.rows += page.rows
        self.standings += page.standings
        self.last = page.last
        return self


def next_page(policy: Policy, after: Cursor | None, size: int = PAGE) -> Plan[Reclassified | None]:
    """Tell the next rows anew and derive the standings they touch; None at the end."""
    query = replace(reads.classified_by_others(rules_version()), after=after)
    documents = yield from ask(query.page(size))
    if not documents:
        return None
    clear = [document for document in documents if "unreadable" not in document]
    if len(clear) < len(documents):
        left = [document for document in documents if "unreadable" in document]
        yield from ask(writes.leave_derived(left, rules_version()))
    if clear:
        yield from ask(writes.renew_derived(clear))
    yield from mark(clear)
    changed = yield from follow(policy, [document | {"derived": legacy_derived(document)} for document in clear])
    return Reclassified(len(documents), len(changed), stored_event(documents[-1]).cursor)
