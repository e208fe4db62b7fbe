"""Any order, any repetition, any batching: the same documents and the same standings."""

from __future__ import annotations

import json
import threading
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from both import encrypted
from payloads import all_genuine, notification, payload
from sesevent import EventStore
from sesevent.drivers.sync import perform
from sesevent.ops import ask
from sesevent.storage.operations import Find

PEOPLE = ["ann@example.com", "Bob@example.com", "cora@example.com"]

events = st.builds(
    lambda kind, to, second, detail, other: payload(
        kind,
        to=to,
        at=f"2024-05-01T12:00:{second:02}.000Z",
        # As in life: a mail has its recipients, and a feedback id belongs to one bounce.
        message_id=f"m-{second}-{to}-{other}-{sorted(detail.items())}",
        body=detail
        | ({"feedbackId": f"{second}-{to}-{other}-{sorted(detail.items())}"} if kind in ("Bounce", "Complaint") else {})
        | ({"complainedRecipients": [{"emailAddress": to}, {"emailAddress": other}]} if kind == "Complaint" else {}),
    ),
    st.sampled_from(["Send", "Delivery", "Open", "Bounce", "Complaint"]),
    st.sampled_from(PEOPLE),
    st.integers(0, 9),
    st.sampled_from([{}, {"bounceType": "Transient"}, {"bounceSubType": "OnAccountSuppressionList"},
                     {"complaintFeedbackType": "not-spam"}, {"bounceSubType": "UnsubscribedRecipient"}]),
    st.sampled_from(PEOPLE),
)  # fmt: skip


def identity(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as an identity notification tells it: without tags."""
    mail = {name: value for name, value in event["mail"].items() if name != "tags"}
    renamed = {name: value for name, value in event.items() if name != "eventType"}
    return renamed | {"notificationType": event["eventType"], "mail": mail | {"sourceIp": "192.0.2.1"}}


def state(store: Any) -> tuple[Any, Any]:
    """What the database holds, but for when and how it arrived, white space in its text included."""
    held = {name: perform(ask(Find(name, {})), store._collections) for name in ("ses_event", "ses_suppression")}
    rows = [row | {"received": None, "Message": json.loads(row["Message"])} for row in held["ses_event"]]
    standings = [{name: value for name, value in row.items() if name != "rev"} for row in held["ses_suppression"]]
    return sorted(rows, key=lambda row: row["_id"]), sorted(standings, key=lambda row: row["_id"])


def received(store: Any, items: list[Any], size: int) -> tuple[Any, Any]:
    for name in ("ses_event", "ses_suppression"):
        store._collections[name].delete_many({})
    store.receive_many(all_genuine(items), batch_size=size)
    return state(store)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, min_size=1, max_size=12), st.data())
def test_the_same_events_in_any_order_leave_the_same_state(store: Any, history: list[Any], data: Any) -> None:
    """Shuffled, repeated, wrapped or bare, beside the identity notifications of the same, in batches of any size."""
    forms = [data.draw(st.sampled_from([event, notification(event)])) for event in history]
    forms += [identity(event) for event in history if event["eventType"] in ("Bounce", "Complaint", "Delivery")]
    shuffled = data.draw(st.permutations(forms)) + data.draw(st.lists(st.sampled_from(forms), max_size=5))

    assert received(store, history, 1) == received(store, shuffled, data.draw(st.integers(1, 6)))


def test_several_writers_at_once_leave_the_state_of_one(store: Any, mongodb_uri: str, database: str) -> None:
    """Four threads, each with its own client, all with the same events in another order."""
    history = [
        payload("Bounce", to=PEOPLE[n % 3], message_id=f"m-{n}", at=f"2024-05-01T12:00:{n:02}.000Z") for n in range(40)
    ]
    expected = received(store, history, 10)
    for name in ("ses_event", "ses_suppression"):
        store._collections[name].delete_many({})
    failures: list[BaseException] = []

    def write(turn: int) -> None:
        try:
            with EventStore.connect(mongodb_uri, database=database, **encrypted()) as own:
                own.receive_many(all_genuine(history[turn * 10 :] + history[: turn * 10]), batch_size=3)
        except BaseException as error:  # noqa: BLE001  # a thread's error must reach the test
            failures.append(error)

    writers = [threading.Thread(target=write, args=(turn,)) for turn in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    assert expected == state(store)
