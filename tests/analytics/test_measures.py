"""The measures, and the interval of a rate."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics.cells import UNIQUES
from sesevent.analytics.counts import COUNTERS, counter_of
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


# Each count has another prime, so that every sum is of these counts only.
COUNTS = dict(
    zip(
        (*(counter.name for counter in COUNTERS), *(f"unique_{name}" for name in UNIQUES)),
        (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97),
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("name", "numerator", "denominator"),
    [
        ("delivery", ["deliveries"], ["sends"]), ("hard_bounce", ["hard_bounces"], ["sends"]),
        ("soft_bounce", ["soft_bounces"], ["sends"]), ("block_bounce", ["block_bounces"], ["sends"]),
        ("complaint", ["complaints"], ["deliveries"]), ("reject", ["rejects"], ["sends", "rejects"]),
        ("rendering_failure", ["rendering_failures"], ["sends", "rendering_failures"]), ("delay", ["delays"], ["sends"]),
        ("total_open", ["opens"], ["deliveries"]), ("total_click", ["clicks"], ["deliveries"]),
        ("unique_open", ["unique_opens"], ["deliveries"]), ("unique_click", ["unique_clicks"], ["deliveries"]),
        ("click_to_open", ["unique_clicks"], ["unique_opens"]),
        ("machine_open", ["unique_machine_opens"], ["deliveries"]),
        ("machine_click", ["unique_machine_clicks"], ["deliveries"]), ("unsubscribe", ["unsubscribes"], ["deliveries"]),
    ],
)  # fmt: skip
def test_each_measure_is_this_over_that(name: str, numerator: list[str], denominator: list[str]) -> None:
    """And is explained; what may be more than one is called a ratio."""
    result = measured(name, COUNTS, DAY)

    assert (result.numerator, result.denominator) == (
        sum(COUNTS[one] for one in numerator), sum(COUNTS[one] for one in denominator),
    )  # fmt: skip
    assert result.window == DAY
    assert MEASURES[name].words
    assert MEASURES[name].unit == ("ratio" if name in ("delay", "total_open", "total_click") else "share")


def test_every_counter_and_caveat_is_said_in_words() -> None:
    """What concerns a mail as a whole counts once, however many it went to."""
    assert all(counter.words for counter in COUNTERS)
    assert {counter.name for counter in COUNTERS if counter.of_a_mail} == {
        "complaints", "complaints_not_spam", "opens", "machine_opens", "clicks", "machine_clicks", "unsubscribes", "others",
    }  # fmt: skip
    assert {measure.name for measure in MEASURES.values() if not measure.caveat} == {"reject", "rendering_failure"}


@pytest.mark.parametrize(
    ("event", "counter"),
    [
        (("Send",), "sends"), (("Delivery",), "deliveries"), (("Reject",), "rejects"),
        (("Rendering Failure",), "rendering_failures"), (("DeliveryDelay",), "delays"), (("Received",), "others"),
        (("Bounce", "hard"), "hard_bounces"), (("Bounce", "soft"), "soft_bounces"), (("Bounce", "block"), "block_bounces"),
        (("Bounce", "suppressed"), "suppressed_bounces"), (("Bounce", "auto_reply"), "auto_replies"),
        (("Bounce", "undetermined"), "undetermined_bounces"), (("Bounce", None), "undetermined_bounces"),
        (("Bounce", "new"), "undetermined_bounces"), (("Complaint", None, "abuse"), "complaints"),
        (("Complaint", None, None), "complaints"), (("Complaint", None, "not-spam"), "complaints_not_spam"),
        (("Open",), "opens"), (("Click",), "clicks"), (("Subscription",), "others"),
    ],
)  # fmt: skip
def test_what_an_event_counts_as(event: tuple[Any, ...], counter: str) -> None:
    """By its kind, and what is particular to it."""
    kind, bounce_class, complaint = (*event, None, None)[:3]

    assert counter_of(kind, bounce_class, complaint, machine=False, left=False) == counter
    assert counter in {one.name for one in COUNTERS}


def test_machines_and_opt_outs_are_counted_apart() -> None:
    """Of opens and clicks, and of changes of preferences."""
    assert counter_of("Open", None, None, machine=True, left=False) == "machine_opens"
    assert counter_of("Click", None, None, machine=True, left=False) == "machine_clicks"
    assert counter_of("Subscription", None, None, machine=False, left=True) == "unsubscribes"


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    [(1, 10, 0.0179, 0.4042), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_that_of_the_textbook(numerator: int, denominator: int, low: float, high: float) -> None:
    """One of ten is 2 to 40 %."""
    found = rate_of(numerator, denominator, DAY)

    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert found.to_dict() == {
        "numerator": numerator, "denominator": denominator, "rate": numerator / denominator, "low": found.low,
        "high": found.high, "window": {"since": "2024-05-01T00:00:00.000Z", "until": "2024-05-02T00:00:00.000Z"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(-1, 0), (0, 0), (1, 8), (3, 16), (1023, 80), (1000, 80), (950, 79)]
)
def test_a_bucket_is_an_eighth_of_a_doubling(milliseconds: int, bucket: int) -> None:
    """Rows and rollups hold it: it must stay so."""
    assert bucket_of(milliseconds) == bucket
    assert milliseconds_of(80) == 1023.0


def test_spans_add_up_and_nothing_has_no_percentile() -> None:
    """What is merged is not shared."""
    one, other = Spans(), Spans({8: 2})
    one.merge(other)
    one.add(8)
    one.merge(other)

    assert (one.buckets, other.buckets, one.count()) == ({8: 5}, {8: 2}, 5)
    assert Spans().percentile(0.5) is None
    assert one != other
    assert one != {8: 5}


@pytest.mark.parametrize("domain", ["yahoo.com.br", "yahoo.net.x.evil.example", "yahoo.evil.example"])
def test_a_providers_name_in_another_country_is_its_own(domain: str) -> None:
    """Behind it a country may have one of the usual words, and no more."""
    assert provider_of(domain) == ("yahoo" if domain == "yahoo.com.br" else "other")


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


def test_each_domain_of_the_table_is_its_providers() -> None:
    """What ends in `.*` in every country, and the others as they are."""
    for provider, domains in providers().items():
        for domain in domains:
            for country in ("fr", "com", "co.uk", "com.br", "net.au", "org.nz") if domain.endswith(".*") else ("",):
                assert provider_of(domain.replace("*", country)) == provider
                assert provider_of(f"x{domain}".replace("*", country)) == "other"


def test_no_domain_has_two_providers() -> None:
    """The table says one thing of each."""
    told = [domain for domains in providers().values() for domain in domains]
    assert len(told) == len(set(told))
