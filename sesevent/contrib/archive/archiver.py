"""Events into an archive, and back: written, read back, compared with the database, and only then deleted.

The walk of a part: spool the next events of a day into a file; put it; fetch it again and compare every document with
what the database holds now; claim the day's next number with a manifest; delete what is in it from the database, each
row only if it is still the same, to the byte. A crash before the manifest leaves a file that nobody counts, and that
the next run deletes; one behind it leaves events in both places, and the next run finds them archived and deletes
them. Whoever is not the first to claim a number begins the part again, so two at once archive each event once. No
clock decides.

`Archive.rewrite` is for whoever must change what was archived, such as an erasure. For asyncio run it in a
thread with a store of its own. Next: :mod:`sesevent.contrib.archive.changing`.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from sesevent.contrib.archive.changing import Change, Changed, change_all
from sesevent.contrib.archive.columns import id_of
from sesevent.contrib.archive.files import Kind, ahead, kind_named
from sesevent.contrib.archive.manifest import (
    DATA,
    MANIFESTS,
    Manifest,
    data_key,
    live,
    manifest_key,
    number_of,
    read_manifest,
)
from sesevent.contrib.archive.places import Place, digest, on_own_disk
from sesevent.errors import ArchiveError, ConfigurationError, SesEventError
from sesevent.moments import format_moment
from sesevent.plans.keeping import PAGE
from sesevent.storage.keeping import EVERYTHING, FIRST_DAY, Chosen, next_day_of
from sesevent.storage.keeping import Place as Standing

if TYPE_CHECKING:
    from sesevent.contrib.archive.query import Answer
    from sesevent.sync import EventStore

__all__ = ["Archive", "Archived", "Flaw", "Restored", "Verified"]

Document = dict[str, Any]
_TRIES: Final = 20  # others may be faster, or change what is being archived, that often
_ID_FIRST: Final = b"\x07_id\x00"  # how a row begins, behind its length, whose id is an ObjectId
_CODEC: Final[CodecOptions[Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


@dataclass
class Archived:
    """What a run did, so far."""

    day: str = ""
    """The day it is at."""
    parts: int = 0
    """Parts written."""
    events: int = 0
    """Events archived."""
    size: int = 0
    """What they weigh in the archive, in bytes."""
    repeats: int = 0
    """Events that were in the archive already: an earlier run was killed, or they were restored, or arrived again."""
    deleted: int = 0
    """Events deleted from the database."""
    left: int = 0
    """Events that are archived and were changed or held before they could be deleted: the next run sees to them."""


class Flaw(NamedTuple):
    """Where an archive does not hold."""

    key: str
    words: str


@dataclass
class Verified:
    """What a look at a whole archive found, so far."""

    parts: int = 0
    events: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True where every part is what its manifest says, and no event is in it twice."""
        return not self.flaws


@dataclass
class Restored:
    """What a restore did, so far."""

    parts: int = 0
    events: int = 0
    """Events in them."""
    fresh: int = 0
    """Those that were not in the database."""


