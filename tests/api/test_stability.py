"""No public name, signature, command or option changes unseen: a snapshot is part of the change."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("api_snapshot", Path(__file__).with_name("snapshot.py"))
snapshot = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(snapshot)
pytestmark = pytest.mark.skipif(
    not (snapshot.ROOT / "sesevent").exists(), reason="the source is not here: the package is tested as installed"
)


def test_what_is_public_is_what_the_snapshot_says() -> None:
    """Whoever means the change runs one command, and says it in the changelog."""
    kept, now = snapshot.PUBLIC.read_text(encoding="utf-8"), snapshot.snapshot()
    changes = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "snapshot", "now", n=0, lineterm=""))
    assert kept == now, f"the public API changed; if it is meant to, run: {snapshot.RENEW}\n{changes}"


def test_every_public_name_is_found_where_it_is_said_to_be() -> None:
    """A name that cannot be found would be in the snapshot without its signature."""
    told = {name: snapshot.written(name)[0] for name in snapshot.public_names()}
    assert [name for name, line in told.items() if line.endswith("not found")] == []
    assert len(told) > 200
