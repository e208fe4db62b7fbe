"""The mails of one person: `RecipientHistory` for an `EventStore`, `AsyncRecipientHistory` for an `AsyncEventStore`.

They translate the habits of iteration; the story is told in :mod:`sesevent.plans.status`. A store makes
them, and hands in how it performs plans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from sesevent import addresses
from sesevent.ops import Plan
from sesevent.plans import suppress
from sesevent.plans.status import Letter, LettersQuery, Totals, next_letters, totals
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.policy import Policy

__all__ = ["AsyncRecipientHistory", "RecipientHistory"]


class RecipientHistory:
    """The mails of one person, the newest first, fetched page by page while they are iterated; and what they came to.

    A mail stands where the first thing known of it stands, mostly its Send, so that opens of old mails move
    nothing. It can be iterated again.
    """

    def __init__(
        self, query: LettersQuery, policy: Policy, clock: Callable[[], datetime], perform: Callable[[Plan[Any]], Any]
    ) -> None:
        self._query = query
        self._policy = policy
        self._clock = clock
        self._perform = perform

    @property
    def address(self) -> str:
        """The address in normal form."""
        return self._query.normal

    def __iter__(self) -> Iterator[Letter]:
        query: LettersQuery | None = self._query
        while query is not None:
            letters, query = self._perform(next_letters(query))
            yield from letters

    def to_list(self) -> list[Letter]:
        """Every mail."""
        return list(self)

    def first(self) -> Letter | None:
        """The newest mail, if there is one."""
        return next(iter(self), None)

    def totals(self) -> Totals:
        """What these mails came to, in bounded memory; it reads all their events."""
        found: Totals = self._perform(totals(self._query))
        return found

    def decision(self, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """Whether this person may be mailed now, as ``store.suppression.check`` says."""
        plan = suppress.check_or_fail(self._policy, [self.address], stream, tenant, self._clock())
        found: Decision = next(self._perform(plan))
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {addresses.mask(self.address)}>"


class AsyncRecipientHistory:
    """The mails of one person, the newest first, fetched page by page while they are iterated; and what they came to.

    A mail stands where the first thing known of it stands, mostly its Send, so that opens of old mails move
    nothing. It can be iterated again.
    """

    def __init__(
        self,
        query: LettersQuery,
        policy: Policy,
        clock: Callable[[], datetime],
        perform: Callable[[Plan[Any]], Awaitable[Any]],
    ) -> None:
        self._query = query
        self._policy = policy
        self._clock = clock
        self._perform = perform

    @property
    def address(self) -> str:
        """The address in normal form."""
        return self._query.normal

    async def __aiter__(self) -> AsyncIterator[Letter]:
        query: LettersQuery | None = self._query
        while query is not None:
            letters, query = await self._perform(next_letters(query))
            for letter in letters:
                yield letter

    async def to_list(self) -> list[Letter]:
        """Every mail."""
        return [letter async for letter in self]

    async def first(self) -> Letter | None:
        """The newest mail, if there is one."""
        query: LettersQuery | None = self._query
        while query is not None:
            letters, query = await self._perform(next_letters(query))
            if letters:
                found: Letter = letters[0]
                return found
        return None

    async def totals(self) -> Totals:
        """What these mails came to, in bounded memory; it reads all their events."""
        found: Totals = await self._perform(totals(self._query))
        return found

    async def decision(self, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """Whether this person may be mailed now, as ``store.suppression.check`` says."""
        plan = suppress.check_or_fail(self._policy, [self.address], stream, tenant, self._clock())
        found: Decision = next(await self._perform(plan))
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {addresses.mask(self.address)}>"
