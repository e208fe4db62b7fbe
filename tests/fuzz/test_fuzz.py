"""Arbitrary bytes, arbitrary JSON and spoiled payloads: only this library's errors, and the same answer every way.

In CI the inputs are the same in every run. ``SESEVENT_FUZZ_EXAMPLES=20000`` tries as many new ones of each.
"""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz import inputs, targets
from sesevent import testing, unwrap

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of strategies within strategies

EXAMPLES = int(os.environ.get("SESEVENT_FUZZ_EXAMPLES", "0"))


def fuzzed(in_ci: int) -> settings:
    """So many examples in CI, always the same; as many new ones as are asked for in a long run."""
    return settings(
        max_examples=EXAMPLES or in_ci,
        derandomize=not EXAMPLES,
        database=None,
        deadline=timedelta(seconds=10),
        suppress_health_check=list(HealthCheck),
    )


EVENTS = inputs.events()
SEEDS = inputs.seeds()
CORPUS = inputs.corpus_seeds()

KEYS = st.sampled_from(inputs.KEYS) | st.text(max_size=3)
TEXTS = st.text(max_size=20) | st.sampled_from(inputs.WORDS)
LEAVES = st.sampled_from(inputs.ODD) | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)
MAILS = st.dictionaries(
    st.sampled_from(["messageId", "timestamp", "source", "destination", "tags", "headers", "commonHeaders"]), VALUES
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=5)
EVENT_LIKE = st.builds(
    lambda word, name, mail, body, more: more | {"eventType": word, "mail": mail, name: body},
    TEXTS | VALUES, st.sampled_from(inputs.KEYS), MAILS | VALUES, BODIES | VALUES, st.dictionaries(KEYS, LEAVES, max_size=3),
)  # fmt: skip


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    wrapped = st.builds(lambda wrap, value: wrap(value), st.sampled_from(list(inputs.WRAPPERS.values())), inner)
    return wrapped | st.lists(inner, max_size=3)


WRAPPED = st.recursive(
    EVENT_LIKE | st.integers(0, len(EVENTS) - 1).map(lambda one: EVENTS[one]), _wrapped, max_leaves=4
)


def written(value: Any) -> bytes:
    return json.dumps(value).encode()


@fuzzed(250)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"")
@example(b"\x1f\x8b")
@example('{"mail":{}}'.encode("utf-16"))
def test_arbitrary_bytes(data: bytes) -> None:
    """Mostly no JSON at all."""
    targets.check(data)
    targets.check_jsontext(data)


@fuzzed(150)
@given(VALUES)
def test_arbitrary_json(value: Any) -> None:
    """With the names that decide how something is read."""
    targets.check(written(value))
    targets.check_jsontext(written(value))


@fuzzed(200)
@given(WRAPPED)
def test_what_looks_like_events_in_what_looks_like_wrappings(value: Any) -> None:
    """Every object of a payload of any type, in any number of wrappings."""
    targets.check(written(value))


@fuzzed(800)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_spoiled_payloads(data: bytes, chance: random.Random) -> None:
    """Of every kind, in every wrapping."""
    targets.check(inputs.spoiled(chance, data))


@pytest.mark.skipif(not CORPUS, reason="the shared corpus is not on this machine")
@fuzzed(400)
@given(st.sampled_from(CORPUS or [b""]), st.randoms(use_true_random=False))
def test_spoiled_payloads_of_the_corpus(data: bytes, chance: random.Random) -> None:
    """As AWS documents them, and public test suites hold them."""
    targets.check(inputs.spoiled(chance, data))


@pytest.mark.parametrize("some", [pytest.param(SEEDS, id="own"), pytest.param(CORPUS, id="corpus")])
def test_what_is_not_spoiled(some: list[bytes]) -> None:
    """Holds to the same rules."""
    for data in some:
        targets.check(data)
        targets.check_jsontext(data)


