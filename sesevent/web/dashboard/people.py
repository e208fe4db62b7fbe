"""One mail, one event, one person: what happened, what follows from it, and the person's way back onto the list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from sesevent.addresses import is_one
from sesevent.analytics.status import STATES, MessageStatus
from sesevent.errors import ConfigurationError
from sesevent.jsonvalues import as_json
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.web.dashboard.asked import view_of
from sesevent.web.dashboard.serving import Pages, go, page
from sesevent.web.dashboard.shapes import event_rows, opened, person
from sesevent.web.problems import Refused
from sesevent.web.routing import principal_of, web_of
from sesevent.web.shapes import decision_shape, event_detail, history_shape

__all__ = ["pages"]

pages = Pages("dashboard")

LETTERS: Final = 20
MOST: Final = 100
"""Lines of a person's history: the API tells all of it."""
_MOST_LANES: Final = 30
"""People of one mail that are drawn; the list below names them all."""


# ── One mail ─────────────────────────────────────────────────────────────────────────────────


@pages.page("/message/{message_id}")
async def message(request: Request, message_id: str) -> Response:
    """The journey of one mail, person by person."""
    web, view = web_of(request), view_of(request)
    status = await web.store.status(message_id)
    if not status.timeline:
        raise Refused(404, "No event of this mail is stored.")
    events = await web.store.events.timeline(message_id)
    told = as_json(status)
    for one, itself in zip(told["recipients"], status.recipients, strict=True):
        one["sealed"] = (await person(request, itself.address))["sealed"]
    found = {
        "status": told, "events": await event_rows(request, events), "journey": _journey(status),
        "meanings": {name: state.meaning for name, state in STATES.items()},
    }  # fmt: skip
    return await page(request, "message.html", found, view=view)


def _journey(status: MessageStatus) -> dict[str, Any]:
    """Where each thing that happened is drawn: a lane for each person, seconds and days side by side."""
    lanes = [one.address for one in status.recipients][:_MOST_LANES]
    times = [entry.at for entry in status.timeline if entry.at is not None]
    if not times or not lanes:
        return {"lanes": [], "marks": [], "ticks": []}
    begin, span = min(times), max((max(times) - min(times)).total_seconds(), 1.0)
    marks = [
        {"x": _place(entry.at, begin, span), "lane": lanes.index(address), "type": entry.type, "at": entry.at}
        for entry in status.timeline
        if entry.at is not None
        for address in (entry.people or lanes)
        if address in lanes
    ]
    ticks = [{"x": _scaled(seconds, span), "words": words} for words, seconds in _TICKS if seconds <= span]
    return {"lanes": [{"address": address} for address in lanes], "marks": marks, "ticks": ticks}


_TICKS: Final = (
    ("0", 0),
    ("10 s", 10),
    ("1 min", 60),
    ("10 min", 600),
    ("1 h", 3600),
    ("1 d", 86_400),
    ("7 d", 604_800),
)


def _place(at: datetime, begin: datetime, span: float) -> int:
    return _scaled((at - begin).total_seconds(), span)


def _scaled(seconds: float, span: float) -> int:
    """From 0 to 1000, as a logarithm: the first seconds of a mail are as eventful as its first days."""
    return round(1000 * math.log1p(seconds) / math.log1p(span))


# ── One event ────────────────────────────────────────────────────────────────────────────────


@pages.page("/event/{id}")
async def event(request: Request, id: str) -> Response:  # noqa: A002  # the word for it
    """Everything that is known of one event."""
    found = await web_of(request).store.events.get(id)
    if found is None:
        raise Refused(404, "There is no event of this id.")
    (row,) = await event_rows(request, [found])
    told = event_detail(found)
    return await page(request, "event.html", {"event": row | told}, view=view_of(request))


# ── One person ───────────────────────────────────────────────────────────────────────────────


@pages.form("/recipient", needs="read")
async def look_up(request: Request) -> Response:
    """Look for a person: the address stands in the form, and in no address bar."""
    address = str((await request.form()).get("address", "")).strip()
    if not is_one(address):
        raise Refused(400, "This is not one e-mail address.")
    return go(request, f"/recipient/{(await person(request, address))['sealed']}")


@pages.page("/recipient/{sealed}")
async def recipient(request: Request, sealed: str) -> Response:
    """What is known of a person, and whether they may be mailed."""
    return await _shown(request, await _address(request, sealed))


@pages.form("/recipient/{sealed}/reactivate", needs="suppress")
async def reactivate(request: Request, sealed: str) -> Response:
    """Let a person be mailed again, and say why."""
    address, form = await _address(request, sealed), await request.form()
    more = {"why": _reason(form.get("why")), "override": form.get("override") == "yes"}
    return await _say(request, address, sealed, "reactivate", form, more)


@pages.form("/recipient/{sealed}/suppress", needs="suppress")
async def suppress(request: Request, sealed: str) -> Response:
    """Put a person on the list, and say why."""
    address, form = await _address(request, sealed), await request.form()
    return await _say(request, address, sealed, "suppress", form, {"note": _reason(form.get("why"))})


async def _say(request: Request, address: str, sealed: str, act: str, form: Any, more: dict[str, Any]) -> Response:
    suppression, by = web_of(request).store.suppression, principal_of(request).name
    stream = str(form.get("stream") or ALL_STREAMS)[:256]
    try:
        await getattr(suppression, act)(address, by=by, stream=stream, origin="dashboard", **more)
    except ConfigurationError as error:
        if "read" not in principal_of(request).scopes:
            raise
        return await _shown(request, address, refused=str(error), status=409)
    return go(request, f"/recipient/{sealed}", said=f"{act}d" if act.endswith("e") else f"{act}ed")


def _reason(told: object) -> str:
    text = str(told or "").strip()
    if not 1 <= len(text) <= 2000:
        raise Refused(400, "Say why, in at most 2000 characters.")
    return text


async def _address(request: Request, sealed: str) -> str:
    address = await opened(request, sealed)
    if address is None:
        raise Refused(404, "This link leads to nobody. Look for the address instead.")
    return address


async def _shown(request: Request, address: str, *, refused: str = "", status: int = 200) -> Response:
    web, view = web_of(request), view_of(request)
    history = await web.store.suppression.history(address)
    decision = await web.store.suppression.check(address)
    letters = await web.store.recipient(address, limit=LETTERS).to_list()
    found = {
        "person": await person(request, history.address), "decision": decision_shape(decision),
        "history": _latest(history_shape(history, decision)), "letters": _letters(letters), "refused": refused,
        "streams": _streams(history), "most": LETTERS,
    }  # fmt: skip
    return await page(request, "recipient.html", found, view=view, person=address, status=status)


def _latest(history: dict[str, Any]) -> dict[str, Any]:
    """Of what somebody with much mail has a lot of, the latest, in order."""
    return history | {name: history[name][-MOST:] for name in ("facts", "acts", "decisions")}


def _letters(letters: Sequence[Any]) -> list[dict[str, Any]]:
    return [as_json(letter) for letter in letters]


def _streams(history: Any) -> list[str]:
    """Every stream that something was said of, the whole first."""
    return list(dict.fromkeys([ALL_STREAMS, *[act.stream for act in history.acts]]))
