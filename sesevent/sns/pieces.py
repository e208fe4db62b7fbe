"""A file of payloads, cut into pieces that can be read one by one, so that its size does not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sesevent import jsontext

__all__ = ["Piece", "pieces"]


class Piece(NamedTuple):
    """A piece of a file that can be read by itself, and the line before its first."""

    text: bytes
    before: int


def pieces(lines: Iterable[bytes]) -> Iterator[Piece]:
    """Line by line where the first line is a document by itself; else the whole, in one piece."""
    source = enumerate(lines)
    for before, line in source:
        if not line.strip():
            continue
        if not _is_document(line):
            yield Piece(line + b"".join(rest for _, rest in source), before)
            return
        yield Piece(line, before)
        yield from (Piece(rest, number) for number, rest in source if rest.strip())
        return
    yield Piece(b"", 0)


def _is_document(line: bytes) -> bool:
    try:
        return isinstance(jsontext.decode(line), (dict, list))
    except ValueError:
        return False
