"""Being warned in time: ``store.monitor``, `Monitor` over an `EventStore` and `AsyncMonitor` over an `AsyncEventStore`.

They call notifiers; the story is told in :mod:`sesevent.plans.monitor`. A store makes them, and hands in how it
performs plans. A notifier is whatever can be called with an `AlarmEntry`; `log_alarm` is one, and
`sesevent.contrib.apprise` has one for each service that Apprise knows.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sesevent.errors import ConfigurationError
from sesevent.monitoring.alarms import ALARMED, STATES, Alarm, AlarmEntry, Mute, State
from sesevent.monitoring.budget import Budget
from sesevent.monitoring.rules import DEFAULT_RULES, Rule
from sesevent.monitoring.texts import text_of, title_of
from sesevent.ops import Plan
from sesevent.plans import monitor
from sesevent.plans.monitor import Due

__all__ = ["AsyncMonitor", "Evaluation", "Monitor", "Notifier", "NotifierFailure", "log_alarm"]

Notifier = Callable[[AlarmEntry], object]

_log = logging.getLogger("sesevent.monitor")
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_LEVELS: Final = {"critical": logging.ERROR, "warn": logging.WARNING}


def log_alarm(entry: AlarmEntry) -> None:
    """A notifier that writes to the log `sesevent.monitor`: ERROR for critical, WARNING for warn, else INFO."""
    _log.log(_LEVELS.get(entry.state, logging.INFO), "%s\n%s", title_of(entry), text_of(entry))


@dataclass(frozen=True)
class NotifierFailure:
    """A notifier raised, and will be asked again by a later evaluation."""

    notifier: str
    entry: str
    """The id of what it was to tell."""
    error: Exception


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation came to."""

    alarms: Sequence[Alarm]
    """The state of every rule, in their order."""
    entries: Sequence[AlarmEntry]
    """What happened now, as far as this process was the first to see it."""
    told: Sequence[AlarmEntry] = ()
    """What this process set about telling, whatever became of that."""
    failures: Sequence[NotifierFailure] = field(default=())

    @property
    def worst(self) -> State:
        """The worst state of all; `no_data` where nothing could be told of anything."""
        return STATES[max((STATES.index(alarm.state) for alarm in self.alarms), default=0)]

    @property
    def alarmed(self) -> list[Alarm]:
        """Those that warn, and those that are critical."""
        return [alarm for alarm in self.alarms if alarm.state in ALARMED]


