"""Connecting on asyncio: awaited or entered."""

from __future__ import annotations

import asyncio

import pytest

from sesevent import AsyncEventStore, StoreUnavailable


def test_it_may_be_awaited_and_closed_by_hand(mongodb_uri: str, database: str) -> None:
    """For services that open at start-up and close at shut-down."""

    async def main() -> None:
        store = await AsyncEventStore.connect(mongodb_uri, database=database)
        try:
            assert await store.events.get("0" * 24) is None
        finally:
            await store.close()

    asyncio.run(main())


def test_a_store_that_cannot_connect_closes_itself() -> None:
    """Awaited or entered, the error is the same and nothing stays open."""

    async def main() -> None:
        with pytest.raises(StoreUnavailable):
            await AsyncEventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=0.3)
        with pytest.raises(StoreUnavailable):
            async with AsyncEventStore.connect("mongodb://127.0.0.1:1/", timeout_seconds=0.3):
                pass

    asyncio.run(main())
