"""Paired timing in one process: each round runs every contender in turn, and ratios are taken round by round.

A machine that slows down slows both; the median of the rounds' ratios hardly notices.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Measure:
    """One comparison, told as a ratio against a named baseline."""

    name: str
    baseline: str
    ratio: float
    """How many times the baseline's value; the median over the rounds."""
    low: float
    high: float
    goal: str
    value: float
    baseline_value: float
    unit: str


def paired(
    name: str, ours: Callable[[], object], baseline: Callable[[], object], *,
    baseline_name: str, goal: str, per_round: int, rounds: int = 15, speed: bool = False,
) -> Measure:  # fmt: skip
    """Compare two things that each do *per_round* pieces of work. With *speed*, more is better: work per second."""
    _seconds(ours), _seconds(baseline)  # warm up
    gc.freeze()  # what the measure itself keeps at hand is not looked through by the collector, over and over
    pairs = [(_seconds(ours), _seconds(baseline)) for _ in range(rounds)]
    ratios = [b / a if speed else a / b for a, b in pairs]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    values = (per_round / mine, per_round / theirs) if speed else (mine / per_round * 1e6, theirs / per_round * 1e6)
    return Measure(name, baseline_name, statistics.median(ratios), min(ratios), max(ratios), goal, *values,
                   "per second" if speed else "µs each")  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    reset = getattr(work, "reset", None)
    if reset is not None:
        reset()  # not part of the work
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def note(text: str) -> None:
    """Tell people how far it is."""
    print(text, file=sys.stderr, flush=True)


def report(measures: list[Measure]) -> None:
    """A table for people on stderr, JSON lines on stdout."""
    for measure in measures:
        print(json.dumps(asdict(measure)))
    print("| measure | against | ratio (rounds' min-max) | goal | ours | baseline |", file=sys.stderr)
    print("|---|---|---|---|---|---|", file=sys.stderr)
    for m in measures:
        print(
            f"| {m.name} | {m.baseline} | **{m.ratio:.2f}** ({m.low:.2f}-{m.high:.2f}) | {m.goal} "
            f"| {m.value:,.1f} {m.unit} | {m.baseline_value:,.1f} |",
            file=sys.stderr,
        )