class Monitor:
    """Is something wrong? ``store.monitor``."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._perform = perform

    def evaluate(
        self,
        rules: Sequence[Rule] = DEFAULT_RULES,
        *,
        notify: Iterable[Notifier] = (),
        lags: Mapping[str, float] = _NOTHING,
    ) -> Evaluation:
        """Measure what the rules want to know, keep the states that follow, and have people told of what changed.

        To be called every minute or so, by as many processes as you like: each change is written by one of them
        and told once. Each of *notify* is called with an `AlarmEntry`; one that raises is logged, told in the
        answer's ``failures``, and asked again by later evaluations, for a day, while the others are not. Without
        any, nothing is taken from those who have some. A process that dies while it tells is stood in for
        by another after two minutes, so a notifier that may take longer needs a time-out of its own. *lags* are
        seconds that other things are behind, by name, such as the age of a queue's oldest message: the rule on
        ``lag`` looks at the largest.

        Raises ConfigurationError for two rules of one name, and StoreUnavailable where MongoDB cannot be reached.
        """
        notifiers = _named(notify, may_await=False)
        now = self._clock()
        done = self._perform(monitor.evaluate(rules, lags, now))
        told, failures = [], []
        for one in self._perform(monitor.due(now)) if notifiers else ():
            if self._perform(monitor.claim(one, self._clock())):
                told.append(one.entry)
                failures += self._tell(one, notifiers)
        return Evaluation(done.alarms, done.entries, told, failures)

    def _tell(self, one: Due, notifiers: Mapping[str, Notifier]) -> list[NotifierFailure]:
        failures = []
        for name, notifier in _left(one, notifiers):
            try:
                notifier(one.entry)
            except Exception as error:  # noqa: BLE001, PERF203  # whatever it is, the others are called
                failures.append(_failed(name, one, error))
        self._perform(_settled(one, notifiers, failures, self._clock()))
        return failures

    def states(self) -> list[Alarm]:
        """Every alarm, as it was evaluated last, by name; also of rules that nobody evaluates any more."""
        found: list[Alarm] = self._perform(monitor.states())
        return found

    def history(self, alarm: str | None = None, *, since: datetime | None = None, limit: int = 100) -> list[AlarmEntry]:
        """What became of alarms, or of one, by its ``id``: the last first."""
        found: list[AlarmEntry] = self._perform(monitor.history(alarm, since, limit))
        return found

    def budget(self, rules: Sequence[Rule] = DEFAULT_RULES) -> list[Budget]:
        """How far AWS's review lines are, and when they are reached if it goes on so; for each rule that has one.

        How that is reckoned is told in `sesevent.monitoring.budget`.
        """
        found: list[Budget] = self._perform(monitor.budgets(rules, self._clock()))
        return found

    def acknowledge(self, alarm: str, *, by: str, why: str) -> Alarm:
        """Say that an alarm, by its ``id``, is known: until its state changes nobody is reminded of it.

        Raises ConfigurationError where there is no such alarm, or nobody says so for no reason.
        """
        kept: Alarm = self._perform(monitor.acknowledge(alarm, Mute(by, why, self._clock())))
        return kept

    def silence(self, alarm: str, *, until: datetime, by: str, why: str) -> Alarm:
        """Have nobody told of an alarm, by its ``id``, before *until*; a time that is over ends a silence.

        It is evaluated all the same: what still holds afterwards is told then. Raises ConfigurationError where there
        is no such alarm, or nobody says so for no reason.
        """
        kept: Alarm = self._perform(monitor.silence(alarm, Mute(by, why, self._clock(), until)))
        return kept


class AsyncMonitor:
    """Is something wrong? ``store.monitor``."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._perform = perform

    async def evaluate(
        self,
        rules: Sequence[Rule] = DEFAULT_RULES,
        *,
        notify: Iterable[Notifier] = (),
        lags: Mapping[str, float] = _NOTHING,
    ) -> Evaluation:
        """Measure what the rules want to know, keep the states that follow, and have people told of what changed.

        To be called every minute or so, by as many processes as you like: each change is written by one of them
        and told once. Each of *notify* is called with an `AlarmEntry`; one that raises is logged, told in the
        answer's ``failures``, and asked again by later evaluations, for a day, while the others are not. Without
        any, nothing is taken from those who have some. A process that dies while it tells is stood in for
        by another after two minutes, so a notifier that may take longer needs a time-out of its own. *lags* are
        seconds that other things are behind, by name, such as the age of a queue's oldest message: the rule on
        ``lag`` looks at the largest.

        Raises ConfigurationError for two rules of one name, and StoreUnavailable where MongoDB cannot be reached.
        """
        notifiers = _named(notify, may_await=True)
        now = self._clock()
        done = await self._perform(monitor.evaluate(rules, lags, now))
        told, failures = [], []
        for one in (await self._perform(monitor.due(now))) if notifiers else ():
            if await self._perform(monitor.claim(one, self._clock())):
                told.append(one.entry)
                failures += await self._tell(one, notifiers)
        return Evaluation(done.alarms, done.entries, told, failures)

    async def _tell(self, one: Due, notifiers: Mapping[str, Notifier]) -> list[NotifierFailure]:
        failures = []
        for name, notifier in _left(one, notifiers):
            try:
                # One that blocks does so in a thread of its own.
                answer = notifier(one.entry) if _awaits(notifier) else await asyncio.to_thread(notifier, one.entry)
                if inspect.isawaitable(answer):
                    await answer
            except Exception as error:  # noqa: BLE001, PERF203  # whatever it is, the others are called
                failures.append(_failed(name, one, error))
        await self._perform(_settled(one, notifiers, failures, self._clock()))
        return failures

    async def states(self) -> list[Alarm]:
        """Every alarm, as it was evaluated last, by name; also of rules that nobody evaluates any more."""
        found: list[Alarm] = await self._perform(monitor.states())
        return found

    async def history(
        self, alarm: str | None = None, *, since: datetime | None = None, limit: int = 100
    ) -> list[AlarmEntry]:
        """What became of alarms, or of one, by its ``id``: the last first."""
        found: list[AlarmEntry] = await self._perform(monitor.history(alarm, since, limit))
        return found

    async def budget(self, rules: Sequence[Rule] = DEFAULT_RULES) -> list[Budget]:
        """How far AWS's review lines are, and when they are reached if it goes on so; for each rule that has one.

        How that is reckoned is told in `sesevent.monitoring.budget`.
        """
        found: list[Budget] = await self._perform(monitor.budgets(rules, self._clock()))
        return found

    async def acknowledge(self, alarm: str, *, by: str, why: str) -> Alarm:
        """Say that an alarm, by its ``id``, is known: until its state changes nobody is reminded of it.

        Raises ConfigurationError where there is no such alarm, or nobody says so for no reason.
        """
        kept: Alarm = await self._perform(monitor.acknowledge(alarm, Mute(by, why, self._clock())))
        return kept

    async def silence(self, alarm: str, *, until: datetime, by: str, why: str) -> Alarm:
        """Have nobody told of an alarm, by its ``id``, before *until*; a time that is over ends a silence.

        It is evaluated all the same: what still holds afterwards is told then. Raises ConfigurationError where there
        is no such alarm, or nobody says so for no reason.
        """
        kept: Alarm = await self._perform(monitor.silence(alarm, Mute(by, why, self._clock(), until)))
        return kept


