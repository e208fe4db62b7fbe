"""The front door for people who think in mongoengine."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from payloads import all_genuine, payload
from sesevent import Bounce, SesEvent, parse
from sesevent.events.identity import event_key


def at(hour: int) -> datetime:
    return datetime(2024, 5, 1, hour, tzinfo=timezone.utc)


@pytest.fixture
def filled(store: Any, odm: Any) -> None:
    del odm
    store.receive_many(all_genuine([
        payload("Send", at="2024-05-01T10:00:00.000Z"), payload("Open", at="2024-05-01T11:00:00.000Z"),
        payload("Bounce", at="2024-05-01T12:00:00.000Z", to="bob@example.com", message_id="m-2"),
        payload("Bounce", at="2024-05-01T13:00:00.000Z", body={"bounceType": "Transient"}, message_id="m-3", tags={}),
        payload("Complaint", at="2024-05-01T14:00:00.000Z"),
    ]))  # fmt: skip


QUESTIONS = [
    (lambda o: o.by_message_id("m-2"), 1),
    (lambda o: o.of_type("Send", "Open"), 2),
    (lambda o: o.bounces(), 2),
    (lambda o: o.bounces("Transient"), 1),
    (lambda o: o.complaints(), 1),
    (lambda o: o.sends(), 1),
    (lambda o: o.opens(), 1),
    (lambda o: o.deliveries(), 0),
    (lambda o: o.clicks(), 0),
    (lambda o: o.bounces().for_recipient("BOB@Example.com").between(at(12), at(13)), 1),
    (lambda o: o.between(since=at(12)), 3),
    (lambda o: o.between(until=at(11)), 1),
    (lambda o: o.with_tag("campaign"), 4),
    (lambda o: o.with_tag("campaign", "autumn"), 0),
    (lambda o: o.configuration_set("main"), 4),
    (lambda o: o.from_source("Shop <SHOP@example.com>"), 5),
]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("question", "count"), QUESTIONS)
@pytest.mark.in_clear("mongoengine's class sees what Mongoose sees")
def test_chainable_questions(question: Any, count: int) -> None:
    """Each is a filter; they combine."""
    assert count == question(SesEvent.objects).count()


@pytest.mark.usefixtures("filled")
def test_order_and_the_typed_event() -> None:
    """By event time, both ways."""
    newest, oldest = SesEvent.objects.newest_first().first(), SesEvent.objects.oldest_first().first()

    assert (newest.Type, oldest.Type) == ("Complaint", "Send")
    assert isinstance(SesEvent.objects.bounces().first().parsed, Bounce)
    assert "example.com" not in repr(newest) + str(newest)


def test_saving_an_event_twice_keeps_one_row(rows: Any, odm: Any) -> None:
    """Its key is the primary key; and it is the row the store would have written."""
    del odm
    (event,) = parse(payload("Bounce"))
    for _ in range(2):
        SesEvent.from_event(event).save()

    assert [event_key(event)] == [row["_id"].binary for row in rows.find()]
    assert tuple(rows.find_one()[name] for name in ("Type", "MessageId", "Subject")) == ("Bounce", "m-1", "Hello")


def test_fields_of_others_survive_a_save(rows: Any, odm: Any) -> None:
    """Mongoose's version key, and whatever else stands there."""
    del odm
    rows.insert_one({"Type": "Send", "__v": 3, "custom": {"a": [1]}})
    document = SesEvent.objects.first()
    document.Subject = "Changed"
    document.save()

    assert {"__v": 3, "custom": {"a": [1]}, "Subject": "Changed"}.items() <= rows.find_one().items()


def test_another_collection_can_be_bound(mongo_client: Any, database: str, odm: Any) -> None:
    """A Mongoose application may use `ses_events`."""
    del odm
    SesEvent.bind(collection="ses_events")
    try:
        SesEvent(Type="Send").save()
    finally:
        SesEvent.bind(collection="ses_event")

    assert mongo_client[database]["ses_events"].count_documents({}) == 1


def test_using_the_class_creates_no_index(rows: Any, odm: Any) -> None:
    """A write-heavy log makes its indexes when it is told to."""
    del odm
    SesEvent(Type="Send").save()

    assert list(rows.index_information()) == ["_id_"]
