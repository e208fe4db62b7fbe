"""Where the time of the bulk path goes: ``python benchmarks/profile_bulk.py``, a table and the documentation's picture.

Each stage is timed by itself over the same events, in processor time of this process; the whole is then run against a
server, and what is left of its wall-clock time is waiting.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import bson
import sample
from capture import Arena, documents_of, taken
from pymongo import MongoClient

from sesevent import local
from sesevent.events.identity import key_of
from sesevent.plans import receive
from sesevent.plans.bulk import prepare_batch
from sesevent.plans.parse import essentials_in
from sesevent.sns.unwrap import unwrap
from sesevent.storage.codec import document_of

PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "bulk-profile.svg"
EVENTS = 10_000


def stages() -> dict[str, float]:
    """Microseconds of each stage for an event."""
    raws = [sample.notification(number) for number in range(EVENTS)]
    messages = [unwrap(raw)[0] for raw in raws]
    peel = _cost(unwrap, lambda: raws)
    now = datetime.now(timezone.utc)
    read = _cost(essentials_in, lambda: messages)
    key = _cost(key_of, lambda: map(essentials_in, messages)) - read
    build = _cost(lambda message: document_of(essentials_in(message), message, now), lambda: messages) - read - key
    prepared = _total(lambda: _prepare(raws))
    documents = documents_of(raws)
    encode = _cost(bson.encode, lambda: documents)
    whole, waited, standings = _whole(raws)
    return {
        "peel the wrapping (two JSON texts)": peel,
        "look up its essentials": read,
        "work out its key": key,
        "build the document": build,
        "the rest of preparing": max(prepared - peel - read - key - build, 0),
        "encode as BSON": encode,
        "derive standings": standings,
        "PyMongo, threads, the rest": max(whole - prepared - encode - standings, 0),
        "waiting for the server": waited,
    }


def _prepare(raws: list[bytes]) -> None:
    for start in range(0, EVENTS, 1000):
        prepare_batch(list(taken(raws[start : start + 1000])), 0, datetime.now(timezone.utc), True)


def _whole(raws: list[bytes]) -> tuple[float, float, float]:
    """Of `receive_many`: processor time, waiting, and what of the processor time standings take."""
    with local.server() as uri, MongoClient[Any](uri) as client:
        arena = Arena(uri, client)
        run = arena.fresh(arena.receive(raws, "profile"), "profile")
        told = [_timed(run) for _ in range(5)]
        kept = receive.note_facts, receive.rederive
        receive.note_facts = receive.rederive = lambda *_: iter(())  # type: ignore[assignment]
        bare = [_timed(run) for _ in range(5)]
        receive.note_facts, receive.rederive = kept
    busy, wall = (statistics.median(column) for column in zip(*told, strict=True))
    without = statistics.median(column[0] for column in bare)
    return busy, max(wall - busy, 0), max(busy - without, 0)


def _timed(run: Any) -> tuple[float, float]:
    run.reset()
    gc.collect()
    busy, wall = time.process_time(), time.perf_counter()
    run()
    return (time.process_time() - busy) / EVENTS * 1e6, (time.perf_counter() - wall) / EVENTS * 1e6


def _cost(work: Callable[[Any], object], items: Callable[[], Iterable[Any]]) -> float:
    def run() -> None:
        for item in items():
            work(item)

    return _total(run)


def _total(run: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        gc.collect()
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return statistics.median(times) / EVENTS * 1e6


# ── The picture ──────────────────────────────────────────────────────────────────────────────

COLOURS = ("#2563eb", "#3b82f6", "#60a5fa", "#93c5fd", "#bfdbfe", "#0d9488", "#f59e0b", "#a8a29e", "#e7e5e4")


def picture(costs: dict[str, float]) -> str:
    """One bar, its parts in the order of the walk, and each by name."""
    whole = sum(costs.values())
    x, bars, words = 20.0, [], []
    for place, ((name, cost), colour) in enumerate(zip(costs.items(), COLOURS, strict=True)):
        width = 720 * cost / whole
        bars.append(f'<rect x="{x:.1f}" y="40" width="{width:.1f}" height="44" fill="{colour}"/>')
        x += width
        top = 116 + 24 * place
        words += [
            f'<rect x="20" y="{top - 12}" width="14" height="14" fill="{colour}"/>',
            f'<text x="44" y="{top}">{name}</text>',
            f'<text x="740" y="{top}" text-anchor="end">{cost:.1f} µs, {100 * cost / whole:.0f} %</text>',
        ]
    height = 116 + 24 * len(costs)
    style = "text { font: 14px system-ui, sans-serif; fill: #444 } @media (prefers-color-scheme: dark) { text { fill: #ccc } }"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" role="img">\n'
        f"<title>Where the time of receive_many goes</title>\n<style>{style}</style>\n"
        f'<text x="20" y="26">receive_many: {whole:.0f} µs for an event</text>\n'
        + "\n".join(bars + words)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    found = stages()
    for name, cost in found.items():
        print(f"{name:36} {cost:6.1f} µs")
    PICTURE.write_text(picture(found), encoding="utf-8")
