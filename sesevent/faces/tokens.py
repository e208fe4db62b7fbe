"""Tokens of the HTTP API: `Tokens` of an `EventStore`, `AsyncTokens` of an `AsyncEventStore`.

They add the clock and chance; the stories are told in :mod:`sesevent.plans.tokens`. A store makes them, and hands in
how it performs plans.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from sesevent.moments import read_moment
from sesevent.ops import Plan
from sesevent.plans import tokens
from sesevent.storage.tokens import NewToken, Token, scopes_of

__all__ = ["AsyncTokens", "Tokens"]


class Tokens:
    """Who may use the HTTP API: ``store.tokens``."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    def create(
        self, name: str, *, scopes: Iterable[str] = ("read",), expires: datetime | None = None, by: str = ""
    ) -> NewToken:
        """Make a token for *name*, which stands in the audit: its text is told this once, and kept nowhere.

        *scopes* are ``read``, ``read:pii``, ``suppress`` and ``admin``; *by* is who makes it. Raises
        ConfigurationError for another scope, for none, and for a time of expiry that is over.
        """
        made: NewToken = self._perform(tokens.create(*_new(name, scopes, expires, self._clock()), by))
        return made

    def list(self) -> list[Token]:
        """Every token that was made, those that are expired or revoked too."""
        found: list[Token] = self._perform(tokens.listed())
        return found

    def revoke(self, identifier: str, *, by: str = "", why: str = "") -> bool:
        """End a token by its id; False where there is none that was not ended before.

        A server notices within a few seconds.
        """
        done: bool = self._perform(tokens.revoke(identifier, by, why, self._clock()))
        return done

    def recognise(self, text: str) -> Token | None:
        """The token of this text; None where it is none, or opens nothing any more."""
        return _usable(self._perform(tokens.recognise(text)), self._clock())

    def find(self, identifier: str) -> Token | None:
        """The token of this id; None where there is none, or it opens nothing any more."""
        return _usable(self._perform(tokens.find(identifier)), self._clock())

    def sealing_key(self) -> bytes:
        """32 random bytes, the same for every process over this store: with them cursors and sessions are sealed."""
        key: bytes = self._perform(tokens.sealing_key(secrets.token_bytes(32), self._clock()))
        return key


class AsyncTokens:
    """Who may use the HTTP API: ``store.tokens``."""

    def __init__(self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime]) -> None:
        self._perform = perform
        self._clock = clock

    async def create(
        self, name: str, *, scopes: Iterable[str] = ("read",), expires: datetime | None = None, by: str = ""
    ) -> NewToken:
        """Make a token for *name*, which stands in the audit: its text is told this once, and kept nowhere.

        *scopes* are ``read``, ``read:pii``, ``suppress`` and ``admin``; *by* is who makes it. Raises
        ConfigurationError for another scope, for none, and for a time of expiry that is over.
        """
        made: NewToken = await self._perform(tokens.create(*_new(name, scopes, expires, self._clock()), by))
        return made

    async def list(self) -> list[Token]:
        """Every token that was made, those that are expired or revoked too."""
        found: list[Token] = await self._perform(tokens.listed())
        return found

    async def revoke(self, identifier: str, *, by: str = "", why: str = "") -> bool:
        """End a token by its id; False where there is none that was not ended before.

        A server notices within a few seconds.
        """
        done: bool = await self._perform(tokens.revoke(identifier, by, why, self._clock()))
        return done

    async def recognise(self, text: str) -> Token | None:
        """The token of this text; None where it is none, or opens nothing any more."""
        return _usable(await self._perform(tokens.recognise(text)), self._clock())

    async def find(self, identifier: str) -> Token | None:
        """The token of this id; None where there is none, or it opens nothing any more."""
        return _usable(await self._perform(tokens.find(identifier)), self._clock())

    async def sealing_key(self) -> bytes:
        """32 random bytes, the same for every process over this store: with them cursors and sessions are sealed."""
        key: bytes = await self._perform(tokens.sealing_key(secrets.token_bytes(32), self._clock()))
        return key


def _new(name: str, scopes: Iterable[str], expires: datetime | None, now: datetime) -> tuple[Token, str]:
    given = frozenset([scopes] if isinstance(scopes, str) else scopes)
    scopes_of(given)  # refuses what is none
    ends = None if expires is None else read_moment(expires)
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as it is kept
    return Token(secrets.token_hex(6), name, given, at, ends), secrets.token_urlsafe(32)


def _usable(token: Token | None, now: datetime) -> Token | None:
    return token if token is not None and token.usable(now) else None
