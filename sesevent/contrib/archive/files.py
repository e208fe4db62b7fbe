"""The files of an archive, written and read a few thousand events at a time: Parquet, or gzipped lines of JSON.

Next: :mod:`sesevent.contrib.archive.archiver`, which says what goes into which.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bson import json_util
from bson.errors import BSONError

from sesevent.contrib.archive.columns import SCHEMA, document_in, table_of
from sesevent.errors import ArchiveError, ConfigurationError, MissingExtra
from sesevent.moments import UTC

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtra("An archive", "archive") from None

__all__ = ["AT_ONCE", "KINDS", "Kind", "as_parquet", "kind_named"]

Document = dict[str, Any]
AT_ONCE: Final = 1000
"""Events that are read at once."""
_IN_A_GROUP: Final = 10_000  # events that are compressed together; some 30 MB
_LEVEL: Final = 9
_JSON: Final = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, tz_aware=True, tzinfo=UTC)
_REPEATED: Final = [column for column in SCHEMA.names if column not in ("id", "message_id", "message", "row")]


class Kind(NamedTuple):
    """A kind of file."""

    name: str
    write: Callable[[Path, Iterable[Sequence[Document]]], None]
    """Write documents, given some at a time."""
    read: Callable[[Path], Iterator[list[Document]]]
    """Their documents again, some at a time."""


def kind_named(name: str) -> Kind:
    """The kind of this name. Raises ConfigurationError where there is none."""
    if name not in KINDS:
        raise ConfigurationError(f"There is no such kind of archive; there are {', '.join(KINDS)}.")
    return KINDS[name]


def _write_parquet(file: Path, several: Iterable[Sequence[Document]]) -> None:
    with pq.ParquetWriter(
        file,
        SCHEMA,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=_REPEATED,  # pyright: ignore[reportArgumentType]  # the stub knows no names of columns
        data_page_size=8 * 2**20,
    ) as writer:
        for some in _grouped(several, _IN_A_GROUP):
            writer.write_table(table_of(some))


def _read_parquet(file: Path) -> Iterator[list[Document]]:
    try:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(AT_ONCE, columns=["message", "row"]):
                yield list(document_in([batch]))
    except (pa.ArrowException, OSError):
        raise ArchiveError("A part of the archive is no Parquet file, or a damaged one.") from None


def _write_lines(file: Path, several: Iterable[Sequence[Document]]) -> None:
    with file.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        for some in several:
            for document in some:
                packed.write(json_util.dumps(document, json_options=_JSON).encode("utf-8") + b"\n")


def _read_lines(file: Path) -> Iterator[list[Document]]:
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


def _grouped(several: Iterable[Sequence[Document]], size: int) -> Iterator[list[Document]]:
    waiting: list[Document] = []
    for some in several:
        waiting += some
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting
