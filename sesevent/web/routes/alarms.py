"""Is something wrong: the state of the alarms, what became of them, how far AWS's lines are; known, or silenced."""

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field

from sesevent.errors import ConfigurationError
from sesevent.jsonvalues import as_json
from sesevent.web.asked import Body, Moment, Name
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, principal_of, web_of
from sesevent.web.shapes import Free

__all__ = ["routes"]

routes = Routes("alarms")


class Alarms(BaseModel):
    """Every alarm, as it was evaluated last."""

    alarms: list[Free]


class History(BaseModel):
    """What became of alarms, the last first."""

    entries: list[Free]


class Budgets(BaseModel):
    """How far AWS's review lines are."""

    budgets: list[Free]


class Known(Body):
    """An alarm that somebody knows of."""

    alarm: Name = Field(description="Its id.", examples=["bounce_rate"])
    why: str = Field(min_length=1, max_length=2000, examples=["we look into it"])


class Silenced(Known):
    """An alarm that nobody shall be told of."""

    until: Moment = Field(description="A time that is over ends a silence.")


@routes.get("/v1/alarms", needs="read", response_model=Alarms)
async def list_alarms(request: Request) -> Any:
    """Every alarm, as it was evaluated last."""
    return {"alarms": [as_json(alarm) for alarm in await web_of(request).store.monitor.states()]}


@routes.get("/v1/alarms/history", needs="read", response_model=History)
async def list_alarm_history(
    request: Request,
    alarm: Annotated[Name | None, Query(description="Only of this one, by id.")] = None,
    since: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Any:
    """What became of alarms, the last first."""
    found = await web_of(request).store.monitor.history(alarm, since=since, limit=limit)
    return {"entries": [as_json(entry) for entry in found]}


@routes.get("/v1/alarms/budget", needs="read", response_model=Budgets)
async def list_budgets(request: Request) -> Any:
    """How far AWS's review lines are, and when they are reached if it goes on so."""
    return {"budgets": [as_json(one) for one in await web_of(request).store.monitor.budget()]}


@routes.post("/v1/alarms/acknowledge", needs="admin", response_model=Free, problems=(404,))
async def acknowledge_alarm(request: Request, body: Known) -> Any:
    """Say that an alarm is known: until its state changes nobody is reminded of it."""
    return await _muted(request, "acknowledge", body, {})


@routes.post("/v1/alarms/silence", needs="admin", response_model=Free, problems=(404,))
async def silence_alarm(request: Request, body: Silenced) -> Any:
    """Have nobody told of an alarm for a while. It is evaluated all the same."""
    return await _muted(request, "silence", body, {"until": body.until})


_DONE = {"acknowledge": "alarm acknowledged", "silence": "alarm silenced"}


async def _muted(request: Request, act: str, body: Known, more: dict[str, Any]) -> Any:
    store, by = web_of(request).store, principal_of(request).name
    await store.audit.note(_DONE[act], body.alarm, by=by, why=body.why)
    try:
        return as_json(await getattr(store.monitor, act)(body.alarm, by=by, why=body.why, **more))
    except ConfigurationError as error:
        raise Refused(404, str(error)) from None
