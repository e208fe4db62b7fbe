"""Answers about what was counted: a row for a window, a period, a campaign; and two windows side by side.

A row is made of a :class:`~sesevent.analytics.cells.Cell`; its rates are worked out when they are asked for, as
:mod:`sesevent.analytics.measures` defines them. Next: :mod:`sesevent.analytics.journeys`, answers about single mails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any, ClassVar, Final, NamedTuple

from sesevent.analytics.answer import Answer, Table
from sesevent.analytics.cells import UNIQUES, Cell
from sesevent.analytics.counts import COUNTERS
from sesevent.analytics.measures import MEASURES, RateResult, Window, measured, rate_of
from sesevent.analytics.spans import Spans
from sesevent.analytics.uniques import ERROR
from sesevent.bounces.rulebook import load_rules

__all__ = [
    "NONE",
    "REST",
    "Breakdown",
    "Change",
    "Comparison",
    "Overview",
    "Percentiles",
    "ReasonRow",
    "Reasons",
    "Row",
    "Series",
    "reasons_of",
    "row_of",
    "table_of",
]  # fmt: skip

NONE: Final = "(none)"
"""The row of mails that have nothing of what was asked by."""
REST: Final = "(other)"
"""The row of all that a limit left out."""

_FIGURES: Final = (*[counter.name for counter in COUNTERS], *[f"unique_{name}" for name in UNIQUES])


class Percentiles(NamedTuple):
    """Milliseconds that half, nine of ten, and ninety-nine of a hundred took at most; None where there were none."""

    p50: float | None
    p90: float | None
    p99: float | None

    @classmethod
    def of(cls, spans: Spans) -> Percentiles:
        """Those of counted spans; at most 4.5 % off."""
        return cls(spans.percentile(0.5), spans.percentile(0.9), spans.percentile(0.99))


class _Rates(Mapping[str, RateResult]):
    """Every measure, worked out when it is asked for."""

    def __init__(self, counts: Mapping[str, int], window: Window) -> None:
        self._counts, self._window = counts, window

    def __getitem__(self, name: str) -> RateResult:
        return measured(name, self._counts, self._window)

    def __iter__(self) -> Iterator[str]:
        return iter(MEASURES)

    def __len__(self) -> int:
        return len(MEASURES)


@dataclass(frozen=True)
class Row:
    """What was counted of one thing in a window, and what that measures."""

    name: str
    """What it is of: a period, a campaign, …"""
    window: Window
    counts: Mapping[str, int]
    """Every counter (`sesevent.analytics.counts`), and `unique_opens`, … of different mails."""
    to_deliver: Percentiles
    """From sending to delivery."""
    to_open: Percentiles
    """From sending to the first open by a person in each hour."""
    unique_error: float = 0.0
    """The standard error of the `unique_` counts, as a share of them: 0 where they are exact."""

    @property
    def rates(self) -> Mapping[str, RateResult]:
        """Every measure by its name."""
        return _Rates(self.counts, self.window)

    def rate(self, name: str) -> RateResult:
        """One measure. Raises KeyError where there is none of that name."""
        return self.rates[name]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name, "window": self.window.to_dict(), "counts": dict(self.counts),
            "rates": {name: _without_window(rate) for name, rate in self.rates.items()},
            "to_deliver_ms": self.to_deliver._asdict(), "to_open_ms": self.to_open._asdict(),
            "unique_error": self.unique_error,
        }  # fmt: skip

    def record(self) -> dict[str, Any]:
        """The same, flat: a measure's rate is `delivery_rate`, with `delivery_low` and `delivery_high`."""
        told: dict[str, Any] = {"name": self.name, "since": self.window.since, "until": self.window.until}
        told |= self.counts
        for name, rate in self.rates.items():
            told |= {f"{name}_rate": rate.rate, f"{name}_low": rate.low, f"{name}_high": rate.high}
        for name, spans in (("to_deliver", self.to_deliver), ("to_open", self.to_open)):
            told |= {f"{name}_{share}_ms": value for share, value in spans._asdict().items()}
        return told | {"unique_error": self.unique_error}


