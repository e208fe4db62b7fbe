"""Commands that run until they are told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ended_by_signals"]


@contextmanager
def ended_by_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Within, Ctrl-C or SIGTERM calls *stop*, once; the next one ends the command at once, as outside."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: object) -> None:
        restore()
        stop()

    for number in former:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()
