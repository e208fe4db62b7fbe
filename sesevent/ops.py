"""Operations as values, and the plans that yield them.

A *plan* is a generator that tells a story of more than one step. It yields operations, is sent
their results, and returns its own; it never waits for anything. A *driver* performs what a plan
yields: :mod:`sesevent.drivers.sync` by calling, :mod:`sesevent.drivers.aio` by awaiting. That is why both
colours share every decision::

    rows = yield from ask(Find("ses_event", {"MessageId": message_id}))

Because PyMongo's ``Collection`` and ``AsyncCollection`` have the same methods, an operation can
say what to call without knowing which of the two it will be given. The operations themselves
are in :mod:`sesevent.storage.operations`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Operation", "Plan", "ask"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Operation(Protocol, Generic[R_co]):
    """One thing to be done outside, as a value."""

    def start(self, collections: Any) -> Any:
        """Call PyMongo with one of *collections*; returns the outcome, or an awaitable of it."""
        ...

    def finish(self, outcome: Any) -> R_co:
        """Turn the outcome into this operation's result."""
        ...


Plan = Generator[Operation[Any], Any, R]


def ask(operation: Operation[R]) -> Plan[R]:
    """Yield one operation and return its result, with its type."""
    result: R = yield operation
    return result
