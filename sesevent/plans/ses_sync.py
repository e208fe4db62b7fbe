"""The stories of mirroring SES's list: fetch it page by page, compare, carry out, report.

Told once for both colours, as generators that yield what is to be done outside: a call of SESv2, a
look into our store, something written down there, a wait. :mod:`sesevent.contrib.ses_account` does it,
by blocking or by awaiting; nothing here knows boto3, a clock or a database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar, Union

from sesevent.errors import AwsError, AwsUnavailable, ConfigurationError
from sesevent.plans.ses_list import Entry, Ours, Step, acts_of, by_address, compare, entry_of, whole
from sesevent.suppression.facts import Act

__all__ = [
    "KEPT", "Call", "Clock", "Drift", "Known", "Override", "Pace", "Progress", "Record", "Report", "Story", "Tell",
    "Wait", "drift", "overrides", "pull", "sync",
]  # fmt: skip

R = TypeVar("R")

KEPT: Final = 1000
"""Steps that a report holds, of each kind; beyond them it only counts."""
_LONGEST_WAIT: Final = 60.0  # seconds
_AT_ONCE: Final = 500  # acts written down together


class Call(NamedTuple):
    """A call of SESv2, by its name in boto3. The answer is None where SES does not know what was named."""

    operation: str
    request: dict[str, Any]


class Known(NamedTuple):
    """What our store knows, of all addresses or of one; the answer is a list of `Ours`."""

    region: str
    address: str | None = None


class Record(NamedTuple):
    """Acts to be written down in our store."""

    said: list[tuple[str, Act]]


class Wait(NamedTuple):
    """Patience."""

    seconds: float


class Clock(NamedTuple):
    """What time is it? UTC."""


class Progress(NamedTuple):
    """How far it has come."""

    doing: str
    """``listing`` SES's list, or carrying out ``steps``."""
    done: int
    token: str | None = None
    """Of a listing: where `pull` may be continued."""


class Tell(NamedTuple):
    """Progress, to be told to whom it may concern."""

    progress: Progress


Outside = Union[Call, Known, Record, Wait, Clock, Tell]
Story = Generator[Outside, Any, R]


@dataclass
class Pace:
    """How fast SES is asked, and how patiently. SES allows about one such call a second."""

    seconds: float = 1.0
    attempts: int = 6
    asked: int = 0


@dataclass(frozen=True)
class Override:
    """A configuration set, or the account itself, for which SES does not heed all of its list."""

    configuration_set: str | None
    """None: the account, and every set that says nothing of its own."""
    ignores: tuple[str, ...]
    """Reasons for which mail is sent all the same."""


@dataclass(repr=False)
class Report:
    """What was done, or would be: how often, for whom, and by which row of the table."""

    region: str
    dry_run: bool = False
    complete: bool = False
    """True where SES's list was read from its beginning to its end."""
    entries: int = 0
    """Entries of SES's list that were read."""
    counts: dict[str, int] = field(default_factory=dict)
    """Steps, by what they do: ``listed``, ``unlisted``, ``put``, ``delete``, ``keep``."""
    failed: int = 0
    """Steps that SES refused; they count above as well."""
    changed_meanwhile: int = 0
    """Steps that were left, because something new was said on either side; they count above as well."""
    steps: list[Step] = field(default_factory=list)
    """The first thousand of each kind. They hold addresses."""
    refused: list[Step] = field(default_factory=list)
    """The first thousand that failed."""
    overrides: list[Override] | None = field(default_factory=list)
    """For which configuration sets SES does not heed its list; None where that could not be asked."""

    def add(self, step: Step) -> None:
        """Count a step, and keep it if there is room."""
        count = self.counts[step.does] = self.counts.get(step.does, 0) + 1
        if count <= KEPT:
            self.steps.append(step)

    def fail(self, step: Step) -> None:
        """Count a step that SES refused."""
        self.failed += 1
        if self.failed <= KEPT:
            self.refused.append(step)

    def __repr__(self) -> str:
        how = "would " if self.dry_run else ""
        return f"<Report {self.region}: {self.entries} entries, {how}{self.counts}, {self.failed} failed>"


