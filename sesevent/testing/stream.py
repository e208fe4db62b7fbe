"""A stream of events as a real sender's topic carries it, from a seed: equal seeds make equal streams.

Mails go out at random; what becomes of each follows from what becomes of mails on the whole. Events
arrive late, out of order and sometimes twice, people have names of every script, a few mails go
to several at once, and machines open mails before people do. Memory does not grow with the
number of events.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sesevent.testing import payloads
from sesevent.testing.payloads import SENT, Payload, notification

__all__ = ["mail_story", "stream"]

_NAMES: Final = (
    "ann", "ben", "chloé", "dávid", "Élodie", "fatma", "günther", "hana.novak", "Ivan", "jürgen", "κώστας", "li.wei",
    "märta", "nuria", "o'neil", "pavel+shop", "quinn", "rosa", "søren", "ülkü", "Vera.K", "wojtek", "yūko", "žofie",
)  # fmt: skip
_PROVIDERS: Final = ("gmail.example", "outlook.example", "yahoo.example", "icloud.example", "company-{}.example.com")


class _Campaign(NamedTuple):
    name: str | None
    configuration_set: str
    subjects: tuple[str, ...]


_CAMPAIGNS: Final = (
    _Campaign("orders", "transactional", ("Your order has been shipped", "Votre commande est arrivée", "ご注文の確認")),
    _Campaign(None, "transactional", ("Reset your password", "Ihre Rechnung", "Код подтверждения")),
    _Campaign("spring", "marketing", ("Spring sale 🌷", "Nur heute: 20 %", "¡Última oportunidad!")),
    _Campaign("newsletter", "marketing", ("News of May", "Nouvelles de mai", "五月通讯")),
)
_HUMANS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Thunderbird/115.0",
)
_MACHINES: Final = (
    "Mozilla/5.0",  # a privacy proxy that loads every image once
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
)

_HARD: Final = (
    ("General", "5.1.1", "smtp; 550 5.1.1 <{}>: Recipient address rejected: User unknown"),
    ("General", "5.2.1", "smtp; 550 5.2.1 The account {} is inactive"),
    ("NoEmail", "5.1.2", "smtp; 550 5.1.2 Host unknown"),
    (
        "OnAccountSuppressionList",
        "5.1.1",
        "Amazon SES did not send the message: it is on the suppression list",
    ),
)
_SOFT: Final = (
    ("MailboxFull", "5.2.2", "smtp; 552 5.2.2 Quota exceeded"),
    ("General", "4.4.7", "smtp; 554 4.4.7 Message expired: unable to deliver in 840 minutes"),
    ("General", "5.7.1", "smtp; 550 5.7.1 Our server has blocked your IP address for its reputation"),
    ("ContentRejected", "5.6.0", "smtp; 554 5.6.0 Message content rejected"),
)


def stream(
    events: int,
    *,
    seed: int = 0,
    start: datetime = SENT,
    mails_per_second: float = 20.0,
    duplicates: float = 0.01,
    late: float = 0.03,
) -> Iterator[Payload]:
    """*events* SNS notifications, not signed, in the order in which they arrive.

    Of the events about 3 % are bounces and 0.1 % complaints. A share of *duplicates* arrives twice,
    a share *late* is overtaken by minutes.
    """
    chance = random.Random(seed)
    waiting: list[tuple[datetime, int, Payload]] = []
    number, sent, left = 0, start, events
    while left > 0:
        sent += timedelta(seconds=chance.expovariate(mails_per_second))
        while waiting and waiting[0][0] <= sent and left > 0:
            arrived, _, payload = heapq.heappop(waiting)
            left -= 1
            yield notification(payload, at=arrived)
        for happened, payload in mail_story(chance, sent):
            for arrived in _arrivals(chance, happened, duplicates, late):
                heapq.heappush(waiting, (arrived, number, payload))
                number += 1


def _arrivals(chance: random.Random, happened: datetime, duplicates: float, late: float) -> Iterator[datetime]:
    delay = chance.expovariate(1 / 300) if chance.random() < late else chance.expovariate(1 / 2)
    yield happened + timedelta(seconds=delay)
    if chance.random() < duplicates:
        yield happened + timedelta(seconds=delay + chance.expovariate(1 / 30))


def mail_story(chance: random.Random, sent: datetime) -> Iterator[tuple[datetime, Payload]]:
    """Everything that becomes of one mail, each with when it happened."""
    campaign = chance.choice(_CAMPAIGNS)
    people = list(dict.fromkeys(_person(chance) for _ in range(_how_many(chance))))
    about: dict[str, Any] = {
        "to": people,
        "sent": sent,
        "subject": chance.choice(campaign.subjects),
        "campaign": campaign.name,
        "configuration_set": campaign.configuration_set,
        "message_id": f"0100{chance.getrandbits(48):012x}-{_uuid(chance)}-000000",
    }
    fate = chance.random()
    if fate < 0.001:
        yield sent, payloads.reject(**about)
        return
    if fate < 0.002:
        yield sent, payloads.rendering_failure(template=campaign.name or "code", **about)
        return
    yield sent, payloads.send(**about)
    for person in people:
        yield from _person_s_part(chance, person, about)


def _person_s_part(chance: random.Random, person: str, about: dict[str, Any]) -> Iterator[tuple[datetime, Payload]]:
    sent: datetime = about["sent"]
    seconds = chance.lognormvariate(0.7, 1)
    fate = chance.random()
    if fate < 0.05:  # of three or so events a mail, every thirtieth: 3 % of the stream with those that come later
        sub_type, status, words = chance.choice(_HARD)
        detail = {"bounce_sub_type": sub_type, "status": status, "diagnostic": words.format(person)}
        yield (
            _after(sent, seconds),
            payloads.bounce(bounced=person, after=timedelta(seconds=seconds), **detail, **about),
        )
        return
    if fate < 0.07:
        sub_type, status, words = chance.choice(_SOFT)
        detail = {"bounce_type": "Transient", "bounce_sub_type": sub_type, "status": status, "diagnostic": words}
        delay = timedelta(seconds=seconds + 600)
        yield sent + delay, payloads.delivery_delay(delayed=person, after=delay, **about)
        given_up = timedelta(minutes=chance.uniform(20, 60))
        yield sent + given_up, payloads.bounce(bounced=person, after=given_up, **detail, **about)
        return
    yield _after(sent, seconds), payloads.delivery(delivered=person, after=timedelta(seconds=seconds), **about)
    yield from _afterwards(chance, person, about, seconds)


def _afterwards(
    chance: random.Random, person: str, about: dict[str, Any], delivered: float
) -> Iterator[tuple[datetime, Payload]]:
    """What a delivered mail leads to."""
    sent: datetime = about["sent"]
    if chance.random() < 0.005:  # an absence note comes back as a bounce, and may name nobody
        back = timedelta(seconds=delivered + 5)
        note: dict[str, Any] = {"bounce_type": "Transient", "status": "4.0.0", "diagnostic": "smtp; 250 out of office"}
        yield sent + back, payloads.bounce(bounced=person if chance.random() < 0.8 else (), after=back, **note, **about)
    if chance.random() < 0.35:
        yield _opened(chance, about, delivered + chance.uniform(1, 30), _MACHINES)
    minutes = delivered / 60 + chance.expovariate(1 / 20)
    if chance.random() < 0.3:
        yield _opened(chance, about, minutes * 60, _HUMANS)
        if chance.random() < 0.3:
            after = timedelta(minutes=minutes + 1)
            link = (
                f"https://shop.example.com/{chance.choice(('orders', 'sale', 'account'))}?item={chance.randrange(500)}"
            )
            yield sent + after, payloads.click(link=link, user_agent=chance.choice(_HUMANS), after=after, **about)
    if chance.random() < 0.003:
        after = timedelta(minutes=minutes + 2)
        kind = chance.choice(("abuse", "abuse", "abuse", "not-spam", None))
        people = [other for other in about["to"] if other.split("@")[1] == person.split("@")[1]]
        yield sent + after, payloads.complaint(complained=people, feedback_type=kind, after=after, **about)
    if about["configuration_set"] == "marketing" and chance.random() < 0.004:
        after = timedelta(minutes=minutes + 3)
        yield sent + after, payloads.subscription(after=after, **about)


def _opened(
    chance: random.Random, about: dict[str, Any], seconds: float, agents: tuple[str, ...]
) -> tuple[datetime, Payload]:
    after = timedelta(seconds=seconds)
    address = f"198.51.100.{chance.randrange(1, 255)}"
    opened = payloads.opened(user_agent=chance.choice(agents), ip_address=address, after=after, **about)
    return about["sent"] + after, opened


def _person(chance: random.Random) -> str:
    number = int(chance.paretovariate(0.6)) % 1_000_000  # a few get much mail, most get little
    name = _NAMES[number % len(_NAMES)]
    local = f"{name}{number}" if name.isascii() else f"{name.encode('punycode').decode().strip('-')}{number}"
    return f"{local}@{_PROVIDERS[number % len(_PROVIDERS)].format(number % 997)}"


def _how_many(chance: random.Random) -> int:
    return 1 if chance.random() < 0.95 else chance.randint(2, 6)


def _after(sent: datetime, seconds: float) -> datetime:
    return sent + timedelta(seconds=seconds)


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
