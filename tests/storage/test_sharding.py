"""What the library asks of MongoDB is what a sharded cluster answers, where the how-to's shard keys are used.

There is no `mongos` here to ask. So a long day of everything is done to a replica set, its commands are listened to, and each
is held against the rules by which `mongos` routes (https://www.mongodb.com/docs/manual/core/sharded-cluster-query-router/ and
https://www.mongodb.com/docs/manual/core/sharding-shard-key/): a write of one document, and an upsert, needs the shard key.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pymongo import monitoring

from sesevent import EventStore, Protection, testing, trusted
from sesevent.contrib.projections.operations import PARTS, SUMS, WAITING
from sesevent.privacy.policy import PrivacyPolicy
from sesevent.privacy.pseudonyms import Key
from sesevent.retention import Retention
from sesevent.storage.layout import COLLECTIONS, EVENTS, INDEXES, PLURAL, SUPPRESSION, SUPPRESSION_ACTS

SHARDED = {EVENTS, SUPPRESSION, SUPPRESSION_ACTS}
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-on-a-sharded-cluster.md"
NOW = datetime(2024, 5, 20, tzinfo=timezone.utc)
POLICY = Retention.loads("""
[[rule]]
why = "of use for a week"
types = ["Open", "Click"]
thin = "1 week"
[[rule]]
why = "of use for two weeks"
types = ["Send"]
delete = "2 weeks"
""")


class Heard(monitoring.CommandListener):
    """Every command of a client."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, Mapping[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def unroutable(name: str, command: Mapping[str, Any]) -> Iterator[str]:
    """Why `mongos` would refuse a command, or not keep `_id` unique."""
    collection = str(command.get(name))
    if "txnNumber" in command and command.get("autocommit") is False:
        yield f"{name} of {collection}: a transaction"
    for place in ("$out", "$merge"):
        if any(place in stage for stage in command.get("pipeline", ())) and collection in SHARDED:
            yield f"{place} of {collection}"
    if collection not in SHARDED:
        return
    for one in command.get("updates", ()):
        if (not one.get("multi") or one.get("upsert")) and not pinned(one["q"]):
            yield f"update of {collection} by {sorted(one['q'])}"
    for one in command.get("deletes", ()):
        if one["limit"] == 1 and not pinned(one["q"]):
            yield f"delete of {collection} by {sorted(one['q'])}"
    if name == "findAndModify" and not pinned(command["query"]):
        yield f"findAndModify of {collection}"


def pinned(query: Mapping[str, Any]) -> bool:
    """Whether a filter says which `_id`, and so which shard."""
    value = query.get("_id")
    return value is not None and (not isinstance(value, Mapping) or set(value) == {"$eq"})


@pytest.fixture
def day(mongodb_uri: str, database: str, store: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The commands of a day on which everything is done."""
    heard = Heard()
    privacy = Protection(PrivacyPolicy(), keys=[Key("2024", b"32 random bytes, kept in secrets")])
    options = {"database": database, "privacy": privacy, "clock": lambda: NOW, "event_listeners": [heard]}
    with EventStore.connect(mongodb_uri, **options) as own:
        live(own)
    return heard.commands


def live(store: Any) -> None:
    because = "a test made it"
    store.ensure_indexes(polling=True)
    twice = [*testing.stream(400, seed=3)] * 2
    store.receive_many(trusted(one, because=because) for one in [*twice, "no event"])
    for family in ("identity", "publishing"):
        store.receive(trusted(testing.bounce(to="ben@example.org", family=family), because=because))
    list(store.receive_each([trusted(testing.complaint(to="ann@example.com"), because=because)]))
    store.suppression.suppress("cid@example.com", by="a test")
    store.suppression.unsubscribe("dan@example.com", stream="marketing", by="a test")
    store.suppression.reactivate("cid@example.com", by="a test", why="a test", override=True)
    store.suppression.suppress("ann@example.com", by="a test")
    store.suppression.import_(io.StringIO("eve@example.com\n"), by="a test")
    store.suppression.rebuild()
    store.suppression.check_many(["ann@example.com", "cid@example.com"])
    store.dead_letters.retry()
    store.bookmarks.write({"a": "1"})
    store.status(store.events.by_type("Bounce").first().message_id)
    store.recipient("ben@example.org").to_list()
    store.analytics.roll_up()
    store.analytics.summary(NOW - timedelta(days=90), NOW)
    store.monitor.evaluate()
    make_older(store._collections[EVENTS])
    store.reindex()
    store.reclassify()
    store.migration.run()
    held = store.keeping.hold("address", "ann@example.com", by="a test", why="a test")
    store.retention.run(POLICY, by="a test")
    store.keeping.release(held.id, by="a test", why="a test")
    store.privacy.export("ben@example.org", io.StringIO(), by="a test", why="a test")
    store.privacy.erase("ben@example.org", by="a test", why="a test")
    store.health()
    store.examine()


def make_older(events: Any) -> None:
    """Two rows as older versions made them, so that renewing and migrating have something to do."""
    found = list(events.find({}, limit=2))
    events.update_one({"_id": found[0]["_id"]}, {"$set": {"derived.v": 1, "derived.rules": "other"}})
    events.insert_one({name: found[1][name] for name in ("Type", "MessageId", "Message", "Timestamp")})


def test_every_write_says_on_which_shard_it_is(day: list[tuple[str, Mapping[str, Any]]]) -> None:
    """By `_id`, the key of each collection that is sharded; what concerns many is asked of all shards."""
    assert [why for name, command in day for why in unroutable(name, command)] == []
    written = Counter(
        (command[name], name)
        for name, command in day
        if name in ("insert", "update", "delete") and command[name] in SHARDED
    )
    assert set(written) >= {
        (EVENTS, "insert"), (EVENTS, "update"), (EVENTS, "delete"), (SUPPRESSION, "insert"), (SUPPRESSION, "update"),
        (SUPPRESSION, "delete"), (SUPPRESSION_ACTS, "insert"), (SUPPRESSION_ACTS, "delete"),
    }  # fmt: skip


def test_a_command_that_could_not_be_routed_is_found() -> None:
    """So the listener has teeth."""
    by_time = {"update": EVENTS, "updates": [{"q": {"Timestamp": "2024"}, "u": {}, "multi": False}]}
    upsert = {
        "update": SUPPRESSION,
        "updates": [{"q": {"_id": {"$in": ["a"]}}, "u": {}, "multi": True, "upsert": True}],
    }
    fine = {"update": SUPPRESSION, "updates": [{"q": {"_id": "a", "rev": 1}, "u": {}, "upsert": True}]}

    assert len([*unroutable("update", by_time), *unroutable("update", upsert)]) == 2
    assert [*unroutable("update", fine)] == []
    assert [*unroutable("delete", {"delete": EVENTS, "deletes": [{"q": {"Type": "Send"}, "limit": 1}]})]


def test_no_sharded_collection_has_a_unique_index_of_its_own() -> None:
    """A shard enforces uniqueness of what it holds: only of `_id`, the shard key, is that the whole cluster."""
    assert [index.name for name in SHARDED for index in INDEXES[name] if index.unique] == []


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
def test_the_page_tells_of_every_collection_and_shards_those() -> None:
    """As commands, and as a table."""
    text = PAGE.read_text(encoding="utf-8")
    commands = dict(re.findall(r'sh\.shardCollection\("mail\.(\w+)", \{ _id: "(\w+)" \}\)', text))

    assert commands == dict.fromkeys(SHARDED, "hashed")
    assert [name for name in {*COLLECTIONS, PARTS, SUMS, WAITING} - {PLURAL} if f"`{name}`" not in text] == []
