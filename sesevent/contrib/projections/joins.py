"""What may be kept in a field so that neither order nor repetition of events can matter.

A join says what an event tells, and of all that is told the greatest (``$max``) or the least (``$min``) is kept, by
MongoDB's own order of values. Documents are compared field by field, so one that begins with a place, a time and the
event's key has a total order, and the server keeps the least in one atomic step: no reading before, no revision.
https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/#objects
Next: :mod:`sesevent.contrib.projections.declared`, which says in whose document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sesevent.storage.ordering import order

if TYPE_CHECKING:
    from sesevent.contrib.projections.declared import About

__all__ = ["Join", "Told", "first", "joined", "last", "strongest"]


class Join(NamedTuple):
    """What is kept in a field: of all that *told* says of events, the greatest or the least."""

    operator: Literal["$max", "$min"]
    told: Callable[[About], Any]
    """What an event says, as a value that MongoDB keeps; None where it says nothing."""


class Told(NamedTuple):
    """What an event says that is to be weighed against what others say."""

    place: int
    """Where it stands in the order of precedence: the smallest goes before, of equal ones the earlier event."""
    word: str
    more: Mapping[str, Any] = MappingProxyType({})
    """Other things to keep beside the word, always under the same names."""


def first(moment: Callable[[About], datetime | None] | None = None) -> Join:
    """The earliest of the moments that *moment* tells; by default, of when it happened."""
    return Join("$min", moment or _when)


def last(moment: Callable[[About], datetime | None] | None = None) -> Join:
    """The latest of the moments that *moment* tells; by default, of when it happened."""
    return Join("$max", moment or _when)


def strongest(told: Callable[[About], Told | None]) -> Join:
    """The word that goes before all others; kept as ``{place, at, event, is, …}``."""

    def value(about: About) -> dict[str, Any] | None:
        said = told(about)
        if said is None:
            return None
        # The order of these fields is the order of precedence: the server compares them one after the other.
        return {"place": said.place, "at": about.at, "event": about.key, "is": said.word, **said.more}

    return Join("$min", value)


def joined(operator: str, one: Any, other: Any) -> Any:
    """The one of two values that the server would keep."""
    return max(one, other, key=order) if operator == "$max" else min(one, other, key=order)


def _when(about: About) -> datetime | None:
    return about.at
