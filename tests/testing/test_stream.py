"""The generated stream: what a load test and the demo are fed with."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections import Counter

from sesevent import parse, testing
from sesevent.events.identity import event_key
from sesevent.events.parse import EVENT_CLASSES


def test_equal_seeds_make_equal_streams_and_others_make_others() -> None:
    """And a longer one begins with the shorter."""
    short, long, other = (list(testing.stream(n, seed=seed)) for n, seed in ((300, 1), (600, 1), (300, 2)))

    assert short == long[:300]
    assert short != other
    assert len(long) == 600


def test_it_is_as_varied_as_life() -> None:
    """Every kind; 3 % bounces, 0.1 % complaints or so; several recipients, scripts, machines, repeats, disorder."""
    events = [parse(json.dumps(one))[0] for one in testing.stream(20_000, seed=3, mails_per_second=2)]
    kinds = Counter(event.type for event in events)
    times = [event.timestamp for event in events]

    assert set(kinds) == set(EVENT_CLASSES) - {"Received"}
    assert 0.02 < kinds["Bounce"] / len(events) < 0.04
    assert 0.0003 < kinds["Complaint"] / len(events) < 0.003
    assert any(len(event.mail.destination or ()) > 1 for event in events)
    assert any(not (event.subject or "").isascii() for event in events)
    assert any("GoogleImageProxy" in str(event.raw.get("open")) for event in events)
    assert any(event.type == "Bounce" and not event.recipients for event in events)
    repeats = len(events) - len({event_key(event) for event in events})
    assert 0.005 < repeats / len(events) < 0.02
    assert sum(later < earlier for earlier, later in itertools.pairwise(times) if earlier and later) > 1000


def test_repeats_and_lateness_can_be_chosen() -> None:
    """None of either, or many."""
    clean = [
        event_key(parse(json.dumps(one))[0]) for one in testing.stream(2000, duplicates=0, late=0, mails_per_second=1)
    ]
    doubled = [event_key(parse(json.dumps(one))[0]) for one in testing.stream(2000, duplicates=0.5, mails_per_second=1)]

    assert len(set(clean)) == len(clean)
    assert len(set(doubled)) < 0.8 * len(doubled)


def test_it_takes_no_more_memory_the_longer_it_is() -> None:
    """Endless streams are fine."""

    def peak(events: int) -> int:
        tracemalloc.start()
        for _ in testing.stream(events, seed=4, mails_per_second=0.5):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(12_000) < 2 * peak(3000)
