"""Choices: safe by default, validated, versioned, loadable; and what holds when nothing can be asked."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sesevent import ConfigurationError
from sesevent.suppression.decision import Decision, decide, decide_without_store
from sesevent.suppression.policy import DEFAULT_POLICY, Effect, Policy
from sesevent.suppression.rules import RULES, rule_named
from sesevent.suppression.standing import Holding, Standing

NOW = datetime(2024, 5, 1, tzinfo=timezone.utc)


def test_the_version_follows_from_the_choices() -> None:
    """Equal for equal ones, in whatever order they are given; other for any other."""
    one = Policy(effects={"complaint": Effect(except_streams=frozenset("ab"))}, streams={"x": "1", "y": "2"})
    same = Policy(effects={"complaint": Effect(except_streams=frozenset("ba"))}, streams={"y": "2", "x": "1"})

    assert one.version == same.version
    assert len({one.version, DEFAULT_POLICY.version, Policy(soft_window=timedelta(days=1)).version}) == 3
    assert Policy(name="shop").version.startswith("shop-")


def test_it_does_not_change() -> None:
    """A standing names it by its version."""
    with pytest.raises(ValidationError):
        DEFAULT_POLICY.name = "other"  # type: ignore[misc]


def test_it_is_loaded_from_a_dictionary_or_a_file(tmp_path: Path) -> None:
    """With spans in words that TOML has; what is left out is the default."""
    file = tmp_path / "policy.toml"
    file.write_text("""
[policy]
name = "shop"
soft_window = "P7D"
soft_steps = [{ bounces = 2, lasts = "PT12H" }, { bounces = 5, lasts = "P90D" }]
when_unavailable = { transactional = "open", receipts = "open" }
[policy.effects.complaint]
except_streams = ["transactional"]
[policy.effects.hard-bounce]
action = "pause"
lasts = "P180D"
""")
    policy = Policy.load(file)

    assert policy == Policy.load(str(file))
    assert policy.soft_steps[0].lasts == timedelta(hours=12)
    assert policy.effect("hard-bounce").lasts == timedelta(days=180)
    assert policy.effect("manual") == DEFAULT_POLICY.effect("manual")
    assert policy.unavailable("receipts") == "open"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"effects": {"hard-bonce": {}}}, "no such rules: hard-bonce"),
        ({"effects": {"complaint": {"action": "pause"}}}, "how long it lasts"),
        ({"effects": {"complaint": {"lasts": -1}}}, "longer than nothing"),
        ({"soft_steps": [{"bounces": 3, "lasts": 9}, {"bounces": 3, "lasts": 9}]}, "each step needs more bounces"),
        ({"soft_steps": [{"bounces": 3, "lasts": 9}, {"bounces": 4, "lasts": 8}]}, "may not be shorter"),
        ({"soft_window": 0}, "soft_window"),
        ({"whatever": 1}, "whatever"),
        ({"when_unavailable": {"x": "ajar"}}, "when_unavailable.x"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    """All of it at once, and it says where."""
    with pytest.raises(ConfigurationError, match=said):
        Policy.load(wrong)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Absent, or no TOML."""
    (tmp_path / "bad").write_text("][")
    for name in ("absent", "bad"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            Policy.load(tmp_path / name)


@pytest.mark.parametrize(("stream", "allowed"), [("transactional", True), ("marketing", False), ("*", False)])
def test_without_the_database_the_policy_decides_and_says_so(stream: str, allowed: bool) -> None:
    """Transactional mail goes out, all other waits; a setting, never an accident."""
    decision = decide_without_store(DEFAULT_POLICY, "ann@example.com", stream)

    assert (decision.allowed, decision.failed) == (allowed, "open" if allowed else "closed")
    assert (decision.rule, decision.reason) == ("store-unavailable", "unavailable")
    assert "cannot be told" in decision.sentence
    assert decide_without_store(Policy(when_unavailable={"*": "open"}), "ann@example.com", "*").allowed


def decided(holding: Holding, stream: str = "*") -> Decision:
    return decide(DEFAULT_POLICY, Standing("ann@example.com", DEFAULT_POLICY.version, (holding,)), stream, NOW)


def test_a_decision_tells_everything() -> None:
    """Reason, rule, stream, evidence, since, until, policy version, and a sentence for a person."""
    until = NOW + timedelta(days=1)
    decision = decided(Holding("soft-bounces", "*", NOW, until, ("e-1", "e-2")), "news")

    assert not decision
    assert (decision.reason, decision.rule, decision.stream) == ("soft_bounces", "soft-bounces", "news")
    assert (decision.since, decision.until, decision.evidence) == (NOW, until, ("e-1", "e-2"))
    assert decision.policy_version == DEFAULT_POLICY.version
    assert decision.sentence == (
        "Do not send: mail to this address bounced again and again, since 2024-05-01, until 2024-05-02 00:00 UTC."
    )
    assert "ann" not in repr(decision)


def test_a_rule_of_another_version_still_holds() -> None:
    """A standing that a newer release kept is not thrown away by an older one."""
    decision = decided(Holding("brand-new", "*", NOW, None, ()))

    assert decision.allowed == (DEFAULT_POLICY.effect("brand-new").action == "suppress")


def test_every_rule_has_words_for_a_person_and_a_reason() -> None:
    """And the policy says what it does."""
    for rule in RULES:
        assert rule.sentence
        assert rule.why
        assert rule_named(rule.name) is rule
        assert rule.name in DEFAULT_POLICY.effects


def test_a_decision_that_shares_its_answer_is_a_value_like_others() -> None:
    """Compared, copied, pickled and taken apart; and frozen."""
    refused = Decision("ann@example.com", allowed=False, rule="manual", evidence=("a-1",))
    same = refused.same_for("ben@example.com")

    assert same == Decision("ben@example.com", allowed=False, rule="manual", evidence=("a-1",))
    assert (same != refused, hash(same) == hash(replace(refused, address="ben@example.com"))) == (True, True)
    assert [copy.copy(same), copy.deepcopy(same), pickle.loads(pickle.dumps(same))] == [same] * 3
    assert asdict(same)["evidence"] == ("a-1",)
    with pytest.raises(FrozenInstanceError):
        same.address = "cora@example.com"  # type: ignore[misc]
