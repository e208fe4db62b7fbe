"""A month of one sender's events, as fast as a store takes them: what `sesevent.testing` tells of mails, stencilled.

A few thousand stories of mails are told once; each mail of the month is one of them with times, ids and people of its
own. The month has so many events as asked, and each chunk of it follows from its number alone, so that whoever was
killed makes the same chunk again. Some mails are planted: the same few people, in a campaign of their own, whatever the
size. What is asked about them has the same answer at every size.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, cached_property
from operator import itemgetter
from typing import Any, Final

from sesevent.testing import payloads
from sesevent.testing.payloads import SENT, Payload
from sesevent.testing.stream import mail_story

START: Final = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAYS: Final = 30
END: Final = START + timedelta(days=DAYS)
CHUNK: Final = 5_000
"""Mails that are stored between two notes of how far it is."""
STORIES: Final = 1_000
"""That are told; of few events fewer."""

PEOPLE: Final = tuple(f"regular.{number}@company-7.example.com" for number in range(12))
LEAVING: Final = tuple(f"leaving.{number}@company-7.example.com" for number in range(9))
REFUSED: Final = tuple(f"refused.{number}@company-7.example.com" for number in range(12))
LETTERS: Final = 12
"""To each of them, over the month."""
CAMPAIGN: Final = "planted"

_PROVIDERS: Final = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "company-{}.example.com")
_SLOT: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)|(?P<id>0100[0-9a-f]{12}-[0-9a-f-]{36}-000000)|(?P<sns>SNS-ID)"
    r"|(?P<person>[^\s\"\\<>,]+@(?:[a-z]+|company-\d+)\.example(?:\.com)?(?=[\\>, ]))"
)
_SOURCE: Final = "news@shop.example.com"
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the month: which story it is, when it was sent, and to whom."""

    number: int
    sent: datetime
    story: Story
    people: tuple[str, ...]

    def events(self, chance: random.Random) -> Iterator[tuple[float, bytes]]:
        """What becomes of it, each with when it arrives, in seconds; one in a hundred twice, and some late."""
        milliseconds = int(self.sent.timestamp() * 1000)
        for number, stencil in enumerate(self.story.stencils):
            raw = stencil.filled(milliseconds, self.number * 64 + number, self.number, self.people)
            arrives = (milliseconds + stencil.happens) / 1000
            arrives += chance.expovariate(1 / 300 if chance.random() < 0.03 else 1 / 2)
            yield arrives, raw
            if chance.random() < 0.01:
                yield arrives + chance.expovariate(1 / 30), raw


class Stencil:
    """The text of one event, cut where its times, its ids and its people stand."""

    __slots__ = ("_order", "_text", "_values", "happens")

    def __init__(self, text: str, happens: int, people: list[str]) -> None:
        self.happens = happens
        """Milliseconds after the mail was sent."""
        ids: dict[str, int] = {}
        slots: list[tuple[str, int]] = []
        literals, end = [""], 0
        for found in _SLOT.finditer(text):
            kind, word = found.lastgroup or "", found.group()
            if word != _SOURCE:
                literals[-1] = text[end : found.start()].replace("%", "%%")
                literals.append("")
                slots.append((kind, _slot(kind, word, ids, people)))
                end = found.end()
        literals[-1] = text[end:].replace("%", "%%")
        self._text = "%s".join(literals)
        self._values = list(dict.fromkeys(slots))
        self._order = itemgetter(*(self._values.index(slot) for slot in slots))

    def filled(self, milliseconds: int, event: int, mail: int, people: tuple[str, ...]) -> bytes:
        """The event of a mail sent at that time, with these numbers, to these people."""
        values = []
        for kind, which in self._values:
            if kind == "time":
                values.append(_time(milliseconds + which))
            elif kind == "person":
                values.append(people[which])
            elif kind == "sns":
                values.append(f"{(event * 2654435761) & 0xFFFFFFFF:08x}-0001-5b5e-9c1a-{event:012x}")
            else:
                values.append(_ses_id(milliseconds, event if which else mail, which))
        return (self._text % self._order(values)).encode()


def _slot(kind: str, word: str, ids: dict[str, int], people: list[str]) -> int:
    if kind == "time":
        return round((datetime.fromisoformat(word.replace("Z", "+00:00")) - SENT) / timedelta(milliseconds=1))
    if kind == "person":
        return people.index(word)
    return ids.setdefault(word, len(ids)) if kind == "id" else 0


def _time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86400)
    return f"{_day(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}Z"


@cache
def _day(days: int) -> str:
    return date.fromordinal(_EPOCH + days).isoformat()


def _ses_id(milliseconds: int, number: int, which: int) -> str:
    """As SES makes them: they begin with the time, so that those of one hour are neighbours in an index."""
    return f"0100{milliseconds:012x}-{number & 0xFFFFFFFF:08x}-6f1c-4b57-9d4b-{which:04x}{number:08x}-000000"


