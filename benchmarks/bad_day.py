"""A bad day of a sender, minute by minute, as the default rules see it; with a picture of it.

Nothing is stored and nothing is waited for: figures are added up here, and the state machine is the real one.

    python benchmarks/bad_day.py            # tells what people are told, and draws docs/_static/bad-day.svg
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import groupby
from math import pi, sin
from pathlib import Path
from typing import Any

from sesevent.analytics.measures import Window, measured
from sesevent.monitoring.alarms import STATES, Alarm, AlarmEntry, step
from sesevent.monitoring.budget import PRESENT, REPRESENTATIVE, budget
from sesevent.monitoring.figures import Figures
from sesevent.monitoring.rules import AWS_BOUNCES, DEFAULT_RULES
from sesevent.monitoring.texts import span, title_of

PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "bad-day.svg"
MIDNIGHT = datetime(2024, 5, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
DAYS_BEFORE = 3
RULES = {rule.name: rule for rule in DEFAULT_RULES if rule.name in ("bounce-rate", "complaint-rate", "silence")}

# An old list is imported at nine and stopped at half past ten, when somebody has been warned; in the afternoon
# deliveries stop for an hour.
IMPORT = (9 * 60, 10 * 60 + 30)
SILENT = (15 * 60, 16 * 60 + 10)


@dataclass
class Day:
    """What happened, and what was made of it, every five minutes."""

    at: list[datetime] = field(default_factory=list)
    rates: dict[str, list[float | None]] = field(default_factory=lambda: {name: [] for name in RULES})
    states: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in RULES})
    standing: list[float] = field(default_factory=list)
    """The rate over the representative volume: about what AWS sees."""
    reached_in: list[timedelta | None] = field(default_factory=list)
    entries: list[AlarmEntry] = field(default_factory=list)


def minutes(seed: int) -> Iterator[dict[str, int]]:
    """What each minute brings, from three days before on."""
    chance = random.Random(seed)
    for minute in range(-DAYS_BEFORE * 1440, 1440):
        of_day = minute % 1440
        mails = max(0, round(14 + 12 * sin((of_day - 420) / 1440 * 2 * pi) + chance.gauss(0, 2)))
        imported = IMPORT[0] <= minute < IMPORT[1]
        mails += 35 if imported else 0
        bounced = sum(chance.random() < (0.13 if imported else 0.006) for _ in range(mails))
        silent = SILENT[0] <= minute < SILENT[1]
        counts = {"sends": mails, "permanent_bounces": bounced, "hard_bounces": bounced, "deliveries": mails - bounced}
        counts["complaints"] = sum(chance.random() < (0.0012 if imported else 0.00012) for _ in range(mails))
        yield {name: times for name, times in counts.items() if not silent or name == "sends"}


class Sums:
    """Counts of any stretch of minutes."""

    def __init__(self, each: list[dict[str, int]]) -> None:
        self._sums: list[dict[str, int]] = [{}]
        for counts in each:
            last = self._sums[-1]
            self._sums.append({name: last.get(name, 0) + counts.get(name, 0) for name in {*last, *counts}})

    def between(self, since: int, until: int) -> dict[str, int]:
        """From a minute on, before another."""
        begun, ended = self._sums[max(since, 0)], self._sums[max(until, 0)]
        return {name: times - begun.get(name, 0) for name, times in ended.items()}

    def latest(self, mails: int, until: int) -> int:
        """The minute from which on so many were sent."""
        since = until
        while since and self.between(since, until).get("sends", 0) < mails:
            since -= 1
        return since


def simulate(seed: int = 7) -> Day:
    """The day, evaluated every five minutes."""
    sums, day = Sums(list(minutes(seed))), Day()
    alarms: dict[str, Alarm | None] = dict.fromkeys(RULES)
    for minute in range(0, 1440, 5):
        now, place = MIDNIGHT + minute * MINUTE, DAYS_BEFORE * 1440 + minute
        day.at.append(now)
        for name, rule in RULES.items():
            window = Window(now - rule.window, now)
            counts = sums.between(place - int(rule.window / MINUTE), place)
            taken = step(rule, alarms[name], Figures(window, counts), now)
            assert taken is not None
            alarms[name] = taken.alarm
            assert taken.alarm.reading is not None
            day.rates[name].append(taken.alarm.reading.value)
            day.states[name].append(taken.alarm.state)
            if taken.entry is not None and taken.entry.tell:
                day.entries.append(taken.entry)
            if name == "bounce-rate":
                _stand(day, sums, place, now)
    return day


def _stand(day: Day, sums: Sums, place: int, now: datetime) -> None:
    hour = int(PRESENT / MINUTE)
    present = measured("aws_bounce", sums.between(place - hour, place), Window(now - PRESENT, now))
    since = sums.latest(REPRESENTATIVE, place)
    whole = measured("aws_bounce", sums.between(since, place), Window(now - (place - since) * MINUTE, now))
    day.standing.append(whole.rate or 0.0)
    day.reached_in.append(budget("bounce-rate", AWS_BOUNCES, whole, present).reached_in)


def draw(day: Day, file: Path = PICTURE) -> None:
    """The rates with their lines, and the states below."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {"svg.hashsalt": "bad day", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
    )
    from matplotlib import pyplot as plt

    hours = [(moment - MIDNIGHT) / timedelta(hours=1) for moment in day.at]
    figure, (bounces, silence, strip) = plt.subplots(
        3, 1, figsize=(9, 7), sharex=True, height_ratios=(3, 1.6, 0.9), layout="constrained"
    )
    bounces.plot(hours, _percent(day.rates["bounce-rate"]), color="#1d4ed8", label="bounces, last 6 hours")
    bounces.plot(hours, _percent(day.standing), color="#64748b", ls="--", label="bounces, last 10,000 mails")
    _lines(bounces, {"warn 2 %": (2, "#d97706"), "critical 4 %": (4, "#b91c1c"), "AWS reviews: 5 %": (5, "#111827")})
    bounces.set(
        ylabel="bounce rate, %",
        ylim=(0, 8.4),
        title="A bad day: an old list from 9:00 to 10:30, no deliveries from 15:00 to 16:10",
    )
    bounces.legend(loc="upper right", frameon=False, fontsize=8)
    silence.plot(
        hours, _percent(day.rates["silence"]), color="#7c3aed", label="sent in the last half hour, and nothing heard of"
    )
    _lines(silence, {"warn 50 %": (50, "#d97706"), "critical 90 %": (90, "#b91c1c")})
    silence.set(ylabel="silence, %", ylim=(0, 108))
    silence.legend(loc="upper left", frameon=False, fontsize=8)
    for panel, name in ((bounces, "bounce-rate"), (silence, "silence")):
        told = [entry for entry in day.entries if entry.rule == name]
        for number, entry in enumerate(told):
            at, height = (entry.at - MIDNIGHT) / timedelta(hours=1), (0.93, 0.8, 0.67, 0.54)[number % 4]
            panel.axvline(at, color=_COLOURS[entry.state], lw=0.9)
            better = STATES.index(entry.state) < STATES.index(entry.before)
            panel.annotate(f" {entry.at:%H:%M} ", (at, panel.get_ylim()[1] * height), ha="left" if better else "right",
                           color=_COLOURS[entry.state], fontsize=8)  # fmt: skip
    _strip(strip, hours, day)
    for panel in (bounces, silence, strip):
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


