"""What an archive consists of: parts, each with a manifest that says what is in it. Pure.

A part exists once its manifest does. The manifests of a day are numbered, and a number is given once: so of two who
archive the same day at once, one finds the number taken, and looks again. Next:
:mod:`sesevent.contrib.archive.archiver`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sesevent.errors import ArchiveError

__all__ = ["DATA", "FORMAT", "MANIFESTS", "Manifest", "data_key", "live", "manifest_key", "number_of", "read_manifest"]

FORMAT: Final = 2
"""Of manifests, and of what is in parts. 2: `row` leaves out what other columns say. All are read."""
DATA: Final = "events/"
MANIFESTS: Final = "manifests/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a part holds."""

    day: str
    """``2024-05-01``, in UTC."""
    number: int
    """Its place among the day's parts, from 1."""
    data: str
    """The key of the events."""
    kind: str
    """``parquet`` or ``ndjson``."""
    rows: int
    """Events in it."""
    size: int
    """…and bytes."""
    sha256: str
    """Of the file that `data` names."""
    first_id: str
    """The smallest id in it, as text; empty where it holds nothing."""
    last_id: str
    first_at: str
    """The time of the earliest event, as SES writes it."""
    last_at: str
    types: Mapping[str, int]
    """How many events of each type."""
    made_at: str
    replaces: tuple[int, ...] = ()
    """Parts of the same day that no longer count: this one holds what is left of them."""
    format: int = FORMAT

    def content(self) -> bytes:
        """As it is kept: JSON."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode("ascii")

    def may_hold(self, first_id: str, last_id: str) -> bool:
        """Whether ids between these two may be in it."""
        return bool(self.rows) and self.first_id <= last_id and first_id <= self.last_id


def data_key(day: str, number: int, nonce: str, kind: str) -> str:
    """Where the events of a part go: readers of partitions find the day in it."""
    return f"{DATA}day={day}/{number:06d}-{nonce}.{'parquet' if kind == 'parquet' else 'ndjson.gz'}"


def manifest_key(day: str, number: int) -> str:
    """Where its manifest goes."""
    return f"{MANIFESTS}{day}/{number:06d}.json"


def number_of(key: str) -> int:
    """The number in a key of either kind; 0 for another."""
    digits = key.rpartition("/")[2][:6]
    return int(digits) if digits.isdecimal() else 0


def read_manifest(content: bytes, key: str) -> Manifest:
    """A manifest. Raises ArchiveError for what is none, or was made by a later version."""
    try:
        told: dict[str, Any] = json.loads(content)
        told["replaces"] = tuple(told["replaces"])
        manifest = Manifest(**told)
    except (ValueError, TypeError, KeyError):
        raise ArchiveError(f"{key} is no manifest of an archive.") from None
    if manifest.format > FORMAT:
        raise ArchiveError(f"{key} was written by a later version of sesevent.")
    return manifest


def live(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Those of the manifests of a day that count."""
    found = list(manifests)
    gone = {number for manifest in found for number in manifest.replaces}
    return [manifest for manifest in found if manifest.number not in gone]