class Archive:
    """The archive of a store at a place. Any number may work on it at once, and each may be killed at any point.

    *kind* is ``parquet``, or ``ndjson`` for gzipped lines of MongoDB's Extended JSON. *part_events* bounds what is in
    one part; a part is spooled to a temporary file. *by* is who does it, for the audit trail.
    """

    def __init__(
        self, store: EventStore, place: Place, *, kind: str = "parquet", part_events: int = 200_000, by: str = ""
    ) -> None:
        if part_events < 1:
            raise ConfigurationError("part_events must be 1 or more.")
        self._store = store
        self._place = place
        self._kind = kind_named(kind)
        self._part_events = part_events
        self._by = by

    # ── what there is ──

    def parts(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Manifest]:
        """The parts of the days from *since* to *until* (both included), in order."""
        first, last = _day_of(since, "0"), _day_of(until, "9")
        by_day: dict[str, list[str]] = {}
        for key in self._place.list(MANIFESTS):
            if first <= (day := key[len(MANIFESTS) :].partition("/")[0]) <= last:
                by_day.setdefault(day, []).append(key)
        for _, keys in sorted(by_day.items()):
            yield from live(self._manifest(key) for key in keys)

    def _manifest(self, key: str) -> Manifest:
        return read_manifest(self._place.read(key), key)

    def parts_of(self, day: str) -> list[Manifest]:
        """The parts of one day (``2024-05-01``)."""
        return live(self._all_of(day))

    def _all_of(self, day: str) -> list[Manifest]:
        return [self._manifest(key) for key in self._place.list(f"{MANIFESTS}{day}/")]

    @contextmanager
    def fetched(self, part: Manifest) -> Iterator[Path]:
        """A part's file, here for a while. Raises ArchiveError where it is not what its manifest says."""
        with on_own_disk(), tempfile.TemporaryDirectory(prefix="sesevent-archive-") as folder:
            file = Path(folder) / part.data.rpartition("/")[2]
            self._place.get(part.data, file)
            if digest(file) != part.sha256:
                raise ArchiveError(f"{part.data} is not what its manifest says: its SHA-256 differs.")
            yield file

    def documents(self, part: Manifest, *, passing: bool = False) -> Iterator[list[Document]]:
        """The documents in a part, a thousand at a time. Raises ArchiveError where it is damaged.

        Those that are *passing* share what is in them: they are made faster, and are to be looked at, not changed.
        """
        with self.fetched(part) as file:
            yield from kind_named(part.kind).read(file, passing)

    # ── into it ──

    def run(
        self,
        before: datetime,
        *,
        chosen: Chosen = EVERYTHING,
        but_not: Sequence[Chosen] = (),
        on_progress: Callable[[Archived], object] | None = None,
    ) -> Archived:
        """Archive the chosen events that happened *before* a time and that nothing holds, and delete them here.

        Those of *but_not* stay. Where rollups are kept, each day is counted before it goes. It may be interrupted,
        and goes on where it was. Raises ArchiveError or AwsError where the place fails or is not what it should be,
        and StoreError where the database does: nothing is deleted then that is not archived.
        """
        done = Archived()
        tell = on_progress or _silent
        since = FIRST_DAY
        while day := self._store.keeping.next_day(before, since=since, chosen=chosen, but_not=but_not):
            done.day, since = day, next_day_of(day)
            _Day(self, day, done, tell).run(before, chosen, but_not)
        return done

    # ── out of it ──

    def restore(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        on_progress: Callable[[Restored], object] | None = None,
    ) -> Restored:
        """Put the events of these days (both included) back into the store, those that are not there, as they were.

        Standings do not change, and handlers are not called, but a watch sees them come. The archive stays as it is,
        and the next run deletes them here again. To restore elsewhere, make the archive of another store.
        """
        done = Restored()
        for part in self.parts(since, until):
            for some in self.documents(part):
                done.fresh += self._store.keeping.put_back(some)
                done.events += len(some)
                (on_progress or _silent)(done)
            done.parts += 1
            self._note("restored", part)
        return done

    def verify(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        on_progress: Callable[[Verified], object] | None = None,
    ) -> Verified:
        """Fetch and read every part of these days, and compare it with its manifest."""
        found = Verified()
        day, parts = "", list[Manifest]()
        for part in self.parts(since, until):
            if part.day != day:
                day, parts = part.day, []
            self._verify(part, parts, found)
            parts.append(part)
            found.parts += 1
            (on_progress or _silent)(found)
        return found

    def _verify(self, part: Manifest, earlier: Sequence[Manifest], found: Verified) -> None:
        told = _Contents()
        try:
            for some in self.documents(part, passing=True):
                told.add(some)
            ids = told.ids
            if told.manifest(part) != part:
                found.flaws.append(Flaw(part.data, "what is in it is not what its manifest says"))
            if len(ids) != told.rows or any(self._shares(other, ids) for other in earlier):
                found.flaws.append(Flaw(part.data, "an event is in the archive twice"))
        except ArchiveError as error:
            found.flaws.append(Flaw(part.data, str(error)))
        found.events += told.rows

    def _shares(self, other: Manifest, ids: set[str]) -> bool:
        if not ids or not other.may_hold(min(ids), max(ids)):
            return False
        return any(id_of(document) in ids for some in self.documents(other, passing=True) for document in some)

    def query(
        self, sql: str, *, since: datetime | None = None, until: datetime | None = None, local_files: bool = False
    ) -> Answer:
        """Ask the archive and the database together, in DuckDB's SQL: ``events`` is the table (extra ``query``).

        *since* and *until* bound the days (both included) that are looked at. What is in both counts once. With
        *local_files* the question may also read and write files, as whoever runs this may, such as a list to join
        with, or what is copied of an answer: so never of somebody else's SQL. Raises ConfigurationError for what is no
        SQL, or asks for what there is not, or may not be had.
        """
        from sesevent.contrib.archive.query import ask

        return ask(self, self._store, sql, since, until, local_files)

    # ── changing it ──

    def change(
        self,
        change: Change,
        *,
        texts: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        dry_run: bool = False,
        on_progress: Callable[[Changed], object] | None = None,
    ) -> Changed:
        """Change what is archived, wherever it stands, such as the events of a person who is to be forgotten.

        *change* is given each document in which one of *texts* stands anywhere, in whatever case (none: each
        document), and answers with what takes its place: an equal one where nothing is to change, another with the
        same `_id`, or None to leave it out. It may be asked more than once. Only parts with something to change are
        rewritten, as `rewrite` does it: a crash leaves each as it was or as it shall be, and who does it again does
        what is left. With *dry_run* it is only counted. Raises ArchiveError where the place fails, or where others
        keep working on a day.
        """
        return change_all(self, change, texts, since, until, dry_run, on_progress or _silent)

    def rewrite(self, part: Manifest, change: Change) -> Manifest:
        """Replace a part by one with its documents changed (None: left out). Returns the part that holds now.

        It is read back and compared before it counts; what it replaces is deleted then. Raises ArchiveError where
        others work on that day: do it again.
        """
        with _Spool(kind_named(part.kind)) as spool:
            spool.write([one for one in map(change, some) if one is not None] for some in self.documents(part))
            everything = self._all_of(part.day)
            if part not in live(everything):
                raise ArchiveError("That part was replaced meanwhile.")
            number = _next_number(everything)
            made = self._put(part.day, number, spool, (part.number,))
            self._fetch_back(made, spool)
            if not self._place.claim(manifest_key(part.day, number), made.content()):
                self._place.delete(made.data)
                raise ArchiveError("Somebody else wrote to that day of the archive.", hint="Try again.")
            self._note("rewritten", made)
            self.sweep(part.day)
            return made

    def sweep(self, day: str) -> None:
        """Delete what does not count: files whose number was given to another, and parts that were replaced."""
        everything = self._all_of(day)
        counting = live(everything)
        kept, last = {part.data for part in counting}, max((part.number for part in everything), default=0)
        for key in list(self._place.list(f"{DATA}day={day}/")):
            if key not in kept and number_of(key) <= last:
                self._place.delete(key)
        for part in everything:
            if part not in counting:
                self._place.delete(manifest_key(day, part.number))

    def _put(self, day: str, number: int, spool: _Spool, replaces: tuple[int, ...] = ()) -> Manifest:
        key = data_key(day, number, secrets.token_hex(4), spool.kind.name)
        now = format_moment(self._store._clock())
        part = Manifest(
            day, number, key, spool.kind.name, 0, spool.file.stat().st_size, digest(spool.file), "", "", "", "", {},
            now, replaces,
        )  # fmt: skip
        self._place.put(key, spool.file, part.sha256)
        return spool.contents.manifest(part)

    def _fetch_back(self, part: Manifest, spool: _Spool) -> None:
        """Fetch what the place was given. Raises ArchiveError where that is not the same, to the byte."""
        lied = ArchiveError("The archive's place said that it stored a part, and did not.", hint="Nothing was deleted.")
        if self._place.head(part.data) != part.size:
            self._place.delete(part.data)
            raise lied
        self._place.get(part.data, spool.back)
        if digest(spool.back) != part.sha256:
            self._place.delete(part.data)
            raise lied

    def _note(self, act: str, part: Manifest, **more: int) -> None:
        detail = {"data": part.data, "sha256": part.sha256, "events": part.rows, **more}
        self._store.audit.note(f"archive {act}", f"{self._place.url} {part.day}", by=self._by, detail=detail)


