"""Documents of an archive changed, wherever they stand in it: for whoever must, as an erasure must.

Only parts with something to change are rewritten. Next: :mod:`sesevent.contrib.archive.query`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import bson

from sesevent.errors import ArchiveError
from sesevent.storage.sealing import holds_sealed

if TYPE_CHECKING:
    from sesevent.contrib.archive.archiver import Archive
    from sesevent.contrib.archive.manifest import Manifest

__all__ = ["Change", "Changed", "change_all"]

Document = dict[str, Any]
Change = Callable[[Document], "Document | None"]
"""Answers with what takes a document's place: an equal one where nothing is to change; None: it is left out."""
_TRIES: Final = 20  # others may be faster that often


@dataclass
class Changed:
    """What a change of an archive did, so far; or, where nothing was to be done, would do."""

    parts: int = 0
    """Parts that were looked at."""
    rewritten: int = 0
    """Parts that another one took the place of."""
    changed: int = 0
    """Events that are there otherwise now."""
    removed: int = 0
    """Events that are there no more."""


def change_all(
    archive: Archive,
    change: Change,
    texts: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    dry_run: bool,
    tell: Callable[[Changed], object],
) -> Changed:
    """See `Archive.change`. What others bring to a day while it is looked at is looked at too."""
    done = Changed()
    for day in sorted({part.day for part in archive.parts(since, until)}):
        seen: set[int] = set()
        while fresh := [part for part in archive.parts_of(day) if part.number not in seen]:
            seen |= _change_part(archive, fresh[0], _Counted(change, texts), done, dry_run) | {fresh[0].number}
            tell(done)
    return done


def _change_part(archive: Archive, part: Manifest, change: _Counted, done: Changed, dry_run: bool) -> set[int]:
    """Change a part; returns the numbers of what took its place."""
    made, found = set[int](), (0, 0)
    for left in reversed(range(_TRIES)):
        try:
            change.changed = change.removed = 0
            for some in archive.documents(part):
                for document in some:
                    change(document)
            found = change.changed, change.removed
            if any(found) and not dry_run:
                made = {archive.rewrite(part, change).number}
            break
        except ArchiveError:
            there = archive.parts_of(part.day)
            if part not in there:
                return set()  # it was replaced, and what it became is looked at
            if not left or max(one.number for one in there) == part.number:
                raise
    done.parts += 1
    done.rewritten += any(found)
    done.changed += found[0]
    done.removed += found[1]
    return made


class _Counted:
    """A change of those documents only that a text stands in, or may stand in under encryption, counted."""

    def __init__(self, change: Change, texts: Sequence[str]) -> None:
        self._change = change
        self._texts = [text.lower().encode() for text in texts]
        self.changed = self.removed = 0

    def _may_name(self, content: bytes) -> bool:
        return any(text in content for text in self._texts)

    def __call__(self, document: Document) -> Document | None:
        before = bson.encode(document)
        if self._texts and not self._may_name(before.lower()) and not holds_sealed(document):
            return document
        after = self._change(document)
        if after is None:
            self.removed += 1
        elif bson.encode(after) != before:
            self.changed += 1
        return after
