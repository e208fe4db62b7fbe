"""Is it alive, is it ready, how is it, and what may be asked: for probes, people and programs."""

from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel

from sesevent.web.routing import Routes, web_of

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


@routes.get("/v1/openapi.json", needs="read", include_in_schema=False)
async def openapi(request: Request) -> Any:
    """What may be asked, as OpenAPI 3.1."""
    return request.app.openapi()
