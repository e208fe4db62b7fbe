"""How long until AWS's line: the formula, and a sender that is counted mail by mail."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics.measures import RateResult, Window, rate_of
from sesevent.monitoring.budget import budget

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def rate(bounces: int, sends: int, hours: float = 1) -> RateResult:
    return rate_of(bounces, sends, Window(NOW - timedelta(hours=hours), NOW))


def test_at_this_rate_the_line_is_reached_in_so_many_hours() -> None:
    """1 % of 10,000, and now 7 % of 1,000 an hour: after 6,667 mails it is 5 %."""
    told = budget("bounce-rate", 0.05, rate(100, 10_000, 72), rate(70, 1000))

    assert told.reached_in == timedelta(hours=6, minutes=40)
    assert told.left == 399


def mails_until(line: float, volume: int, bounced: int, every: int) -> int:
    """One mail after the other over the latest *volume* of them, of which each *every*-th bounces from now on."""
    step = volume / bounced if bounced else volume + 1
    latest = deque([int((n + 1) / step) > int(n / step) for n in range(volume)], maxlen=volume)
    held, sent = sum(latest), 0
    while held < line * volume and sent < 10 * volume:
        sent += 1
        held += (sent % every == 0) - latest[0]
        latest.append(sent % every == 0)
    return sent


@pytest.mark.parametrize(("bounced", "every"), [(100, 10), (0, 12), (300, 15), (450, 5), (480, 8)])
def test_a_sender_that_is_counted_mail_by_mail_reaches_it_then(bounced: int, every: int) -> None:
    """The obvious model and the formula differ by less than what one bounce is worth."""
    told = budget("bounce-rate", 0.05, rate(bounced, 10_000, 72), rate(1000 // every, every * (1000 // every)))
    sent = mails_until(0.05, 10_000, bounced, every)
    hours = sent / (every * (1000 // every))

    assert told.reached_in is not None
    assert told.reached_in.total_seconds() / 3600 == pytest.approx(hours, abs=0.05, rel=0.06)


@given(standing=st.integers(0, 499), bounces=st.integers(0, 1000), more=st.integers(0, 100))
def test_at_a_higher_rate_it_is_never_later(standing: int, bounces: int, more: int) -> None:
    """Monotone; never is the latest."""
    far = timedelta.max
    one, other = [
        budget("r", 0.05, rate(standing, 10_000), rate(now, 1000)).reached_in or far
        for now in (bounces, min(bounces + more, 1000))
    ]

    assert other <= one


@given(standing=st.integers(0, 499), bounces=st.integers(0, 49))
def test_below_the_line_one_never_comes_to_it(standing: int, bounces: int) -> None:
    """A rate moves towards that of now, and not past it."""
    assert budget("r", 0.05, rate(standing, 10_000), rate(bounces, 1000)).reached_in is None


@pytest.mark.parametrize(
    ("standing", "present", "left", "reached"),
    [
        (rate(500, 10_000), rate(0, 0), 0, timedelta(0)),
        (rate(0, 0), rate(0, 0), 0, None),
        (rate(0, 10_000), rate(0, 0), 499, None),
        (rate(0, 10_000), rate(1, 2, 5000), 499, None),
        (rate(1, 20), rate(1, 2), 0, timedelta(0)),
    ],
)
def test_the_odd_cases(standing: RateResult, present: RateResult, left: int, reached: timedelta | None) -> None:
    """At the line it is now; without mail, or so slowly that it takes more than a year, never."""
    told = budget("r", 0.05, standing, present)

    assert (told.left, told.reached_in) == (left, reached)


@given(volume=st.integers(1, 100_000), bounced=st.integers(0, 2000))
def test_what_is_left_may_bounce_and_one_more_may_not(volume: int, bounced: int) -> None:
    """As AWS says: review is *at* the line."""
    left = budget("r", 0.05, rate(min(bounced, volume), volume), rate(0, 0)).left

    if left:
        assert (min(bounced, volume) + left) / volume < 0.05
    assert (min(bounced, volume) + left + 1) / volume >= 0.05
