"""What each of many things is that are being received: a summary tells of them by their position only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sesevent.errors import Problem

if TYPE_CHECKING:  # the command line knows this module, and parses without a driver
    from sesevent.plans.receive import Summary

__all__ = ["InFlight", "Settled"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):  # a tuple with names cannot be generic before Python 3.11
    """What became settled since the last time."""

    things: list[T]
    problems: list[tuple[T, Problem]]
    """What is wrong, with the path inside the thing."""
    failed: list[T]
    """The things that could not be read, or only in part. Where a summary names no more problems, all that may be."""


class InFlight(Generic[T]):
    """Remembers things in the order in which they are handed in, until they are settled."""

    def __init__(self) -> None:
        self._things: deque[T] = deque()
        self._settled = 0
        self._failed = 0
        self._problems = 0

    def add(self, thing: T) -> None:
        """Remember the next thing."""
        self._things.append(thing)

    def settle(self, summary: Summary) -> Settled[T]:
        """Forget what is settled by now, and tell it."""
        things = [self._things.popleft() for _ in range(summary.items - self._settled)]
        told = [_placed(problem, self._settled) for problem in summary.problems[self._problems :]]
        failed = [things[position] for position in dict.fromkeys(position for position, _ in told)]
        if summary.failed - self._failed > len(failed):
            failed = things
        self._settled, self._failed, self._problems = summary.items, summary.failed, len(summary.problems)
        return Settled(things, [(things[position], problem) for position, problem in told], failed)


def _placed(problem: Problem, first: int) -> tuple[int, Problem]:
    """The thing's position among those settled, and the problem as the thing alone would have it."""
    number, _, path = problem.path[2:].partition("]")
    return int(number) - first, problem._replace(path=f"${path}")
