"""The way in: SES's word → class, by one table.

What is checked is in :mod:`sesevent.events.essentials`; how details are read is in :mod:`sesevent.events.event`.
Next: :mod:`sesevent.events.identity`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from sesevent.errors import PayloadError
from sesevent.events.bounce import Bounce
from sesevent.events.click import Click
from sesevent.events.complaint import Complaint
from sesevent.events.delivery import Delivery
from sesevent.events.delivery_delay import DeliveryDelay
from sesevent.events.essentials import Essentials, look_up, problems_of
from sesevent.events.event import Event, kind_of
from sesevent.events.open import Open
from sesevent.events.received import Received
from sesevent.events.reject import Reject
from sesevent.events.rendering_failure import RenderingFailure
from sesevent.events.send import Send
from sesevent.events.subscription import Subscription
from sesevent.events.unknown import UnknownEvent

__all__ = ["EVENT_CLASSES", "class_of", "event_of", "read_essentials", "read_event", "word_of"]

EVENT_CLASSES: Final[dict[str, type[Event]]] = {
    "Send": Send,
    "Delivery": Delivery,
    "Bounce": Bounce,
    "Complaint": Complaint,
    "Reject": Reject,
    "Open": Open,
    "Click": Click,
    "Rendering Failure": RenderingFailure,  # with a space in every payload; the APIs spell it otherwise
    "DeliveryDelay": DeliveryDelay,
    "Subscription": Subscription,
    "Received": Received,
}
"""SES's word → class; every other word is an `UnknownEvent`."""


def read_essentials(text: str, payload: dict[str, Any]) -> Essentials:
    """Look up what the store needs of one SES event of either payload family: its JSON text, and that decoded.

    *payload* may lack the mail's headers (:mod:`sesevent.payloads`). Raises
    PayloadError with every problem; paths start at the payload.
    """
    word = payload.get("eventType") or payload.get("notificationType")
    if type(word) is not str:
        raise PayloadError(problems_of(payload, None, "", None))
    return look_up(_KINDS.get(word, _UNKNOWN), word, text, payload)


def event_of(essentials: Essentials) -> Event:
    """The event with these essentials, as :func:`read_essentials` found them."""
    return _MAKERS.get(essentials.type, _make_unknown)(
        {"text": essentials.text, "essence": essentials.essence, "essentials": essentials}
    )


def read_event(text: str, payload: dict[str, Any]) -> Event:
    """Read one SES event; takes and raises what :func:`read_essentials` does."""
    return event_of(read_essentials(text, payload))


def class_of(word: str) -> type[Event]:
    """The class of the events that SES calls *word*."""
    return EVENT_CLASSES.get(word, UnknownEvent)


def word_of(text: str) -> str:
    """SES's word for a type of events, as people spell it: ``bounce``, ``rendering_failure``; other texts stay."""
    return _SPELLED.get(_plain(text), text)


def _plain(text: str) -> str:
    return text.translate(_NO_SIGNS).casefold()


_NO_SIGNS: Final = str.maketrans("", "", " _-")
_SPELLED: Final = {_plain(word): word for word in EVENT_CLASSES}


def _maker(cls: type[Event]) -> Callable[[dict[str, Any]], Event]:
    """What makes an event of this kind from its fields and whatever of its cached properties is known.

    It does what pydantic's `model_construct` does, without that one's loop over the fields.
    """
    new = cls.__new__
    names = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")  # a model's slots
    put_state, put_fields_set, put_extra, put_private = [vars(BaseModel)[name].__set__ for name in names]

    def make(state: dict[str, Any]) -> Event:
        event = new(cls)
        put_state(event, state)
        put_fields_set(event, _FIELDS)
        put_extra(event, None)
        put_private(event, None)
        return event

    return make


_FIELDS: Final = set(Event.model_fields)  # shared by all: a frozen model never changes its own
_KINDS: Final = {word: kind_of(cls) for word, cls in EVENT_CLASSES.items()}
_UNKNOWN: Final = kind_of(UnknownEvent)
_MAKERS: Final = {word: _maker(cls) for word, cls in EVENT_CLASSES.items()}
_make_unknown: Final = _maker(UnknownEvent)
