"""Routes that cannot be left open, unmasked or unwritten-down by forgetting to say so.

A route is declared with the scope it needs (`Routes`), and served by `Guarded`: that lets the request in before any
of it is read, and what the route's function returns goes through the veil, and the unmasking into the audit. A function
that answers with a response of its own (a stream, a file) asks `may_unmask`, and says `unmasked`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from sesevent import jsontext
from sesevent.addresses import is_one
from sesevent.errors import ConfigurationError
from sesevent.web.access import Principal
from sesevent.web.problems import problem_responses
from sesevent.web.veil import veiled

__all__ = ["SCOPE", "Guarded", "Routes", "may_unmask", "principal_of", "shown_to", "web_of"]

SCOPE: Final = "x-scope"
"""Where a route's scope stands in OpenAPI."""
_PUBLIC: Final = "none"
_ALWAYS: Final = (422, 500, 503)
_GUARDED: Final = (401, 403, 429)


class Route(NamedTuple):
    """One route as it is declared."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    needs: str | None
    options: Mapping[str, Any]


class Routes:
    """Routes of one subject, to be added to an application."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._declared: list[Route] = []

    def get(self, path: str, *, needs: str | None, **options: Any) -> Callable[[Any], Any]:
        """Declare what answers a GET. *needs* is a scope, or None where everybody may ask."""
        return self._declare("GET", path, needs, options)

    def post(self, path: str, *, needs: str | None, **options: Any) -> Callable[[Any], Any]:
        """Declare what answers a POST."""
        return self._declare("POST", path, needs, options)

    def delete(self, path: str, *, needs: str | None, **options: Any) -> Callable[[Any], Any]:
        """Declare what answers a DELETE."""
        return self._declare("DELETE", path, needs, options)

    def _declare(self, method: str, path: str, needs: str | None, options: dict[str, Any]) -> Callable[[Any], Any]:
        def declare(endpoint: Any) -> Any:
            self._declared.append(Route(method, path, endpoint, needs, options))
            return endpoint

        return declare

    def add_to(self, app: FastAPI) -> None:
        """Have *app* answer them."""
        for route in self._declared:
            options: dict[str, Any] = {"response_model": None} | dict(route.options)
            problems = {*options.pop("problems", ()), *_ALWAYS, *(() if route.needs is None else _GUARDED)}
            if route.method == "POST":
                problems |= {403, 413, 415}
            responses = problem_responses(*sorted(problems)) | options.pop("responses", {})
            summary, _, more = inspect.cleandoc(route.endpoint.__doc__ or "").partition("\n")
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=[route.method],
                summary=summary.rstrip("."),
                description=more.strip() or summary,
                operation_id=route.endpoint.__name__,
                tags=[self._subject],
                responses=responses,
                openapi_extra={SCOPE: route.needs or _PUBLIC} | options.pop("extra", {}),
                **options,
            )


class _Held(Response):
    """What a route's function found, on its way to the veil."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


class Guarded(APIRoute):
    """A route that is open to whoever has its scope, and answers what he may see."""

    strict: ClassVar[bool] = True
    """Whether a parameter that it does not know is refused: a misspelled condition would be none."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        told = (options.get("openapi_extra") or {}).get(SCOPE)
        if told is None:
            raise ConfigurationError(f"The route {path} does not say what it needs.", hint="Declare it with `Routes`.")
        self.needs: str | None = None if told == _PUBLIC else told
        super().__init__(path, _holding(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What serves a request."""
        inner = super().get_route_handler()
        needs, path = self.needs, self.path
        known = _parameters(self.dependant) if self.strict else None

        async def handle(request: Request) -> Response:
            web = web_of(request)
            if needs is None:
                web.access.stranger(request)
            request.state.principal = await web.access.admit(request, needs)
            request.state.template = path
            _refuse_unknown(request, known)
            response = await inner(request)
            return await _finished(request, response) if isinstance(response, _Held) else response

        return handle


def _parameters(dependant: Any) -> frozenset[str]:
    """The names of what may be asked of a route, also by what it depends on."""
    own = {name for field in dependant.query_params for name in _names(field)} | _EVERYWHERE
    return frozenset(own.union(*map(_parameters, dependant.dependencies)))


def _names(field: Any) -> Iterable[str]:
    """What a parameter is called; one that is a model stands for its members."""
    members = getattr(field.field_info.annotation, "model_fields", None)
    return (field.alias,) if members is None else (told.alias or name for name, told in members.items())


def _refuse_unknown(request: Request, known: frozenset[str] | None) -> None:
    unknown = [] if known is None else [name for name in request.query_params if name not in known]
    if unknown:
        shown = [name if _WORD.fullmatch(name) else "" for name in dict.fromkeys(unknown)]  # it might be somebody
        message = f"is not known here; there are {', '.join(sorted(known or ()))}"
        raise RequestValidationError([{"loc": ("query", name), "msg": message, "type": "unknown"} for name in shown])


_EVERYWHERE: Final = frozenset({"mask"})
_WORD: Final = re.compile("[a-z_]{1,40}")


def _holding(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Response]]:
    @functools.wraps(endpoint)
    async def held(*arguments: Any, **named: Any) -> Response:
        found = await endpoint(*arguments, **named)
        return found if isinstance(found, Response) else _Held(found)

    return held


async def _finished(request: Request, held: _Held) -> Response:
    """The answer: masked with a tag by which it is known again, or clear, written down and kept by nobody."""
    found = await shown_to(request, held.found)
    content = jsontext.encode(found).encode()
    headers = {"Cache-Control": "no-store"}
    if request.method == "GET" and not may_unmask(request):
        tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        if tag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
    return Response(content, held.status_code, headers, media_type="application/json")


async def shown_to(request: Request, found: Any) -> Any:
    """*found*, masked unless whoever asks may see it; if he does, that is written down first."""
    masked = veiled(found)
    if not may_unmask(request) or masked == found:
        return masked
    await unmasked(request)
    return found


async def unmasked(request: Request) -> None:
    """Write down that somebody is shown what is masked for others: about whom he asked, or else where."""
    principal, template = principal_of(request), request.state.template
    asked = [*request.path_params.values(), *request.query_params.getlist("address")]
    asked += [*request.query_params.getlist("recipient"), getattr(request.state, "person", None)]
    web, person = web_of(request), next((text for text in asked if isinstance(text, str) and is_one(text)), None)
    subject = template if person is None else await web.sealer.pseudonym(person)
    await web.store.audit.note("unmasked", subject, by=principal.name, detail={"route": template})


def may_unmask(request: Request) -> bool:
    """Whether the answer is told in clear: to who may, unless he asks for it masked."""
    principal = request.state.principal
    return principal is not None and principal.clear and request.query_params.get("mask", "").lower() not in _YES


_YES: Final = ("1", "true", "yes")


def principal_of(request: Request) -> Principal:
    """Who asks, on a route that needs a scope."""
    principal = request.state.principal
    assert isinstance(principal, Principal)  # noqa: S101  # `Guarded` let him in
    return principal


def web_of(request: Request) -> Any:
    """What `create_app` was given, and made."""
    return request.app.state.web
