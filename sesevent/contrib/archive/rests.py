"""What of a document no column says, and the identical document made of both again.

What columns say too is left out of a document, with a hole in its place: BSON's `MinKey`. So documents that differ in
nothing else leave the same rest, and thousands of events a handful of them. Whatever is not as expected stays.

Archives are read for longer than any version lives: what is here may be added to, and never changed. Next:
:mod:`sesevent.contrib.archive.columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.min_key import MinKey

from sesevent.errors import ArchiveError
from sesevent.moments import UTC

__all__ = ["SAID", "Said", "documents_of", "packed_uuid", "rests_of"]

Document = dict[str, Any]
_CODEC: Final[CodecOptions[Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_HOLE: Final = MinKey()
_WHOLE: Final = "whole"
"""The only field of a rest without `_id`: a document that must be kept as it is."""
_BETWEEN: Final = "\x1f"
_AS_ELSEWHERE: Final = "\x02"


# ── what columns say ────────────────────────────────────────────────────────────────────────────────────────────────


class Said:
    """What columns say of some events."""

    def __init__(self, column: Callable[[str], list[Any]]) -> None:
        self.column = column

    @cached_property
    def ids(self) -> list[Any]:
        """Ids, where they can be told from their texts."""
        try:
            return [ObjectId(bytes.fromhex(one)) for one in self.column("id")]
        except (ValueError, TypeError):  # there are others among them
            return [ObjectId(one) if ObjectId.is_valid(one) else None for one in self.column("id")]

    @cached_property
    def stamps(self) -> list[Any]:
        """Times as SES mostly writes them."""
        several = self.column("happened_at")
        return [None if at is None else at.isoformat(timespec="milliseconds")[:23] + "Z" for at in several]

    @cached_property
    def notifications(self) -> list[Any]:
        """SNS's ids, as they are written."""
        several = [one and one.hex() for one in self.column("notification")]
        return [one and f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in several]

    @cached_property
    def groups(self) -> list[Any]:
        """Texts of `derived.group`."""
        return [
            text and _group(text, *about) for text, *about in zip(self.column("counted_as"), *self._about, strict=True)
        ]

    def shortened(self, groups: Sequence[Any]) -> list[str | None]:
        """Such texts without what other columns say: the hour, the domain and the mark of the mail."""
        return [
            _short(text, *about) if type(text) is str and text and _AS_ELSEWHERE not in text else None
            for text, *about in zip(groups, *self._about, strict=True)
        ]

    @property
    def _about(self) -> tuple[list[Any], ...]:
        return self.stamps, self.column("recipients"), self.column("message_id")


def packed_uuid(text: Any) -> bytes | None:
    """The bytes of a UUID as SNS writes it; None for what is none."""
    try:
        packed = bytes.fromhex(text.replace("-", ""))
    except (ValueError, AttributeError, TypeError):
        return None
    return packed if len(packed) == 16 else None


def _group(text: str, stamp: str | None, people: Sequence[str] | None, mail: str | None) -> str:
    pieces = text.split(_BETWEEN)
    for place, piece in _elsewhere(pieces, stamp, people, mail):
        if pieces[place] == _AS_ELSEWHERE:
            pieces[place] = piece
    return _BETWEEN.join(pieces)


def _short(text: str, stamp: str | None, people: Sequence[str] | None, mail: str | None) -> str:
    pieces = text.split(_BETWEEN)
    for place, piece in _elsewhere(pieces, stamp, people, mail):
        if pieces[place] == piece:
            pieces[place] = _AS_ELSEWHERE
    return _BETWEEN.join(pieces)