@dataclass(repr=False)
class Drift:
    """How far the two lists differ. Each list holds the first thousand addresses only; the counts are whole."""

    region: str
    only_ours: int = 0
    """We suppress for a hard bounce or a complaint, and SES does not list."""
    only_ses: int = 0
    """SES lists what we know nothing of."""
    both: int = 0
    differing: int = 0
    """Of both: those for which the reasons differ."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """By ``only_ours``, ``only_ses`` and ``differing``: addresses, in normal form."""
    overrides: list[Override] | None = field(default_factory=list)
    """For which configuration sets SES does not heed its list; None where that could not be asked."""

    def add(self, what: str, address: str) -> None:
        """Count an address, and keep it if there is room."""
        setattr(self, what, getattr(self, what) + 1)
        kept = self.examples.setdefault(what, [])
        if len(kept) < KEPT:
            kept.append(address)

    def __repr__(self) -> str:
        told = f"{self.only_ours} only ours, {self.only_ses} only SES's, {self.both} both, {self.differing} differing"
        return f"<Drift {self.region}: {told}>"


def call(pace: Pace, operation: str, **request: Any) -> Story[Any]:
    """Call SES at its pace, and again for a while if it cannot now."""
    attempt = 0
    while True:
        if pace.asked:
            yield Wait(min(pace.seconds * 2**attempt, _LONGEST_WAIT))
        pace.asked += 1
        attempt += 1
        try:
            return (yield Call(operation, {name: value for name, value in request.items() if value is not None}))
        except AwsUnavailable:
            if attempt >= pace.attempts:
                raise


def _page(
    pace: Pace, since: datetime | None, token: str | None, size: int, entries: int
) -> Story[tuple[list[Entry], str | None]]:
    """The next page of SES's list, and where to continue; None at the end."""
    page = yield from call(pace, "list_suppressed_destinations", StartDate=since, NextToken=token, PageSize=size)
    found = [entry_of(one) for one in page.get("SuppressedDestinationSummaries", ())]
    token = page.get("NextToken") or None
    yield Tell(Progress("listing", entries + len(found), token))
    return found, token


def _all(pace: Pace, size: int) -> Story[list[Entry]]:
    found: list[Entry] = []
    token: str | None = None
    while True:
        page, token = yield from _page(pace, None, token, size, len(found))
        found += page
        if token is None:
            return found


def pull(
    pace: Pace, region: str, *, since: datetime | None, token: str | None, size: int, dry_run: bool
) -> Story[Report]:
    """Write SES's list down here, page by page. What is gone from it follows only from all of it."""
    report = Report(region, dry_run, complete=since is None and token is None)
    started = yield Clock()
    known = {own.address: own for own in (yield Known(region))}
    seen: dict[str, list[Entry]] = {}
    while True:
        page, following = yield from _page(pace, since, token, size, report.entries)
        report.entries += len(page)
        touched = by_address(page)
        for address, entries in touched.items():  # another spelling may have stood on an earlier page
            seen.setdefault(address, []).extend(entries)
        those = {address: seen[address] for address in touched}
        yield from _carry_out(pace, report, compare(known, those, started, ways=["pull"], complete=False))
        token = following
        if token is None:
            break
    if report.complete:
        left = {address: own for address, own in known.items() if address not in seen}
        yield from _carry_out(pace, report, compare(left, {}, started, ways=["pull"]))
    return report


def sync(pace: Pace, region: str, *, ways: Sequence[str], size: int, dry_run: bool) -> Story[Report]:
    """Compare all of both lists and carry out what follows."""
    report = Report(region, dry_run, complete=True)
    started = yield Clock()
    entries = yield from _all(pace, size)
    report.entries = len(entries)
    known = {own.address: own for own in (yield Known(region))}
    yield from _carry_out(pace, report, compare(known, by_address(entries), started, ways=ways))
    report.overrides = yield from _overrides_if_allowed(pace)
    return report


def drift(pace: Pace, region: str, *, size: int) -> Story[Drift]:
    """How far the two lists differ."""
    told = Drift(region)
    theirs = by_address((yield from _all(pace, size)))
    known = {own.address: own for own in (yield Known(region))}
    for address in sorted(theirs.keys() | known.keys()):
        _tell_apart(told, known.get(address, Ours(address)), whole(theirs.get(address, ())))
    told.overrides = yield from _overrides_if_allowed(pace)
    return told


