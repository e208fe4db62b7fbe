"""Events that MongoDB deletes by itself: a TTL index, the simple case of retention; and all that forbids it.

A TTL index knows one age, and asks nobody before it deletes. It cannot leave out what is held, cannot seal an hour
before its events go, and cannot thin or archive. So it is only made where none of that is asked for, and ends where it
is: a hold takes it away before it is put, and rollups do not begin beside it. Facts about people are noted apart when
an event is stored, so they outlive it as they outlive the job of :mod:`sesevent.faces.retention`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit
from sesevent.retention import Age, Retention
from sesevent.storage import keeping, rollups
from sesevent.storage.keeping import EXPIRY
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import ListIndexes

__all__ = ["age_of", "end", "expire", "expires_after", "longest", "refuse_beside", "refuse_other"]

_SHORTEST: Final = timedelta(days=7)
_YEARS: Final = range(2000, 2012)  # leap years at all distances


def longest(age: Age) -> timedelta:
    """The most that an age on the calendar comes to: with a TTL, that counts seconds, nothing goes too early."""
    starts = [datetime(year, month, day) for year in _YEARS for month in range(1, 13) for day in (1, 28)]  # noqa: DTZ001
    return max(start + age.delta - start for start in starts)


def age_of(policy: Retention) -> Age:
    """The age in a policy that a TTL index can keep. Raises ConfigurationError for any that it cannot."""
    rules = policy.rules
    if len(rules) != 1 or rules[0].types or rules[0].configuration_sets:
        raise ConfigurationError(
            "A TTL index knows one age for all events, and this policy tells them apart.", hint=_BY_THE_JOB
        )
    rule = rules[0]
    if rule.delete is None or rule.thin is not None or rule.archive is not None:
        raise ConfigurationError("A TTL index deletes, and does nothing else.", hint=_BY_THE_JOB)
    if longest(rule.delete) < _SHORTEST:
        raise ConfigurationError("Events that are gone within a week answer nothing.", hint="Give them 7 days or more.")
    return rule.delete


_END_IT: Final = "End that first: sesevent retention stop-expiring."
_BY_THE_JOB: Final = "Have the job do it: sesevent retention run."


def expire(policy: Retention, by: str, now: datetime) -> Plan[timedelta]:
    """Make, or change, the TTL index. Raises ConfigurationError where something forbids it."""
    after = longest(age_of(policy))
    if (yield from _held()):
        raise ConfigurationError("Events are held: a TTL index would delete them.", hint=_BY_THE_JOB)
    if rollups.read_walk((yield from ask(rollups.walk_and()))) is not None:
        raise ConfigurationError(
            "Rollups are kept, and a TTL index cannot seal an hour before its events go.", hint=_BY_THE_JOB
        )
    before = yield from expires_after()
    seconds = int(after.total_seconds())
    detail = {"days": after.days, "age": age_of(policy).text}
    yield from audit.note(AuditEntry(now, "expiry begins", EVENTS, by, policy.rules[0].why, detail))
    yield from ask(keeping.expire_after(seconds) if before is None else keeping.expire_otherwise(seconds))
    if (yield from _held()):  # one was put meanwhile, and found no index to take away
        yield from end(by, "something is held", now)
        raise ConfigurationError("Events are held: a TTL index would delete them.", hint=_BY_THE_JOB)
    return after


def _held() -> Plan[bool]:
    return bool((yield from ask(keeping.holds())))


def end(by: str, why: str, now: datetime) -> Plan[bool]:
    """Take the TTL index away; False where there is none."""
    if EXPIRY not in (yield from ask(ListIndexes(EVENTS))):
        return False
    yield from audit.note(AuditEntry(now, "expiry ends", EVENTS, by, why))
    yield from ask(keeping.never_expire())
    return True


def expires_after() -> Plan[timedelta | None]:
    """After how long MongoDB deletes events by itself; None: it does not."""
    if EXPIRY not in (yield from ask(ListIndexes(EVENTS))):
        return None
    answer = yield from ask(keeping.all_indexes())
    return next(
        (
            timedelta(seconds=int(index["expireAfterSeconds"]))
            for index in answer["cursor"]["firstBatch"]
            if index["name"] == EXPIRY
        ),
        None,
    )


def refuse_beside(what: str) -> Plan[None]:
    """Raise ConfigurationError where MongoDB deletes events by itself."""
    if EXPIRY in (yield from ask(ListIndexes(EVENTS))):
        raise ConfigurationError(
            f"{what}, and a TTL index deletes events by itself.",
            hint=_END_IT,
        )


def refuse_other(policy: Retention) -> Plan[None]:
    """Raise ConfigurationError where MongoDB deletes events by itself and the policy is another than that."""
    after = yield from expires_after()
    if after is not None and not _is(policy, after):
        raise ConfigurationError(
            f"A TTL index deletes events after {after.days} days, whatever this policy says.",
            hint=_END_IT,
        )


def _is(policy: Retention, after: timedelta) -> bool:
    try:
        return longest(age_of(policy)) == after
    except ConfigurationError:
        return False
