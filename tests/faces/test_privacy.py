"""A person's rights: everything held is told, and whatever tells of the person is erased, by both stores."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from sesevent import testing, trusted
from sesevent.privacy.pseudonyms import Key, Pseudonyms
from sesevent.storage.operations import PSEUDONYMS

SENT = datetime(2024, 5, 1, 9, tzinfo=timezone.utc)
ANN, BOB = "ann@gmail.com", "bob@example.org"
KEYS = Pseudonyms([Key("k1", b"0123456789abcdef")], writes=False)
payloads = testing.payloads


def keyed(face: Any) -> Any:
    """The store of a face, with keys."""
    face.store._collections[PSEUDONYMS] = lambda: KEYS
    if face.colour == "async":

        async def keys() -> Any:
            return KEYS

        face.store._collections[PSEUDONYMS] = keys
    return face


def raws() -> list[Any]:
    """All that may happen to Ann, who is sometimes one of two."""
    both: dict[str, Any] = {
        "to": ["Ann Lee <Ann@Gmail.com>", BOB],
        "sent": SENT,
        "subject": "For ann@gmail.com and bob",
    }
    alone: dict[str, Any] = {"to": ANN, "sent": SENT + timedelta(hours=1), "subject": "Dear Ann"}
    return [
        payloads.send(**both),
        payloads.bounce(**{**both, "recipients": [BOB]}) if False else payloads.delivery(**both),
        payloads.opened(**both),
        payloads.send(**alone),
        payloads.delivery(**alone),
        payloads.opened(**alone),
        payloads.click(**alone),
        payloads.complaint(**alone),
        payloads.send(to=BOB, sent=SENT),
    ]


async def fill(face: Any, some: Any = None) -> None:
    for raw in raws() if some is None else some:
        await face.get(lambda store, raw=raw: store.receive(trusted(raw, because="a test's own")))


def everywhere(tables: Any, *texts: str) -> list[str]:
    """The collections in which one of these texts stands anywhere."""
    names = tables.list_collection_names() if hasattr(tables, "list_collection_names") else list(tables._collections)
    found = []
    for name in names:
        rows = tables[name].find({})
        rows = rows.to_list() if hasattr(rows, "to_list") else list(rows)
        if any(text in str(row).lower() for row in rows for text in texts):
            found.append(name)
    return sorted(found)


def test_nothing_in_the_database_names_an_erased_person(with_store: Any) -> None:
    """No collection: not as it was spelled, nor in normal form. What others did stays."""

    async def body(face: Any) -> None:
        keyed(face)
        await fill(face)
        before = {row["_id"]: row for row in rows_of(with_store)}
        receipt = await face.get(lambda store: store.privacy.erase(ANN, by="desk", why="asked by ann@gmail.com"))
        after = {row["_id"]: row for row in rows_of(with_store)}

        assert everywhere(with_store.tables, ANN, "ann lee", "dear ann") == []
        assert (receipt.events, receipt.said, receipt.standings) == (8, 1, 1)
        assert before.keys() == after.keys()
        assert [key for key in before if before[key] == after[key]] == [
            key for key, row in before.items() if row["derived"]["recipients"] == [BOB]
        ]

    with_store(body)


def rows_of(with_store: Any) -> list[Any]:
    found = with_store.tables["ses_event"].find({})
    return found.to_list() if hasattr(found, "to_list") else list(found)
