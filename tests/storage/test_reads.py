"""Every question is answered from an index, in order, without sorting."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from payloads import all_genuine, payload
from sesevent import EventStore, StoreError
from sesevent.bounces import rules_version
from sesevent.storage import reads, renewal
from sesevent.storage.layout import index_models

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
AFTER = ("2024-05-01T12:00:30.000Z", None)
SPANS: dict[str, Any] = {
    "ever": {},
    "since": {"since": NOON},
    "a day": {"since": NOON, "until": datetime(2024, 5, 2, tzinfo=timezone.utc)},
}


def rare() -> Iterator[tuple[str, reads.EventQuery]]:
    """Questions for a type of which there is one in a hundred events: what is in a span of time is not read for it."""
    asked = reads.of_types(["Complaint"])
    for (name, span), newest in itertools.product(SPANS.items(), (False, True)):
        for page, after in (("first", None), ("next", ("2024-05-01T12:12:30.000Z", None))):
            query = reads.event_query(asked, newest_first=newest, after=after, **span)
            yield f"{name}, {page} page, {'newest' if newest else 'oldest'} first", query


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
    **{f"rare: {name}": query for name, query in rare()},
    "everything, next page": reads.event_query(after=AFTER),
    "everything, next page, newest first": reads.event_query(after=AFTER, newest_first=True),
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
            for kind in ("Open", "Bounce", *(("Complaint",) if n % 50 == 0 else ()))
        )
    )
    page = QUERIES[name].page(20)
    plan = rows.find(page.filter, sort=list(page.sort), limit=page.limit).explain()
    used = stages(plan["queryPlanner"]["winningPlan"])

    assert not {"COLLSCAN", "SORT"} & set(used)
    assert plan["executionStats"]["totalKeysExamined"] <= 2 * 20 + 10


def looked_at(database: Any, work: Callable[[], object]) -> int:
    """Keys and documents that the server looks at for something."""
    database.command("profile", 2)
    work()
    database.command("profile", 0)
    told = database["system.profile"].find({"ns": {"$regex": "ses_"}})
    return sum(one.get("keysExamined", 0) + one.get("docsExamined", 0) for one in told)


OF_ALL: dict[str, tuple[Callable[[EventStore], object], int]] = {
    "doctor": (lambda store: store.examine(), 250),
    "adopt": (lambda store: store.adopt(), 20),
    "storage": (lambda store: store.storage.report(sample=60), 250),
    "list": (lambda store: list(store.suppression.list(limit=5)), 60),
}
"""And how much of it they may look at."""


@pytest.mark.parametrize("name", OF_ALL)
def test_what_is_asked_of_the_whole_log_reads_little_of_it(store: Any, rows: Any, name: str) -> None:
    """Of two thousand rows with a thousand failures, and a hundred people who must not be mailed."""
    store.receive_many(
        all_genuine(
            payload(kind, message_id=f"m-{n}", to=f"p{n % 100}@example.com")
            for n in range(1000)
            for kind in ("Open", "Bounce")
        )
    )

    work, most = OF_ALL[name]
    assert looked_at(rows.database, lambda: work(store)) <= most


def test_rows_without_derived_are_found_and_counted_by_their_own_index(store: Any, rows: Any) -> None:
    """Among many that have it; those who lack a type too, which no index but that one would tell."""
    store.receive_many(all_genuine(payload("Open", message_id=f"m-{n}", to="p@example.com") for n in range(300)))
    older = {"Type": "Open", "Timestamp": "2024-05-01T12:00:00.000Z", "MessageId": "m", "Message": "?"}
    rows.insert_many([dict(older), dict(older), {"Message": "?"}])

    assert len(list(rows.find(*_asked_by(renewal.without_derived(10))))) == 3
    assert looked_at(rows.database, lambda: list(rows.find(*_asked_by(renewal.without_derived(10))))) <= 10
    assert rows.count_documents(reads.WITHOUT_DERIVED) == 2


def _asked_by(find: Any) -> tuple[Any, ...]:
    return find.filter, None, 0, find.limit, False, 0, list(find.sort)


def test_failures_that_other_rules_told_of_are_counted_by_their_own_index(store: Any, rows: Any) -> None:
    """Those of older rules and of newer ones, and none that retention thinned."""
    store.receive_many(all_genuine(payload("Bounce", message_id=f"m-{n}", to="p@example.com") for n in range(200)))
    for edition, changes in (("00000000", {}), ("zzzzzzzz", {}), ("00000000", {"thin": True})):
        rows.update_one({"derived.rules": rules_version()}, {"$set": {"derived.rules": edition} | changes})

    assert rows.count_documents(reads.stale_reasons(rules_version())) == 2
    assert looked_at(rows.database, lambda: rows.count_documents(reads.stale_reasons(rules_version()))) <= 10
    assert any("2 were classified by other rules" in one.finding for one in store.examine())


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
