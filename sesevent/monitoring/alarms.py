"""What follows: the state machine of an alarm, as a function of rule, state before, figures and time.

- An alarm begins at a line and ends below a share of it (`Rule.recover`): what lies between keeps the state it has.
- Below the minimum volume there is `no_data`. Of that nobody is told: it is what every night looks like. An alarm
  whose volume shrinks is followed down to the same share of the minimum.
- People are told of a state they were not told last; not of the same state twice within the cooldown: then they are
  told when that is over, if the state still holds.
- Whoever acknowledges it is not reminded; while it is silenced nobody is told.

It refuses to know who is told, and how. Next: :mod:`sesevent.monitoring.texts`, and :mod:`sesevent.plans.monitor`,
which keeps what is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from sesevent.analytics.measures import Window
from sesevent.monitoring.figures import Figures, Scope
from sesevent.monitoring.readings import Reading, read
from sesevent.monitoring.rules import Rule

__all__ = ["ALARMED", "CLOCKS_APART", "STATES", "Alarm", "AlarmEntry", "Mute", "State", "Step", "new_alarm", "step"]

State = Literal["ok", "warn", "critical", "no_data"]
STATES: Final[tuple[State, ...]] = ("no_data", "ok", "warn", "critical")
"""Every state, the worst last."""
ALARMED: Final = ("warn", "critical")

CLOCKS_APART: Final = timedelta(minutes=5)
"""An evaluation that is older than what is kept comes too late, and changes nothing; unless what is kept lies further
ahead than this: then somebody's clock was wrong, and what he wrote must not stop the others."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Who said that an alarm is known, or must be silent, and why."""

    by: str
    why: str
    at: datetime
    until: datetime | None = None
    """For a silence: when it ends."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The state of a rule, as it was evaluated last."""

    id: str
    rule: str
    scope: Scope
    state: State
    since: datetime
    """When it came into this state."""
    at: datetime
    """When it was evaluated last."""
    reading: Reading | None = None
    window: Window | None = None
    told: State = "ok"
    """The state people were told last."""
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    """State → when people were told of it last."""
    acknowledged: Mute | None = None
    """Until the state changes nobody is reminded."""
    silenced: Mute | None = None
    revision: int = 0
    """How often it was written; 0: not yet."""

    def is_silent(self, now: datetime) -> bool:
        """True where nobody is to be told anything."""
        return self.silenced is not None and (self.silenced.until is None or now < self.silenced.until)


@dataclass(frozen=True, slots=True)
class AlarmEntry:
    """One line in the history of an alarm, and, where ``tell`` says so, what people are told."""

    id: str
    """The alarm's, and its revision: the same transition is one entry, whoever writes it."""
    alarm: str
    rule: str
    scope: Scope
    at: datetime
    what: str
    """``changed``; ``still`` (a reminder, or told late); ``acknowledged``, ``silenced``."""
    before: State
    state: State
    measure: str = ""
    reading: Reading | None = None
    window: Window | None = None
    line: float | None = None
    """The line that it reached, or fell below."""
    review: float | None = None
    """AWS's line, where there is one."""
    review_in: timedelta | None = None
    """How long until AWS's line is reached, if it goes on so; None where it would never be."""
    hint: str = ""
    by: str = ""
    why: str = ""
    tell: bool = False
    """People are to be told."""
    notified: bool = False
    """They were: every notifier took it."""
    attempts: int = 0
    """How often somebody set about telling."""
    told: tuple[str, ...] = ()
    """Notifiers that took it."""


class Step(NamedTuple):
    """What an evaluation leads to."""

    alarm: Alarm
    entry: AlarmEntry | None
    """What is written into the history; None where nothing happened."""


def new_alarm(rule: Rule, now: datetime) -> Alarm:
    """The state of a rule that was never evaluated."""
    return Alarm(rule.id, rule.name, rule.scope, "no_data", now, now)


def step(rule: Rule, before: Alarm | None, figures: Figures, now: datetime) -> Step | None:
    """The next state of an alarm, and what is to be written down and told of it; None: it comes too late."""
    if before is None:
        before = new_alarm(rule, now)
    elif now < before.at <= now + CLOCKS_APART:
        return None
    reading = read(rule, figures)
    state = _state(rule, reading, before.state)
    changed, tell = state != before.state, _is_to_be_told(rule, before, state, now)
    alarm = replace(
        before,
        state=state,
        since=now if changed else before.since,
        at=now,
        reading=reading,
        window=figures.window,
        told=state if tell else before.told,
        told_at={**before.told_at, state: now} if tell else before.told_at,
        acknowledged=None if changed else before.acknowledged,
        silenced=before.silenced if before.is_silent(now) else None,
        revision=before.revision + 1,
    )
    return Step(alarm, _entry(rule, before, alarm, tell) if changed or tell else None)


def _state(rule: Rule, reading: Reading, before: State) -> State:
    if reading.value is None or reading.volume < rule.min_volume * (rule.recover if before in ALARMED else 1):
        return "no_data"
    for state, line in rule.lines:
        if _begins(rule, reading, line) or (_is_as_bad(before, state) and reading.value >= line * rule.recover):
            return "critical" if state == "critical" else "warn"
    return "ok"


def _begins(rule: Rule, reading: Reading, line: float) -> bool:
    """True where the line is reached by enough, surely enough, and more than is usual."""
    value = reading.low if reading.volume < rule.confident_below else reading.value
    surging = reading.usual is None or (reading.value or 0.0) >= reading.usual * rule.surge
    return value is not None and value >= line and reading.count >= rule.min_count and surging


def _is_as_bad(one: State, other: str) -> bool:
    return one in ALARMED and (one == "critical" or one == other)


def _is_to_be_told(rule: Rule, before: Alarm, state: State, now: datetime) -> bool:
    if state == "no_data" or before.is_silent(now) or (state == "ok" and before.told == "ok"):
        return False
    last = before.told_at.get(state)
    if last is None or last > now + CLOCKS_APART:
        return True
    if state != before.told:
        return now - last >= rule.cooldown
    is_known = before.acknowledged is not None and state == before.state
    return not is_known and rule.remind is not None and now - last >= rule.remind


def _entry(rule: Rule, before: Alarm, alarm: Alarm, tell: bool) -> AlarmEntry:
    return AlarmEntry(
        id=f"{alarm.id}@{alarm.revision}",
        alarm=alarm.id,
        rule=rule.name,
        scope=rule.scope,
        at=alarm.at,
        what="changed" if alarm.state != before.state else "still",
        before=before.state,
        state=alarm.state,
        measure=rule.measure,
        reading=alarm.reading,
        window=alarm.window,
        line=_line(rule, before.state, alarm.state),
        review=rule.review,
        hint=rule.hint if alarm.state in ALARMED else "",
        tell=tell,
    )


def _line(rule: Rule, before: State, state: State) -> float | None:
    """The line a state stands for; of good news the one that held before."""
    lines = dict(rule.lines)
    return lines.get(state if state in ALARMED else before, next(iter(reversed(lines.values())), None))
