"""Neighbours kept up to date from the command line, as a module of the user's declares it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from payloads import genuine, payload

pytestmark = pytest.mark.usefixtures("nothing_before")

MODULE = """
from sesevent.contrib.projections import MessageStatus, Projections, Raise

def declared(store):
    database = store.client[{database!r}]
    return Projections("app", MessageStatus(database["records"]), Raise(database["raised"], types=["Bounce"]))

class nonsense: pass
"""


@pytest.fixture
def home(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module; commands run there."""
    (tmp_path / "app_mail.py").write_text(MODULE.format(database=database), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_would_be_changed_and_then_is(home: Path, store: Any, tables: Any, sesevent: Any) -> None:
    """A dry run writes nothing; --replay goes through what is stored, --once through what came since."""
    tables["records"].insert_one({"_id": 1, "messageId": "m-1"})
    store.receive(genuine(payload("Bounce")))
    would = rows(sesevent("project", "app_mail:declared", "--replay", "--dry-run"))
    assert ("records", tables["records"].find_one()) == ("records", {"_id": 1, "messageId": "m-1"})
    assert {(row["projection"], row["field"]) for row in would} == {
        ("status", "ses.status"), ("status", "ses.sentAt"), ("status", "ses.lastEventAt"), ("raise", "")
    }  # fmt: skip
    told = {row["projection"]: row for row in rows(sesevent("project", "app_mail:declared", "--replay"))}
    assert (told["status"]["changed"], told["raise"]["made"]) == (1, 1)
    store.receive(genuine(payload("Complaint", at="2024-05-01T13:00:00.000Z")))
    (told,) = [row for row in rows(sesevent("project", "app_mail:declared", "--once")) if row["changed"]]

    assert (told["projection"], told["events"], told["changed"]) == ("status", 1, 1)
    assert tables["records"].find_one()["ses"]["status"]["is"] == "complained"
    assert rows(sesevent("project", "app_mail:declared", "--recheck")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_a_signal_ends_it_cleanly(
    home: Path, store: Any, tables: Any, mongodb_uri: str, database: str, number: int
) -> None:
    """Exit status 0, and the counts."""
    tables["records"].insert_one({"_id": 1, "messageId": "m-1"})
    command = [sys.executable, "-m", "sesevent.cli", "project", "app_mail:declared"]
    with subprocess.Popen(
        [*command, "--uri", mongodb_uri, "--database", database],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs us in the background has SIGINT ignored; a person at a terminal has not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            while process.poll() is None and not tables["ses_watch"].count_documents({}):
                time.sleep(0.05)
            store.receive(genuine(payload("Send")))
            while process.poll() is None and not tables["records"].count_documents({"ses.status.is": "sent"}):
                time.sleep(0.05)
            process.send_signal(number)
            told, problems = process.communicate(timeout=60)
        finally:
            process.kill()

    assert (process.returncode, problems) == (0, "")
    assert json.loads(told)["changed"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["app_mail"], "MODULE:NAME"),
        (["nowhere_at_all:declared"], "no module nowhere_at_all"),
        (["app_mail:nothing"], "has no nothing"),
        (["app_mail:MessageStatus.__module__"], "has no"),
        (["app_mail:declared", "--until", "2h"], "--replay"),
    ],
)
def test_what_cannot_be_is_said(home: Path, store: Any, sesevent: Any, arguments: list[str], said: str) -> None:
    """In a line, with exit status 2."""
    done = sesevent("project", *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
