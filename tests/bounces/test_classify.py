"""Classification: what is said of a bounce, and which evidence decides."""

from __future__ import annotations

import copy
import pickle
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesevent.bounces import classify, classify_delay, classify_reject, classify_rendering_failure
from sesevent.bounces.rulebook import load_rules
from sesevent.bounces.text import LIMIT, plain

SAMPLES = [text for rule in load_rules().rules for text in rule.examples]
ANY_TEXT = st.one_of(st.none(), st.text(max_size=300), st.sampled_from(SAMPLES))


def outcome(**fields: Any) -> tuple[Any, ...]:
    found = classify(**fields)
    return found.verdict


# ── what decides ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "reason", "evidence"),
    [
        # SES's own acts stand above everything.
        ({"bounce_subtype": "OnAccountSuppressionList", "diagnostic": "550 user unknown"}, "suppressed", "ses"),
        ({"bounce_subtype": "Suppressed"}, "suppressed", "ses"),
        ({"bounce_subtype": "OnTenantSuppressionList"}, "suppressed", "ses"),
        ({"bounce_subtype": "EmailValidationSuppressed"}, "suppressed", "ses"),
        ({"bounce_subtype": "UnsubscribedRecipient", "bounce_type": "Permanent"}, "unsubscribed", "ses"),
        ({"bounce_subtype": "CustomTimeoutExceeded", "bounce_type": "Transient"}, "expired", "ses"),
        # A provider's code above an exact code.
        ({"diagnostic": "550 5.1.1 refused (S3140)"}, "blocked", "code"),
        # A code nobody sends by default above strong words; those above a common code.
        ({"diagnostic": "550 5.7.25 user unknown"}, "authentication", "own_code"),
        ({"diagnostic": "550 5.1.1 mailbox is full"}, "mailbox_full", "strong"),
        # A common code above weak words, those above SES's reading, that above a general code.
        ({"diagnostic": "550 5.1.1 rejected"}, "user_unknown", "status"),
        ({"diagnostic": "550 5.7.1 rejected", "bounce_subtype": "ContentRejected"}, "policy", "weak"),
        ({"status": "5.6.0", "bounce_subtype": "MailboxFull"}, "mailbox_full", "sub_type"),
        ({"status": "5.6.0"}, "content_rejected", "general_status"),
        ({"diagnostic": "452 zebra"}, "mailbox_full", "reply"),
        ({"bounce_subtype": "NoEmail"}, "user_unknown", "sub_type"),
        ({"bounce_subtype": "AttachmentRejected"}, "content_rejected", "sub_type"),
        ({"bounce_subtype": "MessageTooLarge"}, "too_large", "sub_type"),
        # Not a failure at all.
        ({"bounce_type": "Transient", "bounce_subtype": "General"}, "auto_reply", "ses_type"),
        ({"bounce_type": "Transient", "bounce_subtype": "General", "action": "delivered"}, "auto_reply", "ses_type"),
        ({"bounce_type": "Transient", "bounce_subtype": "General", "action": "failed"}, "undetermined", "none"),
        ({"bounce_type": "Permanent", "bounce_subtype": "General"}, "user_unknown", "ses_type"),
        ({"bounce_type": "Undetermined", "bounce_subtype": "Undetermined"}, "undetermined", "none"),
        ({"bounce_type": "Permanent", "bounce_subtype": "SomethingNew"}, "user_unknown", "ses_type"),
        # Lists that SES may add next are named like those it has.
        ({"bounce_type": "Permanent", "bounce_subtype": "OnPoolSuppressionList"}, "suppressed", "ses"),
        ({"bounce_type": "Permanent", "bounce_subtype": "UnsubscribedTopic"}, "unsubscribed", "ses"),
        ({}, "undetermined", "none"),
    ],
)
def test_the_strongest_evidence_decides(fields: dict[str, Any], reason: str, evidence: str) -> None:
    """Row by row of the priority table."""
    found = classify(**fields)
    assert (found.reason, found.evidence) == (reason, evidence)


