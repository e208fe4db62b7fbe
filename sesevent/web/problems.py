"""What a client is told of an error: RFC 9457's problem details, never what it sent, nor what is stored.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sesevent import jsontext
from sesevent.errors import ConfigurationError, MissingExtra, PayloadError, SesEventError

__all__ = ["MEDIA_TYPE", "Problem", "Refused", "answer_to", "problem_responses", "tell_problems"]

MEDIA_TYPE: Final = "application/problem+json"

_log = logging.getLogger("sesevent.web")


class WrongField(BaseModel):
    """One part of a request that is wrong."""

    where: str = Field(description="Which part, such as `query.limit`.")
    message: str = Field(description="What is wrong with it, without quoting it.")


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    type: str = Field("about:blank", description="The kind of problem; `about:blank` is that of the status.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status of the response.")
    detail: str = Field("", description="What was wrong, and what to do.")
    retryable: bool = Field(False, description="Whether the same request may succeed later.")
    errors: list[WrongField] = Field(default_factory=list, description="What is wrong with parts of the request.")


class Refused(Exception):
    """A request is answered with a problem."""

    def __init__(
        self, status: int, detail: str, *, retryable: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retryable, self.headers = status, detail, retryable, dict(headers or {})


_MEANINGS: Final = {
    400: "What was asked for cannot be asked for.",
    401: "Who asks is not known: no token, a wrong one, or one that expired or was revoked.",
    403: "Who asks may not.",
    404: "There is nothing of this name.",
    405: "There is no such method here.",
    409: "The state of things speaks against it; the detail says what, and how to do it all the same.",
    413: "The request is too large.",
    415: "The body is of a kind that is not read here.",
    422: "A part of the request is wrong.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "The server failed. Its log says why.",
    501: "The store behind the API cannot do this.",
    503: "The store cannot be reached, or too much is going on; come again.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these statuses."""
    return {status: _described(status) for status in statuses}


def _described(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": _MEANINGS[status],
        "retryable": status in (429, 503), "errors": [],
    }  # fmt: skip
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    told: dict[str, Any] = {"description": _MEANINGS[status], "content": content}
    if status == 429:
        told["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 401:
        told["headers"] = {"WWW-Authenticate": {"description": "How to say who asks.", "schema": {"type": "string"}}}
    return told


def answer_to(
    status: int,
    detail: str,
    *,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """The response that tells a problem."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    told = {
        "type": "about:blank", "title": title, "status": status, "detail": detail, "retryable": retryable,
        "errors": errors or [],
    }  # fmt: skip
    return Response(
        jsontext.encode(told), status, {"Cache-Control": "no-store"} | dict(headers or {}), media_type=MEDIA_TYPE
    )


def tell_problems(app: FastAPI) -> None:
    """Have every error of *app* told as a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SesEventError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _theirs)
    app.add_exception_handler(NotImplementedError, _not_here)
    app.add_exception_handler(Exception, _unforeseen)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  # it was added for these
    return answer_to(error.status, error.detail, retryable=error.retryable, headers=error.headers)


async def _ours(request: Request, error: Exception) -> Response:
    """The library's own errors suggest a status. Those that a caller must answer for are his request's here."""
    assert isinstance(error, SesEventError)  # noqa: S101
    status = (
        400
        if isinstance(error, (ConfigurationError, PayloadError))
        else 501
        if isinstance(error, MissingExtra)
        else error.http_status
    )
    if status >= 500:
        _log.warning("%s answered %s: %s", _template(request), status, type(error).__name__)
    headers = {"Retry-After": "1"} if error.retryable else None
    return answer_to(status, str(error), retryable=error.retryable, headers=headers)


async def _invalid(_: Request, error: Exception) -> Response:
    """What pydantic found: where, and what; its own text would quote what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    wrong = [
        {"where": ".".join(str(part) for part in one["loc"][:4])[:200], "message": _without_input(one)}
        for one in error.errors()[:20]
    ]
    return answer_to(422, "A part of the request is wrong.", errors=wrong)


def _without_input(one: Mapping[str, Any]) -> str:
    """The message of a kind of error; of those whose message is made from values, only its kind."""
    return str(one["msg"]) if not str(one["type"]).startswith("json") else "is not valid JSON"


async def _theirs(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return answer_to(error.status_code, _MEANINGS.get(error.status_code, ""), headers=error.headers)


async def _not_here(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return answer_to(501, "The store behind this API cannot do this: the one in memory knows no aggregations.")


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("%s failed: %s", _template(request), type(error).__name__)
    return answer_to(500, "The server failed. Its log says why.")


def _template(request: Request) -> str:
    """The route, and not the path: that may hold an address."""
    return str(getattr(request.scope.get("route"), "path", "?"))
