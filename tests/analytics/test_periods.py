"""Hours, days, weeks and months of time zones."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics.cells import DAY, HOUR, MINUTE
from sesevent.analytics.measures import Window
from sesevent.analytics.periods import Periods, periods, zone_of

UTC = timezone.utc
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Africa/Casablanca"]  # fmt: skip
moments = st.datetimes(datetime(2009, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def some(since: datetime, days: float, by: str, tz: str) -> Periods:
    return periods(Window(since, since + timedelta(days=days)), by, zone_of(tz))


@given(moments, st.floats(0.01, 40), st.sampled_from(["hour", "day", "week", "month"]), st.sampled_from(ZONES))
def test_periods_have_no_gaps_and_cover_the_window(since: datetime, days: float, by: str, tz: str) -> None:
    """Each begins where the one before ends; names do not repeat; a moment is in the period that its clock shows."""
    found = some(since, days, by, tz).all
    until = since + timedelta(days=days)
    assert found[0].since <= since < found[0].until
    assert found[-1].since < until <= found[-1].until
    assert [one.since for one in found[1:]] == [one.until for one in found[:-1]]
    names = [one.name for one in found]
    assert len(set(names)) == len(names)
    for one in found:
        for moment in (one.since, one.until - timedelta(seconds=1)):
            local = moment.astimezone(ZoneInfo(tz))
            shown = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "hour": "%Y-%m-%dT%H"}[by]
            assert local.strftime(shown) == one.name[:13]


@given(moments, st.sampled_from(["hour", "day", "week", "month"]), st.sampled_from(ZONES), st.integers(0, 3000))
def test_a_slot_is_in_the_period_of_its_moments(since: datetime, by: str, tz: str, minutes: int) -> None:
    """So finely are times told apart, and no more."""
    found = some(since, 3, by, tz)
    moment = since + timedelta(minutes=minutes)
    period = found.of(moment.isoformat()[: found.slot])
    assert period is not None
    assert period.since <= moment < period.until
    for outside in (found.all[0].since - timedelta(days=40), found.all[-1].until):
        assert found.of(outside.isoformat()[: found.slot]) is None


@pytest.mark.parametrize(
    ("tz", "by", "slot"),
    [("UTC", "day", DAY), ("UTC", "month", DAY), ("UTC", "hour", HOUR), ("Europe/Berlin", "week", HOUR),
     ("Asia/Kolkata", "day", MINUTE), ("Asia/Kolkata", "hour", MINUTE)],
)  # fmt: skip
def test_times_are_told_apart_as_little_as_will_do(tz: str, by: str, slot: int) -> None:
    """Days of UTC need no hours, and whole hours no minutes."""
    assert some(datetime(2024, 5, 1, 3, tzinfo=UTC), 3, by, tz).slot == slot


def test_a_day_that_a_zone_left_out_is_none() -> None:
    """Samoa had no 30 December 2011."""
    names = [one.name for one in some(datetime(2011, 12, 29, 12, tzinfo=UTC), 3, "day", "Pacific/Apia").all]
    assert names == ["2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]


def test_utc_is_a_zone_by_its_name() -> None:
    """The one that is asked for where none is named."""
    assert zone_of("UTC").utcoffset(datetime(2024, 5, 1)) == timedelta(0)  # noqa: DTZ001


def test_utc_needs_no_table_of_zones() -> None:
    """Small containers have none."""
    script = """
import zoneinfo; zoneinfo.reset_tzpath([])
import sys; sys.modules["tzdata"] = None
from sesevent.analytics.periods import zone_of
print(zone_of("UTC"))
try:
    zone_of("Europe/Berlin")
except Exception as error:
    print(type(error).__name__, error)"""
    told = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert told.startswith("UTC\nConfigurationError There is no time zone 'Europe/Berlin'.")
    assert "tzdata" in told
