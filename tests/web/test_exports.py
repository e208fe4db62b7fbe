"""Exports are as long as they are, and take no more memory than a page."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest

from sesevent.suppression.decision import Decision
from sesevent.web import create_app
from sesevent.web.access import NO_AUTH

httpx = pytest.importorskip("httpx")


class Endless:
    """A store whose list of addresses goes on for a while."""

    def __init__(self, rows: int) -> None:
        self.rows, self.suppression, self.audit = rows, self, self
        self.tokens = self

    async def list(self, **_: Any) -> Any:
        for number in range(self.rows):
            yield Decision(f"person{number}@example.com", allowed=False, rule="hard-bounce", reason="hard_bounce")

    async def note(self, *_: Any, **__: Any) -> None: ...

    async def sealing_key(self) -> bytes:
        return b"k" * 32


async def peak(rows: int, format: str) -> tuple[int, int]:  # noqa: A002
    """The most memory that an export of so many rows takes, and its length."""
    app = create_app(Endless(rows), auth=NO_AUTH)
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.sleep(3600)

    scope = {
        "type": "http", "method": "GET", "path": "/v1/suppression/export", "query_string": f"format={format}".encode(),
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "scheme": "http", "root_path": "",
        "server": ("localhost", 80), "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip
    tracemalloc.start()
    try:
        await app(scope, receive, send)
        return tracemalloc.get_traced_memory()[1], sent
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_a_long_export_takes_no_more_memory_than_a_short_one(format: str) -> None:  # noqa: A002
    """Ten times the rows, ten times the bytes, the same memory."""
    asyncio.run(peak(100, format))  # whatever is loaded once
    few, short = asyncio.run(peak(1_500, format))
    many, long = asyncio.run(peak(15_000, format))

    assert long > 9 * short > 9 * 100_000
    assert many < few * 1.3 + 300_000
