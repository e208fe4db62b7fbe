"""Everything that is counted of some events: a `Cell`. Cells add up, in any order, to the cell of all their events.

The log is asked for groups of equal events (:mod:`sesevent.analytics.pipelines`); `Cells` makes cells of them, one for
each hour and each `Key`. It knows nothing of windows and time zones. Next: :mod:`sesevent.analytics.measures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sesevent.analytics.counts import counter_of
from sesevent.analytics.groups import parts_of, read_prefix
from sesevent.analytics.providers import SIMULATOR, provider_of
from sesevent.analytics.spans import Spans
from sesevent.analytics.uniques import Uniques, mark_of

__all__ = ["DAY", "HOUR", "MINUTE", "NO_DOMAIN", "SEVERAL", "UNIQUES", "WHOLE", "Cell", "Cells", "Key"]

SEVERAL = "several"
"""The domain, and the provider, of an event that concerns one of several people, who are with several."""
NO_DOMAIN = ""
"""…and of one that names nobody."""

UNIQUES = ("opens", "machine_opens", "clicks", "machine_clicks")
"""What is counted once a mail too."""

WHOLE: Final = 0
"""Characters of a time that are told apart: none,"""
DAY: Final = 10
"""…those of its day,"""
HOUR: Final = 13
"""…of its hour,"""
MINUTE: Final = 16
"""…of its minute."""


class Key(NamedTuple):
    """What a mail and a recipient have in common with others; empty where it is not told, or not asked."""

    campaign: str = ""
    configuration_set: str = ""
    source: str = ""
    ip_pool: str = ""
    template: str = ""
    recipient_domain: str = ""
    provider: str = ""
    """Whose mailboxes are behind the domain."""
    tag: str = ""
    """The value of the tag that is asked for."""

    @property
    def simulated(self) -> bool:
        """True for mail to Amazon's simulator."""
        return self.provider == SIMULATOR

    def only(self, dimensions: frozenset[str]) -> Key:
        """What is left of it where only these fields are told apart."""
        return Key(*[value if name in dimensions else "" for name, value in zip(self._fields, self, strict=True)])