@pytest.mark.parametrize(
    ("diagnostic", "reason"),
    [
        ("host mx.example.com[192.0.2.1] said: 550 Denied by policy (in reply to RCPT TO command)", "policy"),
        ("SMTP error from remote mail server after RCPT TO:<a@x.example>: host mx.x.example [192.0.2.1]: 550 no such user",
         "user_unknown"),
        ("it was rejected by the recipient domain; the other server said: 552 5.2.2 mailbox is full", "mailbox_full"),
        ("connect to mx.example.com[192.0.2.1]: server refused to talk to me: 421 Service not available", "blocked"),
        ("Mailbox is full (552)", "mailbox_full"),
        ("550-5.1.1 The address that you\r\n 550-5.1.1 wrote to does\r\n 550 5.1.1 not exist", "user_unknown"),
    ],
)  # fmt: skip
def test_the_servers_own_words_come_before_the_mailers_wrapping(diagnostic: str, reason: str) -> None:
    """What stands before the reply code was added by the side that sends."""
    assert classify(diagnostic=diagnostic).reason == reason


@pytest.mark.parametrize(
    ("said", "reported", "reason"),
    [("550 5.0.0 zebra", "5.1.1", "user_unknown"), ("550 5.2.2 zebra", "5.1.1", "mailbox_full"),
     ("550 5.0.0 zebra", "5.3.0", "system_error"), ("550 zebra", "5.1.1 (bad mailbox)", "user_unknown")],
)  # fmt: skip
def test_the_more_telling_of_two_codes_counts(said: str, reported: str, reason: str) -> None:
    """The server's own, unless it says nothing: reports are filled in with general ones."""
    assert classify(diagnostic=said, status=reported).reason == reason


@pytest.mark.parametrize("general", ["5.3.0", "5.4.0", "5.5.0", "5.6.0", "5.7.0", "5.7.1"])
def test_a_code_that_names_a_field_only_says_less_than_one_with_one_meaning(general: str) -> None:
    """And more than one that says nothing, whoever reported which."""
    for said, reported in ((general, "5.1.1"), ("5.1.1", general)):
        assert classify(diagnostic=f"550 {said} zebra", status=reported).rule == "status.5.1.1"
    for silent in ("5.0.0", "5.1.0", "5.2.0"):
        for said, reported in ((general, silent), (silent, general)):
            assert classify(diagnostic=f"550 {said} zebra", status=reported).rule == f"status.{general}"


@pytest.mark.parametrize(
    ("fields", "evidence", "confidence"),
    [
        ({"bounce_subtype": "Suppressed"}, "ses", 1.0),
        ({"diagnostic": "550 refused (S3140)"}, "code", 0.98),
        ({"diagnostic": "550 5.7.708 refused (S3140)"}, "code", 1.0),  # never surer than sure
        ({"diagnostic": "550 5.7.25 zebra"}, "own_code", 0.95),
        ({"diagnostic": "550 mailbox is full"}, "strong", 0.93),
        ({"diagnostic": "550 5.2.2 zebra"}, "status", 0.75),
        ({"diagnostic": "550 5.2.2 mailbox is full"}, "strong", 0.97),  # the code agrees,
        ({"diagnostic": "550 5.1.1 mailbox is full"}, "strong", 0.89),  # …disagrees,
        ({"diagnostic": "550 5.7.1 mailbox is full"}, "strong", 0.93),  # …says too little
        ({"diagnostic": "550 5.1.1 rejected"}, "status", 0.71),
        ({"bounce_subtype": "MailboxFull"}, "sub_type", 0.55),
        ({"status": "5.6.0"}, "general_status", 0.45),
        ({"diagnostic": "452 zebra"}, "reply", 0.3),
        ({"bounce_type": "Permanent"}, "ses_type", 0.25),
        ({}, "none", 0.0),
    ],
)
def test_how_far_a_reason_can_be_relied_on(fields: dict[str, Any], evidence: str, confidence: float) -> None:
    """The evidence's own figure, moved by a code that agrees or not."""
    found = classify(**fields)
    assert (found.evidence, found.confidence) == (evidence, confidence)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"bounce_subtype": "Suppressed"}, "ses.Suppressed"),
        ({"bounce_subtype": "MailboxFull"}, "ses.MailboxFull"),
        ({"status": "5.2.2"}, "status.5.2.2"),
        ({"status": "5.6.0"}, "status.5.6.0"),
        ({"diagnostic": "550 5.1.1 rejected"}, "status.5.1.1"),
        ({"diagnostic": "452 zebra"}, "reply.452"),
        ({"bounce_type": "Transient"}, "ses.no_failure"),
        ({"bounce_type": "Permanent"}, "ses.permanent"),
        ({}, "none"),
    ],
)
def test_what_decided_is_named(fields: dict[str, Any], rule: str) -> None:
    """As a rule of the files would be."""
    assert classify(**fields).rule == rule


