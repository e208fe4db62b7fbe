"""Rules as values: where their lines are, and how they are loaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sesevent.errors import ConfigurationError
from sesevent.monitoring import DEFAULT_RULES, Rule, Scope, load_rules
from sesevent.monitoring.rules import AWS_BOUNCES, AWS_COMPLAINTS

BY_NAME = {rule.name: rule for rule in DEFAULT_RULES}


def test_every_default_line_lies_below_the_one_of_aws() -> None:
    """Or the letter from AWS would come first."""
    reviewed = {rule.name: rule for rule in DEFAULT_RULES if rule.review is not None}

    assert {name: rule.review for name, rule in reviewed.items()} == {
        "bounce-rate": AWS_BOUNCES,
        "complaint-rate": AWS_COMPLAINTS,
    }
    assert all(line < (rule.review or 0) for rule in reviewed.values() for _, line in rule.lines)


def test_every_default_says_what_to_do_and_why_its_lines_are_where_they_are() -> None:
    """The rule is a table, and the table has reasons."""
    assert all(rule.hint and rule.why for rule in DEFAULT_RULES)
    assert len({rule.id for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)


def test_a_file_changes_defaults_copies_them_and_adds_rules_of_its_own(tmp_path: Path) -> None:
    """What it does not name stays."""
    file = tmp_path / "rules.toml"
    file.write_text(
        """
        [monitor]
        off = ["silence"]

        [[monitor.rules]]
        name = "bounce-rate"
        critical = 0.03

        [[monitor.rules]]
        name = "marketing bounces"
        like = "bounce-rate"
        window = "PT1H"
        remind = 7200
        scope = { configuration_set = "marketing" }

        [[monitor.rules]]
        name = "full mailboxes"
        measure = "soft_bounce"
        warn = 0.1
        """,
        encoding="utf-8",
    )
    rules = {rule.name: rule for rule in load_rules(file)}

    assert list(rules) == [*[name for name in BY_NAME if name != "silence"], "marketing bounces", "full mailboxes"]
    assert rules["bounce-rate"] == replace(BY_NAME["bounce-rate"], critical=0.03)
    assert rules["marketing bounces"] == replace(
        rules["bounce-rate"],
        name="marketing bounces",
        window=timedelta(hours=1),
        remind=timedelta(hours=2),
        scope=Scope(configuration_set="marketing"),
    )
    assert rules["full mailboxes"] == Rule("full mailboxes", "soft_bounce", 0.1, None)
    assert rules["lag"] is BY_NAME["lag"]


def test_the_defaults_can_be_left_out_and_still_be_copied() -> None:
    """For somebody who wants to choose each."""
    (rule,) = load_rules({"defaults": False, "rules": [{"name": "mine", "like": "lag", "warn": 60}]})

    assert rule == replace(BY_NAME["lag"], name="mine", warn=60.0)


def test_false_stands_for_what_is_not_wanted() -> None:
    """TOML has no word for nothing."""
    rules = {rule.name: rule for rule in load_rules({"rules": [{"name": "lag", "critical": False, "remind": False}]})}

    assert rules["lag"] == replace(BY_NAME["lag"], critical=None, remind=None)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"of": []}, "no such setting: of"),
        ({"off": ["nonsense"]}, "off: no such rule: nonsense"),
        ({"off": "silence"}, "off: must be a list"),
        ({"rules": {"name": "lag"}}, "rules: must be a list"),
        ({"rules": ["lag"]}, "number 1"),
        ({"rules": [{"name": "x", "like": "y"}]}, "like: no such rule: y"),
        ({"rules": [{"name": "x"}]}, "measure: Field required"),
        ({"rules": [{"name": "x", "measure": "delivery", "warn": 1}]}, "no such measure"),
        ({"rules": [{"name": "lag", "wran": 1}]}, "wran"),
        ({"rules": [{"name": "lag", "warn": "much"}]}, "warn"),
        ({"rules": [{"name": "lag", "warn": None, "critical": None}]}, "neither"),
        ({"rules": [{"name": "bounce-rate", "critical": 0.01}]}, "not below"),
        ({"rules": [{"name": "bounce-rate", "warn": 0}]}, "more than 0"),
        ({"rules": [{"name": "bounce-rate", "warn": float("nan")}]}, "more than 0"),
        ({"rules": [{"name": "bounce-rate", "recover": 1.1}]}, "recover"),
        ({"rules": [{"name": "bounce-rate", "window": 0}]}, "window"),
        ({"rules": [{"name": "bounce-rate", "usual": "P1Y"}]}, "usual"),
        ({"rules": [{"name": "bounce-rate", "remind": "PT1M"}]}, "remind"),
        ({"rules": [{"name": "bounce-rate", "cooldown": -1}]}, "cooldown"),
        ({"rules": [{"name": "bounce-rate", "min_volume": -1}]}, "negative"),
        ({"rules": [{"name": "no:name", "like": "lag"}]}, "its name"),
        ({"rules": [{"name": "lag", "scope": {"campaign": "spring"}}]}, "told apart"),
        ({"rules": [{"name": "events-stopped", "scope": {"provider": "gmail"}}]}, "told apart"),
        ({"rules": [{"name": "bounce-rate", "scope": {"colour": "red"}}]}, "colour"),
    ],
)
def test_what_is_wrong_is_said(told: dict[str, Any], words: str) -> None:
    """With where it stands."""
    with pytest.raises(ConfigurationError, match=words):
        load_rules(told)


@pytest.mark.parametrize(
    "told",
    [
        {"ann@example.com": []},
        {"off": ["ann@example.com"]},
        {"rules": [{"name": "x", "like": "ann@example.com"}]},
        {"rules": [{"name": "lag", "ann@example.com": 1}]},
    ],
    ids=str,
)
def test_an_address_that_is_taken_for_a_name_is_not_told(told: dict[str, Any]) -> None:
    """As nowhere in an error."""
    with pytest.raises(ConfigurationError, match=r"^The rules are wrong: ") as error:
        load_rules(told)

    assert "ann" not in str(error.value)


def test_all_problems_are_said_at_once() -> None:
    """Nobody starts a monitor ten times to learn ten things."""
    with pytest.raises(ConfigurationError, match=r"number 1: .*; rules, number 3: "):
        load_rules({"rules": [{"name": "a"}, {"name": "lag", "warn": 1}, {"name": "b"}]})


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """By name, without its content."""
    broken = tmp_path / "broken.toml"
    broken.write_text("[", encoding="utf-8")
    for file in (broken, tmp_path / "missing.toml"):
        with pytest.raises(ConfigurationError, match=file.name):
            load_rules(file)


def test_the_same_rule_for_other_mails_is_another_alarm_whose_name_tells_no_address() -> None:
    """An alarm is found by name and scope."""
    rule = BY_NAME["bounce-rate"]
    scoped = replace(rule, scope=Scope(source="shop@example.com"))

    assert rule.id == "bounce-rate"
    assert scoped.id.startswith("bounce-rate:")
    assert "@" not in scoped.id
    assert scoped.id != replace(rule, scope=Scope(campaign="shop@example.com")).id
    assert str(scoped.scope) == "source s…@example.com"
