"""A Node application with the seed's Mongoose schema, real, on the same server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from payloads import all_genuine, genuine, notification, payload
from sesevent import SesEvent, StoredEvent

FIVE = ("Type", "MessageId", "Subject", "Message", "Timestamp")
SCRIPT = Path(__file__).with_name("mongoose.mjs")


@pytest.fixture
def mongoose(node_home: Path, mongodb_uri: str, database: str) -> Any:
    """Do something in Node."""

    def run(action: str, rows: Any = None) -> Any:
        uri = mongodb_uri.replace("/?", f"/{database}?")
        command = ["node", SCRIPT.name, uri, "ses_event", action]
        done = subprocess.run(
            command, cwd=node_home, input=json.dumps(rows), capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return run


def test_mongoose_reads_what_we_write(mongoose: Any, store: Any, rows: Any) -> None:
    """All five fields of every document, intact; our own fields do not disturb it."""
    kinds = ["Send", "Delivery", "Open", "Click", "Bounce", "Complaint"]
    store.receive_many(
        all_genuine([notification(payload(kind, at=f"2024-05-01T12:00:0{n}.000Z")) for n, kind in enumerate(kinds)])
    )
    seen = mongoose("read")

    assert kinds == [document["Type"] for document in seen]
    ours = [{name: row[name] for name in FIVE} for row in rows.find().sort("Timestamp")]
    assert ours == [{name: document[name] for name in FIVE} for document in seen]


def test_we_read_query_and_count_once_what_mongoose_writes(mongoose: Any, store: Any, rows: Any) -> None:
    """Both of its shapes: an SNS envelope as it came, and a normalised row; beside our own rows of the same events."""
    bounce, opened = (
        payload("Bounce", message_id="m-7"),
        payload("Open", message_id="m-7", at="2024-05-01T13:00:00.000Z"),
    )
    envelope = json.loads(notification(bounce, message_id="n-7"))
    normalised = {"Type": "Open", "MessageId": "m-7", "Subject": "Hello", "Message": json.dumps(opened),
                  "Timestamp": "2024-05-01T13:00:00.000Z"}  # fmt: skip
    mongoose("write", [{name: envelope.get(name) for name in FIVE}, normalised])

    assert [row["__v"] for row in rows.find()] == [0, 0]
    assert sorted((event.type for event in store.events.by_message_id("m-7")), reverse=True) == ["Open", "Bounce"]
    assert [event.type for event in store.events.by_type("Bounce")] == ["Bounce"]

    receipts = [store.receive(genuine(notification(event))) for event in (bounce, opened)]
    assert all(receipt.fresh for receipt in receipts), "rows of others have other keys: they are told apart when read"
    assert [event.type for event in store.events.timeline("m-7")] == ["Bounce", "Open"]

    assert store.adopt() == 2
    assert store.adopt() == 0
    assert len(store.events.for_recipient("ANN@example.com").to_list()) == 4
    decision = store.suppression.check("ann@example.com")
    assert (False, (receipts[0].events[0].id,)) == (decision.allowed, decision.evidence)


def test_adopting_leaves_the_five_strings_and_the_id(mongoose: Any, store: Any, rows: Any) -> None:
    """Only `derived` is added; Mongoose still reads and saves the row."""
    envelope = json.loads(notification(payload("Bounce", message_id="m-8")))
    mongoose("write", [{name: envelope.get(name) for name in FIVE}])
    before = rows.find_one()
    store.adopt()
    after = rows.find_one()

    assert before == {name: value for name, value in after.items() if name != "derived"}
    assert (after["derived"]["type"], after["derived"]["messageId"]) == ("Bounce", "m-8")


def test_mongoose_pluralises_and_doctor_says_so(mongoose: Any, store: Any, mongo_client: Any, database: str) -> None:
    """Its default collection for a model `ses_event` is another one."""
    assert mongoose("names") == "ses_events"
    mongo_client[database]["ses_events"].insert_one({})

    assert any("ses_events" in finding.finding for finding in store.examine() if finding.level == "warning")


def test_the_document_class_reads_both_older_shapes(rows: Any, odm: Any) -> None:
    """`parsed` is the typed event; of a row whose Message is no event, what the columns tell."""
    del odm
    rows.insert_many([
        {"Type": "Notification", "MessageId": "n", "Message": json.dumps(payload("Open")), "Timestamp": "t", "__v": 0},
        {"Type": "Notification", "MessageId": "n", "Message": payload("Click"), "Timestamp": "t"},
        {"Type": "Bounce", "MessageId": "m", "Subject": "S", "Message": "550 unknown", "Timestamp": "2024-05-01T12:00:00Z"},
    ])  # fmt: skip
    opened, clicked, bounced = (document.parsed for document in SesEvent.objects.order_by("Type").order_by("id"))

    assert (opened.type, clicked.type, bounced.type) == ("Open", "Click", "Bounce")
    assert (bounced.message_id, bounced.subject, bounced.timestamp.year, bounced.recipients) == ("m", "S", 2024, ())
    assert opened.message_id == "m-1"
    assert isinstance(StoredEvent("x", {"Message": None}).event.type, str)


def test_mongoose_sees_bytes_where_we_encrypt(mongoose: Any, mongodb_uri: str, database: str) -> None:
    """Type, MessageId and Timestamp are as ever; `Message` and `Subject` are bytes, cast to text that says nothing.

    So its JSON.parse fails, loudly. What it writes itself, in the clear, we read beside ours.
    """
    pytest.importorskip("pymongocrypt")
    from sesevent import EventStore
    from sesevent.contrib.encryption import Encryption, LocalKey

    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(LocalKey.new())) as store:
        store.receive(genuine(notification(payload("Bounce", message_id="m-9"))))
        (seen,) = mongoose("read")
        assert (seen["Type"], seen["MessageId"], seen["Timestamp"]) == ("Bounce", "m-9", "2024-05-01T12:00:00.000Z")
        assert [seen[name][0] for name in ("Message", "Subject")] == ["\x02", "\x02"]
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(seen["Message"])

        opened = payload("Open", message_id="m-9", at="2024-05-01T13:00:00.000Z")
        mongoose("write", [{"Type": "Open", "MessageId": "m-9", "Subject": "Hello", "Message": json.dumps(opened),
                            "Timestamp": "2024-05-01T13:00:00.000Z"}])  # fmt: skip
        assert [event.type for event in store.events.timeline("m-9")] == ["Bounce", "Open"]
        assert store.adopt() == 1
        assert len(store.events.for_recipient("ann@example.com").to_list()) == 2
        assert store.encryption.encrypt_existing().encrypted == 1
        assert mongoose("read")[1]["Message"][0] == "\x02"
        assert len(store.events.for_recipient("ann@example.com").to_list()) == 2
