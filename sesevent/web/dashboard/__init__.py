"""The dashboard: pages that a server makes of the store's answers, for people; `create_app(store, dashboard=True)`.

A page asks the store, what it found goes through the veil as every answer of the API does, and a template shows it as
text. Scripts add what a page works without: charts of its tables, the live list, the choice of light or dark.

`serving` is what a page is on the way of a request, `asked` reads the address bar, `texts` shows values, `shapes`
tells objects as values with links. Each of the other modules is a subject.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from sesevent.web.dashboard import bounces, door, explore, health, overview, people, suppression
from sesevent.web.dashboard.serving import Dashboard, tell_in_pages

__all__ = ["PAGES", "add_to"]

PAGES: Final = (
    overview.pages, explore.pages, people.pages, bounces.pages, suppression.pages, health.pages, door.pages,
)  # fmt: skip


def add_to(app: FastAPI, ses_account: Any = None) -> None:
    """Have *app* serve the pages at ``/``. With *ses_account*, an `AsyncSesAccount`, lists can be compared."""
    app.state.dashboard = Dashboard(ses_account)
    for pages in PAGES:
        pages.add_to(app)
    tell_in_pages(app)
