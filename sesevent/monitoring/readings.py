"""How much of it there is: one table of what a rule can measure, and where in the figures it is found.

It refuses to know how much is too much. Next: :mod:`sesevent.monitoring.alarms`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sesevent.analytics.measures import MEASURES, measured
from sesevent.monitoring.figures import Figures

if TYPE_CHECKING:
    from sesevent.monitoring.rules import Rule

__all__ = ["READINGS", "Reading", "ReadingKind", "read"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured."""

    value: float | None
    """In the measure's unit; None where there is nothing to measure."""
    low: float | None
    """The lower end of the interval in which a share truly lies (Wilson, 95 %); else the value."""
    count: int
    """The numerator."""
    volume: int
    """The denominator."""
    usual: float | None = None
    """The same of the time before; None where nobody asked, or nothing is known."""
    of: str = ""
    """What of several it is, where the largest of several is measured."""


class ReadingKind(NamedTuple):
    """One thing that can be measured."""

    words: str
    unit: str
    """``share``, ``ratio``, ``seconds`` or ``number``."""
    needs: tuple[str, ...]
    """What has to be gathered for it: ``counts``, ``latency``, ``last_event``, ``lags``, ``dead_letters``."""
    read: Callable[[Figures], Reading]
    scopes: tuple[str, ...] = ("configuration_set", "campaign", "provider", "source")
    """What a scope may name; nothing where it is of the whole store."""


def read(rule: Rule, figures: Figures) -> Reading:
    """What a rule measures, of these figures."""
    return READINGS[rule.measure].read(figures)


def _rate(name: str) -> Callable[[Figures], Reading]:
    def of(figures: Figures) -> Reading:
        found = measured(name, figures.counts, figures.window)
        usual = measured(name, figures.usual, figures.window).rate if figures.usual else None
        low = found.rate if found.low is None else found.low
        return Reading(found.rate, low, found.numerator, found.denominator, usual)

    return of


def _silence(figures: Figures) -> Reading:
    """Sends of which nothing was heard. What is heard may be of mails sent before: it counts all the same."""
    sends = figures.counts.get("sends", 0)
    heard = sum(figures.counts.get(name, 0) for name in _HEARD)
    unheard = max(0, sends - heard)
    share = unheard / sends if sends else None
    return Reading(share, share, unheard, sends)


_HEARD: Final = (
    "deliveries", "hard_bounces", "soft_bounces", "block_bounces", "suppressed_bounces", "undetermined_bounces",
    "delays", "rejects",
)  # fmt: skip
"""What may become of a mail. A delay too: it says that SES is at work."""


def _latency(figures: Figures) -> Reading:
    delivered = figures.counts.get("deliveries", 0)
    seconds = figures.latency.get(95)
    return Reading(seconds, seconds, delivered, delivered)


def _events_stopped(figures: Figures) -> Reading:
    """How many events a week ago fell into the stretch that has none now."""
    if figures.last_event is None or figures.missing is None:
        return Reading(None, None, 0, 0)
    still = figures.last_event < figures.window.since
    missing = figures.missing if still else 0
    return Reading(float(missing), float(missing), missing, figures.missing)


def _lag(figures: Figures) -> Reading:
    slowest = max(figures.lags, key=lambda name: (figures.lags[name], name), default="")
    seconds = figures.lags.get(slowest)
    return Reading(seconds, seconds, 1, len(figures.lags), of=slowest)


def _dead_letters(figures: Figures) -> Reading:
    if figures.dead_letters is None:
        return Reading(None, None, 0, 0)
    return Reading(float(figures.dead_letters), float(figures.dead_letters), figures.dead_letters, figures.dead_letters)


_WORSE_WHEN_HIGH: Final = (
    "aws_bounce", "aws_complaint", "hard_bounce", "soft_bounce", "block_bounce", "complaint", "reject",
    "rendering_failure", "delay", "unsubscribe",
)  # fmt: skip
"""Rates of `sesevent.analytics.measures`; the others are better when they are high, and no line is drawn above them."""

READINGS: Final[Mapping[str, ReadingKind]] = {
    **{name: ReadingKind(MEASURES[name].words, MEASURES[name].unit, ("counts",), _rate(name))
       for name in _WORSE_WHEN_HIGH},
    "delivery_latency": ReadingKind(
        "95 of 100 mails were delivered within", "seconds", ("counts", "latency"), _latency),
    "silence": ReadingKind("sent, and nothing heard of", "share", ("counts",), _silence),
    "events_stopped": ReadingKind(
        "events came in the same time a week ago, and none now", "number", ("last_event",), _events_stopped,
        # Rows are asked for, which have no provider: a mail to several has several.
        ("configuration_set", "campaign", "source")),
    "lag": ReadingKind("what is slowest is behind by", "seconds", ("lags",), _lag, ()),
    "dead_letters": ReadingKind(
        "dead letters arrived", "number", ("dead_letters",), _dead_letters, ()),
}  # fmt: skip
"""Whatever a rule can measure."""
