"""What makes two deliveries the same event."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sesevent import parse
from sesevent.events.identity import IDENTITY, event_key
from sesevent.events.parse import EVENT_CLASSES

MAIL = {"messageId": "m-1", "timestamp": "2020-01-01T00:00:00.000Z", "destination": ["a@example.com"]}
AT = "2020-01-02T03:04:05.678Z"


def key(kind: str, body: dict[str, Any], *, family: str = "eventType", **mail: Any) -> str:
    (event,) = parse({family: kind, "mail": MAIL | mail, EVENT_CLASSES[kind].body or "": body})
    return event_key(event).hex()


def test_every_kind_has_a_row_with_a_reason() -> None:
    """A new kind cannot be forgotten."""
    assert set(EVENT_CLASSES) == set(IDENTITY)
    assert all(row.words and row.reason for row in IDENTITY.values())


def test_the_key_begins_with_the_event_time_so_that_it_sorts_by_time() -> None:
    """Four bytes of seconds, as in any ObjectId."""
    assert int(key("Open", {"timestamp": AT})[:8], 16) == 1577934245


SAME = [
    ("Bounce", {"feedbackId": "f", "timestamp": AT, "bouncedRecipients": [{"emailAddress": "a@example.com"}]},
     {"feedbackId": "f", "timestamp": AT, "remoteMtaIp": "192.0.2.1"}),
    ("Complaint", {"feedbackId": "f", "timestamp": AT}, {"feedbackId": "f", "timestamp": AT, "userAgent": "x"}),
    ("Delivery", {"recipients": ["a@x.example", "b@x.example"], "timestamp": AT},
     {"recipients": ["B@X.example", "a@x.example"], "timestamp": AT, "smtpResponse": "250"}),
]  # fmt: skip
DIFFERENT = [
    ("Bounce", {"feedbackId": "f", "timestamp": AT}, {"feedbackId": "g", "timestamp": AT}),
    ("Delivery", {"recipients": ["a@x.example"], "timestamp": AT}, {"recipients": ["b@x.example"], "timestamp": AT}),
    ("Open", {"timestamp": AT, "ipAddress": "1"}, {"timestamp": AT, "ipAddress": "2"}),
    ("Open", {"timestamp": AT}, {"timestamp": AT.replace("678", "679")}),
    ("Click", {"timestamp": AT, "link": "https://a.example"}, {"timestamp": AT, "link": "https://b.example"}),
    ("DeliveryDelay", {"timestamp": AT}, {"timestamp": AT.replace("05.", "06.")}),
    ("Bounce", {"timestamp": AT, "bouncedRecipients": [{"emailAddress": "a@x.example"}]},
     {"timestamp": AT, "bouncedRecipients": [{"emailAddress": "b@x.example"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_both_payload_families_of_one_event_have_one_key(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Identity notifications and event publishing may both be switched on: it still happened once."""
    assert key(kind, one) == key(kind, other, family="notificationType", sourceIp="192.0.2.9")


@pytest.mark.parametrize(("kind", "one", "other"), DIFFERENT)
def test_two_real_events_have_two_keys(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two opens of one mail are two opens."""
    assert key(kind, one) != key(kind, other)


@pytest.mark.parametrize("kind", EVENT_CLASSES)
def test_another_mail_is_another_event(kind: str) -> None:
    """The message id is in every key; and the kind is."""
    assert key(kind, {}) != key(kind, {}, messageId="m-2")
    assert sum(key(kind, {}) == key(other, {}) for other in EVENT_CLASSES) == 1


def test_an_unknown_event_is_identified_by_all_of_it() -> None:
    """Whatever the order of its fields."""
    payload = {"eventType": "New", "mail": MAIL, "new": {"timestamp": AT, "x": [1, {"b": 1, "a": 2}]}}
    turned = dict(reversed(list(copy.deepcopy(payload).items())))
    other = payload | {"new": {"timestamp": AT, "x": 2}}

    assert event_key(parse(payload)[0]) == event_key(parse(turned)[0])
    assert event_key(parse(payload)[0]) != event_key(parse(other)[0])


@pytest.mark.parametrize("when", ["1960-01-01T00:00:00Z", "2200-01-01T00:00:00Z", None])
def test_times_outside_an_object_ids_clock_still_make_a_key(when: str | None) -> None:
    """They sort at the nearest end."""
    assert len(key("Open", {"timestamp": when}, timestamp=when)) == 24
