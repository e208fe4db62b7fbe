"""The chain: whatever is done to it shows, and where."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.audit import FIRST, Anchor, AuditEntry, Check, entry_hash, link

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def chain(length: int, why: str = "asked to") -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(length):
        entry = AuditEntry(NOW + timedelta(minutes=number), "reactivate", f"act {number}", "ann", why, {"n": [number]})
        entries.append(link(entry, entries[-1] if entries else None))
    return entries


def flaws(entries: list[AuditEntry], *anchors: Anchor) -> list[tuple[int, str]]:
    check = Check(anchors)
    for entry in entries:
        check.see(entry)
    return [(flaw.number, flaw.words.split(":")[0].split(",")[0]) for flaw in check.end()]


def test_a_chain_that_nobody_touched_holds() -> None:
    """From the first entry to the last, anchors included."""
    entries = chain(5)
    assert entries[0].previous == FIRST
    assert flaws(entries, *[Anchor(entry.number, entry.hash, NOW) for entry in entries]) == []
    assert flaws([]) == []


@pytest.mark.parametrize(
    "change",
    [{"why": "because"}, {"by": "eve"}, {"act": "suppress"}, {"subject": "act 9"}, {"at": NOW}, {"detail": {}},
     {"detail": {"n": object()}}, {"at": "never"}, {"hash": ""}],
)  # fmt: skip
def test_an_edited_entry_is_named(change: dict[str, Any]) -> None:
    """Whatever of it was edited, and whatever it was made."""
    entries = chain(5)
    entries[2] = replace(entries[2], **change)
    found = flaws(entries)
    assert found[0] == (3, "edited")


def test_an_edited_entry_with_a_hash_of_its_own_shows_at_the_next() -> None:
    """Who edits one entry and its hash must edit all that follow."""
    entries = chain(5)
    forged = replace(entries[2], why="because")
    entries[2] = replace(forged, hash=entry_hash(forged))
    assert flaws(entries) == [(4, "put in")]


@given(st.integers(2, 8), st.data())
def test_what_was_taken_out_is_named(length: int, data: Any) -> None:
    """One entry or several, from the beginning or the middle; from the end only an anchor tells."""
    entries = chain(length)
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first, length - 1))
    left = entries[:first] + entries[last + 1 :]
    if last + 1 < length:
        assert flaws(left) == [(first + 1, "removed")]
    else:
        assert flaws(left) == []
    head = entries[-1]
    assert (first + 1, "removed") in flaws(left, Anchor(head.number, head.hash, NOW))


def test_what_was_put_in_is_named() -> None:
    """Under a number that is taken, or between two."""
    entries = chain(4)
    strange = link(AuditEntry(NOW, "suppress", "act x"), entries[1])
    assert (3, "put in") in flaws([*entries[:3], strange, *entries[3:]])
    between = replace(strange, number=2.5)  # type: ignore[arg-type]  # a database would take it
    assert (2.5, "put in") in flaws([*entries[:2], between, *entries[2:]])


def test_a_chain_made_anew_is_known_by_its_anchor() -> None:
    """It holds by itself; what was kept elsewhere says otherwise."""
    anchor = Anchor(3, chain(5)[2].hash, NOW)
    assert flaws(chain(5, "nothing to see here")) == []
    assert flaws(chain(5, "nothing to see here"), anchor) == [(3, "rewritten")]
