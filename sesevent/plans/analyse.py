"""Stories of counting: what happened in a window, as cells; from rollups where there are any, and from the log.

Next: :mod:`sesevent.plans.rolled`, which reads rollups, and :mod:`sesevent.analytics.cells`, which is what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from sesevent.analytics.cells import HOUR, WHOLE, Cell, Cells, Key
from sesevent.analytics.families import family_of
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import DIMENSIONS, TAG, WITHOUT_TEXT, Where, by_text, grouped
from sesevent.ops import Plan, ask
from sesevent.plans.rolled import Parts, parts_of, read_rows, windows_of
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


def cells_in(
    window: Window,
    where: Where,
    slot: int = HOUR,
    dimensions: frozenset[str] = DIMENSIONS,
    cells: Cells | None = None,
) -> Plan[Cells]:
    """The cells of one slice, counted from the log; into *cells*, if given.

    Rows have their group written, by the hour and by all of a key but tags; those that have not are asked for apart.
    """
    cells = Cells() if cells is None else cells
    if slot > HOUR or not dimensions <= DIMENSIONS:
        groups = yield from ask(Aggregate(EVENTS, grouped(window, where, slot, dimensions)))
        return cells.add(groups)
    texts = yield from ask(Aggregate(EVENTS, by_text(window, where)))
    cells.add_texts(group for group in texts if group["_id"] is not None)
    if any(group["_id"] is None for group in texts):
        cells.add((yield from ask(Aggregate(EVENTS, [WITHOUT_TEXT, *grouped(window, where, slot, dimensions)]))))
    return cells


def cells_of(
    window: Window, where: Where, dimensions: frozenset[str], slot: int = HOUR, *, exact: bool = False
) -> Plan[Iterator[tuple[str, Key, Cell]]]:
    """What is counted in a window of the mails that *where* holds for: whoever counts asks here.

    Yields when (``2024-05-01T10``, as many characters as *slot* says: `WHOLE`, `DAY`, `HOUR`, `MINUTE`), of what, and
    how much; each time and key once. *dimensions* are the fields of `Key` that are told apart (`provider` without
    `recipient_domain`, or `tag:` and a tag's name, too): the others are empty, and merged.

    Rollups answer for what they can, and the log for the rest; for all, if *exact*: then different mails are counted,
    and not estimated.
    """
    asked = dimensions | (where.given() & DIMENSIONS)
    family = None if exact or slot > HOUR or where.tag is not None else family_of(asked)
    parts = Parts([], [], [window]) if family is None else (yield from parts_of(window, slot))
    whole = _Whole(where, dimensions, slot)
    log = list(parts.log)
    if family is not None:
        for days, hours in ((parts.days, ()), ((), parts.hours)):
            cells, unkept = yield from read_rows("day" if days else "hour", family, [*days, *hours], whole.holds)
            whole.add(cells)
            log += windows_of(unkept, ()) if days else windows_of((), unkept)
    for part in (part for piece in log for part in slices(piece)):
        whole.add((yield from cells_in(part, where, max(slot, HOUR), asked)).items())
    return whole.items()


class _Whole:
    """What was found so far, with no more told apart than is asked."""

    def __init__(self, where: Where, dimensions: frozenset[str], slot: int) -> None:
        self.holds, self._slot = where.test(), slot
        self._fields = frozenset("tag" if name.startswith(TAG) else name for name in dimensions)
        self._found: dict[tuple[str, Key], Cell] = {}

    def add(self, cells: Iterable[tuple[str, Key, Cell]]) -> None:
        for time, key, cell in cells:
            if self.holds(key):
                self._found.setdefault((time[: self._slot], key.only(self._fields)), Cell()).merge(cell)

    def items(self) -> Iterator[tuple[str, Key, Cell]]:
        return ((time, key, cell) for (time, key), cell in self._found.items())


def tally(window: Window, where: Where, *, exact: bool = False) -> Plan[Cell]:
    """Everything that is counted in a window, of all mails that *where* holds for, in one cell."""
    found = yield from cells_of(window, where, frozenset(), WHOLE, exact=exact)
    return next((cell for _, _, cell in found), Cell())
