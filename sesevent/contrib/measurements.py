"""What is told to systems that watch services: one table, whoever the system. Standard library only.

`Received` counts what this process receives; `StoreFigures` and `AsyncStoreFigures` ask the store how it is.
Both give `Sample` values; :mod:`sesevent.contrib.prometheus`, :mod:`sesevent.contrib.opentelemetry` and
:mod:`sesevent.contrib.cloudwatch` say them in their system's words.

How many series there are is known beforehand: a label has a value of a table here or of a list its owner gave, or
is bounded by `Bounded`. No value that could be an address is told, whatever somebody calls a campaign.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast

from sesevent.aio import AsyncEventStore
from sesevent.analytics.cells import Cell, Key
from sesevent.analytics.counts import COUNTERS
from sesevent.analytics.measures import MEASURES, Window, measured
from sesevent.errors import ConfigurationError, PayloadError, SesEventError
from sesevent.events.event import Event
from sesevent.events.parse import EVENT_CLASSES
from sesevent.plans.receive import Outcome, Receipt, Summary
from sesevent.storage.connection import within
from sesevent.sync import EventStore
from sesevent.vitals import DEFAULT_LIMITS, Asked, Health, Limits

__all__ = [
    "MEASUREMENTS", "NONE", "OTHER", "UNITS", "AsyncStoreFigures", "Bounded", "Measurement", "Received", "Sample",
    "StoreFigures", "Unit",
]  # fmt: skip

S = TypeVar("S", EventStore, AsyncEventStore)
Tell = Callable[["Sample"], object]

OTHER: Final = "other"
"""The label of everything that is not named."""
NONE: Final = "none"
"""The label of what has no value: systems differ in what they make of an empty one."""


# ── The table ────────────────────────────────────────────────────────────────────────────────


class Unit(NamedTuple):
    """A unit, as each system writes it."""

    suffix: str
    """Prometheus: the end of a name."""
    ucum: str
    """OpenTelemetry: https://ucum.org."""
    cloudwatch: str


UNITS: Final = {
    "count": Unit("", "1", "Count"),
    "seconds": Unit("_seconds", "s", "Seconds"),
    "share": Unit("_ratio", "1", "None"),
    "state": Unit("", "1", "None"),
}


class Measurement(NamedTuple):
    """One thing that is measured. Systems write its name in their own way."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    labels: tuple[str, ...]
    words: str
    """What it is, for people."""
    more_labels: bool = False
    """True where labels that the owner names are added."""


MEASUREMENTS: Final = {
    measurement.name: measurement
    for measurement in (
        Measurement("events", "counter", "count", ("type", "outcome"),
                    "events this process stored (fresh) or found stored already (duplicate)", True),
        Measurement("unreadable", "counter", "count", (), "things this process could not read: dead letters now"),
        Measurement("unstored", "counter", "count", (), "things this process could not store: their senders repeat"),
        Measurement("health", "gauge", "state", ("check",),
                    "0 ok, 1 degraded, 2 down; «all» is the worst of them, what could not be told is absent"),
        Measurement("last_event_age", "gauge", "seconds", ("type",), "since the last event of a type happened"),
        Measurement("dead_letters", "gauge", "count", (), "things that could not be understood and are kept"),
        Measurement("new_dead_letters", "gauge", "count", (), "…of them, those of the last hour"),
        Measurement("watch_lag", "gauge", "seconds", ("watch",), "how far a named watch is behind the server"),
        Measurement("rollup_lag", "gauge", "seconds", (), "since the first hour that nobody has rolled up was over"),
        Measurement("rollup_backlog", "gauge", "count", (), "hours that wait to be rolled up (again)"),
        Measurement("replication_lag", "gauge", "seconds", (), "what the slowest member lacks of the primary's writes"),
        Measurement("clock_skew", "gauge", "seconds", (), "the server's clock less this machine's"),
        Measurement("round_trip", "gauge", "seconds", (), "how long the server takes to answer"),
        Measurement("durable_write", "gauge", "seconds", (), "how long a durable write takes"),
        Measurement("recent_mails", "gauge", "count", ("counted",),
                    "what happened in the last window, by what is counted: one mail to one person", True),
        Measurement("recent_rate", "gauge", "share", ("measure",),
                    "a measure of the last window; absent where there was nothing to measure", True),
        Measurement("recent_rate_of", "gauge", "count", ("measure",),
                    "what that measure is a share of: judge no rate of a handful of mails", True),
        Measurement("recent_delivery_time", "gauge", "seconds", ("quantile",),
                    "from sending to delivery, in the last window", True),
        Measurement("figures_age", "gauge", "seconds", (), "since the store was asked for these figures"),
    )
}  # fmt: skip
"""Everything that is told, by name."""

QUANTILES: Final = (0.5, 0.95, 0.99)
_STATES: Final = {"ok": 0.0, "degraded": 1.0, "down": 2.0}

_FROM_CHECKS: Final = (
    # measurement, check, figure; for the first two every figure is one series
    ("last_event_age", "last_events", None),
    ("watch_lag", "watches", None),
    ("dead_letters", "dead_letters", "count"),
    ("new_dead_letters", "dead_letters", "new"),
    ("rollup_lag", "rollups", "lag"),
    ("rollup_backlog", "rollups", "waiting"),
    ("replication_lag", "replication", "lag"),
    ("clock_skew", "clock", "skew"),
    ("round_trip", "server", "round_trip"),
    ("durable_write", "writable", "write"),
)


class Sample(NamedTuple):
    """One value, or, of a counter, how much was added."""

    measurement: Measurement
    labels: Mapping[str, str]
    """All of the measurement's, and those that its owner named, by name."""
    value: float


