"""The driver and the face for asyncio: `AsyncEventStore`.

The driver awaits what a plan yields; a face's method is one statement. Its twin, with the same
names, parameters and docstrings, is :mod:`sesevent.sync`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import BulkWriteError, PyMongoError

from sesevent.errors import StoreError
from sesevent.ops import Plan
from sesevent.plans import acts, audit, bulk, dead_letters, doctor, lists, read, reclassify, ses_list, suppress
from sesevent.plans import receive as receiving
from sesevent.plans.acts import Change, History, Rebuilt
from sesevent.plans.dead_letters import Retried
from sesevent.plans.lists import Imported
from sesevent.plans.receive import Receipt, Summary
from sesevent.plans.reclassify import Reclassified
from sesevent.plans.ses_list import Ours
from sesevent.sns.trust import VerifiedMessage
from sesevent.storage import reads
from sesevent.storage.codec import StoredEvent
from sesevent.storage.connection import DURABLE, client_options, collections_of, utc_now, within
from sesevent.storage.failures import translate
from sesevent.storage.layout import EVENTS
from sesevent.storage.reads import Cursor
from sesevent.storage.records import AuditEntry, DeadLetter
from sesevent.suppression import files
from sesevent.suppression.decision import Decision, decide_without_store
from sesevent.suppression.facts import ALL_STREAMS, Act
from sesevent.suppression.files import Exported, Source, Target
from sesevent.suppression.policy import DEFAULT_POLICY, Policy

__all__ = [
    "AsyncDeadLetters", "AsyncEventRepository", "AsyncEventStore", "AsyncResults", "AsyncSuppressionList", "Connecting",
]  # fmt: skip

R = TypeVar("R")
T = TypeVar("T")


async def perform(plan: Plan[R], collections: dict[str, Any]) -> R:
    """Drive a plan to its result. An operation's error is raised inside the plan, translated."""
    with closing(plan):
        try:
            operation = next(plan)
            while True:
                try:
                    outcome = await operation.start(collections)
                except BulkWriteError as error:
                    outcome = error  # no failure yet: the operation knows which refusals it expects
                except PyMongoError as error:
                    operation = plan.throw(translate(error))
                    continue
                operation = plan.send(operation.finish(outcome))
        except StopIteration as done:
            result: R = done.value
            return result


class AsyncResults:
    """An answer that is fetched page by page while it is iterated; it can be iterated again."""

    def __init__(self, collections: dict[str, Any], query: reads.EventQuery) -> None:
        self._collections = collections
        self._query = query

    async def __aiter__(self) -> AsyncIterator[StoredEvent]:
        query: reads.EventQuery | None = self._query
        while query is not None:
            page = await perform(read.next_page(query), self._collections)
            for event in page.events:
                yield event
            query = page.rest

    async def to_list(self) -> list[StoredEvent]:
        """Every row of the answer."""
        return [event async for event in self]

    async def first(self) -> StoredEvent | None:
        """The first row of the answer, if there is one."""
        return next(iter((await perform(read.next_page(self._query, 1), self._collections)).events), None)


