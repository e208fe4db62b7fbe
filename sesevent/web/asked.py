"""The types of what is asked: each a text, a number or a time, bounded, and none of them an operator."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from sesevent.addresses import is_one
from sesevent.bounces.priority import REASON_ORDER
from sesevent.suppression.rules import RULES, rule_named
from sesevent.web.problems import Refused

__all__ = [
    "AddressQuery", "AddressText", "Body",
    "MessageId", "Moment", "Name", "NameQuery", "Reason", "RuleName", "Stream", "Tag",
    "Window", "tag_of", "window_of",
]  # fmt: skip

_FIRST: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LAST: Final = datetime(2200, 1, 1, tzinfo=timezone.utc)
_LONGEST: Final = 400  # characters of an address with its display name


def _in_time(moment: datetime) -> datetime:
    aware = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
    if not _FIRST <= aware < _LAST:
        raise ValueError("must lie between the years 2000 and 2200")
    return aware.astimezone(timezone.utc)


def _one_address(text: str) -> str:
    if not is_one(text):
        raise ValueError("is not one e-mail address")
    return text


def _reason(word: str) -> str:
    if word not in REASON_ORDER:
        raise ValueError(f"is no reason; there are {', '.join(sorted(REASON_ORDER))}")
    return word


def _rule(word: str) -> str:
    if rule_named(word) is None:
        raise ValueError(f"is no rule; there are {', '.join(one.name for one in RULES)}")
    return word


Moment = Annotated[datetime, AfterValidator(_in_time)]
"""A time between 2000 and 2200; one without a zone is UTC."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A word or a name, compared as it stands."""
MessageId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]
"""SES's id of a mail: letters, digits and dashes so far."""
AddressText = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST), AfterValidator(_one_address)]
"""One e-mail address, however it is spelled."""
Reason = Annotated[str, StringConstraints(max_length=64), AfterValidator(_reason)]
RuleName = Annotated[str, StringConstraints(max_length=64), AfterValidator(_rule)]

NameQuery = Annotated[Name, Query()]
AddressQuery = Annotated[
    AddressText, Query(description="One address, however it is spelled.", examples=["ann@example.com"])
]
Stream = Annotated[Name, Query(description="Stream of the mail; `*` is no particular one, or all.")]
Tag = Annotated[Name | None, Query(description="Message tag: `name`, or `name=value`.", examples=["campaign=spring"])]


class Body(BaseModel):
    """The body of a request: what it does not know is refused, so that no misspelling is silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Window(BaseModel):
    """The span of time that was asked about."""

    since: str | None = Field(description="Included.")
    until: str | None = Field(description="Not included.")


def window_of(
    since: datetime | None,
    until: datetime | None,
    now: datetime,
    most_days: int,
    default_days: int | None,
    *,
    slack: timedelta = timedelta(0),
) -> tuple[datetime | None, datetime | None]:
    """The span to ask for: at most so many days, and by default the last few. Raises Refused for a longer one."""
    if since is None and default_days is None:
        return since, until
    end = until or now
    begin = since if since is not None else end - timedelta(days=default_days or most_days)
    if begin > end:
        raise Refused(400, "The span of time ends before it begins.")
    if end - begin > timedelta(days=most_days) + slack:
        raise Refused(400, f"The span of time is longer than {most_days} days.")
    return begin, until


def tag_of(text: str | None) -> tuple[str, str | None] | None:
    """A message tag: ``name`` or ``name=value``."""
    if text is None:
        return None
    name, equals, value = text.partition("=")
    return name, value if equals else None
