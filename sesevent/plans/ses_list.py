"""Our list and Amazon SES's own, compared: what must be done so that both say the same, and who wins.

SES keeps one list for each account and region, with two reasons and no streams. So only what we hold
against an address for good and on every stream can be put there, and only for a hard bounce or a
complaint: SES has no word for a person's, an importer's or a subscriber's no, nor for a pause. It keeps
the spelling it was given and asks for it letter by letter; both are compared in our normal form.

A comparison of values, without boto3 and without a clock. Who wins is one table: `ROWS`.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
Next: :mod:`sesevent.plans.ses_sync`, which fetches both and carries the steps out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sesevent import addresses
from sesevent.addresses import is_pseudonym
from sesevent.moments import UTC
from sesevent.ops import Plan, ask
from sesevent.plans.suppress import known_by_any_name
from sesevent.storage import reads
from sesevent.suppression.facts import ALL_STREAMS, Act, Fact, Facts
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Holding, derive

__all__ = [
    "BOUNCE", "COMPLAINT", "ORIGIN", "ROWS", "Entry", "Ours", "Row", "Step", "acts_of", "by_address", "compare",
    "entry_of", "next_spoken_of", "next_standing", "ours_of", "told_of", "whole",
]  # fmt: skip

BOUNCE: Final = "BOUNCE"
COMPLAINT: Final = "COMPLAINT"
ORIGIN: Final = "ses"
"""The origin of the acts that mirror SES's list; the region is told as who said so."""

# By rule, SES's word. `complaint-possible` is left out: a guess of ours must not become a fact of the account.
REASONS: Final = {"complaint": COMPLAINT, "hard-bounce": BOUNCE}


class Entry(NamedTuple):
    """One entry of SES's list."""

    spelling: str
    """As SES keeps it: it must be asked for and deleted letter by letter."""
    reason: str
    """``BOUNCE`` or ``COMPLAINT``; whatever SES may come to say."""
    at: datetime
    """When SES last changed it."""


class Ours(NamedTuple):
    """What we know of one address, as far as SES's list of one region can be compared with it."""

    address: str
    """In normal form."""
    reason: str | None = None
    """SES's word for what we suppress it for, for good and on every stream; None where SES has none."""
    held: bool = False
    """True where we would not mail it now, whatever SES's list says."""
    reactivated: datetime | None = None
    """When a person last said, for every stream, that it may be mailed again."""
    overridden: datetime | None = None
    """When that was last said of complaints as well."""
    listed: datetime | None = None
    """The latest entry of this region that we wrote down."""
    listed_as: str = ""
    unlisted: datetime | None = None
    """When we last wrote down that it is gone, from any region's list."""
    gone: datetime | None = None
    """The same, of this region."""


class Step(NamedTuple):
    """One thing to be done about one address, and the row of the table that says so."""

    address: str
    does: str
    """``listed``, ``unlisted`` (written down here), ``put``, ``delete`` (done at SES) or ``keep`` (nothing)."""
    row: str
    reason: str = ""
    spellings: tuple[str, ...] = ()
    """What to name at SES."""
    at: datetime | None = None
    """Of what is written down: when it happened. Of a deletion: the latest change at SES that it answers."""


class Row(NamedTuple):
    """One row of the table: when the two lists differ in this way, this is done."""

    name: str
    way: str
    """``push`` changes SES's list, ``pull`` writes it down here, ``keep`` leaves the difference."""
    does: str
    applies: Callable[[Ours, Entry | None], bool]
    winner: str
    why: str


def _later(ours: datetime | None, entry: Entry) -> bool:
    """True where we said so after SES's last change. Of equal times SES's entry wins: that is the safe side."""
    return ours is not None and ours > entry.at


def _is(entry: Entry | None, reason: str) -> bool:
    return entry is not None and entry.reason == reason


def _unknown(ours: Ours, entry: Entry | None) -> bool:
    """True where SES's entry is not what we last wrote down, or what we wrote no longer counts."""
    if entry is None:
        return False
    if ours.listed is None or ours.listed < entry.at:
        return True
    if _later(ours.reactivated, entry):  # whatever more is said of it is answered already
        return False
    return ours.listed_as != entry.reason or (ours.unlisted is not None and ours.unlisted > ours.listed)