def row_of(name: str, cell: Cell, window: Window) -> Row:
    """The row of a cell."""
    counts = dict.fromkeys(_FIGURES, 0) | cell.figures()
    error = 0.0 if all(some.exact for some in cell.uniques.values()) else ERROR
    return Row(name, window, counts, Percentiles.of(cell.took), Percentiles.of(cell.opened_after), error)


@dataclass(frozen=True)
class _Table(Table[Row]):
    window: Window
    tz: str
    """The time zone in which dates were read and days counted."""
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"window": self.window.to_dict(), "tz": self.tz, "rows": [row.to_dict() for row in self.rows]}


@dataclass(frozen=True)
class Overview(Row, Answer):
    """A window in one row."""

    picture: ClassVar[str] = "summary"
    tz: str = "UTC"
    """The time zone in which dates were read."""

    def records(self) -> list[dict[str, Any]]:
        """The one row, flat."""
        return [self.record()]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return super().to_dict() | {"tz": self.tz}

    @classmethod
    def of(cls, cell: Cell, window: Window, tz: str) -> Overview:
        """The totals of a cell."""
        row = row_of("summary", cell, window)
        return cls(**vars(row), tz=tz)


@dataclass(frozen=True)
class Series(_Table):
    """A row for each period, those in which nothing happened too, in order."""

    picture: ClassVar[str] = "series"
    by: str = "day"
    """`hour`, `day`, `week` or `month`."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return super().to_dict() | {"by": self.by}


@dataclass(frozen=True)
class Breakdown(_Table):
    """A row for each campaign, provider, …: those with most sends first, the rest in one."""

    picture: ClassVar[str] = "breakdown"
    by: str = "campaign"

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return super().to_dict() | {"by": self.by}


def table_of(cells: Mapping[str, Cell], window: Window, limit: int | None) -> tuple[Row, ...]:
    """Rows by sends, then by all that happened, then by name; what a limit leaves out is merged into the last."""
    ranked = sorted(cells.items(), key=lambda told: (-told[1].counts.get("sends", 0), -_events(told[1]), told[0]))
    kept = ranked if limit is None else ranked[:limit]
    rows = [row_of(name or NONE, cell, window) for name, cell in kept]
    if len(kept) < len(ranked):
        rest = Cell()
        for _, cell in ranked[len(kept) :]:
            rest.merge(cell)
        rows.append(row_of(REST, rest, window))
    return tuple(rows)


def _events(cell: Cell) -> int:
    return sum(cell.counts.values())


class ReasonRow(NamedTuple):
    """How many bounced for one reason, and what that reason means."""

    reason: str
    bounces: int
    """Each of one mail to one person."""
    share: RateResult
    """Of all bounces."""
    bounce_class: str
    """`hard`, `soft`, …: what it is after a permanent reply."""
    fault: str
    """Whose fault it is: a word of `sesevent.bounces.taxonomy.FAULTS`."""
    meaning: str
    advice: str
    """What to do about it."""


@dataclass(frozen=True)
class Reasons(Answer):
    """Why mails bounced, the commonest reason first."""

    picture: ClassVar[str] = "reasons"
    window: Window
    tz: str
    rows: tuple[ReasonRow, ...]
    rest: int = 0
    """Bounces for reasons that a limit left out."""

    def __iter__(self) -> Iterator[ReasonRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, reason: str) -> ReasonRow:
        """The row of this reason. Raises KeyError where there is none."""
        for row in self.rows:
            if row.reason == reason:
                return row
        raise KeyError(reason)

    def records(self) -> list[dict[str, Any]]:
        """Its rows, flat."""
        return [
            {**row._asdict(), "share": row.share.rate, "low": row.share.low, "high": row.share.high}
            for row in self.rows
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        rows = [row._asdict() | {"share": _without_window(row.share)} for row in self.rows]
        return {"window": self.window.to_dict(), "tz": self.tz, "rows": rows, "rest": self.rest}


def reasons_of(cell: Cell, window: Window, tz: str, limit: int | None) -> Reasons:
    """What a cell tells of bounces. A reason that rules of another edition told is shown without advice."""
    known, whole = load_rules().reasons, sum(cell.reasons.values())
    ranked = sorted(cell.reasons.items(), key=lambda told: (-told[1], told[0]))
    kept = ranked if limit is None else ranked[:limit]
    rows = []
    for name, times in kept:
        share, reason = rate_of(times, whole, window), known.get(name)
        about = ("undetermined", "unknown", "", "") if reason is None else (
            reason.bounce_class, reason.fault, reason.meaning, reason.advice
        )  # fmt: skip
        rows.append(ReasonRow(name, times, share, *about))
    return Reasons(window, tz, tuple(rows), whole - sum(times for _, times in kept))


# ── Two windows ──────────────────────────────────────────────────────────────────────────────

_LEVEL: Final = 0.05
_FEWEST: Final = 5  # of each kind expected in each window: below, the normal distribution is no good approximation


@dataclass(frozen=True)
class Change:
    """How one measure changed from one window to another."""

    name: str
    before: RateResult
    after: RateResult
    difference: float | None
    """After, less before; None where one of them is None."""
    overlap: bool | None
    """Whether their intervals share a value: where not, they differ beyond doubt; None where there are none."""
    p_value: float | None
    """How often chance alone makes such a difference (two-proportion z-test); None where that cannot be told."""

    @property
    def significant(self) -> bool | None:
        """Whether chance alone makes it in less than one of twenty comparisons; None where that cannot be told."""
        return None if self.p_value is None else self.p_value < _LEVEL

    @property
    def sentence(self) -> str:
        """The same for people."""
        words = MEASURES[self.name].words
        if self.before.rate is None or self.after.rate is None:
            return f"{words}: nothing to compare"
        from_to = f"{words}: {_percent(self.before.rate)} before, {_percent(self.after.rate)} after"
        if self.p_value is None:
            return f"{from_to}; too few to say whether that is chance" if self.overlap is not None else from_to
        return f"{from_to}; {'more than chance explains' if self.significant else 'chance may explain it'}" + (
            f" (p = {self.p_value:.2g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name, "before": self.before.to_dict(), "after": self.after.to_dict(),
            "difference": self.difference, "overlap": self.overlap, "p_value": self.p_value,
            "significant": self.significant, "sentence": self.sentence,
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison(Answer):
    """Two windows side by side."""

    picture: ClassVar[str] = "comparison"
    before: Row
    after: Row
    tz: str

    @property
    def changes(self) -> Mapping[str, Change]:
        """How each measure changed. Of twenty that did not change, one looks as if it had."""
        return {name: _change(name, self.before.rate(name), self.after.rate(name)) for name in MEASURES}

    def records(self) -> list[dict[str, Any]]:
        """A row for each measure, flat."""
        return [
            {"name": change.name, "before": change.before.rate, "after": change.after.rate,
             "difference": change.difference, "overlap": change.overlap, "p_value": change.p_value,
             "significant": change.significant, "sentence": change.sentence}
            for change in self.changes.values()
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        changes = {name: change.to_dict() for name, change in self.changes.items()}
        return {"tz": self.tz, "before": self.before.to_dict(), "after": self.after.to_dict(), "changes": changes}


def _change(name: str, before: RateResult, after: RateResult) -> Change:
    known = before.rate is not None and after.rate is not None
    difference = after.rate - before.rate if before.rate is not None and after.rate is not None else None
    overlap = None
    if known and None not in (before.low, after.low):
        overlap = before.low <= after.high and after.low <= before.high  # type: ignore[operator]  # four numbers
    return Change(name, before, after, difference, overlap, None if overlap is None else _p_value(before, after, name))


def _p_value(before: RateResult, after: RateResult, name: str) -> float | None:
    """https://www.itl.nist.gov/div898/handbook/prc/section3/prc33.htm: two proportions, normal approximation."""
    if MEASURES[name].unit != "share":
        return None
    whole = before.denominator + after.denominator
    pooled = (before.numerator + after.numerator) / whole
    if min(before.denominator, after.denominator) * min(pooled, 1 - pooled) < _FEWEST:
        return None
    spread = sqrt(pooled * (1 - pooled) * (1 / before.denominator + 1 / after.denominator))
    apart = abs(after.numerator / after.denominator - before.numerator / before.denominator)
    return erfc(apart / spread / sqrt(2))


def _percent(rate: float) -> str:
    return f"{rate * 100:.2f} %"


def _without_window(rate: RateResult) -> dict[str, Any]:
    return {name: value for name, value in rate.to_dict().items() if name != "window"}
