"""Weeks of a sender's life with a bad day at their end, and what comes after: to look at, rather than to measure with.

Most mails arrive; by day more are sent than by night. From one moment on an old list is mailed: it bounces, and people
complain. Equal seeds make equal traffic. Next to it `stream`, which arrives late, out of order and twice.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sesevent.testing import payloads
from sesevent.testing.payloads import Payload
from sesevent.testing.stream import mail_story

__all__ = ["Traffic"]

_CALM: Final = 0.15
"""Of mails that would bounce, how many do on a good day."""
_OLD_LIST: Final = 0.25
"""Of mails to the old list, how many bounce."""
_ANGRY: Final = 0.012


class Traffic:
    """Events by the time at which they happen, as far as one asks."""

    def __init__(self, since: datetime, bad_from: datetime, *, mails_an_hour: float = 10.0, seed: int = 0) -> None:
        self._sent, self._bad_from, self._rate = since, bad_from, mails_an_hour
        self._chance = random.Random(seed)
        self._waiting: list[tuple[datetime, int, Payload]] = []
        self._number = 0
        self._asked, self._faster = since, 1.0

    def until(self, moment: datetime, *, faster: float = 1.0) -> Iterator[Payload]:
        """What happens until *moment*, behind what was asked for before; *faster*: so much more is sent."""
        self._hasten(faster)
        while self._sent < moment:
            self._send()
            self._sent += timedelta(hours=self._chance.expovariate(self._mails_an_hour() * faster))
            yield from self._happened(min(self._sent, moment))
        yield from self._happened(moment)
        self._asked = moment

    def _hasten(self, faster: float) -> None:
        """Let the next mail come sooner, too: at night it may be minutes away."""
        self._sent = self._asked + (self._sent - self._asked) * (self._faster / faster)
        self._faster = faster

    def _happened(self, moment: datetime) -> Iterator[Payload]:
        while self._waiting and self._waiting[0][0] <= moment:
            yield heapq.heappop(self._waiting)[2]

    def _mails_an_hour(self) -> float:
        hour = self._sent.hour + self._sent.minute / 60
        by_day = 1 + 0.7 * math.sin((hour - 8) / 24 * 2 * math.pi)
        return self._rate * by_day * (5 if self._is_bad() else 1)

    def _is_bad(self) -> bool:
        return self._sent >= self._bad_from

    def _send(self) -> None:
        story = self._old_list() if self._is_bad() and self._chance.random() < 0.7 else self._usual()
        for happened, payload in story:
            heapq.heappush(self._waiting, (happened, self._number, payload))
            self._number += 1

    def _usual(self) -> list[tuple[datetime, Payload]]:
        while True:
            story = list(mail_story(self._chance, self._sent))
            fails = any(payload["eventType"] in ("Bounce", "Complaint") for _, payload in story)
            if not fails or self._chance.random() < _CALM:
                return story

    def _old_list(self) -> list[tuple[datetime, Payload]]:
        number = self._chance.randrange(10**6)
        person = f"former{number}@{self._chance.choice(('gmail.example', 'yahoo.example', 'outlook.example'))}"
        about: dict[str, Any] = {
            "to": [person], "sent": self._sent, "subject": "We miss you 🌷", "campaign": "win-back",
            "configuration_set": "marketing",
            "message_id": f"0100{self._chance.getrandbits(48):012x}-old-list-{number}",
        }  # fmt: skip
        seconds = timedelta(seconds=self._chance.lognormvariate(1.5, 1))
        story = [(self._sent, payloads.send(**about))]
        if self._chance.random() < _OLD_LIST:
            words = f"smtp; 550 5.1.1 <{person}>: Recipient address rejected: User unknown"
            bounced = payloads.bounce(bounced=person, after=seconds, status="5.1.1", diagnostic=words, **about)
            return [*story, (self._sent + seconds, bounced)]
        story.append((self._sent + seconds, payloads.delivery(delivered=person, after=seconds, **about)))
        if self._chance.random() < _ANGRY:
            after = seconds + timedelta(minutes=self._chance.uniform(1, 30))
            told = payloads.complaint(complained=[person], feedback_type="abuse", after=after, **about)
            story.append((self._sent + after, told))
        return story
