"""Is something wrong? Gather what rules need, decide, keep what was decided, and see that people are told once.

Any number of processes may evaluate at once. The state of an alarm is written guarded by its revision, together with
what happened; the loser of a race writes nothing and tells nobody. What happened is then put into the history, where
it waits to be told: whoever claims it first tells it, and marks it as told afterwards. So a process that dies

- between the write and the history leaves it to the next evaluation, which puts it there;
- before it claimed leaves it to the next evaluation, which claims it;
- between the claim and the mark leaves it to an evaluation after `CLAIM_SECONDS`: people are told at least once, and
  twice only where it died, or stalled for so long, after telling them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final, NamedTuple

from sesevent import addresses
from sesevent.analytics.measures import RateResult, Window, measured, rate_of
from sesevent.analytics.pipelines import Where
from sesevent.errors import ConfigurationError, StoreConflict
from sesevent.moments import read_moment
from sesevent.monitoring.alarms import Alarm, AlarmEntry, Mute, Step, step
from sesevent.monitoring.budget import PRESENT, REPRESENTATIVE, SPANS, Budget, budget
from sesevent.monitoring.figures import Figures, Scope
from sesevent.monitoring.readings import READINGS
from sesevent.monitoring.rules import Rule
from sesevent.ops import Plan, ask
from sesevent.plans import rollup
from sesevent.plans.analyse import tally
from sesevent.storage import alarms as kept
from sesevent.storage.layout import DEAD_LETTERS, EVENTS
from sesevent.storage.operations import Count, Document, Find
from sesevent.storage.reads import in_time

__all__ = [
    "CLAIM_SECONDS", "STALE", "Due", "Evaluated", "acknowledge", "budgets", "claim", "due", "evaluate", "history",
    "settle", "silence", "states",
]  # fmt: skip

CLAIM_SECONDS: Final = 120.0
"""How long whoever set about telling people is left alone; then somebody else does it."""
STALE: Final = timedelta(days=1)
"""What could not be told for so long is not told any more; it stays in the history."""

_WEEK: Final = timedelta(days=7)
_MOST: Final = 100_000  # more dead letters, or events, change no state
_LOOKED_AT: Final = 100  # events whose way here was how long?
_LAST_EVENT: Final = timedelta(days=30)  # without an index for a scope the log is read back to there
_LONGEST_WAIT: Final = timedelta(hours=1)
_TRIES: Final = 20


class Evaluated(NamedTuple):
    """What one evaluation came to."""

    alarms: list[Alarm]
    """The state of every rule, in their order; where another process was faster, what that one wrote."""
    entries: list[AlarmEntry]
    """What happened, as far as this process was the one to write it down."""


class Due(NamedTuple):
    """Something that people are to be told, and its document."""

    entry: AlarmEntry
    document: Document


def evaluate(rules: Sequence[Rule], lags: Mapping[str, float], now: datetime) -> Plan[Evaluated]:
    """Measure what the rules want to know, and keep the states that follow."""
    if len({rule.id for rule in rules}) < len(rules):
        raise ConfigurationError("Two rules have the same name and the same scope.", hint="Rename one.")
    identifiers = [rule.id for rule in rules]
    documents = yield from ask(kept.these_alarms(identifiers))
    if left := kept.unlogged(documents):
        yield from ask(kept.insert_entries(left))
    found = {document["_id"]: kept.alarm_in(document) for document in documents}
    steps = yield from _steps(rules, found, _Gathering(now, lags))
    won = (yield from _keep(steps)) if steps else []
    found |= {alarm.id: alarm for alarm, _ in won}
    if lost := {alarm.id for alarm, _ in steps} - {alarm.id for alarm, _ in won}:
        faster = yield from ask(kept.these_alarms(lost))
        found |= {document["_id"]: kept.alarm_in(document) for document in faster}
    entries = [entry for _, entry in won if entry is not None]
    return Evaluated([found[identifier] for identifier in identifiers if identifier in found], entries)


def _steps(rules: Sequence[Rule], found: Mapping[str, Alarm], gathering: _Gathering) -> Plan[list[Step]]:
    steps = []
    for rule in rules:
        figures = yield from gathering.figures(rule)
        taken = step(rule, found.get(rule.id), figures, gathering.now)
        if taken is None:
            continue
        entry = taken.entry
        if entry is not None and entry.tell and rule.review is not None and entry.state != "ok":
            left = yield from gathering.budget(rule)
            taken = Step(taken.alarm, replace(entry, review_in=left.reached_in))
        steps.append(taken)
    return steps


def _keep(steps: Sequence[Step]) -> Plan[list[Step]]:
    """Write states and history; returns the steps for which nobody was faster."""
    updated = yield from ask(kept.write_alarms(steps))
    won = [taken for place, taken in enumerate(steps) if place not in updated.refused]
    if entries := [kept.entry_document(entry) for _, entry in won if entry is not None]:
        yield from ask(kept.insert_entries(entries))
    return won


# ── Who is told ──────────────────────────────────────────────────────────────────────────────


def due(now: datetime) -> Plan[list[Due]]:
    """What people are to be told, the first first."""
    documents = yield from ask(kept.untold(now - STALE, now))
    return [Due(kept.entry_in(document), document) for document in documents]


def claim(one: Due, now: datetime) -> Plan[bool]:
    """Set about telling it; False where somebody else does."""
    updated = yield from ask(kept.claim(one.document, now, CLAIM_SECONDS))
    return updated.matched == 1


def settle(entry: AlarmEntry, told: Sequence[str], failed: Sequence[str], now: datetime) -> Plan[None]:
    """Write down which notifiers took it. Those that failed are asked again, at growing intervals."""
    wait = min(timedelta(seconds=CLAIM_SECONDS) * 2 ** min(entry.attempts, 10), _LONGEST_WAIT)
    yield from ask(kept.settle(entry.id, told, failed, now, now + wait))


# ── What people ask, and say ─────────────────────────────────────────────────────────────────


def states() -> Plan[list[Alarm]]:
    """Every alarm, as it was evaluated last, by name."""
    documents = yield from ask(kept.all_alarms())
    return [kept.alarm_in(document) for document in documents]


def history(alarm: str | None, since: datetime | None, limit: int) -> Plan[list[AlarmEntry]]:
    """What became of alarms, the last first."""
    if limit < 1:
        raise ConfigurationError("limit must be 1 or more.")
    documents = yield from ask(kept.latest_entries(alarm, since, limit))
    return [kept.entry_in(document) for document in documents]


def budgets(rules: Iterable[Rule], now: datetime) -> Plan[list[Budget]]:
    """What is left below AWS's lines, for each rule that has one."""
    gathering, found = _Gathering(now, {}), []
    for rule in rules:
        if rule.review is not None:
            found.append((yield from gathering.budget(rule)))
    return found


