"""Stories of counting: what the log holds of a window, as cells.

Next: :mod:`sesevent.analytics.cells`, which is what comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sesevent.analytics.cells import Cell, Cells
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import HOUR, Where, grouped
from sesevent.ops import Plan, ask
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Aggregate

__all__ = ["SLICE", "cells_in", "slices", "tally"]

SLICE = timedelta(days=1)
"""What the log is asked for at once: the answer must fit in memory."""


def slices(window: Window) -> Iterator[Window]:
    """A window in pieces, in order; borders are hours where they are none of the window's own."""
    since = window.since
    while since < window.until:
        until = min((since + SLICE).replace(minute=0, second=0, microsecond=0), window.until)
        yield Window(since, until)
        since = until


def cells_in(window: Window, where: Where, slot: int = HOUR) -> Plan[Cells]:
    """The cells of one slice, counted from the log."""
    groups = yield from ask(Aggregate(EVENTS, grouped(window, where, slot)))
    return Cells().add(groups)


def tally(window: Window, where: Where) -> Plan[Cell]:
    """Everything that is counted in a window, of all mails that *where* holds for, in one cell."""
    whole = Cell()
    for part in slices(window):
        cells = yield from cells_in(part, where)
        for _, key, cell in cells.items():
            if where.holds(key):
                whole.merge(cell)
    return whole
