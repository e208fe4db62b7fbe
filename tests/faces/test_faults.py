"""What goes wrong outside: it is said clearly, in time, and nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient, timeout
from pymongo.monitoring import CommandListener

from both import Face, on_a_server
from payloads import all_genuine, genuine, payload
from sesevent import ConfigurationError, EventStore, StoreError, StoreUnavailable, local
from sesevent.drivers.sync import perform
from sesevent.storage.operations import Find

needs_own_server = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
)


SECRET = "ann@example.com"


@pytest.mark.parametrize("uri", ["nonsense", "http://example.com", "mongodb://", "mongodb://host:port/"])
def test_a_wrong_uri_is_a_configuration_error(uri: str) -> None:
    """Said at once."""
    with pytest.raises(ConfigurationError, match="URI"):
        EventStore.connect(uri, timeout_seconds=0.5)


def test_a_server_that_is_down_is_told_within_the_time_out() -> None:
    """And the error may be retried, with a 503."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer") as caught:
        EventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=0.5)

    assert time.monotonic() - started < 5
    assert (caught.value.retryable, caught.value.http_status) == (True, 503)


def test_wrong_credentials_are_a_configuration_error(mongodb_uri: str) -> None:
    """The message says so and holds neither name nor password."""
    with pytest.raises(ConfigurationError, match="authentication failed") as caught:
        EventStore.connect(mongodb_uri.replace("mongodb://", "mongodb://someone:secret@"), timeout_seconds=5)

    assert "secret" not in str(caught.value)


def test_a_server_that_is_too_old_is_a_configuration_error() -> None:
    """One that speaks the protocol of MongoDB 3.4 tells so when it is greeted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_greet_as_an_old_server, args=(listening,), daemon=True).start()
        uri = f"mongodb://127.0.0.1:{listening.getsockname()[1]}/?directConnection=true"
        with pytest.raises(ConfigurationError, match="too old"):
            EventStore.connect(uri, timeout_seconds=3)


def _greet_as_an_old_server(listening: socket.socket) -> None:
    told = bson.encode({"ok": 1.0, "ismaster": True, "minWireVersion": 0, "maxWireVersion": 5})
    try:
        while True:
            connection, _ = listening.accept()
            with connection:
                length, request, _, code = struct.unpack("<iiii", connection.recv(16))
                connection.recv(length - 16)
                if code == 2013:  # OP_MSG: flags, then a section that is one document
                    reply = struct.pack("<ib", 0, 0) + told
                else:  # OP_REPLY: flags, cursor, from, documents
                    reply, code = struct.pack("<iqii", 8, 0, 0, 1) + told, 1
                connection.sendall(struct.pack("<iiii", 16 + len(reply), 1, request, code) + reply)
    except (OSError, struct.error):
        return  # the test is over


@needs_own_server
def test_a_user_without_rights_is_told_which_to_ask_for(tmp_path: Path) -> None:
    """On a server that asks for a password."""
    key = tmp_path / "key"
    key.write_text("a2V5" * 10)
    key.chmod(0o400)
    with local.server(tmp_path / "data") as uri, MongoClient(uri) as client:
        client.admin.command("createUser", "admin", pwd="a", roles=["root"])
        client.admin.command("createUser", "nobody", pwd="b", roles=[])
    command = [str(local.find_mongod()), "--dbpath", str(tmp_path / "data"), "--port", "0", "--auth",
               "--bind_ip", "127.0.0.1", "--nounixsocket"]  # fmt: skip
    port = local._free_port()
    command[4] = str(port)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            local._wait_until(lambda: local._listening(port), 20)
            with pytest.raises(ConfigurationError, match="readWrite"):
                EventStore.connect(f"mongodb://nobody:b@127.0.0.1:{port}/?authSource=admin&directConnection=true")
        finally:
            server.terminate()


@pytest.mark.parametrize("refused", ["ses_event", "ses_suppression"])
def test_what_a_server_refuses_stands_in_no_traceback(store: EventStore, tables: Any, refused: str) -> None:
    """PyMongo's own error holds the documents; whoever logs ours with its traceback logs no address."""
    tables.command("collMod", refused, validator={"never": True})
    with pytest.raises(StoreError, match="121") as caught:
        store.receive(genuine(payload("Bounce", to=SECRET)))

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_refused_question_stands_in_no_traceback(store: EventStore) -> None:
    """The server quotes what it was asked."""
    with pytest.raises(StoreError) as caught:
        perform(_ask_nonsense(), store._collections)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def _ask_nonsense() -> Any:
    yield Find("ses_event", {"MessageId": {f"${SECRET}": 1}})


