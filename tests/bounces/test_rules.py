"""The rule files: every example is a test, and every reason can be found."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent.bounces import classify, lint
from sesevent.bounces.decide import classify_delay
from sesevent.bounces.engine import the_engine
from sesevent.bounces.phrases import Lexicon, PhraseError, expand
from sesevent.bounces.priority import REASON_ORDER, STRENGTHS
from sesevent.bounces.rulebook import Rule, load_rules
from sesevent.bounces.ses_words import DELAY_TYPES, REJECTS, SETTLED, SUB_TYPES
from sesevent.bounces.taxonomy import BOUNCE_CLASSES, FAULTS, RECOMMENDATIONS

BOOK = load_rules()
EXAMPLES = [pytest.param(rule, text, id=f"{rule.id}-{number}")
            for rule in BOOK.rules for number, text in enumerate(rule.examples)]  # fmt: skip


def planted(**changes: Any) -> Any:
    """The rule book with one more rule."""
    row = {"id": "planted", "reason": "virus", "phrases": ["zebra crossing"], "source": "a made-up manual",
           "examples": ["550 zebra crossing"], "strength": "plain"} | changes  # fmt: skip
    return BOOK._replace(rules=(*BOOK.rules, Rule.read("planted.toml", {}, row)))


def kinds(book: Any, of: str = "planted") -> set[str]:
    return {flaw.kind for flaw in lint.find_flaws(book) if flaw.rule == of}


@pytest.mark.parametrize(("rule", "text"), EXAMPLES)
def test_an_example_is_classified_as_its_rule_says(rule: Rule, text: str) -> None:
    """Another rule may decide, but never for another reason."""
    assert classify(diagnostic=text).reason == rule.reason


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_every_rule_decides_at_least_one_of_its_examples(rule: Rule) -> None:
    """A rule that never decides is dead, or stands in another's shadow."""
    assert rule.id in {classify(diagnostic=text).rule for text in rule.examples}


@pytest.mark.parametrize("name", BOOK.reasons)
def test_every_reason_can_be_reached(name: str) -> None:
    """From words, or from one of SES's own."""
    by_ses = {word.reason for table in (SETTLED, SUB_TYPES, DELAY_TYPES, REJECTS) for word in table.values()}
    assert name in {rule.reason for rule in BOOK.rules} | by_ses


@pytest.mark.parametrize("name", BOOK.reasons)
def test_a_reason_speaks_the_documented_words(name: str) -> None:
    """Faults, classes and recommendations are closed lists of ours."""
    reason = BOOK.reasons[name]
    assert reason.fault in FAULTS
    assert {reason.bounce_class, reason.transient_class} <= BOUNCE_CLASSES.keys()
    assert {reason.recommendation, reason.transient_recommendation} <= RECOMMENDATIONS.keys()
    assert reason.advice.endswith(".")


def test_the_order_names_every_reason_once() -> None:
    """A new reason needs its place among the others."""
    assert set(REASON_ORDER) == set(BOOK.reasons)


def test_the_rules_have_no_flaws() -> None:
    """What `python -m sesevent.bounces.lint` checks."""
    assert lint.find_flaws(BOOK) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"id": "virus.found"}, "duplicate"),
        ({"reason": "tired"}, "reason"),
        ({"strength": "mighty"}, "strength"),
        ({"source": ""}, "source"),
        ({"examples": []}, "example"),
        ({"phrases": []}, "phrase"),
        ({"phrases": ["zebra (crossing"]}, "phrase"),
        ({"phrases": ["{zoo} crossing"]}, "phrase"),
        ({"phrases": ["the is"]}, "phrase"),
        ({"phrases": ["zebra (the | crossing)"]}, "phrase"),
        ({"phrases": ["zebra crossing ..."]}, "gap"),
        ({"phrases": ["mailbox"]}, "broad"),
        ({"examples": ["550 nothing of the kind"]}, "dead"),
        ({"phrases": ["user unknown"], "examples": ["550 user unknown"], "reason": "policy"}, "shadowed"),
    ],
)
def test_the_linter_finds_a_planted_flaw(changes: dict[str, Any], kind: str) -> None:
    """One of each kind."""
    assert kind in kinds(planted(**changes), changes.get("id", "planted"))


def test_the_linter_has_nothing_against_a_sound_rule() -> None:
    """Or the test above would prove nothing."""
    assert kinds(planted()) == set()


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a*b*)*c", "a+a+b", ".*.*x", "(?:a|b+)*c", "[^.]+[^.]+x", "(a"])
def test_an_expression_that_may_run_away_is_found(pattern: str) -> None:
    """Nested or neighbouring repeats without a bound; and what is no expression."""
    assert lint.check_pattern(pattern) is not None


@pytest.mark.parametrize("pattern", ["ab{0,5}c", "[^.]{0,12}?x", "a+b+c", "(?:ab|c)d", "^a$"])
def test_an_expression_that_cannot_run_away_passes(pattern: str) -> None:
    """Bounded repeats, and repeats that cannot take the same."""
    assert lint.check_pattern(pattern) is None


def test_no_phrase_runs_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The linter's check really looks at phrases: a planted compiler makes a bad expression."""
    compile_soundly = Lexicon.compile

    def badly(self: Lexicon, phrase: str) -> Any:
        made = compile_soundly(self, phrase)
        return made._replace(pattern="(x+)+y") if phrase == "zebra crossing" else made

    monkeypatch.setattr(Lexicon, "compile", badly)
    assert "runaway" in {flaw.kind for flaw in lint._of_phrases(planted().rules[-1], Lexicon({}, ()))}


def test_the_command_reports_and_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """0 where all is well, 1 with the flaw's name where not."""
    assert lint.main() == 0
    monkeypatch.setattr(lint, "load_rules", lambda: planted(reason="tired"))
    assert lint.main() == 1
    assert "planted: no reason is called 'tired'" in capsys.readouterr().out


def test_braces_spell_endings() -> None:
    """As a shell reads them."""
    assert expand("block{,s,ed}") == ["block", "blocks", "blocked"]


def test_anchors_are_in_every_match() -> None:
    """A reply without an anchor word never meets the expression, so each match must hold one of each set."""
    engine = the_engine()
    seen = 0
    for number, phrase in enumerate(engine.phrases):
        for text in phrase.rule.examples:
            signs = engine.alphabet.signs(text.lower().replace(";", " ").split())
            if engine._compiled(number)(signs):
                seen += 1
                assert engine.candidates(signs) >> number & 1
    assert seen > 100


def test_an_unknown_class_is_named() -> None:
    """With its name, for who wrote it."""
    with pytest.raises(PhraseError, match="zoo"):
        Lexicon({}, ()).compile("{zoo}")


def test_strengths_are_rows_of_the_priority_table() -> None:
    """Each strength has its place and its figure."""
    from sesevent.bounces.priority import PRIORITY

    assert [row.name for row in PRIORITY if row.name in STRENGTHS] == list(STRENGTHS)


def test_a_delay_is_never_final() -> None:
    """SES goes on trying, whatever the words say."""
    assert classify_delay(diagnostic="451 4.1.1 user unknown").bounce_class == "soft"
