"""Retention, done: ``store.retention``, in both colours.

A policy (:mod:`sesevent.retention`) says what goes. Whatever was done is not there to be done again, so a job that was
killed is simply run again, and any number may run at once. An archive is handed in, where a rule asks for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.moments import format_moment
from sesevent.ops import Plan
from sesevent.plans import audit, expiry, keeping
from sesevent.retention import Retention, Step, StepKind
from sesevent.storage.keeping import FIRST_DAY, Chosen, next_day_of
from sesevent.storage.operations import Document

__all__ = ["Archiver", "AsyncRetaining", "Due", "Retained", "Retaining"]


class Archiver(Protocol):
    """What archives: `sesevent.contrib.archive.Archive`, of a blocking store."""

    def run(
        self,
        before: datetime,
        *,
        chosen: Chosen,
        but_not: Sequence[Chosen],
        on_progress: Callable[[Any], object] | None = None,
    ) -> Any:
        """Archive the chosen events that happened before a time; tells and returns what has ``day`` and ``deleted``."""


class Due(NamedTuple):
    """What would go now."""

    rule: int
    """The number of the rule, from 1."""
    kind: StepKind
    month: str
    """``2024-05``."""
    events: int
    why: str


@dataclass
class Retained:
    """What one step did, so far."""

    rule: int
    kind: StepKind
    events: int = 0
    day: str = ""
    """The day it is at."""


class _Work(NamedTuple):
    """A step, and which events it speaks of."""

    step: Step
    chosen: Chosen
    but_not: list[Chosen]
    since: datetime | None
    """What is older goes by another step of the same rule."""
    why: str


def _works(policy: Retention, now: datetime) -> list[_Work]:
    told = [Chosen(rule.types, rule.configuration_sets) for rule in policy.rules]
    works: list[_Work] = []
    for step in policy.steps(now):
        since = next((one.step.before for one in works if one.step.rule == step.rule), None)
        place = step.rule - 1
        chosen = told[place]._replace(whole=step.kind == "thin")
        works.append(_Work(step, chosen, told[:place], since, policy.rules[place].why))
    return works


def _due(work: _Work, months: dict[str, int]) -> list[Due]:
    return [Due(work.step.rule, work.step.kind, month, events, work.why) for month, events in months.items()]


def _checked(works: list[_Work], archive: Archiver | None) -> list[_Work]:
    if archive is None and any(work.step.kind == "archive" for work in works):
        raise ConfigurationError("A rule of the retention policy archives, and no archive is given.")
    return works


def _note(work: _Work, day: str, by: str, now: datetime, events: int | None = None) -> Plan[AuditEntry]:
    """Written down before the first event of a day goes, and again, with how many, behind the last."""
    detail: dict[str, Any] = {"rule": work.step.rule, "before": format_moment(work.step.before)}
    if events is not None:
        detail["events"] = events
    act = f"retention {work.step.kind} {'begins' if events is None else 'ends'}"
    return audit.note(AuditEntry(now, act, day, by, work.why, detail))


def _followed(policy: Retention, by: str, now: datetime) -> Plan[AuditEntry | None]:
    rules = [
        {
            "why": rule.why,
            "types": list(rule.types),
            "configurationSets": list(rule.configuration_sets),
            **{kind: age.text for kind, age in rule.steps},
        }
        for rule in policy.rules
    ]
    detail = {"version": policy.version, "rules": rules}
    return audit.note_change(AuditEntry(now, audit.FOLLOWED, "retention policy", by, detail=detail))


def _go(work: _Work, some: Sequence[Document]) -> Plan[int]:
    return keeping.thin(some) if work.step.kind == "thin" else keeping.take_out(some)


def _tell(step: Retained, on_progress: Callable[[Retained], object] | None, done: Any) -> None:
    """Tell how far an archive is."""
    step.events, step.day = done.deleted, done.day
    if on_progress is not None:
        on_progress(step)


class Retaining:
    """Keep events no longer than a policy says: ``store.retention``. What is held stays, whatever it says."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    def plan(self, policy: Retention) -> list[Due]:
        """What would go if `run` were called now: how many events, by rule, step and month.

        Now is the earlier of this clock's time and the database server's.
        """
        found: list[Due] = []
        now = self._perform(keeping.by_all_clocks(self._clock()))
        for work in _works(policy, now):
            counts = keeping.months(work.since, work.step.before, work.chosen, work.but_not)
            found += _due(work, self._perform(counts))
        return found

    def run(
        self,
        policy: Retention,
        *,
        archive: Archiver | None = None,
        by: str = "",
        on_progress: Callable[[Retained], object] | None = None,
    ) -> list[Retained]:
        """Do what a policy says, and return what each step did; *on_progress* is told after each thousand events.

        It may be killed, and is run again. Rollups and standings stay what they are. Each day is written into the
        audit trail, with *by*. Raises ConfigurationError, before anything is done, where a rule archives and there is
        no *archive*, and where a TTL index deletes after another time; and what archiving raises.
        """
        told: list[Retained] = []
        now = self._perform(keeping.by_all_clocks(self._clock()))
        works = _checked(_works(policy, now), archive)
        self._perform(expiry.refuse_other(policy))
        self._perform(_followed(policy, by, now))
        for work in works:
            told.append(Retained(work.step.rule, work.step.kind))
            if work.step.kind == "archive" and archive is not None:
                tell = partial(_tell, told[-1], on_progress)
                tell(archive.run(work.step.before, chosen=work.chosen, but_not=work.but_not, on_progress=tell))
            else:
                self._each_day(work, told[-1], by, on_progress)
        return told

    def expire(self, policy: Retention, *, by: str) -> timedelta:
        """Have MongoDB delete events by itself (a TTL index): for a policy of one rule that only deletes.

        Nothing else runs then, and nothing is asked before an event goes. So it is refused, with ConfigurationError,
        where anything is held, where rollups are kept (an hour must be sealed first) and for every other policy. A
        hold that is put later ends it. The age counts as the longest it can be on the calendar: nothing goes too early.
        Rows without `derived` stay. Standings and the facts behind them stay too. Returns after how long events go.
        It is written into the audit trail. https://www.mongodb.com/docs/manual/core/index-ttl/
        """
        after: timedelta = self._perform(expiry.expire(policy, by, self._clock()))
        return after

    def stop_expiring(self, *, by: str, why: str = "") -> bool:
        """Have MongoDB delete no more events by itself; False where it does not. It is written into the audit trail."""
        ended: bool = self._perform(expiry.end(by, why, self._clock()))
        return ended

    def expires_after(self) -> timedelta | None:
        """After how long MongoDB deletes events by itself; None: it does not."""
        after: timedelta | None = self._perform(expiry.expires_after())
        return after

    def _each_day(self, work: _Work, done: Retained, by: str, on_progress: Callable[[Retained], object] | None) -> None:
        before, since = work.step.before, FIRST_DAY
        while day := self._perform(keeping.next_day(since, before, work.chosen, work.but_not)):
            done.day, since, already = day, next_day_of(day), done.events
            self._perform(_note(work, day, by, self._clock()))
            if work.step.kind == "delete":
                self._perform(keeping.seal(day, self._clock()))
            after = None
            while some := self._perform(keeping.rows(day, before, work.chosen, after, work.but_not, raw=True)):
                after = some[-1]["Timestamp"], some[-1]["_id"]
                done.events += self._perform(_go(work, some))
                if on_progress is not None:
                    on_progress(done)
            self._perform(_note(work, day, by, self._clock(), done.events - already))


