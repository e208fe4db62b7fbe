"""How much of it there is, by a measure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent.analytics.measures import MEASURES, Window
from sesevent.monitoring.figures import Figures
from sesevent.monitoring.readings import READINGS, Reading

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
WINDOW = Window(NOW - timedelta(hours=1), NOW)


def reading(measure: str, **figures: Any) -> Reading:
    return READINGS[measure].read(Figures(WINDOW, **figures))


def test_a_rate_is_that_of_the_measures_with_its_interval_and_what_is_usual() -> None:
    """Each is defined once, elsewhere."""
    told = reading("aws_bounce", counts={"sends": 110, "account_suppressed": 10, "permanent_bounces": 5},
                   usual={"sends": 100, "permanent_bounces": 1})  # fmt: skip

    assert (told.value, told.count, told.volume, told.usual) == (0.05, 5, 100, 0.01)
    assert told.low == pytest.approx(0.0215, abs=1e-4)


@pytest.mark.parametrize("measure", READINGS)
def test_of_nothing_nothing_is_told(measure: str) -> None:
    """Not that all is well."""
    assert reading(measure).value is None


@pytest.mark.parametrize("measure", sorted(MEASURES.keys() & READINGS.keys()))
def test_more_of_what_a_rate_is_of_is_worse(measure: str) -> None:
    """A line above what is better when it is high would warn of good news."""
    assert not {"deliveries", "opens", "clicks", "unique_opens", "unique_clicks"} & set(MEASURES[measure].numerator)


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ({"sends": 10}, 1.0),
        ({"sends": 10, "deliveries": 4, "hard_bounces": 1}, 0.5),
        ({"sends": 10, "delays": 10}, 0.0),
        ({"sends": 10, "deliveries": 12}, 0.0),
        ({"sends": 10, "opens": 10, "clicks": 10}, 1.0),
    ],
)
def test_silence_is_the_share_of_mails_of_which_nothing_is_heard(counts: dict[str, int], share: float) -> None:
    """A delay is a word too; an open is not, it is about older mail mostly."""
    assert reading("silence", counts=counts).value == share


def test_events_have_stopped_where_a_week_ago_some_came() -> None:
    """While an event lies in the window they have not."""
    before, within = NOW - timedelta(hours=3), NOW - timedelta(minutes=3)

    assert reading("events_stopped", last_event=before, missing=70).value == 70
    assert reading("events_stopped", last_event=within, missing=70).value == 0


def test_what_is_slowest_is_what_counts() -> None:
    """And it is named."""
    told = reading("lag", lags={"arrival": 3.0, "queue": 90.0, "rollup": 7.0})

    assert (told.value, told.of) == (90.0, "queue")


def test_latency_is_what_95_of_100_mails_took_at_most() -> None:
    """Of those that were delivered."""
    told = reading("delivery_latency", counts={"deliveries": 80}, latency={50: 1.0, 95: 40.0})

    assert (told.value, told.volume) == (40.0, 80)
