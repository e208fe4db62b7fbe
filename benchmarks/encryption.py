"""What encryption costs: ``python benchmarks/encryption.py [EVENTS] [ROUNDS]``.

`receive_many` of the same traffic, in turns: in the clear; with one key for all; with a key for each person (the
store's keys are there already in the second row of these, and are made in the third); and reading it again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from capture import taken
from counting import events
from harness import paired, report
from pymongo import MongoClient

from sesevent import EventStore, local
from sesevent.contrib.encryption import Encryption, LocalKey
from sesevent.storage.layout import KEYS


def main(number: int = 5_000, rounds: int = 5) -> None:
    master = LocalKey.new()
    raws = list(taken(list(events(number))))
    with local.server() as uri, MongoClient(uri) as client:
        clear = _store(uri, "clear")
        shared = _store(uri, "shared", encryption=Encryption(master))
        person = _store(uri, "person", encryption=Encryption(master, per_person=True))
        plain = _receive(client, clear, raws)
        common: dict[str, Any] = {"per_round": number, "rounds": rounds}
        against = {"baseline_name": "`receive_many` in the clear", "goal": "≤ 2.5"}
        measures = [
            paired("encrypted, one key for all", _receive(client, shared, raws), plain, **against, **common),
            paired("encrypted, people's keys known", _receive(client, person, raws), plain, **against, **common),
            paired("encrypted, people's keys made", _receive(client, person, raws, KEYS), plain, **against, **common),
            paired("reading, people's keys", _read(person), _read(clear), baseline_name="reading in the clear",
                   goal="", **common),
        ]  # fmt: skip
        report(measures)


def _store(uri: str, name: str, **more: Any) -> EventStore:
    store = EventStore.connect(uri, database=name, timeout_seconds=120, **more)
    store.ensure_indexes()
    return store


def _receive(client: MongoClient[Any], store: EventStore, raws: Any, *also: str) -> Any:
    name = store.events._collections["ses_event"].database.name

    def receive() -> None:
        assert store.receive_many(raws).fresh

    def empty() -> None:
        for one in ("ses_event", "ses_suppression", "ses_suppression_act"):
            client[name][one].delete_many({})
        if also:
            client[name][KEYS].delete_many({"keyAltNames": {"$gte": "person:", "$lt": "person;"}})
            if (seals := store.events._collections.get("seals")) is not None:
                seals.known = None

    receive.reset = empty  # type: ignore[attr-defined]
    return receive


def _read(store: EventStore) -> Any:
    return lambda: [event.document for event in store.events.between()]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
