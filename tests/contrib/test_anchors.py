"""Anchors: what the database's owner cannot rewrite, and how a rewritten trail shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest

from forked import Forked
from sesevent import ConfigurationError
from sesevent.audit import Anchor
from sesevent.contrib import anchors

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
HEAD = Anchor(7, "ab" * 32, NOW)


def test_an_anchor_is_read_as_it_was_signed() -> None:
    """By whoever has the public key."""
    private, public = anchors.new_key()
    assert list(anchors.read([anchors.signed(HEAD, private), ""], public)) == [HEAD]


@pytest.mark.parametrize(
    "change", [{"number": 8}, {"hash": "cd" * 32}, {"at": "2024-05-02T12:00:00.000Z"}, {"signature": "AAAA"}]
)
def test_a_changed_anchor_is_not_genuine(change: dict[str, Any]) -> None:
    """The error names the line."""
    private, public = anchors.new_key()
    good = anchors.signed(HEAD, private)
    with pytest.raises(ConfigurationError, match="Line 2"):
        list(anchors.read([good, json.dumps(json.loads(good) | change)], public))


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"signature": 1}'])
def test_what_is_no_anchor_is_not_genuine(line: str) -> None:
    """Nor one that somebody else signed."""
    _, public = anchors.new_key()
    stranger, _ = anchors.new_key()
    for wrong in (line, anchors.signed(HEAD, stranger)):
        with pytest.raises(ConfigurationError, match="Line 1"):
            list(anchors.read([wrong], public))


def test_what_is_no_key_is_said() -> None:
    """Of either kind, the public one in place of the private one too."""
    private, public = anchors.new_key()
    for wrong in ("", public):
        with pytest.raises(ConfigurationError, match="private key"):
            anchors.signed(HEAD, wrong)
    for wrong in ("", private):
        with pytest.raises(ConfigurationError, match="public key"):
            list(anchors.read([], wrong))


@pytest.fixture
def command(forked: Forked) -> Callable[..., Any]:
    return lambda *arguments: forked.run(["audit", *arguments])


@pytest.mark.in_clear("its commands are told no key")
def test_a_rewritten_trail_is_found_by_its_anchor(
    store: Any,
    mongodb_uri: str,
    database: str,
    moto_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Any],
) -> None:
    """By the command: a key, an anchor in a file and one under S3's lock, then somebody builds the whole chain anew."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
    client.create_bucket(Bucket=f"anchors-{database}".replace("_", "-"), ObjectLockEnabledForBucket=True)
    bucket = f"s3://anchors-{database}/trail/".replace("_", "-")
    place = ["--uri", mongodb_uri, "--database", database]
    aws = ["--region", "us-east-1", "--endpoint-url", moto_url]
    for number in range(3):
        store.audit.note("tried", f"thing {number}", by="ann")

    key = tmp_path / "key"
    assert command("key", str(key)).returncode == 0
    assert key.stat().st_mode & 0o077 == 0
    assert command("key", str(key)).returncode != 0  # never over one that is there
    file = tmp_path / "anchors"
    assert command("anchor", str(file), "--key", str(key), *place).returncode == 0
    assert command("anchor", bucket, "--key", str(key), *place, *aws).returncode == 0
    (kept,) = client.list_objects_v2(Bucket=bucket.split("/")[2])["Contents"]
    locked = client.head_object(Bucket=bucket.split("/")[2], Key=kept["Key"])
    assert locked["ObjectLockMode"] == "COMPLIANCE"
    assert (locked["ObjectLockRetainUntilDate"] - datetime.now(timezone.utc)).days >= 3648

    check = ["verify", "--anchors", str(file), "--anchors", bucket, "--public-key", f"{key}.pub", *place, *aws]
    assert command(*check).returncode == 0
    store.client[database]["ses_audit"].delete_many({})
    for number in range(4):  # the fourth told which key signs
        store.audit.note("tried", f"another thing {number}", by="ann")
    assert store.audit.verify().intact
    found = command(*check)
    assert found.returncode == 1
    assert "rewritten" in found.stdout
    assert command("verify", "--anchors", str(file), *place).returncode != 0  # unproven


@pytest.mark.in_clear("its commands are told no key")
def test_the_trail_is_told(store: Any, mongodb_uri: str, database: str, command: Callable[..., Any]) -> None:
    """Listed for a subject, and exported with its hashes."""
    for number in range(3):
        store.audit.note("tried", f"thing {number}", by="ann", why="to see")
    place = ["--uri", mongodb_uri, "--database", database]
    (row,) = map(json.loads, command("list", "--subject", "thing 1", *place).stdout.splitlines())
    assert (row["number"], row["by"], row["why"]) == (2, "ann", "to see")
    told = [json.loads(line) for line in command("export", *place).stdout.splitlines()]
    assert [row["number"] for row in told] == [1, 2, 3]
    assert [row["previous"] for row in told[1:]] == [row["hash"] for row in told[:-1]]
