"""The benchmarks. ``python benchmarks/run.py``: every group; with names: those. ``--quick``: few rounds, for CI.

Groups: parse, peers (needs ``pip install 'django-anymail[amazon-ses]'``), verify, receive, webhook, choices, room,
memory, suppress, indexes, bounces, status, analytics, web, imports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import capture
import counting
import imports
import orjson
import pages
import sample
from capture import documents_of, taken
from harness import Measure, paired, report
from pymongo import MongoClient

from sesevent import EventStore, Verifier, jsontext, local, parse, payloads, testing
from sesevent.bounces import classify
from sesevent.bounces.rulebook import load_rules
from sesevent.plans import receive
from sesevent.plans.bulk import BATCH
from sesevent.plans.status import AT_ONCE
from sesevent.sns.origin import canonical_text, read_claim
from sesevent.sns.signature import read_certificate
from sesevent.storage.connection import DURABLE
from sesevent.storage.layout import EVENTS, SUPPRESSION, index_models
from sesevent.storage.standings import standing_fields
from sesevent.suppression.policy import DEFAULT_POLICY
from sesevent.suppression.standing import Holding, Standing
from sesevent.testing.signing import TOPIC


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
        fast = jsontext.fast_loads, payloads.scan
        jsontext.fast_loads = payloads.scan = jsontext.plain_loads
        ours()
        jsontext.fast_loads, payloads.scan = fast

    common = {"baseline_name": "`orjson.loads` twice, untyped", "per_round": len(raws), "rounds": rounds}
    return [paired("typed parse of an SNS notification", ours, untyped, goal="≤ 1.3", **common),
            paired("the same without the extra `fast`", without_extra, untyped, goal="", **common)]  # fmt: skip


def peers(rounds: int) -> list[Measure]:
    """The parse of the same requests, ready in memory, by django-anymail: what its webhook does after checking them."""
    try:
        from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
    except ImportError:
        print("peers: django-anymail is not installed", file=sys.stderr)
        return []
    from django.conf import settings
    from django.test import RequestFactory

    settings.configure(ANYMAIL={"WEBHOOK_SECRET": "user:password"})
    raws = [sample.notification(number) for number in range(1000)]
    requests = [RequestFactory().post("/", raw, content_type="text/plain; charset=UTF-8") for raw in raws]
    view = AmazonSESTrackingWebhookView()

    def ours() -> None:
        for raw in raws:
            parse(raw)

    def theirs() -> None:
        for request in requests:
            view.parse_events(request)

    def forget() -> None:
        for request in requests:
            vars(request).pop("_sns_message", None)  # kept from the round before

    theirs.reset = forget  # type: ignore[attr-defined]
    return [paired("typed parse of an SNS request", ours, theirs, baseline_name="django-anymail's parse", goal="≥ 1.5",
                   per_round=len(raws), rounds=rounds, speed=True)]  # fmt: skip


def verifying(rounds: int) -> list[Measure]:
    """`verify` with its certificate at hand, against the RSA check alone of the same signatures."""
    signer = testing.Signer()
    bodies = [signer.notification(sample.event(number)) for number in range(500)]
    verifier = Verifier(topics=TOPIC, certificates=signer.certificates, max_age=None)
    claims = [read_claim(body) for body in bodies]
    key = read_certificate(signer.pem).key
    signed = [(claim.signature, canonical_text(claim)) for claim in claims]
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    padding, digest = PKCS1v15(), SHA256()

    def ours() -> None:
        for body in bodies:
            verifier.verify(body)

    def bare() -> None:
        for signature, text in signed:
            key.verify(signature, text, padding, digest)

    return [paired("`verify`, certificate at hand", ours, bare, baseline_name="the RSA check alone", goal="≤ 1.5",
                   per_round=len(bodies), rounds=rounds)]  # fmt: skip


def suppressing(rounds: int) -> list[Measure]:
    """May I send? Against bare reads of the same documents; and what standings cost a stream with 3 % bounces."""
    listed, asked = 100_000, 1_000_000 if rounds > 3 else 100_000
    with local.server() as uri, EventStore.connect(uri, database="bench_check") as store:
        collection = store._collections[SUPPRESSION]
        for start in range(0, listed, 10_000):
            collection.insert_many([_standing(number) for number in range(start, start + 10_000)])
        some = [f"person-{number * 7 % (10 * listed)}@example.com" for number in range(2000)]

        def check() -> None:
            for address in some:
                store.suppression.check(address)

        def find_one() -> None:
            for address in some:
                collection.find_one({"_id": address})

        def people() -> Iterator[str]:
            return (f"person-{number}@example.com" for number in range(asked))

        def check_many() -> None:
            refused = sum(not decision.allowed for decision in store.suppression.check_many(people()))
            assert refused == min(listed, asked)

        def bare() -> None:
            source = people()
            while some := list(islice(source, 1000)):
                collection.find({"_id": {"$in": some}}).to_list()

        measures = [
            paired("`suppression.check`", check, find_one, baseline_name="PyMongo `find_one` by `_id`", goal="≤ 1.3",
                   per_round=len(some), rounds=rounds),
            paired(f"`check_many`, {asked:,} addresses", check_many, bare, baseline_name="bare `$in` batches of 1,000",
                   goal="≥ 0.6", per_round=asked, rounds=min(rounds, 7), speed=True),
        ]  # fmt: skip
        return [*measures, _standings_of_a_stream(uri, max(3, rounds // 2))]


def _standing(number: int) -> dict[str, Any]:
    since, address = datetime(2024, 5, 1, tzinfo=timezone.utc), f"person-{number}@example.com"
    holding = Holding("hard-bounce", "*", since, None, (f"{number:024x}",))
    return {"_id": address, "rev": 1} | standing_fields([Standing(address, DEFAULT_POLICY.version, (holding,))])


def _standings_of_a_stream(uri: str, rounds: int) -> Measure:
    raws = [sample.notification(number) for number in range(20_000)]
    with MongoClient[Any](uri) as client, EventStore.connect(uri, database="bench_standings") as store:

        def reset() -> None:
            client.drop_database("bench_standings")
            store.ensure_indexes()

        def with_standings() -> None:
            store.receive_many(taken(raws))

        def without() -> None:
            kept = receive.note_facts, receive.rederive
            receive.note_facts = receive.rederive = lambda *_: iter(())  # type: ignore[assignment]
            store.receive_many(taken(raws))
            receive.note_facts, receive.rederive = kept

        for work in (with_standings, without):
            work.reset = reset  # type: ignore[attr-defined]
        return paired("`receive_many`, standings included", with_standings, without, baseline_name="the same without standings",
                      goal="≤ 1.15", per_round=len(raws), rounds=rounds)  # fmt: skip


def indexing(rounds: int) -> list[Measure]:
    """What each index of the events costs an insert: ready documents, with it against without any but `_id`."""
    raws = [sample.notification(number) for number in range(10_000)]
    documents = documents_of(raws)
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


def statuses(rounds: int) -> list[Measure]:
    """What became of a mail, against one indexed find of its rows, sorted and fetched, that works nothing out."""
    mails = [
        {"to": f"p{n}@example.com", "message_id": f"0100018f{n:08x}-6f1c8a52-1d0e-4b57-9d4b-{n:012x}-000000"}
        for n in range(4000)
    ]
    kinds = (testing.send, testing.delivery, testing.opened, testing.click)
    asked = [mail["message_id"] for mail in mails[:500]]
    with (
        local.server() as uri,
        MongoClient[Any](uri, tz_aware=True) as client,
        EventStore.connect(uri, database="bench_status") as store,
    ):
        store.ensure_indexes()
        store.receive_many(taken([made(**mail) for mail in mails for made in kinds]))
        rows = client["bench_status"][EVENTS]

        def one_by_one() -> None:
            for message_id in asked:
                store.status(message_id)

        def together() -> None:
            for _ in store.status_many(asked):
                pass

        def found() -> None:
            for message_id in asked:
                rows.find({"MessageId": message_id}).sort([("Timestamp", 1), ("_id", 1)]).to_list()

        def found_together() -> None:
            for start in range(0, len(asked), AT_ONCE):
                rows.find({"MessageId": {"$in": asked[start : start + AT_ONCE]}}).to_list()

        common = {"per_round": len(asked), "rounds": rounds}
        return [paired("`status` of a mail with four events", one_by_one, found, baseline_name="`find` of its rows, sorted", goal="≤ 2", **common),
                paired("`status_many`, each", together, found, baseline_name="the same", goal="", **common),
                paired("the same", together, found_together, baseline_name="`find` of a hundred mails' rows at once", goal="", **common)]  # fmt: skip


GROUPS = {
    "parse": parsing, "peers": peers, "verify": verifying, "receive": capture.capturing,
    "webhook": capture.serving, "choices": capture.choosing, "room": capture.weighing, "memory": capture.remembering,
    "suppress": suppressing, "indexes": indexing, "bounces": bouncing, "status": statuses, "web": pages.serving,
    "analytics": counting.counting, "privacy": capture.protecting,
    "imports": imports.imports,
}  # fmt: skip

if __name__ == "__main__":
    asked = [name for name in sys.argv[1:] if not name.startswith("-")] or list(GROUPS)
    few = "--quick" in sys.argv
    report([measure for name in asked for measure in GROUPS[name](3 if few else 15)])
