"""The files of an archive, written and read a few thousand events at a time: Parquet, or gzipped lines of JSON.

Next: :mod:`sesevent.contrib.archive.archiver`, which says what goes into which.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from bson import json_util
from bson.errors import BSONError

from sesevent.contrib.archive.columns import SCHEMA, documents_in, table_of
from sesevent.contrib.archive.rests import SAID
from sesevent.errors import ArchiveError, ConfigurationError, MissingExtra
from sesevent.moments import UTC

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtra("An archive", "archive") from None

__all__ = ["AT_ONCE", "KINDS", "Kind", "ahead", "as_parquet", "kind_named"]

_T = TypeVar("_T")

Document = dict[str, Any]
AT_ONCE: Final = 1000
"""Events that are read at once."""
_IN_A_GROUP: Final = 16_384  # events that are compressed together…
_GROUP_BYTES: Final = 64 * 2**20  # …or fewer, where they are large
_LEVEL: Final = 6
_JSON: Final = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, tz_aware=True, tzinfo=UTC)
_ENCODINGS: Final = {
    "id": "DELTA_BYTE_ARRAY",
    "message_id": "DELTA_BYTE_ARRAY",
    "happened_at": "DELTA_BINARY_PACKED",
    "took_ms": "DELTA_BINARY_PACKED",
    "notification": "DELTA_LENGTH_BYTE_ARRAY",
    "message": "DELTA_LENGTH_BYTE_ARRAY",
}
"""Of columns in which hardly anything comes twice, or only beside itself; the others have dictionaries."""
_LIKE: Final = [name for name in SCHEMA.names if name not in _ENCODINGS]


class Kind(NamedTuple):
    """A kind of file."""

    name: str
    write: Callable[[Path, Iterable[Sequence[Document]]], None]
    """Write documents, given some at a time."""
    read: Callable[[Path, bool], Iterator[list[Document]]]
    """Their documents again, some at a time; if they are only passing, they are made faster, and not to be changed."""


def kind_named(name: str) -> Kind:
    """The kind of this name. Raises ConfigurationError where there is none."""
    if name not in KINDS:
        raise ConfigurationError(f"There is no such kind of archive; there are {', '.join(KINDS)}.")
    return KINDS[name]


def _write_parquet(file: Path, several: Iterable[Sequence[Document]]) -> None:
    with (
        pq.ParquetWriter(
            file,
            SCHEMA,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=_LIKE,  # pyright: ignore[reportArgumentType]  # the stub knows no names of columns
            column_encoding=_ENCODINGS,
            data_page_size=8 * 2**20,
            dictionary_pagesize_limit=8 * 2**20,
        ) as writer,
        ThreadPoolExecutor(1, "sesevent-archive") as compressing,
    ):
        under_way: Future[None] | None = None
        for group in _groups(several):
            if under_way is not None:
                under_way.result()
            under_way = compressing.submit(writer.write_table, group)
        if under_way is not None:
            under_way.result()


def _groups(several: Iterable[Sequence[Document]]) -> Iterator[Any]:
    """Tables of many events each."""
    waiting: list[Any] = []
    rows = size = 0
    for some in _grouped(several, AT_ONCE):
        waiting.append(table_of(some))
        rows, size = rows + len(some), size + waiting[-1].nbytes
        if rows >= _IN_A_GROUP or size >= _GROUP_BYTES:
            yield _by_mail(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield _by_mail(waiting)


def _by_mail(tables: Sequence[Any]) -> Any:
    """One table of several, with the events of a mail beside each other: they say much the same."""
    table = pa.concat_tables(tables)
    first: dict[str | None, int] = {}
    mails = [first.setdefault(mail, len(first)) for mail in table.column("message_id").to_pylist()]
    return table.take(pa.array(sorted(range(len(mails)), key=mails.__getitem__), pa.int64()))


def _read_parquet(file: Path, passing: bool) -> Iterator[list[Document]]:
    try:
        with pq.ParquetFile(file) as opened:
            wanted = [name for name in (*SAID, "row") if name in opened.schema_arrow.names]
            for batch in opened.iter_batches(AT_ONCE, columns=wanted):
                yield documents_in(batch, passing=passing)
    except (pa.ArrowException, OSError):
        raise ArchiveError("A part of the archive is no Parquet file, or a damaged one.") from None


def _write_lines(file: Path, several: Iterable[Sequence[Document]]) -> None:
    with file.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        for some in several:
            for document in some:
                packed.write(json_util.dumps(document, json_options=_JSON).encode("utf-8") + b"\n")


def _read_lines(file: Path, passing: bool) -> Iterator[list[Document]]:  # noqa: ARG001  # each is read apart
    try:
        with gzip.open(file, "rb") as lines:
            documents = (json_util.loads(line.decode("utf-8"), json_options=_JSON) for line in lines)
            yield from _grouped(([document] for document in documents), AT_ONCE)
    except (OSError, EOFError, ValueError, zlib.error, BSONError):
        raise ArchiveError("A part of the archive is no gzipped JSON, or a damaged one.") from None


KINDS: Final = {
    kind.name: kind
    for kind in (Kind("parquet", _write_parquet, _read_parquet), Kind("ndjson", _write_lines, _read_lines))
}
"""What an archive may consist of."""


def as_parquet(source: Iterable[Sequence[Document]], file: Path) -> None:
    """Documents from anywhere, in a file with an archive's columns."""
    _write_parquet(file, source)


def ahead(source: Iterable[_T]) -> Iterator[_T]:
    """The same things, each made in another thread while the one before is used."""
    things = iter(source)
    with ThreadPoolExecutor(1, "sesevent-archive") as reading:

        def following() -> Future[list[_T]]:
            # With the caller's context: PyMongo keeps there how long it may take.
            return reading.submit(copy_context().run, lambda: [*islice(things, 1)])

        coming = following()
        while found := coming.result():
            coming = following()
            yield found[0]


def _grouped(several: Iterable[Sequence[Document]], size: int) -> Iterator[list[Document]]:
    waiting: list[Document] = []
    for some in several:
        waiting += some
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting
