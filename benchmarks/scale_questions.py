"""What is asked at every size, of which rooms, and what its cost may grow with.

A question of the kind ``same`` has an answer of the same size at every size of the store: what happened to one person,
the last fifty bounces, what thirty days come to by campaign. One of the kind ``rows`` looks at all events of a window:
it may grow as they do. What is asked of people is asked of the planted ones, another in each round.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

from scale_traffic import CAMPAIGN, DAYS, END, PEOPLE, REFUSED, START

from sesevent import EventStore, trusted

Kind = Literal["same", "rows"]
MONTH: Final = {"since": START, "until": END}
DAY: Final = {"since": START + timedelta(days=DAYS // 2), "until": START + timedelta(days=DAYS // 2 + 1)}
HOUR: Final = {"since": DAY["since"] + timedelta(hours=9), "until": DAY["since"] + timedelta(hours=10)}
PAGE: Final = 50


@dataclass
class Asked:
    """A store to ask, and what is known of it: a mail, an event and a place for each of the planted people."""

    store: EventStore
    mails: list[str] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    many: list[str] = field(default_factory=list)
    middle: Any = None

    def __post_init__(self) -> None:
        for person in PEOPLE:
            event = self.store.events.for_recipient(person, limit=1).to_list()[0]
            self.mails.append(event.message_id)
            self.ids.append(event.id)
        day = self.store.events.between(DAY["since"], limit=600).to_list()
        self.middle = day[0].cursor
        self.many = list(dict.fromkeys(row.message_id for row in day))[:100]


class Question(NamedTuple):
    """One thing that is asked."""

    room: str
    name: str
    kind: Kind
    ask: Callable[[Asked, int], int]
    """Ask it in a round, and say how many rows the answer has."""


def _count(rows: Iterable[Any]) -> int:
    return sum(1 for _ in rows)


def _one(answer: object) -> int:
    assert answer is not None
    return 1


def _person(number: int) -> str:
    return PEOPLE[number % len(PEOPLE)]


def _of(several: list[Any], number: int) -> Any:
    return several[number % len(several)]


REPOSITORIES: Final = "repositories"
SUPPRESSION: Final = "suppression"
ANALYTICS: Final = "analytics"
WHOLE: Final = "the whole"

QUESTIONS: Final = [
    Question(REPOSITORIES, "`events.get`", "same", lambda a, n: _one(a.store.events.get(_of(a.ids, n)))),
    Question(REPOSITORIES, "`events.by_message_id`", "same", lambda a, n: _count(a.store.events.by_message_id(_of(a.mails, n)))),
    Question(REPOSITORIES, "`events.timeline`", "same", lambda a, n: _count(a.store.events.timeline(_of(a.mails, n)))),
    Question(REPOSITORIES, "`status`", "same", lambda a, n: _one(a.store.status(_of(a.mails, n)))),
    Question(REPOSITORIES, "`status_many`, 100 mails", "same", lambda a, _: _count(a.store.status_many(a.many))),
    Question(REPOSITORIES, "`recipient`, 12 mails", "same", lambda a, n: _count(a.store.recipient(_person(n)))),
    Question(REPOSITORIES, "`recipient`, totals", "same", lambda a, n: _one(a.store.recipient(_person(n)).totals())),
    Question(REPOSITORIES, "`events.for_recipient`", "same", lambda a, n: _count(a.store.events.for_recipient(_person(n)))),
    Question(REPOSITORIES, "`events.by_type`, the last 50 bounces", "same",
             lambda a, _: _count(a.store.events.by_type("Bounce", newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.by_type`, two types, the last 50", "same",
             lambda a, _: _count(a.store.events.by_type("Complaint", "Click", newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.by_reason`, the last 50", "same",
             lambda a, _: _count(a.store.events.by_reason("mailbox_full", newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.by_reason`, two reasons, the last 50", "same",
             lambda a, _: _count(a.store.events.by_reason("mailbox_full", "no_such_user", newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.between`, the last 50", "same",
             lambda a, _: _count(a.store.events.between(newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.between`, 50 in the middle of the log", "same",
             lambda a, _: _count(a.store.events.between(after=a.middle, limit=PAGE))),
    Question(REPOSITORIES, "`events.find`, a person's clicks", "same",
             lambda a, n: _count(a.store.events.find(recipient=_person(n), types=["Click"]))),
    Question(REPOSITORIES, "`events.find`, a type in a configuration set, the last 50", "same",
             lambda a, _: _count(a.store.events.find(types=["Click"], configuration_set="marketing", newest_first=True, limit=PAGE))),
    Question(REPOSITORIES, "`events.find`, a provider, 50 of a day", "same",
             lambda a, _: _count(a.store.events.find(provider="gmail", **DAY, limit=PAGE))),
    Question(REPOSITORIES, "`events.find`, a rare campaign in a day", "rows",
             lambda a, _: _count(a.store.events.find(campaign=CAMPAIGN, **DAY))),
    Question(REPOSITORIES, "`events.between`, an hour", "rows", lambda a, _: _count(a.store.events.between(**HOUR))),
    Question(REPOSITORIES, "`events.by_type`, a day's bounces", "rows", lambda a, _: _count(a.store.events.by_type("Bounce", **DAY))),
    Question(SUPPRESSION, "`suppression.check`, may be mailed", "same", lambda a, n: _one(a.store.suppression.check(_person(n)))),
    Question(SUPPRESSION, "`suppression.check`, may not", "same", lambda a, n: _one(a.store.suppression.check(_of([*REFUSED], n)))),
    Question(SUPPRESSION, "`suppression.check_many`, 1,000", "same",
             lambda a, n: _count(a.store.suppression.check_many(f"unknown.{n * 1000 + k}@gmail.com" for k in range(1000)))),
    Question(SUPPRESSION, "`suppression.history`", "same", lambda a, n: _one(a.store.suppression.history(_of([*REFUSED], n)))),
    Question(SUPPRESSION, "`suppression.list`, 50", "same", lambda a, _: _count(a.store.suppression.list(limit=PAGE))),
    Question(SUPPRESSION, "`suppression.list`, 50 under one rule", "same",
             lambda a, _: _count(a.store.suppression.list(rule="complaint", limit=PAGE))),
    Question(SUPPRESSION, "`suppression.suppress` and `reactivate`", "same", lambda a, n: _by_hand(a, n)),
    Question(ANALYTICS, "`summary`, 30 days", "same", lambda a, _: _one(a.store.analytics.summary(**MONTH))),
    Question(ANALYTICS, "`summary`, 30 days of a campaign", "same",
             lambda a, _: _one(a.store.analytics.summary(**MONTH, campaign=CAMPAIGN))),
    Question(ANALYTICS, "`timeseries`, 30 days by day", "same", lambda a, _: _count(a.store.analytics.timeseries(**MONTH).rows)),
    Question(ANALYTICS, "`timeseries`, a day by hour", "same",
             lambda a, _: _count(a.store.analytics.timeseries(**DAY, by="hour").rows)),
    Question(ANALYTICS, "`by` campaign, 30 days", "same", lambda a, _: _count(a.store.analytics.by("campaign", **MONTH).rows)),
    Question(ANALYTICS, "`by` provider, 30 days", "same", lambda a, _: _count(a.store.analytics.by("provider", **MONTH).rows)),
    Question(ANALYTICS, "`by` recipient domain, 30 days", "same",
             lambda a, _: _count(a.store.analytics.by("recipient_domain", **MONTH).rows)),
    Question(ANALYTICS, "`by` bounce reason, 30 days", "same", lambda a, _: _count(a.store.analytics.by("bounce_reason", **MONTH).rows)),
    Question(ANALYTICS, "`compare`, two weeks", "same", lambda a, _: _one(a.store.analytics.compare(
        (START, START + timedelta(days=7)), (START + timedelta(days=7), START + timedelta(days=14))))),
    Question(ANALYTICS, "`report`, a day", "same", lambda a, _: _one(a.store.analytics.report(**DAY))),
    Question(ANALYTICS, "`as_aws_reckons`", "same", lambda a, _: _one(a.store.analytics.as_aws_reckons())),
    Question(ANALYTICS, "`funnel` of a mail", "same", lambda a, n: _one(a.store.analytics.funnel(_of(a.mails, n)))),
    Question(ANALYTICS, "`monitor.evaluate`", "same", lambda a, _: _one(a.store.monitor.evaluate())),
    Question(ANALYTICS, "`tally`, an hour, exact", "rows", lambda a, _: _one(a.store.analytics.tally(**HOUR, exact=True))),
    Question(ANALYTICS, "`funnel`, a day", "rows", lambda a, _: _one(a.store.analytics.funnel(**DAY))),
    Question(ANALYTICS, "`cohorts`, a day", "rows", lambda a, _: _one(a.store.analytics.cohorts(**DAY))),
    Question(ANALYTICS, "`top_links`, a day", "rows", lambda a, _: _one(a.store.analytics.top_links(**DAY))),
    Question(WHOLE, "`health`", "same", lambda a, _: _one(a.store.health())),
    Question(WHOLE, "`examine` (doctor)", "same", lambda a, _: _count(a.store.examine()) and 1),
    Question(WHOLE, "`dead_letters.list`", "same", lambda a, _: _count(a.store.dead_letters.list()) or 1),
    Question(WHOLE, "`monitor.budget`", "same", lambda a, _: _count(a.store.monitor.budget())),
    Question(WHOLE, "`compliance.hygiene`", "rows", lambda a, _: _one(a.store.compliance.hygiene())),
    Question(WHOLE, "`analytics.rollup_lag`", "same", lambda a, _: _one(a.store.analytics.rollup_lag())),
    Question(WHOLE, "`storage.report`", "same", lambda a, _: _one(a.store.storage.report())),
    Question(WHOLE, "`privacy.export` of a person", "same", lambda a, n: _one(_exported(a, n))),
    Question(WHOLE, "`receive` of one event, told again", "same", lambda a, n: _again(a, n)),
]  # fmt: skip


def _by_hand(asked: Asked, number: int) -> int:
    person = f"by-hand.{number}@example.com"
    asked.store.suppression.suppress(person, by="a benchmark")
    asked.store.suppression.reactivate(person, by="a benchmark", why="it was one")
    return 2


def _again(asked: Asked, number: int) -> int:
    stored = asked.store.events.get(_of(asked.ids, number))
    assert stored is not None
    asked.store.receive(trusted(stored.document["Message"], because="it was stored before"))
    return 1


def _exported(asked: Asked, number: int) -> object:
    return asked.store.privacy.export(_person(number), io.StringIO(), by="a benchmark")
