"""``sesevent monitor``, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from payloads import all_genuine
from sesevent import EventStore, testing


def mails(number: int, bounced: int, prefix: str = "m") -> list[Any]:
    """So many mails that went out just now."""
    at = datetime.now(timezone.utc) - timedelta(minutes=5)
    made = []
    for n in range(number):
        one: dict[str, Any] = {"to": f"p{n}@example.com", "sent": at, "message_id": f"{prefix}-{n}"}
        made += [testing.send(**one), (testing.bounce if n < bounced else testing.delivery)(**one)]
    return list(all_genuine(made))


def rows(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("bounced", "code"), [(0, 0), (30, 4), (80, 5)])
def test_one_evaluation_tells_the_worst_by_its_exit_code(
    sesevent: Any, store: EventStore, bounced: int, code: int
) -> None:
    """For cron, and for a pipeline that must not go on."""
    store.receive_many(mails(1000, bounced))
    done = sesevent("monitor", "run", "--once")

    assert done.returncode == code, done.stderr
    told = {row["alarm"]: row for row in rows(done)}
    assert told["bounce-rate"]["state"] == {0: "ok", 4: "warn", 5: "critical"}[code]
    assert told["bounce-rate"]["notified"] is False
    if code:
        assert f"({bounced} of 1,000)" in told["bounce-rate"]["text"]


def test_states_history_and_budget_are_shown(sesevent: Any, store: EventStore) -> None:
    """As lines of JSON in a pipe."""
    store.receive_many(mails(1000, 45))
    sesevent("monitor", "run", "--once")
    states = {row["alarm"]: row for row in rows(sesevent("monitor", "states"))}
    history = rows(sesevent("monitor", "history", "bounce-rate", "--since", "1h"))
    (bounces, complaints) = rows(sesevent("monitor", "budget"))

    assert (states["bounce-rate"]["state"], states["bounce-rate"]["value"], states["bounce-rate"]["scope"]) == (
        "critical", 0.045, "all mails",
    )  # fmt: skip
    assert [(row["before"], row["state"], row["line"]) for row in history] == [("no_data", "critical", 0.04)]
    assert (bounces["line"], bounces["rate"], bounces["of"], bounces["left"]) == ("5.0%", "4.5%", 1000, 4)
    assert complaints["reached_in"] is None


def test_a_file_says_what_is_watched(sesevent: Any, store: EventStore, tmp_path: Path) -> None:
    """And what is wrong in it is said, with exit code 2."""
    store.receive_many(mails(100, 10))
    file = tmp_path / "rules.toml"
    file.write_text(
        'defaults = false\n[[rules]]\nname = "mine"\nlike = "bounce-rate"\ncritical = 0.5\n', encoding="utf-8"
    )
    done = sesevent("monitor", "run", "--once", "--rules", str(file))
    file.write_text('[[rules]]\nname = "lag"\nwran = 1\n', encoding="utf-8")
    wrong = sesevent("monitor", "run", "--once", "--rules", str(file))

    assert (done.returncode, [row["alarm"] for row in rows(done)]) == (4, ["mine"])
    assert wrong.returncode == 2
    assert "rules, number 1: wran" in wrong.stderr


def test_an_alarm_is_silenced_and_acknowledged(sesevent: Any, store: EventStore) -> None:
    """By somebody, for a reason; of one there is none of it is said."""
    store.receive_many(mails(100, 10))
    sesevent("monitor", "run", "--once")
    silent = sesevent("monitor", "silence", "bounce-rate", "--until", "2h", "--why", "deploying", "--by", "ann")
    ended = sesevent("monitor", "unsilence", "bounce-rate", "--why", "deployed", "--by", "ann")
    known = sesevent("monitor", "acknowledge", "bounce-rate", "--why", "on it", "--by", "ben")
    nobody = sesevent("monitor", "acknowledge", "nonsense", "--why", "on it", "--by", "ben")

    assert rows(silent)[0]["silenced_until"] > rows(silent)[0]["evaluated"]
    assert rows(ended)[0]["silenced_until"] < rows(silent)[0]["silenced_until"]
    assert rows(known)[0]["acknowledged"] == "ben"
    assert (nobody.returncode, "no alarm 'nonsense'" in nobody.stderr) == (2, True)
    assert [row["what"] for row in rows(sesevent("monitor", "history", "bounce-rate"))] == [
        "acknowledged", "silenced", "silenced", "changed",
    ]  # fmt: skip


@pytest.mark.parametrize(("option", "words"), [("--every=never", "no span"), ("--every=0", "no span"),
                                               ("--notify=nonsense", "no URL of a service")])  # fmt: skip
def test_what_cannot_be_done_is_said(sesevent: Any, store: EventStore, option: str, words: str) -> None:
    """With exit code 2."""
    done = sesevent("monitor", "run", "--once", option)

    assert done.returncode == 2
    assert words in done.stderr.replace("\n", " ")


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A service that takes JSON: its URL, and what it took."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Not in the tests' output."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"json://127.0.0.1:{server.server_port}/", taken
        server.shutdown()
        thread.join()


@pytest.fixture
def monitor(mongodb_uri: str, database: str, store: Any) -> Iterator[Callable[..., Any]]:
    """Start ``sesevent monitor run`` on the test's database."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, uri: str = mongodb_uri) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "sesevent.cli", "monitor", "run", "--database", database, *arguments]
        process = subprocess.Popen(
            command, env=os.environ | {"SESEVENT_MONGODB_URI": uri}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_a_signal_and_ends_in_order(
    monitor: Any, store: EventStore, told: tuple[str, list[dict[str, Any]]], number: int
) -> None:
    """With exit code 0; what changes then is told by who is left, and what was told before is not told again."""
    pytest.importorskip("apprise")
    url, taken = told

    def until_told(beginning: str, *running: Any) -> None:
        while not taken or not taken[-1]["title"].startswith(beginning):
            assert [process.poll() for process in running] == [None] * len(running)
            time.sleep(0.05)

    store.receive_many(mails(100, 10))
    first = monitor("--every", "0.2s", "--notify", url)
    until_told("[CRITICAL]", first)
    second = monitor("--every", "0.2s", "--notify", url)
    first.send_signal(number)
    ended = [first.communicate(timeout=30)]
    store.receive_many(mails(900, 0, "n"))
    until_told("[ok]", second)  # which proves that it runs: before that a signal would end it as any command
    second.send_signal(number)
    ended.append(second.communicate(timeout=30))

    assert [process.returncode for process in (first, second)] == [0, 0], ended
    titles = [message["title"] for message in taken]
    assert titles[0] == "[CRITICAL] bounce-rate: 10.0%"
    assert len(set(titles)) == len(titles)
    lines = [json.loads(line) for out, _ in ended for line in out.splitlines()]
    changes = [line["title"] for line in lines if line["alarm"] == "bounce-rate"]
    assert sorted(changes) == sorted(titles)


def test_a_monitor_that_cannot_see_says_so() -> None:
    """An outage of the database must not look like peace; one hiccup is no outage."""
    from sesevent.cli.monitor import _Outage
    from sesevent.errors import StoreUnavailable

    entries: list[Any] = []

    def broken(_: Any) -> None:
        raise ValueError

    outage = _Outage([broken, entries.append])
    for _ in range(2):
        outage.failed(StoreUnavailable("away"))
    outage.passed()
    assert entries == []
    for _ in range(5):
        outage.failed(StoreUnavailable("away"))
    outage.passed()

    assert [(entry.state, entry.before) for entry in entries] == [("critical", "ok"), ("ok", "critical")]
    assert "no other alarm" in entries[0].hint
