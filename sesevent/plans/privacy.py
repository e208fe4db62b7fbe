"""The story of an erasure: the list first, then all that tells of the person, and last a look whether anything is left.

Each step may be repeated, and finds its work by looking for the person: so whoever was killed is simply asked again.
Of the rows of a mail those go first that name the person among others, since only the person's own lead to them. What
is known of the person moves to a keyed hash before it is forgotten: at no time may the person be mailed. Next:
:mod:`sesevent.faces.privacy`, which walks the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError, Held, StoreConflict
from sesevent.moments import UTC, format_moment
from sesevent.ops import Plan, ask
from sesevent.plans import audit, erased, keeping
from sesevent.plans.erased import Erased
from sesevent.plans.marking import mark
from sesevent.plans.suppress import follow
from sesevent.storage import erasures, reads, renewal
from sesevent.storage.codec import legacy_derived
from sesevent.storage.erasures import Erasing, ErasureReceipt, Person
from sesevent.storage.keeping import Hold, first_held, is_held
from sesevent.storage.operations import AskPseudonyms, Document, Reseal, Shred, Unseal
from sesevent.storage.renewal import Place
from sesevent.suppression.policy import Policy

__all__ = [
    "Step", "Work", "archived", "begin", "end", "is_done", "look", "readmit", "receipt_for",
    "receipts_page", "sealed_without", "shred", "steps", "texts_of", "without_in_archive",
]  # fmt: skip

PAGE: Final = 500  # rows
_LETTERS: Final = 20  # dead letters: each may have megabytes
_TRIES: Final = 20  # others may change a row that often while a person is being taken out of it
_AHEAD: Final = timedelta(days=1)  # of the clock that an erasure goes by


class Work(NamedTuple):
    """An erasure under way."""

    person: Person
    erasing: Erasing
    thorough: bool
    """Whether also what no index finds is looked for."""


Step = Callable[[Policy, Work, Any], Plan[tuple[int, Any]]]
"""Does the next part of its work; returns for how many events, and where it goes on: None at the end."""

# ── beginning ───────────────────────────────────────────────────────────────────────────────────────────────────────


def look(address: str, keep: bool, by: str, why: str, thorough: bool, now: datetime) -> Plan[Work]:
    """What an erasure would do to the database, in its counts. Raises as `begin` does."""
    work, _ = yield from _prepared(address, keep, by, why, thorough, now)
    return work


def begin(address: str, keep: bool, by: str, why: str, thorough: bool, now: datetime) -> Plan[Work]:
    """Put somebody into the list of the erased, or go on with what was begun.

    Raises ConfigurationError where the store has no keys, and Held where something about the person must be kept.
    """
    work, resumed = yield from _prepared(address, keep, by, why, thorough, now)
    if not resumed:
        yield from audit.note(_entry("erasure begins", work.erasing, {"keep_do_not_mail": work.erasing.keep}))
        yield from ask(erasures.begun(work.erasing))
    return work


def _prepared(address: str, keep: bool, by: str, why: str, thorough: bool, now: datetime) -> Plan[tuple[Work, bool]]:
    """An erasure to be done, and whether it was begun before."""
    if not by:
        raise ConfigurationError("Say who erases.")
    person = yield from _known(address)
    yield from _refuse_held(person)
    listed = yield from erased.among([person.address])
    known = listed[person.address].erasing if listed else None
    if known is not None and known.finished is None:
        return Work(person, known, thorough), True
    counts, latest = yield from _counted(person, thorough)
    # What is there was there before, though the clock was set back since; nothing real is a day ahead of it.
    at = max([now, *(one for one in latest if one < now + _AHEAD)])
    erasing = Erasing(
        known.hash if known else person.hash, _kept(at), by,
        erasures.without_forms(why, person.forms), keep, counts, {}, None, erasures.aliases_of(person),
    )  # fmt: skip
    return Work(person, erasing, thorough), False


def _kept(now: datetime) -> datetime:
    """A time as MongoDB keeps it."""
    return now.astimezone(UTC).replace(microsecond=now.microsecond // 1000 * 1000)


def _known(address: str) -> Plan[Person]:
    pseudonyms = yield from ask(AskPseudonyms())
    if pseudonyms is None:
        raise ConfigurationError(
            "Erasing needs a key: what is kept of an erased person is a keyed hash.",
            hint="Give the store keys, which live outside the database: sesevent privacy key makes one.",
        )
    return erasures.person_of(address, pseudonyms)


def _refuse_held(person: Person) -> Plan[None]:
    holds = yield from keeping.holds_by_any_name()
    on_person = sorted({one.id for one in holds if one.kind == "address" and one.value in person.forms})
    find = first_held(person.forms, holds)
    if on_person or (find is not None and (yield from ask(find))):
        raise Held("A hold keeps what is known of this person; nothing was erased.", on_person)


def _counted(person: Person, thorough: bool) -> Plan[tuple[dict[str, int], list[datetime]]]:
    """What there is to be erased, and when it happened."""
    own = yield from ask(erasures.rows_naming(person.forms, narrow=True))
    ids = {row["_id"] for row in own}
    for some in _pages(_mails(own)):
        others = yield from ask(erasures.rows_of_mails(some, person.forms))
        ids |= {row["_id"] for row in others if erasures.without(row, person) is not None}
    ids |= {row["_id"] for row in (yield from ask(erasures.older_rows_naming(person, 0)))}
    place: Place | None = Place() if thorough else None
    while place is not None:
        found = yield from ask(erasures.rows_saying(person, place, PAGE))
        ids |= {row["_id"] for row in found if erasures.without(row, person) is not None}
        place = renewal.place_behind(found, place, PAGE)
    said = yield from ask(reads.acts_about(person.forms))
    standings = yield from ask(reads.standings_of(person.forms))
    keys = yield from ask(Shred(person.forms, dry_run=True))
    times = [*((row.get("derived") or {}).get("at") for row in own), *(row["at"] for row in said)]
    counts = {"events": len(ids), "said": len(said), "standings": len(standings), "keys": keys}
    return counts, [one for one in times if isinstance(one, datetime)]


def _mails(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    told = [((row.get("derived") or {}).get("messageId") or row.get("MessageId")) for row in rows]
    return sorted({one for one in told if isinstance(one, str) and one})


def _pages(some: Sequence[str]) -> Iterable[Sequence[str]]:
    return (some[begin : begin + PAGE] for begin in range(0, len(some), PAGE))


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _adopt(policy: Policy, work: Work, _: Any) -> Plan[tuple[int, Any]]:
    """Rows of older shapes are found as all others are, once they have `derived`."""
    documents = yield from ask(erasures.older_rows_naming(work.person, PAGE))
    if documents:
        yield from ask(renewal.give_derived(documents))
        yield from mark(documents)
        yield from follow(policy, [document | {"derived": legacy_derived(document)} for document in documents])
    return 0, documents or None


def _reduce(policy: Policy, work: Work, _: Any) -> Plan[tuple[int, Any]]:
    yield from erased.reduce_once(policy, Erased(work.person, work.erasing))  # it is looked again when all is done
    return 0, None


def _rows(policy: Policy, work: Work, _: Any) -> Plan[tuple[int, Any]]:  # noqa: ARG001  # as steps are
    """The next rows that concern the person, and before them the others of their mails."""
    forms = work.person.forms
    for _ in range(_TRIES):
        own = yield from ask(erasures.rows_naming(forms, PAGE))
        if not own:
            return 0, None
        others = yield from ask(erasures.rows_of_mails(_mails(own), forms))
        done = yield from _take_out(work, others)
        if (matched := (yield from _take_out(work, own))) or done:
            return matched + done, True
    raise StoreConflict("Others kept changing rows of a person who is being erased.", hint="Erase again.")


def _sayings(policy: Policy, work: Work, after: Any) -> Plan[tuple[int, Any]]:  # noqa: ARG001
    """Rows that name the person anywhere else: the whole log is read for them."""
    if not work.thorough:
        return 0, None
    place = after or Place()
    rows = yield from ask(erasures.rows_saying(work.person, place, PAGE))
    done = yield from _take_out(work, rows)
    return done, renewal.place_behind(rows, place, PAGE)


def _take_out(work: Work, rows: Sequence[Document]) -> Plan[int]:
    told = [(row, erasures.without(row, work.person)) for row in rows]
    changes = [(before, after) for before, after in told if after is not None]
    if not changes:
        return 0
    holds = yield from keeping.holds_by_any_name()
    if any(is_held(before, holds) for before, _ in changes):
        raise Held("A hold keeps a mail that this person is named in; the erasure goes on when it is lifted.", ())
    done = yield from ask(erasures.put_rows(changes))
    # What counts by domain counts otherwise now: hours that were rolled up are counted again.
    yield from mark([before for before, after in changes if _group(before) != _group(after)])
    return int(done.matched)


def _group(row: Mapping[str, Any]) -> tuple[Any, Any]:
    derived = row.get("derived") or {}
    return derived.get("group"), [one.rpartition("@")[2] for one in derived.get("recipients", ())]


def _letters(policy: Policy, work: Work, after: Any) -> Plan[tuple[int, Any]]:  # noqa: ARG001
    """Dead letters: nothing says whom they are about but their bytes."""
    found = yield from ask(reads.next_dead_letters(after, _LETTERS))
    contents = [(letter["_id"], bytes(letter.get("content") or b"")) for letter in found]
    told = [(key, before, erasures.letter_without(before, work.person)) for key, before in contents]
    changes = [(key, before, after) for key, before, after in told if after is not None]
    if changes:
        yield from ask(erasures.noted_letters(work.erasing, [key for key, *_ in changes]))
        yield from ask(erasures.put_letters(changes))
    return 0, found[-1]["_id"] if len(found) == _LETTERS else None


steps: Final[Sequence[Step]] = (_adopt, _reduce, _rows, _sayings, _letters)
"""In order."""

# ── archives ────────────────────────────────────────────────────────────────────────────────────────────────────────


def without_in_archive(work: Work, holds: Sequence[Hold]) -> Callable[[Document], Document]:
    """What becomes of an archived event."""

    def change(document: Document) -> Document:
        found = erasures.without(document, work.person)
        if found is None:
            return document
        if is_held(document, holds):
            raise Held("A hold keeps an archived mail that this person is named in.", ())
        return found

    return change


def sealed_without(change: Callable[[Document], Document], document: Document) -> Plan[Document]:
    """What becomes of an archived event that is sealed: it stays so."""
    (unsealed,) = yield from ask(Unseal([document]))
    changed = change(unsealed)
    if changed is unsealed:
        return document
    return (yield from ask(Reseal([(document, changed)])))[0]


def texts_of(work: Work) -> list[str]:
    """How an archived event may name the person."""
    return erasures.spellings(work.person)


def archived(work: Work, changed: int, parts: int) -> Plan[None]:
    """Keep how many archived events were changed, so far."""
    counts = {"archived": changed, "parts": parts}
    yield from ask(erasures.counted(work.erasing, counts))


def shred(work: Work) -> Plan[int]:
    """Destroy the person's data keys, where people have some: last, since they lead to what is to be changed."""
    return (yield from ask(Shred(work.person.forms, work.erasing.by, work.erasing.why or "erased")))


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_done(work: Work) -> Plan[bool]:
    """Whether nothing is left: somebody who did not know of the erasure yet may have written meanwhile."""
    forms, erasing = work.person.forms, work.erasing
    if (yield from ask(erasures.rows_naming(forms, 1))):
        return False
    said = yield from ask(reads.acts_about(forms))
    if erasing.keep:
        return not said and not (yield from ask(reads.standings_of(forms)))
    return all(row["at"] > erasing.at for row in said)


