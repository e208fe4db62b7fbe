"""How does it stand, on one page: the state of the alarms first, then a window against the usual.

What is usual is what the windows of equal length before it were: the same hours of each of the seven days before, for
a window of a day at most; else the four windows before. Their median is told, since one bad day must not make the next
look good. Out of the usual is only what lies outside of *all* of them; a rate moreover only where chance does not
explain it: its interval (95 %) must leave the median out.

A report is a value, which knows nothing of how it is shown. Next: :mod:`sesevent.plans.report`, which asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from statistics import median
from typing import Any, Final, Literal, NamedTuple

from sesevent.analytics.measures import Window
from sesevent.analytics.reckoning import AwsReckoning
from sesevent.analytics.results import Breakdown, Reasons, Row, Series
from sesevent.moments import UTC, format_moment
from sesevent.monitoring.alarms import ALARMED, STATES, Alarm
from sesevent.vitals import Health

__all__ = [
    "FIGURES", "Figure", "FigureKind", "StatusReport", "by_severity", "figures_of", "periods_by", "windows_before",
]  # fmt: skip

Verdict = Literal["usual", "high", "low", "unknown"]

_DAY: Final = timedelta(days=1)
_FEWEST: Final = 3  # windows of which «all of them» says something


class FigureKind(NamedTuple):
    """One thing that is compared with the usual."""

    name: str
    words: str
    unit: Literal["count", "share", "milliseconds"]
    bad: Literal["high", "low", ""]
    """Which side of the usual is worth a worry."""
    read: Callable[[Row], tuple[float | None, float | None, float | None]]
    """The value, and the interval that it lies in, where there is one."""
    why: str
    """What it tells, or what to keep in mind."""


Read = Callable[[Row], tuple[float | None, float | None, float | None]]


def _count(name: str) -> Read:
    return lambda row: (row.counts[name], None, None)


def _rate(name: str) -> Read:
    def read(row: Row) -> tuple[float | None, float | None, float | None]:
        rate = row.rate(name)
        return rate.rate, rate.low, rate.high

    return read


FIGURES: Final = (
    FigureKind("sends", "sent", "count", "low", _count("sends"), "silence is the first sign of a broken sender"),
    FigureKind("delivery", "delivered", "share", "low", _rate("delivery"), "of what was sent; some are under way"),
    FigureKind("hard_bounce", "bounced for good", "share", "high", _rate("hard_bounce"), "of what was sent"),
    FigureKind("soft_bounce", "bounced for now", "share", "high", _rate("soft_bounce"), "of what was sent"),
    FigureKind("complaint", "complained", "share", "high", _rate("complaint"), "of what was delivered"),
    FigureKind("unique_open", "opened", "share", "low", _rate("unique_open"), "by people, of what was delivered"),
    FigureKind("unique_click", "clicked", "share", "low", _rate("unique_click"), "by people, of what was delivered"),
    FigureKind("to_deliver", "half delivered in", "milliseconds", "high",
               lambda row: (row.to_deliver.p50, None, None), "providers that defer show here first"),
    FigureKind("to_deliver_90", "nine of ten delivered in", "milliseconds", "high",
               lambda row: (row.to_deliver.p90, None, None), "the slow ones"),
)  # fmt: skip
"""In the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them, now and usually."""

    name: str
    words: str
    unit: str
    now: float | None
    """Between 0 and 1 for a share; None of nothing."""
    low: float | None
    high: float | None
    """Wilson's interval (95 %) of a share."""
    usual: float | None
    """The median of the windows before; None where none of them has a value."""
    least: float | None
    most: float | None
    """Of the windows before."""
    verdict: Verdict
    bad: str
    course: tuple[float | None, ...]
    """By period of the window, in order."""

    @property
    def worrying(self) -> bool:
        """True where it is out of the usual to the side that is worth a worry."""
        return bool(self.bad) and self.verdict == self.bad

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        names = ("name", "words", "unit", "now", "low", "high", "usual", "least", "most", "verdict", "worrying")
        return {name: getattr(self, name) for name in names} | {"course": list(self.course)}