# ── Bounds ───────────────────────────────────────────────────────────────────────────────────

_TELLING: Final = re.compile(r"@|%40|=40|\N{FULLWIDTH COMMERCIAL AT}")
_LONGEST: Final = 64


class Bounded:
    """Values of a label, of which there are never many: those *names*, or, without, the first *at_most* that come.

    All others are `OTHER`, as is whatever may be an address, is not printable, or is longer than 64 characters.
    Safe to share between threads.
    """

    def __init__(self, names: Iterable[str] = (), *, at_most: int = 20) -> None:
        self._names = dict.fromkeys(names)
        if at_most < 1 or any(_unfit(name) for name in self._names):
            raise ConfigurationError("A label needs names that are short and no addresses, or at_most of 1 or more.")
        self._open = 0 if self._names else at_most
        self._lock = threading.Lock()

    def __call__(self, value: str | None) -> str:
        """What to tell in place of a value."""
        if not value:
            return NONE
        if value in self._names:
            return value
        if _unfit(value) or len(self._names) >= self._open:
            return OTHER
        with self._lock:
            if value not in self._names and len(self._names) >= self._open:
                return OTHER
            self._names[value] = None
            return value


def _unfit(value: str) -> bool:
    return not value.isprintable() or not 0 < len(value) <= _LONGEST or _TELLING.search(value) is not None


def _word(event_type: str) -> str:
    """SES's word, where it is known: AWS may add others."""
    return event_type if event_type in EVENT_CLASSES else OTHER


# ── What this process does ───────────────────────────────────────────────────────────────────


