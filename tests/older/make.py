"""Write the documents that this version makes of `sesevent.testing`'s payloads: run before a release that changes them.

``python tests/older/make.py > tests/older/v4.jsonl``. The files are never written again: they are what people have.
Nothing but what every version has is used.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone

from bson import ObjectId, json_util

from sesevent import testing
from sesevent.testing import payloads

NOW = datetime(2024, 5, 2, 8, 30, tzinfo=timezone.utc)
SENT = datetime(2024, 5, 1, 9, 30, tzinfo=timezone.utc)
FIVE = ("Type", "MessageId", "Subject", "Message", "Timestamp")


def received() -> list[dict]:
    """What is received: every kind, two people with reasons of their own, and the other payload family."""
    two = payloads.bounce(to=["ann@example.com", "ben@example.org"], sent=SENT, message_id="two")
    for number, person in enumerate(two["bounce"]["bouncedRecipients"]):
        person["diagnosticCode"] = ("smtp; 550 5.1.1 user unknown", "smtp; 552 5.2.2 mailbox full")[number]
    notified = {
        ("notificationType" if name == "eventType" else name): value
        for name, value in payloads.complaint(to="cleo@example.net", sent=SENT, message_id="notified").items()
    }
    unknown = payloads.send(to="dan@example.com", sent=SENT, message_id="unknown") | {"eventType": "Teleported"}
    return [*testing.samples(), two, notified, unknown]


def of_others() -> list[dict]:
    """Rows as a Mongoose application writes them: an envelope, and one that was taken apart."""
    envelope = dict(testing.notification(payloads.bounce(to="eve@example.com", sent=SENT, message_id="of-others-1")))
    apart = payloads.delivery(to="fay@example.com", sent=SENT, message_id="of-others-2")
    return [
        {name: envelope[name] for name in FIVE if envelope.get(name) is not None} | {"__v": 0},
        {"Type": "Delivery", "MessageId": "of-others-2", "Message": json.dumps(apart), "__v": 0,
         "Timestamp": "2024-05-01T09:30:05.000Z"},
    ]  # fmt: skip


def stored() -> list[dict]:
    """What is in the collection then."""
    try:
        from sesevent import trusted
    except (ImportError, AttributeError):  # before there was any proof of origin

        def trusted(payload: object, because: str) -> object:
            return payload

    client = testing.MemoryClient()
    store = testing.memory_store(client, database="test", clock=lambda: NOW)
    for payload in received():
        store.receive(trusted(payload, because="a test's own"))
    rows = [{"_id": ObjectId(f"{number:024x}")} | row for number, row in enumerate(of_others(), 1)]
    client["test"]["ses_event"].insert_many(rows)
    store.adopt()
    return client["test"]["ses_event"].find({}).to_list()


if __name__ == "__main__":
    for document in stored():
        sys.stdout.write(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS) + "\n")