ROWS: Final[tuple[Row, ...]] = (
    Row(
        "complaint-overridden", "push", "delete",
        lambda ours, entry: _is(entry, COMPLAINT) and not ours.held and entry is not None
        and _later(ours.overridden, entry),
        "ours",
        "a person here overrode the complaint, by name and after SES's last change; nothing less removes one",
    ),
    Row(
        "bounce-reactivated", "push", "delete",
        lambda ours, entry: _is(entry, BOUNCE) and not ours.held and entry is not None
        and _later(ours.reactivated, entry),
        "ours",
        "SES never forgets a bounce by itself; a person here said later that the address is good again",
    ),
    Row(
        "complaint-here", "push", "put",
        lambda ours, entry: ours.reason == COMPLAINT and not _is(entry, COMPLAINT),
        "whoever has it",
        "a complaint outranks a bounce and an empty place: it is the person's own word",
    ),
    Row(
        "hard-bounce-here", "push", "put",
        lambda ours, entry: ours.reason == BOUNCE and entry is None,
        "ours",
        "the address is dead; who takes it off SES's list by hand has answered nothing: reactivate it here",
    ),
    Row(
        "listed-at-ses", "pull", "listed",
        _unknown,
        "SES",
        "SES sends nothing to whom it lists, whatever we think: so we know it, and count no bounce of it",
    ),
    Row(
        "gone-from-ses", "pull", "unlisted",
        lambda ours, entry: entry is None and ours.listed is not None
        and not (ours.gone is not None and ours.gone > ours.listed),
        "SES",
        "what we only mirrored ends with what it mirrors; our own bounces and complaints stay",
    ),
    Row(
        "complaint-stays", "keep", "keep",
        lambda ours, entry: entry is not None and entry.reason not in (BOUNCE, ours.reason)
        and _later(ours.reactivated, entry),
        "SES",
        "a plain reactivation does not answer a complaint; reactivate with an override, and it is deleted",
    ),
)  # fmt: skip
"""The first row that applies decides; where none does, both lists agree, or differ as they must."""


def compare(
    ours: Mapping[str, Ours],
    theirs: Mapping[str, Sequence[Entry]],
    now: datetime,
    *,
    ways: Collection[str] = ("push", "pull", "keep"),
    complete: bool = True,
) -> Iterator[Step]:
    """What must be done, by address: at most one step for each.

    Both are keyed by the normal form. *complete* says that *theirs* is all of SES's list: without it,
    nothing follows from an entry's absence.
    """
    rows = [row for row in ROWS if row.way in ways]
    for address in sorted(theirs.keys() | ours.keys() if complete else theirs):
        own, entries = ours.get(address, Ours(address)), theirs.get(address, ())
        entry = whole(entries)
        row = next((row for row in rows if row.applies(own, entry)), None)
        if row is not None:
            yield _step(row, own, entries, entry, now)


def _step(row: Row, own: Ours, entries: Sequence[Entry], entry: Entry | None, now: datetime) -> Step:
    spellings = tuple([one.spelling for one in entries])
    if row.does == "put":
        return Step(own.address, "put", row.name, own.reason or "", spellings or (own.address,))
    if entry is None:
        return Step(own.address, row.does, row.name, own.listed_as, at=now)
    at = now if row.does == "listed" and _must_be_said_again(own, entry) else entry.at
    return Step(own.address, row.does, row.name, entry.reason, spellings, at)


def _must_be_said_again(own: Ours, entry: Entry) -> bool:
    """True where writing it down with SES's own time would say nothing: something later was said already."""
    if _later(own.reactivated, entry):  # …which is as it should be
        return False
    known = own.listed is not None and own.listed >= entry.at
    return known or (own.unlisted is not None and own.unlisted > entry.at)


def whole(entries: Sequence[Entry]) -> Entry | None:
    """All spellings of one address as one entry: the strongest reason, the latest change. None where there is none."""
    if not entries:
        return None
    latest = max(entries, key=lambda entry: entry.at)
    strongest = max(entries, key=lambda entry: (entry.reason != BOUNCE, entry.at))
    return latest._replace(reason=strongest.reason)


