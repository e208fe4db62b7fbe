"""The door: a token becomes a session, and ends; and the files that pages are made with."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from sesevent.web.access import COOKIE
from sesevent.web.dashboard.serving import STATIC, Pages, go, page, root_of
from sesevent.web.problems import Refused
from sesevent.web.routes.sessions import session_cookie
from sesevent.web.routing import web_of

__all__ = ["pages"]

pages = Pages("dashboard")


@pages.page("/login", needs=None)
async def login(request: Request) -> Response:
    """Ask for a token."""
    return await _asking(request, request.query_params.get("next", ""), "", 200)


@pages.form("/login", needs=None)
async def log_in(request: Request) -> Response:
    """Begin a session, and go where one wanted to."""
    form = await request.form()
    following = str(form.get("next") or "")
    try:
        session, _ = await web_of(request).access.session(request, str(form.get("token") or "").strip()[:200])
    except Refused as error:
        if error.status != 401:
            raise
        return await _asking(request, following, error.detail, 401)
    answer = go(request, "/")
    answer.headers["location"] = root_of(request) + _within(following)
    session_cookie(request, answer, session)
    return answer


@pages.form("/logout", needs=None)
async def log_out(request: Request) -> Response:
    """End the session of this browser."""
    answer = go(request, "/login", said="left")
    answer.delete_cookie(
        COOKIE,
        path=root_of(request) or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def _asking(request: Request, following: str, wrong: str, status: int) -> Response:
    return await page(request, "login.html", {"next": _within(following), "wrong": wrong}, status=status)


def _within(path: str) -> str:
    """A path of these pages; of another's, or what a browser might take for one, the first page."""
    fine = path.startswith("/") and not path.startswith("//") and path.isascii() and path.isprintable()
    return path if fine and "\\" not in path and len(path) <= 2000 else "/"


@pages.page("/static/{name}", needs=None)
async def static(request: Request, name: str) -> Response:
    """A file that pages are made with; under its tag it never changes."""
    file = STATIC.get(name)
    if file is None:
        raise Refused(404, "There is no such file.")
    fixed = request.query_params.get("v") == file.tag
    headers = {"ETag": f'"{file.tag}"', "Cache-Control": "public, max-age=31536000, immutable" if fixed else "no-cache"}
    if request.headers.get("if-none-match") == f'"{file.tag}"':
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
