"""What tests of both colours stand on: one awaitable surface for the two stores, over a server or in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sesevent import testing

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


def encrypted() -> dict[str, Any]:
    """What SESEVENT_TEST_ENCRYPTION (``shared`` or ``person``) asks for: the same tests, of stores that encrypt.

    Those that look at rows beside the store are left out then: their mark `in_clear` says why.
    """
    wanted = os.environ.get("SESEVENT_TEST_ENCRYPTION")
    if not wanted:
        return {}
    from sesevent.contrib.encryption import Encryption, LocalKey

    return {"encryption": Encryption(LocalKey(b"k" * 96), per_person=wanted == "person")}


class Face:
    """One of the two stores behind one awaitable surface, so that a test is written once for both."""

    def __init__(self, store: Any, colour: str) -> None:
        self.store, self.colour = store, colour

    async def get(self, call: Callable[[Any], Any]) -> Any:
        """Call something of the store; await or collect what it returns."""
        answer = call(self.store)
        if self.colour == "async":
            if isinstance(answer, Awaitable):
                return await answer
            if hasattr(answer, "__aiter__"):
                return [item async for item in answer]
        return list(answer) if hasattr(answer, "__next__") or type(answer).__name__ == "Results" else answer


class Stores:
    """Runs an async test body with a `Face` of one colour, over a server or in memory."""

    def __init__(self, colour: str, tables: Any, connect: Callable[[], Any]) -> None:
        self.tables = tables
        self._colour, self._connect = colour, connect

    def __call__(self, body: Callable[[Face], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            if self._colour == "sync":
                with self._connect() as store:
                    store.ensure_indexes()
                    return await body(Face(store, "sync"))
            async with self._connect() as astore:
                await astore.ensure_indexes()
                return await body(Face(astore, "async"))

        return asyncio.run(main())


def on_a_server(colour: str, request: pytest.FixtureRequest) -> Stores:
    from sesevent import AsyncEventStore, EventStore

    uri, database = request.getfixturevalue("mongodb_uri"), request.getfixturevalue("database")
    face = EventStore if colour == "sync" else AsyncEventStore
    tables = request.getfixturevalue("mongo_client")[database]
    return Stores(colour, tables, lambda: face.connect(uri, database=database, **encrypted()))


def in_memory(colour: str, request: pytest.FixtureRequest) -> Stores:
    client = testing.MemoryClient()
    make = testing.memory_store if colour == "sync" else testing.async_memory_store
    return Stores(colour, client["test"], lambda: make(client, database="test"))