def test_what_decided_a_delay_or_a_reject_is_named() -> None:
    """So that it can be counted."""
    assert classify_delay(delay_type="MailboxFull").rule == "ses.delay.MailboxFull"
    assert classify_delay(delay_type="MailboxFull").evidence == "sub_type"
    assert classify_reject("Bad content").rule == "ses.reject"
    assert classify_reject("  bad CONTENT ").reason == "virus"
    assert classify_rendering_failure("MISSING").rule == "ses.rendering.missing_data"


@pytest.mark.parametrize(
    ("fields", "reason", "bounce_class"),
    [
        ({"diagnostic": "450 5.1.2 zebra"}, "domain_not_found", "soft"),  # the reply code is what servers act upon
        ({"diagnostic": "550 4.1.2 zebra"}, "domain_not_found", "hard"),
        ({"status": "4.1.2"}, "domain_not_found", "soft"),
        ({"status": "5.1.2"}, "domain_not_found", "hard"),
        ({"status": "5.1.2", "bounce_type": "Transient"}, "domain_not_found", "hard"),
    ],
)
def test_the_reply_code_says_whether_it_may_pass(fields: dict[str, Any], reason: str, bounce_class: str) -> None:
    """Before the enhanced code, which stands before SES's word."""
    found = classify(**fields)
    assert (found.reason, found.bounce_class) == (reason, bounce_class)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("5.2.2", "mailbox_full"), ("smtp; 5.2.2 (full)", "mailbox_full"), ("5.2.2.1", "undetermined"),
     ("15.2.2", "undetermined"), ("5.2.2222", "undetermined"), ("2.2.2", "undetermined"), ("5.0.7", "undetermined"), ("5.9.9", "undetermined"),
     ("x" * 59 + "5.2.2", "mailbox_full"), ("x" * 60 + "5.2.2", "undetermined")],
)  # fmt: skip
def test_a_status_is_read_as_the_rfc_has_it(status: str, reason: str) -> None:
    """A class, a subject, a detail, with a comment perhaps; not an address, and not far behind."""
    assert classify(status=status).reason == reason


@pytest.mark.parametrize("action", ["delivered", "Relayed", "EXPANDED"])
def test_who_was_delivered_to_did_not_fail(action: str) -> None:
    """RFC 3464: whatever SES calls the report."""
    assert classify(bounce_type="Permanent", action=action).reason == "auto_reply"
    assert classify(bounce_type="Permanent", action="failed").reason == "user_unknown"


def test_a_delay_is_soft_and_says_when_to_come_back() -> None:
    """Nothing is final while SES tries; a time-out is the network's."""
    unknown = classify_delay(diagnostic="450 user unknown")
    expired = classify_delay(diagnostic="451 4.4.7 message expired")

    assert (unknown.bounce_class, unknown.recommendation, unknown.retry_after) == ("soft", "count", 3600)
    assert unknown.matched == "user unknown"
    assert expired.reason == "network"
    assert classify_delay(delay_type="IPFailure", status="4.2.2").reason == "mailbox_full"


def test_the_provider_is_named_by_the_reporting_server_too() -> None:
    """Where the words do not give it away; a name that is none of theirs is nobody's."""
    assert classify(status="5.1.1", reporting_mta="dns; MX.Google.com").provider == "Google"
    assert classify(diagnostic="550 zebra", reporting_mta="dsn;mx.google.com").provider == "Google"
    assert classify(status="5.1.1", reporting_mta="dns; mx.example.com").provider is None
    assert classify(status="5.1.1").provider is None