def _named(notify: Iterable[Notifier], *, may_await: bool) -> dict[str, Notifier]:
    """Notifiers by a name that is the same in every process, so that who took something is not told it again."""
    named: dict[str, Notifier] = {}
    for notifier in notify:
        if not callable(notifier):
            raise ConfigurationError("A notifier is something that can be called with an AlarmEntry.")
        if not may_await and _awaits(notifier):
            raise ConfigurationError("A blocking store awaits no notifier.", hint="Use AsyncEventStore.")
        name = str(getattr(notifier, "name", None) or getattr(notifier, "__qualname__", type(notifier).__qualname__))
        while name in named:
            name += "'"
        named[name] = notifier
    return named


def _awaits(notifier: Notifier) -> bool:
    return inspect.iscoroutinefunction(notifier) or inspect.iscoroutinefunction(getattr(notifier, "__call__", None))  # noqa: B004


def _left(one: Due, notifiers: Mapping[str, Notifier]) -> list[tuple[str, Notifier]]:
    """Those that did not take it yet."""
    return [(name, notifier) for name, notifier in notifiers.items() if name not in one.entry.told]


def _failed(name: str, one: Due, error: Exception) -> NotifierFailure:
    # What it raised may quote the URL, which holds a token.
    _log.error("the notifier %s could not tell %s: %s", name, one.entry.id, type(error).__name__)
    return NotifierFailure(name, one.entry.id, error)


def _settled(
    one: Due, notifiers: Mapping[str, Notifier], failures: Sequence[NotifierFailure], now: datetime
) -> Plan[None]:
    failed = [failure.notifier for failure in failures]
    told = [*one.entry.told, *[name for name, _ in _left(one, notifiers) if name not in failed]]
    return monitor.settle(one.entry, told, failed, now)