def _tell_apart(told: Drift, own: Ours, entry: Entry | None) -> None:
    if entry is None:
        if own.reason:
            told.add("only_ours", own.address)
        return
    mirrored = own.listed_as if own.listed and not (own.unlisted and own.unlisted > own.listed) else None
    reason = own.reason or mirrored
    if reason is None:
        told.add("only_ses", own.address)
        return
    told.both += 1
    if reason != entry.reason:
        told.add("differing", own.address)


def overrides(pace: Pace) -> Story[list[Override]]:
    """For which configuration sets SES does not heed its list, the account first."""
    account = yield from call(pace, "get_account")
    common = _heeded(account, "SuppressionAttributes")
    found = _override(None, common)
    token: str | None = None
    while True:
        page = yield from call(pace, "list_configuration_sets", NextToken=token)
        for name in page.get("ConfigurationSets", ()):
            told = yield from call(pace, "get_configuration_set", ConfigurationSetName=name)
            own = _heeded(told, "SuppressionOptions")
            if own is not None:  # else it does as the account does
                found += _override(name, own)
        token = page.get("NextToken") or None
        if token is None:
            return found


def _overrides_if_allowed(pace: Pace) -> Story[list[Override] | None]:
    """The same, beside other work: a permission that is missing for this must not cost the report of that."""
    try:
        return (yield from overrides(pace))
    except (AwsError, ConfigurationError):
        return None


def _heeded(told: Any, name: str) -> list[str] | None:
    reasons = ((told or {}).get(name) or {}).get("SuppressedReasons")
    return None if reasons is None else list(reasons)


def _override(name: str | None, heeded: list[str] | None) -> list[Override]:
    ignores = tuple([reason for reason in ("BOUNCE", "COMPLAINT") if reason not in (heeded or ())])
    return [Override(name, ignores)] if ignores else []


def _carry_out(pace: Pace, report: Report, steps: Iterable[Step]) -> Story[None]:
    told = iter(steps)
    done = sum(report.counts.values())
    while some := list(islice(told, _AT_ONCE)):
        for step in some:
            report.add(step)
        if not report.dry_run:
            yield from _do(pace, report, some)
        done += len(some)
        yield Tell(Progress("steps", done))


def _do(pace: Pace, report: Report, steps: Sequence[Step]) -> Story[None]:
    """What is only written down goes together; each change at SES is written down as soon as it is done."""
    now = yield Clock()
    said = [one for step in steps if step.does in ("listed", "unlisted") for one in acts_of(step, report.region, now)]
    if said:
        yield Record(said)
    for step in steps:
        if step.does not in _AT_SES:
            continue
        try:
            done = yield from _do_at_ses(pace, report.region, step)
        except AwsUnavailable:
            raise
        except AwsError:  # one address that SES does not take must not stop the others
            report.fail(step)
            continue
        if not done:
            report.changed_meanwhile += 1
        elif acts := acts_of(step, report.region, (yield Clock())):
            yield Record(acts)


def _do_at_ses(pace: Pace, region: str, step: Step) -> Story[bool]:
    """Do it, unless it is out of date: at SES's pace hours may lie between the comparison and a step.

    Putting somebody who was reactivated meanwhile would outdate the reactivation.
    """
    own = next(iter((yield Known(region, step.address))), Ours(step.address))
    if own.reason != step.reason if step.does == "put" else own.held:
        return False
    return (yield from _AT_SES[step.does](pace, step))


def _put(pace: Pace, step: Step) -> Story[bool]:
    for spelling in step.spellings:
        yield from call(pace, "put_suppressed_destination", EmailAddress=spelling, Reason=step.reason)
    return True


def _delete(pace: Pace, step: Step) -> Story[bool]:
    """Delete, unless SES's entry has changed since it was compared: what is newer has not been answered."""
    whole_step = True
    for spelling in step.spellings:
        told = yield from call(pace, "get_suppressed_destination", EmailAddress=spelling)
        if told is None:
            continue
        if step.at is None or entry_of(told["SuppressedDestination"]).at > step.at:
            whole_step = False
            continue
        yield from call(pace, "delete_suppressed_destination", EmailAddress=spelling)
    return whole_step


_AT_SES: Final[dict[str, Callable[[Pace, Step], Story[bool]]]] = {"put": _put, "delete": _delete}
