"""The rule files: every example is a test, and every reason can be found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sesevent.bounces import classify, lint
from sesevent.bounces.decide import classify_delay
from sesevent.bounces.engine import the_engine
from sesevent.bounces.phrases import Lexicon, PhraseError, expand
from sesevent.bounces.priority import (
    CODES,
    ENHANCED_CODES,
    GENERAL_CODES,
    OWN_CODES,
    PRIORITY,
    REASON_ORDER,
    REPLIES,
    REPLY_CODES,
    SILENT,
    STRENGTHS,
)
from sesevent.bounces.rulebook import Rule, load_rules
from sesevent.bounces.ses_words import DELAY_TYPES, REJECTS, SETTLED, SUB_TYPES
from sesevent.bounces.taxonomy import BOUNCE_CLASSES, FAULTS, RECOMMENDATIONS, Reason

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


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a*b*)*c",
        "a+a+b",
        ".*.*x",
        "(?:a|b+)*c",
        "[^.]+[^.]+x",
        "(a",
        "(a+?)+?b",
        "a*?a*?b",
        "a+.*x",
        ".*a+x",
        "[^.]+a+x",
        "[^ab]+c+x",
        "c+[^ab]+x",
        "(?:a{0,65}b)*c",
    ],
)
def test_an_expression_that_may_run_away_is_found(pattern: str) -> None:
    """Nested or neighbouring repeats without a bound; and what is no expression."""
    assert lint.check_pattern(pattern) is not None


@pytest.mark.parametrize("pattern", ["ab{0,5}c", "[^.]{0,12}?x", "a+b+c", "(?:ab|c)d", "^a$", "(?:a{0,64}b)*c", "^"])
def test_an_expression_that_cannot_run_away_passes(pattern: str) -> None:
    """Bounded repeats, and repeats that cannot take the same."""
    assert lint.check_pattern(pattern) is None


def test_a_class_of_words_without_meaning_is_found() -> None:
    """They leave no sign, so nothing would be looked for."""
    book = BOOK._replace(classes={"idle": "mailbox the_is"})
    (flaw,) = lint._of_classes(book, Lexicon(book.classes, book.stop_words))

    assert (flaw.rule, flaw.kind, flaw.message) == ("{idle}", "word", "'the is' is made of words without meaning")


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


def test_the_command_tells_each_flaw_on_a_line_and_how_much_it_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For who reads it, and for who counts its lines."""
    monkeypatch.setattr(lint, "find_flaws", lambda _: [lint.Flaw("a", "x", "is odd"), lint.Flaw("b", "x", "is odd")])

    assert lint.main() == 1
    phrases = sum(len(rule.phrases) for rule in BOOK.rules)
    assert capsys.readouterr().out == f"a: is odd\nb: is odd\n{len(BOOK.rules)} rules, {phrases} phrases, 2 flaws\n"


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


def test_a_phrase_is_only_looked_for_where_both_its_rarest_words_stand() -> None:
    """So a further rule costs nothing in replies that hold one of them, as most do."""
    engine = the_engine()
    of_two = [(number, phrase.compiled) for number, phrase in enumerate(engine.phrases) if phrase.compiled.second]

    assert len(of_two) > 100
    for number, compiled in of_two:
        one, other = min(compiled.first), min(compiled.second)
        assert engine.candidates(one + other) >> number & 1
        for alone in (compiled.first - compiled.second, compiled.second - compiled.first):
            assert not any(engine.candidates(sign) >> number & 1 for sign in sorted(alone)[:3])


def test_an_unknown_class_is_named() -> None:
    """With its name, for who wrote it."""
    with pytest.raises(PhraseError, match="zoo"):
        Lexicon({}, ()).compile("{zoo}")


def test_strengths_are_rows_of_the_priority_table() -> None:
    """Each strength has its place and its figure."""
    assert [row.name for row in PRIORITY if row.name in STRENGTHS] == list(STRENGTHS)


