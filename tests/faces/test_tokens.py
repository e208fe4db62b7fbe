"""Tokens: made once, recognised, listed, revoked; kept as hashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from both import Face
from sesevent import ConfigurationError
from sesevent.storage.connection import utc_now


def test_a_token_is_recognised_until_it_is_revoked(with_store: Any, tables: Any) -> None:
    """And nothing that is kept could be used in its place."""

    async def body(face: Face) -> None:
        made = await face.get(lambda store: store.tokens.create("reports", scopes=["read", "read:pii"], by="ann"))
        found = await face.get(lambda store: store.tokens.recognise(made.text))

        assert (found, found.name, found.scopes) == (made.token, "reports", {"read", "read:pii"})
        assert await face.get(lambda store: store.tokens.list()) == [made.token]
        assert made.text.split("_", 2)[2] not in repr(tables["ses_token"].find({}).to_list())
        assert made.text not in repr(made)
        for wrong in (made.text[:-1], made.text[:-4] + "AAAA", "", "ses_", made.text.replace(made.token.id, "0" * 12)):
            assert await face.get(lambda store, wrong=wrong: store.tokens.recognise(wrong)) is None

        assert await face.get(lambda store: store.tokens.revoke(made.token.id, by="ann", why="lost")) is True
        assert await face.get(lambda store: store.tokens.revoke(made.token.id)) is False
        assert await face.get(lambda store: store.tokens.recognise(made.text)) is None
        assert await face.get(lambda store: store.tokens.find(made.token.id)) is None
        told = [(entry.act, entry.by, entry.why) for entry in await face.get(lambda store: store.audit.latest())]
        assert sorted(told) == [("token created", "ann", ""), ("token revoked", "ann", "lost")]

    with_store(body)


def test_a_token_that_could_open_nothing_is_not_made(with_store: Any) -> None:
    """Nor one with a scope that nobody knows, or a name that nobody could tell it by."""

    async def body(face: Face) -> None:
        for wrong in (
            {"scopes": []}, {"scopes": ["everything"]}, {"expires": utc_now() - timedelta(1)}, {"name": " "},
        ):  # fmt: skip
            told = {"name": "x"} | wrong
            with pytest.raises(ConfigurationError):
                await face.get(lambda store, told=told: store.tokens.create(told.pop("name"), **told))
        assert await face.get(lambda store: store.tokens.list()) == []

    with_store(body)


def test_the_sealing_key_is_one_for_all(with_store: Any) -> None:
    """Whoever asks first makes it; it is no token."""

    async def body(face: Face) -> None:
        first = await face.get(lambda store: store.tokens.sealing_key())

        assert (len(first), await face.get(lambda store: store.tokens.sealing_key())) == (32, first)
        assert await face.get(lambda store: store.tokens.list()) == []
        assert await face.get(lambda store: store.tokens.find("key")) is None

    with_store(body)
