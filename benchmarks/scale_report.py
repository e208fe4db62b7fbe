"""What a folder's log comes to: one JSON document, JSON lines, and tables for people. It measures nothing.

Whether a question grows faster than its answer is told here, by two figures: what MongoDB looked at for it, which no
other load moves, and how long it took, which is given some room, since a deeper tree and a colder cache cost something.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator
from math import log10
from typing import Any, Final

from scale_load import Log

INTERVALS: Final = 20
"""Of a load, for its rate over time."""
FEW: Final = 100
"""More keys and documents than before that are no growth: one page more or less."""
NOISE: Final = 5.0
"""Milliseconds that are no growth."""


def gathered(log: Log, sizes: list[int]) -> dict[str, Any]:
    """Everything that was measured at these sizes, in one document; what was not come to yet is left out."""
    asked = {one["question"]: one for one in log.lines("asked") if one["sizes"] == sizes}
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version(),
                    "load": _middle(one.get("machine_load") for what in ("stored", "asked") for one in log.lines(what)),
                    **{name: log.lines("machine")[-1][name] for name in ("mongodb", "cache_gb")}},
        "sizes": sizes,
        "loads": [_load(log, size) for size in sizes],
        "rolled": [_rolled(log, size) for size in sizes],
        "weights": [_weight(log.lines("weighed", size)[-1]) for size in sizes],
        "questions": [one | {"grows": grows(one)} for one in asked.values()],
        "erased": [_erased(log, size) for size in sizes],
        "archived": [_archived(log, size) for size in sizes],
    }  # fmt: skip


def _load(log: Log, size: int) -> dict[str, Any]:
    chunks = log.lines("stored", size)
    events = sum(one["events"] for one in chunks)
    each = max(1, -(-len(chunks) // INTERVALS))
    return {
        "size": size, "events": events, "again": sum(one["again"] for one in chunks),
        "seconds": round(sum(one["seconds"] for one in chunks), 1),
        "rate": _rate(chunks), "rates": [_rate(chunks[at : at + each]) for at in range(0, len(chunks), each)],
        "memory_mib": max(one["memory_mib"] for one in chunks),
        "machine_load": _middle(one.get("machine_load") for one in chunks),
    }  # fmt: skip


def _rate(chunks: list[dict[str, Any]]) -> int:
    """Events that were told a second, repeats included."""
    return round(sum(one["events"] + one["again"] for one in chunks) / sum(one["seconds"] for one in chunks))


def _rolled(log: Log, size: int) -> dict[str, Any]:
    seconds = sum(one["seconds"] for one in log.lines("rolling", size))
    received = sum(one["seconds"] for one in log.lines("stored", size))
    return {"size": size, "seconds": round(seconds, 1), "times_as_fast_as_receiving": round(received / seconds, 2)}


def _weight(told: dict[str, Any]) -> dict[str, Any]:
    events = next(one for one in told["collections"] if one["collection"] == "ses_event")
    whole = sum(one["bytes"] + sum(one["indexes"].values()) for one in told["collections"])
    return {
        "size": told["size"], "events": events["rows"], "bytes_each": round(whole / events["rows"], 1),
        "documents_each": round(events["bytes"] / events["rows"], 1),
        "indexes_each": {name: round(size / events["rows"], 1) for name, size in events["indexes"].items()},
        "collections": {one["collection"]: {"rows": one["rows"], "bytes": one["bytes"], "indexes": sum(one["indexes"].values())}
                        for one in told["collections"]},
    }  # fmt: skip


def _erased(log: Log, size: int) -> dict[str, Any]:
    lines = log.lines("erased", size)
    return {"size": size, "people": len(lines), "seconds": _middle(one["seconds"] for one in lines),
            "looked": _middle(one["looked"] for one in lines)}  # fmt: skip


def _archived(log: Log, size: int) -> dict[str, Any]:
    lines = log.lines("archived", size)
    return lines[-1] | {"rate": round(lines[-1]["events"] / lines[-1]["seconds"])} if lines else {"size": size}


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 4) if known else None


# ── does it grow? ────────────────────────────────────────────────────────────────────────────


def grows(one: dict[str, Any]) -> list[str]:
    """In which ways a question grows faster than its answer from the first size to the last; none is as it should be."""
    times = one["sizes"][-1] / one["sizes"][0]
    answer = max(1.0, one["rows"][-1] / one["rows"][0]) if one["kind"] == "same" else times
    looked, took = one["looked"], one["milliseconds"]
    found = []
    if looked[-1] > 1.3 * answer * looked[0] + FEW:
        found.append("looks at more")
    room = 1 + log10(times) if one["kind"] == "same" else 1.3
    if one["ratios"][-1] > room * answer and took[-1] > took[0] + NOISE:
        found.append("takes longer")
    return found


# ── for people ───────────────────────────────────────────────────────────────────────────────


def tell(told: dict[str, Any]) -> None:
    """JSON lines on stdout, tables on stderr."""
    for name in ("loads", "rolled", "weights", "questions", "erased", "archived"):
        for one in told[name]:
            print(json.dumps({"table": name, **one}))
    for line in _tables(told):
        print(line, file=sys.stderr)


def _tables(told: dict[str, Any]) -> Iterator[str]:
    sizes = [f"{size:,}" for size in told["sizes"]]
    yield from (
        "",
        "| events | events/s | first and last interval | roll-up, times as fast | bytes an event | memory, MiB |",
    )
    yield "|---|---|---|---|---|---|"
    for load, rolled, weight in zip(told["loads"], told["rolled"], told["weights"], strict=True):
        yield (f"| {weight['events']:,} | {load['rate']:,} | {load['rates'][0]:,} … {load['rates'][-1]:,} | "
               f"{rolled['times_as_fast_as_receiving']} | {weight['bytes_each']:,} | {load['memory_mib']:,} |")  # fmt: skip
    yield from ("", f"| question | may grow as | ms at {' / '.join(sizes)} | ratio | looked at | grows faster |")
    yield "|---|---|---|---|---|---|"
    for one in told["questions"]:
        yield (f"| {one['room']}: {one['question']} | {'its answer' if one['kind'] == 'same' else 'the rows it spans'} | "
               f"{_list(one['milliseconds'])} | {one['ratios'][-1]:.2f} | {_list(one['looked'])} | "
               f"{', '.join(one['grows']) or 'no'} |")  # fmt: skip
    yield from (
        "",
        "| events | a person erased, ms | looked at | the month archived, events/s | bytes an event |",
        "|---|---|---|---|---|",
    )
    for erased, archived in zip(told["erased"], told["archived"], strict=True):
        if "events" not in archived:
            continue  # it was stopped before
        each = archived["bytes"] / archived["events"]
        yield (f"| {erased['size']:,} | {erased['seconds'] * 1e3:,.0f} | {erased['looked']:,.0f} | "
               f"{archived['rate']:,} | {each:,.0f} |")  # fmt: skip


def _list(values: Iterable[float]) -> str:
    return " / ".join(f"{value:,.0f}" if value >= 10 else f"{value:,.1f}" for value in values)
