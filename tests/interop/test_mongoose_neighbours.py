"""The application next door, with real Mongoose: it reads and saves its documents, and what we keep there stays."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from payloads import all_genuine, payload
from sesevent.contrib.projections import MessageStatus, Projections, Projector

SCRIPT = Path(__file__).with_name("neighbour.mjs")


@pytest.fixture
def mongoose(node_home: Path, mongodb_uri: str, database: str) -> Any:
    """Do something in Node."""

    def run(action: str) -> Any:
        command = ["node", SCRIPT.name, mongodb_uri.replace("/?", f"/{database}?"), action]
        done = subprocess.run(command, cwd=node_home, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return run


def test_a_mongoose_application_saves_its_documents_and_ours_stays_in_them(
    mongoose: Any, store: Any, tables: Any
) -> None:
    """Strict schemas, whether or not they declare the field; only a whole replacement takes it, and a replay heals."""
    mongoose("create")
    store.receive_many(all_genuine(payload("Delivery", message_id=f"m-{number}") for number in range(1, 6)))
    projector = Projector(store, Projections("n", MessageStatus(tables["records"])))
    report = projector.replay()
    before = {row["messageId"]: row for row in tables["records"].find()}
    assert (report.projections["status"].changed, before["m-1"]["__v"]) == (5, 0)

    told = mongoose("save")
    assert told == {"status": "delivered", "at": True, "found": 5, "lean": "delivered"}
    after = {row["messageId"]: row for row in tables["records"].find()}
    assert [row["read"] for row in after.values()] == [1, 1, 1, 1, 0]
    assert {name: row["ses"] for name, row in after.items()} == {name: row["ses"] for name, row in before.items()}

    mongoose("replace")
    assert "ses" not in tables["records"].find_one({"messageId": "m-5"})
    projector.replay()
    healed = tables["records"].find_one({"messageId": "m-5"})
    assert (healed["read"], healed["ses"]) == (2, before["m-5"]["ses"])