class Cell:
    """Counts, different mails, and spans of time."""

    __slots__ = ("counts", "opened_after", "reasons", "took", "uniques")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        """By the names in `sesevent.analytics.counts`."""
        self.reasons: dict[str, int] = {}
        """Bounces by their reason."""
        self.uniques: dict[str, Uniques] = {}
        """Different mails, by the names in `UNIQUES`."""
        self.took = Spans()
        """From sending to delivery."""
        self.opened_after = Spans()
        """From sending to the first open by a person in each hour."""

    def count(self, name: str, times: int) -> None:
        """*times* more of what a counter counts."""
        self.counts[name] = self.counts.get(name, 0) + times

    def merge(self, other: Cell) -> Cell:
        """What is in another too; returns this one."""
        for name, times in other.counts.items():
            self.count(name, times)
        for reason, times in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + times
        for name, some in other.uniques.items():
            self.unique(name).merge(some)
        self.took.merge(other.took)
        self.opened_after.merge(other.opened_after)
        return self

    def unique(self, name: str) -> Uniques:
        """The different mails of one name."""
        return self.uniques.setdefault(name, Uniques())

    def figures(self) -> dict[str, int]:
        """Every count, those of different mails too (``unique_opens``, …): what measures divide."""
        return self.counts | {f"unique_{name}": some.count() for name, some in self.uniques.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # it changes


class Cells:
    """Cells by hour (``2024-05-01T10``) and key, made of what the log tells."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, Key], Cell] = {}
        self._prefixes: dict[str, _Prefix] = {}
        self._first: dict[tuple[str, Key, int], tuple[int, str]] = {}

    def add(self, groups: Iterable[Mapping[str, Any]]) -> Cells:
        """Groups of the pipeline; returns this."""
        for group in groups:
            self._add(group["_id"], group["n"])
        return self

    def add_texts(self, groups: Iterable[Mapping[str, Any]]) -> Cells:
        """Groups by their texts (`sesevent.analytics.groups`); returns this."""
        prefixes = self._prefixes
        for group in groups:  # once for nearly every event: what can wait for `items` does
            prefix, bucket, mark = parts_of(group["_id"])
            of = prefixes.get(prefix)
            if of is None:
                of = prefixes[prefix] = _Prefix()
            of.times += group["n"]
            if mark:
                first = int(bucket) if bucket else _NEVER
                if first < of.marks.get(mark, _NEVER + 1):
                    of.marks[mark] = first
            elif bucket:
                of.buckets[bucket] = of.buckets.get(bucket, 0) + group["n"]
        return self

    def _add_prefix(self, told: Mapping[str, Any], of: _Prefix) -> None:
        """Count all events of a prefix, which are of one hour, kind and key."""
        if of.marks:
            self._add_engaged(told, of)
            return
        self._add(told, of.times)
        for domain in (told["d"] or (NO_DOMAIN,)) if of.buckets else ():
            took = self._cell(told["h"], _key(told, domain)).took
            for bucket, times in of.buckets.items():
                took.add(int(bucket), times)

    def _add_engaged(self, told: Mapping[str, Any], of: _Prefix) -> None:
        """…of opens and clicks, by the marks of their mails."""
        hour, key = told["h"], _key(told, _domain_of(told["d"]))
        cell = self._cell(hour, key)
        name = counter_of(told["t"], None, None, machine="m" in told, left=False)
        cell.count(name, of.times)
        marks = {int(mark, 16): first for mark, first in of.marks.items()}
        cell.unique(name).marks.update(marks)
        if name == "opens":
            for mark, first in marks.items():
                if first != _NEVER:
                    place, seen = (hour, key, mark), (first, hour)
                    self._first[place] = min(seen, self._first.get(place, seen))

    def items(self) -> Iterator[tuple[str, Key, Cell]]:
        """Each hour's cell of each key. What is told then is final."""
        for prefix, of in self._prefixes.items():
            self._add_prefix(read_prefix(prefix), of)
        self._prefixes.clear()
        for (_, key, _), (bucket, slot) in self._first.items():
            self._cell(slot, key).opened_after.add(bucket)
        self._first.clear()
        for (hour, key), cell in self._cells.items():
            yield hour, key, cell

    def _cell(self, hour: str, key: Key) -> Cell:
        return self._cells.setdefault((hour, key), Cell())

    def _add(self, group: Mapping[str, Any], times: int) -> None:
        hour, kind = group["h"], group["t"]
        if kind in _BY_PERSON:
            self._add_people(hour, kind, group, times)
        else:
            self._add_mail(hour, kind, _key(group, _domain_of(group["d"])), group, times)

    def _add_people(self, hour: str, kind: str, group: Mapping[str, Any], times: int) -> None:
        """What happened to each recipient."""
        domains = group["d"] or (NO_DOMAIN,)  # an absence note may name nobody, and was sent all the same
        failure = group.get("b") or {}
        for place, domain in enumerate(domains):
            cell = self._cell(hour, _key(group, domain))
            kept = {name: told[place] if isinstance(told, list) else told for name, told in failure.items()}
            name = counter_of(kind, kept.get("class"), None, machine=False, left=False)
            cell.count(name, times)
            if kind == "Bounce":
                _count_bounce(cell, kept, times)
            elif kind == "Delivery" and "s" in group:
                cell.took.add(int(group["s"]), times)

    def _add_mail(self, hour: str, kind: str, key: Key, group: Mapping[str, Any], times: int) -> None:
        """What happened to a mail, whoever of its recipients it was."""
        cell = self._cell(hour, key)
        complaint = group.get("y") or {}
        if kind == "Complaint" and str(complaint.get("subType", "")).startswith("On"):
            cell.count(
                "account_suppressed", times
            )  # OnAccountSuppressionList, OnTenantSuppressionList: nobody complained
            return
        name = counter_of(kind, None, complaint.get("type"), machine="m" in group, left=bool(group.get("u")))
        cell.count(name, times)
        if name in UNIQUES:
            mark = mark_of(group["i"])
            cell.unique(name).add(mark)
            if name == "opens" and "s" in group:
                # The hour's, however finely times are told apart: or minutes would add up to something else.
                place, told = (hour[:HOUR], key, mark), (int(group["s"]), hour)
                self._first[place] = min(told, self._first.get(place, told))


class _Prefix:
    """The events whose groups have one prefix."""

    __slots__ = ("buckets", "marks", "times")

    def __init__(self) -> None:
        self.times = 0
        self.buckets: dict[str, int] = {}
        """How long deliveries took."""
        self.marks: dict[str, int] = {}
        """Mails that were opened or clicked, and the bucket of the first time."""


_NEVER: Final = 1 << 32


def _domain_of(domains: Iterable[str]) -> str:
    """The domain of an event that concerns a mail as a whole."""
    different = set(domains)
    return different.pop() if len(different) == 1 else SEVERAL if different else NO_DOMAIN


_BY_PERSON = frozenset({"Send", "Delivery", "Bounce", "Reject", "Rendering Failure", "DeliveryDelay"})


def _key(group: Mapping[str, Any], domain: str) -> Key:
    of = group.get
    provider = domain if domain in (SEVERAL, NO_DOMAIN) else provider_of(domain)
    return Key(of("c", ""), of("cs", ""), of("so", ""), of("ip", ""), of("te", ""), domain, provider, of("tg", ""))


def _count_bounce(cell: Cell, told: Mapping[str, Any], times: int) -> None:
    reason = str(told.get("reason", "undetermined"))
    cell.reasons[reason] = cell.reasons.get(reason, 0) + times
    if str(told.get("subType", "")).startswith("On"):
        cell.count("account_suppressed", times)
    elif told.get("type") == "Permanent":
        cell.count("permanent_bounces", times)
