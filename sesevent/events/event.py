"""What every event has, whatever happened.

An event keeps its payload and types the parts when they are asked for. Two rules follow: the
*essentials* (type, ids, times, recipients) are checked when it is read, by
:mod:`sesevent.events.parse`; a *detail* never refuses an event: a value that is not of its
documented type is ``None`` in the typed part and still there in ``raw``. Fields that SES adds
are kept, under SES's own names, in ``model_extra`` of the part they belong to.
Next: :mod:`sesevent.events.parse`, and one module per kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, computed_field

from sesevent import addresses, jsontext
from sesevent.events.mail import Mail
from sesevent.events.part import read_part
from sesevent.moments import format_moment, read_moment

__all__ = ["Event", "NamedIn", "Recipient", "once", "tag_values"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person an event is about."""

    address: str
    """The bare address: no display name, domain in lower case, local part as it came."""
    certain: bool = True
    """False where SES only names candidates: an open of a mail to three, a complaint from one of a
    provider's customers."""

    @property
    def normal(self) -> str:
        """The form by which addresses are compared (:func:`sesevent.addresses.normal`)."""
        return self.address.lower()

    def __repr__(self) -> str:
        return f"<Recipient {addresses.mask(self.address)}{'' if self.certain else ' (perhaps)'}>"


V = TypeVar("V")
_MILLISECOND = timedelta(milliseconds=1)


class once(Generic[V]):  # noqa: N801  # used as `property` is
    """A property worked out once: `functools.cached_property` without the lock it takes before Python 3.12."""

    def __init__(self, work: Callable[[Any], V]) -> None:
        self._work = work
        self._name = work.__name__
        self.__doc__ = work.__doc__

    def __get__(self, instance: Any, owner: type) -> V:
        if instance is None:
            return self  # type: ignore[return-value]  # as `property` does
        value = instance.__dict__[self._name] = self._work(instance)
        return value


class NamedIn(NamedTuple):
    """Where a kind's payload names the people it concerns."""

    holder: str
    list: str
    key: str | None = None
    """The key of the address in each entry; None where the entries are the addresses."""


class Event(BaseModel):
    """One thing that happened to one mail. Frozen; made by :func:`sesevent.parse`.

    Two events are equal when their payloads are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(once,))

    body: ClassVar[str | None] = None
    """The payload's key for what is particular to this kind."""
    named_in: ClassVar[NamedIn] = NamedIn("mail", "destination")
    """The list that names whom the event concerns."""
    one_of: ClassVar[bool] = False
    """True where SES means one of those it names and cannot say which."""

    text: SkipValidation[str] = Field(exclude=True)
    """The payload exactly as received: JSON text."""
    essence: SkipValidation[dict[str, Any]] = Field(exclude=True)
    """*text* decoded, perhaps without the mail's headers (:mod:`sesevent.payloads`)."""

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The payload, decoded, with everything SES sent; what is more than 100 levels deep is None there."""
        try:
            whole = jsontext.decode(self.text)
        except ValueError:  # too deep, in a part that reading the essence skipped
            whole = self.essence
        raw: dict[str, Any] = jsontext.settled(whole)
        return raw

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def type(self) -> str:
        """SES's own word, such as ``Bounce`` or ``Rendering Failure``."""
        word: str = self.essence.get("eventType") or self.essence["notificationType"]
        return word

    @computed_field  # type: ignore[prop-decorator]
    @property
    def message_id(self) -> str:
        """SES's id of the mail; empty where the payload holds none."""
        return self._mail.get("messageId") or ""

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def timestamp(self) -> datetime | None:
        """When it happened, aware and in UTC.

        The time of sending where SES gives the event no time of its own; None where the payload
        holds neither.
        """
        when = self._body.get("timestamp") or self._mail.get("timestamp")
        return read_moment(when) if when else None

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def recipients(self) -> tuple[Recipient, ...]:
        """Whom the event concerns, in SES's order: never simply everyone the mail went to."""
        certain = not self.guessed
        return tuple([Recipient(addresses.bare(text), certain) for text in self._named])

    @once
    def normals(self) -> list[str]:
        """The addresses of the recipients in normal form, each once."""
        named = self._named
        if len(named) == 1:
            return [addresses.normal(named[0])]
        return list(dict.fromkeys([addresses.normal(text) for text in named]))

    @property
    def guessed(self) -> bool:
        """True where SES names several and means one of them."""
        return self.one_of and len(self._named) > 1

    @once
    def stamp(self) -> str:
        """The timestamp as it is stored; empty where there is none."""
        moment = self.timestamp
        return format_moment(moment) if moment is not None else ""

    @once
    def took(self) -> int | None:
        """Milliseconds from the time of sending until it happened; None where SES does not tell both."""
        moment, sent = self.timestamp, self._mail.get("timestamp")
        if moment is None or not sent or not self._body.get("timestamp"):
            return None
        try:
            return (moment - read_moment(sent)) // _MILLISECOND
        except ValueError:  # a detail here, and no ground to refuse the event
            return None

    @cached_property
    def mail(self) -> Mail:
        """The mail it is about."""
        return read_part(Mail, self.raw.get("mail"))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def source(self) -> str | None:
        """The envelope sender as SES was given it, display name included."""
        return _text(self._mail.get("source"))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def subject(self) -> str | None:
        """The mail's subject, where the notification holds headers."""
        common = self._mail.get("commonHeaders")
        subject = _text(common.get("subject")) if isinstance(common, dict) else None
        return subject if subject is not None else self._subject_header()

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def tags(self) -> dict[str, list[str]]:
        """Message tags, ``ses:`` ones included. Empty for identity notifications, which hold none."""
        tags = self._mail.get("tags")
        return {name: tag_values(values) for name, values in tags.items()} if type(tags) is dict else {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def configuration_set(self) -> str | None:
        """The configuration set the mail was sent with."""
        return next(iter(self.tags.get("ses:configuration-set", ())), None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.message_id or '?'} at {self.timestamp}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and type(self) is type(other) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash((self.type, self.message_id, self.timestamp))

    @once
    def _mail(self) -> dict[str, Any]:
        return self.essence.get("mail") or {}

    @once
    def _body(self) -> dict[str, Any]:
        return (self.essence.get(self.body) if self.body else None) or {}

    @once
    def _named(self) -> list[str]:
        holder, name, key = self.named_in
        entries = (self._mail if holder == "mail" else self._body).get(name) or ()
        found = [entry.get(key) if isinstance(entry, dict) else entry for entry in entries]
        return [text for text in found if isinstance(text, str)]

    def _subject_header(self) -> str | None:
        headers = (self.raw.get("mail") or {}).get("headers")
        for header in headers if isinstance(headers, list) else ():
            if isinstance(header, dict) and str(header.get("name")).lower() == "subject":
                return _text(header.get("value"))
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def tag_values(values: object) -> list[str]:
    """Values of one message tag: SES sends a list even for one."""
    if type(values) is list:
        if len(values) == 1 and type(values[0]) is str:
            return values
        return [value for value in values if type(value) is str]
    return [values] if isinstance(values, str) else []
