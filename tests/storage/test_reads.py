"""Every question is answered from an index, in order, without sorting."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from payloads import all_genuine, payload
from sesevent import EventStore, StoreError
from sesevent.storage import reads
from sesevent.storage.layout import index_models

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


class Untouched:
    """A collection that has every index it needs."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        assert name != "create_indexes"
        return getattr(self._collection, name)


def test_indexes_that_are_there_stay_as_they_are(mongodb_uri: str, database: str, mongo_client: Any) -> None:
    """MongoDB refuses to make one anew with other options, and there is no need to."""
    rows = mongo_client[database]["ses_event"]
    rows.create_indexes(index_models("ses_event", compressed=False))
    with EventStore.connect(mongodb_uri, database=database) as store:
        assert "recipient" in store.ensure_indexes()
        assert "storageEngine" not in rows.index_information()["recipient"]
        rows.drop_index("recipient")
        store.ensure_indexes()
        store._collections["ses_event"] = Untouched(store._collections["ses_event"])
        assert "recipient" in store.ensure_indexes()
    assert "zstd" in rows.index_information()["recipient"]["storageEngine"]["wiredTiger"]["configString"]


@pytest.mark.parametrize("collection", ["ses_event", "ses_suppression"])
def test_where_the_engine_refuses_compression_indexes_are_made_without(
    mongodb_uri: str, database: str, mongo_client: Any, collection: str
) -> None:
    """And what it refuses for another reason is told."""
    with EventStore.connect(mongodb_uri, database=database) as store:
        theirs = store._collections[collection]

        class Refusing:
            def __getattr__(self, name: str) -> Any:
                return getattr(theirs, name)

            def create_indexes(self, models: Any) -> Any:
                if collection == "ses_suppression" or any("storageEngine" in model.document for model in models):
                    raise OperationFailure("no such option", 72)
                return theirs.create_indexes(models)

        store._collections[collection] = Refusing()
        if collection == "ses_suppression":
            with pytest.raises(StoreError):
                store.ensure_indexes()
        else:
            assert "recipient" in store.ensure_indexes()
            assert "storageEngine" not in mongo_client[database][collection].index_information()["recipient"]
