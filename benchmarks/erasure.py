"""Erasing one person among many events, against one indexed find of the person's events; and what the list costs.

``python benchmarks/erasure.py [EVENTS] [OWN]``: among EVENTS events (100,000), people with OWN events each (200).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from sesevent import EventStore, local, testing, trusted
from sesevent.privacy.policy import PrivacyPolicy
from sesevent.privacy.protection import Protection
from sesevent.privacy.pseudonyms import Key

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
PEOPLE = 9
KEEPING = Protection(PrivacyPolicy(), keys=[Key("k", b"a secret of some bytes")])


def of_person(address: str, own: int) -> Iterator[Any]:
    """Mails to one person: each sent, delivered, opened and followed; one was complained of."""
    for number in range(own // 4):
        told: dict[str, Any] = {"to": address, "sent": START + timedelta(hours=number), "subject": f"Letter {number}"}
        yield testing.payloads.send(**told)
        yield testing.payloads.delivery(**told)
        yield testing.payloads.opened(**told)
        yield testing.payloads.complaint(**told) if number == own // 8 else testing.payloads.click(**told)


def seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def receive(store: EventStore, raws: Any) -> float:
    messages = [trusted(raw, because="a benchmark") for raw in raws]
    return seconds(lambda: store.receive_many(messages))


def erasing(store: EventStore, events: int, own: int) -> None:
    receive(store, testing.stream(events, start=START, mails_per_second=events / 3 / 86400 / 4))
    people = [f"person.{number}@gmail.com" for number in range(PEOPLE)]
    for person in people:
        receive(store, of_person(person, own))
    rows = store.client["bench"]["ses_event"]
    ratios = []
    for person in people:
        asked = {"derived.recipients": person}
        found = statistics.median([seconds(lambda asked=asked: rows.find(asked).to_list()) for _ in range(5)])
        erased = seconds(lambda person=person: store.privacy.erase(person, by="a benchmark"))
        ratios.append((erased / found, erased, found))
    ratio, erased, found = sorted(ratios)[len(ratios) // 2]
    assert rows.count_documents({"derived.recipients": {"$in": people}}) == 0
    print(
        f"one of {events:,} events' people, with {own} events: erased in {erased * 1e3:.0f} ms, found in "
        f"{found * 1e3:.1f} ms: {ratio:.1f}× ({min(ratios)[0]:.1f}-{max(ratios)[0]:.1f})"
    )


def listing(uri: str, events: int) -> None:
    """What holding what comes against the list costs, round by round."""
    ratios = []
    for number in range(3):
        raws = list(testing.stream(events, seed=number, start=START))
        took = {}
        for name, privacy in (("without", None), ("with", KEEPING)):
            with EventStore.connect(
                uri, database=f"list_{number}_{name}", timeout_seconds=120, privacy=privacy
            ) as store:
                store.ensure_indexes()
                took[name] = receive(store, raws)
                store.client.drop_database(f"list_{number}_{name}")
        ratios.append(took["with"] / took["without"])
    print(f"receive_many with keys takes {statistics.median(ratios):.2f}× ({min(ratios):.2f}-{max(ratios):.2f})")


def main(events: int, own: int) -> None:
    with local.server() as uri:
        with EventStore.connect(uri, database="bench", timeout_seconds=120, privacy=KEEPING) as store:
            store.ensure_indexes()
            erasing(store, events, own)
        listing(uri, min(events, 5_000))


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [100_000, 200][len(given) :]))
