"""A file of payloads, cut into pieces that can be read one by one, so that its size does not matter."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple, cast

from sesevent import jsontext
from sesevent.errors import PayloadError, Problem

__all__ = ["LARGEST", "Piece", "may_be_json", "pieces", "unpacked"]

LARGEST: Final = 64 * 2**20
"""Bytes after which what does not end is no document."""
_LONGEST: Final = 2**20  # bytes of a line; a longer one holds many documents
_CHUNK: Final = 2**16
_BEGIN: Final = 512


class Piece(NamedTuple):
    """A piece of a file that can be read by itself."""

    text: bytes
    before: int
    """The line before its first."""
    path: str = "$"
    """Its path in the file: ``$[7]`` of documents that stand one behind the other."""


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """The file as it is, or what is in it if it is gzip's: that is told by its content."""
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if _peek(file, 2) == b"\x1f\x8b" else file


def _peek(file: Any, size: int) -> bytes:
    begin: bytes = file.peek(size)[:size]  # files of bytes that were opened, and gzip's, have it
    return begin


def may_be_json(file: IO[bytes]) -> bool:
    """Whether an `unpacked` file begins as JSON does; mails, pictures and tables do not. Raises as `pieces` does."""
    with _unharmed([0]):
        begin = _peek(file, _BEGIN)
    start = begin[_between(begin, 0) :]
    return bool(begin) and (not start or start[0] in b'{"' or begin[:1] == b"[")


def pieces(file: IO[bytes]) -> Iterator[Piece]:
    """Line by line where the first line is a document by itself; else document by document. A list is its members.

    Memory grows with the largest document, not with the file. Raises PayloadError where gzip ends too early.
    """
    place = [0]
    with _unharmed(place):
        yield from _pieces(file, place)


@contextmanager
def _unharmed(place: list[int]) -> Iterator[None]:
    """What gzip raises, in this library's words."""
    try:
        yield
    except EOFError:
        raise _harmed("is cut off", place) from None
    except (gzip.BadGzipFile, zlib.error):
        raise _harmed("is not gzip, although it begins so", place) from None


def _harmed(message: str, place: list[int]) -> PayloadError:
    return PayloadError([Problem("$", message, place[0] + 1)])


def _pieces(file: IO[bytes], place: list[int]) -> Iterator[Piece]:
    """*place* is told which line is read."""
    line = file.readline(_LONGEST)
    while line and not line.strip():
        place[0] += 1
        line = file.readline(_LONGEST)
    if not line:
        yield Piece(b"", 0)
    elif not jsontext.is_document(line):
        yield from _documents(line, file.read, place)
    else:
        yield from _lines(line, file, place)


def _lines(line: bytes, file: IO[bytes], place: list[int]) -> Iterator[Piece]:
    while line:
        if len(line) == _LONGEST and not line.endswith(b"\n"):
            yield from _documents(line, file.read, place)
            return
        if line.strip():
            yield Piece(line, place[0])
        place[0] += 1
        line = file.readline(_LONGEST)


# ── Documents one behind the other, as Firehose leaves them, or in a list ────────────────────


def _documents(text: bytes, read: Callable[[int], bytes], place: list[int]) -> Iterator[Piece]:
    """*text* and what *read* returns, document by document. What never ends is one piece."""
    number = start = 0
    more = True
    seams = _Seams(text)
    while True:
        begin = _between(text, start)
        place[0] += text.count(b"\n", start, begin)
        end = (seams.end_of(begin) or _end_of(text, begin)) if begin < len(text) else None
        if end is None and more and len(text) - begin <= LARGEST:
            # As much again: what has to be looked at twice then is never more than all of it.
            chunk = read(max(_CHUNK, len(text) - begin))
            text, start, more = text[begin:] + chunk, 0, bool(chunk)
            seams = _Seams(text)
            continue
        if begin == len(text):
            return
        if end is None:
            end = len(text) if not more else (text.rfind(b"\n", begin) + 1 or len(text))
            yield Piece(text[begin:end], place[0])
        else:
            end = _first_line_of_no_document(text, begin, end) or end
            yield Piece(text[begin:end], place[0], f"$[{number}]")
        number += 1
        place[0] += text.count(b"\n", begin, end)
        start = end


def _first_line_of_no_document(text: bytes, begin: int, end: int) -> int | None:
    """Where the first of several lines ends that make no document, such as one whose string lacks its end."""
    line_end = text.find(b"\n", begin, end)
    if line_end < 0 or end - begin > _LONGEST or jsontext.is_document(text[begin:end]):
        return None
    return line_end + 1


# White space, RFC 7464's record separator, a byte order mark, and what makes documents a list.
_GAP: Final = re.compile(rb"(?:[\s\x1e,\[\]]|\xef\xbb\xbf)*")
_SEAM: Final = re.compile(rb"\}\s*\{")
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\]]', re.DOTALL)


class _Seams:
    """A guess where a document ends that is ten times as fast as looking: before the next ``}{``, if that is one."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._next = 0

    def end_of(self, begin: int) -> int | None:
        """Where the document ends that begins here, if the guess is right."""
        if self._next <= begin:
            seam = _SEAM.search(self._text, begin)
            self._next = len(self._text) if seam is None else seam.start() + 1
        near = begin < self._next < len(self._text) and self._next - begin < _CHUNK
        return self._next if near and jsontext.is_document(self._text[begin : self._next]) else None


def _between(text: bytes, start: int) -> int:
    found: Any = _GAP.match(text, start)  # it always matches
    return int(found.end())


def _end_of(text: bytes, start: int) -> int | None:
    """Where the document ends that begins here; None where it does not yet. Of what is none: where its line ends."""
    if text[start] not in b'{"':
        return text.find(b"\n", start) + 1 or None
    depth = 0
    for token in _TOKEN.finditer(text, start):
        sign = token[0]
        if sign in b"{[":
            depth += 1
        elif sign in b"}]":
            depth -= 1
        elif not token[1]:
            return None  # a string that has not ended
        if not depth:
            return token.end()
    return None
