"""How a page is served: let in as every route is, masked as every answer is, and its errors told as pages too."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from markupsafe import Markup
from starlette.exceptions import HTTPException

from sesevent.errors import ConfigurationError, PayloadError, SesEventError
from sesevent.jsonvalues import as_json
from sesevent.version import __version__
from sesevent.web.access import NO_AUTH
from sesevent.web.dashboard import texts
from sesevent.web.dashboard.asked import FILTERS, SPANS, View, path_of
from sesevent.web.problems import Refused
from sesevent.web.routing import Guarded, Routes, shown_to, web_of

__all__ = ["STATIC", "Dashboard", "Page", "Pages", "Static", "go", "page", "root_of", "tell_in_pages"]

_log = logging.getLogger("sesevent.web")

NAVIGATION: Final = {
    "/": "Overview",
    "/explore": "Explore",
    "/bounces": "Bounces",
    "/suppression": "Suppression",
    "/health": "Health",
}
_API: Final = ("/v1/", "/metrics", "/healthz", "/readyz")
_LOGIN: Final = "/login"
_LONGEST_SHOWN: Final = 200_000  # characters of a payload


class Dashboard:
    """What pages share besides the API's."""

    def __init__(self, ses_account: Any = None) -> None:
        self.ses_account = ses_account


class Pages(Routes):
    """Pages of one subject."""

    def add_to(self, app: FastAPI) -> None:
        """Have *app* serve them."""
        kept, app.router.route_class = app.router.route_class, Page
        try:
            super().add_to(app)
        finally:
            app.router.route_class = kept

    def page(self, path: str, *, needs: str | None = "read", **options: Any) -> Callable[[Any], Any]:
        """Declare what shows a page."""
        return self.get(path, needs=needs, include_in_schema=False, response_class=HTMLResponse, **options)

    def form(self, path: str, *, needs: str | None, **options: Any) -> Callable[[Any], Any]:
        """Declare what takes a form."""
        return self.post(path, needs=needs, include_in_schema=False, response_class=HTMLResponse, **options)


class Page(Guarded):
    """A route whose errors are pages; who is not known is shown the door."""

    strict = False  # links carry what other pages ask for

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What serves a request."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            request.state.begun = time.perf_counter()
            try:
                return await inner(request)
            except Refused as error:
                if error.status == 401 and request.method == "GET" and request.url.path != _LOGIN:
                    return _to_login(request)
                return told(request, error.status, error.detail, error.headers)
            except HTTPException as error:
                return told(request, error.status_code, "", error.headers)
            except RequestValidationError:
                return told(request, 422, "A part of the request is wrong.")
            except NotImplementedError:
                return told(request, 501, "The store behind this page cannot do this: in memory nothing is counted.")
            except SesEventError as error:
                mine = isinstance(error, (ConfigurationError, PayloadError))
                return told(request, 400 if mine else error.http_status, str(error), retryable=error.retryable)
            except Exception as error:  # noqa: BLE001  # a page that failed is a page too
                _log.error("%s failed: %s", self.path, type(error).__name__)
                return told(request, 500, "The server failed. Its log says why.")

        return handle


def _to_login(request: Request) -> Response:
    asked = request.url.path.removeprefix(root_of(request)) or "/"
    asked += f"?{request.url.query}" if request.url.query else ""
    return go(request, _LOGIN, next=asked)


def go(request: Request, path: str, **query: Any) -> Response:
    """Show another page, after a form was taken."""
    return RedirectResponse(path_of(root_of(request), path, **query), 303, {"Cache-Control": "no-store"})


def root_of(request: Request) -> str:
    """The prefix under which a proxy serves these pages, or an application has mounted them."""
    return str(request.scope.get("root_path") or "").rstrip("/")


# ── Showing ──────────────────────────────────────────────────────────────────────────────────


async def page(
    request: Request,
    template: str,
    found: Mapping[str, Any],
    *,
    view: View | None = None,
    person: str | None = None,
    status: int = 200,
) -> Response:
    """A page of what was *found*, masked for whom it must be; to be shown in clear is written down, with *person*.

    It tells browsers how long its data took, and how long all of it: https://www.w3.org/TR/server-timing/
    """
    request.state.person = person
    shown = await shown_to(request, as_json(found))
    data = _milliseconds(request)
    answer = _answer(request, template, shown, view, status)
    answer.headers["Server-Timing"] = f"data;dur={data:.1f}, page;dur={_milliseconds(request):.1f}"
    return answer


