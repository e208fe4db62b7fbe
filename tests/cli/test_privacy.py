"""A person's rights, as people use them: exported, erased, told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sesevent import testing

KEYS = {"SESEVENT_PRIVACY_KEYS": "2024:" + "a" * 43}
ANN = "ann@example.com"


@pytest.fixture
def rights(sesevent: Any) -> Any:
    raws = [testing.payloads.send(to=[ANN, "bob@example.org"]), testing.payloads.opened(to=ANN)]
    sesevent("ingest", "-", stdin="\n".join(map(json.dumps, raws)))

    def run(*arguments: str, **more: Any) -> Any:
        return sesevent("privacy", *arguments, **(KEYS | more))

    return run


def test_everything_is_written_to_where_one_says(rights: Any, tmp_path: Path) -> None:
    """JSON to a file or a pipe, and a page; without keys too."""
    page = tmp_path / "ann.html"
    done = rights("export", "-", "--html", str(page), "--by", "desk", stdin=f"{ANN}\n", SESEVENT_PRIVACY_KEYS="")
    assert (done.returncode, done.stdout) == (0, "")
    assert "events 2" in done.stderr
    assert ANN in page.read_text("utf-8")
    piped = rights("export", ANN, "--by", "desk", "--why", "request 7")
    assert len(json.loads(piped.stdout)["events"]) == 2
    assert "bob@" not in piped.stdout + page.read_text("utf-8")


def test_a_person_is_erased_and_a_receipt_tells_of_it(rights: Any, sesevent: Any, tmp_path: Path) -> None:
    """After a look at what would be done; and nobody mails them, but who is readmitted."""
    would = json.loads(rights("erase", ANN, "--dry-run", "--by", "desk").stdout)
    assert (would["dry_run"], would["events"], would["finished"]) == (True, 2, None)
    done = json.loads(rights("erase", ANN, "--by", "desk", "--archive", str(tmp_path)).stdout)
    assert (done["dry_run"], done["events"], done["keep_do_not_mail"]) == (False, 2, True)
    (receipt,) = map(json.loads, rights("receipts").stdout.splitlines())
    assert receipt == {name: value for name, value in done.items() if name != "dry_run"}
    assert ANN not in json.dumps(receipt)

    checked = sesevent("suppression", "check", ANN, "--json", **KEYS)
    assert (checked.returncode, json.loads(checked.stdout)["reason"]) == (3, "erased")
    assert rights("readmit", ANN, "--why", "she is back").returncode == 0
    assert rights("readmit", ANN, "--why", "again").returncode == 1
    assert sesevent("suppression", "check", ANN, **KEYS).returncode == 0


def test_without_a_key_nobody_is_erased(rights: Any) -> None:
    """And it is told how to make one."""
    done = rights("erase", ANN, SESEVENT_PRIVACY_KEYS="")
    assert done.returncode == 2
    assert "sesevent privacy key" in done.stderr
    assert ANN not in done.stderr


def test_forgotten_whoever_comes_back_may_be_mailed(rights: Any, sesevent: Any) -> None:
    """Where the person did not say otherwise."""
    assert json.loads(rights("erase", ANN, "--forget", "--thorough").stdout)["keep_do_not_mail"] is False
    assert sesevent("suppression", "check", ANN, **KEYS).returncode == 0
