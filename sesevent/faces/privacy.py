"""A person's rights: ``store.privacy``, in both colours.

The story is told in :mod:`sesevent.plans.privacy`. An archive is handed in, where there is one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from sesevent.ops import Plan
from sesevent.plans import keeping, personal, privacy
from sesevent.plans.privacy import Work
from sesevent.privacy.papers import SECTIONS, JsonPaper, PagePaper, Thing
from sesevent.storage.erasures import ErasureReceipt, Person, receipt_of, spellings
from sesevent.storage.personal import ARCHIVED, OWN, concerns, event_thing, perhaps, unreadable_thing
from sesevent.storage.sealing import holds_sealed
from sesevent.suppression.files import Target, writing
from sesevent.suppression.policy import Policy

__all__ = ["AsyncPrivacy", "Changeable", "ErasureProgress", "ErasureReceipt", "Privacy"]

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""What takes an archived event's place; itself where nothing is to change."""
_ROUNDS: Final = 5  # others, who do not know of it yet, may write that often while somebody is being erased


class Changeable(Protocol):
    """What changes archived events: `sesevent.contrib.archive.Archive`, of a blocking store."""

    def change(
        self,
        change: Callable[[dict[str, Any]], dict[str, Any] | None],
        *,
        texts: Sequence[str] = (),
        dry_run: bool = False,
        on_progress: Callable[[Any], object] | None = None,
    ) -> Any:
        """Change each archived document in which a text stands; tells of what has ``changed`` and ``rewritten``."""


@dataclass
class ErasureProgress:
    """How far an erasure is."""

    events: int = 0
    """Events that the person was taken out of."""
    archived: int = 0
    """…in archives."""


class Papers:
    """What an export is written on."""

    def __init__(
        self, person: Person, papers: Sequence[JsonPaper | PagePaper], on_progress: Callable[[int], object] | None
    ) -> None:
        self._person, self._papers, self._on_progress = person, papers, on_progress
        self._seen: set[str] = set()
        self._unreadable: Counter[tuple[str, str]] = Counter()
        self.counts: dict[str, int] = dict.fromkeys(SECTIONS, 0)

    def add(self, things: Sequence[Thing]) -> None:
        """Write some things down."""
        for thing in things:
            if thing.section == "unreadable":  # it is told at the end, in one sum
                self._unreadable[thing.what["what"], thing.what["reason"]] += thing.what["count"]
                continue
            if thing.section == "events":  # what is in two places is told once
                if thing.what["id"] in self._seen:
                    continue
                self._seen.add(thing.what["id"])
                if thing.what["unreadable"]:
                    self._unreadable[OWN, thing.what["unreadable"]] += 1
            self._write(thing)
        if self._on_progress is not None and things:
            self._on_progress(sum(self.counts.values()))

    def archived(self, document: dict[str, Any]) -> dict[str, Any]:
        """Write an archived event down, if it concerns the person; it stays as it is."""
        if concerns(document, self._person):
            self.add([event_thing(document, self._person, archived=True)])
        elif mark := perhaps(document, self._person):
            self._unreadable[ARCHIVED, mark.reason] += 1
        return document

    def end(self) -> None:
        """Write down how much nobody can read."""
        for (what, reason), count in sorted(self._unreadable.items()):
            self._write(unreadable_thing(what, reason, count))
            self.counts["unreadable"] += count - 1

    def _write(self, thing: Thing) -> None:
        self.counts[thing.section] += 1
        for paper in self._papers:
            paper.add(thing)


@contextmanager
def writing_down(
    person: Person,
    now: datetime,
    json: Target | None,
    page: Target | None,
    on_progress: Callable[[int], object] | None,
) -> Iterator[Papers]:
    """Papers for an export, whole when all went well."""
    with ExitStack() as files:
        kinds: list[tuple[type[JsonPaper | PagePaper], Target | None]] = [(JsonPaper, json), (PagePaper, page)]
        papers = [
            kind(files.enter_context(writing(target)), person.address, now)
            for kind, target in kinds
            if target is not None
        ]
        told = Papers(person, papers, on_progress)
        yield told
        told.end()
        for paper in papers:
            paper.end()


