"""The simulated day of the documentation: what is drawn there is what the rules do."""

from __future__ import annotations

import importlib.util
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sesevent.monitoring.rules import AWS_BOUNCES

FILE = Path(__file__).parents[2] / "benchmarks" / "bad_day.py"


@pytest.fixture(scope="module")
def bad_day() -> Any:
    spec = importlib.util.spec_from_file_location("bad_day", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["bad_day"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[7, 8, 9])
def day(request: pytest.FixtureRequest, bad_day: Any) -> Any:
    return bad_day.simulate(request.param)


def test_people_are_warned_before_awss_line_is_reached(day: Any) -> None:
    """In time to stop it: that is what all this is for."""
    reached = next(moment for moment, rate in zip(day.at, day.standing, strict=True) if rate >= AWS_BOUNCES)
    critical = next(entry.at for entry in day.entries if (entry.rule, entry.state) == ("bounce-rate", "critical"))

    assert (reached - critical).total_seconds() >= 20 * 60
    assert day.reached_in[day.at.index(critical)] is not None


def test_a_bad_day_is_told_in_a_few_words(day: Any) -> None:
    """Each state of each alarm once, up and down, and nothing on the way."""
    for name in ("bounce-rate", "silence"):
        assert [state for state, _ in groupby(day.states[name])] == ["ok", "warn", "critical", "warn", "ok"]
        assert [entry.state for entry in day.entries if entry.rule == name] == ["warn", "critical", "warn", "ok"]


def test_the_picture_is_of_today(bad_day: Any, tmp_path: Path) -> None:
    """Drawn again from the seed it is the committed one, but for what the version of matplotlib changes."""
    pytest.importorskip("matplotlib")
    bad_day.draw(bad_day.simulate(), tmp_path / "day.svg")
    committed = bad_day.PICTURE.read_text(encoding="utf-8")
    drawn = (tmp_path / "day.svg").read_text(encoding="utf-8")
    words = ["09:10", "09:30", "15:50", "16:20", "15:20", "AWS reviews: 5 %"]

    assert [word for word in words if word not in committed] == [word for word in words if word not in drawn] == []
