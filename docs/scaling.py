"""The tables and the picture of the page on scale, from what a run of ``nox -s scale`` wrote (``scale.json``).

``python docs/scaling.py`` draws ``_static/scale.svg`` anew; the tables are made whenever the documentation is built.
The model's assumptions stand here, each with its reason; nothing in it is typed into the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import ceil, log10
from pathlib import Path
from typing import Any, Final, NamedTuple

HERE: Final = Path(__file__).parent
Head = tuple[str, ...]
Rows = list[tuple[str, ...]]


def measured() -> dict[str, Any]:
    """What the run wrote."""
    told: dict[str, Any] = json.loads((HERE / "explanation" / "scale.json").read_text(encoding="utf-8"))
    return told


# ── what was measured ────────────────────────────────────────────────────────────────────────


def tables() -> Iterator[tuple[str, Head, Rows]]:
    """Every table of the page: its name, its head, its rows."""
    told = measured()
    sizes = [f"{size:,}" for size in told["sizes"]]
    yield "scale_run", ("of this run", ""), _run(told)
    yield (
        "scale_loads",
        (
            "events",
            "received a second",
            "first and last twentieth",
            "rolled up, times as fast as received",
            "bytes an event on disk",
            "of them indexes",
            "memory of the process",
            "processes that wanted a core",
        ),
        _loads(told),
    )
    yield (
        "scale_questions",
        (
            "asked",
            "its cost may grow with",
            f"milliseconds at {' / '.join(sizes)}",
            "ratio",
            "keys and documents looked at",
            "grows faster",
        ),
        _questions(told),
    )
    yield "scale_indexes", ("index of `ses_event`", *(f"bytes an event at {size}" for size in sizes)), _indexes(told)
    yield (
        "scale_work",
        (
            "events",
            "a person erased, ms",
            "looked at",
            "archived a second",
            "bytes an event in the archive",
            "memory of the process",
        ),
        _work(told),
    )
    yield "scale_model", ("", *(f"{rate:,} events a second" for rate in RATES)), _model(told)
    yield (
        "scale_assumptions",
        ("name", "value", "what it is"),
        [(f"*{one.name}*", f"{one.value:,}", one.words) for one in assumptions(told)],
    )


def _run(told: dict[str, Any]) -> Rows:
    machine = told["machine"]
    shared = machine["load"] > machine["cores"] + 2
    return [
        ("sizes", ", ".join(f"{weight['events']:,} events" for weight in told["weights"])),
        (
            "machine",
            f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, MongoDB {machine['mongodb']}, "
            f"{machine['cache_gb']} GB of cache",
        ),
        (
            "how to read its rates",
            f"too low: {machine['load']:.0f} processes wanted its cores all along. No load changes what was looked at, "
            "and ratios, which are taken in turns, hardly change"
            if shared
            else "nothing else ran beside it",
        ),
    ]


def _loads(told: dict[str, Any]) -> Rows:
    return [
        (
            f"{weight['events']:,}",
            f"{load['rate']:,}",
            f"{load['rates'][0]:,} … {load['rates'][-1]:,}",
            f"{rolled['times_as_fast_as_receiving']:.1f}",
            f"{weight['bytes_each']:,.0f}",
            f"{sum(weight['indexes_each'].values()):,.0f}",
            f"{load['memory_mib']:,.0f} MiB",
            "not noted" if load["machine_load"] is None else f"{load['machine_load']:.0f}",
        )
        for load, rolled, weight in zip(told["loads"], told["rolled"], told["weights"], strict=True)
    ]


def _questions(told: dict[str, Any]) -> Rows:
    return [
        (
            f"{one['room']}: {one['question']}",
            "its answer" if one["kind"] == "same" else "the rows it spans",
            _listed(one["milliseconds"]),
            f"{one['ratios'][-1]:.2f}",
            _listed(one["looked"]),
            ", ".join(one["grows"]) or "–",
        )
        for one in told["questions"]
    ]


def _indexes(told: dict[str, Any]) -> Rows:
    names = told["weights"][-1]["indexes_each"]
    return [(f"`{name}`", *(f"{one['indexes_each'].get(name, 0):.1f}" for one in told["weights"])) for name in names]


def _work(told: dict[str, Any]) -> Rows:
    return [
        (f"{erased['size']:,}", f"{erased['seconds'] * 1e3:,.0f}", f"{erased['looked']:,.0f}", *_archive(archived))
        for erased, archived in zip(told["erased"], told["archived"], strict=True)
    ]


def _archive(told: dict[str, Any]) -> tuple[str, ...]:
    if "events" not in told:
        return "not in this run", "–", "–"
    return f"{told['rate']:,}", f"{told['bytes'] / told['events']:,.0f}", f"{told['memory_mib']:,.0f} MiB"


def _listed(values: list[float]) -> str:
    return " / ".join(f"{value:,.0f}" if value >= 10 else f"{value:,.1f}" for value in values)


# ── the model ────────────────────────────────────────────────────────────────────────────────

RATES: Final = (1_000, 10_000, 100_000)
_DAY: Final = 86_400
_GB: Final = 1e9
_MONTH: Final = 30


class Assumption(NamedTuple):
    """One number that the model is made of."""

    name: str
    value: float
    words: str


def assumptions(told: dict[str, Any]) -> list[Assumption]:
    """What is measured first, what is assumed next, prices last: replace what is not yours."""
    weight, archived = told["weights"][-1], [one for one in told["archived"] if "events" in one][-1]
    rate = told["loads"][-1]["rate"]
    return [
        Assumption("b", round(weight["documents_each"]), "bytes of an event in the collection: measured"),
        Assumption("x", round(sum(weight["indexes_each"].values())), "bytes of an event in indexes: measured"),
        Assumption(
            "h",
            round(weight["indexes_each"]["recipient"]),
            "bytes of those in the index `recipient`, the one whose entries arrive in no order: measured",
        ),
        Assumption("a", round(archived["bytes"] / archived["events"]), "bytes of an event in an archive: measured"),
        Assumption("r here", rate, "events a second that one process and one server stored in this run"),
        Assumption("r", 19_000, "the same on two cores with nothing beside it, as told on the page on performance"),
        Assumption("u", 0.5, "share of *r* that is planned for; the rest is for peaks, questions, a resync"),
        Assumption("k", 90, "days that events stay in the database before they are archived"),
        Assumption("m", 3, "members of a replica set"),
        Assumption("ram", 64, "GB of memory of a member; half of it is for what is used again and again"),
        Assumption("i", 10_000, "reads and writes a second that the disk of a member does anywhere in its files"),
        Assumption("p disk", 0.10, "price of a GB-month of disk: an example, put in your own"),
        Assumption("p cold", 0.02, "price of a GB-month of the archive: an example"),
        Assumption("p member", 300, "price of a member a month, without its disk: an example"),
        Assumption("p worker", 30, "price of a core for a worker a month: an example"),
        Assumption("p sqs", 0.40, "price of a million requests to a queue: an example; a batch of ten is one"),
    ]


def _model(told: dict[str, Any]) -> Rows:
    columns = [_column(rate, {one.name: one.value for one in assumptions(told)}) for rate in RATES]
    return [(name, *(column[name] for column in columns)) for name in columns[0]]


def _column(rate: int, of: dict[str, float]) -> dict[str, str]:
    daily = rate * _DAY
    kept = daily * of["k"]
    hot, cold = kept * (of["b"] + of["x"]) / _GB, daily * 365 * of["a"] / _GB
    by_rate, by_disk = rate / (of["r"] * of["u"]), _for_the_disk(rate, kept * of["h"] / _GB, of)
    shards = max(1, ceil(by_rate), by_disk)
    workers = ceil(rate / (of["r"] * of["u"]))
    queue = daily * _MONTH * 3 / 10 / 1e6 * of["p sqs"]  # sent, received and deleted, ten at a time but for the sending
    monthly = {
        "members": shards * of["m"] * of["p member"],
        "disk": hot * of["m"] * of["p disk"],
        "archive, after a year": cold * of["p cold"],
        "workers": workers * of["p worker"],
        "queue": queue,
    }
    return {
        "events a year": f"{daily * 365 / 1e9:,.0f} billion",
        "worker processes, ⌈rate / (*r*·*u*)⌉": f"{workers:,}",
        "shards for the rate, rate / (*r*·*u*)": f"{by_rate:,.1f}",
        "the index `recipient`, rate·*k*·*h*": f"{kept * of['h'] / _GB:,.0f} GB",
        "shards for the disks' reads and writes": f"{by_disk:,}",
        "shards": f"{shards:,}" if shards > 1 else "1: no sharding",
        "members, shards·*m*": f"{shards * of['m']:,.0f}",
        "disk of one copy, rate·*k*·(*b*+*x*)": f"{hot / 1000:,.1f} TB",
        "archived a year, rate·*a*": f"{cold / 1000:,.1f} TB",
        "all events of a year kept hot instead, one copy": f"{daily * 365 * (of['b'] + of['x']) / _GB / 1000:,.1f} TB",
        "a month costs, at the example prices": f"{sum(monthly.values()):,.0f}",
        "the largest part of it": max(monthly, key=lambda name: monthly[name]),
        "a million events cost": f"{sum(monthly.values()) / (daily * _MONTH / 1e6):.2f}",
    }


def _for_the_disk(rate: int, index: float, of: dict[str, float]) -> int:
    """The least n for which 2 · rate/n · (1 - n·(ram/2)/index) is no more than i: what is not in memory is read to be
    written, and later written."""
    shards = 1
    while 2 * rate / shards * max(0.0, 1 - shards * of["ram"] / 2 / index) > of["i"]:
        shards += 1
    return shards


# ── the picture ──────────────────────────────────────────────────────────────────────────────

_INK, _PALE, _BLUE, _GREEN, _RED = "#0f172a", "#cbd5e1", "#2563eb", "#15803d", "#b91c1c"
_ROW: Final = 19
_LEFT, _WIDE = 380, 330


def _text(x: float, y: float, words: str, size: int = 11, anchor: str = "start", weight: int = 400) -> str:
    safe = words.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{_INK}">{safe}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = _PALE, more: str = "") -> str:
    return f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{colour}" {more}/>'


def drawn(told: dict[str, Any]) -> str:
    """Each question as a dot where its cost went, and below that how fast events were received."""
    questions = told["questions"]
    times = told["sizes"][-1] / told["sizes"][0]
    top, bottom = 64, 64 + _ROW * len(questions)

    def across(ratio: float) -> float:
        return _LEFT + _WIDE * (log10(min(max(ratio, 0.5), times * 2)) - log10(0.5)) / (log10(times * 2) - log10(0.5))

    shapes = [
        _text(
            16,
            24,
            f"What {times:,.0f} times the events cost: {told['sizes'][-1]:,} against {told['sizes'][0]:,}",
            14,
            weight=600,
        )
    ]
    for mark in (m for m in (1, 2, 5, 10, 20, 50, 100) if m <= times * 2):
        shapes += [
            _line(across(mark), top - 8, across(mark), bottom, more='stroke-dasharray="2 3"' if mark != 1 else ""),
            _text(across(mark), top - 14, f"{mark}×", 11, "middle"),
        ]
    for place, one in enumerate(questions):
        y = top + _ROW * place + 8
        colour = _RED if one["grows"] else _BLUE if one["kind"] == "same" else _GREEN
        looked = max(1, one["looked"][-1]) / max(1, one["looked"][0])
        shapes += [
            _text(_LEFT - 14, y + 4, one["question"].replace("`", ""), 11, "end"),
            f'<circle cx="{across(one["ratios"][-1]):.0f}" cy="{y}" r="4" fill="{colour}"/>',
            f'<circle cx="{across(looked):.0f}" cy="{y}" r="4" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        ]
    legend = bottom + 18
    for x, colour, words in (
        (16, _BLUE, "an answer of the same size"),
        (200, _GREEN, "spans ever more rows"),
        (360, _RED, "grows faster than its answer"),
    ):
        shapes += [f'<circle cx="{x}" cy="{legend}" r="4" fill="{colour}"/>', _text(x + 10, legend + 4, words)]
    shapes.append(_text(550, legend + 4, "full: time; ring: what was looked at"))
    shapes += _rates(told, legend + 52)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {legend + 250}" role="img" font-family="sans-serif">'
    )
    return "\n".join(
        [head, "<title>What more events cost, and how fast they were received</title>", *shapes, "</svg>\n"]
    )


def _rates(told: dict[str, Any], top: int) -> list[str]:
    most, high, left, wide = max(max(load["rates"]) for load in told["loads"]), 130, 70, 620
    shapes = [_text(16, top - 12, "Events received a second, from the first to the last of a load", 14, weight=600)]
    for share in (0, 0.5, 1):
        y = top + high * (1 - share)
        shapes += [_line(left, y, left + wide, y), _text(left - 8, y + 4, f"{most * share:,.0f}", 11, "end")]
    for load, colour in zip(told["loads"], ("#93c5fd", "#3b82f6", _INK, _GREEN), strict=False):
        steps = max(1, len(load["rates"]) - 1)
        points = [
            (left + wide * place / steps, top + high * (1 - rate / most)) for place, rate in enumerate(load["rates"])
        ]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes.append(_text(points[-1][0] + 4, points[-1][1] + 4, f"{load['size']:,}", 10))
    return [*shapes, _text(left, top + high + 18, "first"), _text(left + wide, top + high + 18, "last", anchor="end")]


if __name__ == "__main__":
    (HERE / "_static" / "scale.svg").write_text(drawn(measured()), encoding="utf-8")
