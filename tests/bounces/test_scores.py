"""How often the reason is right: thresholds, and the figures' own arithmetic."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def _load() -> Any:
    """The script that prints the scores; it is no part of the package."""
    spec = importlib.util.spec_from_file_location("bounce_scores", ROOT / "benchmarks" / "bounce_scores.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


scores = _load()


def row(label: str, said: str, hard: bool | None = None, said_hard: bool = False) -> Any:
    return scores.Row("s", tuple(label.split("|")), hard, said, said_hard)


def test_our_own_diagnostics_are_classified_as_labelled() -> None:
    """Seven hundred replies in our own words; a change of the rules may cost one in fifty, not more."""
    reason, hard = scores.accuracy(scores.own_rows())
    assert reason >= 0.98
    assert hard >= 0.98


def test_the_shared_rows_are_classified_as_labelled() -> None:
    """Replies of real servers, labelled by others."""
    rows = scores.shared_rows()
    if not rows:
        pytest.skip("the shared labelled rows are not at hand")
    reason, hard = scores.accuracy(rows)
    assert reason >= 0.90
    assert hard >= 0.97
    assert scores.macro_f1(rows) >= 0.75


def test_any_accepted_label_is_right() -> None:
    """Where sources disagree, either is."""
    rows = [
        row("a|user_unknown", "user_unknown", True, True),
        row("virus", "policy", False, False),
        row("x", "y", None, True),
    ]
    assert scores.accuracy(rows) == (1 / 3, 1.0)


def test_precision_and_recall_are_told_by_reason() -> None:
    """Two of three said are right, two of four meant are found."""
    rows = [
        row("virus", "virus"),
        row("virus", "virus"),
        row("virus", "policy"),
        row("virus", "policy"),
        row("policy", "virus"),
    ]
    assert scores.by_reason(rows)["virus"] == (4, 2 / 3, 0.5, pytest.approx(4 / 7))


def test_the_picture_holds_counts_and_no_rows() -> None:
    """It is published, the rows are not ours to publish."""
    drawn = scores.picture([row("virus", "policy"), row("virus", "virus"), row("virus", "virus")])
    assert drawn.count("<rect") == 2
    assert ">2</text>" in drawn
    assert "550" not in drawn
