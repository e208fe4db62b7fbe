"""Rollups on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

from sesevent import testing, trusted

START = datetime(2024, 5, 1, tzinfo=timezone.utc)


def receive(store: Any, events: int) -> None:
    raws = testing.stream(events, start=START, mails_per_second=0.01)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)


def test_a_roll_up_is_run_and_recounted(sesevent: Any, store: Any, tables: Any) -> None:
    """What was counted is told; what differs is found, and repaired."""
    assert json.loads(sesevent("rollup", "status").stdout)["running"] is False
    receive(store, 200)
    assert json.loads(sesevent("rollup", "run").stdout) == {"hours": 24, "days": 1}
    assert json.loads(sesevent("rollup", "status").stdout)["dirty"] == 0
    tables["ses_rollup"].update_one({"_id": "hour|total|2024-05-01T00"}, {"$inc": {"rows.0.c.sends": 1}})
    looked = sesevent("rollup", "recount", "--since", "2024-05-01", "--until", "2024-05-03", "--no-repair")
    assert looked.returncode == 1
    assert {json.loads(line)["family"] for line in looked.stdout.splitlines()} == {"total"}
    assert sesevent("rollup", "recount", "--since", "2024-05-01", "--until", "2024-05-03").returncode == 0
    assert store.analytics.recount(START, START + timedelta(days=2), repair=False).differences == ()


def test_it_runs_again_and_again_until_it_is_told_to_end(mongodb_uri: str, database: str, store: Any) -> None:
    """SIGTERM, as a supervisor sends it, is no failure."""
    receive(store, 50)
    command = [sys.executable, "-m", "sesevent.cli", "rollup", "run", "--every", "1s", "--database", database]
    environment = os.environ | {"SESEVENT_MONGODB_URI": mongodb_uri}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert first["hours"] == 24


def test_a_span_that_is_none_is_refused(sesevent: Any) -> None:
    """Before anything is opened."""
    refused = sesevent("rollup", "run", "--every", "often")
    assert refused.returncode != 0
    assert "30s or 5m" in refused.stderr