class _Day:
    """One day on its way into an archive."""

    def __init__(self, archive: Archive, day: str, done: Archived, tell: Callable[[Archived], object]) -> None:
        self._archive, self._day, self._done, self._tell = archive, day, done, tell
        self._keeping = archive._store.keeping
        self._place = archive._place
        self._sealed = False
        self._own: set[int] = set()
        """Parts of this very walk: what is behind them is in none of them."""

    def run(self, before: datetime, chosen: Chosen, but_not: Sequence[Chosen]) -> None:
        after: Standing | None = None
        tries = 0
        while tries < _TRIES:
            with _Spool(self._archive._kind) as spool:
                spool.write(self._marked(self._candidates(before, chosen, but_not, after), spool))
                if not spool.contents.rows:
                    break
                if self._archived(spool):
                    after, tries = spool.last, 0
                else:
                    tries += 1
        else:
            raise ArchiveError(
                "Others kept writing to that day of the archive, or changing its events.", hint="Try again."
            )
        self._archive.sweep(self._day)

    def _candidates(
        self, before: datetime, chosen: Chosen, but_not: Sequence[Chosen], after: Standing | None
    ) -> Iterator[list[Document]]:
        left = self._archive._part_events
        while left and (
            some := self._keeping.rows(self._day, before, chosen=chosen, but_not=but_not, after=after, raw=True)[:left]
        ):
            yield some
            after, left = (some[-1]["Timestamp"], some[-1]["_id"]), left - len(some)

    @staticmethod
    def _marked(several: Iterator[list[Document]], spool: _Spool) -> Iterator[list[Document]]:
        """The same; by what is noted of each it is known again, as it is in the file and as it is in the database."""
        for some in several:
            spool.read.update((_key(one), _mark(one)) for one in some)
            yield some

    def _archived(self, spool: _Spool) -> bool:
        """Whether what was spooled is archived now, and deleted here; if not, it must be spooled again."""
        everything = self._archive._all_of(self._day)
        try:
            part = self._claimed(spool, everything)
        except SesEventError:
            # Whoever was faster deletes what can count no more: it may have been ours, or what we were reading.
            if self._archive._all_of(self._day) == everything:
                raise
            return False
        if part is None:
            return False
        self._own.add(part.number)
        self._done.parts += 1
        self._done.events += part.rows
        self._done.size += part.size
        self._archive._note("written", part)
        deleted = sum(self._take_out(rows) for rows in ahead(self._unchanged(spool)))
        self._done.left += part.rows - deleted
        self._archive._note("deleted here", part, deleted=deleted)
        return True

    def _claimed(self, spool: _Spool, everything: Sequence[Manifest]) -> Manifest | None:
        """The part that what was spooled is now; None where some of it is archived already, or others were faster."""
        others = [part for part in live(everything) if part.number not in self._own]
        settled = [self._settle(part, spool.contents) for part in others]
        if any(settled):
            return None
        number = _next_number(everything)
        part = self._archive._put(self._day, number, spool)
        self._archive._fetch_back(part, spool)
        if self._is_as_stored(spool) and self._place.claim(manifest_key(self._day, number), part.content()):
            return part
        self._place.delete(part.data)
        return None

    def _is_as_stored(self, spool: _Spool) -> bool:
        """Whether the file that came back holds each document, to the byte, that the database holds; and no other."""
        missing, number = dict(spool.read), 0
        for some in ahead(spool.read_back()):
            number += len(some)
            differing = [one for one in some if missing.pop(_key(one), None) != _mark(one)]
            if differing and not self._are_as_stored(differing):
                return False
        there = sum(len(rows) for rows in ahead(self._unchanged(spool)))
        return not missing and number == there == len(spool.read)

    def _are_as_stored(self, some: Sequence[Document]) -> bool:
        """What no reading keeps, such as a name that is there twice, is no difference."""
        there = {_key(row): row for row in self._keeping.documents([one["_id"] for one in some], raw=True)}
        return all((row := there.get(_key(one))) is not None and _same(one, row) for one in some)

    def _unchanged(self, spool: _Spool) -> Iterator[list[Document]]:
        """Rows that are in the database as they were read from it, to the byte."""
        keys = [*spool.read]
        for start in range(0, len(keys), PAGE):
            rows = self._keeping.documents([_id_with(key) for key in keys[start : start + PAGE]], raw=True)
            yield [row for row in rows if spool.read[_key(row)] == _mark(row)]

    def _settle(self, part: Manifest, contents: _Contents) -> bool:
        """See to those of the spooled that a part holds already; True where there were any.

        What was archived first stays, and a repeat is deleted here. What must be kept in its place (`_prevails`) is
        taken out of the archive, and goes there as if it were new.
        """
        if not part.may_hold(contents.first_id, contents.last_id):
            return False
        richer: set[str] = set()
        found = 0
        for some in self._archive.documents(part, passing=True):
            known = {_key(one): one for one in some if id_of(one) in contents.ids}
            if not known:
                continue
            there = self._keeping.documents([one["_id"] for one in known.values()])
            repeats = [one for one in there if not _prevails(one, known[_key(one)])]
            richer |= {id_of(one) for one in there if _prevails(one, known[_key(one)])}
            found += len(there)
            self._done.repeats += len(repeats)
            self._take_out(repeats)
        if richer:
            self._archive.rewrite(part, lambda one: None if id_of(one) in richer else one)
        return found > 0

    def _take_out(self, some: Sequence[Document]) -> int:
        if not some:
            return 0
        if not self._sealed:
            self._keeping.seal(self._day)
            self._sealed = True
        gone = self._keeping.take_out(some)
        self._done.deleted += gone
        self._tell(self._done)
        return gone