_COLOURS = {"no_data": "#e5e7eb", "ok": "#16a34a", "warn": "#d97706", "critical": "#b91c1c"}


def _percent(rates: list[Any]) -> list[float]:
    return [float("nan") if rate is None else rate * 100 for rate in rates]


def _lines(panel: Any, lines: dict[str, tuple[float, str]]) -> None:
    for told, (value, colour) in lines.items():
        panel.axhline(value, color=colour, lw=0.8, ls=":")
        panel.text(24.1, value, told, color=colour, va="center", fontsize=8)


def _strip(panel: Any, hours: list[float], day: Day) -> None:
    names = list(reversed(RULES))
    for row, name in enumerate(names):
        at = 0
        for state, run in groupby(day.states[name]):
            length = len(list(run))
            panel.barh(row, length * 5 / 60, left=hours[at], height=0.7, color=_COLOURS[state], linewidth=0)
            at += length
    panel.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 24), xticks=range(0, 25, 3), xlabel="hour, UTC")


def main() -> None:
    day = simulate()
    for entry in day.entries:
        print(f"{entry.at:%H:%M}  {title_of(entry)}")
    first = next((moment for moment, rate in zip(day.at, day.standing, strict=True) if rate >= AWS_BOUNCES), None)
    print("AWS's line is reached:", f"{first:%H:%M}" if first else "never", f"(at most {max(day.standing):.2%})")
    for entry in day.entries:
        if entry.rule == "bounce-rate" and (left := day.reached_in[day.at.index(entry.at)]):
            print(f"at {entry.at:%H:%M} it was {span(left)} away")
    draw(day)


if __name__ == "__main__":
    main()
