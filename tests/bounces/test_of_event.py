"""The classification of whole events, person by person."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent import classify_event, parse, testing


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
    "odd", [None, 1, [], "text", {"status": 5, "diagnosticCode": ["x"], "emailAddress": "ann@example.com"}]
)
def test_odd_details_count_as_absent(odd: Any) -> None:
    """They refuse nothing."""
    payload = testing.bounce(bounced=(), bounce_type="Transient", bounce_sub_type="General")
    payload["bounce"] |= {"bouncedRecipients": [odd] if isinstance(odd, dict) else None, "reportingMTA": odd}

    assert len(reasons(payload)) == 1
