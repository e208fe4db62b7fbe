"""Is the store well? One check after the other, each of which tells instead of raising.

`CHECKS` says what is looked at, in order, and what it means where that cannot be asked. Whoever performs the
plan bounds its time: what is not reached by then is not told as well. ``sesevent doctor`` looks at the set-up
instead (:mod:`sesevent.plans.doctor`), once and without a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo import UpdateOne

from sesevent.errors import ConfigurationError, SesEventError
from sesevent.events.parse import EVENT_CLASSES
from sesevent.moments import read_moment
from sesevent.ops import Plan, ask
from sesevent.plans import dead_letters, doctor, rollup
from sesevent.storage import arrivals, reads
from sesevent.storage.layout import DEAD_LETTERS, HEALTH, WATCHES
from sesevent.storage.operations import AdminCommand, Command, Count, Document, Find, Update
from sesevent.storage.positions import read_position
from sesevent.vitals import Check, Health, Limits, Status

__all__ = ["CHECKS", "examine"]

_LISTED = 1000  # watches, and hours that want rolling up: beyond it the exact number changes no advice
_WELL: Final = ("PRIMARY", "SECONDARY", "ARBITER")
_STARTING: Final = "STARTUP"
_HOUR: Final = timedelta(hours=1)


class _World(NamedTuple):
    """What the checks need beside the database."""

    clock: Callable[[], datetime]
    limits: Limits
    now: datetime
    hello: Document


class CheckRow(NamedTuple):
    """One thing to look at."""

    name: str
    look: Callable[[_World], Plan[Check]]
    else_: Status
    """What it means where the question fails."""
    why: str


def examine(clock: Callable[[], datetime], limits: Limits) -> Plan[Health]:
    """Look at everything in `CHECKS`; where no server answers, at nothing more."""
    began = clock()
    try:
        world = _World(clock, limits, began, (yield from ask(Command("hello"))))
    except SesEventError as error:
        return Health(began, _since(began, clock()), tuple(_unreached(error)))
    checks = []
    for row in CHECKS:
        checks.append((yield from _told(row, world)))
    return Health(began, _since(began, clock()), tuple(checks))


def _told(row: CheckRow, world: _World) -> Plan[Check]:
    try:
        return (yield from row.look(world))
    except ConfigurationError as error:  # the user lacks a right: nobody knows, but who may not write cannot receive
        return Check(row.name, "down" if row.else_ == "down" else "unknown", str(error))
    except SesEventError as error:
        return Check(row.name, row.else_, str(error))


def _unreached(error: SesEventError) -> Iterator[Check]:
    first, *others = CHECKS
    yield Check(first.name, "down", str(error), "Check that the server runs, and that this machine reaches it.")
    for row in others:
        yield Check(row.name, "unknown", "not asked: no server answers")


# ── The checks ───────────────────────────────────────────────────────────────────────────────


def _server(world: _World) -> Plan[Check]:
    began = world.clock()
    yield from ask(Command("hello"))  # the one before may have had to connect
    took = _since(began, world.clock())
    said = f"{doctor.kind(world.hello).finding}; answers in {_told_seconds(took)}"
    return Check("server", "ok", said, figures={"round_trip": took})


def _writable(world: _World) -> Plan[Check]:
    began = world.clock()
    yield from ask(Update(HEALTH, [UpdateOne({"_id": "probe"}, {"$set": {"at": began}}, upsert=True)]))
    took = _since(began, world.clock())
    return Check("writable", "ok", f"a durable write takes {_told_seconds(took)}", figures={"write": took})


def _replication(world: _World) -> Plan[Check]:
    if not world.hello.get("setName"):
        return Check("replication", "unknown", f"{doctor.kind(world.hello).finding}: nothing to ask here")
    status = yield from ask(AdminCommand("replSetGetStatus"))
    members = status.get("members", [])
    ill = [member for member in members if member.get("stateStr") not in _WELL or member.get("health", 1) != 1]
    lag = _lag(members)
    figures = {"members": float(len(members)), "ill": float(len(ill)), "lag": lag}
    if ill:
        named = ", ".join(f"{member.get('name')} ({member.get('stateStr')})" for member in ill)
        said = f"{len(ill)} of {len(members)} members are not well: {named}"
        return Check("replication", "degraded", said, "Without a majority nothing can be written.", figures)
    late = lag > world.limits.replication_lag.total_seconds()
    said = f"{_some(len(members), 'member')}, the slowest {_told_seconds(lag)} behind"
    return Check("replication", "degraded" if late else "ok", said, figures=figures)


def _lag(members: list[Mapping[str, Any]]) -> float:
    """Seconds that the slowest member which replicates lacks of the primary's writes."""
    done = {state: [m["optimeDate"] for m in members if m.get("stateStr") == state and "optimeDate" in m]
            for state in ("PRIMARY", "SECONDARY")}  # fmt: skip
    return max([_since(slow, first) for first in done["PRIMARY"] for slow in done["SECONDARY"]], default=0.0)


def _indexes(_: _World) -> Plan[Check]:
    missing = yield from doctor.missing_indexes()
    if not missing:
        return Check("indexes", "ok", "all present", figures={"missing": 0.0})
    figures = {"missing": float(len(missing))}
    return Check("indexes", "degraded", f"missing: {', '.join(missing)}", "Run: sesevent doctor --fix", figures)


