"""Stories of events that leave the log, or come back to it.

An hour that events leave is sealed first: what was counted of it stays, since it cannot be counted again. Facts about
people are noted apart, and stay too. What is held never leaves. Next: :mod:`sesevent.faces.keeping`, which hands it
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bson import ObjectId
from bson.errors import InvalidId

from sesevent import addresses
from sesevent.analytics.uniques import require_sketches
from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError, StoreConflict
from sesevent.moments import UTC, format_moment
from sesevent.ops import Plan, ask
from sesevent.plans import audit, erased, expiry
from sesevent.plans.marking import GRACE, mark
from sesevent.plans.rollup import roll_day
from sesevent.storage import keeping, rollups, writes
from sesevent.storage.keeping import FIRST_DAY, Chosen, Filter, Hold, HoldKind, Place
from sesevent.storage.operations import AskPseudonyms, Command, Document

if TYPE_CHECKING:
    from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = [
    "PAGE", "by_all_clocks", "documents", "hold", "holds", "holds_by_any_name", "months", "next_day", "put_back",
    "release", "rows", "seal", "take_out", "thin",
]  # fmt: skip

PAGE: Final = 1000  # rows
_TRIES: Final = 100  # events may come late that often while a day is being sealed


def by_all_clocks(now: datetime) -> Plan[datetime]:
    """The earlier of our time and the database server's: a clock that ran ahead makes nothing old enough to go."""
    theirs = (yield from ask(Command("hello"))).get("localTime")
    return now if theirs is None else min(now, theirs.replace(tzinfo=theirs.tzinfo or UTC))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def next_day(since: str, before: datetime, chosen: Chosen, but_not: Sequence[Chosen] = ()) -> Plan[str | None]:
    """The first day, from *since* on, with an event that may go; None where there is none."""
    conditions = yield from _conditions(chosen, but_not)
    until, behind = format_moment(before), False
    while True:
        found = yield from ask(keeping.first_between(since, until, conditions, behind=behind))
        if not found:
            return None
        stamp = str(found[0]["Timestamp"])
        if keeping.is_day(stamp[:10]):
            return stamp[:10]
        since, behind = stamp, True  # it sorts among times and is none


def rows(
    day: str,
    before: datetime,
    chosen: Chosen,
    after: Place | None = None,
    but_not: Sequence[Chosen] = (),
    *,
    raw: bool = False,
) -> Plan[list[Document]]:
    """The next rows of a day that may go, in order, as they are stored; raw: undecoded."""
    conditions = yield from _conditions(chosen, but_not)
    page = keeping.page_of(day, format_moment(before), conditions, after, PAGE, raw=raw)
    found: list[Document] = yield from ask(page)
    return found


def _conditions(chosen: Chosen, but_not: Sequence[Chosen]) -> Plan[list[Filter]]:
    free = yield from _free()
    others = [one.filter() for one in but_not]
    if not all(others):  # a rule for all events came before: nothing is left
        return [{"_id": {"$in": []}}]
    return [chosen.filter(), free, {"$nor": others} if others else {}]


def months(
    since: datetime | None, before: datetime, chosen: Chosen, but_not: Sequence[Chosen] = ()
) -> Plan[dict[str, int]]:
    """How many of these events there are, by month, that nothing holds."""
    conditions = yield from _conditions(chosen, but_not)
    first = FIRST_DAY if since is None else format_moment(since)
    found = yield from ask(keeping.by_month(first, format_moment(before), conditions))
    return {row["_id"]: row["events"] for row in found}


def documents(identifiers: Sequence[Any], *, raw: bool = False) -> Plan[list[Document]]:
    """Those of these rows that are there, as they are stored; raw: undecoded."""
    found: list[Document] = yield from ask(keeping.whole_events(identifiers, raw=raw))
    return found


# ── leaving and coming back ─────────────────────────────────────────────────────────────────────────────────────────