class AsyncEventRepository:
    """The stored events: ``store.events``.

    Answers are ordered by event time; *since* is included, *until* is not. *after* takes the
    ``cursor`` of the last row seen and continues behind it.
    """

    def __init__(self, collections: dict[str, Any]) -> None:
        self._collections = collections

    async def get(self, identifier: str | bytes | ObjectId) -> StoredEvent | None:
        """One event by the key it is stored under, or None."""
        return await perform(read.get(identifier), self._collections)

    def by_message_id(
        self,
        message_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Events of one mail, by SES's message id."""
        return self.find(
            message_id=message_id, since=since, until=until, newest_first=newest_first, limit=limit, after=after
        )

    def by_type(
        self,
        *types: str,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Events of these types, in SES's own words, such as ``Bounce`` and ``Rendering Failure``."""
        return self.find(types=types, since=since, until=until, newest_first=newest_first, limit=limit, after=after)

    def between(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Events that happened at or after *since* and before *until*."""
        return self.find(since=since, until=until, newest_first=newest_first, limit=limit, after=after)

    def for_recipient(
        self,
        address: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Events that concern this person, however the address is spelled."""
        return self.find(
            recipient=address, since=since, until=until, newest_first=newest_first, limit=limit, after=after
        )

    def by_reason(
        self,
        *reasons: str,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Bounces for these reasons, in the words of `sesevent.bounces`, such as ``mailbox_full``."""
        return self.find(reasons=reasons, since=since, until=until, newest_first=newest_first, limit=limit, after=after)

    def find(
        self,
        *,
        message_id: str | None = None,
        types: Iterable[str] = (),
        reasons: Iterable[str] = (),
        recipient: str | None = None,
        tag: tuple[str, str | None] | None = None,
        configuration_set: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> AsyncResults:
        """Events for which everything that is given holds."""
        filters = reads.filters(message_id, types, reasons, recipient, tag, configuration_set)
        query = reads.event_query(
            *filters, since=since, until=until, newest_first=newest_first, limit=limit, after=after
        )
        return AsyncResults(self._collections, query)

    async def timeline(self, message_id: str) -> list[StoredEvent]:
        """Everything that happened to one mail, in order; an event kept in two rows stands there once."""
        return await perform(read.timeline(message_id), self._collections)


class AsyncSuppressionList:
    """May I send? ``store.suppression``."""

    def __init__(self, collections: dict[str, Any], policy: Policy, clock: Callable[[], datetime]) -> None:
        self._collections = collections
        self._policy = policy
        self._clock = clock

    async def check(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """Whether an address, however it is spelled, may be mailed on *stream* (`*`: of no particular stream).

        Where the database cannot be asked the policy decides, and the decision says so (`Decision.failed`).
        """
        return next(await self._decide([address], stream, tenant))

    async def check_many(
        self, addresses: Iterable[str] | AsyncIterable[str], *, stream: str = ALL_STREAMS, tenant: str = ""
    ) -> AsyncIterator[Decision]:
        """A decision for each address, in order; fetched a thousand at a time, in constant memory."""
        async for some in _batches(addresses, suppress.CHECKED_AT_ONCE):
            for decision in await self._decide(some, stream, tenant):
                yield decision

    async def filter(
        self, addresses: Iterable[str] | AsyncIterable[str], *, stream: str = ALL_STREAMS, tenant: str = ""
    ) -> AsyncIterator[str]:
        """Those of *addresses* that may be mailed, as they are spelled, in order and in constant memory."""
        async for some in _batches(addresses, suppress.CHECKED_AT_ONCE):
            decisions = await self._decide(some, stream, tenant)
            for address, decision in zip(some, decisions, strict=True):
                if decision.allowed:
                    yield address

    async def suppress(
        self,
        address: str,
        *,
        by: str,
        note: str = "",
        stream: str = ALL_STREAMS,
        until: datetime | None = None,
        origin: str = "api",
        tenant: str = "",
    ) -> Decision:
        """Put an address on the list by hand, on one stream or all: who says so, why, and until when."""
        act = Act(self._clock(), "", "suppress", stream, origin, by, note, until, tenant)
        return await self._say(address, act)

    async def unsubscribe(
        self, address: str, *, stream: str, origin: str = "one-click", by: str = "", note: str = "", tenant: str = ""
    ) -> Decision:
        """Write down that a person unsubscribed from a stream, such as by one click (RFC 8058)."""
        return await self._say(address, Act(self._clock(), "", "unsubscribe", stream, origin, by, note, tenant=tenant))

    async def resubscribe(
        self, address: str, *, stream: str, origin: str = "api", by: str = "", note: str = "", tenant: str = ""
    ) -> Decision:
        """Write down that a person asked to be mailed on a stream again."""
        return await self._say(address, Act(self._clock(), "", "resubscribe", stream, origin, by, note, tenant=tenant))

    async def reactivate(
        self,
        address: str,
        *,
        by: str,
        why: str,
        stream: str = ALL_STREAMS,
        override: bool = False,
        origin: str = "api",
        tenant: str = "",
    ) -> Decision:
        """Let an address be mailed again, on one stream or all: who says so, and why. Nothing is erased.

        What happened until now is answered; what happens later counts again. Complaints and
        unsubscriptions are the person's own word: raises ConfigurationError for them, unless *override*.
        """
        act = Act(self._clock(), "", "reactivate", stream, origin, by, why, tenant=tenant, override=override)
        return await perform(acts.reactivate(self._policy, address, act), self._collections)

    def stream_for(self, configuration_set: str = "", tags: Mapping[str, str] = MappingProxyType({})) -> str:
        """The stream of a mail with this configuration set and these message tags, by the policy."""
        return self._policy.stream_for(configuration_set, tags)

    async def record(
        self,
        said: Iterable[tuple[str, Act]] | AsyncIterable[tuple[str, Act]],
        *,
        on_progress: Callable[[int], object] | None = None,
    ) -> int:
        """Write down many acts about addresses, in constant memory; returns how many standings changed.

        *on_progress* is told the number of acts after each page of five hundred.
        """
        done = changed = 0
        async for some in _batches(said, acts.PAGE):
            changed += len(await perform(acts.say(self._policy, some), self._collections))
            done += len(some)
            if on_progress is not None:
                on_progress(done)
        return changed

    async def list(
        self,
        *,
        rule: str | None = None,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        limit: int | None = None,
        after: str | None = None,
    ) -> AsyncIterator[Decision]:
        """Whom one may not mail now, by address, lazily. *after* continues behind an address."""
        left = limit
        while left is None or left > 0:
            plan = acts.listed(self._policy, after, acts.PAGE, rule, stream, tenant, self._clock())
            found, after = await perform(plan, self._collections)
            for decision in found[:left]:
                yield decision
            left = None if left is None else left - len(found)
            if after is None:
                return

    async def import_(
        self,
        file: Source,
        *,
        by: str,
        stream: str = ALL_STREAMS,
        note: str = "",
        until: datetime | None = None,
        tenant: str = "",
        format: str | None = None,  # noqa: A002  # the word for it
        on_progress: Callable[[Imported], object] | None = None,
    ) -> Imported:
        """Put the addresses of a list on the list, in constant memory. A line that is not understood is reported.

        *file* is a path, an open file of text or bytes, or lines. It is CSV (with a header, or
        ``address,REASON`` as Amazon SES imports it), JSON lines, or an address on each line; which of
        them is seen, unless *format* (``csv``, ``jsonl``, ``ses``, ``plain``) says so. A row's own stream,
        reason, note, date, end, author and tenant go before those given here.

        Safe to repeat: equal rows are written down once, so after a failure import the file again. Who was
        reactivated meanwhile stays so, unless a row has a later date, or says something else.
        """
        like = Act(self._clock(), "", "suppress", stream, "import", by, note, until, tenant)
        whole = Imported()
        with files.opened(file) as lines:
            rows = files.read(lines, like, format)
            async for some in _batches(rows, acts.PAGE):
                whole += await perform(lists.take(self._policy, some), self._collections)
                if on_progress is not None:
                    on_progress(whole)
        return whole

    async def export(
        self,
        file: Target,
        *,
        format: str = "csv",  # noqa: A002  # the word for it
        rule: str | None = None,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        on_progress: Callable[[int], object] | None = None,
    ) -> Exported:
        """Write whom one may not mail now to a file, by address, in constant memory.

        *file* is a path, which is replaced when all is written, or an open file of text or bytes.
        Formats: ``csv``, in which no spreadsheet finds a formula; ``jsonl``, everything about a decision on
        a line; ``ses``, what Amazon SES imports, which knows hard bounces and complaints only: the others
        are skipped and counted. The first two can be imported again. *on_progress* is told the number of decisions
        after each five hundred.
        """
        with files.exporting(file, format, on_progress) as export:
            async for decision in self.list(rule=rule, stream=stream, tenant=tenant):
                export.add(decision)
        return export.done

    async def history(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> History:
        """Everything known of an address, and what was decided from it over time."""
        return await perform(acts.history(self._policy, address, stream, tenant, self._clock()), self._collections)

    async def mirrored(self, region: str, addresses: Sequence[str] | None = None) -> AsyncIterator[Ours]:
        """What is known of each address, as far as SES's own list of *region* can be compared with it, lazily.

        Of all addresses, or of some thousand *addresses* at most. What concerns one tenant only is left out.
        An address may be told twice, and one of which there is nothing to say is not told.
        """
        if addresses is not None:
            plan = ses_list.told_of(self._policy, addresses, region, self._clock())
            for ours in await perform(plan, self._collections):
                yield ours
            return
        for read_next in (ses_list.next_standing, ses_list.next_spoken_of):
            place: str | None = None
            while True:
                page = read_next(self._policy, place, acts.PAGE, region, self._clock())
                found, place = await perform(page, self._collections)
                for ours in found:
                    yield ours
                if place is None:
                    break

    async def rebuild(self, *, on_progress: Callable[[Rebuilt], object] | None = None) -> Rebuilt:
        """Derive every standing again from the events and acts. Safe while others write, and to run again.

        Needed after a change of policy; else nothing should change. *on_progress* is called after each page.
        """
        whole = Rebuilt()
        for derive in (acts.rebuild_events, acts.rebuild_acts, acts.rebuild_standings):
            place: Any = None
            while True:
                page, place = await perform(derive(self._policy, place), self._collections)
                whole += page
                if on_progress is not None:
                    on_progress(whole)
                if place is None:
                    break
        return whole

    async def simulate(
        self,
        policy: Policy,
        *,
        since: datetime | None = None,
        streams: Collection[str] = (ALL_STREAMS, "transactional", "marketing"),
        on_progress: Callable[[int], object] | None = None,
    ) -> AsyncIterator[Change]:
        """For whom another policy would decide otherwise, on which streams. Nothing is changed.

        Looked at are those of whom something was said or happened *since* a time, with each of their
        tenants. *on_progress* is told how many of these acts and facts were looked at.
        """
        place: str | None = None
        done, told = 0, set[tuple[str, ...]]()
        while True:
            plan = acts.simulate_page(self._policy, policy, streams, since, place, self._clock())
            changes, place, looked_at = await perform(plan, self._collections)
            for change in changes:
                if change[:3] not in told:
                    told.add(change[:3])
                    yield change
            done += looked_at
            if on_progress is not None:
                on_progress(done)
            if place is None:
                break

    async def _say(self, address: str, act: Act) -> Decision:
        return await perform(acts.say_of_one(self._policy, address, act), self._collections)

    async def _decide(self, addresses: Sequence[str], stream: str, tenant: str) -> Iterator[Decision]:
        plan = suppress.check(self._policy, addresses, stream, tenant, self._clock())
        try:
            return await perform(plan, self._collections)
        except StoreError:
            return iter([decide_without_store(self._policy, address, stream) for address in addresses])


class AsyncDeadLetters:
    """What could not be understood: ``store.dead_letters``."""

    def __init__(self, collections: dict[str, Any], policy: Policy) -> None:
        self._collections = collections
        self._policy = policy

    async def list(self, *, limit: int = 100) -> list[DeadLetter]:
        """Those that arrived last, the latest first, without their content."""
        return await perform(dead_letters.latest(limit), self._collections)

    async def count(self) -> int:
        """How many there are."""
        return await perform(dead_letters.count(), self._collections)

    async def get(self, identifier: str) -> DeadLetter | None:
        """One, with its content; None where there is none of this id."""
        return await perform(dead_letters.get(identifier), self._collections)

    async def retry(self, *identifiers: str, on_progress: Callable[[Retried], object] | None = None) -> Retried:
        """Try these again, or, where none is named, all: worth it after an upgrade.

        What is understood now is stored with the facts of its first arrival, and is no dead letter
        any more. *on_progress* is called after each page of fifty.
        """
        if identifiers:
            return await perform(dead_letters.retry_these(self._policy, identifiers), self._collections)
        whole = Retried()
        while True:
            page = await perform(dead_letters.retry_next(self._policy, whole.last), self._collections)
            if not page.tried:
                return whole
            whole += page
            if on_progress is not None:
                on_progress(whole)

    async def purge(self, *identifiers: str, before: datetime | None = None, everything: bool = False) -> int:
        """Forget these, those that last arrived before a time, or all; returns how many.

        Raises ConfigurationError where it is not said which, or said twice.
        """
        return await perform(dead_letters.purge(identifiers, before, everything), self._collections)


class AsyncEventStore:
    """The store for asyncio. Made by `AsyncEventStore.connect`; safe to share between tasks of one loop.

    Its twin for blocking code is `EventStore`.
    """

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        *,
        database: str | None = None,
        collection: str = EVENTS,
        write_concern: WriteConcern = DURABLE,
        policy: Policy = DEFAULT_POLICY,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.client = client
        self._collections = collections_of(client, database, collection, write_concern)
        self._policy = policy
        self._clock = clock
        self.events = AsyncEventRepository(self._collections)
        self.suppression = AsyncSuppressionList(self._collections, policy, clock)
        self.dead_letters = AsyncDeadLetters(self._collections, policy)

    @classmethod
    def connect(
        cls,
        uri: str,
        *,
        database: str | None = None,
        collection: str = EVENTS,
        timeout_seconds: float = 10.0,
        write_concern: WriteConcern = DURABLE,
        policy: Policy = DEFAULT_POLICY,
        clock: Callable[[], datetime] = utc_now,
        **options: Any,
    ) -> Connecting:
        """Connect to MongoDB and make sure that it answers.

        *database* defaults to the URI's, then to ``cache``. *collection* is where events are
        kept; a Mongoose application may use ``ses_events``. No call takes longer than
        *timeout_seconds*. Writes are acknowledged by a majority and journaled unless
        *write_concern* says otherwise. Further *options* go to PyMongo's client.

        Raises ConfigurationError for a wrong URI, wrong credentials or too old a server, and
        StoreUnavailable where none answers in time.
        """
        try:
            client: AsyncMongoClient[Any] = AsyncMongoClient(uri, **client_options(uri, timeout_seconds, options))
        except (PyMongoError, ValueError) as error:
            raise translate(error) from error
        store = cls(
            client, database=database, collection=collection, write_concern=write_concern, policy=policy, clock=clock
        )
        return Connecting(store)

    async def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> Receipt:
        """Receive one thing: store every event in it that is not stored yet, and derive suppression.

        *message* is what `sesevent.verify` proved, or what `sesevent.trusted` vouches for. It
        returns only after a durable write: then, and not before, it may be acknowledged.
        *timeout_seconds* bounds all of it together.

        Raises PayloadError where something in it cannot be understood: that is a dead letter now,
        and what can be understood is stored, so this too may be acknowledged. Raises
        StoreUnavailable where MongoDB cannot be reached, and ConfigurationError for bytes that
        nobody vouches for.
        """
        with within(timeout_seconds):
            return await perform(receiving.receive(self._policy, message, self._clock()), self._collections)

    async def receive_many(
        self,
        items: Iterable[VerifiedMessage] | AsyncIterable[VerifiedMessage],
        *,
        on_progress: Callable[[Summary], object] | None = None,
        batch_size: int = bulk.BATCH,
        dead_letters: bool = True,
    ) -> Summary:
        """Receive many things, in constant memory: the next batch is read while one is stored.

        A bad item never sinks the others: it becomes a dead letter, unless *dead_letters* is off,
        and is told in the summary's ``problems``. *on_progress* is called after each stored batch.

        Raises StoreUnavailable where MongoDB cannot be reached; what came before is stored, and it
        is safe to hand in everything again.
        """
        summary = Summary()
        pending: deque[asyncio.Task[Summary]] = deque()
        try:
            taken = 0
            async for some in _batches(items, batch_size):
                batch = bulk.prepare_batch(some, taken, self._clock(), dead_letters)
                taken += batch.items
                plan = bulk.store_batch(self._policy, batch)
                pending.append(asyncio.create_task(perform(plan, self._collections)))
                await asyncio.sleep(0)  # lets the write go out before the next batch is read
                while len(pending) >= bulk.IN_FLIGHT:
                    await _settle(pending, summary, on_progress)
            while pending:
                await _settle(pending, summary, on_progress)
        finally:
            # After a failure: what was begun ends before the store may be closed, and counts for nothing, for whoever
            # is told a number of items takes it that all before are stored.
            await asyncio.gather(*pending, return_exceptions=True)
        return summary

    async def ensure_indexes(self) -> list[str]:
        """Create the indexes that are missing, and return the names of all. Nothing else creates any."""
        return await perform(doctor.ensure_indexes(), self._collections)

    async def adopt(self, *, on_progress: Callable[[int], object] | None = None) -> int:
        """Give rows of older shapes their ``derived`` in place, so that every question finds them.

        The five strings and the ``_id`` stay. Suppression standings follow. Safe to run while
        others write, and to run again. Returns the number of rows; *on_progress* is told it
        after each page.
        """
        done = 0
        while adopted := await perform(read.adopt_some(self._policy), self._collections):
            done += adopted
            if on_progress is not None:
                on_progress(done)
        return done

    async def reclassify(self, *, on_progress: Callable[[Reclassified], object] | None = None) -> Reclassified:
        """Work out anew why mails failed, for rows that other rules than today's told the reason of.

        Suppression standings follow. Safe to run while others write, and to run again: what is done is
        not done twice. *on_progress* is called after each page of five hundred rows.
        """
        whole = Reclassified()
        while page := await perform(reclassify.next_page(self._policy, whole.last), self._collections):
            whole += page
            if on_progress is not None:
                on_progress(whole)
        return whole

    async def examine(self) -> list[doctor.Finding]:
        """Look at the server, the indexes and the rows, and say what is missing."""
        return await perform(doctor.examine(), self._collections)

    async def record_handshake(
        self, message: VerifiedMessage, *, confirmed: bool = False, timeout_seconds: float | None = None
    ) -> None:
        """Write an SNS handshake into the audit: a subscription was offered, *confirmed* or ended.

        Raises ConfigurationError where *message* is none.
        """
        with within(timeout_seconds):
            await perform(audit.record_handshake(message, confirmed, self._clock()), self._collections)

    async def audit(self, *, limit: int = 100) -> list[AuditEntry]:
        """What was done to the set-up, the latest first."""
        return await perform(audit.latest(limit), self._collections)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def __aenter__(self) -> AsyncEventStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class Connecting:
    """A store about to connect: await it, or enter it with ``async with``, which closes it too."""

    def __init__(self, store: AsyncEventStore) -> None:
        self._store = store

    def __await__(self) -> Generator[Any, None, AsyncEventStore]:
        return self._greeted().__await__()

    async def __aenter__(self) -> AsyncEventStore:
        return await self._greeted()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._store.close()

    async def _greeted(self) -> AsyncEventStore:
        try:
            await perform(doctor.greet(), self._store._collections)
        except BaseException:
            await self._store.close()
            raise
        return self._store


async def _settle(
    pending: deque[asyncio.Task[Summary]], summary: Summary, on_progress: Callable[[Summary], object] | None
) -> None:
    bulk.add(summary, await pending.popleft())
    if on_progress is not None:
        on_progress(summary)


async def _batches(items: Iterable[T] | AsyncIterable[T], size: int) -> AsyncIterator[list[T]]:
    """Cut *items* into lists of *size*, whichever way they are iterated."""
    if not isinstance(items, AsyncIterable):
        for some in bulk.batches(items, size):
            yield some
        return
    taken: list[T] = []
    async for item in items:
        taken.append(item)
        if len(taken) == size:
            yield taken
            taken = []
    if taken:
        yield taken