def acknowledge(identifier: str, mute: Mute) -> Plan[Alarm]:
    """Write down that an alarm is known: nobody is reminded until its state changes."""
    return (yield from _say(identifier, mute, "acknowledged"))


def silence(identifier: str, mute: Mute) -> Plan[Alarm]:
    """Write down that nobody is to be told of an alarm for a while."""
    return (yield from _say(identifier, mute, "silenced"))


def _say(identifier: str, mute: Mute, what: str) -> Plan[Alarm]:
    if not mute.by or not mute.why:
        raise ConfigurationError("An alarm is acknowledged or silenced by somebody, for a reason: give `by` and `why`.")
    for _ in range(_TRIES):
        documents = yield from ask(kept.these_alarms([identifier]))
        if not documents:
            raise ConfigurationError(f"There is no alarm {identifier!r}.", hint="See: sesevent monitor states")
        if left := kept.unlogged(documents):
            yield from ask(kept.insert_entries(left))
        before = kept.alarm_in(documents[0])
        changes: dict[str, Any] = {what: mute, "revision": before.revision + 1}
        alarm = replace(before, **changes)
        if (yield from _keep([Step(alarm, _said(alarm, mute, what))])):
            return alarm
    raise StoreConflict("Other writers won every race for an alarm.", hint="It is safe to repeat.")


def _said(alarm: Alarm, mute: Mute, what: str) -> AlarmEntry:
    return AlarmEntry(
        f"{alarm.id}@{alarm.revision}", alarm.id, alarm.rule, alarm.scope, mute.at, what, alarm.state, alarm.state,
        by=mute.by, why=mute.why,
    )  # fmt: skip


# ── What rules need ──────────────────────────────────────────────────────────────────────────


