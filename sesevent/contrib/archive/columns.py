"""What a row of an archive has: a column for each thing that is asked, and what makes the identical document again.

`COLUMNS` is the one list: the files, the database beside them and the documentation are made of it. The exact `Message`
is a column of its own; `row` is the rest of the document, as BSON. Next: :mod:`sesevent.contrib.archive.files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

from sesevent.errors import ArchiveError, MissingExtra
from sesevent.moments import UTC, read_moment

try:
    import pyarrow as pa
except ImportError:
    raise MissingExtra("An archive", "archive") from None

__all__ = ["COLUMNS", "SCHEMA", "Column", "document_in", "document_of", "id_of", "row_of", "table_of"]

_CODEC: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
Document = dict[str, Any]


class Column(NamedTuple):
    """One column."""

    name: str
    type: Any
    """Arrow's."""
    words: str
    """What it holds, for people."""
    of: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
    """What a document, and its `derived`, have for it."""


_TEXT: Final = pa.string()
_TEXTS: Final = pa.list_(pa.string())
_TIME: Final = pa.timestamp("ms", tz="UTC")
_TAGS: Final = pa.list_(pa.struct([("name", pa.string()), ("values", pa.list_(pa.string()))]))


def id_of(document: Mapping[str, Any]) -> str:
    """A document's id as text."""
    return str(document["_id"])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, str)]


def _time(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _at(document: Mapping[str, Any], derived: Mapping[str, Any]) -> datetime | None:
    if (told := _time(derived.get("at"))) is not None:
        return told
    try:
        return read_moment(document.get("Timestamp"))
    except ValueError:
        return None


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _detail(part: str, name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda _, derived: _text(_part(derived.get(part)).get(name))


def _derived(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda _, derived: _text(derived.get(name))


def _domains(_: Mapping[str, Any], derived: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(one.rpartition("@")[2] for one in _texts(derived.get("recipients"))))


def _took(_: Mapping[str, Any], derived: Mapping[str, Any]) -> int | None:
    took = derived.get("took")
    return int(took) if isinstance(took, int) and abs(took) < 2**63 else None


def _tags(_: Mapping[str, Any], derived: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = derived.get("tags")
    some = [_part(one) for one in told] if isinstance(told, list) else []
    return [{"name": _text(one.get("name")), "values": _texts(one.get("values"))} for one in some]


def _rest(document: Mapping[str, Any], _: Mapping[str, Any]) -> bytes:
    kept = dict(document)
    if isinstance(kept.get("Message"), str):
        kept["Message"] = None  # it has a column, and its place here
    return bson.encode(kept)


COLUMNS: Final = (
    Column("id", _TEXT, "the document's `_id`: the event key, 24 hexadecimal digits", lambda row, _: id_of(row)),
    Column("type", _TEXT, "SES's word, such as `Bounce`",
           lambda row, derived: _text(derived.get("type")) or _text(row.get("Type"))),
    Column("message_id", _TEXT, "SES's id of the mail",
           lambda row, derived: _text(derived.get("messageId")) or _text(row.get("MessageId"))),
    Column("happened_at", _TIME, "when it happened (`at` is a word of SQL)", _at),
    Column("recipients", _TEXTS, "whom it concerns, in normal form",
           lambda _, derived: _texts(derived.get("recipients"))),
    Column("recipient_domains", _TEXTS, "their domains, each once", _domains),
    Column("subject", _TEXT, "the mail's subject", lambda row, _: _text(row.get("Subject"))),
    Column("source", _TEXT, "who sent the mail, in normal form", _derived("source")),
    Column("configuration_set", _TEXT, "the mail's configuration set", _derived("configurationSet")),
    Column("campaign", _TEXT, "the value of the message tag `campaign`", _derived("campaign")),
    Column("template", _TEXT, "the mail's template", _derived("template")),
    Column("ip_pool", _TEXT, "the IP pool that a message tag names", _derived("ipPool")),
    Column("tags", _TAGS, "the message tags people set", _tags),
    Column("bounce_type", _TEXT, "of a bounce: `Permanent`, `Transient`, `Undetermined`", _detail("bounce", "type")),
    Column("bounce_sub_type", _TEXT, "of a bounce: SES's sub-type", _detail("bounce", "subType")),
    Column("bounce_reasons", _TEXTS, "why it bounced; several in the order of the recipients",
           lambda _, derived: _texts(_part(derived.get("bounce")).get("reason"))),
    Column("bounce_classes", _TEXTS, "and of which class that is",
           lambda _, derived: _texts(_part(derived.get("bounce")).get("class"))),
    Column("complaint_type", _TEXT, "of a complaint: its feedback type, such as `abuse`", _detail("complaint", "type")),
    Column("complaint_sub_type", _TEXT, "of a complaint: SES's sub-type", _detail("complaint", "subType")),
    Column("delay_type", _TEXT, "of a delivery delay: its type", _detail("deliveryDelay", "type")),
    Column("link", _TEXT, "of a click: where it leads", _detail("click", "link")),
    Column("machine", _TEXT, "of an open or a click: which machine did it; null for a person", _derived("machine")),
    Column("took_ms", pa.int64(), "milliseconds since the mail was sent", _took),
    Column("received_at", _TIME, "when it first arrived here",
           lambda row, _: _time(_part(row.get("received")).get("at"))),
    Column("via", _TEXT, "by which way it arrived", lambda row, _: _text(_part(row.get("received")).get("via"))),
    Column("message", pa.large_string(), "the exact `Message`", lambda row, _: _text(row.get("Message"))),
    Column("row", pa.large_binary(), "the rest of the document, as BSON: restores it identically", _rest),
)  # fmt: skip
"""The columns, in order."""

SCHEMA: Final = pa.schema([(column.name, column.type) for column in COLUMNS])


def row_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as a row, by the names of the columns."""
    derived = _part(document.get("derived"))
    return {column.name: column.of(document, derived) for column in COLUMNS}


def table_of(documents: Sequence[Mapping[str, Any]]) -> Any:
    """Documents as Arrow's table."""
    parts = [(document, _part(document.get("derived"))) for document in documents]
    arrays = [pa.array([column.of(*part) for part in parts], column.type) for column in COLUMNS]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def document_of(message: str | None, row: bytes) -> Document:
    """The document in the columns `message` and `row`. Raises ArchiveError where there is none in it."""
    try:
        document: Document = bson.decode(row, _CODEC)
    except (BSONError, TypeError):
        raise ArchiveError("A row of the archive holds no document.") from None
    if message is not None:
        document["Message"] = message
    return document


def document_in(batches: Iterable[Any]) -> Iterable[Document]:
    """The documents in batches of Arrow that have these two columns."""
    for batch in batches:
        for message, row in zip(batch.column("message").to_pylist(), batch.column("row").to_pylist(), strict=True):
            yield document_of(message, row)