def take_out(some: Sequence[Document]) -> Plan[int]:
    """Delete rows that are still what they were when they were read; returns how many. Seal their days before."""
    free, gone = (yield from _free()), 0
    for delete in keeping.remove_events(some, free):
        gone += yield from ask(delete)
    return gone


def thin(some: Sequence[Document]) -> Plan[int]:
    """Drop the `Message` of rows that are still what they were when they were read; returns how many.

    Rows of older shapes keep it until they have `derived`: nothing would be left of them.
    """
    free, thinned = (yield from _free()), 0
    ready = [document for document in some if document.get("derived") and "Message" in document]
    for update in keeping.thin_events(ready, free):
        thinned += yield from ask(update)
    return thinned


def put_back(some: Sequence[Document]) -> Plan[int]:
    """Insert rows that are not there, as they were; returns how many. No standing changes for it.

    Those who were erased since are taken out of them.
    """
    if not some:
        return 0
    rows, listed = yield from erased.rows_without(some)
    fresh = yield from ask(writes.insert_events(rows))
    yield from erased.put_again(rows, listed)
    yield from mark(some)
    return sum(fresh)


def seal(day: str, now: datetime) -> Plan[None]:
    """Have rollups keep what they counted of a day; what is not counted yet is counted now. Nothing without rollups.

    Raises ConfigurationError for a day whose last hour is still open, and MissingExtra where rollups are kept and
    cannot be made here.
    """
    if rollups.read_walk((yield from ask(rollups.walk_and()))) is None:
        return
    require_sketches()
    hours, before = rollups.hours_of(day), rollups.closed_before(now, GRACE)
    if hours[-1] >= before:
        raise ConfigurationError("That day is not over: its events cannot leave the log yet.")
    for _ in range(_TRIES):
        states = rollups.read_states((yield from ask(rollups.states_of("hour", hours))))
        if len(states) == len(hours) and all(state.sealed for state in states.values()):
            return
        yield from roll_day(day, before)
        states = rollups.read_states((yield from ask(rollups.states_of("hour", hours))))
        clean = {hour: state.rev for hour, state in states.items() if state.usable and not state.sealed}
        if clean:
            yield from ask(rollups.seal(clean))
        if not states:  # no event of it is in the log
            return
    raise StoreConflict("Events of that day kept coming while it was being counted.", hint="Try again.")


# ── holds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _free() -> Plan[Filter]:
    held = yield from holds()
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    return keeping.not_held(held) if pseudonyms is None else keeping.not_held(held, pseudonyms.forms)


def holds() -> Plan[list[Hold]]:
    """What must be kept."""
    return [keeping.hold_in(document) for document in (yield from ask(keeping.holds()))]


def holds_by_any_name() -> Plan[list[Hold]]:
    """The same, by everything that whom they name may be stored as."""
    held = yield from holds()
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    forms = pseudonyms.forms if pseudonyms else lambda normal: (normal,)
    return [one for each in held for one in keeping.by_any_name(each, forms)]


def hold(kind: HoldKind, value: str, by: str, why: str, now: datetime) -> Plan[Hold]:
    """Put a hold, and write it into the audit trail, which names no person."""
    if not by or not why:
        raise ConfigurationError("Say who holds it, and why.")
    held = Hold(str(ObjectId()), kind, addresses.normal(value) if kind == "address" else value, by, why, now)
    yield from ask(keeping.insert_hold(held))
    yield from expiry.end(by, f"hold {held.id}", now)  # it would delete what is held
    yield from audit.note(AuditEntry(now, "hold", held.id, by, why, {"kind": kind}))
    return held


def release(identifier: str, by: str, why: str, now: datetime) -> Plan[bool]:
    """Lift a hold, and write that down; False where there is none of this id."""
    if not by or not why:
        raise ConfigurationError("Say who lifts it, and why.")
    try:
        gone = yield from ask(keeping.drop_hold(identifier))
    except InvalidId:
        return False
    if gone:
        yield from audit.note(AuditEntry(now, "release", identifier, by, why))
    return bool(gone)