class Story:
    """All that becomes of one mail, told once."""

    __slots__ = ("lost", "size", "stencils")

    def __init__(self, told: list[tuple[datetime, Payload]]) -> None:
        people: list[str] = told[0][1]["mail"]["destination"]
        self.size = len(people)
        self.lost = tuple(person in _lost(told) for person in people)
        """Who of its people is not mailed again: an address that is gone, or somebody who complained."""
        self.stencils = [
            Stencil(_text(payload), round((happened - SENT) / timedelta(milliseconds=1)), people)
            for happened, payload in told
        ]


def _text(payload: Payload) -> str:
    return json.dumps(payloads.notification(payload, message_id="SNS-ID", at=SENT), ensure_ascii=False)


def _lost(told: list[tuple[datetime, Payload]]) -> set[str]:
    failed = [one["emailAddress"] for _, payload in told if payload.get("bounce", {}).get("bounceType") == "Permanent"
              for one in payload["bounce"]["bouncedRecipients"]]  # fmt: skip
    angry = [one["emailAddress"] for _, payload in told for one in payload.get("complaint", {}).get("complainedRecipients", ())]  # fmt: skip
    return {*failed, *angry}


class Month:
    """So many events, over a month."""

    def __init__(self, events: int, seed: int = 0, chunk: int = CHUNK) -> None:
        self.events = events
        self._chunk = chunk
        self._seed = seed
        stories = _stories(seed, max(100, min(STORIES, events // 10)))
        self._stories = stories
        each = sum(len(story.stencils) for story in stories) / len(stories) * 1.01
        self.mails = max(1, round((events - len(self._planted) * 4) / each))
        self.chunks = -(-self.mails // chunk)
        self._people = max(1_000, events // 30)

    def chunk(self, number: int) -> list[bytes]:
        """The events of one chunk, in the order in which they arrive."""
        chance = random.Random(f"{self._seed}:{self.events}:{number}")
        arrivals = [one for mail in self._mails(number, chance) for one in mail.events(chance)]
        arrivals.sort(key=lambda one: one[0])
        return [raw for _, raw in arrivals]

    def _mails(self, number: int, chance: random.Random) -> Iterator[Mail]:
        first, last = number * self._chunk, min((number + 1) * self._chunk, self.mails)
        for place in range(first, last):
            story = chance.choice(self._stories)
            people = tuple(
                dict.fromkeys(self._person(chance, place, which, lost) for which, lost in enumerate(story.lost))
            )
            if len(people) == story.size:  # nobody twice in one mail
                yield Mail(place, self._sent(place + chance.random()), story, people)
        for mail in self._planted:
            if self._sent(first) <= mail.sent < self._sent(last):
                yield mail

    def _sent(self, place: float) -> datetime:
        return START + timedelta(days=DAYS) * (place / self.mails)

    def _person(self, chance: random.Random, mail: int, which: int, lost: bool) -> str:
        """Some get several mails a week, most get few; whoever is lost got one."""
        number = mail if lost else int(chance.random() ** 1.3 * self._people)
        domain = _PROVIDERS[number % len(_PROVIDERS)].format(number % 997)
        return f"{'gone' if lost else 'person'}.{number}{f'.{which}' if lost else ''}@{domain}"

    @cached_property
    def _planted(self) -> list[Mail]:
        about: dict[str, Any] = {"to": "placeholder@gmail.example", "sent": SENT, "campaign": CAMPAIGN}
        read = Story([(SENT + after, made(after=after, **about)) for made, after in (
            (_sent_at_once, timedelta()), (payloads.delivery, timedelta(seconds=2)), (payloads.opened, timedelta(hours=1)),
            (payloads.click, timedelta(hours=2)))])  # fmt: skip
        failed = Story([(SENT, payloads.send(**about)), (SENT + timedelta(seconds=4), payloads.bounce(**about))])
        letters = [(person, read, LETTERS) for person in (*PEOPLE, *LEAVING)] + [
            (person, failed, 1) for person in REFUSED
        ]
        first = 1 << 32  # numbers of no other mail
        return [
            Mail(first + who * LETTERS + which, START + timedelta(days=DAYS) * ((which + 0.5) / many) + timedelta(seconds=who), story, (person,))
            for who, (person, story, many) in enumerate(letters) for which in range(many)
        ]  # fmt: skip


def _sent_at_once(after: timedelta, **about: Any) -> Payload:  # noqa: ARG001  # as the others are made
    return payloads.send(**about)


@cache
def _stories(seed: int, many: int) -> list[Story]:
    chance = random.Random(seed)
    return [Story(_varied(list(mail_story(chance, SENT)), chance.randrange(10))) for _ in range(many)]


def _varied(told: list[tuple[datetime, Payload]], issue: int) -> list[tuple[datetime, Payload]]:
    """The same of one issue of its campaign: some thirty campaigns in all."""
    for _, payload in told:
        tags = payload["mail"]["tags"]
        if "campaign" in tags:
            tags["campaign"] = [f"{tags['campaign'][0]}-{issue}"]
    return told
