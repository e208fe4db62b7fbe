"""How a documented object of a payload becomes a typed value that never refuses a detail."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from sesevent.moments import read_moment

__all__ = ["Moment", "Part", "read_part"]

Moment = Annotated[datetime, BeforeValidator(read_moment)]


class Part(BaseModel):
    """One object of a payload: SES's ``camelCase`` on the outside, ``snake_case`` here.

    Fields that are not documented are kept in ``model_extra`` under SES's names.
    """

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # what it holds is personal

    __str__ = __repr__


P = TypeVar("P", bound=Part)


def read_part(model: type[P], value: object) -> P:
    """Type one object of a payload; what does not fit its documented type is left out."""
    if not isinstance(value, Mapping):
        return model()
    try:
        return model.model_validate(value)
    except ValidationError as refused:
        fitting = deepcopy(dict(value))
        gone: set[tuple[int | str, ...]] = set()
        # From the back, so that positions in lists stay true while members are taken out.
        for error in reversed(refused.errors()):
            _remove(fitting, error["loc"], gone)
        try:
            return model.model_validate(fitting)
        except ValidationError:
            return model()


def _remove(value: Any, path: tuple[int | str, ...], gone: set[tuple[int | str, ...]]) -> None:
    """Take out what stands at *path*, or the nearest thing above it that is there, unless it is *gone*.

    For a field that may be of two types there are two errors, each with the type's name behind the field's.
    """
    holder: Any = None
    last: Any = None
    for depth, step in enumerate(path, 1):
        if path[:depth] in gone:
            return
        if not _has(value, step):
            path = path[: depth - 1]
            break
        holder, last, value = value, step, value[step]
    if path:
        del holder[last]
        gone.add(path)


def _has(value: Any, step: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value
