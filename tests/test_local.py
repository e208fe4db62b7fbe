"""A real server, started, shared, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from sesevent import ConfigurationError, local

pytestmark = pytest.mark.skipif(
    os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="a server is given; this machine may have no mongod"
)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" if Path("/proc").exists() else True


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_a_server_for_a_block_has_transactions_and_change_streams_and_leaves_nothing() -> None:
    """What a stand-alone server has not; its data is gone afterwards."""
    with local.server() as uri, MongoClient(uri) as client:
        with client.test.things.watch() as changes, client.start_session() as session:
            session.with_transaction(lambda inside: client.test.things.insert_one({"a": 1}, session=inside))
            assert next(changes)["operationType"] == "insert"
        status = client.admin.command("serverStatus")
        directory = Path(client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"])
        assert directory.exists()

    assert gone(status["pid"])
    assert not directory.exists()


def test_it_listens_on_the_loopback_interface_only(mongodb_uri: str) -> None:
    """A laptop's demo is nobody else's business."""
    with MongoClient(mongodb_uri) as client:
        options = client.admin.command("getCmdLineOpts")["parsed"]["net"]

    assert (options["bindIp"], options["unixDomainSocket"]["enabled"]) == ("127.0.0.1", False)


def test_three_members_elect_a_primary() -> None:
    """For trying fail-over."""
    with local.server(members=3) as uri, MongoClient(uri) as client:
        assert len(client.admin.command("hello")["hosts"]) == 3
        assert client.test.things.insert_one({}).acknowledged


def test_a_member_that_hangs_up_at_first_is_asked_again(tmp_path: Path) -> None:
    """On a busy machine a server may listen before it answers the other members."""
    port = local._free_port()
    members = [local.Member(tmp_path / name, each, 30, None) for name, each in (("a", local._free_port()), ("b", port))]

    def hang_up_then_start() -> None:
        with socket.create_server(("127.0.0.1", port)) as early:
            early.accept()[0].close()
        members[1].start()

    late = threading.Thread(target=hang_up_then_start)
    try:
        members[0].start()
        late.start()
        local._initiate([member.port for member in members], 30)
        local._wait_until(lambda: {member.role for member in members} == {"primary", "secondary"}, 30)
    finally:
        late.join()
        for member in members:
            member.close()


def test_a_member_that_is_killed_is_replaced_and_comes_back_with_its_data() -> None:
    """For trying kill -9: the set goes on, and the member starts again on its port."""
    with local.replica_set() as running, MongoClient(running.uri) as client:
        killed = running.primary()
        client.test.get_collection("things").insert_one({"_id": 1})
        killed.kill()
        assert (killed.running, alive(killed.pid)) == (False, False)

        assert running.primary().port != killed.port
        client.test.get_collection("things").insert_one({"_id": 2})
        killed.start()
        local._wait_until(lambda: killed.role == "secondary", 30)
        with MongoClient("127.0.0.1", killed.port, directConnection=True) as one:
            local._wait_until(lambda: one.test.things.count_documents({}) == 2, 30)


def test_a_paused_member_holds_nobody_up_not_even_the_end() -> None:
    """It answers nothing and runs all the same; SIGTERM alone would wait for ever."""
    with local.replica_set(members=1) as running:
        running.members[0].pause()
        assert (running.members[0].running, running.members[0].role) == (True, "")

    assert gone(running.members[0].pid)


def test_a_killed_process_takes_its_server_along(tmp_path: Path) -> None:
    """Even kill -9: the watchdog notices that the pipe is closed, and removes the data."""
    script = (
        "from sesevent import local\nfrom pymongo import MongoClient\nimport time\n"
        "with local.server() as uri:\n"
        "    print(MongoClient(uri).admin.command('serverStatus')['pid'], flush=True)\n    time.sleep(60)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert list(tmp_path.iterdir())
        process.kill()

    assert gone(pid)
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def directory(tmp_path: Path) -> object:
    yield tmp_path / "data"
    local.stop(tmp_path / "data")


def test_a_kept_server_is_started_once_found_and_stopped(directory: Path) -> None:
    """Starting again returns the same one; stopping twice says there was none."""
    first = local.start(directory)

    assert first == local.start(directory) == local.status(directory)
    assert local.stop(directory)
    assert local.status(directory) is None
    assert not local.stop(directory)
    assert gone(first.pid)


def test_two_starts_at_once_make_one_server(directory: Path) -> None:
    """Never two servers on one directory."""
    script = f"from sesevent import local; print(local.start({str(directory)!r}).pid)"
    starts = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [start.communicate()[0] for start in starts]

    assert len(set(told)) == 1
    assert told[0].strip().isdigit()


def test_after_kill_9_the_next_start_recovers_the_data(directory: Path) -> None:
    """On the same port, with what was durably written."""
    first = local.start(directory)
    with MongoClient(first.uri) as client:
        client.test.get_collection("things").insert_one({"_id": 1})
    os.kill(first.pid, signal.SIGKILL)
    assert gone(first.pid)
    assert local.status(directory) is None

    second = local.start(directory)
    with MongoClient(second.uri) as client:
        assert client.test.things.find_one() == {"_id": 1}
    assert (first.port, False) == (second.port, first.pid == second.pid)


def test_a_remembered_port_that_is_taken_is_given_up(directory: Path) -> None:
    """The replica set is told its new address; a stranger on the old port is not taken for the server."""
    first = local.start(directory)
    local.stop(directory)
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", first.port))
        stranger.listen()
        second = local.start(directory)
        with MongoClient(second.uri) as client:
            assert client.test.things.insert_one({}).acknowledged

    assert first.port != second.port


def test_another_directorys_server_is_never_taken_for_ours(directory: Path, tmp_path: Path) -> None:
    """A stale note may name a port that somebody else's server has now: it is not believed, and not stopped."""
    other = local.start(directory)
    stale = tmp_path / "stale"
    stale.mkdir()
    (stale / "sesevent-local.json").write_text(json.dumps({"port": other.port}))

    assert local.status(stale) is None
    assert not local.stop(stale)
    assert alive(other.pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """With the end of its own log."""
    (tmp_path / "WiredTiger").write_text("not a database")
    (tmp_path / "WiredTiger.turtle").write_text("broken")

    with pytest.raises(ConfigurationError, match=r"did not start.*end of its log: .+"), local.server(tmp_path):
        pass


def test_where_there_is_no_server_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways out are named."""
    monkeypatch.setattr(local, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ConfigurationError, match=r"sesevent\[local\].*SESEVENT_MONGODB_URI"):
        local.find_mongod()