def test_a_classification_as_values_holds_no_words_of_the_server() -> None:
    """They may name the recipient; so does its repr not."""
    found = classify(diagnostic="550 5.1.1 user unknown: ann@example.com")
    told = found.as_dict()

    assert told["reason"] == found.reason == "user_unknown"
    assert (told["permanent"], told["span"]) == (True, found.span)
    assert found.matched == "user unknown"
    assert "ann" not in str(told)
    assert repr(found) == (
        "Classification(reason='user_unknown', bounce_class='hard', fault='recipient', "
        f"recommendation='suppress', rule={found.rule!r}, confidence={found.confidence})"
    )
    assert classify(status="5.1.1").span is classify(status="5.1.1").matched is None


def test_a_classification_without_its_place_in_the_text_shows_no_words() -> None:
    """Whoever keeps the verdict and drops the place asks for none."""
    found = classify(diagnostic="550 5.1.1 user unknown")

    assert found._replace(hit=None).matched is found._replace(hit=None).span is None
    assert found._replace(diagnostic=None).matched is found._replace(diagnostic=None).span is None


@pytest.mark.parametrize("kind", ["x-user-unknown", "smtp; x-user-unknown", " X-User-Unknown "])
def test_the_type_of_the_diagnostic_is_no_word_of_the_server(kind: str) -> None:
    """However it is called."""
    assert classify(diagnostic=f"{kind}; 550 zebra").reason == "undetermined"
    assert classify(diagnostic=f"{kind.replace('-', ' ')}; 550 zebra").reason == "user_unknown"


def test_a_wait_has_its_bounds() -> None:
    """Of attempts and of chance; a day at most, before chance."""
    found = classify(diagnostic="451 greylisted")

    assert found.backoff(-1) == found.backoff(0) == found.backoff() == 300.0
    assert (found.backoff(0, -1.0), found.backoff(0, 2.0)) == (150.0, 450.0)
    assert found.backoff(99, 1.0) == 1.5 * 86400.0


@pytest.mark.parametrize("text", ["account disabled", "unknown domain"])
def test_what_may_pass_is_not_final(text: str) -> None:
    """Inactive mailboxes and missing domains are hard on 5xx, and counted on 4xx or SES's Transient."""
    assert classify(diagnostic=f"550 {text}").permanent
    later = classify(diagnostic=f"450 {text}")
    assert (later.bounce_class, later.recommendation) == ("soft", "count")
    assert classify(diagnostic=text, bounce_type="Transient").bounce_class == "soft"
    assert classify(diagnostic=text, bounce_type="Permanent").permanent


def test_a_missing_mailbox_stays_missing_under_a_transient_label() -> None:
    """Postfix says 450 for an unknown user if told to; SES files that under Transient."""
    assert classify(diagnostic="450 4.1.1 user unknown", bounce_type="Transient").permanent


def test_a_block_on_us_does_not_make_an_address_dead() -> None:
    """Whatever SES calls it."""
    found = classify(diagnostic="554 5.7.1 your IP is blacklisted", bounce_type="Permanent", bounce_subtype="General")
    assert (found.fault, found.bounce_class, found.permanent) == ("sender", "block", False)


def test_agreement_moves_the_confidence() -> None:
    """A code that says the same makes the words surer, one that differs less sure."""
    alone, agreed, opposed = (classify(diagnostic=text).confidence
                              for text in ("550 user unknown", "550 5.1.1 user unknown", "550 5.2.2 user unknown"))  # fmt: skip
    assert 0 < opposed < alone < agreed <= 1


@pytest.mark.parametrize(
    ("fields", "provider"),
    [
        ({"diagnostic": "550 5.7.1 blocked - gsmtp"}, "Google"),
        ({"diagnostic": "550 5.5.0 mailbox unavailable [x.prod.protection.outlook.com]"}, "Microsoft"),
        ({"diagnostic": "421 4.7.0 [TSS04] deferred"}, "Yahoo"),
        ({"diagnostic": "550 no", "reporting_mta": "dns; mta7.am0.yahoodns.net"}, "Yahoo"),
        ({"reporting_mta": "dsn; mx0a.pphosted.com"}, "Proofpoint"),
        ({"diagnostic": "550 user unknown <jane@gmail.example>"}, None),
    ],
)
def test_the_provider_is_named_where_its_words_give_it_away(fields: dict[str, str], provider: str | None) -> None:
    """From the reply or the reporting host; never from the recipient's address."""
    assert classify(**fields).provider == provider


