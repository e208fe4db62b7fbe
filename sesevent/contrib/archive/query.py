"""SQL over the archive and the database together, by DuckDB (extra ``query``).

The parts that a question may concern are fetched, and what the database has is spooled beside them, both as Parquet
with the same columns: `events` is all of them, each event once. A question reaches those files and no others: it may
come from somebody who may ask about events, and nothing else of this machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesevent.contrib.archive.files import as_parquet, kind_named
from sesevent.errors import ConfigurationError, MissingExtra
from sesevent.moments import read_moment

try:
    import duckdb
except ImportError:
    raise MissingExtra("Asking an archive", "query") from None

if TYPE_CHECKING:
    from sesevent.contrib.archive.archiver import Archive
    from sesevent.contrib.archive.manifest import Manifest
    from sesevent.sync import EventStore

__all__ = ["Answer", "ask"]

_AT_ONCE = 1000
_EVENTS = """
CREATE VIEW events AS
SELECT * FROM archived
UNION ALL
SELECT * FROM stored ANTI JOIN archived USING (id)
"""


class Answer:
    """Rows of an answer: iterate it, in constant memory. It holds files until it is closed, as by ``with``."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str], connection: Any) -> None:
        self._folder, self._connection = folder, connection
        self.columns: list[str] = []
        """Their names."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while rows := self._connection.fetchmany(_AT_ONCE):
            yield from rows

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()
        self._folder.cleanup()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(
    archive: Archive, store: EventStore, sql: str, since: datetime | None, until: datetime | None, local_files: bool
) -> Answer:
    """Ask; see `Archive.query`. Raises ConfigurationError for what is no SQL, or asks for what there is not."""
    folder = tempfile.TemporaryDirectory(prefix="sesevent-query-")
    answer = Answer(folder, duckdb.connect())
    try:
        root = Path(folder.name) / "rows"
        root.mkdir()
        _spool_stored(store, root / "stored.parquet", since, until)
        as_parquet((), root / "archived-none.parquet")
        for number, part in enumerate(archive.parts(since, until)):
            _spool_part(archive, part, root / f"archived-{number}.parquet")
        connection = answer._connection
        connection.execute("SET TimeZone = 'UTC'")
        for view, files in (("archived", "archived-*.parquet"), ("stored", "stored.parquet")):
            connection.read_parquet(str(root / files)).create_view(view)
        connection.execute(_EVENTS)
        if not local_files:
            _confine(connection, root)
        connection.execute(sql)
        answer.columns = [column[0] for column in connection.description or ()]
    except duckdb.Error as error:
        answer.close()
        # What DuckDB says quotes the question, which is the asker's own.
        raise ConfigurationError(f"DuckDB cannot answer that: {error}") from None
    except BaseException:
        answer.close()
        raise
    return answer


def _confine(connection: Any, root: Path) -> None:
    """Let what is asked read and write in a folder, and nowhere else; and change none of this.

    What does not fit into memory goes beside it: DuckDB 1.2 takes one allowed folder within another for all of it.
    https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
    """
    within, beside = (str(place).replace("'", "''") for place in (root, root.parent / "spilled"))
    connection.execute(f"SET temp_directory = '{beside}'")
    connection.execute(f"SET allowed_directories = ['{within}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _spool_stored(store: EventStore, file: Path, since: datetime | None, until: datetime | None) -> None:
    first = None if since is None else _day(since)
    last = None if until is None else _day(until) + timedelta(days=1)
    as_parquet(([dict(event.document)] for event in store.events.between(first, last)), file)


def _day(moment: datetime) -> datetime:
    """The first moment of its day in UTC, by which parts are named."""
    return read_moment(moment).replace(hour=0, minute=0, second=0, microsecond=0)


def _spool_part(archive: Archive, part: Manifest, file: Path) -> None:
    with archive.fetched(part) as fetched:
        if part.kind == "parquet":
            fetched.replace(file)
        else:
            as_parquet(kind_named(part.kind).read(fetched, True), file)
