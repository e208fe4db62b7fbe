"""Answers drawn with matplotlib, which is loaded with this module: figures, on no screen.

A rate is drawn with the interval that it lies in. Nobody imports this but :mod:`sesevent.analytics.answer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sesevent.analytics.measures import MEASURES, RateResult

if TYPE_CHECKING:
    from sesevent.analytics.journeys import Cohorts, Funnel, Links
    from sesevent.analytics.results import Breakdown, Comparison, Overview, Reasons, Series

__all__ = ["breakdown", "cohorts", "comparison", "funnel", "links", "reasons", "series", "summary"]

_COLOURS: Final = ("#2563eb", "#059669", "#d97706", "#dc2626", "#7c3aed", "#475569")
_USUAL: Final = ("delivery", "unique_open", "unique_click")


def summary(answer: Overview, *measures: str) -> Figure:
    """The rates of a window, one under the other."""
    return _rates([(_words(name), answer.rate(name)) for name in measures or _USUAL], "", answer.tz)


def series(answer: Series, *measures: str) -> Figure:
    """Rates over time, below them how much was sent."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places, names = range(len(answer)), [row.name for row in answer]
    for name, colour in zip(measures or _USUAL, cycle(_COLOURS), strict=False):
        _line(above, [row.rate(name) for row in answer], _words(name), colour)
    above.yaxis.set_major_formatter(PercentFormatter(1))
    above.legend(loc="best", fontsize="small", frameon=False)
    below.bar(places, [row.counts["sends"] for row in answer], color=_COLOURS[-1])
    below.set_ylabel("sends")
    step = max(1, len(names) // 8)
    below.set_xticks(list(places)[::step], names[::step], rotation=20, ha="right", parse_math=False)
    below.set_xlabel(f"{answer.by}, {answer.tz}")
    return figure


def breakdown(answer: Breakdown, *measures: str) -> Figure:
    """One rate of each."""
    name = (measures or ("delivery",))[0]
    return _rates([(row.name, row.rate(name)) for row in answer], _words(name), answer.tz)


def reasons(answer: Reasons, *_: str) -> Figure:
    """How many bounced for each reason."""
    return _bars([(row.reason, row.bounces) for row in answer], "bounces")


def links(answer: Links, *_: str) -> Figure:
    """In how many mails each link was followed."""
    return _bars([(row.link, row.mails) for row in answer], "mails in which people followed it")


def funnel(answer: Funnel, *_: str) -> Figure:
    """How many mails came how far."""
    figure = _bars([(stage.name, stage.mails) for stage in answer.stages], "mails")
    for place, stage in enumerate(answer.stages):
        share = "" if stage.of_sent.rate is None else f" {stage.of_sent.rate:.1%} "
        figure.axes[0].text(0, place, share, va="center", color="white", fontweight="bold")
    return figure


def cohorts(answer: Cohorts, *_: str) -> Figure:
    """The share of each cohort's mails that people had opened after an hour, a day, …, where it is known by now."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    names = [row.name for row in answer]
    for place, colour in zip(range(len(answer.rows[0].opened) if answer.rows else 0), _COLOURS, strict=False):
        told = [row.opened[place] for row in answer]
        shares = [
            within.of_sent.rate if within.complete and within.of_sent.rate is not None else float("nan")
            for within in told
        ]
        axes.plot(range(len(names)), shares, "o-", color=colour, label=f"opened within {told[0].horizon}")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    step = max(1, len(names) // 8)
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=20, ha="right", parse_math=False)
    axes.set_xlabel(f"sent in this {answer.by}, {answer.tz}")
    if names:
        axes.legend(fontsize="small", frameon=False)
    return figure


def comparison(answer: Comparison, *measures: str) -> Figure:
    """Each measure before and after, with their intervals."""
    pairs = [(name, answer.changes[name]) for name in measures or _USUAL]
    told = [(f"{_words(name)}, {when}", rate) for name, change in pairs
            for when, rate in (("before", change.before), ("after", change.after))]  # fmt: skip
    return _rates(told, "", answer.tz)


def _line(axes: Axes, rates: Sequence[RateResult], label: str, colour: str) -> None:
    nothing = float("nan")  # a gap where nothing was measured
    places = range(len(rates))
    shares = [nothing if rate.rate is None else rate.rate for rate in rates]
    axes.plot(places, shares, "o-", markersize=3, color=colour, label=label)
    low = [nothing if rate.low is None else rate.low for rate in rates]
    high = [nothing if rate.high is None else rate.high for rate in rates]
    axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)


def _rates(told: Sequence[tuple[str, RateResult]], label: str, tz: str) -> Figure:
    figure, axes = _lying(len(told))
    for place, (_, rate) in enumerate(told):
        if rate.rate is not None:
            axes.plot([rate.rate], [place], "o", color=_COLOURS[0])
        if rate.low is not None:
            axes.plot([rate.low, rate.high], [place, place], color=_COLOURS[0], linewidth=3, alpha=0.4)
    axes.set_yticks(range(len(told)), [name for name, _ in told], parse_math=False)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(f"{label} (with 95 % interval; {tz})".strip())
    return figure


def _bars(told: Sequence[tuple[str, int]], label: str) -> Figure:
    figure, axes = _lying(len(told))
    axes.barh(range(len(told)), [number for _, number in told], color=_COLOURS[0])
    axes.set_yticks(range(len(told)), [name for name, _ in told], parse_math=False)
    axes.set_xlabel(label)
    return figure


def _lying(rows: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(9, 1 + 0.4 * max(rows, 2)), layout="constrained")
    axes = figure.subplots()
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure, axes


def _words(name: str) -> str:
    return MEASURES[name].words