class _Gathering:
    """Figures for the rules of one evaluation; what several of them need is asked once."""

    def __init__(self, now: datetime, lags: Mapping[str, float]) -> None:
        self.now = now
        self._lags = lags
        self._told: dict[Any, Any] = {}

    def figures(self, rule: Rule) -> Plan[Figures]:
        """What a rule needs."""
        window = Window(self.now - rule.window, self.now)
        needs = READINGS[rule.measure].needs
        found: dict[str, Any] = {}
        if "counts" in needs:
            cell = yield from self._counted(rule.scope, window)
            found["counts"] = cell.counts
            if "latency" in needs and (slowest := cell.took.percentile(0.95)) is not None:
                found["latency"] = {95: slowest / 1000}
            if rule.surge:
                before = Window(window.since - rule.usual, window.since)
                found["usual"] = (yield from self._counted(rule.scope, before)).counts
        if "last_event" in needs:
            found["last_event"], found["missing"] = yield from self._quiet(rule.scope, window)
        if "lags" in needs:
            found["lags"] = (yield from self._behind(window)) | dict(self._lags)
        if "dead_letters" in needs:
            found["dead_letters"] = yield from ask(Count(DEAD_LETTERS, {"lastAt": {"$gte": window.since}}, _MOST))
        return Figures(window, **found)

    def budget(self, rule: Rule) -> Plan[Budget]:
        """How long until AWS's line is reached."""
        present = yield from self._measured(rule, min(rule.window, PRESENT))
        if present.denominator < rule.min_volume:
            present = yield from self._measured(rule, rule.window)
        standing = yield from self._standing(rule)
        return budget(rule.name, rule.review or 0.0, standing, present)

    def _measured(self, rule: Rule, length: timedelta) -> Plan[RateResult]:
        window = Window(self.now - length, self.now)
        return measured(rule.measure, (yield from self._counted(rule.scope, window)).counts, window)

    def _standing(self, rule: Rule) -> Plan[RateResult]:
        """The rate over the latest mails, as many as make a representative volume."""
        counts: dict[str, int] = {}
        until, rate = self.now, rate_of(0, 0, Window(self.now, self.now))
        for length in SPANS:
            since = self.now - length
            cell = yield from self._counted(rule.scope, Window(since, until))
            for name, times in cell.counts.items():
                counts[name] = counts.get(name, 0) + times
            rate, until = measured(rule.measure, counts, Window(since, self.now)), since
            if rate.denominator >= REPRESENTATIVE:
                break
        return rate

    def _counted(self, scope: Scope, window: Window) -> Plan[Any]:
        return (yield from self._once((scope, window), lambda: tally(window, _where(scope))))

    def _behind(self, window: Window) -> Plan[dict[str, float]]:
        found = {}
        for name, plan in LAGS.items():
            seconds = yield from self._once((name, window), lambda plan=plan: plan(window))  # type: ignore[misc]
            if seconds is not None:
                found[name] = seconds
        return found

    def _quiet(self, scope: Scope, window: Window) -> Plan[tuple[datetime | None, int | None]]:
        """When the last event happened; how many of the time since then there were a week earlier."""
        mails = _where(scope).filter()
        newest = mails | in_time(self.now - _LAST_EVENT, self.now)
        rows = yield from ask(Find(EVENTS, newest, (("Timestamp", -1), ("_id", -1)), 1, {"Timestamp": 1}))
        if not rows:
            return None, None
        try:
            last = read_moment(rows[0]["Timestamp"])
        except ValueError:  # an older row may hold any text that sorts there
            return None, None
        if last >= window.since:
            return last, 0
        then = mails | in_time(last - _WEEK + timedelta(milliseconds=1), self.now - _WEEK)
        return last, (yield from ask(Count(EVENTS, then, _MOST)))

    def _once(self, key: Any, plan: Callable[[], Plan[Any]]) -> Plan[Any]:
        if key not in self._told:
            self._told[key] = yield from plan()
        return self._told[key]


def _arrival(window: Window) -> Plan[float | None]:
    """Seconds that the latest events took to get here, as the median; None where none came in the window."""
    latest = in_time(window.until - _WEEK, window.until)
    shown = {"Timestamp": 1, "received.at": 1}
    rows = yield from ask(Find(EVENTS, latest, (("Timestamp", -1), ("_id", -1)), _LOOKED_AT, shown))
    took = [
        (at - read_moment(row["Timestamp"])).total_seconds()
        for row in rows
        if (at := (row.get("received") or {}).get("at")) is not None and at >= window.since
    ]
    return max(0.0, median(took)) if took else None


def _rollup(window: Window) -> Plan[float | None]:
    """Seconds of closed hours that are not rolled up; None where nobody does."""
    behind = yield from rollup.lag(window.until)
    return 3600.0 * behind.hours if behind.running else None


LAGS: Final[dict[str, Callable[[Window], Plan[float | None]]]] = {"arrival": _arrival, "rollup": _rollup}
"""What can be behind, and by how many seconds it is, as the store itself can tell; callers may know of more."""


def _where(scope: Scope) -> Where:
    told = scope.told
    if scope.source is not None:
        told["source"] = addresses.normal(scope.source)
    return Where(**told)  # type: ignore[arg-type]  # a scope has no tag
