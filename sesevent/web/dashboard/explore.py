"""Any mails, over any time: their figures, what they divide into, and the events behind each of them."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from sesevent.bounces.priority import REASON_ORDER
from sesevent.events.parse import EVENT_CLASSES
from sesevent.web.dashboard.asked import FILTERS, choice, text_of, view_of
from sesevent.web.dashboard.overview import CHARTS, COLUMNS, series_rows
from sesevent.web.dashboard.serving import Pages, go, page
from sesevent.web.dashboard.shapes import event_rows
from sesevent.web.routing import web_of

__all__ = ["pages"]

pages = Pages("dashboard")

ROWS: Final = 50
DIVISIONS: Final = {
    "campaign": "campaign",
    "provider": "provider",
    "recipient_domain": "recipient's domain",
    "configuration_set": "configuration set",
    "template": "template",
    "ip_pool": "IP pool",
}
_SHOWN: Final = ("sends", "delivery", "bounce", "complaint", "open", "click")
_FOLLOWED: Final = 15
"""Rows of a division; what is beyond is one."""


@pages.page("/explore")
async def explore(request: Request) -> Response:
    """Mails that are asked for by the address bar."""
    web, view = web_of(request), view_of(request, "24h")
    by = choice(request, "by", DIVISIONS, "campaign")
    asked = dict(view.kept)
    after = await web.sealer.place(asked, text_of_cursor(request))
    listed = web.store.events.find(**view.narrow, newest_first=True, limit=ROWS, after=after)
    series, division, events = await asyncio.gather(
        web.store.analytics.timeseries(**view.question, by=view.by),
        web.store.analytics.by(by, **view.question, limit=_FOLLOWED),
        listed.to_list(),
    )
    following = await web.sealer.cursor(asked, list(events[-1].cursor)) if len(events) == ROWS else None
    shown = [COLUMNS[name] for name in _SHOWN]
    found: dict[str, Any] = {
        "by": by, "divisions": DIVISIONS, "rows": series_rows(series), "charts": CHARTS,
        "columns": [column._asdict() for column in COLUMNS.values()],
        "division": [{"name": row.name, "values": [column.of(row) for column in shown]} for row in division],
        "division_columns": [column._asdict() for column in shown], "filterable": list(FILTERS),
        "events": await event_rows(request, events), "next": following, "continued": after is not None,
        "types": sorted(EVENT_CLASSES), "reasons": sorted(REASON_ORDER), "filters": dict(view.filters),
    }  # fmt: skip
    return await page(request, "explore.html", found, view=view)


def text_of_cursor(request: Request) -> str | None:
    """What the page before named as the place behind it."""
    return request.query_params.get("cursor") or None


@pages.page("/find")
async def find(request: Request) -> Response:
    """A mail, by its id: shown where there is one. A person is looked for by a form, which leaves no address here."""
    return go(request, f"/message/{text_of(request, 'message_id') or ''}")
