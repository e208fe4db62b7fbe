"""The measures, and the interval of a rate."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics.cells import UNIQUES
from sesevent.analytics.counts import COUNTERS
from sesevent.analytics.measures import MEASURES, Window, measured, rate_of, wilson
from sesevent.analytics.providers import provider_of, providers
from sesevent.analytics.spans import Spans, bucket_of, milliseconds_of

DAY = Window(datetime(2024, 5, 1, tzinfo=timezone.utc), datetime(2024, 5, 2, tzinfo=timezone.utc))


def test_measures_are_made_of_what_is_counted() -> None:
    """No measure names a counter that nobody counts."""
    known = {counter.name for counter in COUNTERS} | {f"unique_{name}" for name in UNIQUES}
    for measure in MEASURES.values():
        assert {name.removeprefix("-") for name in measure.numerator + measure.denominator} <= known


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_rate(some: int, more: int) -> None:
    """It lies around the rate, and inside 0 and 1."""
    numerator, denominator = min(some, more), more
    low, high = wilson(numerator, denominator)
    assert 0 <= low <= numerator / denominator <= high <= 1
    # Its ends are the shares from which the rate is as far away as it may be: that is how Wilson defines it.
    for end in (low, high):
        if 0 < end < 1:
            assert abs(numerator / denominator - end) == pytest.approx(
                1.959963984540054 * (end * (1 - end) / denominator) ** 0.5
            )


def test_nothing_of_nothing_is_no_rate() -> None:
    """Not 0 %, which would be good news."""
    assert rate_of(0, 0, DAY).rate is None
    assert rate_of(0, 10, DAY).rate == 0
    assert rate_of(12, 10, DAY).rate == 1.2
    assert rate_of(12, 10, DAY).low is None


def test_aws_leaves_its_own_list_out() -> None:
    """What the account's list kept back is neither a bounce nor a mail sent."""
    result = measured("aws_bounce", {"sends": 110, "permanent_bounces": 5, "account_suppressed": 10}, DAY)
    assert (result.numerator, result.denominator) == (5, 100)


@given(st.integers(0, int(timedelta(days=30).total_seconds() * 1000)))
def test_a_bucket_is_a_few_percent_off(milliseconds: int) -> None:
    """What is read back is nearly what was counted."""
    assert milliseconds_of(bucket_of(milliseconds)) + 1 == pytest.approx(milliseconds + 1, rel=0.045)


@given(st.lists(st.integers(0, 10_000), min_size=1), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_is_that_of_the_spans(some: list[int], share: float) -> None:
    """As near as buckets are."""
    spans = Spans()
    for one in some:
        spans.add(bucket_of(one))
    wanted = sorted(some)[max(0, -int(-share * len(some) // 1) - 1)]
    assert spans.percentile(share) + 1 == pytest.approx(wanted + 1, rel=0.045)


@pytest.mark.parametrize(
    ("domain", "provider"),
    [("gmail.com", "gmail"), ("yahoo.co.uk", "yahoo"), ("hotmail.fr", "microsoft"), ("gmail.com.evil.example", "other"),
     ("yahoo.mail.evil.example", "other"), ("example.com", "other"), ("simulator.amazonses.com", "simulator")],
)  # fmt: skip
def test_providers_are_known_by_their_domains(domain: str, provider: str) -> None:
    """A country's domain of a provider is its own; what only begins like one is not."""
    assert provider_of(domain) == provider


def test_no_domain_has_two_providers() -> None:
    """The table says one thing of each."""
    told = [domain for domains in providers().values() for domain in domains]
    assert len(told) == len(set(told))
