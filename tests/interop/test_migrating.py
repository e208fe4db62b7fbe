"""A real Mongoose application writes, and saves again, while its rows are taken over by processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

FIVE = ("Type", "MessageId", "Subject", "Message", "Timestamp")


def command(mongodb_uri: str, database: str, *arguments: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "sesevent.cli", "migrate", "--uri", mongodb_uri, "--database", database, *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy())


def ended(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    return [json.loads(line) for line in out.splitlines()]


def until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "nothing happened for a minute"
        time.sleep(0.02)


@pytest.mark.timeout(600)
def test_rows_are_taken_over_while_mongoose_writes_and_whoever_is_killed_is_followed_by_the_next(
    node_home: Path, mongodb_uri: str, database: str, store: Any, rows: Any, tables: Any
) -> None:
    """Not a byte of the five strings changes; afterwards everything is known, and undone it is as it was."""
    uri = mongodb_uri.replace("/?", f"/{database}?")
    writing = ["node", "writing.mjs", uri, "ses_event"]
    with subprocess.Popen(writing, cwd=node_home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout.readline().strip() == "begun"
        for killed in range(2):
            before = rows.count_documents({"derived": {"$ne": None}})
            first = command(mongodb_uri, database, "--rows-per-second", "2000")
            until(lambda before=before: rows.count_documents({"derived": {"$ne": None}}) > before)
            time.sleep(0.01 * killed)
            first.send_signal(signal.SIGKILL)
            first.communicate()
        two_at_once = [command(mongodb_uri, database) for _ in range(2)]
        for process in two_at_once:
            ended(process)
        node.stdin.close()
        wrote = {row["_id"]: row for row in json.loads(node.stdout.readline())}
        assert node.wait(timeout=60) == 0
    done = ended(command(mongodb_uri, database))[-1]

    assert len(wrote) > 400
    assert (rows.count_documents({"derived": None}), done["duplicates"]) == (0, 0)
    assert tables["ses_event_unfinished"].count_documents({}) == 0
    kept = {str(row["_id"]): {name: row.get(name) for name in FIVE} for row in rows.find()}
    assert kept == {identifier: {name: row[name] for name in FIVE} for identifier, row in wrote.items()}
    bounced = {
        json.loads(row["Message"])["mail"]["destination"][0] for row in wrote.values() if '"Bounce"' in row["Message"]
    }
    assert bounced
    assert [one.address for one in store.suppression.check_many(sorted(bounced)) if one.allowed] == []
    standings = {row["_id"]: row["standings"] for row in tables["ses_suppression"].find()}
    store.suppression.rebuild()
    assert {row["_id"]: row["standings"] for row in tables["ses_suppression"].find()} == standings

    assert ended(command(mongodb_uri, database, "--undo")) == [{"rows": len(wrote), "reworded": 0, "left": 0}]
    assert {frozenset(row) for row in rows.find()} == {frozenset({"_id", "__v", *FIVE})}
    assert all(one.allowed for one in store.suppression.check_many(sorted(bounced)))
