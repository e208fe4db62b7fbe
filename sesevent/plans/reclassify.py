"""Why did it fail, by today's rules? Rows that older rules told the reason of are told anew, in place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sesevent.bounces import rules_version
from sesevent.ops import Plan, ask
from sesevent.plans import renewing
from sesevent.storage import reads
from sesevent.storage.codec import stored_event
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
        yield from renewing.finish_others(policy)
        return None
    done = yield from renewing.renew(policy, documents)
    return Reclassified(len(documents), done.standings, stored_event(documents[-1]).cursor)
