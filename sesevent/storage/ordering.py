"""MongoDB's order of values, in Python: what ``$max``, ``$min`` and a sort would say of two of them.

It knows the types that this library writes. Next: :mod:`sesevent.testing.memory` and
:mod:`sesevent.contrib.projections`, which compare as a server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

__all__ = ["order"]

# https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
_RANKS: Final[tuple[tuple[type | tuple[type, ...], int], ...]] = (
    (type(None), 0), (bool, 7), ((int, float), 1), (str, 2), (Mapping, 3), ((list, tuple), 4), (bytes, 5),
    (ObjectId, 6), (datetime, 8),
)  # fmt: skip


def order(value: Any) -> tuple[int, Any]:
    """A key that sorts as a server does. Documents are compared field by field, in the order they have them."""
    rank = next(rank for kind, rank in _RANKS if isinstance(value, kind))
    if isinstance(value, Mapping):
        # …first the field's type, then its name, then its value: that is how the documentation tells it.
        return rank, [(*_kind_and_name(name, member), order(member)) for name, member in value.items()]
    if isinstance(value, (list, tuple)):
        return rank, [order(member) for member in value]
    return rank, 0 if value is None else value


def _kind_and_name(name: str, member: Any) -> tuple[int, str]:
    return order(member)[0], name
