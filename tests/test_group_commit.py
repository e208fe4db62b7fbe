"""Group commit: writes are shared, answers are one's own, and nobody waits longer than they said."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from sesevent import StoreUnavailable
from sesevent.group_commit import AsyncGroupCommit, GroupCommit
from sesevent.plans.receive import Outcome, Prepared, Receipt, Tell


class Writes:
    """A database of our own: remembers what was written together; holds every write until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)
        self.too_slow_for: str | None = None

    def __call__(self, several: Sequence[Prepared], bound: float | None, tell: Tell) -> None:
        self.groups.append([one.message for one in several])
        self.begun.release()
        slow = self.too_slow_for in self.groups[-1]
        if slow or not self.free.wait(20 if bound is None else bound):
            return told(several, tell, StoreUnavailable("too slow"))
        return told(several, tell)


def told(several: Sequence[Prepared], tell: Tell, error: StoreUnavailable | None = None) -> None:
    for place, one in enumerate(several):
        tell(place, Outcome(one.message, None if error else Receipt(), error))


def thing(name: Any) -> Prepared:
    return Prepared(message=name)


def started(
    commits: GroupCommit, names: Sequence[str], answers: dict[str, Outcome], seconds: float | None = None
) -> Any:
    threads = [
        threading.Thread(target=lambda name=name: answers.update({name: commits.store(thing(name), seconds)}))
        for name in names
    ]
    for thread in threads:
        thread.start()
    return threads


def _joined(threads: Any) -> None:
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def _waiting(commits: Any, number: int) -> None:
    ends = time.monotonic() + 20
    while len(commits._waiting) < number:
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_who_comes_while_others_are_written_goes_into_the_next_write_together() -> None:
    """Two writes are under way at most; each gets the answer of what is their own."""
    writes, answers = Writes(), dict[str, Outcome]()
    commits = GroupCommit(writes)
    threads = started(commits, ["a"], answers)
    writes.begun.acquire()
    threads += started(commits, ["b"], answers)
    writes.begun.acquire()
    threads += started(commits, "cdefgh", answers)
    _waiting(commits, 6)
    writes.free.set()
    _joined(threads)

    assert [sorted(group) for group in writes.groups[:2]] == [["a"], ["b"]]
    assert sorted(name for group in writes.groups[2:] for name in group) == list("cdefgh")
    assert len(writes.groups) <= 4
    assert {name: answer.message for name, answer in answers.items()} == dict(zip("abcdefgh", "abcdefgh", strict=True))


def test_who_may_not_wait_is_told_in_time_and_the_others_go_on() -> None:
    """In the queue as well as in a write that takes too long: those with more time try again."""
    writes, answers = Writes(), dict[str, Outcome]()
    commits = GroupCommit(writes)
    threads = started(commits, ["a"], answers) + started(commits, ["b"], answers)
    writes.begun.acquire(), writes.begun.acquire()
    began = time.monotonic()
    hasty = commits.store(thing("hasty"), 0.2)

    assert isinstance(hasty.error, StoreUnavailable)
    assert time.monotonic() - began < 10
    threads += started(commits, ["patient"], answers, 30)
    threads += started(commits, ["brief"], answers, 0.5)
    _joined(threads[-1:])
    writes.free.set()
    _joined(threads)

    assert isinstance(answers["brief"].error, StoreUnavailable)
    assert answers["patient"].settled
    assert answers["a"].settled


def test_a_group_that_fails_in_the_time_of_the_hastiest_is_tried_again_for_the_others() -> None:
    """Nobody's patience is cut short by a neighbour."""
    writes, answers = Writes(), dict[str, Outcome]()
    writes.too_slow_for = "hasty"
    commits = GroupCommit(writes)
    threads = started(commits, ["a"], answers) + started(commits, ["b"], answers)
    writes.begun.acquire(), writes.begun.acquire()
    threads += started(commits, ["patient"], answers, 60) + started(commits, ["hasty"], answers, 1.5)
    _waiting(commits, 2)
    writes.free.set()
    _joined(threads)

    assert [sorted(group) for group in writes.groups[2:]] == [["hasty", "patient"], ["patient"]]
    assert isinstance(answers["hasty"].error, StoreUnavailable)
    assert answers["patient"].settled


