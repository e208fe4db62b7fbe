"""Many things at once: cut into batches, prepared, stored, counted. Shared by both faces' pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sesevent.errors import Problem
from sesevent.ops import Plan
from sesevent.plans.receive import Prepared, Summary, prepare, store
from sesevent.sns.trust import VerifiedMessage
from sesevent.suppression.policy import Policy

__all__ = ["BATCH", "IN_FLIGHT", "STORING", "Batch", "add", "batches", "prepare_batch", "store_batch"]

T = TypeVar("T")

BATCH = 1000  # things; see docs/explanation/performance.md for what others cost
STORING = 2  # batches stored at once: while one waits for the server, the other is encoded
IN_FLIGHT = 3  # batches prepared and not yet settled: bounds memory, gives back-pressure
_PROBLEMS_KEPT = 100


class Batch(Prepared):
    """Prepared things, and how many of them there were."""

    __slots__ = ("failed", "items")

    def __init__(self) -> None:
        super().__init__()
        self.items = 0
        self.failed = 0


def prepare_batch(messages: list[VerifiedMessage], first: int, now: datetime, dead_letters: bool) -> Batch:
    """Prepare things that begin at position *first* of the input, and empty the list of them.

    What a message was unwrapped to is let go at once: kept for a whole batch it costs a fifth of the
    speed, most of it in the garbage collector.
    """
    batch = Batch()
    messages.reverse()
    for position in range(first, first + len(messages)):
        known = len(batch.problems)
        prepare(messages.pop(), now, batch)
        batch.items += 1
        if len(batch.problems) > known:
            batch.failed += 1
            batch.problems[known:] = [_at(position, problem) for problem in batch.problems[known:]]
    if not dead_letters:
        batch.dead.clear()
    return batch


def store_batch(policy: Policy, batch: Batch) -> Plan[Summary]:
    """Store a batch; returns what became of it alone."""
    stored = yield from store(policy, batch)
    return Summary(batch.items, len(stored.fresh), sum(stored.fresh), len(batch.skipped), batch.failed, batch.problems)


def add(summary: Summary, batch: Summary) -> None:
    """Add what became of a batch to the whole."""
    summary.items += batch.items
    summary.events += batch.events
    summary.fresh += batch.fresh
    summary.skipped += batch.skipped
    summary.failed += batch.failed
    summary.problems += batch.problems[: _PROBLEMS_KEPT - len(summary.problems)]


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut *items* into lists of *size*."""
    source = iter(items)
    while taken := list(islice(source, size)):
        yield taken


def _at(position: int, problem: Problem) -> Problem:
    return problem._replace(path=f"$[{position}]{problem.path[1:]}")
