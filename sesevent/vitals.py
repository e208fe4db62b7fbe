"""How well is something? The values that checks tell and `Health` adds up.

It knows nothing of what is checked, and asks nobody: checks of the database are in :mod:`sesevent.plans.health`,
others where their room is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Union

__all__ = ["DEFAULT_LIMITS", "NO_FIGURES", "WORST_FIRST", "Asked", "Check", "Checked", "Health", "Limits", "failed"]

Status = Literal["ok", "degraded", "down", "unknown"]

WORST_FIRST: Final[dict[str, str]] = {
    "down": "events cannot be received: whoever supervises this should act",
    "degraded": "events are received, but something wants looking at",
    "unknown": "it could not be told; that alone does not make the whole worse",
    "ok": "all is well",
}
"""The words of a status, and what each means."""

NO_FIGURES: Final[Mapping[str, float]] = MappingProxyType({})


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    """What was looked at, such as ``server`` or ``dead_letters``."""
    status: Status
    finding: str
    """What was found, for people. No address, subject or payload is in it."""
    remedy: str = ""
    """What to do, where something is to be done."""
    figures: Mapping[str, float] = NO_FIGURES
    """What was measured, for machines: seconds, or counts."""


Checked = Union[Check, Iterable[Check]]
Asked = Callable[[], Any]
"""Something else to be asked: returns a `Check` or several; for an asyncio store it may be a coroutine function."""


@dataclass(frozen=True)
class Limits:
    """Beyond which a store is called degraded."""

    replication_lag: timedelta = timedelta(seconds=30)
    """Of any member: writes by a majority still work, a fail-over would take longer."""
    clock_skew: timedelta = timedelta(seconds=10)
    """Between this machine and the server, beyond what the measurement may be wrong by."""
    watch_lag: timedelta = timedelta(minutes=5)
    """Of any named watch. One that runs saves its position every half minute, also while nothing comes."""
    rollup_lag: timedelta = timedelta(hours=2)
    """Since the first hour that nobody has rolled up was over."""
    new_dead_letters: int = 0
    """How many may become dead letters within an hour."""
    silence: Mapping[str, timedelta] = field(default_factory=dict)
    """How old the last event of a type may be, by SES's word; none by default: only you know how often you send."""


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Health:
    """How well a store is: each thing that was looked at, and the worst of them."""

    at: datetime
    took_seconds: float
    checks: tuple[Check, ...] = field(default=())

    @property
    def status(self) -> Literal["ok", "degraded", "down"]:
        """The worst of all; what could not be told does not count."""
        found = {check.status for check in self.checks}
        return "down" if "down" in found else "degraded" if "degraded" in found else "ok"

    @property
    def ok(self) -> bool:
        """True where nothing was found."""
        return self.status == "ok"

    def check(self, name: str) -> Check | None:
        """One of them, by name."""
        return next((check for check in self.checks if check.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON knows; the time in ISO 8601."""
        told = [check._asdict() | {"figures": dict(check.figures)} for check in self.checks]
        return {
            "status": self.status,
            "at": self.at.isoformat(),
            "took_seconds": round(self.took_seconds, 3),
            "checks": told,
        }


def failed(name: str, error: BaseException) -> Check:
    """A check that broke. What an unknown error says is left out: it may quote anything."""
    return Check(name, "unknown", f"the check itself failed ({type(error).__name__})")