def test_what_is_no_failure_of_the_database_reaches_everybody() -> None:
    """A mistake is not kept from those whose write another thread did."""

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        GroupCommit(broken).store(thing("a"), None)

    async def main() -> None:
        async def also_broken(*_: Any) -> None:
            raise ZeroDivisionError

        commits = AsyncGroupCommit(also_broken)
        found = await asyncio.gather(*[commits.store(thing(n), None) for n in range(3)], return_exceptions=True)
        assert [type(error) for error in found] == [ZeroDivisionError] * 3

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_does_not_wait_for_its_parents_threads() -> None:
    """The child starts with nobody under way, whatever was when it was made."""
    writes = Writes()
    commits = GroupCommit(writes)
    answers: dict[str, Outcome] = {}
    threads = started(commits, ["a"], answers) + started(commits, ["b"], answers)
    writes.begun.acquire(), writes.begun.acquire()
    child = os.fork()
    if child == 0:
        writes.free = threading.Event()
        writes.free.set()
        os._exit(0 if commits.store(thing("c"), 5).settled else 1)
    writes.free.set()
    _joined(threads)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_tasks_share_writes_and_may_give_up() -> None:
    """Cancelled or too late, they take nothing from the others."""

    async def main() -> None:
        groups: list[list[Any]] = []
        free = asyncio.Event()

        async def write(several: Sequence[Prepared], _: float | None, tell: Tell) -> None:
            groups.append([one.message for one in several])
            await free.wait()
            told(several, tell)

        commits = AsyncGroupCommit(write)
        first = asyncio.create_task(commits.store(thing("a"), None))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(commits.store(thing("b"), None))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(commits.store(thing(name), None)) for name in "cde"]
        hasty = asyncio.create_task(commits.store(thing("hasty"), 0.05))
        await asyncio.sleep(0.01)
        others[1].cancel()

        assert isinstance((await hasty).error, StoreUnavailable)
        free.set()
        assert [(await task).message for task in (first, second, others[0], others[2])] == ["a", "b", "c", "e"]
        assert groups == [["a"], ["b"], ["c", "e"]]

    asyncio.run(main())


def test_who_is_settled_first_is_told_first() -> None:
    """Each by their own write: nobody waits for what a neighbour's takes besides."""
    go_on, answers = threading.Event(), dict[str, Outcome]()

    def write(several: Sequence[Prepared], _: float | None, tell: Tell) -> None:
        for place, one in enumerate(several):
            if one.message == "slow":
                assert go_on.wait(20)
            tell(place, Outcome(one.message, Receipt()))

    commits = GroupCommit(write)
    slow = started(commits, ["slow"], answers)
    quick = started(commits, ["quick"], answers)
    _joined(quick)
    assert "slow" not in answers
    go_on.set()
    _joined(slow)


def test_nobody_is_overlooked_by_writers_that_are_just_ending() -> None:
    """Whoever comes in the very moment in which the last of them finds nothing more to do is written too."""

    async def main() -> None:
        free = asyncio.Event()

        async def write(several: Sequence[Prepared], _: float | None, tell: Tell) -> None:
            await free.wait()
            told(several, tell)

        async def stores(times: int) -> None:
            for _ in range(times):
                assert (await commits.store(thing("a"), None)).settled

        commits = AsyncGroupCommit(write)
        running = []
        for times in (2, 1):  # two writers, each with one to write for; only one of these two comes again
            running.append(asyncio.create_task(stores(times)))
            await asyncio.sleep(0.01)
        free.set()
        await asyncio.wait_for(asyncio.gather(*running), 20)

    asyncio.run(main())
