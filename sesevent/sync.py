"""The face for blocking code: `EventStore`.

A method hands a plan to the driver, and is one statement where it can. Its twin, with the same names,
parameters and docstrings, is :mod:`sesevent.aio`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from bson import ObjectId
from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError

from sesevent.analytics.status import MessageStatus
from sesevent.arguments import at_least_one, given
from sesevent.drivers.sync import in_turn, perform
from sesevent.faces.histories import RecipientHistory
from sesevent.faces.watch import Watch
from sesevent.group_commit import GroupCommit
from sesevent.hooks import EventKind, Handler, HookFailure, Hooks
from sesevent.ops import Plan
from sesevent.plans import (
    acts,
    audit,
    bookmarks,
    bulk,
    dead_letters,
    doctor,
    gather,
    lists,
    read,
    reclassify,
    renewing,
    ses_list,
    status,
    suppress,
)
from sesevent.plans import watch as watches
from sesevent.plans.acts import Change, History, Rebuilt
from sesevent.plans.dead_letters import Retried
from sesevent.plans.lists import Imported
from sesevent.plans.receive import (
    Outcome,
    Prepared,
    Receipt,
    Redelivery,
    Summary,
    Tell,
    prepare_one,
    store_each,
    store_together,
)
from sesevent.plans.reclassify import Reclassified
from sesevent.plans.renewing import Reindexed
from sesevent.plans.ses_list import Ours
from sesevent.sns.trust import VerifiedMessage
from sesevent.storage import reads
from sesevent.storage.codec import StoredEvent
from sesevent.storage.connection import (
    DURABLE,
    Encrypts,
    client_options,
    collections_of,
    seals_of,
    settings_of,
    utc_now,
    within,
)
from sesevent.storage.failures import translate
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import CLOCK, PSEUDONYMS, SEALS
from sesevent.storage.reads import Cursor
from sesevent.storage.records import DeadLetter
from sesevent.storage.renewal import Place
from sesevent.suppression import files
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import ALL_STREAMS, Act
from sesevent.suppression.files import Exported, Source, Target
from sesevent.suppression.policy import DEFAULT_POLICY, Policy
from sesevent.vitals import DEFAULT_LIMITS, Asked, Health, Limits

if TYPE_CHECKING:
    from sesevent.faces.analytics import Analytics
    from sesevent.faces.audit import Audit
    from sesevent.faces.compliance import Compliance
    from sesevent.faces.encryption import Encrypting
    from sesevent.faces.keeping import Keeping
    from sesevent.faces.migration import Migration
    from sesevent.faces.monitor import Monitor
    from sesevent.faces.privacy import Privacy
    from sesevent.faces.retention import Retaining
    from sesevent.faces.storage import Storage
    from sesevent.faces.tokens import Tokens
    from sesevent.privacy.protection import Protection
    from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = ["Bookmarks", "DeadLetters", "EventRepository", "EventStore", "Results", "SuppressionList"]

R = TypeVar("R")


class Results:
    """An answer that is fetched page by page while it is iterated; it can be iterated again."""

    def __init__(self, collections: dict[str, Any], query: reads.EventQuery) -> None:
        self._collections = collections
        self._query = query

    def __iter__(self) -> Iterator[StoredEvent]:
        query: reads.EventQuery | None = self._query
        while query is not None:
            page = perform(read.next_page(query), self._collections)
            yield from page.events
            query = page.rest

    def to_list(self) -> list[StoredEvent]:
        """Every row of the answer."""
        return list(self)

    def first(self) -> StoredEvent | None:
        """The first row of the answer, if there is one."""
        return next(iter(perform(read.next_page(self._query, 1), self._collections).events), None)


class EventRepository:
    """The stored events: ``store.events``.

    Answers are ordered by event time; *since* is included, *until* is not. *after* takes the
    ``cursor`` of the last row seen and continues behind it.
    What is None where one thing is asked for, no type at all, a reason there is none of, a time as text, and a span of
    time that ends before it begins raise ConfigurationError.
    """

    def __init__(self, collections: dict[str, Any], pseudonyms: Pseudonyms | None = None) -> None:
        self._collections = collections
        self._pseudonyms = pseudonyms

    def get(self, identifier: str | bytes | ObjectId) -> StoredEvent | None:
        """One event by the key it is stored under, or None."""
        return perform(read.get(identifier), self._collections)

    def by_message_id(
        self,
        message_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> Results:
        """Events of one mail, by SES's message id."""
        return self.find(
            message_id=given(message_id, "message_id"),
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def by_type(
        self,
        *types: str,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> Results:
        """Events of these types, in SES's words, however spelled, such as ``Bounce`` and ``Rendering Failure``."""
        return self.find(
            types=at_least_one(types, "types"),
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def between(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> Results:
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
    ) -> Results:
        """Events that concern this person, however the address is spelled."""
        return self.find(
            recipient=given(address, "address"),
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def by_reason(
        self,
        *reasons: str,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> Results:
        """Bounces for these reasons, in the words of `sesevent.bounces`, such as ``mailbox_full``."""
        return self.find(
            reasons=at_least_one(reasons, "reasons"),
            since=since,
            until=until,
            newest_first=newest_first,
            limit=limit,
            after=after,
        )

    def find(
        self,
        *,
        message_id: str | None = None,
        types: Iterable[str] = (),
        reasons: Iterable[str] = (),
        recipient: str | None = None,
        tag: tuple[str, str | None] | None = None,
        configuration_set: str | None = None,
        campaign: str | None = None,
        recipient_domain: str | None = None,
        provider: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> Results:
        """Events for which everything that is given holds.

        *recipient_domain* and *provider* (of `sesevent.analytics.providers`) are of anybody an event concerns. No
        index helps to find them: ask within a span of time. Raises ConfigurationError for a provider there is none of.
        """
        whom = recipient if recipient is None or self._pseudonyms is None else self._pseudonyms.forms(recipient)
        filters = reads.filters(
            message_id, types, reasons, whom, tag, configuration_set, campaign, recipient_domain, provider
        )
        query = reads.event_query(
            *filters, since=since, until=until, newest_first=newest_first, limit=limit, after=after
        )
        return Results(self._collections, query)

    def timeline(self, message_id: str) -> list[StoredEvent]:
        """Everything that happened to one mail, in order; an event kept in two rows stands there once."""
        return perform(read.timeline(message_id), self._collections)


class SuppressionList:
    """May I send? ``store.suppression``."""

    def __init__(self, collections: dict[str, Any], policy: Policy, clock: Callable[[], datetime]) -> None:
        self._collections = collections
        self._policy = policy
        self._clock = clock

    def check(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> Decision:
        """Whether an address, however it is spelled, may be mailed on *stream* (`*`: of no particular stream).

        Where the database cannot be asked the policy decides, and the decision says so (`Decision.failed`).
        """
        plan = suppress.check_or_fail(self._policy, [given(address, "address")], stream, tenant, self._clock())
        return next(perform(plan, self._collections))

    def check_many(
        self, addresses: Iterable[str], *, stream: str = ALL_STREAMS, tenant: str = ""
    ) -> Iterator[Decision]:
        """A decision for each address, in order, in constant memory; asked for a thousand at a time, and ahead."""
        for decisions in self._asked(suppress.check_or_fail, addresses, stream, tenant):
            yield from decisions

    def filter(self, addresses: Iterable[str], *, stream: str = ALL_STREAMS, tenant: str = "") -> Iterator[str]:
        """Those of *addresses* that may be mailed, as they are spelled, in order and in constant memory."""
        for some in self._asked(suppress.allowed, addresses, stream, tenant):
            yield from some

    def suppress(
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
        return self._say(address, act)

    def unsubscribe(
        self,
        address: str,
        *,
        stream: str,
        origin: str = "one-click",
        by: str = "",
        note: str = "",
        tenant: str = "",
        once: bool = False,
    ) -> Decision:
        """Write down that a person unsubscribed from a stream, such as by one click (RFC 8058).

        With *once* nothing is written where that holds already: a link that is followed twice says nothing new.
        """
        act = Act(self._clock(), "", "unsubscribe", stream, origin, by, note, tenant=tenant)
        return perform(acts.unsubscribe(self._policy, address, act, once), self._collections)

    def resubscribe(
        self, address: str, *, stream: str, origin: str = "api", by: str = "", note: str = "", tenant: str = ""
    ) -> Decision:
        """Write down that a person asked to be mailed on a stream again."""
        return self._say(address, Act(self._clock(), "", "resubscribe", stream, origin, by, note, tenant=tenant))

    def reactivate(
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
        return perform(acts.reactivate(self._policy, address, act), self._collections)

    def stream_for(self, configuration_set: str = "", tags: Mapping[str, str] = MappingProxyType({})) -> str:
        """The stream of a mail with this configuration set and these message tags, by the policy."""
        return self._policy.stream_for(configuration_set, tags)

    def tenant_for(self, tags: Mapping[str, str]) -> str:
        """The tenant whose mail one with these message tags is, by the policy; empty where there is one only."""
        return self._policy.tenant_for(tags)

    def record(self, said: Iterable[tuple[str, Act]], *, on_progress: Callable[[int], object] | None = None) -> int:
        """Write down many acts about addresses, in constant memory; returns how many standings changed.

        *on_progress* is told the number of acts after each page of five hundred. Raises ConfigurationError for what is
        no act, or is not of one address: the pages before it are written down.
        """
        done = changed = 0
        for some in bulk.batches(said, acts.PAGE):
            changed += len(perform(acts.record(self._policy, some), self._collections))
            done += len(some)
            if on_progress is not None:
                on_progress(done)
        perform(acts.note_recorded(done, changed, self._clock()), self._collections)
        return changed

    def list(
        self,
        *,
        rule: str | None = None,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[Decision]:
        """Whom one may not mail now, by address, lazily. *after* continues behind an address."""
        left, size = limit, acts.first_page(limit)
        while left is None or left > 0:
            plan = acts.listed(self._policy, after, size, rule, stream, tenant, self._clock())
            found, after = perform(plan, self._collections)
            yield from found[:left]
            left, size = None if left is None else left - len(found), acts.PAGE
            if after is None:
                return

    def import_(
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
            for some in bulk.batches(rows, acts.PAGE):
                whole += perform(lists.take(self._policy, some), self._collections)
                if on_progress is not None:
                    on_progress(whole)
        perform(lists.note_imported(like, whole, self._clock()), self._collections)
        return whole

    def export(
        self,
        file: Target,
        *,
        format: str = "csv",  # noqa: A002  # the word for it
        rule: str | None = None,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        by: str = "",
        on_progress: Callable[[int], object] | None = None,
    ) -> Exported:
        """Write whom one may not mail now to a file, by address, in constant memory.

        *file* is a path, which is replaced when all is written, or an open file of text or bytes.
        Formats: ``csv``, in which no spreadsheet finds a formula; ``jsonl``, everything about a decision on
        a line; ``ses``, what Amazon SES imports, which knows hard bounces and complaints only: the others
        are skipped and counted. The first two can be imported again. *on_progress* is told the number of decisions
        after each five hundred. That it was exported, and *by* whom, is written into the audit trail before.
        """
        perform(acts.note_exported(format, rule, stream, tenant, by, self._clock()), self._collections)
        with files.exporting(file, format, on_progress) as export:
            for decision in self.list(rule=rule, stream=stream, tenant=tenant):
                export.add(decision)
        return export.done

    def history(self, address: str, *, stream: str = ALL_STREAMS, tenant: str = "") -> History:
        """Everything known of an address, and what was decided from it over time."""
        return perform(acts.history(self._policy, address, stream, tenant, self._clock()), self._collections)

    def mirrored(self, region: str, addresses: Sequence[str] | None = None) -> Iterator[Ours]:
        """What is known of each address, as far as SES's own list of *region* can be compared with it, lazily.

        Of all addresses, or of some thousand *addresses* at most. What concerns one tenant only is left out.
        An address may be told twice, and one of which there is nothing to say is not told.
        """
        if addresses is not None:
            plan = ses_list.told_of(self._policy, addresses, region, self._clock())
            yield from perform(plan, self._collections)
            return
        for read_next in (ses_list.next_standing, ses_list.next_spoken_of):
            place: str | None = None
            while True:
                page = read_next(self._policy, place, acts.PAGE, region, self._clock())
                found, place = perform(page, self._collections)
                yield from found
                if place is None:
                    break

    def rebuild(self, *, on_progress: Callable[[Rebuilt], object] | None = None) -> Rebuilt:
        """Derive every standing again from the events and acts. Safe while others write, and to run again.

        Needed after a change of policy; else nothing should change. *on_progress* is called after each page.
        """
        whole = Rebuilt()
        for derive in (acts.rebuild_events, acts.rebuild_acts, acts.rebuild_standings):
            place: Any = None
            while True:
                page, place = perform(derive(self._policy, place), self._collections)
                whole += page
                if on_progress is not None:
                    on_progress(whole)
                if place is None:
                    break
        return whole

    def simulate(
        self,
        policy: Policy,
        *,
        since: datetime | None = None,
        streams: Collection[str] = (ALL_STREAMS, "transactional", "marketing"),
        on_progress: Callable[[int], object] | None = None,
    ) -> Iterator[Change]:
        """For whom another policy would decide otherwise, on which streams. Nothing is changed.

        Looked at are those of whom something was said or happened *since* a time, with each of their
        tenants. *on_progress* is told how many of these acts and facts were looked at.
        """
        place: str | None = None
        done, told = 0, set[tuple[str, ...]]()
        while True:
            plan = acts.simulate_page(self._policy, policy, streams, since, place, self._clock())
            changes, place, looked_at = perform(plan, self._collections)
            for change in changes:
                if change[:3] not in told:
                    told.add(change[:3])
                    yield change
            done += looked_at
            if on_progress is not None:
                on_progress(done)
            if place is None:
                break

    def _say(self, address: str, act: Act) -> Decision:
        return perform(acts.say_of_one(self._policy, address, act), self._collections)

    def _asked(self, ask: Callable[..., Plan[R]], addresses: Iterable[str], stream: str, tenant: str) -> Iterator[R]:
        plans = (
            ask(self._policy, some, stream, tenant, self._clock())
            for some in bulk.batches(addresses, suppress.CHECKED_AT_ONCE)
        )
        at_once = bulk.at_once(addresses, suppress.CHECKED_AT_ONCE, bulk.ASKING)
        return in_turn(plans, self._collections, at_once)


class DeadLetters:
    """What could not be understood: ``store.dead_letters``."""

    def __init__(
        self,
        collections: dict[str, Any],
        policy: Policy,
        clock: Callable[[], datetime],
        privacy: Protection | None = None,
    ) -> None:
        self._collections = collections
        self._policy = policy
        self._privacy = privacy
        self._clock = clock

    def list(self, *, limit: int = 100) -> list[DeadLetter]:
        """Those that arrived last, the latest first, without their content."""
        return perform(dead_letters.latest(limit), self._collections)

    def count(self) -> int:
        """How many there are."""
        return perform(dead_letters.count(), self._collections)

    def get(self, identifier: str) -> DeadLetter | None:
        """One, with its content; None where there is none of this id."""
        return perform(dead_letters.get(identifier), self._collections)

    def retry(self, *identifiers: str, on_progress: Callable[[Retried], object] | None = None) -> Retried:
        """Try these again, or, where none is named, all: worth it after an upgrade.

        What is understood now is stored with the facts of its first arrival, and is no dead letter
        any more; ``received.storedAt`` tells when. *on_progress* is called after each page of fifty.
        """
        if identifiers:
            plan = dead_letters.retry_these(self._policy, identifiers, self._clock(), self._privacy)
            return perform(plan, self._collections)
        whole = Retried()
        while True:
            plan = dead_letters.retry_next(self._policy, whole.last, self._clock(), self._privacy)
            page = perform(plan, self._collections)
            if not page.tried:
                return whole
            whole += page
            if on_progress is not None:
                on_progress(whole)

    def purge(
        self,
        *identifiers: str,
        before: datetime | None = None,
        everything: bool = False,
        by: str = "",
        why: str = "",
    ) -> int:
        """Forget these, those that last arrived before a time, or all; returns how many.

        It is written into the audit trail, with who says so and why. Raises ConfigurationError where it is not said
        which, or said twice.
        """
        plan = dead_letters.purge(identifiers, before, everything, by, why, self._clock())
        return perform(plan, self._collections)


class Bookmarks:
    """How far things outside were read into this store: ``store.bookmarks``.

    They are kept beside the events, so that any process goes on where another ended. `sesevent.contrib.s3` and
    `sesevent.contrib.kinesis` put them.
    """

    def __init__(self, collections: dict[str, Any], collection: str, clock: Callable[[], datetime]) -> None:
        self._collections = collections
        self._collection = collection
        self._clock = clock

    def read(self, names: Iterable[str]) -> dict[str, str]:
        """Where these are, by name; those that were never put are left out."""
        return perform(bookmarks.read(self._collection, names), self._collections)

    def write(self, places: Mapping[str, str]) -> None:
        """Put bookmarks, by name, once everything before them is stored."""
        perform(bookmarks.write(self._collection, places, self._clock()), self._collections)


class EventStore:
    """The store for blocking code. Made by `EventStore.connect`; safe to share between threads.

    Its twin for asyncio is `AsyncEventStore`.
    """

    def __init__(
        self,
        client: MongoClient[Any],
        *,
        database: str | None = None,
        collection: str = EVENTS,
        write_concern: WriteConcern = DURABLE,
        policy: Policy = DEFAULT_POLICY,
        privacy: Protection | None = None,
        clock: Callable[[], datetime] = utc_now,
        encryption: Encrypts | None = None,
    ) -> None:
        self.client = client
        self._collections = collections_of(client, database, collection, write_concern)
        self._collections[CLOCK] = clock
        self._collections |= seals_of(encryption, privacy, client, self._collections)
        self._perform = partial(perform, collections=self._collections)
        self._settings = settings_of(client, write_concern)
        self._policy = policy
        self._clock = clock
        if privacy is not None:
            gather.require_fitting(privacy, policy)
        self._privacy = privacy
        self._pseudonyms = None if privacy is None else privacy.pseudonyms
        self._collections[PSEUDONYMS] = lambda: self._pseudonyms
        self.events = EventRepository(self._collections, self._pseudonyms)
        self.suppression = SuppressionList(self._collections, policy, clock)
        self.dead_letters = DeadLetters(self._collections, policy, clock, privacy)
        self.bookmarks = Bookmarks(self._collections, collection, clock)
        self._hooks = Hooks()
        self._redelivery = Redelivery()
        self._commits = GroupCommit(self._store_group)

    # What takes no part in receiving is imported when it is asked for: a function that starts cold pays for imports.

    @cached_property
    def analytics(self) -> Analytics:
        """What happened, and how well."""
        from sesevent.faces.analytics import Analytics

        return Analytics(self._perform, self._clock, partial(in_turn, collections=self._collections))

    @cached_property
    def monitor(self) -> Monitor:
        """Whether something is wrong, and who is told."""
        from sesevent.faces.monitor import Monitor

        return Monitor(self._perform, self._clock)

    @cached_property
    def audit(self) -> Audit:
        """Who did what, when and why."""
        from sesevent.faces.audit import Audit

        return Audit(self._perform, self._clock)

    @cached_property
    def keeping(self) -> Keeping:
        """Events that leave the log or come back, and what is held."""
        from sesevent.faces.keeping import Keeping

        return Keeping(self._perform, self._clock)

    @cached_property
    def encryption(self) -> Encrypting:
        """The keys of what is kept encrypted. Raises ConfigurationError of a store that encrypts nothing."""
        from sesevent.faces.encryption import Encrypting

        return Encrypting(perform, self._collections, self._clock)

    @cached_property
    def retention(self) -> Retaining:
        """How long events are kept."""
        from sesevent.faces.retention import Retaining

        return Retaining(self._perform, self._clock)

    @cached_property
    def privacy(self) -> Privacy:
        """A person's rights."""
        from sesevent.faces.privacy import Privacy

        return Privacy(self._perform, self._clock, self._policy)

    @cached_property
    def compliance(self) -> Compliance:
        """Whom to take off a list, and what is stored about people."""
        from sesevent.faces.compliance import Compliance

        return Compliance(
            self._perform, self._clock, self._settings, None if self._privacy is None else self._privacy.policy,
            encrypts=SEALS in self._collections,
        )  # fmt: skip

    @cached_property
    def storage(self) -> Storage:
        """What is kept, in bytes."""
        from sesevent.faces.storage import Storage

        return Storage(self._perform, self._clock)

    @cached_property
    def migration(self) -> Migration:
        """Rows that another application wrote, and how they are taken over."""
        from sesevent.faces.migration import Migration

        return Migration(self._perform, self._clock, self._policy, self._collections[EVENTS].name)

    @cached_property
    def tokens(self) -> Tokens:
        """Who may use the HTTP API."""
        from sesevent.faces.tokens import Tokens

        return Tokens(self._perform, self._clock)

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
        privacy: Protection | None = None,
        clock: Callable[[], datetime] = utc_now,
        encryption: Encrypts | None = None,
        without_keys: bool = False,
        **options: Any,
    ) -> EventStore:
        """Connect to MongoDB and make sure that it answers.

        *database* defaults to the URI's, then to ``cache``. *collection* is where events are
        kept; a Mongoose application may use ``ses_events``. No call takes longer than
        *timeout_seconds*. Writes are acknowledged by a majority and journaled unless
        *write_concern* says otherwise. *privacy* says what is kept of people, and by which keys their pseudonyms are
        made: from now on, in rows that this store writes. With *encryption* (`sesevent.contrib.encryption.Encryption`)
        what is personal is kept encrypted. Further *options* go to PyMongo's client.

        Raises ConfigurationError for a wrong URI, wrong credentials or too old a server, and where people are kept
        encrypted or under pseudonyms and no key is told. With *without_keys* it connects all the same, for figures
        alone: nobody is found by address then, so never ask it whom you may mail. Raises StoreUnavailable where no
        server answers in time.
        """
        try:
            client: MongoClient[Any] = MongoClient(uri, **client_options(uri, timeout_seconds, options))
        except (PyMongoError, ValueError) as error:
            raise translate(error) from error
        try:
            store = cls(
                client,
                database=database,
                collection=collection,
                write_concern=write_concern,
                policy=policy,
                privacy=privacy,
                clock=clock,
                encryption=encryption,
            )
            perform(store._greeting(without_keys), store._collections)
        except BaseException:
            client.close()
            raise
        return store

    def receive(self, message: VerifiedMessage, *, timeout_seconds: float | None = None) -> Receipt:
        """Receive one thing: store every event in it that is not stored yet, and derive suppression.

        *message* is what `sesevent.verify` proved, or what `sesevent.trusted` vouches for. It
        returns only after a durable write: then, and not before, it may be acknowledged.
        *timeout_seconds* bounds all of it together.

        Raises PayloadError where something in it cannot be understood: that is a dead letter now,
        and what can be understood is stored, so this too may be acknowledged. Raises
        StoreUnavailable where MongoDB cannot be reached, and ConfigurationError for bytes that
        nobody vouches for.

        Calls that come while others are being stored share one write, and each returns when that one is durable.
        """
        outcome = self._commits.store(prepare_one(message, self._clock(), self._privacy), timeout_seconds)
        self._hooks.call(outcome.fresh)
        return outcome.result()

    def receive_each(self, items: bulk.Items[VerifiedMessage], *, batch_size: int = bulk.BATCH) -> Iterator[Outcome]:
        """Receive many things, and tell in order what became of each, in constant memory.

        Nothing is raised for an item: its `Outcome` says whether it may be acknowledged (``settled``). For workers
        whose queue wants to know of each message; `receive_many` is the faster one. The next batch is
        read while one is stored, so *items* is ahead of the outcomes by a few batches.
        """
        plans = self._plans_for_each(items, batch_size)
        for outcomes in in_turn(plans, self._collections, bulk.at_once(items, batch_size, bulk.STORING)):
            for outcome in outcomes:
                self._hooks.call(outcome.fresh)
                yield outcome

    def receive_many(
        self,
        items: bulk.Items[VerifiedMessage],
        *,
        on_progress: Callable[[Summary], object] | None = None,
        batch_size: int = bulk.BATCH,
        dead_letters: bool = True,
    ) -> Summary:
        """Receive many things, in constant memory: the next batch is read while one is stored.

        *items* may be endless. Of a queue, what is there is a batch, and None ends it. Where *items* raises, or
        the call is interrupted, what was taken before is stored first.

        A bad item never sinks the others: it becomes a dead letter, unless *dead_letters* is off,
        and is told in the summary's ``problems``. *on_progress* is called after each stored batch.

        Raises StoreUnavailable where MongoDB cannot be reached; what came before is stored, and it
        is safe to hand in everything again.
        """
        summary = Summary()
        plans = self._plans_for_many(items, batch_size, dead_letters)
        for done in in_turn(plans, self._collections, bulk.at_once(items, batch_size, bulk.STORING)):
            bulk.add(summary, done.summary)
            self._hooks.call(done.fresh)
            if on_progress is not None:
                on_progress(summary)
        return summary

    def on(
        self, kind: EventKind, handler: Handler, *, on_failure: Callable[[HookFailure], object] | None = None
    ) -> None:
        """Call *handler* with each event of *kind* that this store stores from now on, and that was not stored before.

        It is called after the durable write, one event at a time, and the call that received the event returns
        afterwards: a blocking store calls it in the same thread, an asyncio store awaits coroutine functions.
        What a handler raises is logged without the event, told to *on_failure*, and keeps nobody else from being
        called. `sesevent.Event` stands for every kind.

        A process that dies before the call has told nobody: use `watch` for what must not be missed.
        Raises ConfigurationError for what is no kind of event, and for a coroutine function where nothing awaits it.
        """
        self._hooks.add(kind, handler, on_failure, may_await=False)

    def watch(
        self,
        name: str | None = None,
        *,
        resume_after: str | None = None,
        types: Iterable[str] = (),
        since: datetime | None = None,
        max_wait_seconds: float | None = None,
        polling: bool | None = None,
        overlap_seconds: float = 60.0,
        poll_seconds: float = 1.0,
    ) -> Watch:
        """Follow what is stored: every row inserted from now on, by whomever, at least once and in order.

        Iterate what it returns, mostly as a context: the iteration waits for the next row. With *name* the
        position is kept in the database, behind the rows the consumer is done with (it asked for the next
        one), about once a second and at the end: after a crash, or a restart, the same name goes on there, and
        gives the last rows again. One process for a name: two would both get everything. Without a name keep
        ``position`` yourself and hand it in as *resume_after*, which goes before what is kept; *since* is for a
        name's first time: what was inserted since then. The server reads its log from there, which takes a while
        if it is long ago, and counts as waiting.

        *types* are SES's words. *max_wait_seconds* ends the iteration where nothing came for so long; iterate
        again to go on. ``close`` ends it from elsewhere. While MongoDB is away the watch waits for it, unless
        that bound is reached.

        It follows a change stream; where the server has none, or where *polling* says so (False: never), it
        looks every *poll_seconds*, *overlap_seconds* back. That has the same contract as long as a row becomes
        visible within the overlap of its ``received.at``, the writer's clock: larger differences of clocks, or
        writes that take longer, need a larger overlap. Rows come in the order of that time, but late ones. It
        needs ``ensure_indexes(polling=True)``, or reads the whole collection each time.

        Raises PositionLost where the server's log of changes no longer reaches back to the position, and
        ConfigurationError for what is no position.
        """
        wished = watches.wish(
            name, resume_after, types, since, max_wait_seconds, polling, overlap_seconds, poll_seconds
        )
        return Watch(wished, self._clock, self._perform)

    def status(self, message_id: str) -> MessageStatus:
        """What became of one mail, by SES's message id: for each of its recipients, with the story that led there.

        It is worked out from the events, so neither their order nor their repetition matters. Where no event of
        it is stored the state is ``unknown``.
        """
        return perform(status.of_one(message_id), self._collections)

    def status_many(self, message_ids: Iterable[str]) -> Iterator[MessageStatus]:
        """What became of each of these mails, in order; asked for a hundred at a time, and ahead, in bounded memory."""
        plans = (status.of_many(some) for some in bulk.batches(message_ids, status.AT_ONCE))
        at_once = bulk.at_once(message_ids, status.AT_ONCE, bulk.ASKING)
        for statuses in in_turn(plans, self._collections, at_once):
            yield from statuses

    def recipient(
        self,
        address: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        after: Cursor | None = None,
    ) -> RecipientHistory:
        """The mails of one person, however the address is spelled, the newest first, each with what became of it.

        Nothing is asked before it is iterated. *since* (included) and *until* (not) bound when the first thing
        known of a mail happened, *limit* how many mails. *after* takes the ``cursor`` of the last mail seen and
        continues behind it. Rows of older shapes are found once they are adopted.
        """
        forms = () if self._pseudonyms is None else self._pseudonyms.forms(address)
        query = status.letters_to(address, since, until, limit, after, forms)
        return RecipientHistory(query, self._policy, self._clock, self._perform)

    def ensure_indexes(self, *, polling: bool = False) -> list[str]:
        """Create the indexes that are missing, and return the names of all. Nothing else creates any.

        Where there is no collection of events yet it is made too, compressed with zstd.

        With *polling* also those that a watch needs where it must poll; they cost each insert.
        """
        return perform(doctor.ensure_indexes(polling), self._collections)

    def adopt(self, *, on_progress: Callable[[int], object] | None = None) -> int:
        """Give rows of older shapes their ``derived`` in place, so that every question finds them.

        The five strings and the ``_id`` stay. Suppression standings follow. Safe to run while
        others write, and to run again. Returns the number of rows; *on_progress* is told it
        after each page.
        """
        done, adopted = 0, renewing.PAGE
        while adopted == renewing.PAGE:
            adopted = perform(renewing.adopt_some(self._policy), self._collections)
            done += adopted
            if on_progress is not None:
                on_progress(done)
        return done

    def reclassify(self, *, on_progress: Callable[[Reclassified], object] | None = None) -> Reclassified:
        """Work out anew why mails failed, for rows that other rules than today's told the reason of.

        Suppression standings follow. Safe to run while others write, and to run again: what is done is
        not done twice. *on_progress* is called after each page of five hundred rows.
        """
        whole = Reclassified()
        while page := perform(reclassify.next_page(self._policy, whole.last), self._collections):
            whole += page
            if on_progress is not None:
                on_progress(whole)
        return whole

    def reindex(
        self, *, rows_per_second: float | None = None, on_progress: Callable[[Reindexed], object] | None = None
    ) -> Reindexed:
        """Make ``derived`` anew for rows of which an older version of this library, or other rules, made it.

        Where it says something else afterwards, facts, suppression standings and rollups follow. It goes on where the
        last one that was killed came to; safe while others write, and several times at once. At most
        *rows_per_second* are touched, where that is given. *on_progress* is called after each page of five hundred.
        """
        from sesevent.faces.migration import Pace

        name, pace, whole = self._collections[EVENTS].name, Pace(rows_per_second), Reindexed()
        place: Place | None = perform(renewing.begin(name), self._collections)
        while place is not None:
            page = perform(renewing.reindex_page(self._policy, name, place, self._clock()), self._collections)
            whole += page
            place = page.place
            if on_progress is not None:
                on_progress(whole)
            time.sleep(pace.pause(page.rows))
        return whole

    def examine(self) -> list[doctor.Finding]:
        """Look at the connection, the server, the indexes and the rows, and say what is missing."""
        plan = doctor.examine(self._settings, self._privacy, encrypts=SEALS in self._collections)
        return perform(plan, self._collections)

    def health(
        self, *, timeout_seconds: float = 5.0, limits: Limits = DEFAULT_LIMITS, also: Iterable[Asked] = ()
    ) -> Health:
        """Whether all is well: the server and a durable write to it, replication, indexes, the age of the last event of
        each type, rollups and watches, dead letters, the clocks.

        It never raises where something is not well: the `Health` tells, with a status (``ok``, ``degraded``,
        ``down``) and each check. What asks MongoDB takes no longer than *timeout_seconds* in all. *limits* say from
        where on a store is degraded. *also* are other things to ask, such as ``verifier.health``: functions that
        return a `Check` or several, and bound their own time.
        """
        from sesevent.faces import health

        return health.ask(self._perform, self._clock, limits, timeout_seconds, also)

    def record_handshake(
        self, message: VerifiedMessage, *, confirmed: bool = False, timeout_seconds: float | None = None
    ) -> None:
        """Write an SNS handshake into the audit: a subscription was offered, *confirmed* or ended.

        Raises ConfigurationError where *message* is none.
        """
        with within(timeout_seconds):
            perform(audit.record_handshake(message, confirmed, self._clock()), self._collections)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _greeting(self, without_keys: bool) -> Plan[Any]:
        encrypts = SEALS in self._collections
        return doctor.greet(self._policy, self._clock(), self._privacy, encrypts=encrypts, without_keys=without_keys)

    def _store_group(self, several: Sequence[Prepared], timeout_seconds: float | None, tell: Tell) -> None:
        with within(timeout_seconds):
            perform(store_together(self._policy, several, self._redelivery, tell), self._collections)

    def _plans_for_each(self, items: bulk.Items[VerifiedMessage], size: int) -> Iterator[Plan[list[Outcome]] | None]:
        for some in bulk.batches(items, size):
            now = self._clock()
            prepared = [prepare_one(item, now, self._privacy) for item in some]
            yield store_each(self._policy, prepared, self._redelivery) if some else None

    def _plans_for_many(
        self, items: bulk.Items[VerifiedMessage], size: int, dead_letters: bool
    ) -> Iterator[Plan[bulk.Done] | None]:
        taken = 0
        for some in bulk.batches(items, size):
            if not some:
                yield None
                continue
            batch = bulk.prepare_batch(some, taken, self._clock(), dead_letters, self._hooks.kinds, self._privacy)
            taken += batch.items
            yield bulk.store_batch(self._policy, batch, self._redelivery)
