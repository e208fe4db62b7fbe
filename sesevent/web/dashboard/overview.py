"""The first page: is something wrong, is today as usual, what happened lately, and what happens now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from statistics import median
from typing import Any, Final, NamedTuple

from fastapi import Request
from fastapi.responses import Response

from sesevent.analytics.results import Row, Series
from sesevent.monitoring.alarms import ALARMED, STATES, Alarm
from sesevent.monitoring.readings import READINGS
from sesevent.monitoring.rules import DEFAULT_RULES
from sesevent.monitoring.texts import amount
from sesevent.web.dashboard.asked import View, view_of
from sesevent.web.dashboard.serving import Pages, page
from sesevent.web.dashboard.shapes import event_rows
from sesevent.web.routing import web_of

__all__ = ["CHARTS", "COLUMNS", "TILES", "alarm_rows", "pages", "series_rows", "tiles_of"]

pages = Pages("dashboard")

WEEKS: Final = 4
"""Today is compared with the same hours of the same weekday so many weeks back."""
_LATEST: Final = 10


class Column(NamedTuple):
    """One figure of a row of ``store.analytics``."""

    name: str
    words: str
    unit: str = "count"
    rate: str = ""
    """The measure, where it is one."""
    counts: tuple[str, ...] = ()
    span: str = ""
    """The percentile of the time to deliver."""
    review: float | None = None
    """AWS reviews an account from here on: https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html"""
    pause: float | None = None
    """…and may stop its sending from here on."""

    def of(self, row: Row) -> float | None:
        """The figure in a row."""
        if self.rate:
            return row.rate(self.rate).rate
        if self.span:
            return getattr(row.to_deliver, self.span)  # type: ignore[no-any-return]
        return sum(row.counts.get(name, 0) for name in self.counts)


_BOUNCES: Final = ("hard_bounces", "soft_bounces", "block_bounces", "suppressed_bounces", "undetermined_bounces")
_ALL: Final = (
    Column("sends", "Sent", counts=("sends",)),
    Column("deliveries", "Delivered", counts=("deliveries",)),
    Column("bounces", "Bounced", counts=_BOUNCES),
    Column("complaints", "Complaints", counts=("complaints",)),
    Column("delivery", "Delivery rate", "share", "delivery"),
    Column("bounce", "Bounce rate", "share", "aws_bounce", review=0.05, pause=0.10),
    Column("complaint", "Complaint rate", "share", "aws_complaint", review=0.001, pause=0.005),
    Column("open", "Open rate", "share", "unique_open"),
    Column("click", "Click rate", "share", "unique_click"),
    Column("latency", "Time to deliver, half", "ms", span="p50"),
    Column("latency_9", "Time to deliver, nine of ten", "ms", span="p90"),
)
COLUMNS: Final = {column.name: column for column in _ALL}
"""What is shown of a span of time."""
TILES: Final = ("sends", "delivery", "bounce", "complaint", "open", "click", "latency")
CHARTS: Final = (
    ("Volume", ("sends", "deliveries", "bounces", "complaints")),
    ("Bounces, as AWS counts them", ("bounce",)),
    ("Complaints, as AWS counts them", ("complaint",)),
    ("Delivered, opened, clicked", ("delivery", "open", "click")),
    ("Time to deliver", ("latency", "latency_9")),
)


@pages.page("/")
async def overview(request: Request) -> Response:
    """The overview; on a store without events, how to get some."""
    web, view = web_of(request), view_of(request, "7d")
    latest = await web.store.events.between(newest_first=True, limit=_LATEST).to_list()
    if not latest:
        return await page(request, "first.html", {}, view=view)
    today, usual = _same_hours(view)
    alarms, series, *windows = await asyncio.gather(
        web.store.monitor.states(),
        web.store.analytics.timeseries(**view.question, by=view.by),
        *[web.store.analytics.summary(since, until, tz=view.tz) for since, until in (today, *usual)],
    )
    found = {
        "alarms": alarm_rows(alarms, view.now), "today": today, "weeks": WEEKS,
        "tiles": tiles_of(windows[0], windows[1:]), "rows": series_rows(series),
        "columns": [column._asdict() for column in COLUMNS.values()], "charts": CHARTS,
        "latest": await event_rows(request, latest),
    }  # fmt: skip
    return await page(request, "overview.html", found, view=view)


def _same_hours(view: View) -> tuple[tuple[datetime, datetime], list[tuple[datetime, datetime]]]:
    """Today until now, and the same hours of the clock in the weeks before."""
    here = view.now.astimezone(view.zone)
    midnight = datetime.combine(here.date(), time(), view.zone)
    back = [timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    return (midnight, view.now), [(midnight - span, here - span) for span in back]


def tiles_of(today: Row, usual: Sequence[Row]) -> list[dict[str, Any]]:
    """Each figure of today beside the middle one of the weeks before; weeks in which nothing was sent do not count."""
    sent = [row for row in usual if row.counts.get("sends")]
    return [_tile(COLUMNS[name], today, sent) for name in TILES]


def _tile(column: Column, today: Row, usual: Sequence[Row]) -> dict[str, Any]:
    before = [value for row in usual if (value := column.of(row)) is not None]
    value, middle = column.of(today), median(before) if before else None
    return {
        "column": column._asdict(), "value": value, "usual": middle, "verdict": _verdict(column, value),
        "times": value / middle if value is not None and middle else None,
    }  # fmt: skip


def _verdict(column: Column, value: float | None) -> str:
    if column.review is None or column.pause is None or value is None:
        return ""
    return "pause" if value >= column.pause else "review" if value >= column.review else "below"


def series_rows(series: Series) -> list[dict[str, Any]]:
    """A row for each period, with the figures of `COLUMNS`."""
    return [
        {
            "name": row.name, "since": row.window.since, "until": row.window.until,
            "at": row.window.since.timestamp(), "values": [column.of(row) for column in COLUMNS.values()],
        }
        for row in series
    ]  # fmt: skip


_RULES: Final[Mapping[str, Any]] = {rule.name: rule for rule in DEFAULT_RULES}


def alarm_rows(alarms: Sequence[Alarm], now: datetime) -> list[dict[str, Any]]:
    """The worst first."""
    worst = sorted(alarms, key=lambda alarm: (-STATES.index(alarm.state), alarm.id))
    return [_alarm(alarm, now) for alarm in worst]


def _alarm(alarm: Alarm, now: datetime) -> dict[str, Any]:
    rule, reading = _RULES.get(alarm.rule), alarm.reading
    kind = None if rule is None else READINGS[rule.measure]
    value = None if reading is None or reading.value is None or kind is None else amount(reading.value, kind.unit)
    scope = alarm.scope.told
    return {
        "rule": alarm.rule, "scope": f"{alarm.scope}" if scope else "", "state": alarm.state,
        "alarmed": alarm.state in ALARMED, "since": alarm.since, "at": alarm.at, "value": value,
        "measure": "" if kind is None else kind.words, "count": None if reading is None else reading.count,
        "volume": None if reading is None else reading.volume, "hint": "" if rule is None else rule.hint,
        "known": alarm.acknowledged is not None, "silent": alarm.is_silent(now),
    }  # fmt: skip
