"""The measures, each defined once: what over what, in which unit, and what to keep in mind.

A rate is told with Wilson's interval, in which the true rate lies with 95 % certainty: of ten mails one bounce is
2 % to 40 %, and no reason to worry yet. Nothing is measured of nothing: where the denominator is zero the rate is None.

https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm tells of the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any, Final, NamedTuple

from sesevent.moments import format_moment

__all__ = ["CONFIDENCE", "MEASURES", "Measure", "RateResult", "Window", "measured", "rate_of", "wilson"]

CONFIDENCE: Final = 1.959963984540054
"""Standard deviations on either side that hold 95 % of a normal distribution."""


class Window(NamedTuple):
    """A span of event time."""

    since: datetime
    """Included."""
    until: datetime
    """Not included."""

    def to_dict(self) -> dict[str, str]:
        """As JSON has it."""
        return {"since": format_moment(self.since), "until": format_moment(self.until)}


class Measure(NamedTuple):
    """What is measured, and how."""

    name: str
    numerator: tuple[str, ...]
    """Counters (`sesevent.analytics.counts`) that are added up; those with a `-` in front are taken off."""
    denominator: tuple[str, ...]
    words: str
    caveat: str = ""
    unit: str = "share"


_BOUNCED: Final = "a mail that is delivered and bounces later counts in both"
_HUMAN: Final = "of people, as far as the rules for machines tell; who blocks images is not seen"

MEASURES: Final = {
    measure.name: measure
    for measure in (
        Measure("delivery", ("deliveries",), ("sends",), "delivered, of what was sent", _BOUNCED),
        Measure("hard_bounce", ("hard_bounces",), ("sends",), "bounced for good, of what was sent", _BOUNCED),
        Measure("soft_bounce", ("soft_bounces",), ("sends",), "bounced for now, of what was sent", _BOUNCED),
        Measure("block_bounce", ("block_bounces",), ("sends",),
                "refused for its content or sender, of what was sent", _BOUNCED),
        Measure("complaint", ("complaints",), ("deliveries",), "reported as spam, of what was delivered",
                "only some providers report (Gmail does not): by provider it says more"),
        Measure("reject", ("rejects",), ("sends", "rejects"), "refused by SES, of what it was given"),
        Measure("rendering_failure", ("rendering_failures",), ("sends", "rendering_failures"),
                "not rendered, of what SES was given"),
        Measure("delay", ("delays",), ("sends",), "delays for each mail sent",
                "SES may tell of several delays of one mail, so it may be more than 1", "ratio"),
        Measure("total_open", ("opens",), ("deliveries",), "opens for each mail delivered", _HUMAN, "ratio"),
        Measure("total_click", ("clicks",), ("deliveries",), "clicks for each mail delivered", _HUMAN, "ratio"),
        Measure("unique_open", ("unique_opens",), ("deliveries",), "mails opened, of those delivered",
                _HUMAN + "; a mail to several is opened once"),
        Measure("unique_click", ("unique_clicks",), ("deliveries",), "mails clicked, of those delivered",
                _HUMAN + "; a mail to several is clicked once"),
        Measure("click_to_open", ("unique_clicks",), ("unique_opens",), "mails clicked, of those opened",
                _HUMAN + ", though a click shows that there was an open"),
        Measure("machine_open", ("unique_machine_opens",), ("deliveries",),
                "mails opened by machines, of those delivered",
                "a person may have opened the same mail"),
        Measure("machine_click", ("unique_machine_clicks",), ("deliveries",),
                "mails clicked by machines, of those delivered",
                "a person may have clicked in the same mail"),
        Measure("unsubscribe", ("unsubscribes",), ("deliveries",), "unsubscribed, of what was delivered",
                "those that SES's own list management tells of"),
        Measure("aws_bounce", ("permanent_bounces",), ("sends", "-account_suppressed"),
                "bounces as AWS counts them, of what it sent",
                "AWS leaves out domains verified by you, which no event tells"),
        Measure("aws_complaint", ("complaints",), ("sends", "-account_suppressed"),
                "complaints as AWS counts them, of what it sent",
                "AWS divides by the mails to providers that report, and does not say which"),
    )
}  # fmt: skip
"""Every measure that is a rate, by name. Times (to deliver, to open) are told as percentiles beside them."""


@dataclass(frozen=True, slots=True)
class RateResult:
    """How much of how much."""

    numerator: int
    denominator: int
    rate: float | None
    """Between 0 and 1, or a ratio that may be more; None of nothing."""
    low: float | None
    high: float | None
    """Wilson's interval (95 %); None for ratios that are no share of the whole."""
    window: Window

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "numerator": self.numerator, "denominator": self.denominator, "rate": self.rate,
            "low": self.low, "high": self.high, "window": self.window.to_dict(),
        }  # fmt: skip


def measured(name: str, counts: Mapping[str, int], window: Window) -> RateResult:
    """One measure of what was counted in a window. Raises KeyError where there is none of that name."""
    measure = MEASURES[name]
    return rate_of(_total(measure.numerator, counts), _total(measure.denominator, counts), window)


def rate_of(numerator: int, denominator: int, window: Window) -> RateResult:
    """A rate with its interval. Where more happened than there was to happen to, it is a ratio and has none."""
    if denominator <= 0:
        return RateResult(numerator, 0, None, None, None, window)
    rate = numerator / denominator
    low, high = wilson(numerator, denominator) if numerator <= denominator else (None, None)
    return RateResult(numerator, denominator, rate, low, high, window)


def wilson(numerator: int, denominator: int, deviations: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval for *numerator* of *denominator*, which is more than zero."""
    share, square = numerator / denominator, deviations * deviations
    middle = share + square / (2 * denominator)
    spread = deviations * sqrt(share * (1 - share) / denominator + square / (4 * denominator * denominator))
    whole = 1 + square / denominator
    low = 0.0 if numerator == 0 else (middle - spread) / whole
    high = 1.0 if numerator == denominator else (middle + spread) / whole
    return low, high


def _total(names: tuple[str, ...], counts: Mapping[str, int]) -> int:
    return sum(-counts.get(name[1:], 0) if name.startswith("-") else counts.get(name, 0) for name in names)
