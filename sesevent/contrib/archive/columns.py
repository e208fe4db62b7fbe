"""What a row of an archive has: a column for each thing that is asked, and what makes the identical document again.

`COLUMNS` is the one list: the files, the database beside them and the documentation are made of it. The exact `Message`
is a column of its own; `row` is what of the document no column says. Next: :mod:`sesevent.contrib.archive.files`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sesevent.contrib.archive.rests import SAID, Said, documents_of, packed_uuid, rests_of
from sesevent.errors import MissingExtra
from sesevent.moments import UTC, read_moment

try:
    import pyarrow as pa
except ImportError:
    raise MissingExtra("An archive", "archive") from None

__all__ = ["COLUMNS", "SCHEMA", "Column", "documents_in", "id_of", "in_sql", "table_of"]

Document = dict[str, Any]
_NOTHING: Final[Mapping[str, Any]] = {}


def id_of(document: Mapping[str, Any]) -> str:
    """A document's id as text."""
    return str(document["_id"])


class _Rows:
    """Some documents, and parts of them that several columns ask for."""

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.documents = documents
        self.derived = [part if type(part := one.get("derived")) is dict else _NOTHING for one in documents]
        self.received = [part if type(part := one.get("received")) is dict else _NOTHING for one in documents]
        self.said = Said(self.column)
        self._details: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        self._made: dict[str, list[Any]] = {}

    def detail(self, name: str) -> list[tuple[int, Mapping[str, Any]]]:
        """What of a kind's own is derived, of those that have it."""
        if name not in self._details:
            several = enumerate([part.get(name) for part in self.derived])
            self._details[name] = [(place, part) for place, part in several if type(part) is dict]
        return self._details[name]

    def column(self, name: str) -> list[Any]:
        """What a column says."""
        if name not in self._made:
            self._made[name] = _OF[name](self)
        return self._made[name]


def _texts_in(parts: Sequence[Mapping[str, Any]], name: str) -> list[str | None]:
    return [value if type(value := part.get(name)) is str else None for part in parts]


def _times_in(parts: Sequence[Mapping[str, Any]], name: str) -> list[datetime | None]:
    return [value if type(value := part.get(name)) is datetime else None for part in parts]


def _either(first: list[str | None], second: list[str | None]) -> list[str | None]:
    return [one or other for one, other in zip(first, second, strict=True)]


def _texts(value: Any) -> list[str]:
    several = value if type(value) is list else [value]
    return [one for one in several if type(one) is str]


def _derived(name: str) -> _Of:
    return lambda rows: _texts_in(rows.derived, name)


def _detail(part: str, name: str) -> _Of:
    def of(rows: _Rows) -> list[Any]:
        found: list[Any] = [None] * len(rows.documents)
        for place, one in rows.detail(part):
            found[place] = value if type(value := one.get(name)) is str else None
        return found

    return of


def _several(part: str, name: str) -> _Of:
    def of(rows: _Rows) -> list[Any]:
        found: list[Any] = [[]] * len(rows.documents)
        for place, one in rows.detail(part):
            found[place] = _texts(one.get(name))
        return found

    return of


def _happened_at(rows: _Rows) -> list[datetime | None]:
    told = _times_in(rows.derived, "at")
    return [at or _read(row.get("Timestamp")) for at, row in zip(told, rows.documents, strict=True)]


def _read(stamp: Any) -> datetime | None:
    try:
        return read_moment(stamp)
    except ValueError:
        return None


def _domains(rows: _Rows) -> list[list[str]]:
    """Of recipients that are encrypted, too: their domains stand beside them."""
    return [
        [people[0].rpartition("@")[2]] if len(people) == 1 else list({one.rpartition("@")[2]: None for one in people})
        for people in (
            people or _texts(part.get("domains", ()))
            for people, part in zip(rows.column("recipients"), rows.derived, strict=True)
        )
    ]


def _took(rows: _Rows) -> list[int | None]:
    told = [part.get("took") for part in rows.derived]
    return [int(one) if isinstance(one, int) and abs(one) < 2**63 else None for one in told]


def _tags(rows: _Rows) -> list[list[Mapping[str, Any]]]:
    return [_tags_of(told) if (told := part.get("tags")) else [] for part in rows.derived]


def _tags_of(told: Any) -> list[Mapping[str, Any]]:
    some = [one for one in told if type(one) is dict] if type(told) is list else []
    return [
        {"name": name if type(name := one.get("name")) is str else None, "values": _texts(one.get("values"))}
        for one in some
    ]


def _counted_as(rows: _Rows) -> list[str | None]:
    return rows.said.shortened([part.get("group") for part in rows.derived])


def _notification(rows: _Rows) -> list[bytes | None]:
    return [packed_uuid(part.get("notificationId")) for part in rows.received]


def _rests(rows: _Rows) -> list[bytes]:
    return rests_of(rows.documents, rows.said)


_Of = Callable[[_Rows], "list[Any]"]


class Column(NamedTuple):
    """One column."""

    name: str
    type: Any
    """Arrow's."""
    words: str
    """What it holds, for people."""
    of: _Of
    """What documents have for it."""


_TEXT: Final = pa.string()
_TEXTS: Final = pa.list_(pa.string())
_TIME: Final = pa.timestamp("ms", tz="UTC")
_TAGS: Final = pa.list_(pa.struct([("name", pa.string()), ("values", pa.list_(pa.string()))]))

