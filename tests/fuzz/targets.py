"""What must hold for every input, whatever it is: one function, `check`, for every way of finding inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import bson
import pydantic

from fuzz.inputs import MARKER, SUBJECT
from sesevent import (
    PayloadError,
    UntrustedMessage,
    VerifierUnavailable,
    jsontext,
    moments,
    parse,
    payloads,
    testing,
    unwrap,
    verify,
)
from sesevent.events.event import Event
from sesevent.events.identity import event_key
from sesevent.moments import format_moment, read_moment
from sesevent.plans.parse import read_message
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.origin import read_claim
from sesevent.storage.codec import document_of
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC

KINDS = ("event", "control", "foreign", "malformed")
_BASE = frozenset(dir(pydantic.BaseModel))


def check(data: bytes) -> None:
    """Everything that must hold for *data*."""
    messages = unwrap(data)
    as_text = data.decode("utf-8", "surrogateescape")  # text, unlike bytes, may hold surrogates itself
    for message in messages if as_text.isascii() else [*messages, *unwrap(as_text)]:
        _check_message(message)
    told = tell(data)
    _check_agreement(data, told, messages)
    _check_readers(data, told)
    check_verify(data)


def tell(raw: Any) -> Any:
    """What `parse` makes of an input, every fact of every event; or the problems it finds."""
    try:
        events = parse(raw)
    except PayloadError as error:
        assert error.problems
        keep_secret(str(error), repr(error))
        return [str(problem) for problem in error.problems]
    for problem in events.problems:
        keep_secret(str(problem))
    return [facts(event) for event in events], [str(problem) for problem in events.problems]


def facts(event: Event) -> dict[str, Any]:
    """Every public thing an event tells, each read once."""
    found: dict[str, Any] = {}
    for name in _names_of(type(event)):
        value = getattr(event, name)
        if isinstance(value, pydantic.BaseModel):
            keep_secret(repr(value), str(value))
            value.model_dump_json()
            value = value.model_dump()
        found[name] = value
    if MARKER not in event.message_id and SUBJECT not in event.message_id:
        keep_secret(repr(event), str(event), repr(event.recipients))
    assert event == event.model_copy()
    found |= {"hash": hash(event), "key": event_key(event).hex(), "dump": event.model_dump(), "repr": repr(event)}
    event.model_dump_json()
    del found["essence"]  # may lack the headers, or not
    essentials = found.pop("essentials")
    keep_secret(repr(essentials))
    found |= {name: getattr(essentials, name) for name in ("stamp", "normals", "took", "guessed")}
    found["text"] = jsontext.settled(jsontext.decode(event.text))  # a reader may write 1e20 for 100000000000000000000
    return found


@lru_cache(maxsize=32)
def _names_of(cls: type[Event]) -> list[str]:
    return [name for name in dir(cls) if name[:1] != "_" and name not in _BASE] + ["text", "essence"]


def _check_message(message: UnverifiedMessage) -> None:
    """What is said of one message is complete, and it can be stored."""
    assert message.kind in KINDS
    assert (message.problem is not None) == (message.kind == "malformed")
    assert message.place.path.startswith("$")
    assert isinstance(message.text, str)
    assert bool(message.payload) <= (message.kind == "event")
    keep_secret(repr(message), str(message.problem))
    assert message.transport
    assert message.sns is None or message.sns.type
    if message.kind == "event":
        assert isinstance(jsontext.decode(message.text), dict)
        try:
            event = read_message(message)
        except PayloadError as error:
            assert error.problems
            keep_secret(str(error))
            return
        document = bson.decode(
            bson.encode(document_of(event.essentials, message, SENT)), bson.CodecOptions(tz_aware=True)
        )
        assert document["Message"] == message.text


def _check_agreement(data: bytes, told: Any, messages: list[UnverifiedMessage]) -> None:
    """`parse` finds what `unwrap` finds, and the same in bytes, in text, and in what a JSON reader made of it."""
    if isinstance(told, tuple):
        texts = [jsontext.settled(jsontext.decode(message.text)) for message in messages if _is_readable(message)]
        assert [event["text"] for event in told[0]] == texts
    else:
        assert not any(map(_is_readable, messages))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    assert tell(text) == told
    try:
        value = jsontext.decode(text)
    except ValueError:
        return
    if isinstance(value, (dict, list)):
        again = tell(value)
        assert _keys(again) == _keys(told)


def _is_readable(message: UnverifiedMessage) -> bool:
    try:
        return message.kind == "event" and bool(read_message(message))
    except PayloadError:
        return False


def _keys(told: Any) -> Any:
    return [event["key"] for event in told[0]] if isinstance(told, tuple) else told


def _check_readers(data: bytes, told: Any) -> None:
    """The extra ``fast`` makes it faster, and nothing else: no reader of JSON changes any answer."""
    for reader in (jsontext.plain_loads, _refuse):
        with reading_by(reader):
            assert tell(data) == told


def _refuse(_: str | bytes) -> Any:
    raise ValueError("leaves it to the standard library's reader")


@contextmanager
def reading_by(reader: Callable[[str | bytes], Any]) -> Iterator[None]:
    """Without the extra ``fast``."""
    fast = jsontext.fast_loads, payloads.scan
    jsontext.fast_loads = payloads.scan = reader
    try:
        yield
    finally:
        jsontext.fast_loads, payloads.scan = fast


def check_verify(body: Any, headers: Any = None) -> None:
    """A message is proven or refused; signed anew by SNS it is proven, and says what it said before."""
    settings: dict[str, Any] = {"topics": TOPIC, "certificates": testing.signer().certificates, "now": SENT}
    try:
        keep_secret(repr(verify(body, headers, **settings)))
    except (UntrustedMessage, VerifierUnavailable) as error:
        assert 400 <= error.http_status <= 503
        keep_secret(str(error), repr(error))
    try:
        claim = read_claim(body)
    except UntrustedMessage:
        return
    about: dict[str, Any] = {"topics": claim.topic.arn, "now": claim.timestamp, "max_age": None}
    signed = testing.signer().sign(claim.signed)
    if datetime(2021, 1, 1, tzinfo=timezone.utc) < claim.timestamp < datetime(2100, 1, 1, tzinfo=timezone.utc):
        try:
            proven = verify(json.dumps(signed), **settings | about)
        except UntrustedMessage as error:
            assert error.check == "certificate"  # of a partition whose certificates bear other names
        else:
            assert tell(proven) == tell(signed)


def check_jsontext(data: bytes) -> None:
    """Text is read or refused, the same by every reader; what is read can be written, and read again."""
    found = _decoded(data)
    for text in (data, data.decode("utf-8", "surrogateescape")):  # text may hold surrogates itself
        now = _decoded(text)
        for reader in (jsontext.plain_loads, _refuse):
            with reading_by(reader):
                assert _decoded(text) == now
    if not isinstance(found, Refused):
        value = found[0]
        written = jsontext.encode(value)
        assert jsontext.settled(jsontext.decode(written.encode())) == value
    try:
        text = jsontext.as_text(data)
        jsontext.storable(text).encode()
        jsontext.decode_many(text)
        with suppress(*payloads.REFUSED):  # what the fast reader refuses in its own words is read the long way
            payloads.scan(text)
    except ValueError as error:
        keep_secret(str(error))
        assert type(error) is ValueError or isinstance(error, UnicodeError)


class Refused(str):
    """The reason why a text was refused."""

    __slots__ = ()


def _decoded(text: str | bytes) -> Any:
    try:
        value = jsontext.decode(text)
    except ValueError as error:
        assert type(error) is ValueError
        keep_secret(str(error))
        return Refused(error)
    value = jsontext.settled(value)
    return value, repr(value)  # which tells 1 from 1.0 and True


def check_moment(value: object) -> None:
    """A timestamp is UTC, survives being written, and depends on nothing but its text; or it is refused."""
    found = [_moment_on(today, value) for today in (datetime(2023, 2, 28), datetime(2028, 5, 31))]  # noqa: DTZ001
    assert found[0] == found[1]
    moment = found[0]
    if moment is None:
        return
    assert moment.tzinfo is timezone.utc
    written = format_moment(moment)
    assert len(written) == 24
    assert format_moment(read_moment(written)) == written


def _moment_on(today: datetime, value: object) -> datetime | None:
    """What a timestamp is read as on a day: dateutil fills in what is missing from today's date."""
    parser = moments.dateutil_parser
    moments.dateutil_parser = SimpleNamespace(
        parse=lambda text, **settings: parser.parse(text, **{"default": today} | settings)
    )
    try:
        return read_moment(value)
    except ValueError as error:
        assert str(error) == "is not a timestamp"
        return None
    finally:
        moments.dateutil_parser = parser


def keep_secret(*words: str) -> None:
    """No address and no subject in what may be logged."""
    for word in words:
        assert MARKER not in word
        assert SUBJECT not in word