# ── what is handed over ──────────────────────────────────────────────────────────────────────


def test_the_span_points_at_the_words_that_decided() -> None:
    """Offsets are into the diagnostic as given, prefix, folds and accents included."""
    text = "smtp; 552-5.2.2 Désolé,\r\n 552 5.2.2 la BOÎTE est\tpleine!"
    found = classify(diagnostic=text)
    assert found.matched == "BOÎTE est\tpleine!"[:-1]
    assert found.span is not None
    assert text[slice(*found.span)] == found.matched


@pytest.mark.parametrize(
    "before", ["", "We are sorry. ", "No. No more. ", "... ", "mx.example.com says no. ", ".no ", "5.2.2. "]
)
def test_the_span_is_right_behind_the_end_of_a_sentence(before: str) -> None:
    """Its end is a sign of its own, that stands in no word."""
    assert classify(diagnostic=f"552 {before}Mailbox is full. Try later.").matched == "Mailbox is full."


def test_there_is_no_span_where_no_words_decided() -> None:
    """Codes and SES's words are named by the rule's id."""
    found = classify(status="5.1.1")
    assert (found.span, found.matched, found.rule) == (None, None, "status.5.1.1")


def test_a_repr_shows_no_words_of_the_diagnostic() -> None:
    """Diagnostics name people."""
    found = classify(diagnostic="550 5.1.1 <jane.doe@example.com>: user unknown")
    assert "jane" not in repr(found)
    assert "jane" not in str(found)
    assert "jane" not in str(found.as_dict())


def test_a_classification_does_not_change() -> None:
    """Neither its fields nor what it holds."""
    found = classify(diagnostic="550 user unknown")
    for change in (
        lambda: setattr(found, "verdict", None),
        lambda: setattr(found, "reason", ""),
        lambda: delattr(found, "verdict"),
    ):
        with pytest.raises(AttributeError):
            change()


def test_a_classification_is_a_value() -> None:
    """Equal, hashable, and the same after a copy or a pickle."""
    found = classify(diagnostic="550 user unknown")
    assert found == classify(diagnostic="550 user unknown")
    assert found != classify(diagnostic="550 mailbox full")
    assert found != "user_unknown"
    assert copy.copy(found) == pickle.loads(pickle.dumps(found)) == found
    assert len({found, classify(diagnostic="550 user unknown")}) == 1


def test_waits_grow_and_are_spread() -> None:
    """Doubled each time up to a day; chance comes from the caller."""
    found = classify(diagnostic="451 greylisted")
    assert found.retry_after == 300
    assert [found.backoff(attempt) for attempt in range(3)] == [300.0, 600.0, 1200.0]
    assert (found.backoff(0, 0.0), found.backoff(0, 1.0)) == (150.0, 450.0)
    assert found.backoff(99) == 86400.0
    assert classify(diagnostic="550 user unknown").backoff() is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"delay_type": "MailboxFull"}, "mailbox_full"),
        ({"delay_type": "IPFailure"}, "blocked"),
        ({"delay_type": "SendingDeferral"}, "rate_limited"),
        ({"delay_type": "TransientCommunicationFailure"}, "network"),
        ({"delay_type": "TransientCommunicationFailure", "diagnostic": "450 greylisted"}, "greylisted"),
        ({"delay_type": "General", "diagnostic": "452 4.2.2 mailbox full"}, "mailbox_full"),
        ({"delay_type": "SpamDetected", "status": "4.0.0"}, "spam_content"),
        ({"delay_type": "SomethingNew"}, "undetermined"),
        ({"diagnostic": "4.4.1 Connection timed out"}, "network"),
        ({}, "undetermined"),
    ],
)
def test_a_delay_has_a_reason_too(fields: dict[str, Any], reason: str) -> None:
    """The words, else SES's delay type."""
    found = classify_delay(**fields)
    assert found.reason == reason
    assert found.bounce_class != "hard"


