"""The story of a report: what is asked for one page about how it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sesevent.analytics.periods import Moment
from sesevent.analytics.reckoning import VOLUME
from sesevent.analytics.results import Row
from sesevent.monitoring.report import StatusReport, by_severity, figures_of, periods_by, windows_before
from sesevent.ops import Plan, ask
from sesevent.plans import dead_letters, monitor, questions
from sesevent.plans.questions import Asked
from sesevent.storage.layout import SUPPRESSION
from sesevent.storage.operations import Count

__all__ = ["report"]


def report(asked: Asked, since: Moment | None, until: Moment | None, limit: int) -> Plan[StatusReport]:
    """How it stands in a window; by default today so far, in the time zone asked for."""
    window = asked.window(_today(asked) if since is None else since, until)
    before = windows_before(window, asked.zone)
    now = yield from questions.summary(asked, *window)
    earlier: list[Row] = []
    for one in before:
        earlier.append((yield from questions.summary(asked, *one)))
    by = periods_by(window)
    series = yield from questions.timeseries(asked, *window, by)
    return StatusReport(
        asked.now, asked.tz, window, before, by, tuple(row.name for row in series), figures_of(now, earlier, series),
        by_severity((yield from monitor.states())),
        (yield from questions.as_aws_reckons(asked.now, VOLUME, ())),
        (yield from questions.by(asked, *window, "campaign", None, limit)),  # type: ignore[arg-type]
        (yield from questions.by(asked, *window, "provider", None, limit)),  # type: ignore[arg-type]
        (yield from questions.by(asked, *window, "bounce_reason", None, limit)),  # type: ignore[arg-type]
        (yield from ask(_held_against(asked.now))),
        (yield from dead_letters.count()),
    )  # fmt: skip


def _today(asked: Asked) -> datetime:
    return asked.now.astimezone(asked.zone).replace(hour=0, minute=0, second=0, microsecond=0)


_SOME_RULE: Final = {"standings.holdings.rule": {"$gt": ""}}  # found by its index


def _held_against(now: datetime) -> Count:
    lasting = {"$elemMatch": {"$or": [{"until": None}, {"until": {"$gt": now}}]}}
    return Count(SUPPRESSION, _SOME_RULE | {"standings.holdings": lasting})
