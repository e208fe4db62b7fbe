"""The rates by which AWS judges a sender, as nearly as events tell them.

AWS looks at a «representative volume», mail enough to tell how somebody sends, and does not say how much that is:
https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html. Here it is a number of mails.
Next: :mod:`sesevent.plans.questions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sesevent.analytics.cells import Cell
from sesevent.analytics.measures import RateResult, Window, measured
from sesevent.moments import UTC

__all__ = ["DAYS", "LINES", "VOLUME", "AwsReckoning", "Lines", "days_back", "reckoned"]

VOLUME: Final = 10_000
"""Mails: at 0.1 %, AWS's review line for complaints, ten complaints, the fewest whose rate is more than chance."""
DAYS: Final = 30
"""Days that are looked back at most: who sends little is judged by what he sent lately."""


@dataclass(frozen=True, slots=True)
class Lines:
    """From which rate on AWS acts."""

    review: float
    """The account is put under review,"""
    pause: float
    """…its sending may be paused."""


LINES: Final = {"bounce": Lines(0.05, 0.10), "complaint": Lines(0.001, 0.005)}
"""https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html"""


@dataclass(frozen=True, slots=True)
class AwsReckoning:
    """Bounces and complaints as AWS counts them."""

    window: Window
    """Whole days of UTC, and today so far."""
    volume: int
    """Mails in it that AWS counts."""
    enough: bool
    """Whether that is the volume that was asked for; else the rates say little, and AWS may look back farther."""
    bounce: RateResult
    complaint: RateResult
    method: str
    """How it was reckoned, for people."""

    @property
    def bounce_state(self) -> str:
        """`ok`, `review` or `pause`: which of AWS's lines the rate has reached."""
        return _state(self.bounce, LINES["bounce"])

    @property
    def complaint_state(self) -> str:
        """`ok`, `review` or `pause`: which of AWS's lines the rate has reached."""
        return _state(self.complaint, LINES["complaint"])

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "window": self.window.to_dict(), "volume": self.volume, "enough": self.enough, "method": self.method,
            "bounce": _told(self.bounce, LINES["bounce"]), "complaint": _told(self.complaint, LINES["complaint"]),
        }  # fmt: skip


def days_back(now: datetime) -> Iterator[Window]:
    """Today so far, yesterday, …: days of UTC, the latest first."""
    until = now
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(DAYS + 1):
        since = midnight - timedelta(days=days)
        if since < until:
            yield Window(since, until)
        until = since


def reckoned(cell: Cell, window: Window, wanted: int, own_domains: frozenset[str]) -> AwsReckoning:
    """The rates of what was counted."""
    counts = cell.figures()
    bounce, complaint = measured("aws_bounce", counts, window), measured("aws_complaint", counts, window)
    return AwsReckoning(
        window, bounce.denominator, bounce.denominator >= wanted, bounce, complaint, _method(wanted, own_domains)
    )


def _method(wanted: int, own_domains: frozenset[str]) -> str:
    own = f"mail to {len(own_domains)} domains of your own is" if own_domains else "mail to your own domains is not"
    return (
        f"Back from now over whole days (UTC) until {wanted:,} mails or {DAYS} days. Bounces: all that SES calls "
        f"Permanent. Complaints: all but not-spam. Both of mails sent to one person each. What the account's own "
        f"suppression list kept back, and the simulator's mail, are left out; {own} left out. AWS's own rates may "
        f"differ: it publishes neither its volume nor the providers whose complaints it counts."
    )


def _state(rate: RateResult, lines: Lines) -> str:
    share = rate.rate or 0.0
    return "pause" if share >= lines.pause else "review" if share >= lines.review else "ok"


def _told(rate: RateResult, lines: Lines) -> dict[str, Any]:
    return rate.to_dict() | {"review": lines.review, "pause": lines.pause, "state": _state(rate, lines)}