def _last_events(world: _World) -> Plan[Check]:
    """How long ago each known kind of event happened last: one look into an index for each."""
    ages: dict[str, float] = {}
    for word in EVENT_CLASSES:
        found = yield from ask(reads.last_of_type(word))
        if found:
            ages[word] = _since(read_moment(found[0]["Timestamp"]), world.now)
    silent = [word for word, longest in world.limits.silence.items() if _too_old(ages.get(word), longest)]
    if silent:
        said = f"silent for too long: {', '.join(silent)}"
        return Check("last_events", "degraded", said, "Run: sesevent doctor --aws", ages)
    told = ", ".join(f"{word} {_told_seconds(age)} ago" for word, age in sorted(ages.items(), key=lambda one: one[1]))
    return Check("last_events", "ok", told or "no events yet", figures=ages)


def _too_old(age: float | None, longest: timedelta) -> bool:
    return age is None or age > longest.total_seconds()


def _rollups(world: _World) -> Plan[Check]:
    """How many closed hours are not counted yet, and how many wait to be counted again."""
    behind = yield from rollup.lag(world.now)
    if not behind.running:
        return Check("rollups", "ok", "nobody rolls up here")
    lag = 3600.0 * behind.hours
    figures = {"lag": lag, "waiting": float(behind.dirty)}
    said = f"{behind.dirty:,} hours wait to be rolled up again"
    if lag > world.limits.rollup_lag.total_seconds():
        said = f"the last {behind.hours:,} hours are not rolled up; {said}"
        return Check("rollups", "degraded", said, "Answers are right all the same, but slower.", figures)
    return Check("rollups", "ok", said, figures=figures)


def _watches(world: _World) -> Plan[Check]:
    """How far each named watch is behind. Only of change streams can it be told while nothing comes."""
    kept = yield from ask(Find(WATCHES, {}, (("_id", 1),), _LISTED))
    lags = {str(document["_id"]): _since(_stands_at(document), world.now) for document in kept}
    streams = {str(document["_id"]) for document in kept if not document.get("polling")}
    late = sorted(name for name in streams if lags[name] > world.limits.watch_lag.total_seconds())
    figures = {name: lag for name, lag in lags.items() if name in streams}
    if late:
        said = f"{len(late)} of {len(kept)} watches are behind: {', '.join(late[:5])}"
        remedy = "Start their consumers. To forget one that is gone, delete its document from `ses_watch`."
        return Check("watches", "degraded", said, remedy, figures)
    return Check("watches", "ok", f"{_some(len(kept), 'watch', 'watches')}, none behind", figures=figures)


def _stands_at(document: Mapping[str, Any]) -> datetime:
    """Where a watch stands: at its last row, or further on where its stream has seen others go by."""
    at: datetime = document["at"]
    try:
        seen = arrivals.token_time(read_position(document["position"]).token)
    except (ConfigurationError, LookupError):
        seen = None
    return at if seen is None else max(at, seen)


def _dead_letters(world: _World) -> Plan[Check]:
    count = yield from dead_letters.count()
    new = yield from ask(Count(DEAD_LETTERS, dead_letters.came_since(world.now - _HOUR)))
    figures = {"count": float(count), "new": float(new)}
    said = f"{count:,}, {new:,} of them new within the hour" if count else "none"
    if new > world.limits.new_dead_letters:
        return Check("dead_letters", "degraded", said, "See: sesevent dead-letters list", figures)
    return Check("dead_letters", "ok", said, figures=figures)


def _clock(world: _World) -> Plan[Check]:
    """The server's time against ours in the middle of the question: wrong by half the round trip at most."""
    before = world.clock()
    hello = yield from ask(Command("hello"))
    trip = max(world.clock() - before, timedelta(0))
    theirs = hello.get("localTime")
    if theirs is None:
        return Check("clock", "unknown", "the server does not tell its time")
    skew, error = (read_moment(theirs) - (before + trip / 2)).total_seconds(), trip.total_seconds() / 2
    said = f"the server's is {_told_seconds(abs(skew))} {'ahead' if skew > 0 else 'behind'} (±{_told_seconds(error)})"
    figures = {"skew": skew, "error": error}
    if abs(skew) - error > world.limits.clock_skew.total_seconds():
        return Check("clock", "degraded", said, "Let both follow NTP: whether a message is fresh hangs on it.", figures)
    return Check("clock", "ok", said, figures=figures)


CHECKS: Final[tuple[CheckRow, ...]] = (
    CheckRow("server", _server, "down", "what does not answer stores nothing"),
    CheckRow("writable", _writable, "down", "a server may answer and have no primary, no disk, no right for us: only a "
             "write tells, as durable as those of events"),
    CheckRow("replication", _replication, "unknown", "while one member is ill all goes on, with nothing to spare; "
             "asking needs the role clusterMonitor, and a store is not ill for lack of it"),
    CheckRow("indexes", _indexes, "degraded", "without them each question reads everything"),
    CheckRow("last_events", _last_events, "degraded", "AWS may have stopped telling: nothing here would break"),
    CheckRow("rollups", _rollups, "degraded", "reports read the log for hours that wait"),
    CheckRow("watches", _watches, "degraded", "consumers act on old news; a position may fall out of the oplog"),
    CheckRow("dead_letters", _dead_letters, "degraded", "what cannot be understood is kept, and wants a person"),
    CheckRow("clock", _clock, "unknown", "freshness of messages, and overlaps of polling, compare clocks"),
)  # fmt: skip
"""What is looked at, in order."""


# ── Words ────────────────────────────────────────────────────────────────────────────────────


def _since(then: datetime, now: datetime) -> float:
    """Seconds; none where clocks disagree about which came first."""
    return max((now - then).total_seconds(), 0.0)


def _told_seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _some(count: int, one: str, several: str = "") -> str:
    return f"{count} {one}" if count == 1 else f"{count} {several or one + 's'}"


def _at_least(count: int) -> str:
    return f"at least {count:,}" if count >= _LISTED else f"{count:,}"