@dataclass(frozen=True)
class StatusReport:
    """How it stands: everything that fits on one page."""

    at: datetime
    tz: str
    window: Window
    before: tuple[Window, ...]
    """The windows that are called usual, the latest first."""
    by: str
    """What the courses are by: `hour` or `day`."""
    periods: tuple[str, ...]
    figures: tuple[Figure, ...]
    alarms: tuple[Alarm, ...]
    """The worst first; none where nobody evaluates any."""
    aws: AwsReckoning
    campaigns: Breakdown
    providers: Breakdown
    reasons: Reasons
    suppressed: int
    """People that something speaks against now, on a stream or on all."""
    dead_letters: int
    health: Health | None = None
    """Where somebody asked for it."""

    @property
    def state(self) -> str:
        """The worst state of all alarms; `no_data` where there is none."""
        return self.alarms[0].state if self.alarms else STATES[0]

    @property
    def alarmed(self) -> tuple[Alarm, ...]:
        """The alarms that warn or are critical."""
        return tuple(alarm for alarm in self.alarms if alarm.state in ALARMED)

    def figure(self, name: str) -> Figure:
        """One of the figures. Raises KeyError where there is none of this name."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "at": format_moment(self.at), "tz": self.tz, "state": self.state, "window": self.window.to_dict(),
            "before": [window.to_dict() for window in self.before],
            "alarms": [_alarm(alarm) for alarm in self.alarms],
            "by": self.by, "periods": list(self.periods), "figures": [one.to_dict() for one in self.figures],
            "aws": self.aws.to_dict(), "campaigns": self.campaigns.to_dict(), "providers": self.providers.to_dict(),
            "reasons": self.reasons.to_dict(), "suppressed": self.suppressed, "dead_letters": self.dead_letters,
            "health": None if self.health is None else self.health.to_dict(),
        }  # fmt: skip


def windows_before(window: Window, zone: tzinfo) -> tuple[Window, ...]:
    """The windows that tell what is usual: by the clock on the wall, so that a day stays a day where clocks are set."""
    days = max(1, -((window.since - window.until) // _DAY))
    times = 7 if days == 1 else 4
    return tuple(
        Window(_earlier(window.since, days * one, zone), _earlier(window.until, days * one, zone))
        for one in range(1, times + 1)
    )


def periods_by(window: Window) -> str:
    """By what a course is told: hours of up to three days, else days."""
    return "hour" if window.until - window.since <= 3 * _DAY else "day"


def figures_of(now: Row, before: Sequence[Row], series: Series) -> tuple[Figure, ...]:
    """Every figure of a window, against what it was before."""
    return tuple(_figure(kind, now, before, series) for kind in FIGURES)


def by_severity(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """The worst first, then by name."""
    return tuple(sorted(alarms, key=lambda alarm: (-STATES.index(alarm.state), alarm.id)))


def _figure(kind: FigureKind, now: Row, before: Sequence[Row], series: Series) -> Figure:
    value, low, high = kind.read(now)
    earlier = [told for row in before if (told := kind.read(row)[0]) is not None]
    usual = median(earlier) if earlier else None
    return Figure(
        kind.name, kind.words, kind.unit, value, low, high, usual, min(earlier, default=None),
        max(earlier, default=None), _verdict(value, low, high, earlier), kind.bad,
        tuple(kind.read(row)[0] for row in series),
    )  # fmt: skip


def _verdict(value: float | None, low: float | None, high: float | None, earlier: Sequence[float]) -> Verdict:
    if value is None or len(earlier) < _FEWEST:
        return "unknown"
    usual = median(earlier)
    if value > max(earlier) and (low is None or low > usual):
        return "high"
    if value < min(earlier) and (high is None or high < usual):
        return "low"
    return "usual"


def _earlier(moment: datetime, days: int, zone: tzinfo) -> datetime:
    return (moment.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


def _alarm(alarm: Alarm) -> Mapping[str, Any]:
    return {
        "alarm": alarm.id, "rule": alarm.rule, "scope": str(alarm.scope), "state": alarm.state,
        "since": format_moment(alarm.since), "at": format_moment(alarm.at),
        "value": None if alarm.reading is None else alarm.reading.value,
        "acknowledged": alarm.acknowledged is not None,
    }  # fmt: skip
