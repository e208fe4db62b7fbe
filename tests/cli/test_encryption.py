"""``sesevent encryption …``, and every other command of a store that encrypts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from payloads import payload


@pytest.mark.timeout(900)  # many processes
@pytest.mark.in_clear("it has an encryption of its own")
def test_from_a_key_to_a_shredded_person(sesevent: Any, tmp_path: Path, tables: Any) -> None:
    """A file, events, what is kept, rotation, an end; commands that are told no key can read nothing."""
    for name in ("old", "new"):
        assert sesevent("encryption", "key", str(tmp_path / f"{name}.key")).returncode == 0
        (tmp_path / f"{name}.toml").write_text(
            f'per_person = true\n[local]\nkey_file = "{name}.key"\nname = "{name}"\n'
        )
    assert sesevent("encryption", "key", str(tmp_path / "old.key")).returncode != 0, "it overwrites nothing"
    assert (tmp_path / "old.key").stat().st_mode & 0o077 == 0
    old, new = ({"SESEVENT_ENCRYPTION": str(tmp_path / f"{name}.toml")} for name in ("old", "new"))

    clear = sesevent("ingest", "-", stdin=json.dumps(payload("Send")))
    assert clear.returncode == 0, clear.stderr
    done = sesevent("ingest", "-", stdin=json.dumps(payload("Bounce", message_id="m-2")), **old)
    assert done.returncode == 0, done.stderr
    assert json.loads(sesevent("encryption", "apply", **old).stdout)["encrypted"] == 1
    assert "ann@" not in repr(list(tables["ses_event"].find()))

    rows = [
        json.loads(line) for line in sesevent("events", "--recipient", "ann@example.com", **old).stdout.splitlines()
    ]
    assert sorted(row["type"] for row in rows) == ["Bounce", "Send"]
    assert "no key is told" in sesevent("encryption", "status").stderr
    assert "encrypts nothing" in sesevent("--without-keys", "encryption", "status").stderr

    rotated = sesevent("encryption", "rotate", "--before", str(tmp_path / "old.toml"), "--by", "ann", **new)
    assert json.loads(rotated.stdout)["provider"] == "local:new", rotated.stderr
    assert json.loads(sesevent("encryption", "new-key", "--by", "ann", **new).stdout) == {"data_keys": 2}

    gone = [sesevent("encryption", "shred", "ANN@example.com", "--why", "asked", "--by", "ann", **new) for _ in "12"]
    assert [one.returncode for one in gone] == [0, 1]
    assert sesevent("events", "--recipient", "ann@example.com", **new).stdout == ""
    told = sesevent("privacy", "export", "ann@example.com", "--by", "desk", **new)
    assert "keys are gone" in told.stderr
    assert [(one["count"], one["reason"]) for one in json.loads(told.stdout)["unreadable"]] == [(2, "erased")]
    status = json.loads(sesevent("encryption", "status", **new).stdout)
    assert (status["provider"], status["people"], status["erased"], status["in_clear"]) == ("local:new", 0, 1, "")


@pytest.mark.in_clear("it has an encryption of its own")
def test_a_settings_file_names_the_master_key(sesevent: Any, tmp_path: Path) -> None:
    """Beside itself, as it does the policy."""
    sesevent("encryption", "key", str(tmp_path / "master.key"))
    (tmp_path / "encryption.toml").write_text('[local]\nkey_file = "master.key"\n')
    (tmp_path / "sesevent.toml").write_text('encryption = "encryption.toml"\n')
    named = {"SESEVENT_CONFIG": str(tmp_path / "sesevent.toml")}

    assert json.loads(sesevent("encryption", "status", **named).stdout)["provider"] == "local"
    (tmp_path / "encryption.toml").unlink()
    assert "cannot be read" in sesevent("encryption", "status", **named).stderr
