"""What people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from sesevent.analytics.measures import Window
from sesevent.monitoring.alarms import AlarmEntry, new_alarm, step
from sesevent.monitoring.figures import Figures, Scope
from sesevent.monitoring.rules import DEFAULT_RULES, Rule
from sesevent.monitoring.texts import amount, span, text_of, title_of

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
COUNTS = {
    "sends": 2000,
    "permanent_bounces": 90,
    "complaints": 20,
    "rejects": 100,
    "rendering_failures": 300,
    "delays": 900,
}


def entry_of(rule: Rule, **more: object) -> AlarmEntry:
    """A bad day by any rule."""
    counts = COUNTS | ({"deliveries": 500} if rule.measure == "delivery_latency" else {})
    if rule.measure == "silence":
        counts = {"sends": 2000}
    figures = Figures(
        Window(NOW - rule.window, NOW), counts, {"sends": 9, "delays": 1} if rule.surge else {}, {95: 5000.0}, NOW - timedelta(hours=9), 700,
        {"arrival": 5000.0}, 120,
    )  # fmt: skip
    taken = step(rule, new_alarm(rule, NOW - timedelta(hours=1)), figures, NOW)
    assert taken is not None
    assert taken.entry is not None
    return replace(taken.entry, **more)  # type: ignore[arg-type]


BOUNCES = DEFAULT_RULES[0]


def test_a_notice_tells_figures_window_line_budget_and_what_to_do() -> None:
    """Whoever is woken by it need not look anything up."""
    entry = entry_of(BOUNCES, review_in=timedelta(hours=6))

    assert title_of(entry) == "[CRITICAL] bounce-rate: 4.5%"
    assert text_of(entry) == (
        "4.5% bounces as AWS counts them, of what it sent (90 of 2,000), 2024-05-01 06:00 to 2024-05-01 12:00 UTC.\n"
        "The line for «CRITICAL» is 4.0%. AWS reviews accounts from 5.0% on.\n"
        "At this rate AWS's review line is reached in 6 h.\n"
        "What to do: Stop the campaign or import that bounces most, and check where its addresses come from."
    )


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.name)
def test_each_rule_has_a_text(rule: Rule) -> None:
    """With its value, in its unit, its line and its hint."""
    entry = entry_of(rule)
    text = text_of(entry)

    assert entry.state in ("warn", "critical")
    assert rule.name in title_of(entry)
    assert "12:00 UTC" in text
    assert f"The line for «{'CRITICAL' if entry.state == 'critical' else 'WARNING'}»" in text
    assert text.endswith(f"What to do: {rule.hint}")


def test_good_news_names_the_line_that_held() -> None:
    """And nothing to do."""
    quiet = Figures(Window(NOW - HOUR, NOW), {"sends": 2000, "permanent_bounces": 2})
    taken = step(BOUNCES, replace(new_alarm(BOUNCES, NOW), state="critical", told="critical"), quiet, NOW)
    assert taken is not None
    assert taken.entry is not None

    assert title_of(taken.entry) == "[ok] bounce-rate: 0.10%"
    assert "It was «CRITICAL» before; that line is 4.0%." in text_of(taken.entry)
    assert "What to do" not in text_of(taken.entry)


HOUR = timedelta(hours=1)


def test_no_text_holds_an_address() -> None:
    """A notifier may be a room full of people."""
    entry = entry_of(replace(BOUNCES, scope=Scope(source="jane@example.com", campaign="spring")))

    assert "jane" not in title_of(entry) + text_of(entry) + entry.id
    assert "(campaign spring, source j…@example.com)" in title_of(entry)


def test_what_is_slow_is_named() -> None:
    """Several things may be."""
    rule = next(rule for rule in DEFAULT_RULES if rule.name == "lag")

    assert "behind by 1 h 23 min (arrival)" in text_of(entry_of(rule))


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(0.045, "share", "4.5%"), (0.0008, "share", "0.08%"), (1.5, "ratio", "1.50"), (1500, "number", "1,500"),
     (5400, "seconds", "1 h 30 min")],
)  # fmt: skip
def test_amounts_are_told_in_their_unit(value: float, unit: str, told: str) -> None:
    """A complaint rate needs more digits than a bounce rate."""
    assert amount(value, unit) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59.6, "1 min"), (3600, "1 h"), (3601, "1 h"), (90061, "1 d 1 h"), (86460, "1 d")]
)
def test_spans_are_told_in_two_units(seconds: float, told: str) -> None:
    """Nobody wants to know the seconds of a day."""
    assert span(timedelta(seconds=seconds)) == told