class _Told:
    """What was done so far, over several archives, and who is told."""

    def __init__(
        self,
        on_progress: Callable[[ErasureProgress], object] | None,
        work: Work | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        self._on_progress = on_progress
        self._so_far = ErasureProgress()
        known = work.erasing.counts if work else {}  # of what was done before somebody was killed
        self._before = self.counts = (known.get("archived", 0), known.get("parts", 0))
        self.dry_run = dry_run

    def receipt(self, work: Work) -> ErasureReceipt:
        """What would be done."""
        receipt = receipt_of(work.erasing, dry_run=True)
        return replace(receipt, archived=self.counts[0], parts=self.counts[1])

    def events(self, more: int) -> None:
        self._so_far.events += more
        self._tell()

    def beside(self) -> None:
        """Another archive begins."""
        self._before = self.counts

    def archived(self, done: Any) -> None:
        self.counts = (self._before[0] + done.changed, self._before[1] + done.rewritten)
        self._so_far.archived = self.counts[0]
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._so_far)


class Privacy:
    """A person's rights: ``store.privacy``."""

    def __init__(self, perform: Callable[[Plan[Any]], Any], clock: Callable[[], datetime], policy: Policy) -> None:
        self._perform = perform
        self._clock = clock
        self._policy = policy

    def export(
        self,
        address: str,
        json: Target | None = None,
        *,
        by: str,
        why: str = "",
        page: Target | None = None,
        thorough: bool = False,
        archives: Sequence[Changeable] = (),
        on_progress: Callable[[int], object] | None = None,
    ) -> dict[str, int]:
        """Write down everything that is held about a person: for a machine (*json*), and to be read (*page*, HTML).

        That is events, those in *archives* too, what is noted, said and decided about mailing the person, messages that
        could not be read, holds, and what the audit trail tells of all this. Other recipients of the same mails stay
        hidden. Both are paths, replaced when all is written, or open files; memory stays bounded. Returns how many
        things there are of each kind; *on_progress* is told of how many so far. That it was asked for is written into
        the audit trail, without the address.

        Where the store encrypts and a key is gone, ``unreadable`` counts what nobody can read: events that are the
        person's for sure, of which type and time are told, and those at the person's domain that may be. For these the
        whole log is read where the person has no key; with *thorough* also where there is one, since somebody whose
        key was lost is given another.

        Raises ConfigurationError for what is no address, or where it is not said who asks.
        """
        now = self._clock()
        person = self._perform(personal.begin(address, by, why, now))
        with writing_down(person, now, json, page, on_progress) as told:
            for find in personal.finds_before:
                self._find(find, person, told)
            for archive in archives:
                archive.change(self._unsealing(told.archived), texts=spellings(person), dry_run=True)
            for find in personal.finds_after(thorough):
                self._find(find, person, told)
        return told.counts

    def _find(self, find: personal.Find, person: Person, told: Papers) -> None:
        place: Any = None
        while True:
            things, place = self._perform(find(person, place))
            told.add(things)
            if place is None:
                break

    def erase(
        self,
        address: str,
        *,
        by: str,
        why: str = "",
        keep_do_not_mail: bool = True,
        dry_run: bool = False,
        thorough: bool = False,
        archives: Sequence[Changeable] = (),
        on_progress: Callable[[ErasureProgress], object] | None = None,
    ) -> ErasureReceipt:
        """Erase a person: take the address, and what is the person's own, out of all that is kept.

        Events stay, with their ids, their times and all that is counted of them; a mark stands where the address
        stood, and of mails to nobody else subject, headers, links, IP addresses and user agents go. Of several
        recipients the others stay. Facts and acts move to a keyed hash, and so that nobody mails the person again the
        hash is kept from mail, whatever comes later; without *keep_do_not_mail* nothing is kept of them, and mail that
        is sent from now on is stored as anybody's. Dead letters, and *archives* (`sesevent.contrib.archive.Archive`,
        of a blocking store), are rewritten. What comes of old mails later, or out of a backup, is erased again when it
        is stored. Where the store encrypts and people have keys of their own, the person's are destroyed at the end:
        what else there is, in archives and backups, cannot be read any more.

        It may be killed at any point: erase again, and it goes on. Erasing twice is erasing once. *thorough* reads the
        whole log for texts that name the person without concerning them, such as inbound mail. With *dry_run* nothing
        is changed, and the receipt says what would be; archives are read for it. *on_progress* is called after each
        part of the work. It is written into the audit trail, which does not name the person.

        Raises ConfigurationError where the store has no keys, or it is not said by whom; and Held, with nothing done,
        where a hold keeps something of the person's.
        """
        if dry_run:
            imagined: Work = self._perform(privacy.look(address, keep_do_not_mail, by, why, thorough, self._clock()))
            told = _Told(on_progress, dry_run=True)
            self._in_archives(imagined, archives, told)
            return told.receipt(imagined)
        work: Work = self._perform(privacy.begin(address, keep_do_not_mail, by, why, thorough, self._clock()))
        told = _Told(on_progress, work)
        for _ in range(_ROUNDS):
            self._walk(work, told)
            if self._perform(privacy.is_done(work)):
                break
        self._in_archives(work, archives, told)
        self._perform(privacy.shred(work))
        done: ErasureReceipt = self._perform(privacy.end(work, self._clock()))
        return done

    def _walk(self, work: Work, told: _Told) -> None:
        for step in privacy.steps:
            place: Any = None
            while True:
                done, place = self._perform(step(self._policy, work, place))
                told.events(done)
                if place is None:
                    break

    def _in_archives(self, work: Work, archives: Sequence[Changeable], told: _Told) -> None:
        if not archives:
            return
        change = privacy.without_in_archive(work, self._perform(keeping.holds_by_any_name()))

        def tell(done: Any) -> None:
            told.archived(done)
            if not told.dry_run:
                self._perform(privacy.archived(work, *told.counts))

        for archive in archives:
            told.beside()
            texts = privacy.texts_of(work)
            archive.change(self._unsealing(change), texts=texts, dry_run=told.dry_run, on_progress=tell)

    def _unsealing(self, change: Change) -> Change:
        """The same change, of events that are archived encrypted, too."""

        def changed(document: dict[str, Any]) -> dict[str, Any]:
            if not holds_sealed(document):
                return change(document)
            found: dict[str, Any] = self._perform(privacy.sealed_without(change, document))
            return found

        return changed

    def receipts(self) -> Iterator[ErasureReceipt]:
        """What was erased, by keyed hash: the last erasure of each person. The audit trail tells of all."""
        after: str | None = None
        while page := self._perform(privacy.receipts_page(after)):
            yield from page
            after = page[-1].person

    def receipt(self, address: str) -> ErasureReceipt | None:
        """Of one person; None where that person was never erased."""
        found: ErasureReceipt | None = self._perform(privacy.receipt_for(address))
        return found

    def readmit(self, address: str, *, by: str, why: str) -> bool:
        """Take somebody off the list of the erased, such as a customer who came back; False where they are not on it.

        What is erased stays so. What was known against mailing them, such as a complaint, is known of the address
        again. It is written into the audit trail.
        """
        found: bool = self._perform(privacy.readmit(self._policy, address, by, why, self._clock()))
        return found


