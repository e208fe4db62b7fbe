"""What a report calls usual, and when something is out of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sesevent.analytics.cells import Cell
from sesevent.analytics.measures import Window
from sesevent.analytics.results import Row, Series, row_of
from sesevent.monitoring.alarms import Alarm
from sesevent.monitoring.figures import Scope
from sesevent.monitoring.report import FIGURES, Figure, by_severity, figures_of, periods_by, windows_before

NOW = datetime(2024, 5, 8, 12, tzinfo=timezone.utc)
WINDOW = Window(NOW - timedelta(hours=12), NOW)


def row(sends: int, bounces: int = 0) -> Row:
    cell = Cell()
    cell.counts.update(sends=sends, hard_bounces=bounces, deliveries=sends - bounces)
    return row_of("x", cell, WINDOW)


def figure(name: str, now: Row, before: list[Row]) -> Figure:
    return {one.name: one for one in figures_of(now, before, Series(WINDOW, "UTC", (now,), "hour"))}[name]


def test_today_is_compared_with_the_same_hours_of_seven_days() -> None:
    """By the clock on the wall: the day on which clocks are set has its hours too."""
    berlin = ZoneInfo("Europe/Berlin")
    window = Window(datetime(2024, 4, 2, 0, tzinfo=berlin), datetime(2024, 4, 2, 9, 30, tzinfo=berlin))
    before = windows_before(window, berlin)

    assert len(before) == 7
    shown = [(since.astimezone(berlin), until.astimezone(berlin)) for since, until in before]
    assert {(f"{since:%H:%M}", f"{until:%H:%M}") for since, until in shown} == {("00:00", "09:30")}
    assert [since.day for since, _ in shown] == [1, 31, 30, 29, 28, 27, 26]
    assert before[1].until - before[1].since == timedelta(hours=8.5)  # 31 March: clocks went forward


@pytest.mark.parametrize(
    ("length", "times", "apart"),
    [(timedelta(days=1), 7, 1), (timedelta(days=1, seconds=1), 4, 2), (timedelta(days=7), 4, 7), (timedelta(0), 7, 1)],
)
def test_a_longer_window_is_compared_with_the_four_before(length: timedelta, times: int, apart: int) -> None:
    """Whole days apart, so that they do not overlap and an hour is compared with the same hour."""
    before = windows_before(Window(NOW - length, NOW), timezone.utc)
    assert len(before) == times
    assert before[0].until == NOW - timedelta(days=apart)
    assert before[0].until <= NOW - length


@pytest.mark.parametrize(("now", "verdict"), [(900, "low"), (1000, "usual"), (1100, "usual"), (1201, "high")])
def test_only_what_lies_outside_of_all_windows_before_is_unusual(now: int, verdict: str) -> None:
    """A number of mails has no interval."""
    before = [row(sends) for sends in (1000, 1100, 1200, 1150, 1050)]
    assert figure("sends", row(now), before).verdict == verdict
    assert figure("sends", row(now), before).usual == 1100


@pytest.mark.parametrize(("sends", "bounces", "verdict"), [(10, 1, "usual"), (1000, 100, "high"), (1000, 20, "usual")])
def test_a_rate_must_be_more_than_chance(sends: int, bounces: int, verdict: str) -> None:
    """One bounce of ten mails is above all the windows before, and says nothing."""
    before = [row(1000, 20), row(1000, 25), row(1000, 15)]
    found = figure("hard_bounce", row(sends, bounces), before)
    assert (found.verdict, found.worrying) == (verdict, verdict == "high")


def test_below_the_usual_is_a_worry_where_it_should_be_high() -> None:
    """Fewer bounces are none, fewer deliveries are one; more mail is none."""
    before = [row(1000, 300), row(1000, 310), row(1000, 290)]
    assert not figure("hard_bounce", row(1000, 0), before).worrying
    assert figure("delivery", row(1000, 600), before).worrying
    assert not figure("sends", row(9000), before).worrying
    assert figure("sends", row(10), before).worrying


def test_with_little_to_compare_with_nothing_is_unusual() -> None:
    """Two windows are not «all of them», and of nothing there is no rate."""
    assert figure("sends", row(1), [row(1000), row(1000)]).verdict == "unknown"
    assert figure("hard_bounce", row(0), [row(1000)] * 7).verdict == "unknown"
    assert figure("hard_bounce", row(10, 1), [row(0)] * 7).usual is None


def test_every_figure_says_why_it_is_there() -> None:
    """And has a name of its own."""
    assert all(kind.why and kind.words for kind in FIGURES)
    assert len({kind.name for kind in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize(("hours", "by"), [(24, "hour"), (72, "hour"), (73, "day")])
def test_a_course_has_as_many_periods_as_one_can_look_at(hours: int, by: str) -> None:
    """Hours of three days at most."""
    assert periods_by(Window(NOW - timedelta(hours=hours), NOW)) == by


def test_the_worst_alarm_is_told_first() -> None:
    """What nothing is known of comes last."""
    states: tuple[Any, ...] = ("ok", "no_data", "critical", "warn")
    alarms = [Alarm(state, state, Scope(), state, NOW, NOW) for state in states]
    assert [alarm.state for alarm in by_severity(alarms)] == ["critical", "warn", "ok", "no_data"]
