"""Answers about single mails on their way: how far they came, how soon, and through which links.

Here a mail counts once, whoever and how many it went to: Amazon does not tell who of several opened it.
Next: :mod:`sesevent.analytics.reckoning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from sesevent.analytics.answer import Answer, Table
from sesevent.analytics.measures import RateResult, Window, rate_of
from sesevent.analytics.periods import Period, Periods

__all__ = [
    "HORIZONS", "STAGES", "Cohort", "Cohorts", "Funnel", "Link", "Links", "Stage", "Within", "cohorts_of", "funnel_of",
    "links_of",
]  # fmt: skip


# ── Links ────────────────────────────────────────────────────────────────────────────────────


class Link(NamedTuple):
    """One link, and who followed it."""

    link: str
    mails: int
    """Mails in which a person followed it."""
    clicks: int
    """How often people did."""
    machine_mails: int
    """Mails in which a scanner followed it,"""
    machine_clicks: int
    """…and how often."""


@dataclass(frozen=True)
class Links(Answer):
    """The links that people followed in most mails."""

    picture: ClassVar[str] = "links"
    window: Window
    tz: str
    rows: tuple[Link, ...]
    queries: bool = False
    """Whether what follows the `?` was told apart."""

    def __iter__(self) -> Iterator[Link]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> list[dict[str, Any]]:
        """Its rows."""
        return [row._asdict() for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"window": self.window.to_dict(), "tz": self.tz, "queries": self.queries, "rows": self.records()}


def links_of(
    rows: Iterable[Mapping[str, Any]], window: Window, tz: str, *, queries: bool, limit: int | None = None
) -> Links:
    """The answer in what the log says, which may tell of a link in several rows: encrypted and in the clear."""
    found: dict[str, Link] = {}
    for row in rows:
        link = str(row["_id"])
        before = found.get(link, Link(link, 0, 0, 0, 0))
        found[link] = Link(
            link,
            before.mails + row["mails"],
            before.clicks + row["clicks"],
            before.machine_mails + row["machine_mails"],
            before.machine_clicks + row["machine_clicks"],
        )
    ranked = sorted(found.values(), key=lambda one: one[1:], reverse=True)
    return Links(window, tz, tuple(ranked[:limit]), queries)


# ── Funnel ───────────────────────────────────────────────────────────────────────────────────

STAGES: Final = {
    "sent": ("accepted",),
    "delivered": ("delivered", "opened", "machine_opened", "clicked", "machine_clicked", "complained"),
    "opened": ("opened", "clicked"),
    "clicked": ("clicked",),
}
"""Stage → what shows that a mail came so far: who clicks has seen it, though images may be blocked."""
_BESIDE: Final = ("bounced", "complained", "unsubscribed")


class Stage(NamedTuple):
    """How many mails came so far."""

    name: str
    mails: int
    of_sent: RateResult
    of_previous: RateResult


@dataclass(frozen=True)
class Funnel(Answer):
    """Of the mails that were sent in a window: how many were delivered, opened by people, clicked by people."""

    picture: ClassVar[str] = "funnel"
    window: Window | None
    """When they were sent; None for one mail, whenever it was."""
    tz: str
    stages: tuple[Stage, ...]
    opened_by_machines: int
    """Mails that machines opened, and no person that is known of."""
    clicked_by_machines: int
    bounced: int
    """Mails that came back from somebody; of several recipients others may have got it."""
    complained: int
    unsubscribed: int

    def __getitem__(self, name: str) -> Stage:
        """The stage of this name: `sent`, `delivered`, `opened`, `clicked`."""
        return self.stages[list(STAGES).index(name)] if name in STAGES else _no(name)

    def records(self) -> list[dict[str, Any]]:
        """A row for each stage, and for what is beside them."""
        staged = [
            {"name": name, "mails": mails, "of_sent": of_sent.rate, "of_previous": of_previous.rate}
            for name, mails, of_sent, of_previous in self.stages
        ]  # fmt: skip
        beside = ("opened_by_machines", "clicked_by_machines", *_BESIDE)
        sent = self.stages[0].mails
        return staged + [
            {"name": name, "mails": getattr(self, name), "of_sent": getattr(self, name) / sent if sent else None,
             "of_previous": None}
            for name in beside
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        window = self.window.to_dict() if self.window else None
        return {"window": window, "tz": self.tz, "rows": self.records()}


def _no(name: str) -> Stage:
    raise KeyError(name)


def funnel_of(rows: Iterable[Mapping[str, Any]], window: Window | None, at: Window, tz: str) -> Funnel:
    """The answer in groups of mails to which the same happened; *at* is the window of its rates."""
    groups = [(frozenset(name for name, holds in row["_id"].items() if holds), row["n"]) for row in rows]

    def mails(*shown_by: str, but: tuple[str, ...] = ()) -> int:
        return sum(n for happened, n in groups if happened & set(shown_by) and not happened & set(but))

    came = {name: mails(*shown_by) for name, shown_by in STAGES.items()}
    before = [came["sent"], *came.values()]
    stages = [
        Stage(name, n, rate_of(n, came["sent"], at), rate_of(n, previous, at))
        for (name, n), previous in zip(came.items(), before, strict=False)
    ]
    by_machines = mails("machine_opened", but=STAGES["opened"]), mails("machine_clicked", but=STAGES["clicked"])
    return Funnel(window, tz, tuple(stages), *by_machines, *[mails(name) for name in _BESIDE])


# ── Cohorts ──────────────────────────────────────────────────────────────────────────────────

HORIZONS: Final = {
    "1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
}  # fmt: skip
"""How long after sending is looked."""
_KINDS: Final = {"delivered": ("delivered",), "opened": ("opened", "clicked"), "clicked": ("clicked",)}


class Within(NamedTuple):
    """How many mails something had happened to, so long after they were sent."""

    horizon: str
    mails: int
    of_sent: RateResult
    complete: bool
    """False where not all of them have been on their way for so long: there may be more to come."""


@dataclass(frozen=True)
class Cohort:
    """The mails that were sent in one period."""

    name: str
    window: Window
    sent: int
    delivered: tuple[Within, ...]
    opened: tuple[Within, ...]
    """By people; who clicked has opened it."""
    clicked: tuple[Within, ...]

    def record(self) -> dict[str, Any]:
        """Flat: `opened_7d` are mails, `opened_7d_rate` is their share; None where it is too early to tell."""
        told: dict[str, Any] = {"name": self.name, "since": self.window.since, "until": self.window.until}
        told["sent"] = self.sent
        for kind in _KINDS:
            for within in getattr(self, kind):
                told[f"{kind}_{within.horizon}"] = within.mails
                told[f"{kind}_{within.horizon}_rate"] = within.of_sent.rate if within.complete else None
        return told


@dataclass(frozen=True)
class Cohorts(Table[Cohort]):
    """Mails by when they were sent, and what had become of them an hour, a day, a week and a month later."""

    picture: ClassVar[str] = "cohorts"
    window: Window
    """Of sending."""
    tz: str
    by: str
    rows: tuple[Cohort, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        rows = [row.record() | row.window.to_dict() for row in self.rows]
        return {"window": self.window.to_dict(), "tz": self.tz, "by": self.by, "rows": rows}


def cohorts_of(
    rows: Iterable[Mapping[str, Any]], window: Window, some: Periods, now: datetime, by: str, tz: str
) -> Cohorts:
    """The answer in groups of mails that were sent at one time and fared equally."""
    groups: dict[Period, list[tuple[dict[str, int], int]]] = {period: [] for period in some.all}
    for row in rows:
        period = some.of(row["_id"]["h"])
        if period is not None:
            groups[period].append((row["_id"], row["n"]))
    told = (_cohort(period, groups[period], window, now) for period in some.all)
    return Cohorts(window, tz, by, tuple(told))


def _cohort(period: Period, groups: list[tuple[dict[str, int], int]], window: Window, now: datetime) -> Cohort:
    part = Window(max(period.since, window.since), min(period.until, window.until))
    sent = sum(n for _, n in groups)

    def within(kinds: tuple[str, ...]) -> tuple[Within, ...]:
        found = []
        for place, (name, span) in enumerate(HORIZONS.items()):
            mails = sum(n for soon, n in groups if min(soon[kind] for kind in kinds) <= place)
            found.append(Within(name, mails, rate_of(mails, sent, part), part.until + span <= now))
        return tuple(found)

    return Cohort(period.name, part, sent, *[within(kinds) for kinds in _KINDS.values()])
