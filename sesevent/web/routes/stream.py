"""The live stream: server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.responses import Response

from sesevent import addresses
from sesevent.aio import AsyncEventStore
from sesevent.errors import StoreError
from sesevent.events.parse import word_of
from sesevent.web.asked import AddressText, Name, Reason, Tag, tag_of
from sesevent.web.live import Wanted
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, may_unmask, unmasked, web_of

__all__ = ["EventStream", "routes"]

routes = Routes("live")

_PATIENCE = 30.0  # seconds for which a client may refuse to take what is sent


class EventStream(Response):
    """A response that goes on until its client leaves, or takes nothing any more."""

    media_type = "text/event-stream"

    def __init__(self, texts: AsyncIterator[str], status_code: int = 200) -> None:
        super().__init__(status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._texts = texts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002  # ASGI's
        """Send until there is no more to send, or nobody to send it to."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        error = None if sending.cancelled() else sending.exception()
        if error is not None and not isinstance(error, (OSError, asyncio.TimeoutError)):
            raise error  # who takes nothing is let go, and comes again

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._texts) as texts:  # type: ignore[type-var]  # it is a generator
            async for text in texts:
                message = {"type": "http.response.body", "body": text.encode(), "more_body": True}
                await asyncio.wait_for(send(message), _PATIENCE)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_EXAMPLE = 'id: gAAAAABm…\ndata: {"id": "66321cf00a1b2c3d4e5f6071", "type": "Bounce", …}\n\n'


@routes.get(
    "/v1/stream",
    needs="read",
    response_class=EventStream,
    problems=(400,),
    responses={
        200: {
            "description": "Events as they are stored.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def follow_events(
    request: Request,
    types: Annotated[list[Name], Query(alias="type", max_length=20, description="SES's word; may be repeated.")] = [],  # noqa: B006
    reasons: Annotated[list[Reason], Query(alias="reason", max_length=40)] = [],  # noqa: B006
    configuration_set: Annotated[Name | None, Query()] = None,
    campaign: Annotated[Name | None, Query()] = None,
    recipient: Annotated[AddressText | None, Query(description="An address, however it is spelled.")] = None,
    recipient_domain: Annotated[Name | None, Query(examples=["example.com"])] = None,
    tag: Tag = None,
    last_event_id: Annotated[
        str | None, Query(max_length=8192, description="As the header, for clients that cannot set it.")
    ] = None,
    resumed: Annotated[str | None, Header(alias="Last-Event-ID", max_length=8192)] = None,
) -> Any:
    """Events as they are stored, as server-sent events, each at least once; from now on, or behind `Last-Event-ID`.

    The data of a message is an event as `GET /v1/events` tells it. Messages of other types say what became of the
    stream: `gap` (events may be missing), `dropped` (you read too slowly) and `end`; after the last two the stream
    ends, and a client that comes again with `Last-Event-ID` misses nothing. Browsers do so by themselves.
    """
    web, after = web_of(request), resumed or last_event_id
    if web.hub.readers >= web.limits.streams:
        raise Refused(503, "Too many follow already.", retryable=True, headers={"Retry-After": "10"})
    if after is not None and not await web.hub.known(after):
        raise Refused(400, "Last-Event-ID is none of ours. Begin without it.")
    await web.hub.start()
    clear = may_unmask(request)
    if clear:
        await unmasked(request)
    wanted = Wanted(
        frozenset(map(word_of, types)),
        frozenset(reasons),
        configuration_set,
        campaign,
        None if recipient is None else _forms(web.store, recipient),
        None if recipient_domain is None else recipient_domain.lower(),
        tag_of(tag),
    )

    async def welcome() -> bool:
        try:
            principal = await web.access.principal(request)
        except StoreError:  # nothing comes while the store is away
            return True
        return principal is not None and "read" in principal.scopes and (principal.clear or not clear)

    return EventStream(web.hub.read(wanted, after, clear=clear, welcome=welcome))


def _forms(store: AsyncEventStore, address: str) -> frozenset[str]:
    """Everything a person may be stored as."""
    known = store._pseudonyms
    return frozenset([addresses.normal(address)] if known is None else known.forms(address))