def _milliseconds(request: Request) -> float:
    begun: float = request.state.begun
    return (time.perf_counter() - begun) * 1000


def told(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, *, retryable: bool = False
) -> Response:
    """An error as a page."""
    found = {"status": status, "detail": detail or _WORDS.get(status, "")}
    answer = _answer(request, "error.html", found, None, status)
    answer.headers.update({**(headers or {}), **({"Retry-After": "5"} if retryable else {})})
    return answer


_WORDS: Final = {
    404: "There is no such page.",
    405: "This page does not take that.",
    413: "What was sent is too large.",
}


def _answer(request: Request, template: str, shown: Mapping[str, Any], view: View | None, status: int) -> Response:
    root, principal = root_of(request), getattr(request.state, "principal", None)
    scopes = frozenset() if principal is None else principal.scopes
    context = {
        "root": root, "path": request.url.path.removeprefix(root) or "/", "principal": principal, "scopes": scopes,
        "view": view, "zone": ZoneInfo("UTC") if view is None else view.zone, "navigation": NAVIGATION,
        "said": request.query_params.get("said", ""), "open_to_all": web_of(request).access.authenticate is NO_AUTH,
        "has_login": web_of(request).access.authenticate is None, "release": __version__,
    }  # fmt: skip
    text = _environment().get_template(template).render({**context, **shown})
    return HTMLResponse(text, status, {"Cache-Control": "no-store", "Vary": "Cookie, Authorization"})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Every value is text: hidden signs are shown, and markup is escaped."""
    environment = Environment(
        loader=PackageLoader("sesevent.web.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
        auto_reload=False,
    )
    environment.filters |= {
        "count": texts.count, "percent": texts.percent, "ms": texts.milliseconds, "short": texts.shortened,
        "amount": texts.amount, "at": _at, "minute": _minute, "pretty": _pretty,
    }  # fmt: skip
    environment.globals |= {"href": _href, "static": _static, "FILTERS": FILTERS, "SPANS": SPANS}
    return environment


def _finalized(value: Any) -> Any:
    if value is None:
        return "–"
    return texts.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _pretty(told: Any) -> str:
    text = json.dumps(told, indent=1, ensure_ascii=False)
    return texts.shortened(text, _LONGEST_SHOWN)


@pass_context
def _at(context: Any, told: Any) -> str:
    return texts.moment(told, context["zone"])


@pass_context
def _minute(context: Any, told: Any) -> str:
    return texts.moment(told, context["zone"], seconds=False)


@pass_context
def _href(context: Any, path: str, **query: Any) -> str:
    """A link to a page, in this page's time zone."""
    view = context["view"]
    tz = None if view is None or view.tz == "UTC" else view.tz
    return path_of(context["root"], path, **{"tz": tz, **query})


@pass_context
def _static(context: Any, name: str) -> str:
    return f"{context['root']}/static/{name}?v={STATIC[name].tag}"


# ── Files ────────────────────────────────────────────────────────────────────────────────────


class Static:
    """A file that pages are made with."""

    def __init__(self, name: str, media_type: str) -> None:
        self.content = files("sesevent.web.dashboard").joinpath("static", name).read_bytes()
        self.media_type = media_type
        self.tag = hashlib.blake2b(self.content, digest_size=6).hexdigest()


STATIC: Final = {
    name: Static(name, media_type)
    for name, media_type in (
        ("dashboard.css", "text/css; charset=utf-8"),
        ("dashboard.js", "text/javascript; charset=utf-8"),
        ("theme.js", "text/javascript; charset=utf-8"),
        ("uplot.css", "text/css; charset=utf-8"),
        ("uplot.js", "text/javascript; charset=utf-8"),
        ("uplot.LICENSE.txt", "text/plain; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    )
}
"""Everything that is served as a file, by name."""


def tell_in_pages(app: FastAPI) -> None:
    """Have a path that there is none of told as a page to who asks for pages."""
    others: Any = app.exception_handlers[HTTPException]

    async def tell(request: Request, error: Exception) -> Response:
        path = request.url.path.removeprefix(root_of(request))
        if path.startswith(_API) or "text/html" not in request.headers.get("accept", ""):
            return await others(request, error)  # type: ignore[no-any-return]
        assert isinstance(error, HTTPException)  # noqa: S101  # it was added for these
        return told(request, error.status_code, "", error.headers)

    app.add_exception_handler(HTTPException, tell)
