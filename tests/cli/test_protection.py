"""What is kept of people, told and followed by commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sesevent import testing
from sesevent.privacy.pseudonyms import keys_in


def test_a_key_is_made_and_commands_follow_policy_and_key(sesevent: Any, tables: Any, tmp_path: Path) -> None:
    """What `ingest` stores names nobody, and whoever has the key is answered by address."""
    key = sesevent("privacy", "key", "--id", "2025").stdout.strip()
    (made,) = keys_in(key)
    keys, policy = tmp_path / "keys", tmp_path / "privacy.toml"
    keys.write_text(key)
    policy.write_text('preset = "transactional"\n')
    told = ("--privacy", str(policy), "--privacy-keys", str(keys))

    stored = sesevent(*told, "ingest", "-", stdin=json.dumps(testing.bounce(to="ann@example.com")))
    checked = sesevent(
        "suppression", "check", "ann@example.com", "--json", SESEVENT_PRIVACY=str(policy), SESEVENT_PRIVACY_KEYS=key
    )

    assert stored.returncode == 0
    assert len(made.secret) == 32
    assert "ann@" not in str(tables["ses_event"].find().to_list())
    assert json.loads(checked.stdout)["reason"] == "hard_bounce"
    assert {row["subject"] for row in tables["ses_audit"].find()} >= {"privacy policy", "pseudonym keys"}
    assert key.split(":")[1] not in str(tables["ses_audit"].find().to_list())


def test_a_policy_is_told_row_by_row(sesevent: Any, tmp_path: Path) -> None:
    """The one that holds, or a preset; without one that all is kept."""
    policy = tmp_path / "privacy.toml"
    policy.write_text('preset = "everything"\nsubject = "drop"\n[events.Open]\nip_address = "drop"\n')
    rows = {
        (row["field"], row["type"]): row["action"]
        for row in map(json.loads, sesevent("--privacy", str(policy), "privacy", "show", "--json").stdout.splitlines())
    }
    preset = [
        json.loads(line) for line in sesevent("privacy", "show", "--preset", "marketing", "--json").stdout.splitlines()
    ]

    assert (rows["subject", "*"], rows["ip_address", "*"], rows["ip_address", "Open"]) == ("drop", "keep", "drop")
    assert {row["field"]: row["action"] for row in preset}["headers"] == "drop"


def test_a_policy_without_a_key_is_refused_before_anything_is_stored(sesevent: Any, tmp_path: Path) -> None:
    """And a key that cannot be read is not shown."""
    policy = tmp_path / "privacy.toml"
    policy.write_text('preset = "marketing"\n')

    without = sesevent("--privacy", str(policy), "events")
    wrong = sesevent("--privacy", str(policy), "events", SESEVENT_PRIVACY_KEYS="2025:short-secret")

    assert (without.returncode, wrong.returncode) == (2, 2)
    assert "no key" in without.stderr
    assert "short-secret" not in wrong.stderr
