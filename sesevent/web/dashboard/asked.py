"""What the address bar asks for: a span of time, its time zone, and which mails; and links that ask for something else.

Everything is a bounded text; a link made here leads to the same view on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request

from sesevent.analytics.measures import Window
from sesevent.analytics.periods import window_of, zone_of
from sesevent.bounces.priority import REASON_ORDER
from sesevent.web.problems import Refused
from sesevent.web.routing import web_of

__all__ = ["FILTERS", "SPANS", "View", "choice", "number", "path_of", "text_of", "view_of"]

FILTERS: Final = {
    "campaign": "Campaign",
    "recipient_domain": "Recipient's domain",
    "provider": "Provider",
    "configuration_set": "Configuration set",
}
"""Which mails: of figures and events alike."""
SPANS: Final = {"1h": "hour", "24h": "24 hours", "2d": "2 days", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
_LONGEST: Final = 256
_WALL_CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_HOURLY, _DAILY = timedelta(days=8), timedelta(days=150)


@dataclass(frozen=True)
class View:
    """What a page shows."""

    now: datetime
    tz: str
    zone: tzinfo
    since: str
    """As it was told: a span, or a time."""
    until: str | None
    window: Window
    filters: Mapping[str, str]
    reason: str | None = None
    type: str | None = None

    @property
    def by(self) -> str:
        """What time is divided by, so that a chart has neither ten points nor thousands."""
        span = self.window.until - self.window.since
        return "hour" if span <= _HOURLY else "day" if span <= _DAILY else "week"

    @property
    def kept(self) -> dict[str, str]:
        """What links from here keep."""
        told = {"tz": None if self.tz == "UTC" else self.tz, "since": self.since, "until": self.until}
        told |= {"reason": self.reason, "type": self.type} | dict(self.filters)
        return {name: value for name, value in told.items() if value}

    @property
    def question(self) -> dict[str, Any]:
        """What ``store.analytics`` is asked with."""
        return {"since": self.window.since, "until": self.window.until, "tz": self.tz, **self.filters}

    @property
    def narrow(self) -> dict[str, Any]:
        """What ``store.events.find`` is asked with."""
        return {
            "since": self.window.since, "until": self.window.until, **self.filters,
            "reasons": [self.reason] if self.reason else [], "types": [self.type] if self.type else [],
        }  # fmt: skip


def view_of(request: Request, since: str = "24h") -> View:
    """What is asked for. Raises Refused, or ConfigurationError, where that cannot be."""
    web = web_of(request)
    tz = text_of(request, "tz") or "UTC"
    zone, now = zone_of(tz), web.now()
    begin, end = text_of(request, "since") or since, text_of(request, "until")
    window = window_of(_told(begin, zone), None if end is None else _told(end, zone), now, zone)
    if window.until - window.since > timedelta(days=web.limits.days):
        raise Refused(400, f"The span of time is longer than {web.limits.days} days.")
    filters = {name: told for name in FILTERS if (told := text_of(request, name)) is not None}
    reason = text_of(request, "reason")
    if reason is not None and reason not in REASON_ORDER:
        raise Refused(400, "There is no such reason for a bounce.")
    return View(now, tz, zone, begin, end, window, filters, reason, text_of(request, "type"))


def _told(text: str, zone: tzinfo) -> Any:
    """A time without a zone, as a browser's field tells it, is one of the page's zone."""
    if not _WALL_CLOCK.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise Refused(400, "There is no such day, or time of day.") from None


def text_of(request: Request, name: str) -> str | None:
    """One text of the query; None where it is empty. Raises Refused for one that is too long."""
    text = request.query_params.get(name, "").strip()
    if len(text) > _LONGEST or "\x00" in text:
        raise Refused(400, f"`{name}` is longer than {_LONGEST} characters, or no text.")
    return text or None


def choice(request: Request, name: str, words: Mapping[str, Any] | tuple[str, ...], usual: str) -> str:
    """One of some words. Raises Refused for another."""
    told = text_of(request, name) or usual
    if told not in words:
        raise Refused(400, f"`{name}` is one of {', '.join(words)}.")
    return told


def number(request: Request, name: str, usual: int, most: int) -> int:
    """A number from 1 on. Raises Refused for what is none."""
    told = text_of(request, name)
    if told is None:
        return usual
    if not (told.isascii() and told.isdigit() and len(told) < 7 and 1 <= int(told) <= most):
        raise Refused(400, f"`{name}` is a number from 1 to {most}.")
    return int(told)


def path_of(root: str, path: str, **query: Any) -> str:
    """A link within these pages: *path* may hold what came in a mail."""
    asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return root + quote(path, safe="/-._~") + (f"?{asked}" if asked else "")
