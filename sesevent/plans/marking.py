"""Who stores an event into an hour that was counted, or is being counted, says so: then it is counted again.

Hours are *open* until they ended `GRACE` ago, and nobody counts them or says anything of them: so what arrives in time
costs nothing. Next: :mod:`sesevent.plans.rollup`, which counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from sesevent.ops import Plan, ask
from sesevent.storage import rollups
from sesevent.storage.operations import Now

__all__ = ["GRACE", "mark"]

GRACE: Final = timedelta(minutes=15)
"""How long after its end an hour stays open."""
_FROM: Final = GRACE / 2
"""…and from when on receivers mark: clocks may differ by as much as lies between."""


def mark(documents: Iterable[Mapping[str, Any]]) -> Plan[None]:
    """Say of the hours of documents that were just stored, or changed, that they must be counted again.

    After the durable write, and before anybody is told of it: whoever dies between is told the event again, and marks
    then; so repeated events are marked for too. A roll-up makes the state of an hour before it asks the log: where
    there is none yet, it will find the event, and nothing need be written.
    """
    hours = {rollups.hour_of(stamp) for document in documents if isinstance(stamp := document.get("Timestamp"), str)}
    if not hours:
        return
    now = yield from ask(Now())
    border = rollups.closed_before(now, _FROM)
    closed = sorted(hour for hour in hours if hour < border)
    if not closed:
        return
    found = yield from ask(rollups.walk_and(closed))
    if (walk := rollups.read_walk(found)) is None:
        return
    states = rollups.read_states(found)
    concerned = [hour for hour in closed if hour in states or walk.first <= hour < walk.through]
    while concerned:
        done = yield from ask(rollups.mark_dirty("hour", concerned))
        # Two who make the same state at once: one is refused, and finds it now.
        concerned = [concerned[place] for place in done.refused]
