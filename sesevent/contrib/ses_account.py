"""Amazon SES's own suppression list of one account and region, mirrored both ways (extra ``aws``).

What is compared and who wins is :mod:`sesevent.plans.ses_list`'s to say, the order of the calls
:mod:`sesevent.plans.ses_sync`'s. Here is what does it: boto3, which no other module of this job knows.
No message of an error holds an address, and what boto3 raised is not chained: its messages may.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from sesevent.errors import ConfigurationError, MissingExtra, SesEventError
from sesevent.moments import UTC
from sesevent.plans import ses_sync
from sesevent.plans.ses_list import Ours
from sesevent.plans.ses_sync import Call, Drift, Known, Override, Pace, Progress, Record, Report, Story, Tell, Wait
from sesevent.suppression.facts import Act

try:
    from botocore.config import Config

    from sesevent.contrib.aws_errors import RAISED, error_code, made_client, translated
except ImportError:
    raise MissingExtra("Mirroring Amazon SES's suppression list", "aws") from None

__all__ = ["AsyncSesAccount", "Drift", "Override", "Progress", "Report", "SesAccount"]

R = TypeVar("R")
OnProgress = Callable[[Progress], object]

PAGE_SIZE: Final = 1000  # the most that SES returns at once

# Not the listing: were that taken for empty, everybody would be told to be gone.
_MAY_BE_GONE: Final = {"delete_suppressed_destination", "get_configuration_set", "get_suppressed_destination"}


class SuppressionList(Protocol):
    """What is asked of ``store.suppression``."""

    def mirrored(self, region: str, addresses: Sequence[str] | None = None) -> Iterator[Ours]:
        """What we know, for comparing."""
        ...

    def record(self, said: Iterable[tuple[str, Act]]) -> int:
        """Write acts down."""
        ...


class Store(Protocol):
    """What is needed of an `EventStore`."""

    @property
    def suppression(self) -> SuppressionList:
        """Whom one may mail."""
        ...


class AsyncSuppressionList(Protocol):
    """What is asked of an asyncio store's ``suppression``."""

    def mirrored(self, region: str, addresses: Sequence[str] | None = None) -> AsyncIterator[Ours]:
        """What we know, for comparing."""
        ...

    async def record(self, said: Iterable[tuple[str, Act]]) -> int:
        """Write acts down."""
        ...


class AsyncStore(Protocol):
    """What is needed of an `AsyncEventStore`."""

    @property
    def suppression(self) -> AsyncSuppressionList:
        """Whom one may mail."""
        ...


def utc_now() -> datetime:
    """The time, to the millisecond that the store keeps."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class _Account:
    """What both colours know: the client, the pace, and what SES's errors mean."""

    def __init__(
        self, session: Any, pause: float, attempts: int, page_size: int, clock: Callable[[], datetime], **options: Any
    ) -> None:
        if not 1 <= page_size <= PAGE_SIZE:
            raise ConfigurationError(f"page_size must be from 1 to {PAGE_SIZE}.")
        # The story waits and repeats; boto3 doing the same inside would multiply both.
        once = Config(retries={"total_max_attempts": 1})
        config = once.merge(options.pop("config")) if options.get("config") else once
        self.client = made_client("sesv2", session, service="Amazon SES", prefix="ses", config=config, **options)
        self.region: str = self.client.meta.region_name or ""
        if not self.region:
            raise ConfigurationError("It is not known of which region the list is.", hint="Name region_name.")
        self.pause, self.attempts, self.page_size, self.clock = pause, attempts, page_size, clock

    def pace(self) -> Pace:
        return Pace(self.pause, self.attempts)

    def perform(self, asked: Call) -> Any:
        try:
            return getattr(self.client, asked.operation)(**asked.request)
        except RAISED as error:
            if error_code(error) == "NotFoundException" and asked.operation in _MAY_BE_GONE:
                return None
            raise _translated(error, asked.operation) from None


_translated = partial(translated, service="Amazon SES", prefix="ses")


