"""How well the store is, who lags behind, and what could not be read: with another try for it, or none."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from sesevent.jsonvalues import as_json
from sesevent.web.dashboard.asked import view_of
from sesevent.web.dashboard.serving import Pages, go, page
from sesevent.web.problems import Refused
from sesevent.web.routing import principal_of, web_of
from sesevent.web.shapes import dead_letter_shape

__all__ = ["pages"]

pages = Pages("dashboard")

ROWS: Final = 50
_ID: Final = re.compile(r"[0-9a-f]{24}")


@pages.page("/health")
async def health(request: Request) -> Response:
    """Checks, lags, and dead letters."""
    web, view = web_of(request), view_of(request)
    letters = web.store.dead_letters
    how, found, total = await asyncio.gather(web.store.health(), letters.list(limit=ROWS), letters.count())
    context: dict[str, Any] = {
        "health": {**as_json(how), "status": how.status}, "letters": [dead_letter_shape(letter) for letter in found],
        "total": total, "readers": web.hub.readers, "retried": _told(request, "tried", "settled"),
        "purged": _told(request, "purged"),
    }  # fmt: skip
    return await page(request, "health.html", context, view=view)


@pages.form("/health/retry", needs="admin")
async def retry(request: Request) -> Response:
    """Try dead letters again."""
    store, ids = web_of(request).store, _chosen(await request.form())
    await store.audit.note("dead letters retried", f"{len(ids)} dead letters", by=principal_of(request).name)
    done = await store.dead_letters.retry(*ids)
    return go(request, "/health", said="retried", tried=done.tried, settled=done.settled)


@pages.form("/health/purge", needs="admin")
async def purge(request: Request) -> Response:
    """Forget dead letters, and write down why."""
    store, form = web_of(request).store, await request.form()
    ids, why = _chosen(form), str(form.get("why") or "").strip()[:2000]
    if not why:
        raise Refused(400, "Say why they are to be forgotten: it stands in the audit.")
    by = principal_of(request).name
    return go(request, "/health", said="purged", purged=await store.dead_letters.purge(*ids, by=by, why=why))


def _chosen(form: FormData) -> list[str]:
    ids = [str(told) for told in form.getlist("id")]
    if not ids or len(ids) > ROWS or not all(_ID.fullmatch(one) for one in ids):
        raise Refused(400, "Choose the dead letters that are meant.")
    return ids


def _told(request: Request, *names: str) -> dict[str, str] | None:
    """What became of a form, as the page that it leads to is told."""
    told = {name: request.query_params.get(name, "") for name in names}
    return told if all(value.isascii() and value.isdigit() and len(value) < 7 for value in told.values()) else None