class AsyncRetaining:
    """Keep events no longer than a policy says: ``store.retention``. What is held stays, whatever it says."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    async def plan(self, policy: Retention) -> list[Due]:
        """What would go if `run` were called now: how many events, by rule, step and month.

        Now is the earlier of this clock's time and the database server's.
        """
        found: list[Due] = []
        now = await self._perform(keeping.by_all_clocks(self._clock()))
        for work in _works(policy, now):
            counts = keeping.months(work.since, work.step.before, work.chosen, work.but_not)
            found += _due(work, await self._perform(counts))
        return found

    async def run(
        self,
        policy: Retention,
        *,
        archive: Archiver | None = None,
        by: str = "",
        on_progress: Callable[[Retained], object] | None = None,
    ) -> list[Retained]:
        """Do what a policy says, and return what each step did; *on_progress* is told after each thousand events.

        It may be killed, and is run again. Rollups and standings stay what they are. Each day is written into the
        audit trail, with *by*. Raises ConfigurationError, before anything is done, where a rule archives and there is
        no *archive*, and where a TTL index deletes after another time; and what archiving raises.
        """
        told: list[Retained] = []
        now = await self._perform(keeping.by_all_clocks(self._clock()))
        works = _checked(_works(policy, now), archive)
        await self._perform(expiry.refuse_other(policy))
        await self._perform(_followed(policy, by, now))
        for work in works:
            told.append(Retained(work.step.rule, work.step.kind))
            if work.step.kind == "archive" and archive is not None:
                tell = partial(_tell, told[-1], on_progress)
                here = partial(asyncio.get_running_loop().call_soon_threadsafe, tell)
                chosen, but_not, before = work.chosen, work.but_not, work.step.before
                tell(await asyncio.to_thread(archive.run, before, chosen=chosen, but_not=but_not, on_progress=here))
            else:
                await self._each_day(work, told[-1], by, on_progress)
        return told

    async def expire(self, policy: Retention, *, by: str) -> timedelta:
        """Have MongoDB delete events by itself (a TTL index): for a policy of one rule that only deletes.

        Nothing else runs then, and nothing is asked before an event goes. So it is refused, with ConfigurationError,
        where anything is held, where rollups are kept (an hour must be sealed first) and for every other policy. A
        hold that is put later ends it. The age counts as the longest it can be on the calendar: nothing goes too early.
        Rows without `derived` stay. Standings and the facts behind them stay too. Returns after how long events go.
        It is written into the audit trail. https://www.mongodb.com/docs/manual/core/index-ttl/
        """
        after: timedelta = await self._perform(expiry.expire(policy, by, self._clock()))
        return after

    async def stop_expiring(self, *, by: str, why: str = "") -> bool:
        """Have MongoDB delete no more events by itself; False where it does not. It is written into the audit trail."""
        ended: bool = await self._perform(expiry.end(by, why, self._clock()))
        return ended

    async def expires_after(self) -> timedelta | None:
        """After how long MongoDB deletes events by itself; None: it does not."""
        after: timedelta | None = await self._perform(expiry.expires_after())
        return after

    async def _each_day(
        self, work: _Work, done: Retained, by: str, on_progress: Callable[[Retained], object] | None
    ) -> None:
        before, since = work.step.before, FIRST_DAY
        while day := await self._perform(keeping.next_day(since, before, work.chosen, work.but_not)):
            done.day, since, already = day, next_day_of(day), done.events
            await self._perform(_note(work, day, by, self._clock()))
            if work.step.kind == "delete":
                await self._perform(keeping.seal(day, self._clock()))
            after = None
            while some := await self._perform(keeping.rows(day, before, work.chosen, after, work.but_not, raw=True)):
                after = some[-1]["Timestamp"], some[-1]["_id"]
                done.events += await self._perform(_go(work, some))
                if on_progress is not None:
                    on_progress(done)
            await self._perform(_note(work, day, by, self._clock(), done.events - already))