class _Contents:
    """What is in a file, for its manifest."""

    def __init__(self) -> None:
        self.rows = 0
        self.ids: set[str] = set()
        self.first_id = self.last_id = self.first_at = self.last_at = ""
        self.types: Counter[str] = Counter()

    def add(self, some: Sequence[Document]) -> None:
        for document in some:
            identifier, at = id_of(document), str(document.get("Timestamp", ""))
            self.first_id = min(self.first_id, identifier) if self.rows else identifier
            self.first_at = min(self.first_at, at) if self.rows else at
            self.last_id, self.last_at = max(self.last_id, identifier), max(self.last_at, at)
            derived = document.get("derived") or {}
            self.types[str(derived.get("type") or document.get("Type"))] += 1
            self.ids.add(identifier)
            self.rows += 1

    def manifest(self, part: Manifest) -> Manifest:
        """*part*, saying this."""
        return replace(
            part, rows=self.rows, first_id=self.first_id, last_id=self.last_id, first_at=self.first_at,
            last_at=self.last_at, types=dict(self.types),
        )  # fmt: skip


class _Spool:
    """A part being made, in a temporary file; and the same as it was read back."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.contents = _Contents()
        self.last: Standing | None = None
        self.read: dict[bytes, int] = {}
        """What was read of the database, in order: a row's key and the mark of its bytes."""

    def __enter__(self) -> _Spool:
        self._folder = tempfile.TemporaryDirectory(prefix="sesevent-archive-")
        self.file, self.back = (Path(self._folder.name) / name for name in ("made", "back"))
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def write(self, several: Iterable[list[Document]]) -> None:
        with on_own_disk():
            self.kind.write(self.file, self._seen(several))

    def read_back(self) -> Iterator[list[Document]]:
        return self.kind.read(self.back, True)

    def _seen(self, several: Iterable[list[Document]]) -> Iterator[list[Document]]:
        for some in ahead(several):
            read = [_decoded(one) for one in some]
            self.contents.add(read)
            if read:
                self.last = read[-1].get("Timestamp", ""), read[-1]["_id"]
            yield read


