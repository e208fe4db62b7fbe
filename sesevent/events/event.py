"""What every event has, whatever happened.

An event keeps its payload and types the parts when they are asked for. Two rules follow: the
*essentials* (type, ids, times, recipients) are checked when it is read, by
:mod:`sesevent.events.essentials`; a *detail* never refuses an event: a value that is not of its
documented type is ``None`` in the typed part and still there in ``raw``. Fields that SES adds
are kept, under SES's own names, in ``model_extra`` of the part they belong to.
Next: :mod:`sesevent.events.parse`, and one module per kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, computed_field

from sesevent import addresses
from sesevent.events.essentials import Essentials, Kind, NamedIn, look_up, tag_values
from sesevent.events.mail import Mail
from sesevent.events.part import read_part

__all__ = ["Event", "Recipient", "kind_of", "once"]


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
    known: ClassVar[bool] = True
    """False for whatever SES adds next."""

    text: SkipValidation[str] = Field(exclude=True)
    """The payload exactly as received: JSON text."""
    essence: SkipValidation[dict[str, Any]] = Field(exclude=True)
    """*text* decoded, perhaps without the mail's headers (:mod:`sesevent.payloads`)."""

    @once
    def essentials(self) -> Essentials:
        """What the store needs of it (:mod:`sesevent.events.essentials`)."""
        word = self.essence.get("eventType") or self.essence["notificationType"]
        return look_up(kind_of(type(self)), word, self.text, self.essence)

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The payload, decoded, with everything SES sent; what is more than 100 levels deep is None there."""
        return self.essentials.decoded()

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def type(self) -> str:
        """SES's own word, such as ``Bounce`` or ``Rendering Failure``."""
        return self.essentials.type

    @computed_field  # type: ignore[prop-decorator]
    @property
    def message_id(self) -> str:
        """SES's id of the mail; empty where the payload holds none."""
        return self.essentials.message_id

    @computed_field  # type: ignore[prop-decorator]
    @property
    def timestamp(self) -> datetime | None:
        """When it happened, aware and in UTC.

        The time of sending where SES gives the event no time of its own; None where the payload
        holds neither.
        """
        return self.essentials.timestamp

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def recipients(self) -> tuple[Recipient, ...]:
        """Whom the event concerns, in SES's order: never simply everyone the mail went to."""
        certain = not self.essentials.guessed
        return tuple([Recipient(addresses.bare(text), certain) for text in self.essentials.named])

    @cached_property
    def mail(self) -> Mail:
        """The mail it is about."""
        return read_part(Mail, self.raw.get("mail"))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def source(self) -> str | None:
        """The envelope sender as SES was given it, display name included."""
        source = self.essentials.mail.get("source")
        return source if isinstance(source, str) else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def subject(self) -> str | None:
        """The mail's subject, where the notification holds headers."""
        return self.essentials.subject

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def tags(self) -> dict[str, list[str]]:
        """Message tags, ``ses:`` ones included. Empty for identity notifications, which hold none."""
        tags = self.essentials.mail.get("tags")
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


def kind_of(cls: type[Event]) -> Kind:
    """Where the payloads of a class of events hold their essentials."""
    return Kind(cls.body, cls.named_in, cls.one_of, cls.known)