@pytest.mark.parametrize("value", EVENTS, ids=lambda event: event.get("eventType") or event["notificationType"])
def test_every_single_change_of_every_kind(value: Any) -> None:
    """Each thing in a payload missing, or of another type."""
    for data in inputs.single_changes(value):
        targets.check(data)


@pytest.mark.parametrize("wrapping", inputs.WRAPPERS)
def test_every_single_change_of_every_wrapping(wrapping: str) -> None:
    """Each thing around an event missing, or of another type."""
    for data in inputs.single_changes(inputs.WRAPPERS[wrapping]({"eventType": "Send", "mail": {"messageId": "m-1"}})):
        targets.check(data)


@fuzzed(200)
@given(VALUES | EVENT_LIKE)
def test_decoded_values(value: Any) -> None:
    """As a framework's JSON reader made them: with lone surrogates, NaN and numbers of any size."""
    targets.tell(value)
    for message in unwrap(value):
        targets._check_message(message)
    if isinstance(value, dict):
        targets.check_verify(value)


@fuzzed(200)
@given(
    st.sampled_from([testing.signed_notification(event) for event in inputs.events()[:3]]),
    st.randoms(use_true_random=False),
    st.lists(
        st.tuples(
            st.sampled_from(["x-amz-sns-topic-arn", "X-Amz-Sns-Message-Type"]) | st.text(), st.text() | st.binary()
        )
    ),
)
def test_spoiled_signatures(data: bytes, chance: random.Random, headers: Any) -> None:
    """What SNS signed, with changes, and any headers around it."""
    targets.check_verify(inputs.spoiled(chance, data), headers)


@fuzzed(200)
@given(
    st.one_of(
        st.text(max_size=60),
        st.integers() | st.floats() | st.booleans() | st.none() | st.datetimes(),
        st.from_regex(r"[0-9]{1,4}[-/. ]?[0-9]{1,2}[-/. ]?[0-9]{0,2}[T ]?[0-9:.]{0,12} ?([+-][0-9:]{1,6}|Z|UTC|GMT[+-][0-9]{4})?"),
        st.lists(st.sampled_from(["Mon", "Thu", "May", "Nov", "2024", "24", "1", "31", "99", "10:00", "10h", "AM", "pm", "Z", "+0100", "-25", "GMT", ",", "/", "-", "T"]))
        .map(" ".join),
    )
)  # fmt: skip
def test_moments(value: Any) -> None:
    """Whatever stands where a timestamp should."""
    targets.check_moment(value)


# ── Bounded time and memory ──────────────────────────────────────────────────────────────────


def _everything(data: bytes) -> None:
    targets.check_verify(data)
    told = targets.tell(data)
    assert told


def _seconds(work: Callable[[bytes], object], data: bytes) -> float:
    def once() -> float:
        start = time.process_time()
        work(data)
        return time.process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("name", inputs.HOSTILE)
def test_four_times_the_input_is_about_four_times_the_work(name: str) -> None:
    """Not sixteen times. What takes next to no time is not measured."""
    small, large = inputs.HOSTILE[name](16_000), inputs.HOSTILE[name](64_000)
    _everything(small)

    for _ in range(6):  # the machine may be busy with other things
        ratio = _seconds(_everything, large) / max(_seconds(_everything, small), 0.01)
        if ratio < 12:  # sixteen would be the square; the collector of garbage has a share too
            return
    raise AssertionError(f"took {ratio:.1f} times as long")


@pytest.mark.parametrize("name", inputs.HOSTILE)
def test_memory_is_a_multiple_of_the_input(name: str) -> None:
    """The worst is a list of digits, each of which becomes a message with its problem."""
    data = inputs.HOSTILE[name](40_000)
    _everything(data)

    tracemalloc.start()
    try:
        _everything(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 + 800 * len(data)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it would become, what is held of it is bounded."""
    data = inputs.bomb(64 * 2**20)
    monkeypatch.setattr("sesevent.sns.unwrap._LARGEST_UNPACKED", 2**20)

    tracemalloc.start()
    try:
        (message,) = unwrap(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message.kind == "malformed"
    assert peak < 4 * 2**20