def end(work: Work, now: datetime) -> Plan[ErasureReceipt]:
    """Write down what was done, and tell it."""
    (row,) = yield from ask(erasures.among_erased([work.erasing.hash]))
    done, kept = erasures.finished(erasures.erasing_in(row), _kept(now))
    yield from audit.note(_entry("erasure ends", done, dict(done.counts), now))
    yield from ask(kept)
    return erasures.receipt_of(done)


def _entry(act: str, erasing: Erasing, detail: Mapping[str, Any], now: datetime | None = None) -> AuditEntry:
    began = {"began": format_moment(erasing.at)}
    return AuditEntry(now or erasing.at, act, erasing.hash, erasing.by, erasing.why, began | dict(detail))


# ── afterwards ──────────────────────────────────────────────────────────────────────────────────────────────────────


def receipts_page(after: str | None) -> Plan[list[ErasureReceipt]]:
    """The next receipts, by hash."""
    rows = yield from ask(erasures.erasures(after, PAGE))
    return [erasures.receipt_of(erasures.erasing_in(row)) for row in rows]


def receipt_for(address: str) -> Plan[ErasureReceipt | None]:
    """The receipt of one person's erasure."""
    person = yield from _known(address)
    rows = yield from ask(erasures.among_erased(person.hashes))
    return erasures.receipt_of(erasures.erasing_in(rows[0])) if rows else None


def readmit(policy: Policy, address: str, by: str, why: str, now: datetime) -> Plan[bool]:
    """Take somebody off the list, who then may be written about, and mailed, as anybody else.

    What was known against mailing the person, such as a complaint, is known of the address again.
    """
    if not by or not why:
        raise ConfigurationError("Say who readmits, and why.")
    person = yield from _known(address)
    rows = yield from ask(erasures.among_erased(person.hashes))
    if not rows:
        return False
    erasing = erasures.erasing_in(rows[0])
    if erasing.finished is None:
        raise ConfigurationError("This person is being erased; finish that first: erase again.")
    yield from audit.note(AuditEntry(now, "readmitted", erasing.hash, by, erasures.without_forms(why, person.forms)))
    yield from erased.give_back(policy, person)
    yield from ask(erasures.forget(person.hashes))
    return True
