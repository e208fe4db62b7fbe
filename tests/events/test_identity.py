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
    assert {row.words.partition(",")[0] for row in IDENTITY.values()} == {"message"}  # its id is in every key


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
    ("Complaint", {"feedbackId": "f", "timestamp": AT}, {"feedbackId": "g", "timestamp": AT}),
    ("Open", {"timestamp": AT, "userAgent": "1"}, {"timestamp": AT, "userAgent": "2"}),
    ("Click", {"timestamp": AT, "userAgent": "1"}, {"timestamp": AT, "userAgent": "2"}),
    ("Click", {"timestamp": AT, "ipAddress": "1"}, {"timestamp": AT, "ipAddress": "2"}),
    ("Click", {"timestamp": AT}, {"timestamp": AT.replace("678", "679")}),
    ("DeliveryDelay", {"timestamp": AT, "delayType": "General"}, {"timestamp": AT, "delayType": "MailboxFull"}),
    ("DeliveryDelay", {"timestamp": AT, "delayedRecipients": [{"emailAddress": "a@x.example"}]},
     {"timestamp": AT, "delayedRecipients": [{"emailAddress": "b@x.example"}]}),
    ("Subscription", {"timestamp": AT, "contactList": "a"}, {"timestamp": AT, "contactList": "b"}),
    ("Subscription", {"timestamp": AT}, {"timestamp": AT.replace("678", "679")}),
    ("Received", {"timestamp": AT, "recipients": ["a@x.example"]}, {"timestamp": AT, "recipients": ["b@x.example"]}),
    ("Received", {"timestamp": AT}, {"timestamp": AT.replace("678", "679")}),
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


# Rows are stored under these for ever: one that changes makes a second row of whatever is delivered again.
KEYS = {
    "Send": ({}, "5e0be100788f4f2665c0ca13"),
    "Delivery": ({"recipients": ["b@x.example", "a@x.example"], "timestamp": AT}, "5e0d5da5caf674c9b8669396"),
    "Bounce": ({"feedbackId": "f", "timestamp": AT}, "5e0d5da599de12a2f5c9fb6d"),
    "Complaint": (
        {"timestamp": AT, "complainedRecipients": [{"emailAddress": "a@x.example"}]},
        "5e0d5da547287d85a6d42221",
    ),
    "Reject": ({}, "5e0be100a1ad9fcb8869af6b"),
    "Open": ({"timestamp": AT, "ipAddress": "192.0.2.1", "userAgent": "x"}, "5e0d5da5d98fff560050bd3f"),
    "Click": (
        {"timestamp": AT, "ipAddress": "192.0.2.1", "userAgent": "x", "link": "https://a.example"},
        "5e0d5da5a803f218d96faaf7",
    ),
    "Rendering Failure": ({}, "5e0be1002124a2de94dbb9b6"),
    "DeliveryDelay": ({"timestamp": AT, "delayType": "General", "delayedRecipients": []}, "5e0d5da5edb2f5de5773e805"),
    "Subscription": ({"timestamp": AT, "contactList": "a"}, "5e0d5da5479da8de4e9dcc69"),
    "Received": ({"timestamp": AT, "recipients": ["a@x.example", "b@x.example"]}, "5e0d5da536323b9cac5bddcf"),
}


@pytest.mark.parametrize("kind", EVENT_CLASSES)
def test_a_key_stays_what_it_was(kind: str) -> None:
    """In every release, on every Python."""
    body, kept = KEYS[kind]

    assert key(kind, body) == kept


def test_of_an_unknown_kind_too_a_key_stays_what_it_was() -> None:
    """It is made of the whole payload."""
    assert (
        event_key(parse({"eventType": "New", "mail": MAIL, "new": {"timestamp": AT, "x": [{"b": 1, "a": 2}]}})[0]).hex()
        == "5e0d5da5b6a78a6aa9d5d271"
    )


def test_the_order_in_which_people_are_named_means_nothing() -> None:
    """Without an id of SES's they are a part of the key."""
    people = [{"emailAddress": "a@x.example"}, {"emailAddress": "b@x.example"}]

    assert key("Bounce", {"timestamp": AT, "bouncedRecipients": people}) == key(
        "Bounce", {"timestamp": AT, "bouncedRecipients": people[::-1]}
    )


@pytest.mark.parametrize(
    ("when", "seconds"),
    [("1969-12-31T23:59:59Z", 0), ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01Z", 1), ("2106-02-07T06:28:15Z", 2**32 - 1),
     ("2106-02-07T06:28:16Z", 2**32 - 1), (None, 0)],
)  # fmt: skip
def test_the_time_in_a_key_ends_where_32_bits_do(when: str | None, seconds: int) -> None:
    """What is before or behind sorts at the nearest end."""
    assert int(key("Open", {"timestamp": when}, timestamp=when)[:8], 16) == seconds


@pytest.mark.parametrize("when", ["1960-01-01T00:00:00Z", "2200-01-01T00:00:00Z", None])
def test_times_outside_an_object_ids_clock_still_make_a_key(when: str | None) -> None:
    """They sort at the nearest end."""
    assert len(key("Open", {"timestamp": when}, timestamp=when)) == 24


def test_events_without_a_message_id_are_told_apart_by_all_they_say() -> None:
    """SES always sends one; but what came without is not another's repeat, and stays its own."""
    raws = [
        {"eventType": "Send", "mail": {"timestamp": "2024-05-01T09:00:00.000Z", "destination": [to]}}
        for to in ("a@example.com", "b@example.com")
    ]
    keys = [event_key(event) for raw in (*raws, *raws) for event in parse(raw)]

    assert keys[0] != keys[1]
    assert keys[:2] == keys[2:]