class Received:
    """Counts what a store of this process receives: hand the store that `counting` returns to whatever receives.

    *labels* add labels to what is counted: ``configuration_set``, or the name of a message tag such as ``campaign``,
    each with its bound. `receive_many` reads no event as a whole: there such labels are `OTHER`.
    """

    def __init__(self, labels: Mapping[str, Bounded] = MappingProxyType({})) -> None:
        self.labels = dict(labels)
        own = {*MEASUREMENTS, *(name for measurement in MEASUREMENTS.values() for name in measurement.labels)}
        unfit = [name for name in self.labels if name in own or not re.fullmatch(r"[a-z][a-z0-9_]*", name)]
        if unfit:
            raise ConfigurationError(
                f"No label can be called {', '.join(unfit)}.", hint="Small letters, and no name of the table's."
            )
        self._tell: tuple[Tell, ...] = ()

    def tell(self, tell: Tell) -> None:
        """Have *tell* called with each addition, in the thread that receives. It must be quick, and not raise."""
        self._tell = (*self._tell, tell)

    def counting(self, store: S) -> S:
        """The same store, whose ``receive``, ``receive_each`` and ``receive_many`` are counted here."""
        anyone: Any = store
        face = _AsyncCounting if isinstance(anyone, AsyncEventStore) else _Counting
        return cast("S", face(anyone, self))

    def outcome(self, receipt: Receipt | None, error: SesEventError | None) -> None:
        """Count one thing that was received, by what became of it."""
        if receipt is not None:
            for stored in receipt.events:
                labels = {name: bound(_label_of(stored.event, name)) for name, bound in self.labels.items()}
                self._event(_word(stored.event.type), stored.fresh, 1, labels)
        if isinstance(error, PayloadError):
            self._add("unreadable", {}, 1)
        elif error is not None:
            self._add("unstored", {}, 1)

    def progress(self, now: Summary, before: Mapping[str, tuple[int, int]], failed: int) -> None:
        """Count what came since a summary said *before*, and that *failed* things could not be read."""
        labels = dict.fromkeys(self.labels, OTHER)
        for word, seen in now.by_type.items():
            events, fresh = before.get(word, (0, 0))
            new = seen.fresh - fresh
            self._event(word, True, new, labels)
            self._event(word, False, seen.events - events - new, labels)
        self._add("unreadable", {}, now.failed - failed)

    def _event(self, word: str, fresh: bool, times: int, labels: Mapping[str, str]) -> None:
        self._add("events", {"type": word, "outcome": "fresh" if fresh else "duplicate", **labels}, times)

    def _add(self, name: str, labels: Mapping[str, str], times: int) -> None:
        if times:
            sample = Sample(MEASUREMENTS[name], labels, times)
            for tell in self._tell:
                tell(sample)


def _label_of(event: Event, name: str) -> str | None:
    return event.configuration_set if name == "configuration_set" else next(iter(event.tags.get(name, ())), None)


class _Progress:
    """Counts what `receive_many` does, each time it tells, so that what it stored before it failed is counted too."""

    def __init__(self, received: Received, on_progress: Callable[[Summary], object] | None) -> None:
        self._received, self._on_progress = received, on_progress
        self._before: Mapping[str, tuple[int, int]] = {}
        self._failed = 0

    def __call__(self, summary: Summary) -> None:
        self._received.progress(summary, self._before, self._failed)
        self._before, self._failed = {**summary.by_type}, summary.failed
        if self._on_progress is not None:
            self._on_progress(summary)


class _Counting:
    """A store, counted."""

    def __init__(self, store: Any, received: Received) -> None:
        self._store, self._received = store, received

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def __enter__(self) -> _Counting:
        return self

    def __exit__(self, *ended: object) -> None:
        self._store.close()

    def receive(self, *given: Any, **named: Any) -> Receipt:
        try:
            receipt: Receipt = self._store.receive(*given, **named)
        except SesEventError as error:
            self._received.outcome(None, error)
            raise
        self._received.outcome(receipt, None)
        return receipt

    def receive_each(self, *given: Any, **named: Any) -> Iterator[Outcome]:
        for outcome in self._store.receive_each(*given, **named):
            self._received.outcome(outcome.receipt, outcome.error)
            yield outcome

    def receive_many(
        self, items: Any, *, on_progress: Callable[[Summary], object] | None = None, **named: Any
    ) -> Summary:
        counted: Summary = self._store.receive_many(items, on_progress=_Progress(self._received, on_progress), **named)
        return counted


class _AsyncCounting(_Counting):
    """The other colour."""

    async def __aenter__(self) -> _AsyncCounting:
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self._store.close()

    async def receive(self, *given: Any, **named: Any) -> Receipt:  # type: ignore[override]
        try:
            receipt: Receipt = await self._store.receive(*given, **named)
        except SesEventError as error:
            self._received.outcome(None, error)
            raise
        self._received.outcome(receipt, None)
        return receipt

    async def receive_each(self, *given: Any, **named: Any) -> AsyncIterator[Outcome]:  # type: ignore[override]
        async for outcome in self._store.receive_each(*given, **named):
            self._received.outcome(outcome.receipt, outcome.error)
            yield outcome

    async def receive_many(  # type: ignore[override]
        self, items: Any, *, on_progress: Callable[[Summary], object] | None = None, **named: Any
    ) -> Summary:
        told = _Progress(self._received, on_progress)
        counted: Summary = await self._store.receive_many(items, on_progress=told, **named)
        return counted


