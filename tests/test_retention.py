"""How long events are kept, as a value: what a policy may say, and what its ages mean."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from sesevent import ConfigurationError
from sesevent.retention import Retention, read_age

NOW = datetime(2025, 3, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90 days", "2024-12-31"),
        ("1 month", "2025-02-28"),
        ("13 months", "2024-02-29"),
        ("2 years 6 months", "2022-09-30"),
        ("3weeks", "2025-03-10"),
        (" 1 year ", "2024-03-31"),
    ],
)
def test_ages_are_counted_on_the_calendar(text: str, before: str) -> None:
    """The last day of a shorter month stands for those it lacks."""
    assert f"{read_age(text).before(NOW):%Y-%m-%d}" == before


@pytest.mark.parametrize("text", ["", "0 days", "13", "months", "1 hour", "-3 days", "3 days ago", "1 month,"])
def test_what_is_no_age_is_told(text: str) -> None:
    """An age that is read wrongly would delete too much."""
    with pytest.raises(ConfigurationError, match="no age"):
        read_age(text)


def test_more_time_than_there_is_is_told() -> None:
    """As something to change."""
    with pytest.raises(ConfigurationError, match="calendar"):
        read_age("9999 years").before(NOW)


def test_a_rule_does_the_last_thing_first() -> None:
    """What is to go need not be thinned."""
    policy = Retention.loads(
        '[[rule]]\nwhy="use"\nthin="3 months"\narchive="13 months"\n[[rule]]\nwhy="law"\nkeep=true'
    )
    assert [(step.rule, step.kind, f"{step.before:%Y-%m-%d}") for step in policy.steps(NOW)] == [
        (1, "archive", "2024-02-29"),
        (1, "thin", "2024-12-31"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "rule = 3",
        "rule = []",
        "[[rule]]\nkeep = true",
        '[[rule]]\nwhy = ""\nkeep = true',
        '[[rule]]\nwhy = "x"',
        '[[rule]]\nwhy = "x"\nkeep = false',
        '[[rule]]\nwhy = "x"\nkeep = true\ndelete = "3 days"',
        '[[rule]]\nwhy = "x"\ndelete = 3',
        '[[rule]]\nwhy = "x"\ndelete = "soon"',
        '[[rule]]\nwhy = "x"\ndelete = "3 days"\narchive = "2 days"',
        '[[rule]]\nwhy = "x"\ndelete = "3 days"\ntype = ["Open"]',
        '[[rule]]\nwhy = "x"\ndelete = "3 days"\ntypes = "Open"',
        '[[rule]]\nwhy = "x"\ndelete = "3 days"\ntypes = []',
        'more = 1\n[[rule]]\nwhy = "x"\nkeep = true',
    ],
)
def test_what_is_no_policy_is_told(text: str) -> None:
    """A misspelled rule would delete what it should keep."""
    with pytest.raises(ConfigurationError):
        Retention.loads(text)


def test_a_policy_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Not a bare OSError."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Retention.load(tmp_path / "none.toml")
