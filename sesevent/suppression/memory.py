"""Decisions that are remembered for a while. Pure: time is an argument, and nobody is asked."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sesevent.suppression.decision import Decision

__all__ = ["Memory"]


_MOST_ANSWERS: Final = 16  # on one address: by stream and tenant


class Remembered(NamedTuple):
    """A decision, and until when it is good."""

    decision: Decision
    until: datetime


class Memory:
    """The decisions on the addresses asked about last: at most *size* addresses, none for longer than *lasts*."""

    def __init__(self, size: int, lasts: timedelta) -> None:
        self._size, self._lasts = size, lasts
        self._known: OrderedDict[str, dict[tuple[str, str], Remembered]] = OrderedDict()
        # What was dropped lately, and when in the order of things: an answer on its way may be older.
        self._dropped: OrderedDict[str, int] = OrderedDict()
        self._order = 0
        self._all_before = 0

    @property
    def order(self) -> int:
        """Where in the order of things it is: to be read before the store is asked, and handed to `put`."""
        return self._order

    def get(self, address: str, stream: str, tenant: str, now: datetime) -> Decision | None:
        """The decision, if it is remembered and still good."""
        found = self._known.get(address, {}).get((stream, tenant))
        if found is None or now >= found.until:
            return None
        self._known.move_to_end(address)
        return found.decision

    def put(self, decision: Decision, asked: int, now: datetime) -> None:
        """Remember a decision, unless its address was dropped since it was *asked* for; one that failed is not kept.

        A decision that ends by itself is good no longer than that.
        """
        if decision.failed or asked < max(self._all_before, self._dropped.get(decision.address, 0)):
            return
        until = now + self._lasts
        if decision.until is not None:
            until = min(until, decision.until)
        answers = self._known.setdefault(decision.address, {})
        if len(answers) >= _MOST_ANSWERS:
            answers.clear()
        answers[decision.stream, decision.tenant] = Remembered(decision, until)
        self._known.move_to_end(decision.address)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def drop(self, address: str) -> None:
        """Forget an address: its standing changed."""
        self._known.pop(address, None)
        self._order += 1
        self._dropped[address] = self._order
        self._dropped.move_to_end(address)
        if len(self._dropped) > self._size:
            self._all_before = self._dropped.popitem(last=False)[1]

    def clear(self) -> None:
        """Forget everything: changes may have been missed."""
        self._known.clear()
        self._dropped.clear()
        self._order += 1
        self._all_before = self._order

    def __len__(self) -> int:
        return len(self._known)
