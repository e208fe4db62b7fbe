"""Every question is answered from an index, in order, without sorting."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from payloads import all_genuine, payload
from sesevent import EventStore
from sesevent.storage import reads

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
AFTER = ("2024-05-01T12:00:30.000Z", None)
QUERIES = {
    "message": reads.event_query(reads.of_message("m-7")),
    "type": reads.event_query(reads.of_types(["Open"])),
    "types": reads.event_query(reads.of_types(["Open", "Bounce"]), newest_first=True),
    "reason": reads.event_query(reads.of_reasons(["user_unknown"])),
    "reasons": reads.event_query(reads.of_reasons(["user_unknown", "mailbox_full"]), newest_first=True),
    "time": reads.event_query(since=NOON),
    "recipient": reads.event_query(reads.of_recipient("p3@example.com")),
    "next page": reads.event_query(reads.of_types(["Open"]), after=AFTER),
    "next page, newest first": reads.event_query(reads.of_types(["Open"]), after=AFTER, newest_first=True),
}


def stages(plan: dict[str, Any]) -> list[str]:
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan["stage"], *(stage for inner in below for stage in stages(inner))]


@pytest.mark.parametrize("name", QUERIES)
def test_a_question_reads_little_more_than_it_answers(store: Any, rows: Any, name: str) -> None:
    """No collection scan, no sort; the cost grows with the answer, not with the collection."""
    store.receive_many(
        all_genuine(
            payload(
                kind,
                message_id=f"m-{n}",
                to=f"p{n % 50}@example.com",
                at=f"2024-05-01T12:{n // 60:02}:{n % 60:02}.000Z",
            )
            for n in range(1500)
            for kind in ("Open", "Bounce")
        )
    )
    page = QUERIES[name].page(20)
    plan = rows.find(page.filter, sort=list(page.sort), limit=page.limit).explain()
    used = stages(plan["queryPlanner"]["winningPlan"])

    assert not {"COLLSCAN", "SORT"} & set(used)
    assert plan["executionStats"]["totalKeysExamined"] <= 2 * 20 + 10


def test_the_collection_of_events_is_made_with_zstd_and_one_that_exists_stays(
    mongodb_uri: str, database: str, mongo_client: Any
) -> None:
    """MongoDB's default takes half as much room again; what somebody else made is theirs."""
    mongo_client[database].create_collection("ses_events")
    for name, compressed in (("ses_event", "zstd"), ("ses_events", "snappy")):
        with EventStore.connect(mongodb_uri, database=database, collection=name) as store:
            store.ensure_indexes()
            assert "message" in store.ensure_indexes()  # again, and nothing is wrong
        told = mongo_client[database].command("collStats", name)["wiredTiger"]["creationString"]
        assert f"block_compressor={compressed}" in told
