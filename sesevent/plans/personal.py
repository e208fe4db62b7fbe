"""Everything that is held about a person, found page by page. It changes nothing.

Where the person's key is gone no address leads to their events. Facts do, which are under a key that all share: they
name events, these show what the person is sealed as, and that finds all others. What no fact leads to is counted.
Next: :mod:`sesevent.faces.privacy`, which has it written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit, keeping
from sesevent.privacy.papers import Thing
from sesevent.storage import erasures, personal, reads, renewal
from sesevent.storage.codec import stored_event
from sesevent.storage.erasures import Person
from sesevent.storage.operations import AskKeys, AskPseudonyms
from sesevent.storage.records import audit_entry
from sesevent.storage.renewal import Place
from sesevent.storage.standings import FACT

__all__ = ["Find", "begin", "events", "finds_after", "finds_before"]

PAGE: Final = 500  # rows
_LETTERS: Final = 20  # dead letters: each may have megabytes

Find = Callable[[Person, Any], Plan[tuple[list[Thing], Any]]]
"""Finds the next things; returns them, and where it goes on: None at the end."""


def begin(address: str, by: str, why: str, now: datetime) -> Plan[Person]:
    """Write into the audit trail that somebody asks for everything. Raises ConfigurationError where nobody says who."""
    if not by:
        raise ConfigurationError("Say who exports.")
    person = erasures.person_of(address, (yield from ask(AskPseudonyms())))
    told = erasures.without_forms(why, person.forms)
    yield from audit.note(AuditEntry(now, "personal data exported", person.hash or "a person", by, told))
    return person


def _standings(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    rows = yield from ask(reads.standings_of([*person.forms, *person.hashes]))
    return [thing for row in rows for thing in personal.standing_things(row)], None


def events(person: Person, query: reads.EventQuery | None) -> Plan[tuple[list[Thing], Any]]:
    """Events that concern the person, in order."""
    query = query or reads.EventQuery({"derived.recipients": {"$in": list(person.forms)}})
    rows = yield from ask(query.page(PAGE))
    rest = query.behind(stored_event(rows[-1]), len(rows)) if len(rows) == PAGE else None
    return [personal.event_thing(row, person) for row in rows], rest


def _unreadable(person: Person, query: reads.EventQuery | None) -> Plan[tuple[list[Thing], Any]]:
    """Events of the person whose key is gone."""
    sealed = [] if query else (yield from _sealed_as(person))
    if not query and not sealed:
        return [], None
    return (yield from events(person, query or reads.EventQuery({"derived.recipients": {"$in": sealed}})))


def _sealed_as(person: Person) -> Plan[list[Any]]:
    """What the person is sealed as by keys that are gone, as far as facts lead to it."""
    said = yield from ask(reads.acts_about(person.forms))
    keys = sorted({row["event"] for row in said if row["act"] == FACT and row.get("event")})
    found = set()
    for begin in range(0, len(keys), PAGE):
        rows = yield from ask(personal.told_by(keys[begin : begin + PAGE]))
        found |= {sealed for row in rows if (sealed := personal.only_unreadable(row, person)) is not None}
    return sorted(found)


def _perhaps(person: Person, so_far: tuple[Place, list[Any]] | None) -> Plan[tuple[list[Thing], Any]]:
    """How many events may be the person's: nobody can read whose they are. The whole log is read for them."""
    place, told = so_far or (Place(), (yield from _sealed_as(person)))
    rows = yield from ask(personal.sealed_rows(place, PAGE))
    found = [mark for row in rows if (mark := personal.perhaps(row, person)) and mark.sealed not in told]
    things = personal.unreadable_things(personal.PERHAPS, [mark.reason for mark in found])
    behind = renewal.place_behind(rows, place, PAGE)
    return things, behind and (behind, told)


def _perhaps_if_in_doubt(person: Person, so_far: Any) -> Plan[tuple[list[Thing], Any]]:
    if so_far is None and (yield from ask(AskKeys(person.forms))):
        return [], None
    return (yield from _perhaps(person, so_far))


def _older(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    """Rows of older shapes, of which nobody worked out yet whom they concern."""
    rows = yield from ask(erasures.older_rows_naming(person, 0))
    return [personal.event_thing(row, person) for row in rows if personal.concerns(row, person)], None


def _said(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    rows = yield from ask(reads.acts_about([*person.forms, *person.hashes]))
    return [personal.said_thing(row) for row in sorted(rows, key=_by_time)], None


def _by_time(row: Mapping[str, Any]) -> tuple[Any, str]:
    return row["at"], row["_id"]


def _letters(person: Person, after: Any) -> Plan[tuple[list[Thing], Any]]:
    rows = yield from ask(reads.next_dead_letters(after, _LETTERS))
    told = [personal.about_letter(row, person) for row in rows]
    reasons = [row["unreadable"] for row in rows if "unreadable" in row]
    things = [one for one in told if one is not None] + personal.unreadable_things(personal.LETTERS, reasons)
    return things, rows[-1]["_id"] if len(rows) == _LETTERS else None


def _holds(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    holds = yield from keeping.holds_by_any_name()
    own = {one.id: one for one in holds if one.kind == "address" and one.value in person.forms}
    return [personal.hold_thing(one) for one in own.values()], None


def _audit(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    """Entries about the person lead there by acts, holds and the keyed hash."""
    acts = yield from ask(reads.acts_about([*person.forms, *person.hashes]))
    holds = yield from keeping.holds_by_any_name()
    subjects = [row["_id"] for row in acts if row["act"] != FACT]
    subjects += [one.id for one in holds if one.kind == "address" and one.value in person.forms]
    found = yield from ask(personal.audited_about([*subjects, *person.hashes]))
    return [personal.audit_thing(audit_entry(row)) for row in found], None


def _erasures(person: Person, _: Any) -> Plan[tuple[list[Thing], Any]]:
    rows = (yield from ask(erasures.among_erased(person.hashes))) if person.hashes else []
    return [personal.erasure_thing(row) for row in rows], None


finds_before: Final[Sequence[Find]] = (_standings, events, _unreadable, _older)
"""In the order of the sections; what is archived comes behind these,"""


def finds_after(thorough: bool) -> Sequence[Find]:
    """…and before these. *thorough*: the log is read for what nobody can read, though the person's key is there."""
    return (_said, _letters, _holds, _audit, _erasures, _perhaps if thorough else _perhaps_if_in_doubt)
