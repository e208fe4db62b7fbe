"""How many different mails? Exactly: each is kept as eight bytes of a hash.

Next: :mod:`sesevent.analytics.cells`.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["Uniques", "mark_of"]


def mark_of(message_id: str) -> int:
    """Eight bytes that stand for a mail: of four billion mails two would be taken for one."""
    return int.from_bytes(blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Uniques:
    """Different mails, by their marks."""

    __slots__ = ("marks",)

    def __init__(self, marks: Iterable[int] = ()) -> None:
        self.marks = set(marks)

    def add(self, mark: int) -> None:
        """One more mail, or the same again."""
        self.marks.add(mark)

    def merge(self, other: Uniques) -> None:
        """Those of another too."""
        self.marks |= other.marks

    def count(self) -> int:
        """How many there are."""
        return len(self.marks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uniques) and self.marks == other.marks

    __hash__ = None  # type: ignore[assignment]  # it changes
