"""The way in: SES's word → class, by one table, and the checks an event must pass.

Only essentials are checked: what the store keys and dates an event by, and whom it concerns.
Everything found is reported at once. See :mod:`sesevent.events.event` for how details are read.
Next: :mod:`sesevent.events.identity`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from sesevent.errors import PayloadError, Problem
from sesevent.events.bounce import Bounce
from sesevent.events.click import Click
from sesevent.events.complaint import Complaint
from sesevent.events.delivery import Delivery
from sesevent.events.delivery_delay import DeliveryDelay
from sesevent.events.event import Event
from sesevent.events.open import Open
from sesevent.events.received import Received
from sesevent.events.reject import Reject
from sesevent.events.rendering_failure import RenderingFailure
from sesevent.events.send import Send
from sesevent.events.subscription import Subscription
from sesevent.events.unknown import UnknownEvent
from sesevent.moments import read_moment, written

__all__ = ["EVENT_CLASSES", "read_event"]

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


class _Row(NamedTuple):
    """What reading an event of one kind needs, looked up once."""

    make: Callable[[dict[str, Any]], Event]
    body: str | None
    named_in_mail: bool
    list: str
    key: str | None


def _row(cls: type[Event]) -> _Row:
    where = cls.named_in
    return _Row(_maker(cls), cls.body, where.holder == "mail", where.list, where.key)


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


_ROWS: Final[dict[Any, _Row]] = {word: _row(cls) for word, cls in EVENT_CLASSES.items()}
_UNKNOWN: Final = _row(UnknownEvent)
_EMPTY: Final[dict[str, Any]] = {}


def read_event(text: str, payload: dict[str, Any]) -> Event:
    """Read one SES event of either payload family: its JSON text, and that decoded.

    *payload* may lack the mail's headers (:mod:`sesevent.payloads`). Raises
    PayloadError with every problem; paths start at the payload.
    """
    word = payload.get("eventType") or payload.get("notificationType")
    if type(word) is not str:
        raise PayloadError(_problems(payload, None, "", None))
    row: _Row = _ROWS.get(word, _UNKNOWN)
    make, body_key, named_in_mail, list_key, inner_key = row
    try:
        mail = payload.get("mail") or _EMPTY
        body = (payload.get(body_key) if body_key else None) or _EMPTY
        when = body.get("timestamp") or mail.get("timestamp")
        timestamp = read_moment(when) if when else None
        entries = (mail if named_in_mail else body).get(list_key) or ()
        if type(mail.get("messageId") or "") is str and _are_addresses(entries, inner_key):
            if row is _UNKNOWN:  # finds its time itself, in whatever object it may have
                return make({"text": text, "essence": payload})
            return make({  # with it what has been looked up already
                "text": text, "essence": payload, "timestamp": timestamp, "_mail": mail, "_body": body,
                "stamp": "" if timestamp is None else written(timestamp, when),
            })  # fmt: skip
    except (AttributeError, ValueError):
        pass  # something is not what it should be; the thorough reader below says what
    raise PayloadError(_problems(payload, body_key, list_key, inner_key))


def _are_addresses(entries: Any, key: str | None) -> bool:
    if type(entries) is not list:
        return isinstance(entries, tuple)
    for entry in entries:
        if type(entry) is not str and (type(entry) is not dict or type(entry.get(key)) is not str):
            return False
    return True


def _problems(payload: dict[str, Any], body_key: str | None, list_key: str, inner_key: str | None) -> list[Problem]:
    """Everything that is wrong, for an event of which the quick look only said that something is."""
    found: list[Problem] = []
    if type(payload.get("eventType") or payload.get("notificationType")) is not str:
        found.append(Problem("$", "has neither eventType nor notificationType as text"))
    for name in ("mail", body_key):
        holder = payload.get(name) if name else None
        if type(holder) is dict:
            found += _object_problems(holder, f"$.{name}", list_key, inner_key)
        elif holder:
            found.append(Problem(f"$.{name}", "is not an object"))
    return found


def _object_problems(holder: dict[str, Any], path: str, list_key: str, inner_key: str | None) -> list[Problem]:
    found = []
    if type(holder.get("messageId") or "") is not str:
        found.append(Problem(f"{path}.messageId", "is not text"))
    if reason := _moment_problem(holder.get("timestamp")):
        found.append(Problem(f"{path}.timestamp", reason))
    entries = holder.get(list_key)
    if type(entries) is list:
        bad = [position for position, entry in enumerate(entries) if not _are_addresses([entry], inner_key)]
        found += [Problem(f"{path}.{list_key}[{position}]", "holds no address") for position in bad]
    elif entries:
        found.append(Problem(f"{path}.{list_key}", "is not a list"))
    return found


def _moment_problem(value: Any) -> str | None:
    try:
        if value:
            read_moment(value)
    except ValueError as reason:
        return str(reason)
    return None
