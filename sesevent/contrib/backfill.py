"""What is asked of a store by those who read what was kept elsewhere: objects in S3, records in Kinesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from sesevent.plans import bulk
from sesevent.plans.receive import Summary
from sesevent.sns.trust import VerifiedMessage

__all__ = ["PLACES_KEPT", "Bookmarks", "Store"]

PLACES_KEPT: Final = 100
"""Places that could not be read, as far as a report names them."""


class Bookmarks(Protocol):
    """What is asked of ``store.bookmarks``."""

    def read(self, names: Iterable[str]) -> dict[str, str]:
        """Where these are."""
        ...

    def write(self, places: Mapping[str, str]) -> None:
        """Put them there."""
        ...


class Store(Protocol):
    """What is needed of an `EventStore`."""

    @property
    def bookmarks(self) -> Bookmarks:
        """How far things were read."""
        ...

    def receive_many(
        self,
        items: Iterable[VerifiedMessage],
        *,
        on_progress: Callable[[Summary], object] | None = None,
        batch_size: int = bulk.BATCH,
        dead_letters: bool = True,
    ) -> Summary:
        """Receive many things."""
        ...
