"""What rollups keep of an hour or a day: for each *family*, the cells of what is told apart in it, as rows.

A family is a set of fields of a `Key`. A question is answered by the smallest that tells apart all it asks; one that no
family covers is the log's. Rows are plain data, in order, so that equal cells make equal rows. It knows nothing of
where rows are kept. Next: :mod:`sesevent.plans.rollup`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sesevent.analytics.cells import UNIQUES, Cell, Key
from sesevent.analytics.spans import Spans
from sesevent.analytics.uniques import Uniques

__all__ = [
    "DOMAINS",
    "FAMILIES",
    "MAILS",
    "MOST_ROWS",
    "Folded",
    "equal_rows",
    "family_of",
    "fold",
    "pack",
    "spread",
    "summed",
    "unpack",
]

DOMAINS: Final = "domain"
"""The family of recipients' domains, and of whose they are."""
MAILS: Final = "mail"
"""The family of everything but domains: the others but `DOMAINS` are made of it."""

FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "total": frozenset(),
    "campaign": frozenset({"campaign"}),
    "configuration_set": frozenset({"configuration_set"}),
    "source": frozenset({"source"}),
    "provider": frozenset({"provider"}),
    "ip_pool": frozenset({"ip_pool"}),
    "template": frozenset({"template"}),
    DOMAINS: frozenset({"recipient_domain", "provider"}),
    MAILS: frozenset({"campaign", "configuration_set", "source", "ip_pool", "template", "provider"}),
}
"""Name → fields that are told apart; from the smallest."""

MOST_ROWS: Final = 2000
"""Rows of a family that are kept of one hour or day. Where there are more none are, and the log is asked: a part of
them would be an answer that looks like the whole."""

Row = dict[str, Any]
Folded = dict[str, dict[Key, Cell]]
"""Family → its cells."""


def family_of(names: Iterable[str]) -> str | None:
    """The family that tells all of *names* apart, fields of a key; None where there is none."""
    asked = frozenset(names)
    return next((name for name, fields in FAMILIES.items() if asked <= fields), None)


def fold(cells: Iterable[tuple[Key, Cell]]) -> Folded:
    """Cells by full key, as the cells of every family."""
    domains: dict[Key, Cell] = {}
    mails: dict[Key, Cell] = {}
    for key, cell in cells:
        _merge(domains, _of(key, FAMILIES[DOMAINS]), cell)
        _merge(mails, _of(key, FAMILIES[MAILS]), cell)
    return spread(domains, mails)


def spread(domains: dict[Key, Cell], mails: dict[Key, Cell]) -> Folded:
    """The cells of every family, made of those of `DOMAINS` and `MAILS`."""
    folded = {"total": _added(mails, FAMILIES["total"])}
    for name, fields in FAMILIES.items():
        if name not in (DOMAINS, MAILS, "total"):
            folded[name] = _shared(mails, folded["total"], fields) or _added(mails, fields)
    return folded | {DOMAINS: domains, MAILS: mails}


def _shared(mails: dict[Key, Cell], total: dict[Key, Cell], fields: frozenset[str]) -> dict[Key, Cell] | None:
    """The cells of a family that tells nothing apart, or all: many senders have one source, or no templates.

    They are those of the total, or of the mails, and need not be added up again.
    """
    keys = [_of(key, fields) for key in mails]
    different = len(set(keys))
    if different == len(mails):
        return dict(zip(keys, mails.values(), strict=True))
    return dict(zip(keys, total.values(), strict=False)) if different == len(total) == 1 else None


def _added(mails: Mapping[Key, Cell], fields: frozenset[str]) -> dict[Key, Cell]:
    found: dict[Key, Cell] = {}
    for key, cell in mails.items():
        _merge(found, _of(key, fields), cell)
    return found


def summed(several: Iterable[Folded]) -> Folded:
    """The cells of several spans of time added up, in order."""
    domains: dict[Key, Cell] = {}
    mails: dict[Key, Cell] = {}
    for folded in several:
        for whole, name in ((domains, DOMAINS), (mails, MAILS)):
            for key, cell in folded[name].items():
                _merge(whole, key, cell)
    return spread(domains, mails)


def _of(key: Key, fields: frozenset[str]) -> Key:
    """A family's key. The simulator's mail stays apart in each, since answers leave it out."""
    kept = key.only(fields)
    return kept._replace(provider=key.provider) if key.simulated else kept


def _merge(cells: dict[Key, Cell], key: Key, cell: Cell) -> None:
    if (known := cells.get(key)) is None:
        known = cells[key] = Cell()
    known.merge(cell)


def pack(cells: Mapping[Key, Cell], known: dict[int, Row]) -> list[Row] | None:
    """The rows of a family; None where there are too many. *known* keeps those of cells that several families share."""
    return None if len(cells) > MOST_ROWS else [_row(key, cells[key], known) for key in sorted(cells)]


def unpack(rows: Iterable[Row], holds: Callable[[Key], bool] | None = None) -> list[tuple[Key, Cell]]:
    """What `pack` made; of all keys, or those for which something *holds*: the cells of others cost nothing."""
    keyed = ((Key(*row["k"]), row) for row in rows)
    return [(key, _cell(row)) for key, row in keyed if holds is None or holds(key)]


def equal_rows(one: Iterable[Row], other: Iterable[Row]) -> bool:
    """Whether the cells in them are equal: sketches are, that know the same, however they are written."""
    return unpack(one) == unpack(other)


def _row(key: Key, cell: Cell, known: dict[int, Row]) -> Row:
    if (row := known.get(id(cell))) is None:
        row = known[id(cell)] = _told(cell)
    return {"k": list(key[:-1])} | row


def _told(cell: Cell) -> Row:
    row: Row = {"c": dict(sorted(cell.counts.items()))}
    if cell.reasons:
        row["r"] = dict(sorted(cell.reasons.items()))
    for short, spans in (("t", cell.took), ("o", cell.opened_after)):
        if spans.buckets:
            row[short] = _spans(spans)
    told = {name: cell.uniques[name].packed() for name in UNIQUES if name in cell.uniques}
    return row | ({"u": told} if told else {})


def _cell(row: Row) -> Cell:
    cell = Cell()
    cell.counts = dict(row["c"])
    cell.reasons = dict(row.get("r", ()))
    cell.took, cell.opened_after = _read_spans(row.get("t", b"")), _read_spans(row.get("o", b""))
    cell.uniques = {name: Uniques.unpacked(kept) for name, kept in row.get("u", {}).items()}
    return cell


def _spans(spans: Spans) -> bytes:
    """Bucket and times, eight bytes each, least byte first."""
    flat = [number for pair in sorted(spans.buckets.items()) for number in pair]
    return struct.pack(f"<{len(flat)}Q", *flat)


def _read_spans(kept: bytes) -> Spans:
    flat = struct.unpack(f"<{len(kept) // 8}Q", kept)
    return Spans(dict(zip(flat[::2], flat[1::2], strict=True)))
