"""Rows that a Mongoose application wrote count once they were adopted, and an event that is in two rows counts once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import permutations, product
from typing import Any

import pytest
from bson import ObjectId

from sesevent import jsontext, testing, trusted
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import Where, each_once, in_window
from sesevent.testing import payloads

START = datetime(2024, 5, 1, 9, tzinfo=timezone.utc)
WINDOW = ("2024-05-01", "2024-05-09")
ABOUT: dict[str, Any] = {"to": "a@one.example", "sent": START, "message_id": "m1", "campaign": "spring"}
KINDS = ("ours", "envelope", "normalised")
PERSON = {"user_agent": "Mozilla/5.0 (X11) Firefox/125.0"}


def envelope(payload: Any, number: int) -> dict[str, Any]:
    """As an application saved it that keeps what SNS sends."""
    return {
        "_id": ObjectId(f"{number:024x}"), "Type": "Notification", "MessageId": f"sns-{number}",
        "Message": jsontext.encode(payload), "Timestamp": "2024-05-01T12:00:00.000Z", "__v": 0,
    }  # fmt: skip


def normalised(payload: Any, number: int) -> dict[str, Any]:
    """As one saved it that took it apart."""
    kind = payload.get("eventType") or payload["notificationType"]
    return {
        "_id": ObjectId(f"{number:024x}"), "Type": kind, "MessageId": "m1", "Message": jsontext.encode(payload),
        "Timestamp": "2024-05-01T13:00:00.000Z", "__v": 0,
    }  # fmt: skip


DELIVERY = payloads.delivery(**ABOUT)
CLICK = payloads.click(link="https://x.example/sale?who=ann", after=timedelta(minutes=5), **PERSON, **ABOUT)


def store_it(store: Any, rows: Any, what: str, payload: Any, number: int) -> None:
    if what == "ours":
        store.receive(trusted(payload, because="a test's own"))
    else:
        rows.insert_one({"envelope": envelope, "normalised": normalised}[what](payload, number))


@pytest.mark.parametrize("written", [*permutations(KINDS), *product(KINDS, KINDS)], ids="-".join)
def test_an_event_in_several_rows_counts_once(store: Any, rows: Any, written: tuple[str, ...]) -> None:
    """One of ours, an envelope, a row taken apart: any of them, written in any order."""
    for number, what in enumerate(written, 1):
        for place, payload in enumerate((DELIVERY, CLICK)):
            store_it(store, rows, what, payload, 2 * number + place)
    store.adopt()

    summary = store.analytics.summary(*WINDOW, campaign="spring")
    assert (summary.counts["deliveries"], summary.counts["clicks"], summary.counts["unique_clicks"]) == (1, 1, 1)
    assert summary.to_deliver.p50 == pytest.approx(2000, rel=0.05)
    (link,) = store.analytics.top_links(*WINDOW)
    assert (link.link, link.mails, link.clicks) == ("https://x.example/sale", 1, 1)
    assert [stage.mails for stage in store.analytics.funnel(since=WINDOW[0], until=WINDOW[1]).stages] == [1, 1, 1, 1]
    assert sum(row.counts["clicks"] for row in store.analytics.timeseries(*WINDOW, by="hour")) == 1


def test_rows_that_were_not_adopted_are_not_counted(store: Any, rows: Any) -> None:
    """Nothing of them is known yet."""
    rows.insert_one(envelope(DELIVERY, 1))
    assert store.analytics.summary(*WINDOW).counts["deliveries"] == 0
    store.adopt()
    assert store.analytics.summary(*WINDOW).counts["deliveries"] == 1


def test_two_events_of_one_mail_are_two(store: Any, rows: Any) -> None:
    """Only the same event counts once."""
    for number in range(3):
        rows.insert_one(envelope(payloads.opened(after=timedelta(minutes=number + 1), **PERSON, **ABOUT), number + 1))
    store.adopt()
    summary = store.analytics.summary(*WINDOW)
    assert (summary.counts["opens"], summary.counts["unique_opens"]) == (3, 1)


def test_looking_for_the_same_event_uses_an_index(store: Any, rows: Any) -> None:
    """Both ways: or each older row would cost a walk through all."""
    for raw in testing.stream(200, seed=1, start=START):
        store.receive(trusted(raw, because="a test's own"))
    for number in range(50):
        rows.insert_one(envelope(payloads.opened(after=timedelta(minutes=number + 1), **PERSON, **ABOUT), number + 1))
    store.adopt()
    window = Window(START - timedelta(days=1), START + timedelta(days=9))
    _, older = each_once(in_window(window) | Where().filter())
    plan = rows.database.command(
        "explain",
        {"aggregate": rows.name, "pipeline": [
            {"$lookup": stage["$lookup"] | {"from": rows.name}} if "$lookup" in stage else stage for stage in older
        ], "cursor": {}},
        verbosity="executionStats",
    )  # fmt: skip
    stages = plan["stages"]
    lookups = [stage for stage in stages if "$lookup" in stage]
    assert [one["indexesUsed"] for one in lookups] == [["_id_"], ["legacy_key"]]
    assert max(int(one["totalDocsExamined"]) for one in lookups) <= 50
    assert stages[0]["$cursor"]["executionStats"]["totalDocsExamined"] == 50
