"""Rows whose `derived` changes in place: it is given, made anew, or taken back; and what follows from that.

Facts, standings and rollups follow in steps of their own, and whoever does them may die between. So a page of rows is
noted before the first step and forgotten after the last, and whoever comes next finishes it: every step can be
repeated, and none asks how far somebody came. Next: :mod:`sesevent.plans.migrate`, for what others wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sesevent.bounces import rules_version
from sesevent.ops import Plan, ask
from sesevent.plans import bookmarks, erased
from sesevent.plans.marking import mark
from sesevent.plans.suppress import follow, rederive, touch
from sesevent.storage import renewal
from sesevent.storage.codec import DERIVED_VERSION, legacy_derived
from sesevent.storage.operations import Document, Now, Unseal
from sesevent.storage.renewal import Place
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Standing

__all__ = [
    "PAGE", "Reindexed", "TakenBack", "adopt_some", "begin", "finish_others", "reindex_page", "renew", "take_back_some",
]  # fmt: skip

PAGE: Final = 500  # rows


@dataclass
class Reindexed:
    """What became of rows whose `derived` older versions or other rules had made, so far."""

    rows: int = 0
    """Rows whose `derived` was made anew."""
    changed: int = 0
    """Those of them of which it says something else now."""
    standings: int = 0
    """Suppression standings that changed."""
    place: Place | None = None
    """How far the walk is; None at its end."""

    def __iadd__(self, page: Reindexed) -> Reindexed:
        self.rows += page.rows
        self.changed += page.changed
        self.standings += page.standings
        self.place = page.place
        return self


# ── given ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def adopt_some(policy: Policy, size: int = PAGE) -> Plan[int]:
    """Give the next rows of older shapes their `derived`, and let what they touch follow.

    Returns how many rows: fewer than *size* where none is left of those that were there, nor anything that somebody
    else left undone. (Whoever waited for none to be left would never end where others write.)
    """
    rows = yield from ask(renewal.without_derived(size))
    if rows:
        page = yield from _note("give", rows)
        yield from ask(renewal.give_derived(rows))
        yield from _follow(policy, _with_todays(rows))
        yield from ask(renewal.drop_page(page))
    if len(rows) < size:
        yield from finish_others(policy)
    return len(rows)


# ── made anew ───────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(collection: str) -> Plan[Place]:
    """Where to begin: behind what somebody did who came to no end, with the same rules."""
    name = _bookmark()
    return renewal.read_place((yield from bookmarks.read(collection, [name])).get(name))


def reindex_page(policy: Policy, collection: str, place: Place, now: datetime, size: int = PAGE) -> Plan[Reindexed]:
    """Make the `derived` of the next rows anew that older versions or other rules made."""
    rows = yield from ask(renewal.next_page(renewal.below_today(rules_version()), place, size))
    done = (yield from renew(policy, rows)) if rows else Reindexed()
    done.place = renewal.place_behind(rows, place, size)
    if done.place is None:
        yield from finish_others(policy)
    # At the end the next one begins at the beginning: others may have written with an older version meanwhile.
    told = renewal.text_of_place(done.place or Place())
    yield from bookmarks.write(collection, {_bookmark(): told}, now)
    return done


def _bookmark() -> str:
    return f"reindex {DERIVED_VERSION} {rules_version()}"


def renew(policy: Policy, rows: Sequence[Document]) -> Plan[Reindexed]:
    """Make the `derived` of rows anew, in place. Only where it says something else does anything follow."""
    lost = [row for row in rows if "unreadable" in row]
    if lost:
        yield from ask(renewal.leave_derived(lost, rules_version()))
        rows = [row for row in rows if "unreadable" not in row]
        if not rows:
            return Reindexed(len(lost))
    todays = _with_todays(rows)
    pairs = [pair for pair in zip(rows, todays, strict=True) if renewal.unlike(*[row["derived"] for row in pair])]
    before, after = [old for old, _ in pairs], [new for _, new in pairs]
    page = yield from _note("renew", rows)
    # What is not said any more goes first: once the rows are anew, nobody could tell what that was.
    standings = yield from _forget(policy, before, renewal.fact_ids(before) - renewal.fact_ids(after))
    yield from ask(renewal.renew_derived(rows))
    standings = standings + (yield from _follow(policy, after))
    yield from ask(renewal.drop_page(page))
    return Reindexed(len(lost) + len(rows), len(after), len({standing.address for standing in standings}))


# ── taken back ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class TakenBack:
    """What became of rows of older shapes from which `derived` was taken back."""

    rows: int = 0
    reworded: int = 0
    """Those of them whose text is what it was but for display names and the spelling of addresses."""
    left: int = 0
    """Rows that stay as they are: what is sealed in them cannot be opened."""
    after: renewal.Behind | None = None
    """The row that the walk stands behind; None at its end."""


def take_back_some(policy: Policy, after: renewal.Behind | None = None, size: int = PAGE) -> Plan[TakenBack]:
    """Take back what the next rows of older shapes were given, and what followed from it.

    At the end nothing is left of those that were there, nor anything that somebody else left undone.
    """
    kept = yield from ask(renewal.adopted(after, size))
    found = [renewal.GivenBack(*pair) for pair in zip(kept, (yield from ask(Unseal(kept))), strict=True)]
    taken = [row for row in found if row.is_readable]
    if taken:
        opened = [{name: value for name, value in row.opened.items() if name != "unreadable"} for row in taken]
        page = yield from _note("take", opened)
        yield from ask(renewal.take_derived(taken))
        yield from _unfollow(policy, _with_todays(opened))
        yield from ask(renewal.drop_page(page))
    reworded = sum(row.is_reworded for row in taken)
    if len(kept) == size:
        return TakenBack(len(taken), reworded, len(kept) - len(taken), (kept[-1]["derived"]["key"], kept[-1]["_id"]))
    yield from finish_others(policy)
    return TakenBack(len(taken), reworded, len(kept) - len(taken))


# ── what follows ────────────────────────────────────────────────────────────────────────────────────────────────────


def finish_others(policy: Policy) -> Plan[int]:
    """Finish the pages that somebody began and did not finish; returns how many.

    One who is at it just now does the same once more: nothing comes of that. What follows is told by how the rows are
    by now.
    """
    pages = 0
    while found := (yield from ask(renewal.unfinished())):
        rows = yield from ask(renewal.with_ids(found[0]["rows"]))
        yield from _follow(policy, [row for row in rows if row.get("derived")])
        if found[0]["task"] == "take":
            yield from _unfollow(policy, _with_todays([row for row in rows if not row.get("derived")]))
        yield from ask(renewal.drop_page(found[0]["_id"]))
        pages += 1
    return pages


def _follow(policy: Policy, rows: Sequence[Document]) -> Plan[list[Standing]]:
    yield from mark(rows)
    changed = yield from follow(policy, rows)
    # Rows were read before: whoever was erased since must not be known by them again.
    yield from erased.settle(policy, {one for row in rows for one in row["derived"].get("recipients", ())})
    return changed


def _unfollow(policy: Policy, rows: Sequence[Document]) -> Plan[None]:
    """Forget what only these rows said: of an event that is in another row too, everything stays."""
    yield from mark(rows)
    rows = [row for row in rows if "key" in row["derived"]]  # but for what cannot be read any more
    keys = {row["derived"]["key"] for row in rows}
    held = {other["derived"].get("key", str(other["_id"])) for other in (yield from ask(renewal.same_as(sorted(keys))))}
    alone = [row for row in rows if row["derived"]["key"] not in held]
    yield from _forget(policy, alone, renewal.fact_ids(alone))


def _forget(policy: Policy, rows: Sequence[Document], facts: set[str]) -> Plan[list[Standing]]:
    if not facts:
        return []
    yield from ask(renewal.forget_facts(facts))
    touched = set[str]()
    for row in rows:
        touch(row, touched, touched)  # also those delivered to: that may have answered something
    return (yield from rederive(policy, touched))


def _with_todays(rows: Sequence[Document]) -> list[Document]:
    return [row | {"derived": legacy_derived(row)} for row in rows]


def _note(task: renewal.Task, rows: Sequence[Document]) -> Plan[Any]:
    now = yield from ask(Now())
    page, note = renewal.keep_page(task, rows, now)
    yield from ask(note)
    return page
