"""How far things were read: kept beside the events, for whoever goes on."""

from __future__ import annotations

from typing import Any


def test_bookmarks_are_where_they_were_put_last(with_store: Any) -> None:
    """By name; those that were never put are not there."""

    async def body(face: Any) -> None:
        await face.get(lambda store: store.bookmarks.write({"a": "1", "b": "1"}))
        await face.get(lambda store: store.bookmarks.write({"b": "2"}))
        await face.get(lambda store: store.bookmarks.write({}))

        assert await face.get(lambda store: store.bookmarks.read(["a", "b", "c"])) == {"a": "1", "b": "2"}
        assert await face.get(lambda store: store.bookmarks.read([])) == {}

    with_store(body)
