"""How far things outside were read into a store, so that whoever goes on begins there.

A bookmark is written once everything before it is stored durably: one that is lost, or too old, costs
reading twice, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sesevent.ops import Plan, ask
from sesevent.storage import reads, writes

__all__ = ["read", "write"]


def read(collection: str, names: Iterable[str]) -> Plan[dict[str, str]]:
    """The bookmarks of these names that there are. *collection* is where the events are kept that were read."""
    wanted = {f"{collection} {name}": name for name in names}
    if not wanted:
        return {}
    found = yield from ask(reads.bookmarks_named(list(wanted)))
    return {wanted[document["_id"]]: document["place"] for document in found}


def write(collection: str, places: Mapping[str, str], now: datetime) -> Plan[None]:
    """Put bookmarks where these names are now."""
    if places:
        yield from ask(writes.put_bookmarks({f"{collection} {name}": place for name, place in places.items()}, now))
