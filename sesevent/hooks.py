"""What a service wants to be told of: handlers by kind of event, called after the durable write.

In this process, for events seen for the first time. A process that dies between the write and
the call has told nobody: what must not be missed is followed with ``store.watch``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sesevent.errors import ConfigurationError
from sesevent.events.event import Event

__all__ = ["EventKind", "Handler", "HookFailure", "Hooks"]

_log = logging.getLogger("sesevent.hooks")

EventKind = type[Event]
Handler = Callable[[Any], Any]


class HookFailure(NamedTuple):
    """A handler raised. The event is stored all the same, and the other handlers were called."""

    handler: Handler
    event: Event
    error: Exception


class _Hook(NamedTuple):
    kind: type[Event]
    handler: Handler
    on_failure: Callable[[HookFailure], object] | None


class Hooks:
    """The handlers of one store."""

    def __init__(self) -> None:
        self._hooks: tuple[_Hook, ...] = ()

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The kinds that somebody wants to be told of."""
        return tuple({hook.kind for hook in self._hooks})

    def add(
        self,
        kind: EventKind,
        handler: Handler,
        on_failure: Callable[[HookFailure], object] | None,
        *,
        may_await: bool,
    ) -> None:
        """Have *handler* called for events of *kind*; unless *may_await* it must not be a coroutine function."""
        if Event not in getattr(kind, "__mro__", ()):
            raise ConfigurationError("A handler is for a kind of event, such as sesevent.Bounce; Event is all of them.")
        if not callable(handler):
            raise ConfigurationError("A handler is a function that is called with an event.")
        if not may_await and inspect.iscoroutinefunction(handler):
            raise ConfigurationError("EventStore calls no coroutine functions.", hint="Use AsyncEventStore for them.")
        self._hooks = (*self._hooks, _Hook(kind, handler, on_failure))

    def call(self, events: Iterable[Event]) -> None:
        """Tell of events. What a handler raises is reported, and nobody else's affair."""
        for hook, event in self._wanted(events):
            try:
                hook.handler(event)
            except Exception as error:  # noqa: BLE001, PERF203  # a handler may raise anything, and the next is called
                _report(hook, event, error)

    async def call_async(self, events: Iterable[Event]) -> None:
        """Tell of events, and wait for handlers that are coroutine functions."""
        for hook, event in self._wanted(events):
            try:
                told = hook.handler(event)
                if inspect.isawaitable(told):
                    await told
            except Exception as error:  # noqa: BLE001, PERF203  # as above
                _report(hook, event, error)

    def _wanted(self, events: Iterable[Event]) -> Iterator[tuple[_Hook, Event]]:
        hooks = self._hooks
        return ((hook, event) for event in events for hook in hooks if isinstance(event, hook.kind))


def _report(hook: _Hook, event: Event, error: Exception) -> None:
    """Into the log without what the error says: it may quote the event."""
    _log.error("handler %s failed for a %s: %s", _name(hook.handler), event.type, type(error).__name__)
    if hook.on_failure is not None:
        try:
            hook.on_failure(HookFailure(hook.handler, event, error))
        except Exception as worse:  # noqa: BLE001  # who is told of a failure must not become one
            _log.error("on_failure %s failed itself: %s", _name(hook.on_failure), type(worse).__name__)


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))
