"""Many things at once: cut into batches, prepared, stored, counted. Shared by both faces' pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sesevent.errors import Problem
from sesevent.ops import Plan
from sesevent.plans.receive import Prepared, Summary, prepare, store
from sesevent.sns.unwrap import Raw
from sesevent.suppression.policy import Policy

__all__ = ["BATCH", "IN_FLIGHT", "Batch", "batches", "prepare_batch", "store_batch"]

T = TypeVar("T")

BATCH = 500  # things; see docs/explanation/performance.md for what others cost
IN_FLIGHT = 2  # batches being stored while the next is prepared: bounds memory, gives back-pressure
_PROBLEMS_KEPT = 100


class Batch(Prepared):
    """Prepared things, and how many of them there were."""

    __slots__ = ("failed", "items")

    def __init__(self) -> None:
        super().__init__()
        self.items = 0
        self.failed = 0


def prepare_batch(raws: Iterable[Raw], first: int, now: datetime) -> Batch:
    """Prepare things that begin at position *first* of the input."""
    batch = Batch()
    for position, raw in enumerate(raws, first):
        known = len(batch.problems)
        prepare(raw, now, batch)
        batch.items += 1
        if len(batch.problems) > known:
            batch.failed += 1
            batch.problems[known:] = [_at(position, problem) for problem in batch.problems[known:]]
    return batch


def store_batch(policy: Policy, batch: Batch, summary: Summary) -> Plan[None]:
    """Store a batch, then add what became of it to *summary*."""
    stored = yield from store(policy, batch)
    summary.items += batch.items
    summary.events += len(stored.fresh)
    summary.fresh += sum(stored.fresh)
    summary.skipped += len(batch.skipped)
    summary.failed += batch.failed
    summary.problems += batch.problems[: _PROBLEMS_KEPT - len(summary.problems)]


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut *items* into lists of *size*."""
    source = iter(items)
    while taken := list(islice(source, size)):
        yield taken


def _at(position: int, problem: Problem) -> Problem:
    return problem._replace(path=f"$[{position}]{problem.path[1:]}")
