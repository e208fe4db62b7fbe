"""Is it alive, is it ready, how is it, and what may be asked: for probes, people and programs."""

from typing import Any, Literal

from fastapi import Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from sesevent.jsonvalues import as_json
from sesevent.web.routing import Routes, web_of
from sesevent.web.shapes import Free

__all__ = ["routes"]

routes = Routes("health")


class Alive(BaseModel):
    """It is."""

    status: Literal["ok"]


@routes.get("/healthz", needs=None, response_model=Alive, problems=(429,))
async def alive(request: Request) -> Any:  # noqa: ARG001
    """Whether the process answers. The store is not asked: restarting this process would not mend it."""
    return {"status": "ok"}


@routes.get("/readyz", needs=None, response_model=Alive, problems=(429,))
async def ready(request: Request) -> Any:
    """Whether the store can be reached within two seconds: 503 where it cannot."""
    await web_of(request).reach()
    return {"status": "ok"}


@routes.get("/v1/health", needs="read", response_model=Free)
async def get_health(request: Request) -> Any:
    """How well the store is: each thing that was looked at, and the worst of them."""
    return as_json(await web_of(request).store.health())


@routes.get(
    "/metrics",
    needs="read",
    response_class=PlainTextResponse,
    problems=(501,),
)
async def get_metrics(request: Request) -> Any:
    """What is measured, for Prometheus; the store is asked at most twice a minute."""
    return PlainTextResponse(await web_of(request).metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.get("/v1/openapi.json", needs="read", include_in_schema=False)
async def openapi(request: Request) -> Any:
    """What may be asked, as OpenAPI 3.1."""
    return request.app.openapi()