# ── What the store says ──────────────────────────────────────────────────────────────────────


_TOLD_APART: Final = frozenset(Key._fields) - {"source"} | {"provider"}  # a source is an address


class _Asking:
    """What both colours know: what to ask, and for how long an answer holds."""

    def __init__(
        self,
        window: timedelta | None,
        cache_seconds: float,
        timeout_seconds: float,
        by: Mapping[str, Sequence[str]],
        limits: Limits,
        also: Iterable[Asked],
        ticks: Callable[[], float],
    ) -> None:
        self.window, self.cache_seconds, self.timeout_seconds = window, cache_seconds, timeout_seconds
        self.limits, self.also, self._ticks = limits, tuple(also), ticks
        if len(by) > 1 or by.keys() - _TOLD_APART:
            raise ConfigurationError(f"by names one thing, and its values: one of {', '.join(sorted(_TOLD_APART))}.")
        self.by, self.names = next(((name, tuple(names)) for name, names in by.items()), ("", ()))
        Bounded(self.names)  # raises for what is no label
        self._watches = Bounded(at_most=20)
        self._found: tuple[Sample, ...] = ()
        self._asked_at: float | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The label that *by* adds."""
        return (self.by,) if self.by else ()

    def wheres(self) -> list[dict[str, Any]]:
        """What to count apart: everything, then each name."""
        return [{}, *({self.by: name} for name in self.names)] if self.window is not None else []

    def stale(self) -> bool:
        return self._asked_at is None or self._ticks() - self._asked_at >= self.cache_seconds

    def keep(self, health: Health, cells: Sequence[Cell]) -> None:
        self._found = (*_of_health(health, self._watches), *self._of_cells(cells, health.at))
        self._asked_at = self._ticks()

    def told(self) -> list[Sample]:
        if self._asked_at is None:
            return []
        age = Sample(MEASUREMENTS["figures_age"], {}, self._ticks() - self._asked_at)
        return [*self._found, age]

    def _of_cells(self, cells: Sequence[Cell], now: datetime) -> Iterator[Sample]:
        if not cells or self.window is None:
            return
        window = Window(now - self.window, now)
        if not self.by:
            yield from _of_cell(cells[0], window, {})
            return
        for name, cell in zip(self.names, cells[1:], strict=True):
            yield from _of_cell(cell, window, {self.by: name})
        yield from _of_cell(_rest(cells[0], cells[1:]), window, {self.by: OTHER})


def _rest(whole: Cell, parts: Sequence[Cell]) -> Cell:
    """What is in none of the parts; different mails and spans cannot be taken off, so they are left out."""
    rest = Cell()
    for name, times in whole.counts.items():
        rest.count(name, max(times - sum(part.counts.get(name, 0) for part in parts), 0))
    return rest


def _of_health(health: Health, watches: Bounded) -> Iterator[Sample]:
    yield Sample(MEASUREMENTS["health"], {"check": "all"}, _STATES[health.status])
    checks = {check.name: check for check in health.checks}
    for check in checks.values():
        if check.status in _STATES:
            yield Sample(MEASUREMENTS["health"], {"check": check.name}, _STATES[check.status])
    for name, of_check, figure in _FROM_CHECKS:
        figures = checks[of_check].figures if of_check in checks else {}
        measurement = MEASUREMENTS[name]
        if figure is None:
            yield from _series(measurement, figures, watches if name == "watch_lag" else _word)
        elif figure in figures:
            yield Sample(measurement, {}, figures[figure])


def _series(measurement: Measurement, figures: Mapping[str, float], bound: Callable[[str], str]) -> Iterator[Sample]:
    """A sample for each; of those that share a label the worst, which is the largest."""
    worst: dict[str, float] = {}
    for value, figure in figures.items():
        worst[bound(value)] = max(worst.get(bound(value), figure), figure)
    for value, figure in worst.items():
        yield Sample(measurement, {measurement.labels[0]: value}, figure)


def _of_cell(cell: Cell, window: Window, labels: Mapping[str, str]) -> Iterator[Sample]:
    figures = cell.figures()
    for counter in COUNTERS:
        yield Sample(
            MEASUREMENTS["recent_mails"], {"counted": counter.name, **labels}, float(figures.get(counter.name, 0))
        )
    for name in MEASURES:
        found = measured(name, figures, window)
        at = {"measure": name, **labels}
        yield Sample(MEASUREMENTS["recent_rate_of"], at, float(found.denominator))
        if found.rate is not None:
            yield Sample(MEASUREMENTS["recent_rate"], at, found.rate)
    for quantile in QUANTILES:
        took = cell.took.percentile(quantile)
        if took is not None:
            yield Sample(MEASUREMENTS["recent_delivery_time"], {"quantile": str(quantile), **labels}, took / 1000)


class StoreFigures:
    """How the store is, as samples: its health, and what happened in the last *window* of event time.

    The store is asked when samples are wanted and the last answer is older than *cache_seconds*; of several who want
    them at once one asks. Nothing is raised where the store is not well: then that is what the samples say.

    *window* None leaves out what happened. *by* tells it apart by one thing, such as ``{"campaign": ["spring"]}``: a
    count for each name, and one of all others together. *limits* and *also* are those of ``store.health``, and
    *timeout_seconds* bounds both questions. *ticks* is a clock of seconds that only grow.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        window: timedelta | None = timedelta(hours=1),
        cache_seconds: float = 30.0,
        timeout_seconds: float = 5.0,
        by: Mapping[str, Sequence[str]] = MappingProxyType({}),
        limits: Limits = DEFAULT_LIMITS,
        also: Iterable[Asked] = (),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._asking = _Asking(window, cache_seconds, timeout_seconds, by, limits, also, ticks)
        self._lock = threading.Lock()

    @property
    def labels(self) -> tuple[str, ...]:
        """The label that *by* adds."""
        return self._asking.labels

    def samples(self) -> list[Sample]:
        """Everything, from the store or as it was told lately."""
        with self._lock:
            if self._asking.stale():
                self._asking.keep(*self._ask())
            return self._asking.told()

    def _ask(self) -> tuple[Health, list[Cell]]:
        asking = self._asking
        health = self._store.health(timeout_seconds=asking.timeout_seconds, limits=asking.limits, also=asking.also)
        if health.status == "down" or asking.window is None:
            return health, []
        try:
            with within(asking.timeout_seconds):
                since = health.at - asking.window
                return health, [self._store.analytics.tally(since, **where) for where in asking.wheres()]
        except SesEventError:  # in time or not at all; what there is of health is told
            return health, []