def test_a_delay_is_never_final() -> None:
    """SES goes on trying, whatever the words say."""
    assert classify_delay(diagnostic="451 4.1.1 user unknown").bounce_class == "soft"


def test_the_stronger_evidence_is_relied_on_more() -> None:
    """From certain to nothing, each row less than the one above."""
    confidences = [row.confidence for row in PRIORITY]

    assert confidences == sorted(set(confidences), reverse=True)
    assert (confidences[0], confidences[-1]) == (1.0, 0.0)
    assert [row.name for row in PRIORITY] == [
        "ses", "code", "exact", "own_code", "strong", "plain", "status", "weak", "sub_type", "general_status", "reply",
        "ses_type", "none",
    ]  # fmt: skip


def test_each_row_of_each_table_has_its_reason_and_its_words() -> None:
    """The documentation prints them; a reason that there is not would be no answer."""
    codes = [row for table in (CODES, OWN_CODES, GENERAL_CODES, REPLIES) for row in table.values()]
    words = [word for table in (SETTLED, SUB_TYPES, DELAY_TYPES, REJECTS) for word in table.values()]

    assert {reason for reason, _ in codes} | {word.reason for word in words} <= BOOK.reasons.keys()
    assert all(told for _, told in codes)
    assert all(word.why for word in words)
    assert all(row.why for row in PRIORITY)
    for table in (REASON_ORDER, FAULTS, BOUNCE_CLASSES, RECOMMENDATIONS):
        assert all(table.values())


def test_each_code_of_the_tables_is_one_that_is_found_in_replies() -> None:
    """Three digits that begin with 4 or 5; a class, a subject and a detail."""
    assert all(re.fullmatch("[45][0-9][0-9]", code) for code in REPLY_CODES)
    assert REPLIES.keys() <= REPLY_CODES
    assert all(re.fullmatch("[1-7]\\.[0-9]{1,3}", detail) for detail in (*CODES, *OWN_CODES))
    for detail in (*CODES, *OWN_CODES, *SILENT, *(f"{subject}.0" for subject in GENERAL_CODES)):
        assert {f"4.{detail}", f"5.{detail}"} <= ENHANCED_CODES
    assert {"5.0.0", "5.7.30", "2.1.5"} <= ENHANCED_CODES
    assert not {"5.8.0", "5.7.31", "3.1.1", "6.1.1", "1.1.1"} & ENHANCED_CODES


def test_sess_own_words_are_those_that_aws_documents() -> None:
    """Others are no error, and mean what their names are like."""
    assert SETTLED.keys() | SUB_TYPES.keys() == {
        "Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "EmailValidationSuppressed",
        "UnsubscribedRecipient", "CustomTimeoutExceeded", "MailboxFull", "MessageTooLarge", "ContentRejected",
        "AttachmentRejected", "NoEmail",
    }  # fmt: skip
    assert DELAY_TYPES.keys() == {
        "InternalFailure", "General", "MailboxFull", "SpamDetected", "RecipientServerError", "IPFailure",
        "TransientCommunicationFailure", "BYOIPHostNameLookupUnavailable", "Undetermined", "SendingDeferral",
    }  # fmt: skip
    assert REJECTS.keys() == {"Bad content"}


def test_every_word_of_the_taxonomy_is_said_of_some_reason() -> None:
    """What nothing is, needs no word."""
    reasons = BOOK.reasons.values()

    assert {reason.fault for reason in reasons} == FAULTS.keys()
    assert {
        kind for reason in reasons for kind in (reason.bounce_class, reason.transient_class)
    } == BOUNCE_CLASSES.keys()
    assert {
        act for reason in reasons for act in (reason.recommendation, reason.transient_recommendation)
    } <= RECOMMENDATIONS.keys()  # fmt: skip


