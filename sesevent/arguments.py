"""What callers hand in, looked at where it is handed in: a slip of theirs must not become a wrong answer.

A text that is taken letter by letter, a name that is None and so no condition at all: Python does both without a word.
No message quotes what was given. Next: :mod:`sesevent.addresses`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from sesevent.errors import ConfigurationError

__all__ = ["at_least_one", "given", "moment", "named", "several"]

T = TypeVar("T")


def given(value: str, what: str) -> str:
    """*value*, a text. Raises ConfigurationError for None and everything else."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} must be a text, and is {_kind(value)}.")
    return value


def named(value: str, what: str) -> str:
    """*value*, a name. Raises ConfigurationError for an empty one, None, and everything else."""
    if not given(value, what).strip():
        raise ConfigurationError(f"{what} must be a name, and is empty.")
    return value


def several(values: T, what: str) -> T:
    """*values*, of which there may be many. Raises ConfigurationError for None, and for one text."""
    if isinstance(values, (str, bytes, bytearray)) or values is None:
        raise ConfigurationError(f"{what} must be several, in a list, and is {_kind(values)}.")
    return values


def at_least_one(values: tuple[T, ...], what: str) -> tuple[T, ...]:
    """*values*, of which there is one at least. Raises ConfigurationError where there is none, and for None."""
    if not values or None in values:
        raise ConfigurationError(f"{what} must be said, at least one.")
    return values


def moment(value: datetime | None, what: str) -> datetime | None:
    """*value*, a point in time. Raises ConfigurationError for a text or a date: it is not known whose day that is."""
    if value is not None and not isinstance(value, datetime):
        raise ConfigurationError(
            f"{what} must be a datetime, and is {_kind(value)}.", hint="datetime.fromisoformat() makes one of a text."
        )
    return value


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
