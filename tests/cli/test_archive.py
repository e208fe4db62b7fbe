"""Archives and retention on the command line."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from sesevent import testing, trusted

START = datetime(2024, 5, 1, tzinfo=timezone.utc)


def receive(store: Any, events: int) -> None:
    raws = testing.stream(events, start=START, mails_per_second=0.001)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)


def test_events_go_to_an_archive_and_come_back(sesevent: Any, store: Any, tables: Any, tmp_path: Path) -> None:
    """Run, list, verify, query, restore."""
    receive(store, 200)
    number = tables["ses_event"].count_documents({})
    there = str(tmp_path / "archive")
    done = json.loads(sesevent("archive", "run", there, "--older-than", "3 months", "--by", "ann").stdout)
    assert (done["events"], done["deleted"], done["left"]) == (number, number, 0)
    assert tables["ses_event"].count_documents({}) == 0
    parts = [json.loads(line) for line in sesevent("archive", "list", there).stdout.splitlines()]
    assert sum(part["rows"] for part in parts) == number
    assert [part["day"] for part in parts] == ["2024-05-01"]
    looked = sesevent("archive", "verify", there)
    assert (looked.returncode, "intact" in looked.stderr) == (0, True)
    asked = sesevent("archive", "query", there, "SELECT count(*) AS n, max(happened_at) AS last FROM events")
    assert json.loads(asked.stdout)["n"] == number
    back = json.loads(sesevent("archive", "restore", there, "--since", "2024-05-01", "--by", "ann").stdout)
    assert (back["events"], back["fresh"]) == (number, number)
    assert tables["ses_event"].count_documents({}) == number
    assert {entry.by for entry in store.audit.latest()} == {"ann"}

    (tmp_path / "archive" / parts[0]["data"]).write_bytes(b"")
    assert sesevent("archive", "verify", there).returncode == 1


def test_what_is_no_age_or_no_policy_is_told(sesevent: Any, store: Any, tmp_path: Path) -> None:
    """Before anything is done."""
    told = sesevent("archive", "run", str(tmp_path), "--older-than", "soon")
    assert (told.returncode, "no age" in told.stderr) == (2, True)
    told = sesevent("retention", "run", str(tmp_path / "none.toml"))
    assert (told.returncode, "cannot be read" in told.stderr) == (2, True)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_a_policy_is_looked_at_and_done(sesevent: Any, store: Any, tables: Any, tmp_path: Path) -> None:
    """And what is held stays; an address comes by standard input, so that it stays out of lists of processes."""
    receive(store, 200)
    person = tables["ses_event"].find_one({"Type": "Open"})["derived"]["recipients"][0]
    policy = tmp_path / "retention.toml"
    policy.write_text('[[rule]]\nwhy = "x"\ntypes = ["Open"]\ndelete = "1 month"\n[[rule]]\nwhy="y"\narchive="1 month"')
    held = json.loads(
        sesevent("retention", "hold", "address", "-", "--why", "case", "--by", "ann", stdin=person).stdout
    )
    assert json.loads(sesevent("retention", "holds").stdout)["value"] == person
    kept = tables["ses_event"].count_documents({"derived.recipients": person})
    plan = [json.loads(line) for line in sesevent("retention", "plan", str(policy)).stdout.splitlines()]
    ran = sesevent("retention", "run", str(policy), "--archive", str(tmp_path / "archive"))
    done = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(row["kind"], row["events"]) for row in plan] == [(row["kind"], row["events"]) for row in done]
    assert tables["ses_event"].count_documents({}) == kept
    assert sesevent("retention", "release", held["id"], "--why", "closed").returncode == 0
    assert sesevent("retention", "release", held["id"], "--why", "closed").returncode == 1