class CursorKiller(CommandListener):
    """Kills each cursor between its first batch and its second."""

    def __init__(self, client: MongoClient[Any]) -> None:
        self._client = client

    def started(self, event: Any) -> None:
        """Nothing is there to be killed yet."""

    def succeeded(self, event: Any) -> None:
        cursor = event.reply.get("cursor", {})
        if cursor.get("id"):
            database, table = cursor["ns"].split(".")
            self._client[database].command("killCursors", table, cursors=[cursor["id"]])

    def failed(self, event: Any) -> None:
        """That is what is waited for."""


def test_a_cursor_that_went_with_its_server_may_be_asked_for_again(
    store: EventStore, mongodb_uri: str, database: str, mongo_client: Any
) -> None:
    """A restart in the middle of an answer is no refusal: it is retryable, with a 503."""
    store.receive_many(all_genuine(payload("Send", message_id=f"m-{n}") for n in range(150)))
    killer = CursorKiller(mongo_client)
    with (
        EventStore.connect(mongodb_uri, database=database, event_listeners=[killer]) as cut_off,
        pytest.raises(StoreUnavailable) as caught,
    ):
        cut_off.events.between().to_list()

    assert caught.value.retryable


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_progress_never_counts_what_was_stored_behind_a_failure(
    request: pytest.FixtureRequest, tables: Any, colour: str
) -> None:
    """Batches are stored two at a time; whoever goes on behind what was told must not leave one out."""
    tables.create_collection("ses_event", validator={"MessageId": {"$ne": "refused"}})
    names = ["m-0", "m-1", "refused", "m-3", "m-4", "m-5"]
    told: list[int] = []

    async def body(face: Face) -> None:
        items = all_genuine(payload("Send", message_id=name) for name in names)
        with pytest.raises(StoreError, match="121"):
            await face.get(
                lambda store: store.receive_many(items, batch_size=1, on_progress=lambda now: told.append(now.items))
            )

    on_a_server(colour, request)(body)
    assert told == [1, 2]


@needs_own_server
def test_a_server_that_goes_away_is_told_and_back_again_everything_works() -> None:
    """What was acknowledged before is there; what failed can be repeated."""
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        running = local.start(home)
        try:
            with EventStore.connect(running.uri, timeout_seconds=2) as store:
                store.receive(genuine(payload("Bounce")))
                local.stop(home)
                with pytest.raises(StoreUnavailable):
                    store.receive(genuine(payload("Open")))
                with pytest.raises(StoreUnavailable):
                    store.receive_many(all_genuine([payload("Open")]))
                local.start(home)
                deadline = time.monotonic() + 20
                while True:
                    try:
                        assert store.receive(genuine(payload("Open"))).fresh
                        break
                    except StoreUnavailable:
                        assert time.monotonic() < deadline
                assert not store.suppression.check("ann@example.com")
                assert len(store.events.between().to_list()) == 2
        finally:
            local.stop(home)


@needs_own_server
def test_what_a_killed_process_had_acknowledged_is_there(mongodb_uri: str, database: str, mongo_client: Any) -> None:
    """kill -9 in the middle of a stream: every acknowledged event is stored, and its standing follows the redelivery."""
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from payloads import all_genuine, genuine, payload
from sesevent import EventStore
with EventStore.connect({mongodb_uri!r}, database={database!r}) as store:
    for n in range(100000):
        store.receive(genuine(payload("Bounce", message_id=f"m-{{n}}", to=f"p-{{n}}@example.com")))
        print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read().split()
    acknowledged = 50 + len(rest)
    with EventStore.connect(mongodb_uri, database=database) as store:
        stored = {row["MessageId"] for row in mongo_client[database]["ses_event"].find({}, {"MessageId": 1})}
        decisions = store.suppression.check_many(f"p-{n}@example.com" for n in range(acknowledged))

        assert {f"m-{n}" for n in range(acknowledged)} <= stored
        assert not any(decision.allowed for decision in decisions)


@pytest.mark.parametrize("with_store", ["server-sync", "server-async"], indirect=True)
def test_what_the_server_refuses_of_many_things_fails_alone(with_store: Any, tables: Any) -> None:
    """The others are stored, and it is told of each."""

    async def body(face: Any) -> None:
        tables.command("collMod", "ses_event", validator={"MessageId": {"$ne": "m-1"}})
        outcomes = await face.get(
            lambda store: store.receive_each(all_genuine([payload("Send", message_id=f"m-{n}") for n in range(3)]))
        )

        assert [outcome.settled for outcome in outcomes] == [True, False, True]

    with_store(body)
    assert {row["MessageId"] for row in tables["ses_event"].find()} == {"m-0", "m-2"}


def test_pymongo_s_own_bound_holds_for_many_things_too() -> None:
    """They are stored in threads, with the caller's context."""
    with EventStore(MongoClient("mongodb://127.0.0.1:1/", connect=False)) as store, timeout(0.3):
        (outcome,) = store.receive_each([genuine(payload("Send"))])

    assert isinstance(outcome.error, StoreUnavailable)
