"""What receiving costs, against PyMongo's `insert_many` of ready documents; and the choices behind it.

Every measure is a ratio in one run: same server, same indexes, same write concern, new collections each round.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from itertools import cycle
from typing import Any

import sample
from harness import Measure, note, paired
from pymongo import AsyncMongoClient, MongoClient, WriteConcern

from sesevent import (
    AsyncEventStore,
    Certificates,
    EventStore,
    PrivacyPolicy,
    Protection,
    VerifiedMessage,
    Verifier,
    local,
    testing,
    trusted,
)
from sesevent.plans.bulk import BATCH, prepare_batch
from sesevent.privacy.pseudonyms import Key
from sesevent.storage.connection import DURABLE
from sesevent.storage.layout import COMPRESSED, EVENTS, index_models
from sesevent.testing.signing import TOPIC

BARE = "PyMongo `insert_many`, ready documents"


def taken(raws: list[bytes]) -> Iterator[VerifiedMessage]:
    """As an adapter of a guarded transport hands them over."""
    return (trusted(raw, because="made here") for raw in raws)


def documents_of(raws: list[bytes]) -> list[dict[str, Any]]:
    return prepare_batch(list(taken(raws)), 0, datetime.now(timezone.utc), True).documents


class Arena:
    """A server, and for each contender a database that is new for each of its rounds."""

    def __init__(self, uri: str, client: MongoClient[Any]) -> None:
        self.uri, self.client = uri, client

    def fresh(self, work: Callable[[], object], name: str, *, before: Callable[[], object] | None = None) -> Any:
        def run() -> None:
            work()

        def reset() -> None:
            self.client.drop_database(name)
            self.client[name].create_collection(EVENTS, **COMPRESSED)
            self.client[name][EVENTS].create_indexes(index_models(EVENTS))
            if before is not None:
                before()

        run.reset = reset  # type: ignore[attr-defined]
        return run

    def store(self, name: str) -> EventStore:
        return EventStore.connect(self.uri, database=name)

    def receive(self, raws: list[bytes], name: str = "ours", **named: Any) -> Any:
        def run() -> None:
            with self.store(name) as store:
                summary = store.receive_many(taken(raws), **named)
                assert summary.events == len(raws)

        return run

    def protected(self, raws: list[bytes], privacy: Protection) -> Any:
        def run() -> None:
            with EventStore.connect(self.uri, database="ours", privacy=privacy) as store:
                assert store.receive_many(taken(raws)).fresh == len(raws)

        return run

    def insert(
        self, documents: list[dict[str, Any]], name: str = "bare", concern: WriteConcern = DURABLE, **named: Any
    ) -> Any:
        size = named.pop("size", BATCH)

        def run() -> None:
            collection = self.client[name].get_collection(EVENTS, write_concern=concern)
            for start in range(0, len(documents), size):
                collection.insert_many(documents[start : start + size], ordered=named.get("ordered", False))

        return run


def capturing(rounds: int) -> list[Measure]:
    """The bulk path: blocking, asyncio, verified, and all of it once more."""
    raws = [sample.notification(number) for number in range(20_000)]
    documents = documents_of(raws)
    signed = _signed(12_000)
    with local.server() as uri, MongoClient[Any](uri) as client:
        arena = Arena(uri, client)
        bare = arena.fresh(arena.insert(documents), "bare")
        common = {"baseline_name": BARE, "per_round": len(raws), "rounds": max(3, rounds // 3), "speed": True}
        measures = [paired("`receive_many`", arena.fresh(arena.receive(raws), "ours"), bare, goal="≥ 0.75", **common),
                    paired("`AsyncEventStore.receive_many`", arena.fresh(_async(uri, raws), "ours"), bare, goal="≥ 0.70", **common)]  # fmt: skip
        few = arena.fresh(arena.insert(documents[: len(signed)]), "bare")
        common |= {"per_round": len(signed)}
        measures.append(
            paired(
                "`receive_many`, each signature verified",
                arena.fresh(_verified(arena, signed), "ours"),
                few,
                goal="≥ 0.5",
                **common,
            )
        )
        first = arena.fresh(arena.receive(raws), "ours")
        again = arena.fresh(arena.receive(raws), "again", before=arena.receive(raws, "again"))
        measures.append(
            paired("everything redelivered", again, first, baseline_name="its first delivery", goal="≤ 2",
                   per_round=len(raws), rounds=max(3, rounds // 3))
        )  # fmt: skip
        return measures


def protecting(rounds: int) -> list[Measure]:
    """What it costs to keep less of people than comes: pseudonyms alone, and each preset."""
    raws = [sample.notification(number) for number in range(10_000)]
    keys = [Key("2025", bytes(32))]
    alone = PrivacyPolicy.of("everything", recipients="pseudonymise", others="pseudonymise")
    ways = [("pseudonyms", alone, "≤ 1.15"), ("`transactional`", PrivacyPolicy.of("transactional"), ""),
            ("`marketing`", PrivacyPolicy.of("marketing"), "")]  # fmt: skip
    with local.server() as uri, MongoClient[Any](uri) as client:
        arena = Arena(uri, client)
        plain = arena.fresh(arena.receive(raws, "plain"), "plain")
        return [
            paired(
                f"`receive_many`, {name}",
                arena.fresh(arena.protected(raws, Protection(policy, keys)), "ours"),
                plain,
                baseline_name="the same without a policy",
                goal=goal,
                per_round=len(raws),
                rounds=max(5, rounds // 3),
            )
            for name, policy, goal in ways
        ]


def _async(uri: str, raws: list[bytes]) -> Any:
    async def main() -> None:
        async with AsyncEventStore.connect(uri, database="ours") as store:
            assert (await store.receive_many(taken(raws))).fresh == len(raws)

    return lambda: asyncio.run(main())


def _signed(number: int) -> list[bytes]:
    return [testing.signed_notification(sample.event(each), topic=TOPIC) for each in range(number)]


def _verified(arena: Arena, bodies: list[bytes]) -> Any:
    verifier = Verifier(topics=TOPIC, max_age=None, certificates=testing.signer().certificates)

    def run() -> None:
        with arena.store("ours") as store:
            assert store.receive_many(verifier.verify(body) for body in bodies).fresh == len(bodies)

    return run


# ── What it was chosen by ────────────────────────────────────────────────────────────────────


def choosing(rounds: int) -> list[Measure]:
    """Batch size, order, write concern, compressors, the key, two writers, two processes: each against what is the default."""
    raws = [sample.notification(number) for number in range(10_000)]
    documents = documents_of(raws)
    rounds = max(3, rounds // 3)
    with local.server() as uri, MongoClient[Any](uri) as client:
        arena = Arena(uri, client)

        def against(name: str, ours: Any, standard: Any, what: str) -> Measure:
            return paired(name, ours, standard, baseline_name=what, goal="", per_round=len(raws), rounds=rounds)

        standard = arena.fresh(arena.receive(raws, "standard"), "standard")
        bare = arena.fresh(arena.insert(documents), "bare")
        measures = [
            against(f"`receive_many`, batches of {size:,}", arena.fresh(arena.receive(raws, batch_size=size), "ours"), standard, f"batches of {BATCH:,}")
            for size in (100, 250, 500, 2_000)
        ]  # fmt: skip
        other = arena.insert(documents, "other", ordered=True)
        measures.append(against("insert, ordered", arena.fresh(other, "other"), bare, "unordered"))
        for concern, words in (
            (WriteConcern("majority", j=False), "majority, not journaled"),
            (WriteConcern(1), "one member"),
        ):
            other = arena.insert(documents, "other", concern)
            measures.append(against(f"insert, {words}", arena.fresh(other, "other"), bare, "majority, journaled"))
        measures.append(
            against(
                "insert, wire compressed with zlib",
                arena.fresh(_compressed(uri, documents), "other"),
                bare,
                "not compressed",
            )
        )
        measures.append(
            against(
                "insert, unique index on a string key", _string_keys(arena, documents), bare, "an ObjectId as `_id`"
            )
        )
        measures.append(
            against("insert, MongoDB's default blocks (snappy)", _snappy(arena, documents), bare, "zstd blocks")
        )
        measures.append(
            against(
                "`receive_many` in two threads, half each",
                arena.fresh(_threads(arena, raws), "ours"),
                standard,
                "in one",
            )
        )
        measures.append(
            against(
                "`receive_many` in two processes, half each",
                arena.fresh(_processes(uri, len(raws)), "ours"),
                standard,
                "in one",
            )
        )
    return measures


def _compressed(uri: str, documents: list[dict[str, Any]]) -> Any:
    client: MongoClient[Any] = MongoClient(uri, compressors="zlib")
    return Arena(uri, client).insert(documents, "other")


def _string_keys(arena: Arena, documents: list[dict[str, Any]]) -> Any:
    renamed = [document | {"_id": None, "key": str(document["_id"])} for document in documents]
    for document in renamed:
        del document["_id"]

    def work() -> None:
        for document in renamed:
            document.pop("_id", None)
        arena.insert(renamed, "other")()

    return arena.fresh(work, "other", before=lambda: arena.client["other"][EVENTS].create_index("key", unique=True))


def _snappy(arena: Arena, documents: list[dict[str, Any]]) -> Any:
    work = arena.fresh(arena.insert(documents, "other"), "other")

    def reset() -> None:
        arena.client.drop_database("other")
        arena.client["other"][EVENTS].create_indexes(index_models(EVENTS))

    work.reset = reset
    return work


def _threads(arena: Arena, raws: list[bytes]) -> Any:
    def run() -> None:
        with arena.store("ours") as store, ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda half: store.receive_many(taken(half)), (raws[::2], raws[1::2])))

    return run


def _processes(uri: str, number: int) -> Any:
    """Made before the clock starts: what a process costs to begin is paid once a day."""
    from multiprocessing import get_context

    context = get_context("spawn")
    begin, ended = [context.Barrier(3) for _ in range(2)]
    workers = [context.Process(target=_worker, args=(uri, number, half, begin, ended), daemon=True) for half in (0, 1)]
    for worker in workers:
        worker.start()

    def run() -> None:
        begin.wait()
        ended.wait()

    return run


def _worker(uri: str, number: int, half: int, begin: Any, ended: Any) -> None:
    raws = [sample.notification(each) for each in range(half, number, 2)]
    with EventStore.connect(uri, database="ours") as store:
        while True:
            begin.wait()
            store.receive_many(taken(raws))
            ended.wait()


# ── Room and memory ──────────────────────────────────────────────────────────────────────────


def weighing(rounds: int) -> list[Measure]:
    """Bytes of an event on disk, against a plain collection of the five strings with the same three indexes."""
    number = 100_000 if rounds > 3 else 20_000
    plain_indexes = [model for model in index_models(EVENTS) if model.document["name"] in ("message", "type", "time")]
    with local.server() as uri, MongoClient[Any](uri) as client, EventStore.connect(uri, database="ours") as store:
        store.ensure_indexes()
        plain = client["plain"][EVENTS]
        plain.create_indexes(plain_indexes)
        for start in range(0, number, 10_000):
            raws = [sample.notification(each) for each in range(start, start + 10_000)]
            store.receive_many(taken(raws))
            five = ("_id", "Type", "MessageId", "Subject", "Message", "Timestamp")
            plain.insert_many([{name: row[name] for name in five} for row in documents_of(raws)])
        ours, theirs = (_bytes(client, name) / number for name in ("ours", "plain"))
    ratio = ours / theirs
    return [Measure("bytes of an event on disk, indexes included", "five strings, three indexes, default blocks",
                    ratio, ratio, ratio, "≤ 1", ours, theirs, "bytes")]  # fmt: skip


def _bytes(client: MongoClient[Any], database: str) -> float:
    client.admin.command("fsync")
    told = client[database].command("collStats", EVENTS)
    return float(told["storageSize"] + told["totalIndexSize"])


def remembering(rounds: int) -> list[Measure]:
    """The process's memory at two million events against a hundred thousand: a stream has no end, memory has."""
    first, last = (100_000, 2_000_000) if rounds > 3 else (20_000, 100_000)
    raws = [sample.notification(number) for number in range(50_000)]
    seen: dict[int, float] = {}
    with local.server() as uri, EventStore.connect(uri, database="memory") as store:
        store.ensure_indexes()

        def stream() -> Iterator[VerifiedMessage]:
            for number, raw in zip(range(last), cycle(raws)):
                yield trusted(raw.replace(b"0100018f", b"%08x" % (number // len(raws))), because="made here")

        def progress(done: Any) -> None:
            for mark in (first, last):
                if done.items >= mark and mark not in seen:
                    seen[mark] = _resident()
            if done.items % 100_000 == 0:
                note(f"memory: {done.items:,} of {last:,} events, {_resident() / 2**20:.0f} MiB")

        store.receive_many(stream(), on_progress=progress)
    ratio = seen[last] / seen[first]
    return [Measure(f"memory of the process at {last:,} events", f"at {first:,}", ratio, ratio, ratio, "0.9-1.1",
                    seen[last] / 2**20, seen[first] / 2**20, "MiB")]  # fmt: skip


def _resident() -> float:
    try:
        with open("/proc/self/statm") as told:
            return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ── A webhook under load ─────────────────────────────────────────────────────────────────────


CONCURRENCY = 64


def serving(rounds: int) -> list[Measure]:
    """Our webhook, signatures verified, against a bare Starlette endpoint that does one durable `insert_one`."""
    number = 2_000
    bodies = _signed(number)
    documents = documents_of([sample.notification(each) for each in range(number)])
    with local.server() as uri, MongoClient[Any](uri) as client, Serving(uri, testing.signer().pem) as ports:
        arena = Arena(uri, client)
        took: dict[str, list[float]] = {"ours": [], "bare": []}

        def load(name: str, path_bodies: list[bytes]) -> Any:
            def run() -> None:
                took[name] += asyncio.run(_posts(ports[name], path_bodies))

            return arena.fresh(run, name)

        rows = [json.dumps(row, default=str).encode() for row in documents]
        measures = [
            paired(f"webhook, {CONCURRENCY} at once, signatures verified", load("ours", bodies), load("bare", rows),
                   baseline_name="Starlette, one durable `insert_one` a request", goal="≥ 1.5", per_round=number,
                   rounds=max(3, rounds // 3), speed=True)
        ]  # fmt: skip
    times = sorted(took["ours"])
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    measures.append(Measure("its slowest hundredth (p99)", "its median (p50)", p99 / p50, p99 / p50, p99 / p50, "< 5",
                            p99 * 1e6, p50 * 1e6, "µs each"))  # fmt: skip
    return measures


class Serving:
    """Both endpoints, each in a uvicorn of its own, in processes of their own."""

    def __init__(self, uri: str, certificate: bytes) -> None:
        self._told = uri, certificate

    def __enter__(self) -> dict[str, int]:
        from multiprocessing import get_context

        context = get_context("spawn")
        self._queue: Any = context.Queue()
        names = {"ours": _serve_ours, "bare": _serve_bare}
        self._servers = [context.Process(target=_serve, args=(make, name, *self._told, self._queue), daemon=True) for name, make in names.items()]  # fmt: skip
        for server in self._servers:
            server.start()
        return dict(self._queue.get(timeout=60) for _ in names)

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.terminate()
            server.join()


def _serve(make: Any, name: str, uri: str, certificate: bytes, ports: Any) -> None:
    import socket

    import uvicorn

    bound = socket.socket(proto=socket.IPPROTO_TCP)  # by which asyncio knows that it may switch off Nagle
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make(uri, certificate), log_level="error", access_log=False))
    threading.Timer(1.5, lambda: ports.put((name, bound.getsockname()[1]))).start()
    server.run(sockets=[bound])


def _serve_ours(uri: str, certificate: bytes) -> Any:
    from sesevent.contrib.asgi import webhook

    verifier = Verifier(topics=TOPIC, max_age=None, certificates=Certificates(lambda _: certificate))
    store = AsyncEventStore(AsyncMongoClient(uri), database="ours")
    return webhook(store, verifier=verifier, at_once=1_000)


def _serve_bare(uri: str, _: bytes) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    collection = AsyncMongoClient[Any](uri)["bare"].get_collection(EVENTS, write_concern=DURABLE)

    async def endpoint(request: Request) -> Response:
        row = json.loads(await request.body())
        await collection.insert_one(row)
        return Response(status_code=204)

    return Starlette(routes=[Route("/", endpoint, methods=["POST"])])


async def _posts(port: int, bodies: list[bytes]) -> list[float]:
    """Post every body over so many connections that stay open; returns how long each request took."""
    left, times = iter(bodies), []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in left:
            began = asyncio.get_running_loop().time()
            head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            status = await reader.readline()
            assert status.split()[1] in (b"200", b"204"), status
            length = 0
            while (line := await reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            times.append(asyncio.get_running_loop().time() - began)
        writer.close()

    gc.collect()
    await asyncio.gather(*[client() for _ in range(CONCURRENCY)])
    return times