def by_address(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries by the normal form of their address; SES may keep one address in several spellings."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(addresses.normal(entry.spelling), []).append(entry)
    return found


def entry_of(summary: Mapping[str, object]) -> Entry:
    """An entry as SESv2 tells it. Times are cut to what the store keeps: milliseconds."""
    at = summary["LastUpdateTime"]
    assert isinstance(at, datetime)  # noqa: S101  # for the type checkers: botocore has read it
    at = at.astimezone(UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return Entry(str(summary["EmailAddress"]), str(summary["Reason"]), at)


def acts_of(step: Step, region: str, now: datetime) -> list[tuple[str, Act]]:
    """What is written down of a step, once it is done."""
    if step.does == "listed":
        return [(step.address, Act(step.at or now, "", "listed", origin=ORIGIN, by=region, note=step.reason))]
    if step.does == "unlisted":
        return [(step.address, Act(step.at or now, "", "unlisted", origin=ORIGIN, by=region))]
    if step.does == "delete":  # answers also what SES refused to send since
        return [(step.address, Act(now, "", "unlisted", origin=ORIGIN, by=region, note="deleted there by us"))]
    return []


def next_standing(
    policy: Policy, after: str | None, size: int, region: str, now: datetime
) -> Plan[tuple[list[Ours], str | None]]:
    """Of the next addresses that ever had a standing those with something to compare; and where to continue."""
    documents = yield from ask(reads.next_standings(after, size))
    told = yield from _told(policy, [document["_id"] for document in documents], region, now)
    return told, documents[-1]["_id"] if len(documents) == size else None


def next_spoken_of(
    policy: Policy, after: str | None, size: int, region: str, now: datetime
) -> Plan[tuple[list[Ours], str | None]]:
    """The same of the addresses that the next acts speak of and that never had a standing.

    Who was reactivated before anything was known against them may still stand on SES's list.
    """
    documents = yield from ask(reads.next_acts(after, size))
    spoken_of = {document["address"] for document in documents}
    standing = yield from ask(reads.standings_of(spoken_of))
    told = yield from _told(policy, sorted(spoken_of - {document["_id"] for document in standing}), region, now)
    return told, documents[-1]["_id"] if len(documents) == size else None


def told_of(policy: Policy, asked: Sequence[str], region: str, now: datetime) -> Plan[list[Ours]]:
    """The same of these addresses."""
    return (yield from _told(policy, [addresses.normal(address) for address in asked], region, now))


def _told(policy: Policy, normals: Sequence[str], region: str, now: datetime) -> Plan[list[Ours]]:
    if not normals:
        return []
    # SES could do nothing with a pseudonym; whoever has the address asks for it.
    normals = [normal for normal in normals if not is_pseudonym(normal)]
    known = yield from known_by_any_name(normals)
    found = [ours_of(policy, _shared(policy, normal, *known[normal], now), region, now) for normal in normals]
    return [ours for ours in found if ours != Ours(ours.address)]


def _shared(policy: Policy, normal: str, facts: Iterable[Fact], acts: Iterable[Act], now: datetime) -> Facts:
    """What concerns every tenant: SES's list of an account knows none."""
    everyones = frozenset([fact for fact in facts if not policy.tenant_of(fact)])
    return Facts(normal, everyones, frozenset([act for act in acts if not act.tenant])).until(now)


def ours_of(policy: Policy, facts: Facts, region: str, now: datetime) -> Ours:
    """What follows from all that is known of one address, for comparing it with SES's list of *region*."""
    holdings = [one for one in derive(policy, facts).holdings if one.stream == ALL_STREAMS]
    reasons = {REASONS.get(one.rule) for one in holdings if _for_good(policy, one)}
    back = [act for act in facts.acts if act.act == "reactivate" and act.stream == ALL_STREAMS]
    gone = [act for act in facts.acts if act.act == "unlisted"]
    here = [act for act in facts.acts if act.act == "listed" and act.by in (region, "")]
    last = max(here, key=lambda act: (act.at, act.note), default=None)
    return Ours(
        facts.address,
        COMPLAINT if COMPLAINT in reasons else BOUNCE if BOUNCE in reasons else None,
        any(one.rule != "ses-list" and (one.until is None or now < one.until) for one in holdings),
        _last(back),
        _last([act for act in back if act.override]),
        last.at if last else None,
        last.note if last else "",
        _last(gone),
        _last([act for act in gone if act.by in (region, "")]),
    )


def _for_good(policy: Policy, holding: Holding) -> bool:
    """True where it holds without an end and without exceptions: SES's list knows neither."""
    return holding.until is None and not holding.lifted and not policy.effect(holding.rule).except_streams


def _last(acts: Iterable[Act]) -> datetime | None:
    return max((act.at for act in acts), default=None)