def test_rejects_and_rendering_failures_have_a_reason_too() -> None:
    """Both concern the content; an unknown reject is no virus."""
    assert classify_reject("Bad content").reason == "virus"
    assert classify_reject("Something new").reason == "content_rejected"
    assert classify_reject(None).reason == "content_rejected"
    failed = classify_rendering_failure("Attribute 'name' is missing: jane@example.com")
    assert (failed.reason, failed.rule, failed.fault) == ("content_rejected", "ses.rendering.missing_data", "content")
    assert classify_rendering_failure().rule == "ses.rendering"


# ── for any text ─────────────────────────────────────────────────────────────────────────────


@given(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT))
def test_it_never_raises(texts: tuple[str | None, ...]) -> None:
    """Whatever SES or a server may send; and what it answers is of the taxonomy."""
    names = ("status", "diagnostic", "bounce_type", "bounce_subtype", "action", "reporting_mta")
    found = classify(**dict(zip(names, texts, strict=True)))
    assert found.reason in load_rules().reasons
    assert 0 <= found.confidence <= 1
    assert found.span is None or found.matched


@given(st.one_of(st.sampled_from(SAMPLES), st.text(st.characters(codec="ascii"), max_size=200)))
def test_it_is_stable_under_case(text: str) -> None:
    """Servers shout."""
    assert outcome(diagnostic=text.upper()) == outcome(diagnostic=text.lower()) == outcome(diagnostic=text)


@given(st.sampled_from(SAMPLES), st.sampled_from(["  ", "\t", "\r\n ", "\n\t", " \r\n  "]))
@example("550 5.1.1 user unknown.", "\r\n ")
def test_it_is_stable_under_white_space_and_folding(text: str, space: str) -> None:
    """Headers are folded anywhere between words."""
    assert outcome(diagnostic=space + text.replace(" ", space) + space) == outcome(diagnostic=text)


@given(st.sampled_from(SAMPLES), st.sampled_from(["smtp; ", "SMTP;", "x-unix; ", "x-postfix;  ", "smtp; smtp; "]))
def test_it_is_stable_under_the_type_of_the_diagnostic(text: str, prefix: str) -> None:
    """RFC 3464 puts one in front; some mailers put two."""
    assert outcome(diagnostic=prefix + text) == outcome(diagnostic=text)


@given(st.sampled_from(SAMPLES))
def test_the_matched_words_alone_lead_to_the_same_reason(text: str) -> None:
    """What is shown as the proof is one, unless a narrower rule needs less."""
    found = classify(diagnostic=text)
    if found.matched is not None:
        assert set(plain(found.matched).split()) <= set(plain(text).split())


@pytest.mark.parametrize(
    "hostile",
    ["user unknown " * 1000, "not " * 4000, "a" * 10_000, ";" * 10_000, "smtp;" * 3000, "5.1.1 " * 3000, "@." * 5000, "." * 10_000,
     "mailbox not rejected sender " * 500, "\u0130\u00df\u0345" * 3000, "用户不存在" * 2000, "550-" * 3000, "a.b." * 4000],
    ids=range(13),
)  # fmt: skip
def test_hostile_text_costs_no_more_than_any_other(hostile: str) -> None:
    """The first 2,000 characters are read, and no expression runs away on them."""
    classify(diagnostic=hostile)
    started = time.process_time()
    for _ in range(5):
        classify(diagnostic=hostile)
    assert (time.process_time() - started) / 5 < 0.02


def test_what_stands_beyond_the_limit_is_not_read() -> None:
    """And said to be so."""
    assert classify(diagnostic="x " * (LIMIT // 2) + "550 user unknown").reason == "undetermined"


@pytest.mark.parametrize(
    ("bounce_type", "reason", "bounce_class"),
    [
        ("Permanent", "user_unknown", "hard"),
        ("Transient", "auto_reply", "auto_reply"),
        ("Undetermined", "undetermined", "undetermined"),
    ],
)
def test_where_nothing_else_is_there_sess_own_word_counts(bounce_type: str, reason: str, bounce_class: str) -> None:
    """With little confidence: any word or code of the receiving server goes before it."""
    told = classify(bounce_type=bounce_type, bounce_subtype="General")

    assert (told.reason, told.bounce_class) == (reason, bounce_class)
    assert told.confidence < 0.3
    assert classify(bounce_type=bounce_type, diagnostic="smtp; 552 5.2.2 mailbox full").reason == "mailbox_full"
