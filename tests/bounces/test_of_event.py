"""The classification of whole events, person by person."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent import classify_event, parse, testing
from sesevent.bounces.of_event import classify_body


def reasons(payload: dict[str, Any]) -> list[tuple[str, str]]:
    (event,) = parse(payload)
    return [(one.reason, one.bounce_class) for one in classify_event(event)]


def test_each_recipient_of_a_bounce_has_a_reason_of_its_own() -> None:
    """In the recipients' order: one is dead, the other's mailbox is full."""
    payload = testing.bounce(to=["ann@example.com", "ben@example.com"], bounced=["ann@example.com", "ben@example.com"])
    people = payload["bounce"]["bouncedRecipients"]
    people[0] |= {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}
    people[1] |= {"status": "5.2.2", "diagnosticCode": "smtp; 552 5.2.2 mailbox over quota"}

    assert reasons(payload) == [("user_unknown", "hard"), ("mailbox_full", "soft")]


def test_a_bounce_that_names_nobody_has_one_reason() -> None:
    """An absence note, mostly."""
    payload = testing.bounce(bounced=(), bounce_type="Undetermined", bounce_sub_type="Undetermined")

    assert len(reasons(payload)) == 1


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (testing.delivery_delay(delay_type="MailboxFull"), "mailbox_full"),
        (testing.reject(), "virus"),
        (testing.rendering_failure(), "content_rejected"),
    ],
)
def test_delays_rejects_and_rendering_failures_have_one_too(payload: dict[str, Any], reason: str) -> None:
    """A delay's says that it is for now."""
    assert [why for why, _ in reasons(payload)] == [reason]


@pytest.mark.parametrize("payload", [testing.send(), testing.delivery(), testing.opened(), testing.complaint()])
def test_what_is_no_failure_has_none(payload: dict[str, Any]) -> None:
    """Complaints are not bounces."""
    assert reasons(payload) == []


@pytest.mark.parametrize(
    ("of_mail", "of_person", "expected"),
    [
        ({}, {}, ("undetermined", None)),
        ({"bounceType": "Permanent"}, {}, ("user_unknown", None)),
        ({"bounceType": "Transient"}, {}, ("auto_reply", None)),
        ({"bounceType": "Transient"}, {"action": "failed"}, ("undetermined", None)),
        ({"bounceSubType": "MailboxFull"}, {}, ("mailbox_full", None)),
        ({}, {"status": "5.2.2"}, ("mailbox_full", None)),
        ({}, {"diagnosticCode": "smtp; 552 mailbox full"}, ("mailbox_full", None)),
        ({}, {"action": "delivered"}, ("auto_reply", None)),
        ({"reportingMTA": "dns; mx.google.com"}, {"status": "5.2.2"}, ("mailbox_full", "Google")),
    ],
)
def test_each_detail_of_a_bounce_is_heard(
    of_mail: dict[str, Any], of_person: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    """What SES says of the mail, and what the server said of the person."""
    body = of_mail | {"bouncedRecipients": [{"emailAddress": "ann@example.com"} | of_person]}

    assert [(one.reason, one.provider) for one in classify_body("Bounce", body)] == [expected]


@pytest.mark.parametrize(
    ("of_mail", "of_person", "reason"),
    [
        ({}, {}, "undetermined"),
        ({"delayType": "IPFailure"}, {}, "blocked"),
        ({"delayType": "General"}, {"status": "4.2.2"}, "mailbox_full"),
        ({}, {"diagnosticCode": "450 greylisted"}, "greylisted"),
    ],
)
def test_each_detail_of_a_delay_is_heard(of_mail: dict[str, Any], of_person: dict[str, Any], reason: str) -> None:
    """Likewise; one who is not named has none of his own, one who is named by the address alone has no details."""
    ann = {"emailAddress": "ann@example.com"}
    for people, expected in (([ann | of_person], [reason]), ([ann | of_person, "ben@example.com"], [reason, None])):
        told = [one.reason for one in classify_body("DeliveryDelay", of_mail | {"delayedRecipients": people})]
        alone = classify_body("DeliveryDelay", of_mail)[0].reason
        assert told == [alone if one is None else one for one in expected]


def test_what_ses_says_of_a_reject_and_of_a_template_is_heard() -> None:
    """A virus; data that is missing."""
    assert [one.reason for one in classify_body("Reject", {"reason": "Bad content"})] == ["virus"]
    assert [one.reason for one in classify_body("Reject", {"reason": "Other"})] == ["content_rejected"]
    (missing,) = classify_body("Rendering Failure", {"errorMessage": "Attribute 'name' is missing"})
    (other,) = classify_body("Rendering Failure", {})
    assert (missing.rule, other.rule) == ("ses.rendering.missing_data", "ses.rendering")


def test_of_people_those_without_an_address_are_nobody() -> None:
    """One reason for each that is named."""
    people = [{"status": "5.2.2"}, {"emailAddress": "ann@example.com", "status": "5.1.1"}, {"emailAddress": 7}]

    assert [one.reason for one in classify_body("Bounce", {"bouncedRecipients": people})] == ["user_unknown"]
    assert classify_body("Open", {}) == classify_body("Something New", None) == []


@pytest.mark.parametrize(
    "odd", [None, 1, [], "text", {"status": 5, "diagnosticCode": ["x"], "emailAddress": "ann@example.com"}]
)
def test_odd_details_count_as_absent(odd: Any) -> None:
    """They refuse nothing."""
    payload = testing.bounce(bounced=(), bounce_type="Transient", bounce_sub_type="General")
    payload["bounce"] |= {"bouncedRecipients": [odd] if isinstance(odd, dict) else None, "reportingMTA": odd}

    assert len(reasons(payload)) == 1