def _of(asked: Known) -> list[str] | None:
    return None if asked.address is None else [asked.address]


class SesAccount:
    """SES's suppression list of the account and region that boto3 is configured for. Its twin is `AsyncSesAccount`.

    *session* is a ``boto3.Session``; *client_options* go to its SESv2 client (``region_name``,
    ``endpoint_url``, …). SES allows about one such call a second: *pause* seconds lie between two, and
    more where SES asks for patience, at most *attempts* times for one call.

    Only hard bounces and complaints are put there, and only what holds for good, on every stream and
    for every tenant: SES knows two reasons and nothing of streams. Manual, imported and unsubscribed
    addresses, soft bounces and guessed complainants stay here. While it works it holds both lists in
    memory, about 650 bytes an address.
    """

    def __init__(
        self,
        store: Store,
        session: Any = None,
        *,
        pause: float = 1.0,
        attempts: int = 6,
        page_size: int = PAGE_SIZE,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] = time.sleep,
        **client_options: Any,
    ) -> None:
        self._store = store
        self._account = _Account(session, pause, attempts, page_size, clock, **client_options)
        self._sleep = sleep

    @property
    def region(self) -> str:
        """The region whose list it is."""
        return self._account.region

    def pull(
        self,
        *,
        since: datetime | None = None,
        token: str | None = None,
        dry_run: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Write SES's list down here, page by page, and, after all of it, what is gone from it.

        *since* asks only for entries that changed from then on. An interrupted pull is continued with the
        *token* that *on_progress* was told last. Both see no whole list, so nothing is told to be gone.
        """
        account = self._account
        told = ses_sync.pull(
            account.pace(), account.region, since=since, token=token, size=account.page_size, dry_run=dry_run
        )
        return self._tell(told, on_progress)

    def push(self, *, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
        """Put on SES's list whom we suppress for a hard bounce or a complaint, and delete whom we reactivated."""
        account = self._account
        told = ses_sync.sync(
            account.pace(), account.region, ways=("push", "keep"), size=account.page_size, dry_run=dry_run
        )
        return self._tell(told, on_progress)

    def sync(self, *, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
        """Both ways. Who wins where the lists differ says the table `sesevent.plans.ses_list.ROWS`.

        With *dry_run* nothing is changed on either side, and the report says what would be.
        """
        account = self._account
        told = ses_sync.sync(
            account.pace(), account.region, ways=("push", "pull", "keep"), size=account.page_size, dry_run=dry_run
        )
        return self._tell(told, on_progress)

    def drift(self, *, on_progress: OnProgress | None = None) -> Drift:
        """How far the two lists differ, and which configuration sets do not heed SES's. Nothing is changed."""
        account = self._account
        return self._tell(ses_sync.drift(account.pace(), account.region, size=account.page_size), on_progress)

    def overrides(self) -> list[Override]:
        """For which configuration sets SES does not heed its list, the account first."""
        return self._tell(ses_sync.overrides(self._account.pace()), None)

    def _tell(self, story: Story[R], on_progress: OnProgress | None) -> R:
        with closing(story):
            try:
                asked = next(story)
                while True:
                    try:
                        answer = self._do(asked, on_progress)
                    except SesEventError as error:  # noqa: PERF203
                        asked = story.throw(error)
                    else:
                        asked = story.send(answer)
            except StopIteration as end:
                result: R = end.value
                return result

    def _do(self, asked: ses_sync.Outside, on_progress: OnProgress | None) -> Any:
        if isinstance(asked, Call):
            return self._account.perform(asked)
        if isinstance(asked, Known):
            return list(self._store.suppression.mirrored(asked.region, _of(asked)))
        if isinstance(asked, Record):
            return self._store.suppression.record(asked.said)
        if isinstance(asked, Wait):
            return self._sleep(asked.seconds)
        if isinstance(asked, Tell):
            return on_progress and on_progress(asked.progress)
        return self._account.clock()


class AsyncSesAccount:
    """SES's suppression list of the account and region that boto3 is configured for. Its twin is `SesAccount`.

    *session* is a ``boto3.Session``; *client_options* go to its SESv2 client (``region_name``,
    ``endpoint_url``, …). SES allows about one such call a second: *pause* seconds lie between two, and
    more where SES asks for patience, at most *attempts* times for one call. boto3 blocks: it is called in
    a thread.

    Only hard bounces and complaints are put there, and only what holds for good, on every stream and
    for every tenant: SES knows two reasons and nothing of streams. Manual, imported and unsubscribed
    addresses, soft bounces and guessed complainants stay here. While it works it holds both lists in
    memory, about 650 bytes an address.
    """

    def __init__(
        self,
        store: AsyncStore,
        session: Any = None,
        *,
        pause: float = 1.0,
        attempts: int = 6,
        page_size: int = PAGE_SIZE,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Any] = asyncio.sleep,
        **client_options: Any,
    ) -> None:
        self._store = store
        self._account = _Account(session, pause, attempts, page_size, clock, **client_options)
        self._sleep = sleep

    @property
    def region(self) -> str:
        """The region whose list it is."""
        return self._account.region

    async def pull(
        self,
        *,
        since: datetime | None = None,
        token: str | None = None,
        dry_run: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Write SES's list down here, page by page, and, after all of it, what is gone from it.

        *since* asks only for entries that changed from then on. An interrupted pull is continued with the
        *token* that *on_progress* was told last. Both see no whole list, so nothing is told to be gone.
        """
        account = self._account
        told = ses_sync.pull(
            account.pace(), account.region, since=since, token=token, size=account.page_size, dry_run=dry_run
        )
        return await self._tell(told, on_progress)

    async def push(self, *, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
        """Put on SES's list whom we suppress for a hard bounce or a complaint, and delete whom we reactivated."""
        account = self._account
        told = ses_sync.sync(
            account.pace(), account.region, ways=("push", "keep"), size=account.page_size, dry_run=dry_run
        )
        return await self._tell(told, on_progress)

    async def sync(self, *, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
        """Both ways. Who wins where the lists differ says the table `sesevent.plans.ses_list.ROWS`.

        With *dry_run* nothing is changed on either side, and the report says what would be.
        """
        account = self._account
        told = ses_sync.sync(
            account.pace(), account.region, ways=("push", "pull", "keep"), size=account.page_size, dry_run=dry_run
        )
        return await self._tell(told, on_progress)

    async def drift(self, *, on_progress: OnProgress | None = None) -> Drift:
        """How far the two lists differ, and which configuration sets do not heed SES's. Nothing is changed."""
        account = self._account
        return await self._tell(ses_sync.drift(account.pace(), account.region, size=account.page_size), on_progress)

    async def overrides(self) -> list[Override]:
        """For which configuration sets SES does not heed its list, the account first."""
        return await self._tell(ses_sync.overrides(self._account.pace()), None)

    async def _tell(self, story: Story[R], on_progress: OnProgress | None) -> R:
        with closing(story):
            try:
                asked = next(story)
                while True:
                    try:
                        answer = await self._do(asked, on_progress)
                    except SesEventError as error:  # noqa: PERF203
                        asked = story.throw(error)
                    else:
                        asked = story.send(answer)
            except StopIteration as end:
                result: R = end.value
                return result

    async def _do(self, asked: ses_sync.Outside, on_progress: OnProgress | None) -> Any:
        if isinstance(asked, Call):
            return await asyncio.to_thread(self._account.perform, asked)
        if isinstance(asked, Known):
            return [ours async for ours in self._store.suppression.mirrored(asked.region, _of(asked))]
        if isinstance(asked, Record):
            return await self._store.suppression.record(asked.said)
        if isinstance(asked, Wait):
            return await self._sleep(asked.seconds)
        if isinstance(asked, Tell):
            return on_progress and on_progress(asked.progress)
        return self._account.clock()