def test_a_rule_is_told_by_its_row_and_else_by_the_head_of_its_file() -> None:
    """A provider's rules share provider and source; a rule that says nothing is a plain one."""
    head = {"provider": "example", "source": "a manual", "strength": "code"}

    assert Rule.read("f", head, {"id": "a", "reason": "virus"}) == Rule(
        "a", "virus", "code", (), (), "a manual", "example", None, "f"
    )
    assert Rule.read("f", {}, {"reply": "4"}) == Rule("", "", "plain", (), (), "", None, "4", "f")
    by_providers = [rule for rule in BOOK.rules if rule.file.startswith("providers/")]
    assert {rule.strength for rule in by_providers} >= {"code"}
    assert all(rule.source and rule.file.endswith(".toml") for rule in by_providers)
    assert all(rule.reason == rule.file.removeprefix("reasons/").removesuffix(".toml")
               for rule in BOOK.rules if rule not in by_providers)  # fmt: skip


def test_a_reason_is_told_by_the_head_of_its_file() -> None:
    """For a reply that may be different later all is as for one that will not, unless the head says more."""
    head = {"meaning": "m", "references": ["5.1.1", "550"], "fault": "recipient", "class": "hard",
            "recommendation": "suppress", "advice": "Do it."}  # fmt: skip
    later = {"class_4xx": "soft", "recommendation_4xx": "count", "retry_after": 60, "retry_after_4xx": 90}

    assert Reason.read("r", head) == Reason(
        "r", "m", ("5.1.1", "550"), "recipient", "hard", "hard", "suppress", "suppress", "Do it.", None, None
    )
    assert Reason.read("r", head | later) == Reason(
        "r", "m", ("5.1.1", "550"), "recipient", "hard", "soft", "suppress", "count", "Do it.", 60, 90
    )
    assert Reason.read("r", head | {"retry_after": 60}).transient_retry_after == 60


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"id": "virus.found"}, "duplicate", "2 rules have this id"),
        ({"id": ""}, "duplicate", "a rule has no id"),
        ({"reason": "tired"}, "reason", "no reason is called 'tired'"),
        ({"strength": "mighty"}, "strength", "no strength is called 'mighty'"),
        ({"source": "a manu"}, "source", "says not where it is documented"),
        ({"examples": []}, "example", "has no example"),
        ({"phrases": []}, "phrase", "has no phrase"),
        ({"phrases": ["..2 zebra"]}, "gap", "a gap at the end of '..2 zebra' does nothing"),
        ({"phrases": ["zebra (crossing"]}, "phrase", "a bracket is not closed"),
        ({"phrases": ["zebra) crossing"]}, "phrase", "cannot read the phrase"),
        ({"phrases": ["zebra?"]}, "phrase", "'zebra?' requires no word at all"),
        ({"phrases": ["zebra (the | crossing)"]}, "phrase", "an alternative holds only words without meaning"),
        ({"phrases": ["{zoo}"]}, "phrase", "there is no class {zoo}"),
        ({"phrases": ["mailbox"]}, "broad", "'mailbox' is found in nearly every reply"),
    ],
)
def test_the_linter_says_what_is_wrong_with_a_rule(changes: dict[str, Any], kind: str, said: str) -> None:
    """For who writes it; of the rules of one file and row."""
    rule = Rule.read("planted.toml", {}, {"id": "planted", "reason": "virus", "phrases": ["zebra crossing"],
                                          "source": "a manual", "examples": ["550 zebra crossing"]} | changes)  # fmt: skip
    few = BOOK._replace(rules=(*[one for one in BOOK.rules if one.id == "virus.found"], rule))
    lexicon = Lexicon(BOOK.classes, BOOK.stop_words, BOOK.common)
    flaws = [*lint._of_ids(few), *lint._of_fields(rule, few), *lint._of_phrases(rule, lexicon)]

    assert [flaw.kind for flaw in flaws if said in flaw.message] == [kind]
    assert all(str(flaw) == f"{flaw.rule}: {flaw.message}" for flaw in flaws)
    assert {flaw.rule for flaw in flaws} <= {changes.get("id", "planted"), "planted"}
