"""What projecting did, or would do."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

__all__ = ["Change", "Counts", "Outcome", "Report"]


@dataclass
class Counts:
    """What one projection did."""

    events: int = 0
    """Events that it was given, repeated ones included."""
    matched: int = 0
    """Documents found to be kept up to date."""
    changed: int = 0
    """…of which so many were not so already."""
    made: int = 0
    """Documents it made: upserted, or raised as events."""
    called: int = 0
    """Calls of a function."""
    missing: int = 0
    """Events whose document was not there, at each try."""
    given_up: int = 0
    """Events whose document did not come in time; the log says so too."""

    def __iadd__(self, other: Counts) -> Counts:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        return self


class Change(NamedTuple):
    """What a dry run found that would be changed. Its values may tell of people: they are for you, not for logs."""

    projection: str
    document: Any
    """The document's ``_id``; None of one that would be made."""
    field: str
    """Where in it; empty for the whole document."""
    before: Any
    after: Any

    def __repr__(self) -> str:
        return f"<Change by {self.projection} of {self.field or 'a document'}>"


@dataclass
class Outcome:
    """What one projection did with some events."""

    counts: Counts = field(default_factory=Counts)
    missing: list[Any] = field(default_factory=list)
    """Ids of the events whose document was not there."""
    changes: list[Change] = field(default_factory=list)
    """Of a dry run."""


@dataclass
class Report:
    """What was done so far, by the projections' names."""

    events: int = 0
    """Events that were looked at."""
    projections: dict[str, Counts] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    """Of a dry run: what would be changed."""

    def add(self, name: str, outcome: Outcome) -> None:
        """Add what a projection did."""
        counts = self.projections.setdefault(name, Counts())
        counts += outcome.counts
        self.changes += outcome.changes

    def __iadd__(self, other: Report) -> Report:
        self.events += other.events
        for name, counts in other.projections.items():
            known = self.projections.setdefault(name, Counts())
            known += counts
        self.changes += other.changes
        return self
