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
from sesevent.addresses import normal
from sesevent.suppression.decision import Decision, concerns, decide, decide_no_address, decide_without_store
from sesevent.suppression.facts import ACTS, Fact
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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"effects": {name: {} for name in "edcba"}},
            "no such rules: a, b, c, d, e; there are erased, manual, complaint",
        ),
        ({"effects": {"manual": {"action": "whatever"}}}, "effects.manual.action: "),
        ({"effects": {"manual": {"lasts": 0}}}, "longer than nothing, and less than a century"),
        ({"effects": {"manual": {"lasts": "P36500D"}}}, "less than a century"),
        ({"soft_steps": [{"bounces": 0, "lasts": 9}]}, "soft_steps.0.bounces: "),
        ({"soft_steps": [{"bounces": 1, "lasts": 0}]}, "soft_steps.0.lasts: "),
        ({"soft_steps": [{"bounces": 1, "lasts": "P36500D"}]}, "soft_steps.0.lasts: "),
        ({"soft_steps": [{"bounces": 1}]}, "soft_steps.0.lasts: "),
        ({"soft_steps": [{"bounces": 1, "lasts": None}, {"bounces": 2, "lasts": 9}]}, "may not be shorter"),
        ({"soft_steps": [{"bounces": 1, "lasts": 9, "over": 5}, {"bounces": 2, "lasts": 9}]}, "may not be shorter"),
        ({"soft_window": "P36500D"}, "soft_window: "),
        ({"ses_global_lasts": 0}, "ses_global_lasts: "),
        ({"ses_global_lasts": "P36500D"}, "ses_global_lasts: "),
    ],
)
def test_what_is_outside_its_bounds_is_refused(wrong: dict[str, Any], said: str) -> None:
    """It says which choice, and what there is."""
    with pytest.raises(ConfigurationError, match=rf"^The policy is wrong: .*{said}"):
        Policy.load(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ann@example.com": 1},
        {"ann%40example.com": 1},
        {"streams": {"ann@example.com": 5}},
        {"effects": {"ann@example.com": {"action": "ignore"}}},
        {"effects": {"complaint": {"ann@example.com": 1}}},
    ],
    ids=str,
)
def test_an_address_that_is_taken_for_a_name_is_not_told(wrong: dict[str, Any]) -> None:
    """The error goes into answers and logs: it says where, and not who."""
    with pytest.raises(ConfigurationError, match=r"^The policy is wrong: ") as told:
        Policy.load(wrong)

    assert "ann" not in str(told.value)


def test_what_is_just_within_its_bounds_is_taken() -> None:
    """Steps may be of equal length, and the last for good."""
    century = timedelta(days=36_499)
    steps = [
        {"bounces": 1, "lasts": 1},
        {"bounces": 2, "lasts": 1},
        {"bounces": 3, "lasts": None},
        {"bounces": 4, "lasts": None},
    ]
    policy = Policy.load(
        {
            "soft_steps": steps,
            "soft_window": century,
            "ses_global_lasts": century,
            "effects": {"manual": {"lasts": century}},
        }
    )

    assert [step.lasts for step in policy.soft_steps] == [timedelta(seconds=1), timedelta(seconds=1), None, None]
    assert policy.effect("manual").lasts == policy.soft_window == century
    shortest = {"soft_window": 1, "ses_global_lasts": 1, "effects": {"manual": {"lasts": 1}}}
    policy = Policy.load(shortest)
    assert policy.effect("manual").lasts == policy.soft_window == policy.ses_global_lasts == timedelta(seconds=1)


def test_a_rule_suppresses_on_every_stream_unless_something_else_is_said() -> None:
    """The safe side; the defaults say else where a person can do without."""
    assert Effect() == Effect(action="suppress", lasts=None, except_streams=frozenset())
    pauses = {name: effect.lasts for name, effect in DEFAULT_POLICY.effects.items() if effect.action != "suppress"}
    assert pauses == {"refused-by-recipient": timedelta(days=30)}
    assert {name for name, effect in DEFAULT_POLICY.effects.items() if effect.except_streams} == {
        "unsubscribed", "unsubscribed-at-ses", "refused-by-recipient",
    }  # fmt: skip
    assert all(effect.except_streams <= {"transactional"} for effect in DEFAULT_POLICY.effects.values())
    assert DEFAULT_POLICY.effect("no such rule").action == "ignore"


def test_a_file_may_be_a_policy_as_a_whole_and_says_which_it_is_when_wrong(tmp_path: Path) -> None:
    """Without the table `policy`."""
    file = tmp_path / "policy.toml"
    file.write_text('name = "shöp"', encoding="utf-8")
    assert Policy.load(file).name == "shöp"

    file.write_text("soft_window = 0")
    with pytest.raises(ConfigurationError, match=r"The policy in .*policy.toml is wrong: soft_window: "):
        Policy.load(file)


def test_the_name_tells_policies_apart_for_people_only() -> None:
    """The same choices under another name have the same hash."""
    assert DEFAULT_POLICY.version.startswith("default-")
    assert Policy(name="shop").version.removeprefix("shop-") == DEFAULT_POLICY.version.removeprefix("default-")


def test_where_a_domain_is_named_plus_tags_are_one_mailbox() -> None:
    """Named in any case; elsewhere the receiving host alone knows."""
    policy = Policy(plus_tags=frozenset(["GMail.com"]))

    assert policy.mailbox("ann+news@gmail.com") == policy.mailbox("ann@gmail.com") == "ann@gmail.com"
    assert policy.mailbox("ann+news@example.com") is None
    assert DEFAULT_POLICY.mailbox("ann+news@gmail.com") is None


