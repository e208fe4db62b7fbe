"""For those who answer for a list, and for its people: ``store.compliance``, in both colours.

`Compliance` of an `EventStore`, `AsyncCompliance` of an `AsyncEventStore`. A store makes them, and hands in how it
performs plans and what its client was told. The stories are told in :mod:`sesevent.plans.compliance`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from sesevent.analytics.hygiene import Hygiene
from sesevent.analytics.processing import ProcessingRecord
from sesevent.ops import Plan
from sesevent.plans import compliance
from sesevent.retention import Retention
from sesevent.storage.connection import Settings

__all__ = ["AsyncCompliance", "Compliance", "Explained"]


class Explained(Protocol):
    """What says of itself what it stores, such as a privacy policy."""

    def explain(self) -> Iterable[Any]:
        """Rows: mappings, named tuples or dataclasses."""
        ...


class Compliance:
    """Whom to take off a list, and what is stored about people: ``store.compliance``."""

    def __init__(
        self,
        perform: Callable[[Plan[Any]], Any],
        clock: Callable[[], datetime],
        settings: Settings | None,
        privacy: Explained | None = None,
        *,
        encrypts: bool = False,
    ) -> None:
        self._encrypts = encrypts
        self._perform = perform
        self._clock = clock
        self._settings = settings
        self._privacy = privacy

    def hygiene(self, *, months: int = 6) -> Hygiene:
        """Whom to take off your lists: how many of each kind, with masked examples, what to do and why.

        By standings, who bounced, complained, left or is suppressed. By the log of twice as many *months*: who was
        delivered to more than once and did not look for that long (people, not machines; only where opens or clicks
        are known at all), role addresses, and domains that never took a mail and are one slip from one that does.
        It reads all events of that time. Who is kept in several ways, in the clear, encrypted or under a pseudonym,
        counts once where the store has the keys; ``counted_once`` says whether that was possible.
        """
        told: Hygiene = self._perform(compliance.hygiene_report(months, self._clock()))
        return told

    def record(
        self,
        *,
        retention: Retention | None = None,
        privacy: Explained | None = None,
        controller: str = "",
        legal_basis: str = "",
        recipients: Iterable[str] = (),
    ) -> ProcessingRecord:
        """A record of processing (GDPR, article 30): what is stored, about whom, where, why, how long, who may see it.

        Of what is configured, with the *retention* policy that holds; the *privacy* policy is the store's, unless
        another is given. Who is responsible (*controller*), on what it rests and to whom it is handed on (*recipients*)
        no configuration knows; what was not said stands among its ``open_points``. It is no legal advice.
        """
        plan = compliance.record(
            retention, privacy or self._privacy, controller, legal_basis, recipients, self._settings, self._clock(),
            encrypts=self._encrypts,
        )  # fmt: skip
        told: ProcessingRecord = self._perform(plan)
        return told


class AsyncCompliance:
    """Whom to take off a list, and what is stored about people: ``store.compliance``."""

    def __init__(
        self,
        perform: Callable[[Plan[Any]], Awaitable[Any]],
        clock: Callable[[], datetime],
        settings: Settings | None,
        privacy: Explained | None = None,
        *,
        encrypts: bool = False,
    ) -> None:
        self._encrypts = encrypts
        self._perform = perform
        self._clock = clock
        self._settings = settings
        self._privacy = privacy

    async def hygiene(self, *, months: int = 6) -> Hygiene:
        """Whom to take off your lists: how many of each kind, with masked examples, what to do and why.

        By standings, who bounced, complained, left or is suppressed. By the log of twice as many *months*: who was
        delivered to more than once and did not look for that long (people, not machines; only where opens or clicks
        are known at all), role addresses, and domains that never took a mail and are one slip from one that does.
        It reads all events of that time. Who is kept in several ways, in the clear, encrypted or under a pseudonym,
        counts once where the store has the keys; ``counted_once`` says whether that was possible.
        """
        told: Hygiene = await self._perform(compliance.hygiene_report(months, self._clock()))
        return told

    async def record(
        self,
        *,
        retention: Retention | None = None,
        privacy: Explained | None = None,
        controller: str = "",
        legal_basis: str = "",
        recipients: Iterable[str] = (),
    ) -> ProcessingRecord:
        """A record of processing (GDPR, article 30): what is stored, about whom, where, why, how long, who may see it.

        Of what is configured, with the *retention* policy that holds; the *privacy* policy is the store's, unless
        another is given. Who is responsible (*controller*), on what it rests and to whom it is handed on (*recipients*)
        no configuration knows; what was not said stands among its ``open_points``. It is no legal advice.
        """
        plan = compliance.record(
            retention, privacy or self._privacy, controller, legal_basis, recipients, self._settings, self._clock(),
            encrypts=self._encrypts,
        )  # fmt: skip
        told: ProcessingRecord = await self._perform(plan)
        return told