COLUMNS: Final = (
    Column("id", _TEXT, "the document's `_id`: the event key, 24 hexadecimal digits",
           lambda rows: [str(row["_id"]) for row in rows.documents]),
    Column("type", _TEXT, "SES's word, such as `Bounce`",
           lambda rows: _either(_texts_in(rows.derived, "type"), _texts_in(rows.documents, "Type"))),
    Column("message_id", _TEXT, "SES's id of the mail",
           lambda rows: _either(_texts_in(rows.derived, "messageId"), _texts_in(rows.documents, "MessageId"))),
    Column("happened_at", _TIME, "when it happened (`at` is a word of SQL)", _happened_at),
    Column("recipients", _TEXTS, "whom it concerns, in normal form",
           lambda rows: [_texts(part.get("recipients")) for part in rows.derived]),
    Column("recipient_domains", _TEXTS, "their domains, each once", _domains),
    Column("subject", _TEXT, "the mail's subject", lambda rows: _texts_in(rows.documents, "Subject")),
    Column("source", _TEXT, "who sent the mail, in normal form", _derived("source")),
    Column("configuration_set", _TEXT, "the mail's configuration set", _derived("configurationSet")),
    Column("campaign", _TEXT, "the value of the message tag `campaign`", _derived("campaign")),
    Column("template", _TEXT, "the mail's template", _derived("template")),
    Column("ip_pool", _TEXT, "the IP pool that a message tag names", _derived("ipPool")),
    Column("tags", _TAGS, "the message tags people set", _tags),
    Column("bounce_type", _TEXT, "of a bounce: `Permanent`, `Transient`, `Undetermined`", _detail("bounce", "type")),
    Column("bounce_sub_type", _TEXT, "of a bounce: SES's sub-type", _detail("bounce", "subType")),
    Column("bounce_reasons", _TEXTS, "why it bounced; several in the order of the recipients",
           _several("bounce", "reason")),
    Column("bounce_classes", _TEXTS, "and of which class that is", _several("bounce", "class")),
    Column("complaint_type", _TEXT, "of a complaint: its feedback type, such as `abuse`", _detail("complaint", "type")),
    Column("complaint_sub_type", _TEXT, "of a complaint: SES's sub-type", _detail("complaint", "subType")),
    Column("delay_type", _TEXT, "of a delivery delay: its type", _detail("deliveryDelay", "type")),
    Column("link", _TEXT, "of a click: where it leads", _detail("click", "link")),
    Column("machine", _TEXT, "of an open or a click: which machine did it; null for a person", _derived("machine")),
    Column("took_ms", pa.int64(), "milliseconds since the mail was sent", _took),
    Column("received_at", _TIME, "when it first arrived here", lambda rows: _times_in(rows.received, "at")),
    Column("via", _TEXT, "by which way it arrived", lambda rows: _texts_in(rows.received, "via")),
    Column("notification", pa.binary(), "SNS's id of the notification that brought it: the bytes of a UUID",
           _notification),
    Column("counted_as", _TEXT, "what it counts as in rollups, less what other columns say", _counted_as),
    Column("message", pa.large_string(), "the exact `Message`", lambda rows: _texts_in(rows.documents, "Message")),
    Column("row", pa.binary(), "the rest of the document, as BSON: with the others it restores it identically", _rests),
)  # fmt: skip
"""The columns, in order."""

SCHEMA: Final = pa.schema([(column.name, column.type) for column in COLUMNS])
_EACH: Final = {*SAID, "recipient_domains", "row"}
"""Columns that speak of each event. What the others say is in its rest: the same for all of one rest."""
_OF: Final = {column.name: column.of for column in COLUMNS}


def in_sql(kind: Any) -> str:
    """How Athena, Hive and Spark spell a type of Arrow's."""
    if pa.types.is_list(kind):
        return f"array<{in_sql(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{one.name}:{in_sql(one.type)}' for one in kind)}>"
    return _SQL[str(kind)]


_SQL: Final = {
    "string": "string", "large_string": "string", "binary": "binary", "int64": "bigint",
    "timestamp[ms, tz=UTC]": "timestamp",
}  # fmt: skip


def table_of(documents: Sequence[Mapping[str, Any]]) -> Any:
    """Documents as Arrow's table."""
    rows = _Rows(documents)
    like: dict[bytes, int] = {}
    kinds = [like.setdefault(rest, len(like)) for rest in rows.column("row")]
    few = _Rows(list(dict(zip(kinds, documents, strict=True)).values()))
    spread = pa.array(kinds, pa.int32())
    arrays = [
        pa.array(rows.column(one.name), one.type)
        if one.name in _EACH
        else pa.array(few.column(one.name), one.type).take(spread)
        for one in COLUMNS
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def documents_in(batch: Any, *, passing: bool = False) -> list[Document]:
    """The documents in a batch of Arrow. Those that are *passing* share what is in them: look at them, no more.

    Raises ArchiveError where there are none in it.
    """
    said = {name: _values(batch, name) for name in (*SAID, "row")}
    return documents_of(said["row"], Said(said.__getitem__), passing=passing)


def _values(batch: Any, name: str) -> list[Any]:
    if name not in batch.schema.names:  # in a file of an earlier version
        return [None] * int(batch.num_rows)
    column = batch.column(name)
    if pa.types.is_timestamp(column.type):
        told = column.cast("int64").to_pylist()
        return [None if one is None else _EPOCH + timedelta(milliseconds=one) for one in told]
    found: list[Any] = column.to_pylist()
    return found


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