class AsyncStoreFigures:
    """The same for asyncio: `refresh` asks, and `samples`, which others call in whatever thread, tells what it heard.

    `run` refreshes for as long as it is let.
    """

    def __init__(
        self,
        store: AsyncEventStore,
        *,
        window: timedelta | None = timedelta(hours=1),
        cache_seconds: float = 30.0,
        timeout_seconds: float = 5.0,
        by: Mapping[str, Sequence[str]] = MappingProxyType({}),
        limits: Limits = DEFAULT_LIMITS,
        also: Iterable[Asked] = (),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._asking = _Asking(window, cache_seconds, timeout_seconds, by, limits, also, ticks)
        self._lock = asyncio.Lock()

    @property
    def labels(self) -> tuple[str, ...]:
        """The label that *by* adds."""
        return self._asking.labels

    def samples(self) -> list[Sample]:
        """Everything, as it was told last; nothing before the first time."""
        return self._asking.told()

    async def refresh(self) -> None:
        """Ask the store, unless it was asked lately."""
        async with self._lock:
            if self._asking.stale():
                self._asking.keep(*await self._ask())

    async def run(self) -> None:
        """Refresh for ever, each time the answer is too old: to be started as a task, and cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._asking.cache_seconds)

    async def _ask(self) -> tuple[Health, list[Cell]]:
        asking = self._asking
        health = await self._store.health(
            timeout_seconds=asking.timeout_seconds, limits=asking.limits, also=asking.also
        )
        if health.status == "down" or asking.window is None:
            return health, []
        try:
            with within(asking.timeout_seconds):
                since = health.at - asking.window
                return health, [await self._store.analytics.tally(since, **where) for where in asking.wheres()]
        except SesEventError:  # as above
            return health, []
