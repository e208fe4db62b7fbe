"""The store's objects as values, with links in which nobody's address stands: those are sealed.

A page that is asked for by an address would leave it in histories, bookmarks and the logs of proxies; a sealed one
tells nothing, and who may see masked addresses only can still follow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request

from sesevent.storage.codec import StoredEvent
from sesevent.web.routing import web_of
from sesevent.web.shapes import event_shape

__all__ = ["event_rows", "opened", "person"]


async def person(request: Request, address: str) -> dict[str, str]:
    """A person: the address, and where the page about it is."""
    return {"address": address, "sealed": await web_of(request).sealer.seal("recipient", address)}


async def opened(request: Request, sealed: str) -> str | None:
    """The address in a link; None where the link is none of ours."""
    found = await web_of(request).sealer.open("recipient", sealed)
    return found if isinstance(found, str) else None


_MOST_PEOPLE = 5  # that a row of a list names


async def event_rows(request: Request, events: Iterable[StoredEvent]) -> list[dict[str, Any]]:
    """Events as rows of a list."""
    rows = []
    for event in events:
        told = event_shape(event)
        named = told["recipients"][:_MOST_PEOPLE]
        told["people"] = [await person(request, address) for address in named]
        told["more_people"] = len(told["recipients"]) - len(named)
        rows.append(told)
    return rows
