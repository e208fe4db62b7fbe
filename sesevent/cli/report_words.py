"""A report's values in words, and courses as sparklines: what terminal and page have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sesevent.analytics.periods import zone_of

if TYPE_CHECKING:
    from sesevent.analytics.results import Breakdown, Row
    from sesevent.monitoring.report import Figure, StatusReport

__all__ = ["STATE_WORDS", "against_the_usual", "headline", "sent_in", "shown", "sparkline", "window_in_words"]

STATE_WORDS: Final = {"critical": "CRITICAL", "warn": "WARNING", "ok": "all alarms are quiet", "no_data": "no alarms"}
_BARS: Final = "▁▂▃▄▅▆▇█"
_SIZES: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))
_VERDICTS: Final = {"high": "above the usual", "low": "below the usual", "usual": "as usual"}


def shown(value: float | None, unit: str) -> str:
    """A value for people."""
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "share":
        return f"{value:.2%}" if value < 0.1 else f"{value:.1%}"
    for size, name in _SIZES:
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} ms"


def sparkline(course: Sequence[float | None]) -> str:
    """A character for each value, from nought to the largest; a gap where nothing was measured."""
    most = max((value for value in course if value is not None), default=0.0)
    return "".join(
        " " if value is None else _BARS[round(value / most * (len(_BARS) - 1)) if most else 0] for value in course
    )


def against_the_usual(figure: Figure) -> str:
    """How a figure compares with the windows before."""
    if figure.usual is None:
        return "nothing to compare with"
    told = _VERDICTS.get(figure.verdict, "too little to say")
    return f"{told}: {shown(figure.usual, figure.unit)}"


def headline(report: StatusReport) -> str:
    """The state in one line."""
    if not report.alarms:
        return "no alarm is evaluated: sesevent monitor run"
    alarmed = report.alarmed
    if not alarmed:
        return f"{STATE_WORDS[report.state]} ({len(report.alarms)} evaluated)"
    return f"{STATE_WORDS[report.state]}: " + ", ".join(alarm.rule for alarm in alarmed)


def sent_in(rows: Breakdown) -> list[Row]:
    """The rows that something was sent for: what is opened today may have been sent long ago."""
    return [row for row in rows if row.counts["sends"]]


def window_in_words(report: StatusReport) -> str:
    """The window on the clock of its time zone, and what it is compared with."""
    since, until = (moment.astimezone(zone_of(report.tz)) for moment in report.window)
    return (
        f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({report.tz}), "
        f"against the {len(report.before)} windows of that length before"
    )