def _elsewhere(
    pieces: list[str], stamp: str | None, people: Sequence[str] | None, mail: str | None
) -> list[tuple[int, str]]:
    """What other columns say of a group, and where in it."""
    if len(pieces) != 11:
        return []
    found = [(0, (stamp or "")[:13])]
    if people:
        found.append((7, people[0].rpartition("@")[2]))
    if mail and pieces[10]:
        found.append((10, blake2b(mail.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()))
    return found


# ── holes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Hole(NamedTuple):
    """A place in a document that a column speaks of."""

    part: str
    """The part it is in; empty: the document itself."""
    name: str
    type: type
    """Of what can be told again; anything else stays."""
    column: str
    says: Callable[[Said], list[Any]] | None = None
    """What the column makes of it; none: what the column says is the value."""
    exact: bool = False
    """Whether it may say something else than the document; if not, it says the same or nothing."""


_HOLES: Final = (
    _Hole("", "_id", ObjectId, "id", lambda said: said.ids),
    _Hole("", "MessageId", str, "message_id", exact=True),
    _Hole("", "Message", str, "message"),
    _Hole("", "Timestamp", str, "happened_at", lambda said: said.stamps, exact=True),
    _Hole("", "Subject", str, "subject"),
    _Hole("derived", "at", datetime, "happened_at"),
    _Hole("derived", "recipients", list, "recipients", exact=True),
    _Hole("derived", "took", int, "took_ms"),
    _Hole("derived", "group", str, "counted_as", lambda said: said.groups),
    _Hole("received", "at", datetime, "received_at"),
    _Hole("received", "notificationId", str, "notification", lambda said: said.notifications, exact=True),
)
SAID: Final = tuple(dict.fromkeys(hole.column for hole in _HOLES))
"""Columns that a document is made of, with its rest."""
_PARTS: Final = ("derived", "received")
_IN: Final = {
    part: [(hole.name, hole.type, place, hole.exact) for place, hole in enumerate(_HOLES) if hole.part == part]
    for part in ("", *_PARTS)
}


# ── there ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def rests_of(documents: Sequence[Mapping[str, Any]], said: Said) -> list[bytes]:
    """What is left of documents, as BSON."""
    told = [hole.says(said) if hole.says and hole.exact else said.column(hole.column) for hole in _HOLES]
    return [_rest(document, row) for document, *row in zip(documents, *told, strict=True)]


def _rest(document: Mapping[str, Any], told: Sequence[Any]) -> bytes:
    rest = dict(document)
    strange = _dig(rest, _IN[""], told)
    for name in _PARTS:
        if type(part := rest.get(name)) is dict:
            rest[name] = part = part.copy()
            strange |= _dig(part, _IN[name], told)
    return bson.encode({_WHOLE: document} if strange else rest)


def _dig(part: Document, holes: Sequence[tuple[str, type, int, bool]], told: Sequence[Any]) -> bool:
    """Make holes; True where something is there that looks like one."""
    strange = False
    for name, wanted, place, exact in holes:
        value = part.get(name)
        if type(value) is wanted:
            if told[place] is not None and (not exact or told[place] == value):
                part[name] = _HOLE
        elif type(value) is MinKey:
            strange = True
    return strange


# ── and back ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Rest(NamedTuple):
    """A rest, and where its holes are."""

    document: Document
    holes: list[tuple[str, int]]
    parts: list[tuple[str, list[tuple[str, int]]]]


def documents_of(rests: Sequence[bytes], said: Said, *, passing: bool) -> list[Document]:
    """Documents again. Those that are *passing* share what is in them: they are to be looked at, not changed.

    Raises ArchiveError where there are none.
    """
    read = _remembered if passing else _read
    told = [hole.says(said) if hole.says else said.column(hole.column) for hole in _HOLES]
    return [_filled(read(rest), row) for rest, *row in zip(rests, *told, strict=True)]


def _read(rest: bytes) -> _Rest:
    try:
        document = bson.decode(rest, _CODEC)
    except (BSONError, TypeError):
        raise ArchiveError("A row of the archive holds no document.") from None
    if "_id" not in document:
        return _Rest(_whole(document), [], [])
    parts = [(name, _holes_in(document.get(name), name)) for name in _PARTS]
    return _Rest(document, _holes_in(document, ""), [(name, holes) for name, holes in parts if holes])


_remembered = lru_cache(maxsize=4096)(_read)


def _whole(rest: Document) -> Document:
    if type(document := rest.get(_WHOLE)) is not dict:
        raise ArchiveError("A row of the archive holds no document.")
    return document


def _holes_in(part: Any, name: str) -> list[tuple[str, int]]:
    return [(name, place) for name, _, place, _ in _IN[name] if type(part) is dict and type(part.get(name)) is MinKey]


def _filled(rest: _Rest, told: Sequence[Any]) -> Document:
    document = rest.document.copy()
    for name, place in rest.holes:
        document[name] = told[place]
    for part, holes in rest.parts:
        document[part] = inner = document[part].copy()
        for name, place in holes:
            inner[name] = told[place]
    if document.get("Message", "") is None and told[_MESSAGE] is not None:
        document["Message"] = told[_MESSAGE]  # in parts of format 1 null stands for it
    return document


_MESSAGE: Final = next(place for place, hole in enumerate(_HOLES) if hole.name == "Message")
