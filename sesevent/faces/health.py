"""How a store tells that it is well: bounded in time, never raising. The checks are :mod:`sesevent.plans.health`'s.

Both colours, handed how to perform plans, and the clock, by their store. Whatever else is to be asked, such as
`Verifier.health`, is called after them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sesevent.ops import Plan
from sesevent.plans.health import examine
from sesevent.storage.connection import within
from sesevent.vitals import Asked, Check, Health, Limits, failed

__all__ = ["ask", "ask_async"]

Clock = Callable[[], datetime]


def ask(
    perform: Callable[[Plan[Health]], Health],
    clock: Clock,
    limits: Limits,
    timeout_seconds: float,
    also: Iterable[Asked],
) -> Health:
    """Ask the server, then the others."""
    with within(timeout_seconds):
        found = perform(examine(clock, limits))
    return _with(found, clock, [_asked(one) for one in also])


async def ask_async(
    perform: Callable[[Plan[Health]], Awaitable[Health]],
    clock: Clock,
    limits: Limits,
    timeout_seconds: float,
    also: Iterable[Asked],
) -> Health:
    """Ask the server, then the others: coroutine functions here, the rest in threads, all of them at once."""
    with within(timeout_seconds):
        found = await perform(examine(clock, limits))
    return _with(found, clock, await asyncio.gather(*[_asked_async(one, timeout_seconds) for one in also]))


def _with(found: Health, clock: Clock, others: Iterable[list[Check]]) -> Health:
    more = tuple(check for checks in others for check in checks)
    return replace(found, checks=found.checks + more, took_seconds=(clock() - found.at).total_seconds())


def _asked(one: Asked) -> list[Check]:
    try:
        return _several(one())
    except Exception as error:  # noqa: BLE001  # health tells, whatever breaks
        return [failed(_name(one), error)]


async def _asked_async(one: Asked, timeout_seconds: float) -> list[Check]:
    asked = one() if inspect.iscoroutinefunction(one) else asyncio.to_thread(one)
    try:
        return _several(await asyncio.wait_for(asked, timeout_seconds))
    except Exception as error:  # noqa: BLE001  # as above; a time-out is one of them
        return [failed(_name(one), error)]


def _several(told: Any) -> list[Check]:
    return [told] if isinstance(told, Check) else list(told)


def _name(one: Asked) -> str:
    return str(getattr(one, "__qualname__", type(one).__name__)).partition(".")[0].lower()
