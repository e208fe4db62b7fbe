"""Many who write at once share a write: what arrives while one is under way goes into the next.

Nobody waits for a clock: who comes alone writes at once. Each is answered when the write that
holds its own things is durable, not before. It knows nothing of databases: a face hands it the
function that stores what several prepared together, and tells of each.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any, Final

from sesevent.errors import StoreUnavailable
from sesevent.plans.receive import Outcome, Prepared, Tell

__all__ = ["AsyncGroupCommit", "GroupCommit"]

AT_ONCE: Final = 2  # writes under way: while one waits for the server, the next is built
LARGEST: Final = 500  # things in one write

Write = Callable[[Sequence[Prepared], "float | None", Tell], object]
AsyncWrite = Callable[[Sequence[Prepared], "float | None", Tell], Awaitable[object]]


class _Call:
    """One who waits: with what, until when, and where the answer is to be put."""

    __slots__ = ("answer", "deadline", "prepared")

    def __init__(self, prepared: Prepared, timeout_seconds: float | None, answer: Any) -> None:
        self.prepared = prepared
        self.deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        self.answer = answer

    @property
    def left(self) -> float | None:
        """Seconds that are left; None for all the time in the world."""
        return None if self.deadline == math.inf else max(self.deadline - time.monotonic(), 0.001)

    def too_late(self) -> Outcome:
        error = StoreUnavailable("MongoDB did not answer in time.", hint="It is safe to repeat.")
        return Outcome(self.prepared.message, None, error)


def _taken(waiting: deque[_Call]) -> list[_Call]:
    return [waiting.popleft() for _ in range(min(len(waiting), LARGEST))]


class _Group:
    """Those whose write is shared."""

    def __init__(self, calls: list[_Call], answer: Callable[[_Call, Outcome], object]) -> None:
        self.calls = dict(enumerate(calls))
        """Those who are still to be answered."""
        self.patient: list[_Call] = []
        """Those whose write failed in the time that somebody else had, and who have more."""
        self.prepared = [call.prepared for call in calls]
        first = min(calls, key=lambda call: call.deadline)
        self.left = first.left
        self._bound, self._answer = first.deadline, answer

    def tell(self, place: int, outcome: Outcome) -> None:
        """Answer one of them."""
        call = self.calls.pop(place)
        if isinstance(outcome.error, StoreUnavailable) and call.deadline > self._bound:
            self.patient.append(call)
        else:
            self._answer(call, outcome)


class GroupCommit:
    """For threads: one of those who wait does the writing for all, then hands on to the next."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._writing = 0

    def store(self, prepared: Prepared, timeout_seconds: float | None) -> Outcome:
        """Store what is prepared, together with whoever else waits. Within *timeout_seconds* there is an answer."""
        if self._process != os.getpid():
            self._start()  # a fork copied those who wait, but not their threads
        call = _Call(prepared, timeout_seconds, SimpleQueue())
        with self._lock:
            self._waiting.append(call)
            if self._writing < AT_ONCE:
                self._writing += 1
                self._hand_on()
        while True:
            told = self._told(call)
            if isinstance(told, list):
                self._lead(told)
            elif isinstance(told, BaseException):
                raise told
            else:
                return told

    def _hand_on(self) -> None:
        """Make the first who waits the one who writes for the next group. The lock is held."""
        if self._waiting:
            group = _taken(self._waiting)
            group[0].answer.put(group)
        else:
            self._writing -= 1

    def _told(self, call: _Call) -> Outcome | list[_Call] | BaseException:
        try:
            told: Outcome | list[_Call] | BaseException = call.answer.get(timeout=call.left)
            return told
        except Empty:
            with self._lock:
                if call in self._waiting:
                    self._waiting.remove(call)
                    return call.too_late()
        last: Outcome | list[_Call] | BaseException = call.answer.get()  # it is being written, in the time that is left
        return last

    def _lead(self, calls: list[_Call]) -> None:
        group = _Group(calls, lambda call, outcome: call.answer.put(outcome))
        try:
            self._write(group.prepared, group.left, group.tell)
        except BaseException as error:  # not the database's: everybody gets to see it
            for call in group.calls.values():
                call.answer.put(error if isinstance(error, Exception) else call.too_late())
            raise
        finally:
            with self._lock:
                self._waiting.extendleft(reversed(group.patient))
                self._hand_on()


class AsyncGroupCommit:
    """For tasks of one event loop: one or two tasks write for all while anybody waits."""

    def __init__(self, write: AsyncWrite) -> None:
        self._write = write
        self._waiting: deque[_Call] = deque()
        self._writing = 0
        self._writers: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected

    async def store(self, prepared: Prepared, timeout_seconds: float | None) -> Outcome:
        """Store what is prepared, together with whoever else waits. Within *timeout_seconds* there is an answer."""
        call = _Call(prepared, timeout_seconds, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._writing < AT_ONCE:
            self._writing += 1
            # A context of its own: time-outs that hold for the caller must not hold for the others.
            writer: asyncio.Task[None] = Context().run(asyncio.create_task, self._write_while_wanted())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        try:
            outcome: Outcome = await asyncio.wait_for(call.answer, call.left)
            return outcome
        except asyncio.TimeoutError:
            return call.too_late()
        finally:
            if call in self._waiting:  # it was given up
                self._waiting.remove(call)

    async def _write_while_wanted(self) -> None:
        try:
            while self._waiting:
                await self._write_next()
        finally:
            self._writing -= 1  # in the same breath in which it saw that nobody waits

    async def _write_next(self) -> None:
        group = _Group(_taken(self._waiting), self._answer)
        try:
            await self._write(group.prepared, group.left, group.tell)
        except BaseException as error:  # not the database's: everybody gets to see it
            for call in group.calls.values():
                if not call.answer.done():
                    call.answer.set_exception(error) if isinstance(error, Exception) else call.answer.cancel()
            if not isinstance(error, Exception):
                raise
        self._waiting.extendleft([call for call in reversed(group.patient) if not call.answer.done()])

    @staticmethod
    def _answer(call: _Call, outcome: Outcome) -> None:
        if not call.answer.done():  # it was given up meanwhile
            call.answer.set_result(outcome)
