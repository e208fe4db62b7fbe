"""What is asked of a neighbour's collection beyond what the store asks of its own, and of a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

__all__ = ["PARTS", "SUMS", "WAITING", "Call", "Find", "UpdateMany", "Wrote", "neighbour"]

PARTS: Final = "ses_projection_part"
"""What each mail adds to the figures of its template."""
SUMS: Final = "ses_projection_sum"
"""…added up by hour of sending."""
WAITING: Final = "ses_projection_waiting"
"""Events whose document was not there yet."""


def neighbour(name: str) -> str:
    """The name by which operations know the collection of a projection."""
    return f"neighbour of {name}"


class Wrote(NamedTuple):
    """What an update found."""

    matched: int
    modified: int
    made: bool


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """Update all documents that match."""

    collection: str
    filter: Mapping[str, Any]
    change: Mapping[str, Any]
    upsert: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def start(self, collections: Any) -> Any:
        """See `sesevent.ops.Operation`."""
        return collections[self.collection].update_many(self.filter, self.change, upsert=self.upsert, **self.options)

    def finish(self, outcome: Any) -> Wrote:
        """See `sesevent.ops.Operation`."""
        return Wrote(outcome.matched_count, outcome.modified_count, outcome.upserted_id is not None)


@dataclass(frozen=True, slots=True)
class Find:
    """Read what matches, by the neighbour's own collation."""

    collection: str
    filter: Mapping[str, Any]
    projection: Mapping[str, Any]
    options: Mapping[str, Any]

    def start(self, collections: Any) -> Any:
        """See `sesevent.ops.Operation`."""
        return collections[self.collection].find(self.filter, self.projection, **self.options).to_list()

    def finish(self, outcome: Any) -> list[dict[str, Any]]:
        """See `sesevent.ops.Operation`."""
        return list(outcome)


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function with a document; where *awaits*, wait for what it returns if that is to be awaited."""

    function: Callable[[dict[str, Any]], Any]
    document: dict[str, Any]
    awaits: bool

    def start(self, collections: Any) -> Any:  # noqa: ARG002  # no collection is asked
        """See `sesevent.ops.Operation`."""
        return self._awaited() if self.awaits else self.function(self.document)

    async def _awaited(self) -> Any:
        told = self.function(self.document)
        return await told if inspect.isawaitable(told) else told

    def finish(self, outcome: Any) -> None:  # noqa: ARG002  # what it returns is its own
        """See `sesevent.ops.Operation`."""
        return
