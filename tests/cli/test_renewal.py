"""`sesevent migrate` and `sesevent reindex`, as people run them."""

from __future__ import annotations

import json
from typing import Any

from sesevent import testing
from sesevent.testing import payloads


def lines(done: Any) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_migrate_looks_says_what_is_to_be_done_does_it_and_takes_it_back(sesevent: Any, rows: Any, store: Any) -> None:
    """A dry run changes nothing; a policy that there is none of is refused; nothing that rows say is told."""
    as_it_came = dict(testing.notification(payloads.bounce(to="ben@example.org")))
    rows.insert_many([as_it_came, {name: value for name, value in as_it_came.items() if name != "_id"}])
    before = list(rows.find())

    told = sesevent("migrate", "--dry-run")
    assert {row["what"]: row["rows"] for row in lines(told) if "what" in row}["shape: envelope"] == 2
    assert {row["step"]: row["rows"] for row in lines(told) if "step" in row} == {"give `derived`": 2, "duplicates": 1}
    assert "ben@example.org" not in told.stdout
    assert list(rows.find()) == before

    assert sesevent("migrate", "--duplicates", "sometimes").returncode == 2
    assert list(rows.find()) == before
    assert lines(sesevent("migrate", "--duplicates", "mark"))[-1] == {
        "rows": 2,
        "duplicates": 1,
        "marked": 1,
        "deleted": 0,
    }
    assert lines(sesevent("migrate", "--undo")) == [{"rows": 2, "reworded": 0, "left": 0}]
    assert list(rows.find()) == before
    assert lines(sesevent("migrate", "--duplicates", "delete", "--by", "lea"))[-1]["deleted"] == 1
    assert store.audit.latest(limit=1)[0].by == "lea"


def test_reindex_makes_anew_what_the_doctor_says_older_versions_made(sesevent: Any, rows: Any, store: Any) -> None:
    """And the doctor is content afterwards."""

    def editions() -> str:
        return next(row["level"] for row in lines(sesevent("doctor")) if row["subject"] == "editions")

    rows.insert_one(dict(testing.notification(payloads.bounce(to="ben@example.org"))))
    store.adopt()
    assert editions() == "ok"
    rows.update_many({}, {"$set": {"derived.v": 1}, "$unset": {"derived.took": ""}})
    assert editions() == "warning"
    assert lines(sesevent("reindex", "--rows-per-second", "1000")) == [{"rows": 1, "changed": 1, "standings": 0}]
    assert editions() == "ok"
