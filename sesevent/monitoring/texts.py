"""How people are told: a title, and a text with figures, window, line, budget, and what to do. It holds no address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sesevent.monitoring.alarms import ALARMED, AlarmEntry
from sesevent.monitoring.readings import READINGS

__all__ = ["amount", "span", "text_of", "title_of"]


def title_of(entry: AlarmEntry) -> str:
    """One line: how bad, which rule, how much."""
    scope = f" ({entry.scope})" if entry.scope.told else ""
    value = entry.reading.value if entry.reading is not None else None
    told = f": {amount(value, _unit(entry))}" if value is not None else ""
    return f"[{_WORDS.get(entry.state, entry.state)}] {entry.rule}{scope}{told}"


def text_of(entry: AlarmEntry) -> str:
    """Some lines of plain text."""
    lines = [_figures(entry), _lines(entry), _budget(entry), f"What to do: {entry.hint}" if entry.hint else ""]
    return "\n".join(line for line in lines if line)


_WORDS: Final = {"ok": "ok", "warn": "WARNING", "critical": "CRITICAL", "no_data": "no data"}


def _unit(entry: AlarmEntry) -> str:
    kind = READINGS.get(entry.measure)
    return kind.unit if kind is not None else "number"


def _figures(entry: AlarmEntry) -> str:
    reading, kind = entry.reading, READINGS.get(entry.measure)
    if reading is None or reading.value is None or kind is None or entry.window is None:
        return ""
    value = amount(reading.value, kind.unit)
    told = f"{kind.words} {value}" if kind.unit == "seconds" else f"{value} {kind.words}"
    if kind.unit in ("share", "ratio"):
        told += f" ({reading.count:,} of {reading.volume:,})"
    if reading.usual is not None and kind.unit in ("share", "ratio"):
        told += f"; usual: {amount(reading.usual, kind.unit)}"
    if reading.of:
        told += f" ({reading.of})"
    since, until = entry.window
    return f"{told[:1].upper()}{told[1:]}, {_moment(since)} to {_moment(until)} UTC."


def _lines(entry: AlarmEntry) -> str:
    if entry.line is None:
        return ""
    line = amount(entry.line, _unit(entry))
    if entry.state in ALARMED:
        told = f"The line for «{_WORDS[entry.state]}» is {line}."
    else:
        told = f"It was «{_WORDS[entry.before]}» before; that line is {line}."
    return told + (f" AWS reviews accounts from {amount(entry.review, 'share')} on." if entry.review else "")


def _budget(entry: AlarmEntry) -> str:
    if entry.review_in is None:
        return ""
    if not entry.review_in:
        return "AWS's review line is reached."
    return f"At this rate AWS's review line is reached in {span(entry.review_in)}."


def amount(value: float, unit: str) -> str:
    """A value for people."""
    if unit == "seconds":
        return span(timedelta(seconds=value))
    if unit == "share":
        return f"{value:.2%}" if value < 0.01 else f"{value:.1%}"
    return f"{value:,.2f}" if unit == "ratio" else f"{value:,.0f}"


def span(length: timedelta) -> str:
    """A span of time in its largest unit, and the next one: ``2 h 5 min``."""
    seconds = round(length.total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
