"""Stored events: searched, looked at, exported; and the story of one mail."""
# Annotations are evaluated here and in the other modules of routes: FastAPI reads them as the types of what is asked.

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from sesevent.jsonvalues import as_json
from sesevent.web import exports
from sesevent.web.asked import AddressText, MessageId, Moment, Name, Reason, Tag, tag_of, window_of
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, web_of
from sesevent.web.shapes import EventDetail, EventModel, EventPage, event_detail, event_shape

__all__ = ["routes"]

routes = Routes("events")

DEFAULT_DAYS = 30

OfMessage = Annotated[MessageId | None, Query(description="SES's id of the mail.")]
Types = Annotated[list[Name], Query(alias="type", max_length=20, description="SES's word; may be repeated.")]
Reasons = Annotated[
    list[Reason], Query(alias="reason", max_length=40, description="Why a mail bounced; may be repeated.")
]
Recipient = Annotated[AddressText | None, Query(description="An address, however it is spelled.")]
ConfigurationSet = Annotated[Name | None, Query(description="Configuration set of the mail.")]
Since = Annotated[Moment | None, Query(description="From this time on. By default 30 days before `until`.")]
Until = Annotated[Moment | None, Query(description="Before this time. By default now.")]
Cursor = Annotated[str | None, Query(max_length=4096, description="What the page before named as `next`.")]


def _asked(
    message_id: str | None,
    types: list[str],
    reasons: list[str],
    recipient: str | None,
    tag: str | None,
    configuration_set: str | None,
    newest_first: bool,
) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "types": types,
        "reasons": reasons,
        "recipient": recipient,
        "tag": tag_of(tag),
        "configuration_set": configuration_set,
        "newest_first": newest_first,
    }


@routes.get("/v1/events", needs="read", response_model=EventPage, problems=(400,))
async def find_events(
    request: Request,
    message_id: OfMessage = None,
    types: Types = [],  # noqa: B006  # FastAPI makes a new one
    reasons: Reasons = [],  # noqa: B006
    recipient: Recipient = None,
    tag: Tag = None,
    configuration_set: ConfigurationSet = None,
    since: Since = None,
    until: Until = None,
    newest_first: bool = True,
    limit: Annotated[int, Query(ge=1, le=500, description="Rows of the page.")] = 50,
    cursor: Cursor = None,
) -> Any:
    """Find stored events, by event time; all conditions must hold.

    A question by message id or by recipient goes over all time; others over the last 30 days, unless `since` and
    `until` say otherwise. Pages are continued behind the last row seen, so rows that arrive meanwhile shift nothing.
    """
    web = web_of(request)
    asked = _asked(message_id, types, reasons, recipient, tag, configuration_set, newest_first)
    bounded = asked | {"since": since, "until": until}
    narrow = message_id is not None or recipient is not None
    begin, end = window_of(since, until, web.now(), web.limits.days, None if narrow else DEFAULT_DAYS)
    told = await web.sealer.place(bounded, cursor)
    if told is not None:
        begin, place = told["since"], tuple(told["after"])
    else:
        place = None
    limit = min(limit, web.limits.page)
    found = await web.store.events.find(**asked, since=begin, until=end, limit=limit, after=place).to_list()
    following = None
    if len(found) == limit:
        following = await web.sealer.cursor(bounded, {"since": begin, "after": list(found[-1].cursor)})
    return {
        "events": [event_shape(event) for event in found],
        "next": following,
        "window": {"since": as_json(begin), "until": as_json(end)},
    }


@routes.get(
    "/v1/events/export",
    needs="read",
    response_class=StreamingResponse,
    problems=(400,),
    responses=exports.responses("csv", "ndjson"),
)
async def export_events(
    request: Request,
    format: Annotated[Literal["csv", "ndjson"], Query(description="A table, or an object a line.")] = "csv",  # noqa: A002
    message_id: OfMessage = None,
    types: Types = [],  # noqa: B006
    reasons: Reasons = [],  # noqa: B006
    recipient: Recipient = None,
    tag: Tag = None,
    configuration_set: ConfigurationSet = None,
    since: Since = None,
    until: Until = None,
    newest_first: bool = False,
) -> Any:
    """Export stored events, streamed: as long as the answer is, it takes no more memory than a page.

    In CSV no spreadsheet finds a formula. A connection that ends before the end of the answer was broken off.
    """
    web = web_of(request)
    asked = _asked(message_id, types, reasons, recipient, tag, configuration_set, newest_first)
    narrow = message_id is not None or recipient is not None
    begin, end = window_of(since, until, web.now(), web.limits.days, None if narrow else DEFAULT_DAYS)

    async def rows() -> AsyncIterator[dict[str, Any]]:
        async for event in web.store.events.find(**asked, since=begin, until=end):
            yield event_shape(event)

    return await exports.streamed(request, rows(), format, "events", tuple(EventModel.model_fields))


@routes.get("/v1/events/{id}", needs="read", response_model=EventDetail, problems=(404,))
async def get_event(request: Request, id: Name) -> Any:  # noqa: A002  # the word for it
    """One event by the id it is stored under, with why a mail failed and what to do about it."""
    found = await web_of(request).store.events.get(id)
    if found is None:
        raise Refused(404, "There is no event of this id.")
    return event_detail(found)
