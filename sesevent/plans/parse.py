"""From whatever arrived to events, without a store: :mod:`sesevent.sns` joined to :mod:`sesevent.events`."""

from __future__ import annotations

from collections.abc import Iterable

from sesevent import jsontext
from sesevent.errors import PayloadError, Problem
from sesevent.events.essentials import Essentials
from sesevent.events.event import Event
from sesevent.events.parse import event_of, read_essentials, read_event
from sesevent.sns.message import Place, UnverifiedMessage
from sesevent.sns.trust import VerifiedMessage
from sesevent.sns.unwrap import Raw, one_notification, unwrap

__all__ = ["Events", "essentials_in", "parse", "read_message"]


class Events(list[Event]):
    """The events found, in order; ``problems`` says what beside them could not be read."""

    problems: tuple[Problem, ...] = ()


_TEXTS = (".Message", ".body", ".Body", ".data")


def parse(raw: Raw | VerifiedMessage) -> Events:
    """Read every SES event in *raw*, in whatever wrapping AWS hands it over (:func:`sesevent.unwrap` lists them).

    Takes bytes, text, what a JSON reader made of them, or what `verify` proved. Handshakes, and messages that are
    well-formed but not SES's, yield no event. In a batch, a bad member does not hide the good
    ones: it is listed in the result's ``problems``. Nothing is verified: see the store for that.

    Raises PayloadError, with every problem found, where nothing at all could be read.
    """
    if type(raw) is bytes or type(raw) is str:
        try:  # one event in one notification, with nothing wrong: most input, at half the cost of the long way
            found = one_notification(jsontext.fast_loads(raw))
            if found is not None:
                return Events((read_event(*found),))
        except (ValueError, PayloadError):
            pass  # the long way says what is wrong, or finds several documents
    return _parse(raw)


def _parse(raw: Raw | VerifiedMessage) -> Events:
    events = Events()
    problems: list[Problem] = []
    messages = raw.messages if isinstance(raw, VerifiedMessage) else unwrap(raw)
    for message in messages:
        if message.kind == "event":
            try:
                events.append(read_message(message))
            except PayloadError as error:
                problems.extend(error.problems)
        elif message.problem is not None:
            problems.append(message.problem)
    if problems:
        if not events and not _anything_else(messages):
            raise PayloadError(problems)
        events.problems = tuple(problems)
    return events


def read_message(message: UnverifiedMessage) -> Event:
    """Read the event in one message. Raises PayloadError, its paths counted from what was handed in."""
    return event_of(essentials_in(message))


def essentials_in(message: UnverifiedMessage) -> Essentials:
    """What the store needs of the event in one message. Raises as `read_message` does."""
    try:
        return read_essentials(message.text, message.payload)
    except PayloadError as error:
        raise PayloadError([_from_the_top(problem, message.place) for problem in error.problems]) from None


def _from_the_top(problem: Problem, place: Place) -> Problem:
    """Inside text that stood in the input, paths start anew: ``$.Message→$.bounce``."""
    joint = "→$" if place.path.endswith(_TEXTS) else ""
    return Problem(place.path + joint + problem.path[1:], problem.message, place.line)


def _anything_else(messages: Iterable[UnverifiedMessage]) -> bool:
    return any(message.kind in ("control", "foreign") for message in messages)
