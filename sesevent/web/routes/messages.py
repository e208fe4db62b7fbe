"""What became of a mail, of many, and of everything one person was sent."""

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field

from sesevent.jsonvalues import as_json
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.web.asked import AddressText, Body, MessageId, Moment, Stream
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, web_of
from sesevent.web.shapes import DecisionModel, Free, Timeline, decision_shape, event_shape

__all__ = ["routes"]

routes = Routes("messages")


class Status(Free):
    """What became of one mail, for each of its recipients, with the story that led there."""

    message_id: str
    state: str = Field(description="The state that asks for attention most, such as `bounced`; `unknown`: no event.")
    recipients: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    sentence: str


class Statuses(BaseModel):
    """In the order of what was asked."""

    messages: list[Status]


class MessageIds(Body):
    """Mails, by SES's id."""

    message_ids: list[MessageId] = Field(min_length=1, max_length=500, examples=[["0100018f0a1b2c3d-1"]])


class Letters(BaseModel):
    """A page of what one person was sent, the newest first."""

    address: str
    decision: DecisionModel
    totals: dict[str, Any] | None = Field(description="What all of it came to, where that was asked for.")
    messages: list[dict[str, Any]]
    next: str | None


@routes.get("/v1/messages/{message_id}/events", needs="read", response_model=Timeline, problems=(404,))
async def get_timeline(request: Request, message_id: MessageId) -> Any:
    """Everything that happened to one mail, in order; an event kept in two rows stands there once."""
    events = await web_of(request).store.events.timeline(message_id)
    if not events:
        raise Refused(404, "No event of this mail is stored.")
    return {"message_id": message_id, "events": [event_shape(event) for event in events]}


@routes.get("/v1/messages/{message_id}", needs="read", response_model=Status, problems=(404,))
async def get_status(request: Request, message_id: MessageId) -> Any:
    """What became of one mail: for each recipient, with the story that led there."""
    status = await web_of(request).store.status(message_id)
    if status.state == "unknown" and not status.timeline:
        raise Refused(404, "No event of this mail is stored.")
    return as_json(status)


@routes.post("/v1/messages/status", needs="read", response_model=Statuses)
async def get_statuses(request: Request, body: MessageIds) -> Any:
    """What became of each of up to 500 mails, in their order."""
    return {"messages": [as_json(one) async for one in web_of(request).store.status_many(body.message_ids)]}


@routes.get("/v1/recipients/{address}", needs="read", response_model=Letters, problems=(400,))
async def get_recipient(
    request: Request,
    address: Annotated[AddressText, Path(description="However it is spelled.", examples=["ann@example.com"])],
    since: Annotated[
        Moment | None, Query(description="Mails of which the first thing known happened since then.")
    ] = None,
    until: Moment | None = None,
    stream: Stream = ALL_STREAMS,
    tenant: Annotated[str, Query(max_length=256)] = "",
    totals: Annotated[
        bool, Query(description="Also what all of it came to; it reads all the person's events.")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[str | None, Query(max_length=4096, description="`next` of the page before.")] = None,
) -> Any:
    """What one person was sent, the newest first, and whether it may be mailed now."""
    web = web_of(request)
    asked = {"recipient": address, "since": since, "until": until}
    after = await web.sealer.place(asked, cursor)
    history = web.store.recipient(address, since=since, until=until, limit=limit, after=after)
    letters = [letter async for letter in history]
    following = await web.sealer.cursor(asked, list(letters[-1].cursor)) if len(letters) == limit else None
    return {
        "address": history.address,
        "decision": decision_shape(await history.decision(stream=stream, tenant=tenant)),
        "totals": as_json(await history.totals()) if totals else None,
        "messages": [as_json(letter) for letter in letters],
        "next": following,
    }
