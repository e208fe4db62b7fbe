"""Unsubscribing, hygiene, the record of processing, storage and expiry from the command line."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sesevent import EventStore, local, testing, trusted


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_keys_and_links_of_unsubscribing(tmp_path: Path, sesevent: Any) -> None:
    """A new key goes before the old one, in a file of one's own; links of both are read, others are not."""
    pytest.importorskip("cryptography")
    keys, url = tmp_path / "keys", "https://mail.example.com/u"
    assert sesevent("unsubscribe", "key", str(keys)).returncode == 0
    asked = ("unsubscribe", "headers", "-", "--stream", "news", "--about", "issue 7", "--url", url)
    told = json.loads(sesevent(*asked, "--unsubscribe-keys", str(keys), stdin="Ann@Example.com\n").stdout)
    first = keys.read_text().split()
    assert sesevent("unsubscribe", "key", str(keys)).returncode == 0

    assert keys.read_text().split()[1:] == first
    assert keys.stat().st_mode & 0o077 == 0
    link = told["List-Unsubscribe"].strip("<>")
    (row,) = lines(sesevent("unsubscribe", "read", link, "--unsubscribe-keys", str(keys)).stdout)
    assert (row["address"], row["stream"], row["about"]) == ("ann@example.com", "news", "issue 7")
    assert sesevent("unsubscribe", "read", link[:-3], "--unsubscribe-keys", str(keys)).returncode == 1
    assert sesevent("unsubscribe", "read", link).returncode == 2


def test_hygiene_is_told_as_json_and_csv(store: Any, sesevent: Any) -> None:
    """With masked examples."""
    store.receive(trusted(testing.bounce(to="gone@example.com"), because="a test's own"))
    (told,) = lines(sesevent("compliance", "hygiene").stdout)
    rows = list(csv.DictReader(sesevent("compliance", "hygiene", "--csv").stdout.splitlines()))

    assert {one["name"]: one["people"] for one in told["findings"]}["hard_bounced"] == 1
    assert (rows[0]["kind"], rows[0]["people"], rows[0]["examples"]) == ("hard_bounced", "1", "g…@example.com")


def test_the_record_of_processing_is_markdown_with_its_open_points(store: Any, sesevent: Any, tmp_path: Path) -> None:
    """Exit code 1 while there are some."""
    policy = tmp_path / "retention.toml"
    policy.write_text('[[rule]]\nwhy = "season"\ndelete = "3 months"\n')
    done = sesevent(
        "compliance", "record", "--retention", str(policy), "--controller", "Example Ltd", "--recipient-of-data", "AWS"
    )

    assert done.returncode == 1
    assert done.stdout.startswith("# Record of processing")
    assert "deleted after 3 months (season)" in done.stdout
    assert re.search(r"## Still open\n\n- what it rests on", done.stdout)
    assert json.loads(sesevent("compliance", "record", "--json").stdout)["controller"] == ""


@pytest.mark.in_clear("it has an encryption of its own")
def test_the_record_tells_of_the_privacy_policy_and_of_encryption(store: Any, sesevent: Any, tmp_path: Path) -> None:
    """As all commands are told them: by an option before the command, the environment or a settings file."""
    (tmp_path / "privacy.toml").write_text('preset = "transactional"\n')
    sesevent("encryption", "key", str(tmp_path / "master.key"))
    (tmp_path / "encryption.toml").write_text('[local]\nkey_file = "master.key"\n')
    named = ("--privacy", str(tmp_path / "privacy.toml"), "--encryption", str(tmp_path / "encryption.toml"))
    record = ("compliance", "record", "--json")
    key = {"SESEVENT_PRIVACY_KEYS": "k1:l8nC6CXyUl83vI2mHV9c2nT1d6VY1kEYwOTO1vDZ5bA"}
    ran = [sesevent(*record), sesevent(*named, *record, **key)]
    assert [one.stderr for one in ran] == ["", ""]
    before, after = [json.loads(one.stdout) for one in ran]

    assert any("no privacy policy is told" in one for one in before["open_points"])
    assert not any("no privacy policy is told" in one for one in after["open_points"])
    assert any("ip_address" in row.values() and "truncate" in row.values() for row in after["capture"])
    assert "in clear" in before["who"][0]["may"]
    assert "not encrypted" in after["who"][0]["may"]
    assert "master key" in after["who"][1]["name"]


def test_storage_is_reported_and_measured(store: Any, sesevent: Any, tmp_path: Path) -> None:
    """As JSON where nobody looks."""
    policy = tmp_path / "retention.toml"
    policy.write_text('[[rule]]\nwhy = "season"\ndelete = "3 months"\n')
    store.receive_many(trusted(raw, because="a test's own") for raw in testing.stream(100, seed=1))
    (told,) = lines(sesevent("storage", "report", "--retention", str(policy)).stdout)
    measured = lines(sesevent("storage", "measure", "--sample", "50").stdout)

    assert {"ses_event", "ses_suppression"} <= {one["name"] for one in told["collections"]}
    assert told["savings"][0]["why"] == "season"
    assert [(one["compressor"], one["message"]) for one in measured] == [
        ("zstd", "kept"), ("snappy", "kept"), ("zlib", "kept"), ("zstd", "dropped"),
    ]  # fmt: skip


def test_storage_is_compacted(sesevent: Any) -> None:
    """On a server of its own: while it goes on, others there may wait for long."""
    with local.server() as uri, EventStore.connect(uri, database="alone", timeout_seconds=60) as store:
        store.receive(trusted(testing.bounce(), because="a test's own"))
        (compacted,) = lines(sesevent("storage", "compact", "--by", "ann", "--database", "alone", uri=uri).stdout)

        assert compacted["collection"] == "ses_event"
        assert sesevent("storage", "compact", "nothing", "--database", "alone", uri=uri).returncode == 2


def test_expiry_begins_and_ends(store: Any, sesevent: Any, tmp_path: Path) -> None:
    """Ending what is not there is exit code 1."""
    policy = tmp_path / "simple.toml"
    policy.write_text('[[rule]]\nwhy = "a year"\ndelete = "1 year"\n')

    assert lines(sesevent("retention", "expire", str(policy)).stdout) == [{"expire_after_days": 366}]
    assert sesevent("retention", "stop-expiring", "--why", "x").returncode == 0
    assert sesevent("retention", "stop-expiring", "--why", "x").returncode == 1
