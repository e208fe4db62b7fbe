"""Who am I: asked, and for a browser a session made of a token, and ended."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from sesevent import jsontext
from sesevent.web.access import COOKIE, SESSION_SECONDS
from sesevent.web.asked import Body
from sesevent.web.routing import Routes, principal_of, web_of

__all__ = ["routes"]

routes = Routes("access")


class Login(Body):
    """A token."""

    token: str = Field(max_length=200, json_schema_extra={"writeOnly": True})


class Me(BaseModel):
    """Who asks, and what he may."""

    name: str
    scopes: list[str]


@routes.post("/v1/session", needs=None, response_model=Me, problems=(401, 429))
async def log_in(request: Request, body: Login) -> Any:
    """Begin a session: a cookie that scripts cannot read and other sites cannot send, for twelve hours.

    It ends sooner where the token is revoked or expires.
    """
    session, principal = await web_of(request).access.session(request, body.token)
    answer = _me(principal.name, principal.scopes)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=SESSION_SECONDS,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@routes.delete("/v1/session", needs=None, status_code=204, response_class=Response, problems=(403, 429))
async def log_out(request: Request) -> Any:
    """End the session of this browser."""
    answer = Response(status_code=204)
    answer.delete_cookie(
        COOKIE,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@routes.get("/v1/session", needs="read", response_model=Me)
async def who_am_i(request: Request) -> Any:
    """Who asks, and what he may."""
    principal = principal_of(request)
    return {"name": principal.name, "scopes": sorted(principal.scopes)}


def _me(name: str, scopes: Any) -> Response:
    return Response(
        jsontext.encode({"name": name, "scopes": sorted(scopes)}),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )
