"""The driver for asyncio. Its twin is :mod:`sesevent.drivers.sync`; next: :mod:`sesevent.aio`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import closing, suppress
from typing import Any, TypeVar, Union

from pymongo.errors import BulkWriteError, PyMongoError

from sesevent.errors import SesEventError
from sesevent.ops import Operation, Plan
from sesevent.plans import bulk
from sesevent.storage.failures import translate
from sesevent.storage.operations import SEALS

__all__ = ["Items", "awaited", "batches", "in_turn", "perform"]

R = TypeVar("R")
T = TypeVar("T")

Items = Union[Iterable[T], AsyncIterable[T], asyncio.Queue[Union[T, None]]]
"""Whatever things may come from. Of a queue None is the end."""


async def perform(plan: Plan[R], collections: dict[str, Any]) -> R:
    """Drive a plan to its result. An operation's error is raised inside the plan, translated."""
    if SEALS in collections:
        plan = collections[SEALS].around(plan)
    with closing(plan):
        try:
            operation = next(plan)
            while True:
                try:
                    outcome = await _outcome(operation, collections)
                except SesEventError as error:  # noqa: PERF203  # each operation may fail, and the plan goes on
                    operation = plan.throw(error)
                else:
                    operation = plan.send(outcome)
        except StopIteration as done:
            result: R = done.value
            return result


async def _outcome(operation: Operation[Any], collections: dict[str, Any]) -> Any:
    try:
        outcome = await operation.start(collections)
    except BulkWriteError as error:
        outcome = error  # no failure yet: the operation knows which refusals it expects
    except PyMongoError as error:
        raise translate(error) from None  # its message may quote a document
    return operation.finish(outcome)


def awaited(call: Callable[[], R]) -> Callable[[], Awaitable[R]]:
    """A call that can be awaited, as an operation's outcome is."""

    async def made() -> R:
        return call()

    return made


async def in_turn(plans: AsyncIterable[Plan[R]], collections: dict[str, Any], at_once: int) -> AsyncGenerator[R, None]:
    """Perform plans, *at_once* of them beside each other, and give their results in order.

    The next plan is made while earlier ones are performed, but no more than that. What is under way is
    finished, whatever happens.
    """
    pending: deque[asyncio.Task[R]] = deque()
    following: asyncio.Future[Plan[R]] | None = None
    source, ended = aiter(plans), False
    stopped: Exception | None = None
    try:
        while pending or not ended:
            if not ended and following is None and len(pending) <= at_once:
                following = asyncio.ensure_future(anext(source))
            waited_for = [task for task in (following, *list(pending)[:1]) if task is not None]
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            if following is not None and following.done():
                try:
                    pending.append(asyncio.create_task(perform(following.result(), collections)))
                except StopAsyncIteration:
                    ended = True
                except Exception as error:  # noqa: BLE001  # the input's own: raised when what came before it is told
                    stopped, ended = error, True
                following = None
            if pending and pending[0].done():
                yield pending.popleft().result()
    finally:
        if following is not None:
            following.cancel()
        await asyncio.gather(*filter(None, [following]), *pending, return_exceptions=True)
    if stopped is not None:
        raise stopped


_LINGER = 0.05  # seconds that a batch waits for another item of a source that has none ready


async def batches(items: Items[T], size: int) -> AsyncIterator[list[T]]:
    """Cut *items* into lists of *size*, whichever way they are iterated.

    A source that has nothing ready for a moment ends a list: what is there need not wait for what is not. What
    was taken before *items* raised is still a list. Of a queue None ends it.
    """
    if isinstance(items, asyncio.Queue):
        items = _of_queue(items)
    if isinstance(items, AsyncIterable):
        async for some in _batches_of(items, size):
            yield some
    else:
        for some in bulk.batches(items, size):
            yield some


async def _batches_of(items: AsyncIterable[T], size: int) -> AsyncIterator[list[T]]:
    taken: list[T] = []
    some, full, room = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async for item in items:
            taken.append(item)
            some.set()
            if len(taken) == size:
                full.set()
                room.clear()
                await room.wait()

    reading = asyncio.create_task(read())

    def wake(_: object = None) -> None:
        some.set()
        full.set()

    reading.add_done_callback(wake)
    try:
        while taken or not reading.done():
            await some.wait()
            with suppress(asyncio.TimeoutError):  # a class of its own before Python 3.11
                await asyncio.wait_for(full.wait(), _LINGER)
            batch = taken.copy()
            taken.clear()
            some.clear()
            full.clear()
            room.set()
            if batch:
                yield batch
        await reading  # raises what items raised
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _of_queue(items: asyncio.Queue[T | None]) -> AsyncIterator[T]:
    while (item := await items.get()) is not None:
        yield item
