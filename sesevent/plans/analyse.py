"""Stories of counting: what the log holds of a window, as cells.

Next: :mod:`sesevent.analytics.cells`, which is what comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sesevent.analytics.cells import HOUR, WHOLE, Cell, Cells, Key
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import DIMENSIONS, TAG, Where, grouped
from sesevent.ops import Plan, ask
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Aggregate

__all__ = ["SLICE", "cells_in", "cells_of", "slices", "tally"]

SLICE = timedelta(days=1)
"""What the log is asked for at once: the answer must fit in memory."""


def slices(window: Window) -> Iterator[Window]:
    """A window in pieces, in order; borders are hours where they are none of the window's own."""
    since = window.since
    while since < window.until:
        until = min((since + SLICE).replace(minute=0, second=0, microsecond=0), window.until)
        yield Window(since, until)
        since = until


def cells_in(window: Window, where: Where, slot: int = HOUR, dimensions: frozenset[str] = DIMENSIONS) -> Plan[Cells]:
    """The cells of one slice, counted from the log."""
    groups = yield from ask(Aggregate(EVENTS, grouped(window, where, slot, dimensions)))
    return Cells().add(groups)


def cells_of(
    window: Window, where: Where, dimensions: frozenset[str], slot: int = HOUR
) -> Plan[Iterator[tuple[str, Key, Cell]]]:
    """What is counted in a window of the mails that *where* holds for: whoever counts asks here.

    Yields when (``2024-05-01T10``, as many characters as *slot* says: `WHOLE`, `DAY`, `HOUR`, `MINUTE`), of what, and
    how much; each time and key once. *dimensions* are the fields of `Key` that are told apart (`provider` without
    `recipient_domain`, or `tag:` and a tag's name, too): the others are empty, and merged.
    """
    fields = frozenset("tag" if name.startswith(TAG) else name for name in dimensions)
    asked = dimensions | (where.given() & DIMENSIONS)
    found: dict[tuple[str, Key], Cell] = {}
    for part in slices(window):
        cells = yield from cells_in(part, where, max(slot, HOUR), asked)
        for time, key, cell in cells.items():
            if where.holds(key):
                found.setdefault((time[:slot], key.only(fields)), Cell()).merge(cell)
    return ((time, key, cell) for (time, key), cell in found.items())


def tally(window: Window, where: Where) -> Plan[Cell]:
    """Everything that is counted in a window, of all mails that *where* holds for, in one cell."""
    found = yield from cells_of(window, where, frozenset(), WHOLE)
    return next((cell for _, _, cell in found), Cell())
