"""The soak reports what it measured, and loses nothing. Said briefly; ``nox -s soak`` holds on for as long as asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pymongo import MongoClient

SOAK = Path(__file__).parents[1] / "benchmarks" / "soak.py"


def test_a_short_soak_reports_and_loses_nothing(mongodb_uri: str) -> None:
    """Rate, memory, latency and lag, as JSON lines into a pipe; its database is gone afterwards."""
    command = [sys.executable, str(SOAK), "--seconds", "10", "--rate", "100", "--every", "3", "--uri", mongodb_uri]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    *progress, result = map(json.loads, done.stdout.splitlines())

    assert len(progress) >= 2
    assert all(line["acknowledged"] > 0 and line["memory_mib"] > 0 for line in progress)
    assert (result["missing"], result["unexpected"], result["asked_rate"]) == (0, 0, 100)
    assert 0 < result["fresh"] < result["acknowledged"]  # repeats were among them
    assert (
        0 < result["latency_p50_ms"] <= result["latency_p95_ms"] <= result["latency_p99_ms"] <= result["latency_max_ms"]
    )
    assert 0 < result["memory_min_mib"] <= result["memory_max_mib"]
    assert result["lag_max_seconds"] >= 0
    with MongoClient(mongodb_uri) as client:
        assert not [name for name in client.list_database_names() if name.startswith("soak_")]


def test_a_soak_that_lost_something_says_so(mongodb_uri: str) -> None:
    """Or the one above would prove nothing: meanwhile somebody deletes an event."""
    command = [sys.executable, str(SOAK), "--seconds", "3", "--rate", "100", "--every", "1", "--uri", mongodb_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as soak, MongoClient(mongodb_uri) as client:
        assert soak.stdout is not None
        soak.stdout.readline()
        (name,) = [name for name in client.list_database_names() if name.startswith("soak_")]
        assert client[name].ses_event.delete_one({}).deleted_count == 1
        *_, result = map(json.loads, soak.stdout)

    assert (result["missing"], soak.returncode) == (1, 1)
