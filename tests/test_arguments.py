"""A slip of a caller's is told where it is made, and never becomes a wrong answer."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

import sesevent
from sesevent import Guard, testing, trusted, trusted_each
from sesevent.errors import ConfigurationError
from sesevent.suppression.facts import Act
from sesevent.sync import EventStore


@pytest.fixture
def asked() -> Any:
    store = testing.memory_store()
    store.receive(trusted(testing.bounce(to="ann@example.com"), because="a test made it"))
    return store


AT = datetime(2024, 5, 1, tzinfo=timezone.utc)
SLIPS: dict[str, Callable[[EventStore], Any]] = {
    "an address that is None asks for nobody's events": lambda s: s.events.for_recipient(None),  # type: ignore[arg-type]
    "a message id that is None for no mail's": lambda s: s.events.by_message_id(None),  # type: ignore[arg-type]
    "nor does a timeline": lambda s: s.events.timeline(None),  # type: ignore[arg-type]
    "no type is not every type": lambda s: s.events.by_type(),
    "no reason is not every reason": lambda s: s.events.by_reason(),
    "one type is no list of letters": lambda s: s.events.find(types="Bounce"),
    "nor one reason": lambda s: s.events.find(reasons="mailbox_full"),
    "a time as text has no zone": lambda s: s.events.between("2024-05-01"),  # type: ignore[arg-type]
    "a date has no hour": lambda s: s.events.between(until=date(2024, 5, 1)),  # type: ignore[arg-type]
    "a span does not end before it begins": lambda s: s.events.between(AT, AT - timedelta(seconds=1)),
    "a reason there is none of is named": lambda s: s.events.by_reason("mailbox-full"),
    "also among others": lambda s: s.events.find(reasons=["mailbox_full", "Mailbox full"]),
    "one address is no list of letters": lambda s: list(s.suppression.check_many("ann@example.com")),
    "nor may one of them be mailed": lambda s: list(s.suppression.filter("ann@example.com")),
    "nor are they parted": lambda s: Guard(s).split("ann@example.com"),
    "nobody may be asked about": lambda s: s.suppression.check(None),  # type: ignore[arg-type]
    "nor among others": lambda s: list(s.suppression.check_many(["ben@example.org", None])),  # type: ignore[list-item]
    "nor suppressed": lambda s: s.suppression.suppress(None, by="ann"),  # type: ignore[arg-type]
    "one text is no batch": lambda s: s.receive_many(trusted_each('{"eventType":"Send"}', because="a test")),
    "nor is one mapping": lambda s: s.receive_many(trusted_each(testing.bounce(), because="a test")),
    "what is no function handles no events": lambda s: s.on(sesevent.Bounce, None),  # type: ignore[arg-type]
    "a stream that is None is no particular one": lambda s: s.suppression.check("ann@example.com", stream=None),  # type: ignore[arg-type]
    "nor is an empty one": lambda s: list(s.suppression.check_many(["ann@example.com"], stream="")),
    "nor a guard's": lambda s: Guard(s, stream=None).split(["ann@example.com"]),  # type: ignore[arg-type]
    "a tenant that is None is not everybody": lambda s: s.suppression.check("ann@example.com", tenant=None),  # type: ignore[arg-type]
    "nobody is suppressed on no stream": lambda s: s.suppression.suppress("ann@example.com", by="ben", stream=""),
    "nor for nobody": lambda s: s.suppression.unsubscribe("ann@example.com", stream="x", tenant=None),  # type: ignore[arg-type]
    "a rule there is none of is named": lambda s: list(s.suppression.list(rule="hard_bounce")),
    "in an export, too": lambda s: s.suppression.export(io.StringIO(), by="ben", rule="hard_bounce"),
    "an act there is none of is named": lambda s: s.suppression.record(
        [("ann@example.com", Act(AT, "", "unsubscribed"))]
    ),
    "an act is about one address": lambda s: s.suppression.record([("ann", Act(AT, "", "suppress"))]),
    "suppressing is signed": lambda s: s.suppression.suppress("ann@example.com", by=" "),
    "reactivating is signed": lambda s: s.suppression.reactivate("ann@example.com", by="", why="she asked"),
    "and has a reason": lambda s: s.suppression.reactivate("ann@example.com", by="ben", why=""),
    "a store is made of a client": lambda s: EventStore("mongodb://127.0.0.1"),  # type: ignore[arg-type]
    "a URI that is None is named": lambda s: EventStore.connect(None),  # type: ignore[arg-type]
    "an option there is none of is named": lambda s: EventStore.connect("mongodb://127.0.0.1:1", databse="cache"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_where_it_is_made(slip: str, asked: EventStore) -> None:
    """As a ConfigurationError, which quotes no address; and nothing is written."""
    with pytest.raises(ConfigurationError) as told:
        SLIPS[slip](asked)

    assert "ann@example.com" not in str(told.value)
    assert asked.dead_letters.count() == 0
    assert asked.suppression.check("ann@example.com").allowed is False
    if "option" in slip:
        assert "databse" in str(told.value)


def test_an_empty_answer_is_no_slip(asked: EventStore) -> None:
    """Whoever asks for nobody in particular is told of nobody."""
    assert asked.events.for_recipient("").to_list() == []
    assert asked.events.between(AT, AT).to_list() == []
    assert list(asked.suppression.check_many([])) == []
    assert [one.allowed for one in asked.suppression.check_many(dict.fromkeys(["ann@example.com"]))] == [False]


QUERIES: dict[str, Callable[[Any], Any]] = {
    "a message id that is None": lambda found: found.by_message_id(None),
    "an address that is None": lambda found: found.for_recipient(None),
    "no type at all": lambda found: found.of_type(),
    "no reason at all": lambda found: found.by_reason(),
    "a reason there is none of": lambda found: found.by_reason("mailbox-full"),
    "a time as text": lambda found: found.between("2024-05-01"),
    "a span that ends before it begins": lambda found: found.between(AT, AT - timedelta(seconds=1)),
}


@pytest.mark.parametrize("slip", QUERIES)
def test_a_query_of_mongoengine_tells_a_slip_as_well(slip: str, odm: None) -> None:
    """Where it is built, before anything is asked."""
    with pytest.raises(ConfigurationError):
        QUERIES[slip](sesevent.SesEvent.objects)


@pytest.mark.parametrize("word", ["Bounce", "bounce", "BOUNCE"])
def test_a_type_is_found_however_it_is_spelled(word: str, asked: EventStore) -> None:
    """As on the command line."""
    assert len(asked.events.by_type(word).to_list()) == 1
    assert asked.events.by_type("send").to_list() == []
