"""The driver for blocking code. Its twin is :mod:`sesevent.drivers.aio`; next: :mod:`sesevent.sync`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from typing import Any, TypeVar

from pymongo.errors import BulkWriteError, PyMongoError

from sesevent.errors import SesEventError
from sesevent.ops import Operation, Plan
from sesevent.storage.failures import translate
from sesevent.storage.operations import SEALS

__all__ = ["in_turn", "perform"]

R = TypeVar("R")


def perform(plan: Plan[R], collections: dict[str, Any]) -> R:
    """Drive a plan to its result. An operation's error is raised inside the plan, translated."""
    if SEALS in collections:
        plan = collections[SEALS].around(plan)
    with closing(plan):
        try:
            operation = next(plan)
            while True:
                try:
                    outcome = _outcome(operation, collections)
                except SesEventError as error:  # noqa: PERF203  # each operation may fail, and the plan goes on
                    operation = plan.throw(error)
                else:
                    operation = plan.send(outcome)
        except StopIteration as done:
            result: R = done.value
            return result


def _outcome(operation: Operation[Any], collections: dict[str, Any]) -> Any:
    try:
        outcome = operation.start(collections)
    except BulkWriteError as error:
        outcome = error  # no failure yet: the operation knows which refusals it expects
    except PyMongoError as error:
        raise translate(error) from None  # its message may quote a document
    return operation.finish(outcome)


def in_turn(plans: Iterable[Plan[R] | None], collections: dict[str, Any], at_once: int) -> Iterator[R]:
    """Perform plans, *at_once* of them beside each other, and give their results in order; with 0, one by one, here.

    The next plan is made while earlier ones are performed, but no more than that. None in place of a plan
    says that the next one may take long: what is under way is told first. It is finished, whatever happens.
    """
    if not at_once:
        yield from (perform(plan, collections) for plan in plans if plan is not None)
        return
    pending: deque[Future[R]] = deque()
    stopped: Exception | None = None
    source = iter(plans)
    with ThreadPoolExecutor(at_once, "sesevent-store") as storing:
        while True:
            try:
                plan = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # the input's own: raised when what came before it is told
                stopped = error
                break
            if plan is not None:
                # With the caller's context: PyMongo keeps there how long it may take.
                pending.append(storing.submit(copy_context().run, perform, plan, collections))
            while pending and (plan is None or len(pending) > at_once or pending[0].done()):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    if stopped is not None:
        raise stopped
