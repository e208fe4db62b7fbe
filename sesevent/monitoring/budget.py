"""How long until AWS says so: what is left below its review line, and when it is used up at the present rate.

AWS reckons bounces and complaints over a *representative volume*, which it does not tell: an amount of mail, and not
a span of time (https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html). The method here: take the
latest N mails for that volume. Every new mail takes the place of the oldest, so the rate over the volume moves from
what it is, *r*, towards that of the present window, *q*, by (q − r) / N a mail. The line L is reached after
N·(L − r) / (q − r) mails, if q lies above it, and never if not: the rate cannot pass what it moves towards. The speed
is that of the present window: the last hour, or, where that holds too few mails for the rule, the rule's own window.
It is a straight line through what is known, and no prophecy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sesevent.analytics.measures import RateResult

__all__ = ["PRESENT", "REPRESENTATIVE", "SPANS", "Budget", "budget"]

REPRESENTATIVE: Final = 10_000
"""Mails that are taken for a representative volume; AWS's own number is not told."""
SPANS: Final = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))
"""The latest mails are those of the shortest of these that holds so many; else of the longest."""
PRESENT: Final = timedelta(hours=1)
"""What «at this rate» means, where that holds enough mails: a longer window tells of what was."""
_FAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left until AWS reviews, and how long that lasts."""

    rule: str
    line: float
    """AWS's line."""
    standing: RateResult
    """Over the representative volume."""
    present: RateResult
    """In the last hour, or in the rule's window."""
    left: int
    """How many more bounces, or complaints, the volume may hold; 0 where the line is reached."""
    reached_in: timedelta | None
    """How long until the line is reached if it goes on so: zero where it is; None where that is never, or in a year."""


def budget(rule: str, line: float, standing: RateResult, present: RateResult) -> Budget:
    """What is left below *line*: *standing* is the rate over the representative volume, *present* that of now."""
    left = max(0, _below(line * standing.denominator) - standing.numerator)
    return Budget(rule, line, standing, present, left, _reached_in(line, standing, present))


def _below(most: float) -> int:
    """The largest number that is less than *most*."""
    whole = int(most)
    return whole - 1 if whole >= most else whole


def _reached_in(line: float, standing: RateResult, present: RateResult) -> timedelta | None:
    seconds = (present.window.until - present.window.since).total_seconds()
    if standing.rate is not None and standing.rate >= line:
        return timedelta(0)
    if standing.rate is None or present.rate is None or present.rate < line or seconds <= 0:
        return None
    mails = standing.denominator * (line - standing.rate) / (present.rate - standing.rate)
    needed = mails * seconds / present.denominator
    return None if needed > _FAR.total_seconds() else timedelta(seconds=round(needed))
