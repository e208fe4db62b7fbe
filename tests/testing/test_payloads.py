"""The builders say what SES would say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent import Event, parse, testing
from sesevent.events.identity import event_key
from sesevent.events.parse import EVENT_CLASSES
from sesevent.events.part import Part

BUILDERS: dict[str, Any] = {
    "Send": testing.send, "Delivery": testing.delivery, "Bounce": testing.bounce, "Complaint": testing.complaint,
    "Reject": testing.reject, "Open": testing.opened, "Click": testing.click,
    "Rendering Failure": testing.rendering_failure, "DeliveryDelay": testing.delivery_delay,
    "Subscription": testing.subscription, "Received": testing.received,
}  # fmt: skip


def read(payload: Any) -> Event:
    (event,) = parse(payload)
    return event


def extras(part: Any) -> list[str]:
    """Fields in a typed part, and in the parts inside it, that are not documented."""
    if isinstance(part, list):
        return [name for member in part for name in extras(member)]
    if not isinstance(part, Part):
        return []
    inner = [name for field in type(part).model_fields for name in extras(getattr(part, field))]
    return [*(part.model_extra or ()), *inner]


def test_there_is_a_builder_for_every_kind() -> None:
    """A new kind cannot be forgotten."""
    assert set(EVENT_CLASSES) == set(BUILDERS)


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_builders_payload_is_read_as_its_kind_with_documented_fields_only(kind: str) -> None:
    """A misspelled field would show up as one that is not documented."""
    event = read(BUILDERS[kind](to=("a@example.com", "b@example.com"), subject="Tëst"))

    assert EVENT_CLASSES[kind] is type(event)
    assert [recipient.address for recipient in event.recipients] == ["a@example.com", "b@example.com"]
    assert event.subject == "Tëst"
    assert extras(event.mail) == []
    assert (
        extras(getattr(event, {"deliveryDelay": "delivery_delay"}.get(event.body or "", event.body or ""), None)) == []
    )


@pytest.mark.parametrize("kind", ["Bounce", "Complaint", "Delivery"])
def test_both_families_of_one_event_are_the_same_event(kind: str) -> None:
    """And only the published one holds tags."""
    published, identity = (read(BUILDERS[kind](family=family)) for family in ("event", "identity"))

    assert event_key(published) == event_key(identity)
    assert published.tags
    assert not identity.tags


def test_equal_arguments_make_equal_payloads_and_others_make_other_ids() -> None:
    """No clock and no chance."""
    assert testing.bounce() == testing.bounce()
    assert testing.bounce()["mail"]["messageId"] != testing.bounce(to="x@example.com")["mail"]["messageId"]


def test_times_follow_from_the_sending() -> None:
    """Whatever time zone it is given in."""
    sent = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert (
        datetime(2024, 1, 1, 0, 1, tzinfo=timezone.utc)
        == read(testing.opened(sent=sent, after=timedelta(minutes=1))).timestamp
    )


def test_the_samples_hold_every_kind_and_no_event_twice() -> None:
    """They are what the demo shows."""
    events = [read(sample) for sample in testing.samples()]

    assert set(EVENT_CLASSES) == {event.type for event in events}
    assert len(events) == len({event_key(event) for event in events})
