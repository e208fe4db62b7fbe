"""The round trip of an archive, as a benchmark's command, at a length that a test may take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "round_trip.py"


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_thousands_of_events_come_back_from_an_archive_as_they_were(kind: str) -> None:
    """Archived, deleted and restored, by a digest of every byte."""
    command = [sys.executable, str(FILE), "5000" if kind == "parquet" else "500", kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("events archived, deleted and restored: identical\n")
