"""What rules need to know of a window. Who counted it, and how, is not known here.

Next: :mod:`sesevent.monitoring.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import blake2b

from sesevent import addresses, jsontext
from sesevent.analytics.measures import Window

__all__ = ["Figures", "Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The mails that a rule looks at: those for which everything named here holds; all of them, where nothing is."""

    configuration_set: str | None = None
    campaign: str | None = None
    provider: str | None = None
    """Of recipients, such as ``gmail``: see `sesevent.analytics.providers`."""
    source: str | None = None
    """Address that sends."""

    @property
    def told(self) -> dict[str, str]:
        """What is named."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def key(self) -> str:
        """Equal for equal scopes; it tells no address. Empty for all mails."""
        told = self.told
        return blake2b(jsontext.encode(sorted(told.items())).encode(), digest_size=4).hexdigest() if told else ""

    def __str__(self) -> str:
        """For people: an address is masked."""
        told = self.told
        if self.source is not None:
            told["source"] = addresses.mask(self.source)
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()) or "all mails"


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one scope in one window. What nobody asked for is empty, or None."""

    window: Window
    counts: Mapping[str, int] = field(default_factory=dict)
    """Under the names of `sesevent.analytics.counts`; what is missing is 0."""
    usual: Mapping[str, int] = field(default_factory=dict)
    """The same of the time before the window, as long as the rule's ``usual``: what it is compared with."""
    latency: Mapping[int, float] = field(default_factory=dict)
    """Percentile → seconds from the mail to its delivery; empty where nothing was delivered."""
    last_event: datetime | None = None
    """When the latest event of the scope happened, whenever that was."""
    missing: int | None = None
    """Events of the stretch of time since the last event, a week earlier; 0 where that event is of the window."""
    lags: Mapping[str, float] = field(default_factory=dict)
    """Seconds that something is behind, by name, such as ``arrival``."""
    dead_letters: int | None = None
    """Dead letters that arrived in the window."""
