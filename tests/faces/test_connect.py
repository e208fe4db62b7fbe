"""Connecting, on asyncio awaited or entered; what is passed on, and what a dead server may cost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern

from payloads import genuine, payload
from sesevent import AsyncEventStore, EventStore, StoreUnavailable, local
from sesevent.plans import doctor
from sesevent.storage.connection import DURABLE, Settings, client_options, settings_of

needs_own_server = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
)


def test_it_may_be_awaited_and_closed_by_hand(mongodb_uri: str, database: str) -> None:
    """For services that open at start-up and close at shut-down."""

    async def main() -> None:
        store = await AsyncEventStore.connect(mongodb_uri, database=database)
        try:
            assert await store.events.get("0" * 24) is None
        finally:
            await store.close()

    asyncio.run(main())


def test_a_store_that_cannot_connect_closes_itself() -> None:
    """Awaited or entered, the error is the same and nothing stays open."""

    async def main() -> None:
        with pytest.raises(StoreUnavailable):
            await AsyncEventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=0.3)
        with pytest.raises(StoreUnavailable):
            async with AsyncEventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=0.3):
                pass

    asyncio.run(main())


@pytest.mark.parametrize("call", [
    lambda store: store.receive(genuine(payload("Send"))),
    lambda store: store.events.get("0" * 24),
    lambda store: store.receive_many([genuine(payload("Send"))]),
    lambda store: store.dead_letters.count(),
    lambda store: store.suppression.suppress("ann@example.com", by="me"),
    lambda store: store.ensure_indexes(),
])  # fmt: skip
@needs_own_server
def test_a_server_that_takes_the_call_and_never_answers_is_told_in_time(call: Any, silent: Any) -> None:
    """Whatever is asked: no call outlasts the time-out that was given when connecting."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        call(silent)
    assert time.monotonic() - began < 1 + 5  # time-out, and what a busy machine may add


@needs_own_server
def test_a_call_may_be_given_less_time_and_a_check_decides_without_the_server(silent: Any) -> None:
    """A webhook has its own time; who only asks is answered by the policy."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        silent.receive(genuine(payload("Send")), timeout_seconds=0.1)
    assert silent.suppression.check("ann@example.com", stream="transactional").failed == "open"
    assert time.monotonic() - began < 1.1 + 5


@pytest.fixture(scope="module")
def silent() -> Iterator[Any]:
    """A store whose server was stopped in the middle of everything: it takes connections and says nothing."""
    with local.server() as uri, EventStore.connect(uri, database="test", timeout_seconds=1) as store:
        pid = store.client.admin.command("serverStatus")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield store
        finally:
            os.kill(pid, signal.SIGCONT)


def test_what_the_uri_says_of_tls_authentication_and_pools_is_passed_on() -> None:
    """And so is what is given beside it, which goes first."""
    uri = "mongodb://me:secret@localhost:1/?tls=true&maxPoolSize=7&serverMonitoringMode=poll&appName=mine"
    client: MongoClient[Any] = MongoClient(uri, connect=False, **client_options(uri, 2.5, {"maxIdleTimeMS": 1000}))
    told, options = settings_of(client, DURABLE), client.options

    assert told == Settings(2.5, 7, retry_writes=True, encrypted=True, authenticated=True, durable=True)
    assert (options.server_monitoring_mode, options.pool_options.appname) == ("poll", "mine")
    assert options.pool_options.max_idle_time_seconds == 1
    client.close()


def test_reading_asks_the_primary_whatever_the_uri_says(mongodb_uri: str, database: str) -> None:
    """What follows from a write must see it."""
    joined = "&" if "?" in mongodb_uri else "?"
    with EventStore.connect(f"{mongodb_uri}{joined}readPreference=secondary", database=database) as store:
        store.receive(genuine(payload("Bounce", to="ann@example.com")))
        assert not store.suppression.check("ann@example.com")


@pytest.mark.parametrize(
    ("options", "local", "found"),
    [
        ({}, True, []), ({}, False, ["unencrypted", "who they are"]), ({"tls": True}, False, ["who they are"]),
        ({"retryWrites": False}, True, ["not repeated"]), ({"timeoutMS": None}, True, ["how long"]),
    ],
)  # fmt: skip
def test_the_doctor_names_what_is_careless(options: dict[str, Any], local: bool, found: list[str]) -> None:
    """Only what crosses a network needs to be encrypted."""
    client: MongoClient[Any] = MongoClient("mongodb://localhost:1/", connect=False, **{"timeoutMS": 1000} | options)
    settings = settings_of(client, DURABLE)
    assert settings is not None
    warned = [finding for finding in doctor._connection(settings, local=local) if finding.level == "warning"]

    assert len(warned) == len(found)
    assert all(words in finding.finding for words, finding in zip(found, warned, strict=True))
    client.close()


def test_the_doctor_warns_of_writes_that_a_fail_over_may_undo(mongodb_uri: str, database: str) -> None:
    """Where whoever connected asked for less."""
    with EventStore.connect(mongodb_uri, database=database, write_concern=WriteConcern(w=1)) as store:
        assert any(finding.subject == "durability" for finding in store.examine())
    with EventStore.connect(mongodb_uri, database=database) as store:
        assert not any(finding.subject == "durability" for finding in store.examine())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_store_made_before_a_fork_works_on_both_sides(mongodb_uri: str, database: str, rows: Any) -> None:
    """As with gunicorn's preloading, or multiprocessing: the child opens connections of its own."""
    program = f"""
import os, sys, warnings
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from payloads import genuine, payload
from sesevent import EventStore
warnings.simplefilter("ignore")  # PyMongo says that forking is not without danger
store = EventStore.connect({mongodb_uri!r}, database={database!r}, timeout_seconds=20)
store.receive(genuine(payload("Send", message_id="parent")))
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        store.receive(genuine(payload("Send", message_id=f"child-{{number}}")))
        os._exit(0)
    children.append(child)
store.receive(genuine(payload("Send", message_id="parent again")))
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=100, check=False)

    assert done.returncode == 0
    assert sorted(row["MessageId"] for row in rows.find()) == [
        "child-0",
        "child-1",
        "child-2",
        "parent",
        "parent again",
    ]