def _next_number(everything: Sequence[Manifest]) -> int:
    return max((part.number for part in everything), default=0) + 1


def _key(document: Document) -> bytes:
    """An id of any type, by which two of them compare as MongoDB compares them."""
    if isinstance(document, RawBSONDocument) and (row := _encoded(document))[4:9] == _ID_FIRST:
        return row[9:21]
    identifier = document["_id"]
    return identifier.binary if type(identifier) is ObjectId else bson.encode({"_id": identifier})


def _id_with(key: bytes) -> Any:
    """The id that has this key."""
    # Of others only a regular expression's key is as short, and no row's id may be one.
    return ObjectId(key) if len(key) == 12 else bson.decode(key)["_id"]


def _mark(document: Document) -> int:
    """By which the bytes of a row are known again, as long as this process lives."""
    return hash(_encoded(document))


def _decoded(document: Document) -> Document:
    return bson.decode(document.raw, _CODEC) if isinstance(document, RawBSONDocument) else document


def _same(one: Document, other: Document) -> bool:
    found, there = bson.encode(one), _encoded(other)
    # What no reading keeps, such as a name that is there twice, is no difference.
    return found == there or found == bson.encode(bson.decode(there, _CODEC))


def _encoded(document: Document) -> bytes:
    return bytes(document.raw) if isinstance(document, RawBSONDocument) else bson.encode(document)


def _prevails(one: Document, other: Document) -> bool:
    """Whether a row, and not the *other* one that is archived of the same event, is what must be kept."""
    published, known = (not (each.get("derived") or {}).get("identity") for each in (one, other))
    if published != known:
        return published  # event publishing tells more than an identity notification
    if one.get("thin") and not other.get("thin"):
        return False
    # What arrived at another time is a repeat, and the first stays; the same row has been changed since.
    return one.get("received") == other.get("received") and not _same(one, other)


def _day_of(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else format_moment(moment)[:10]


def _silent(_: object) -> None:
    return None
