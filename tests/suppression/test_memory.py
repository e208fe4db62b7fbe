"""What is remembered of decisions, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sesevent.suppression import Decision
from sesevent.suppression.memory import Memory

NOW = datetime(2024, 5, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def remembered(memory: Memory, address: str = "ann@example.com", at: datetime = NOW) -> bool:
    return memory.get(address, "*", "", at) is not None


def memory(size: int = 10, *addresses: str) -> Memory:
    made = Memory(size, 5 * MINUTE)
    for address in addresses or ("ann@example.com",):
        made.put(Decision(address, allowed=True), made.order, NOW)
    return made


def test_a_decision_is_good_for_a_while_for_its_stream_and_tenant() -> None:
    """And no longer, and for no other."""
    made = memory()

    assert remembered(made, at=NOW + 4 * MINUTE)
    assert not remembered(made, at=NOW + 5 * MINUTE)
    assert made.get("ann@example.com", "news", "", NOW) is None
    assert made.get("ann@example.com", "*", "a", NOW) is None


def test_a_decision_that_ends_by_itself_is_good_no_longer() -> None:
    """A pause that is over must not be repeated."""
    made = Memory(10, 5 * MINUTE)
    made.put(Decision("ann@example.com", allowed=False, until=NOW + MINUTE), made.order, NOW)

    assert remembered(made)
    assert not remembered(made, at=NOW + MINUTE)


def test_what_was_dropped_is_forgotten_and_an_older_answer_is_not_kept() -> None:
    """An answer may be on its way while its standing changes."""
    made = memory()
    asked = made.order
    made.drop("ann@example.com")

    assert not remembered(made)
    made.put(Decision("ann@example.com", allowed=True), asked, NOW)
    assert not remembered(made)
    made.put(Decision("ben@example.com", allowed=True), asked, NOW)  # nobody dropped ben
    made.put(Decision("ann@example.com", allowed=False), made.order, NOW)
    assert remembered(made)
    assert remembered(made, "ben@example.com")


def test_after_clearing_no_older_answer_is_kept() -> None:
    """Of nobody: changes may have been missed."""
    made = memory()
    asked = made.order
    made.clear()
    made.put(Decision("ben@example.com", allowed=True), asked, NOW)

    assert len(made) == 0


def test_it_is_bounded_and_keeps_whom_was_asked_about_last() -> None:
    """So are the drops it knows of: beyond them every older answer is doubted."""
    made = memory(2, "ann@example.com", "ben@example.com")
    assert remembered(made)
    made.put(Decision("cora@example.com", allowed=True), made.order, NOW)
    assert [remembered(made, f"{name}@example.com") for name in ("ann", "ben", "cora")] == [True, False, True]

    asked = made.order
    for number in range(3):
        made.drop(f"{number}@example.com")
    made.put(Decision("dan@example.com", allowed=True), asked, NOW)
    assert not remembered(made, "dan@example.com")


def test_who_was_answered_again_is_kept_longer_than_who_was_not() -> None:
    """A decision that is made anew is as good as one that was asked for."""
    made = memory(2, "ann@example.com", "ben@example.com", "ann@example.com", "cora@example.com")

    assert [remembered(made, f"{name}@example.com") for name in ("ann", "ben", "cora")] == [True, False, True]


def test_only_answers_older_than_what_is_not_known_any_more_are_doubted() -> None:
    """The oldest of too many drops is what is forgotten."""
    made = Memory(2, MINUTE)
    for number in range(2):
        made.drop(f"{number}@example.com")
    asked = made.order
    made.drop("2@example.com")
    made.put(Decision("dan@example.com", allowed=True), asked, NOW)

    assert remembered(made, "dan@example.com")


def test_as_many_drops_are_known_as_addresses() -> None:
    """Then nobody else is doubted; with one more everybody is who was asked about before."""
    for drops, kept in ((2, True), (3, False)):
        made = Memory(2, MINUTE)
        asked = made.order
        for number in range(drops):
            made.drop(f"{number}@example.com")
        made.put(Decision("dan@example.com", allowed=True), asked, NOW)

        assert remembered(made, "dan@example.com") is kept


def test_of_one_address_few_answers_are_kept() -> None:
    """Whoever asks about ever new streams does not fill the memory."""
    made = Memory(10, MINUTE)
    for number in range(17):
        made.put(Decision("ann@example.com", allowed=True, stream=f"s-{number}"), made.order, NOW)
        assert made.get("ann@example.com", f"s-{number}", "", NOW) is not None

    kept = [number for number in range(17) if made.get("ann@example.com", f"s-{number}", "", NOW)]
    assert 1 <= len(kept) <= 16


def test_an_older_drop_is_no_doubt_about_a_newer_answer() -> None:
    """Of an address that was dropped and asked about again; nor is clearing."""
    made = memory()
    made.drop("ann@example.com")
    made.clear()
    made.put(Decision("ann@example.com", allowed=True), made.order, NOW)

    assert remembered(made)


def test_what_could_not_be_asked_is_not_remembered() -> None:
    """The next question may be answered."""
    made = Memory(10, MINUTE)
    made.put(Decision("ann@example.com", allowed=True, failed="open"), made.order, NOW)

    assert not remembered(made)
