"""Questions are answered alike by rollups and by the log."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId

from sesevent import jsontext, testing, trusted

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
WINDOW: tuple[Any, Any] = ("2024-05-01T00:30:00Z", "2024-05-03")
QUESTIONS = {
    "summary": lambda of, **more: of.summary(*WINDOW, **more),
    "filtered": lambda of, **more: of.summary(*WINDOW, campaign="spring", configuration_set="marketing", **more),
    "hours": lambda of, **more: of.timeseries(*WINDOW, by="hour", tz="Europe/Berlin", **more),
    "days": lambda of, **more: of.timeseries(*WINDOW, **more),
    "minutes": lambda of, **more: of.timeseries(*WINDOW, tz="Asia/Kolkata", **more),
    "campaign": lambda of, **more: of.by("campaign", *WINDOW, **more),
    "provider": lambda of, **more: of.by("provider", *WINDOW, **more),
    "domain": lambda of, **more: of.by("recipient_domain", *WINDOW, limit=3, **more),
    "tag": lambda of, **more: of.by("tag", *WINDOW, name="campaign", **more),
    "reasons": lambda of, **more: of.by("bounce_reason", *WINDOW, **more),
}


@pytest.fixture
def asked(store: Any, rows: Any) -> Any:
    raws = list(testing.stream(400, seed=1, start=START, mails_per_second=0.005))
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    for number, raw in enumerate(raws[:60], 1):  # as a Mongoose application wrote them beside ours
        rows.insert_one({
            "_id": ObjectId(f"{number:024x}"), "Type": "Notification", "MessageId": f"sns-{number}",
            "Message": raw["Message"], "Timestamp": "2024-05-01T12:00:00.000Z",
        })  # fmt: skip
    for number in range(9):  # …and what only it has
        sent = testing.payloads.send(
            to=f"old{number}@one.example", sent=START + timedelta(hours=2), message_id=f"old{number}"
        )
        rows.insert_one({"Type": "Send", "MessageId": f"old{number}", "Message": jsontext.encode(sent),
                         "Timestamp": "2024-05-01T02:00:00.000Z"})  # fmt: skip
    store.adopt()
    return store


@pytest.mark.parametrize("name", QUESTIONS)
def test_rollups_answer_as_the_log_does(asked: Any, name: str) -> None:
    """Older rows among them, each event once."""
    before = QUESTIONS[name](asked.analytics).to_dict()
    asked.analytics.roll_up()
    assert QUESTIONS[name](asked.analytics).to_dict() == before
    assert QUESTIONS[name](asked.analytics, exact=True).to_dict() == before
