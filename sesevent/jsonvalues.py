"""Values as JSON has them: how moments, tuples, dataclasses and bytes are told, in one place.

It makes values, and no text: that is :mod:`sesevent.jsontext`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final

from sesevent.moments import format_moment

__all__ = ["as_json", "fields_as_json"]

_AS_THEY_ARE: Final = frozenset((str, int, float, bool))


def as_json(value: Any) -> Any:
    """A value as JSON has it, in every depth: moments as text, dataclasses and named tuples as objects.

    What has a ``to_dict`` is told by that; bytes as text, where they are any; sets in order.
    """
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, datetime):
        return format_moment(value)
    if hasattr(value, "to_dict"):
        return as_json(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): as_json(member) for key, member in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return fields_as_json(value)
    if (named := getattr(value, "_asdict", None)) is not None:
        return as_json(named())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(member) for member in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, (str, int, float)) else str(value)


def fields_as_json(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, each as JSON has it."""
    return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
