"""The benchmarks. ``python benchmarks/run.py``: every group; with names: those. ``--quick``: few rounds, for CI.

Groups: parse, receive, indexes, bounces.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import orjson
import pydantic_core
import sample
from harness import Measure, paired, report
from pymongo import MongoClient

from sesevent import EventStore, jsontext, local, parse, payloads
from sesevent.bounces import classify
from sesevent.bounces.rulebook import load_rules
from sesevent.plans.bulk import BATCH, prepare_batch
from sesevent.storage.connection import DURABLE
from sesevent.storage.layout import EVENTS, index_models


def parsing(rounds: int) -> list[Measure]:
    """A typed parse against decoding the same two JSON texts and doing nothing with them."""
    raws = [sample.notification(number) for number in range(2000)]

    def ours() -> None:
        for raw in raws:
            parse(raw)

    def untyped() -> None:
        for raw in raws:
            orjson.loads(orjson.loads(raw)["Message"])

    def without_extra() -> None:
        fast = jsontext._fast_loads, payloads._scan
        jsontext._fast_loads, payloads._scan = pydantic_core.from_json, None
        ours()
        jsontext._fast_loads, payloads._scan = fast

    common = {"baseline_name": "`orjson.loads` twice, untyped", "per_round": len(raws), "rounds": rounds}
    return [paired("typed parse of an SNS notification", ours, untyped, goal="≤ 1.5", **common),
            paired("the same without the extra `fast`", without_extra, untyped, goal="", **common)]  # fmt: skip


def receiving(rounds: int) -> list[Measure]:
    """`receive_many` against PyMongo's `insert_many` of the same documents, already built.

    Same server, indexes and write concern, new collections each round.
    """
    events = 20_000
    raws = [sample.notification(number) for number in range(events)]
    documents = prepare_batch(raws, 0, datetime.now(timezone.utc)).documents
    with local.server() as uri, MongoClient[Any](uri) as client:

        def ours() -> None:
            with EventStore.connect(uri, database="bench_ours") as store:
                assert store.receive_many(raws).fresh == events

        def bare() -> None:
            collection = client["bench_bare"].get_collection(EVENTS, write_concern=DURABLE)
            for start in range(0, events, BATCH):
                collection.insert_many(documents[start : start + BATCH], ordered=False)

        def emptied(work: Any, name: str) -> Any:
            def run() -> None:
                work()

            def reset() -> None:
                client.drop_database(name)
                client[name][EVENTS].create_indexes(index_models(EVENTS))

            run.reset = reset  # type: ignore[attr-defined]
            return run

        return [paired("`receive_many`", emptied(ours, "bench_ours"), emptied(bare, "bench_bare"),
                       baseline_name="PyMongo `insert_many`, ready documents", goal="≥ 0.5", per_round=events,
                       rounds=max(3, rounds // 3), speed=True)]  # fmt: skip


def indexing(rounds: int) -> list[Measure]:
    """What each index of the events costs an insert: ready documents, with it against without any but `_id`."""
    raws = [sample.notification(number) for number in range(10_000)]
    documents = prepare_batch(raws, 0, datetime.now(timezone.utc)).documents
    models = index_models(EVENTS)
    sets = {f"index `{model.document['name']}`": [model] for model in models[:4]} | {"all indexes": models}
    with local.server() as uri, MongoClient[Any](uri) as client:

        def inserting(indexes: Any) -> Any:
            collection = client["bench_indexes"].get_collection(EVENTS, write_concern=DURABLE)

            def run() -> None:
                for start in range(0, len(documents), BATCH):
                    collection.insert_many(documents[start : start + BATCH], ordered=False)

            def reset() -> None:
                collection.drop()
                collection.create_indexes(indexes) if indexes else collection.database.create_collection(EVENTS)

            run.reset = reset  # type: ignore[attr-defined]
            return run

        return [paired(f"insert with {name}", inserting(indexes), inserting([]), baseline_name="`_id` alone", goal="",
                       per_round=len(documents), rounds=max(3, rounds // 3)) for name, indexes in sets.items()]  # fmt: skip


def bouncing(rounds: int) -> list[Measure]:
    """`classify` against decoding the bounce's own JSON: that is what a receiver does with it anyway.

    The shared labelled rows where they are at hand, else the rules' own examples.
    """
    shared = Path(__file__).parents[2] / "shared" / "bounces" / "dev.tsv"
    if shared.exists():
        lines = [line.split("\t") for line in shared.read_text(encoding="utf-8").splitlines()[1:]]
        pairs = [(line[1] or None, line[2]) for line in lines] * 10
    else:
        pairs = [(None, text) for rule in load_rules().rules for text in rule.examples] * 10
    texts = [sample.notification(number) for number in range(len(pairs))]

    def ours() -> None:
        for status, diagnostic in pairs:
            classify(status=status, diagnostic=diagnostic)

    def plain() -> None:
        for _, diagnostic in pairs:
            set(diagnostic.lower().split())

    def decoding() -> None:
        for text in texts:
            json.loads(text)

    common = {"goal": "", "per_round": len(pairs), "rounds": rounds, "speed": True}
    return [paired("`classify`, no cache", ours, decoding, baseline_name="`json.loads` of an SNS envelope", **common),
            paired("the same", ours, plain, baseline_name="`set(text.lower().split())`", **common)]  # fmt: skip


GROUPS = {"parse": parsing, "receive": receiving, "indexes": indexing, "bounces": bouncing}

if __name__ == "__main__":
    asked = [name for name in sys.argv[1:] if not name.startswith("-")] or list(GROUPS)
    few = "--quick" in sys.argv
    report([measure for name in asked for measure in GROUPS[name](3 if few else 15)])
