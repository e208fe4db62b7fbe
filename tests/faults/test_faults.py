"""Faults, caused and survived: what was acknowledged is there, once, as it must be, and standings follow it.

A short version of ``nox -s faults``, on three members. How it is done is in `rig.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from faults import rig
from faults.rig import Fault, Rig, wait_until
from faults.table import FAULTS
from payloads import genuine, payload
from sesevent import EventStore, local
from sesevent.local import ReplicaSet

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
    ),
]

EVENTS = 1000


@pytest.fixture(scope="module")
def servers() -> Iterator[ReplicaSet]:
    with local.replica_set() as running:
        yield running


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.own_disk])
def test_a_fault_in_the_middle_of_a_stream_costs_nothing(servers: ReplicaSet, name: str) -> None:
    """Nothing is missing, doubled or otherwise than expected, and a rebuild changes no standing."""
    fault = FAULTS[name]
    outcome = rig.run(fault, servers, seed=7, events=EVENTS, times=1 if fault.seconds else 2)

    assert outcome.caused
    assert not outcome.wrong, outcome


def test_a_full_disk_is_told_and_costs_nothing() -> None:
    """The writer hears that the store is unavailable, and acknowledges the rest when there is room again."""
    try:
        with rig.small_disk() as disk, local.replica_set(disk) as servers:
            outcome = rig.run(FAULTS["disk full"], servers, seed=7, events=EVENTS, times=1, disk=disk)
    except rig.NoDisk as error:
        pytest.skip(str(error))

    assert (outcome.caused, outcome.refused > 0) == (1, True)
    assert not outcome.wrong, outcome


def test_what_a_secondary_has_not_heard_yet_counts(servers: ReplicaSet) -> None:
    """Also where the URI prefers secondaries: the primary is asked, or a bounce would be forgotten for good."""
    people = [f"p{number}@example.com" for number in range(20)]
    wait_until(lambda: all(member.role for member in servers.members))
    behind = next(member for member in servers.members if member.role == "secondary")
    uri = f"{servers.uri}&readPreference=secondary"
    with (
        EventStore.connect(uri, database="behind", timeout_seconds=60) as store,
        MongoClient("127.0.0.1", behind.port, directConnection=True) as locked,
    ):
        store.ensure_indexes()
        locked.admin.command("fsync", lock=True)
        try:
            for person in people:
                store.receive(genuine(payload("Bounce", message_id=person, to=person)))
            assert not any(decision.allowed for decision in store.suppression.check_many(people))
        finally:
            locked.admin.command("fsyncUnlock")
        assert store.suppression.rebuild().changed == 0


def vandalise(rig: Rig) -> None:
    wait_until(lambda: all(writer.done for writer in rig.writers))
    with MongoClient(rig.servers.uri) as client:
        tables = client[rig.database]
        assert tables.ses_event.delete_one({"Type": "Delivery"}).deleted_count
        assert tables.ses_event.insert_one({"Type": "Send", "received": {}}).inserted_id
        assert tables.ses_event.update_one({"Type": "Open"}, {"$set": {"Subject": "another"}}).modified_count
        assert tables.ses_suppression.delete_one({"standings.holdings.rule": {"$exists": True}}).deleted_count


def test_the_rig_notices_what_is_not_as_it_must_be(servers: ReplicaSet) -> None:
    """Or all of the above would prove nothing: here somebody deletes, doubles, changes and forgets."""
    outcome = rig.run(Fault("vandal", "", vandalise), servers, seed=7, events=EVENTS, times=1)

    assert (outcome.missing, outcome.different) == (1, 1)
    assert outcome.duplicates == 2  # the foreign row, and the deleted event that was new when it was delivered again
    assert outcome.standings == 2  # the one that is gone, and the rebuild that brings it back
