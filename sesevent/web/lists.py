"""Lists taken in and policies tried over HTTP, within bounds: for the API and the page alike."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from sesevent.errors import ConfigurationError
from sesevent.plans.acts import Change
from sesevent.plans.lists import Imported
from sesevent.suppression.policy import Policy
from sesevent.web.problems import Refused
from sesevent.web.routing import principal_of, web_of

__all__ = ["MOST_CHANGES", "import_list", "policy_of", "simulate"]

MOST_CHANGES: Final = 500
"""Decisions that one answer tells of."""
_PATIENCE: Final = 60.0  # seconds


async def import_list(request: Request, content: bytes, **said: Any) -> Imported:
    """Put the addresses of a list on the list, in the name of whoever asks. Raises Refused where there is none."""
    if not content.strip():
        raise Refused(400, "There is no list: choose a file, or write addresses.")
    by = principal_of(request).name
    done: Imported = await web_of(request).store.suppression.import_(io.BytesIO(content), by=by, **said)
    return done


def policy_of(told: Mapping[str, Any]) -> Policy:
    """A policy as it stands in a file, alone or under ``policy``. Raises Refused for what is none."""
    try:
        inner = told.get("policy", told)
        return Policy.load(inner if isinstance(inner, Mapping) else told)
    except ConfigurationError as error:
        raise Refused(400, str(error)) from None


async def simulate(request: Request, other: Policy) -> list[Change]:
    """For whom *other* would decide otherwise: at most `MOST_CHANGES`. Raises Refused where it takes too long."""
    try:
        return await asyncio.wait_for(_changes(web_of(request).store, other), _PATIENCE)
    except asyncio.TimeoutError:  # a class of its own before Python 3.11
        raise Refused(503, "That takes too long for a request: `sesevent suppression simulate` has the time.") from None


async def _changes(store: Any, other: Policy) -> list[Change]:
    changes: list[Change] = []
    async for change in store.suppression.simulate(other):
        changes.append(change)
        if len(changes) == MOST_CHANGES:
            break
    return changes
