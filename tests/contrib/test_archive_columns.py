"""A document is made of the columns of an archive and of what they leave, whatever is in it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson import Int64, MinKey, ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from sesevent import testing
from sesevent.contrib.archive.columns import COLUMNS, SCHEMA, documents_in, in_sql, table_of
from sesevent.contrib.archive.files import KINDS
from sesevent.events.parse import read_event
from sesevent.storage.codec import document_fields

AT = datetime(2024, 5, 1, 12, 30, 15, 123000, tzinfo=timezone.utc)
GROUP = (
    "2024-05-01T12\x1fOpen\x1f\x1fmarketing\x1fnews@example.com\x1f\x1f\x1fexample.com\x1f\x1f70\x1f0123456789abcdef"
)


def stored(payload: dict[str, Any]) -> dict[str, Any]:
    return document_fields(read_event(json.dumps(payload), payload))


def usual() -> dict[str, Any]:
    document = stored(testing.payloads.click(message_id="m", sent=AT, to="ann@example.com"))
    received = {"at": AT, "via": "sns", "notificationId": "bc9c8109-9f79-e22d-ef42-559c9a7c51ac"}
    return bson.decode(bson.encode(document | {"received": received}))


def through(documents: list[dict[str, Any]], *, passing: bool) -> list[dict[str, Any]]:
    return [one for batch in table_of(documents).to_batches() for one in documents_in(batch, passing=passing)]


VALUES: list[Any] = [
    None, "", "text", "\x02", "2024-05-01T12:30:15.123Z", "2024-05-01T12:30:15Z", 5, -1, 2**31, Int64(5), 1.5, True,
    MinKey(), AT, ObjectId("6631862601c576ee6fc16218"), ["ann@example.com"], [], ["a", 5], [MinKey()], {"type": MinKey()},
    {}, {"link": "x"}, b"bytes", GROUP, GROUP + "\x1f", GROUP.replace("Open", "\x02"), "\x1f" * 10,
    "bc9c8109-9f79-e22d-ef42-559c9a7c51ac", "BC9C8109-9F79-E22D-EF42-559C9A7C51AC", "bc9c81099f79e22def42559c9a7c51ac",
    datetime(1969, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, tzinfo=timezone.utc),
]  # fmt: skip
FIELDS = ["_id", "Type", "MessageId", "Message", "Timestamp", "Subject", "derived", "received", "whole"]
DERIVED = ["at", "recipients", "took", "group", "source", "tags", "messageId", "type", "bounce", "click"]
RECEIVED = ["at", "notificationId", "via"]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), max_size=3),
    st.dictionaries(st.sampled_from(DERIVED), st.sampled_from(VALUES), max_size=4),
    st.dictionaries(st.sampled_from(RECEIVED), st.sampled_from(VALUES), max_size=2),
    st.booleans(),
)
def test_whatever_a_document_holds_comes_back(
    own: dict[str, Any], derived: dict[str, Any], received: dict[str, Any], passing: bool
) -> None:
    """Of other types, with words that look like ours, with holes of its own: to the byte."""
    strange = usual()
    strange["derived"] |= derived
    strange["received"] |= received
    strange |= own
    strange = bson.decode(bson.encode(strange))
    several = [usual(), strange, usual()]
    assert list(map(bson.encode, through(several, passing=passing))) == list(map(bson.encode, several))


def test_events_that_say_the_same_leave_the_same() -> None:
    """What is different for each is in columns: thousands of events have a handful of rows."""
    stream = testing.stream(300, start=AT, mails_per_second=1)
    documents = [bson.decode(bson.encode(stored(json.loads(payload["Message"])))) for payload in stream]
    rests = table_of(documents).column("row").to_pylist()
    assert len(set(rests)) < len(rests) / 3
    together = b"".join(rests)
    for document in documents:
        assert document["_id"].binary not in together
        assert document["MessageId"].encode() not in together
        assert document["derived"]["recipients"][0].encode() not in together


def test_documents_that_are_not_passing_are_their_own() -> None:
    """Whoever changes one changes no other."""
    first, second = through([usual(), usual()], passing=False)
    first["derived"]["click"]["link"] = "changed"
    first["derived"]["recipients"].append("ben@example.com")
    assert bson.encode(second) == bson.encode(usual())


def test_a_part_of_format_1_is_read_as_ever(tmp_path: Path) -> None:
    """There `row` was the whole document, but for `Message`."""
    documents = [usual(), usual() | {"Message": None}, usual() | {"Message": 5}]
    texts = [one["Message"] if isinstance(one["Message"], str) else None for one in documents]
    rows = [bson.encode(one | {"Message": None} if isinstance(one["Message"], str) else one) for one in documents]
    table = pa.table(
        {
            "id": [str(one["_id"]) for one in documents],
            "message_id": ["m"] * 3,
            "message": pa.array(texts, pa.large_string()),
            "row": pa.array(rows, pa.large_binary()),
        }
    )
    pq.write_table(table, tmp_path / "old.parquet")
    for passing in (False, True):
        (found,) = KINDS["parquet"].read(tmp_path / "old.parquet", passing)
        assert list(map(bson.encode, found)) == list(map(bson.encode, documents))


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("id", "string"), ("happened_at", "timestamp"), ("took_ms", "bigint"), ("recipients", "array<string>"),
     ("tags", "array<struct<name:string,values:array<string>>>"), ("message", "string"), ("row", "binary")],
)  # fmt: skip
def test_types_are_spelled_as_athena_does(name: str, spelled: str) -> None:
    """In the statement that the documentation prints."""
    assert in_sql(SCHEMA.field(name).type) == spelled
    assert all(in_sql(column.type) for column in COLUMNS)