def test_a_stream_and_a_tenant_are_told_by_tags_where_they_are_named() -> None:
    """Where nothing is named there is one stream, and one tenant."""
    policy = Policy(stream_tag="stream", tenant_tag="tenant", streams={"set": "news"}, topics={"weekly": "news"})

    assert policy.stream_for("set", {"stream": "offers"}) == "offers"
    assert policy.stream_for("set", {"stream": ""}) == policy.stream_for("set", {}) == "news"
    assert policy.stream_for("other", {}) == DEFAULT_POLICY.stream_for("set", {"stream": "offers"}) == "*"
    assert (policy.stream_of_topic("weekly"), policy.stream_of_topic("daily")) == ("news", "daily")
    tagged = Fact(NOW, "e-1", "Bounce", tags=(("tenant", "t-1"),))
    assert (policy.tenant_of(tagged), DEFAULT_POLICY.tenant_of(tagged)) == ("t-1", "")
    assert policy.tenant_of(Fact(NOW, "e-1", "Bounce")) == ""


def test_what_stands_beside_a_policy_in_its_file_is_told(tmp_path: Path) -> None:
    """It would not hold, and nobody would see."""
    file = tmp_path / "policy.toml"
    file.write_text('[policy]\nname = "shop"\n[effects.complaint]\naction = "suppress"\n')
    with pytest.raises(ConfigurationError, match="would not hold: effects"):
        Policy.load(file)


@pytest.mark.parametrize("domain", ["MÜNCHEN.example", "münchen.example.", "@xn--mnchen-3ya.example"])
def test_a_domain_with_tags_is_known_however_it_is_spelled(domain: str) -> None:
    """As addresses are."""
    assert (
        Policy(plus_tags=frozenset([domain])).mailbox(normal("ann+x@münchen.example")) == "ann@xn--mnchen-3ya.example"
    )


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


def test_a_sentence_says_on_which_stream() -> None:
    """Of a refusal: where it holds; of leave to send: where it was asked for."""
    allowed = decide(DEFAULT_POLICY, Standing("ann@example.com", "v"), "news", NOW)

    assert allowed.sentence == "Nothing known speaks against sending on the stream news."
    assert decided(Holding("manual", "news", NOW, None, ()), "news").sentence == (
        "Do not send on the stream news: a person put this address on the list, since 2024-05-01."
    )
    assert (
        Decision("ann@example.com", allowed=False, rule="brand-new").sentence
        == "Do not send: the rule brand-new holds."
    )


def test_without_the_database_the_sentence_says_what_is_done() -> None:
    """One or the other."""
    sentences = [
        decide_without_store(DEFAULT_POLICY, "ann@example.com", name).sentence for name in ("transactional", "*")
    ]

    assert ["sent all the same" in one for one in sentences] == [True, False]
    assert ["not sent" in one for one in sentences] == [False, True]
    assert [decide_without_store(DEFAULT_POLICY, "a@example.com", "*").policy_version] == [DEFAULT_POLICY.version]
    assert decide_without_store(DEFAULT_POLICY, "a@example.com", "news").stream == "news"


def test_what_is_no_address_is_refused() -> None:
    """Nobody can say whom it would reach."""
    decision = decide_no_address(DEFAULT_POLICY, "ann@, ben@", "news")

    assert not decision.allowed
    assert (decision.reason, decision.rule, decision.stream) == ("no_address", "no-address", "news")
    assert (decision.address, decision.policy_version) == ("ann@, ben@", DEFAULT_POLICY.version)
    assert decision.sentence == "This is not one e-mail address."


def test_a_holding_concerns_its_stream_while_it_lasts_and_where_it_is_not_lifted() -> None:
    """What is said of a very stream holds there, whatever the policy leaves out."""
    everywhere = Holding("unsubscribed", "*", NOW, NOW + timedelta(1), (), ("back",))

    def holds(holding: Holding, stream: str, at: datetime = NOW) -> bool:
        return concerns(DEFAULT_POLICY, holding, stream, at)

    assert [holds(everywhere, stream) for stream in ("*", "news", "back", "transactional")] == [
        True,
        True,
        False,
        False,
    ]
    assert [holds(everywhere, "*", NOW + timedelta(days)) for days in (0.99, 1)] == [True, False]
    assert holds(everywhere._replace(stream="transactional"), "transactional")
    assert not holds(everywhere._replace(stream="news"), "*")


def test_a_decision_is_shown_without_the_address() -> None:
    """With what was decided."""
    assert repr(Decision("ann@example.com", allowed=False, rule="manual")).endswith(" refused: manual>")
    assert repr(Decision("ann@example.com", allowed=True)).endswith(" allowed>")
    assert "ann" not in repr(Decision("ann@example.com", allowed=True))


def test_what_a_decision_does_not_say_is_nothing_and_of_all_streams() -> None:
    """As where nothing is known."""
    assert Decision("a@example.com", allowed=True) == Decision(
        "a@example.com", True, None, None, "*", None, None, (), "", None, "", "*"
    )


def test_who_was_asked_about_for_whom_is_in_the_decision() -> None:
    """Allowed or not."""
    for holdings in ((), (Holding("manual", "*", NOW, None, ()),)):
        decision = decide(DEFAULT_POLICY, Standing("ann@example.com", "v-1", holdings, tenant="t-1"), "news", NOW)

        assert (decision.address, decision.stream, decision.tenant) == ("ann@example.com", "news", "t-1")
        assert decision.policy_version == "v-1"


def test_each_act_and_rule_is_explained_to_people() -> None:
    """The acts are those that are stored: no other word means anything."""
    assert set(ACTS) == {
        "suppress", "complaint", "unsubscribe", "resubscribe", "listed", "unlisted", "reactivate", "erase",
    }  # fmt: skip
    assert all(ACTS.values())
    assert rule_named("no rule") is None


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