class AsyncPrivacy:
    """A person's rights: ``store.privacy``."""

    def __init__(
        self, perform: Callable[[Plan[Any]], Awaitable[Any]], clock: Callable[[], datetime], policy: Policy
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._policy = policy

    async def export(
        self,
        address: str,
        json: Target | None = None,
        *,
        by: str,
        why: str = "",
        page: Target | None = None,
        thorough: bool = False,
        archives: Sequence[Changeable] = (),
        on_progress: Callable[[int], object] | None = None,
    ) -> dict[str, int]:
        """Write down everything that is held about a person: for a machine (*json*), and to be read (*page*, HTML).

        That is events, those in *archives* too, what is noted, said and decided about mailing the person, messages that
        could not be read, holds, and what the audit trail tells of all this. Other recipients of the same mails stay
        hidden. Both are paths, replaced when all is written, or open files; memory stays bounded. Returns how many
        things there are of each kind; *on_progress* is told of how many so far. That it was asked for is written into
        the audit trail, without the address.

        Where the store encrypts and a key is gone, ``unreadable`` counts what nobody can read: events that are the
        person's for sure, of which type and time are told, and those at the person's domain that may be. For these the
        whole log is read where the person has no key; with *thorough* also where there is one, since somebody whose
        key was lost is given another.

        Raises ConfigurationError for what is no address, or where it is not said who asks.
        """
        now = self._clock()
        person = await self._perform(personal.begin(address, by, why, now))
        with writing_down(person, now, json, page, on_progress) as told:
            for find in personal.finds_before:
                await self._find(find, person, told)
            for archive in archives:
                change = self._unsealing(told.archived)
                await asyncio.to_thread(archive.change, change, texts=spellings(person), dry_run=True)
            for find in personal.finds_after(thorough):
                await self._find(find, person, told)
        return told.counts

    async def _find(self, find: personal.Find, person: Person, told: Papers) -> None:
        place: Any = None
        while True:
            things, place = await self._perform(find(person, place))
            told.add(things)
            if place is None:
                break

    async def erase(
        self,
        address: str,
        *,
        by: str,
        why: str = "",
        keep_do_not_mail: bool = True,
        dry_run: bool = False,
        thorough: bool = False,
        archives: Sequence[Changeable] = (),
        on_progress: Callable[[ErasureProgress], object] | None = None,
    ) -> ErasureReceipt:
        """Erase a person: take the address, and what is the person's own, out of all that is kept.

        Events stay, with their ids, their times and all that is counted of them; a mark stands where the address
        stood, and of mails to nobody else subject, headers, links, IP addresses and user agents go. Of several
        recipients the others stay. Facts and acts move to a keyed hash, and so that nobody mails the person again the
        hash is kept from mail, whatever comes later; without *keep_do_not_mail* nothing is kept of them, and mail that
        is sent from now on is stored as anybody's. Dead letters, and *archives* (`sesevent.contrib.archive.Archive`,
        of a blocking store), are rewritten. What comes of old mails later, or out of a backup, is erased again when it
        is stored. Where the store encrypts and people have keys of their own, the person's are destroyed at the end:
        what else there is, in archives and backups, cannot be read any more.

        It may be killed at any point: erase again, and it goes on. Erasing twice is erasing once. *thorough* reads the
        whole log for texts that name the person without concerning them, such as inbound mail. With *dry_run* nothing
        is changed, and the receipt says what would be; archives are read for it. *on_progress* is called after each
        part of the work. It is written into the audit trail, which does not name the person.

        Raises ConfigurationError where the store has no keys, or it is not said by whom; and Held, with nothing done,
        where a hold keeps something of the person's.
        """
        if dry_run:
            imagined: Work = await self._perform(
                privacy.look(address, keep_do_not_mail, by, why, thorough, self._clock())
            )
            told = _Told(on_progress, dry_run=True)
            await self._in_archives(imagined, archives, told)
            return told.receipt(imagined)
        work: Work = await self._perform(privacy.begin(address, keep_do_not_mail, by, why, thorough, self._clock()))
        told = _Told(on_progress, work)
        for _ in range(_ROUNDS):
            await self._walk(work, told)
            if await self._perform(privacy.is_done(work)):
                break
        await self._in_archives(work, archives, told)
        await self._perform(privacy.shred(work))
        done: ErasureReceipt = await self._perform(privacy.end(work, self._clock()))
        return done

    async def _walk(self, work: Work, told: _Told) -> None:
        for step in privacy.steps:
            place: Any = None
            while True:
                done, place = await self._perform(step(self._policy, work, place))
                told.events(done)
                if place is None:
                    break

    async def _in_archives(self, work: Work, archives: Sequence[Changeable], told: _Told) -> None:
        if not archives:
            return
        change = privacy.without_in_archive(work, await self._perform(keeping.holds_by_any_name()))
        loop = asyncio.get_running_loop()

        def tell(done: Any) -> None:
            told.archived(done)
            if not told.dry_run:
                keep: Any = self._perform(privacy.archived(work, *told.counts))
                asyncio.run_coroutine_threadsafe(keep, loop).result()

        for archive in archives:
            told.beside()
            texts, sealed = privacy.texts_of(work), self._unsealing(change)
            await asyncio.to_thread(archive.change, sealed, texts=texts, dry_run=told.dry_run, on_progress=tell)

    def _unsealing(self, change: Change) -> Change:
        """The same change, of events that are archived encrypted, too; called in another thread."""
        loop = asyncio.get_running_loop()

        def changed(document: dict[str, Any]) -> dict[str, Any]:
            if not holds_sealed(document):
                return change(document)
            found: Any = self._perform(privacy.sealed_without(change, document))
            told: dict[str, Any] = asyncio.run_coroutine_threadsafe(found, loop).result()
            return told

        return changed

    async def receipts(self) -> AsyncIterator[ErasureReceipt]:
        """What was erased, by keyed hash: the last erasure of each person. The audit trail tells of all."""
        after: str | None = None
        while page := await self._perform(privacy.receipts_page(after)):
            for one in page:
                yield one
            after = page[-1].person

    async def receipt(self, address: str) -> ErasureReceipt | None:
        """Of one person; None where that person was never erased."""
        found: ErasureReceipt | None = await self._perform(privacy.receipt_for(address))
        return found

    async def readmit(self, address: str, *, by: str, why: str) -> bool:
        """Take somebody off the list of the erased, such as a customer who came back; False where they are not on it.

        What is erased stays so. What was known against mailing them, such as a complaint, is known of the address
        again. It is written into the audit trail.
        """
        found: bool = await self._perform(privacy.readmit(self._policy, address, by, why, self._clock()))
        return found
