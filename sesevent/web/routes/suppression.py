"""Whom may one still mail: checked, listed, exported; and what people say about addresses, written down."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from sesevent.errors import ConfigurationError
from sesevent.jsonvalues import as_json
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.files import READ_FORMATS
from sesevent.web import exports
from sesevent.web.asked import AddressQuery, AddressText, Body, Moment, Name, RuleName, Stream
from sesevent.web.lists import MOST_CHANGES, import_list, policy_of, simulate
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, principal_of, web_of
from sesevent.web.shapes import (
    DecisionModel,
    Decisions,
    HistoryModel,
    ImportedModel,
    Simulated,
    SuppressionPage,
    decision_shape,
    history_shape,
)

__all__ = ["routes"]

routes = Routes("suppression")

Tenant = Annotated[str, Query(max_length=256, description="Tenant it concerns, where there are several.")]
Rule = Annotated[RuleName | None, Query(description="Only those this rule decides on, such as `hard-bounce`.")]
ReadFormat = Annotated[
    str | None,
    Query(max_length=16, description=f"{', '.join(READ_FORMATS)}; seen from the list where it is not told."),
]
_LISTED = ("address", "allowed", "reason", "rule", "stream", "holds_on", "since", "until", "tenant", "sentence")


class Asked(Body):
    """Addresses to be checked."""

    addresses: list[Annotated[str, Field(max_length=400)]] = Field(
        min_length=1, max_length=1000, examples=[["ann@example.com", "bob@example.com"]]
    )
    stream: Name = ALL_STREAMS
    tenant: str = Field("", max_length=256)


class Trial(Body):
    """Another policy, to be tried."""

    policy: dict[str, Any] = Field(
        description="As it stands in a policy's file; what it does not name stays as it is by default.",
        examples=[{"name": "patient", "effects": {"soft-bounces": {"action": "ignore"}}}],
    )


class _Said(Body):
    address: AddressText = Field(examples=["ann@example.com"])
    tenant: str = Field("", max_length=256)


class Suppress(_Said):
    """An address to be put on the list."""

    note: str = Field(min_length=1, max_length=2000, description="Why.", examples=["asked us by telephone"])
    stream: Name = ALL_STREAMS
    until: Moment | None = Field(None, description="When it ends by itself.")


class Unsubscribe(_Said):
    """Somebody unsubscribed from a stream, or came back."""

    stream: Name = Field(examples=["marketing"])
    note: str = Field("", max_length=2000)


class Reactivate(_Said):
    """An address that may be mailed again."""

    why: str = Field(min_length=1, max_length=2000, description="It stands in the audit.", examples=["new mailbox"])
    stream: Name = ALL_STREAMS
    override: bool = Field(False, description="Also against the person's own word: a complaint, an unsubscription.")


@routes.get("/v1/suppression", needs="read", response_model=SuppressionPage, problems=(400,))
async def list_suppressed(
    request: Request,
    rule: Rule = None,
    stream: Stream = ALL_STREAMS,
    tenant: Tenant = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=4096, description="`next` of the page before.")] = None,
) -> Any:
    """Whom one may not mail now, by address."""
    web = web_of(request)
    asked = {"rule": rule, "stream": stream, "tenant": tenant}
    after = await web.sealer.place(asked, cursor)
    limit = min(limit, web.limits.page)
    found = [one async for one in web.store.suppression.list(**asked, limit=limit, after=after)]
    following = await web.sealer.cursor(asked, found[-1].address) if len(found) == limit else None
    return {"decisions": [decision_shape(one) for one in found], "next": following}


@routes.get(
    "/v1/suppression/export",
    needs="read",
    response_class=StreamingResponse,
    responses=exports.responses("csv", "ndjson"),
)
async def export_suppressed(
    request: Request,
    format: Annotated[Literal["csv", "ndjson"], Query(description="A table, or an object a line.")] = "csv",  # noqa: A002
    rule: Rule = None,
    stream: Stream = ALL_STREAMS,
    tenant: Tenant = "",
) -> Any:
    """Export whom one may not mail now, streamed."""
    store = web_of(request).store

    async def rows() -> AsyncIterator[dict[str, Any]]:
        async for one in store.suppression.list(rule=rule, stream=stream, tenant=tenant):
            yield decision_shape(one)

    return await exports.streamed(request, rows(), format, "suppression", _LISTED)


@routes.get("/v1/suppression/check", needs="read|suppress", response_model=DecisionModel)
async def check_address(
    request: Request, address: AddressQuery, stream: Stream = ALL_STREAMS, tenant: Tenant = ""
) -> Any:
    """Whether one address may be mailed. It stands in the URL here: where that is logged, POST it instead."""
    return decision_shape(await web_of(request).store.suppression.check(address, stream=stream, tenant=tenant))


@routes.post("/v1/suppression/check", needs="read|suppress", response_model=Decisions)
async def check_addresses(request: Request, body: Asked) -> Any:
    """Whether each of up to a thousand addresses may be mailed, in their order."""
    asked = web_of(request).store.suppression.check_many(body.addresses, stream=body.stream, tenant=body.tenant)
    return {"decisions": [decision_shape(one) async for one in asked]}


@routes.get("/v1/suppression/history", needs="read", response_model=HistoryModel)
async def get_history(
    request: Request, address: AddressQuery, stream: Stream = ALL_STREAMS, tenant: Tenant = ""
) -> Any:
    """Everything known of an address, and what was decided from it over time."""
    suppression = web_of(request).store.suppression
    history = await suppression.history(address, stream=stream, tenant=tenant)
    return history_shape(history, await suppression.check(address, stream=stream, tenant=tenant))


@routes.post("/v1/suppression", needs="suppress", response_model=DecisionModel, problems=(400,))
async def suppress_address(request: Request, body: Suppress) -> Any:
    """Put an address on the list. Saying it twice is saying it once."""
    if body.until is not None and body.until <= web_of(request).now():
        raise Refused(400, "`until` is over already: nothing would be suppressed.")
    more = {"note": body.note, "until": body.until}
    return await _said(request, "suppress", body, body.stream, more)


@routes.post("/v1/suppression/unsubscribe", needs="suppress", response_model=DecisionModel)
async def unsubscribe_address(request: Request, body: Unsubscribe) -> Any:
    """Write down that a person unsubscribed from a stream."""
    return await _said(request, "unsubscribe", body, body.stream, {"note": body.note})


@routes.post("/v1/suppression/resubscribe", needs="suppress", response_model=DecisionModel)
async def resubscribe_address(request: Request, body: Unsubscribe) -> Any:
    """Write down that a person asked to be mailed on a stream again."""
    return await _said(request, "resubscribe", body, body.stream, {"note": body.note})


@routes.post("/v1/suppression/reactivate", needs="suppress", response_model=DecisionModel, problems=(409,))
async def reactivate_address(request: Request, body: Reactivate) -> Any:
    """Let an address be mailed again. Nothing is erased, and what happens later counts again.

    Complaints and unsubscriptions are the person's own word: 409, unless `override` is true.
    """
    try:
        more = {"why": body.why, "override": body.override}
        return await _said(request, "reactivate", body, body.stream, more)
    except ConfigurationError as error:
        raise Refused(409, str(error)) from None


@routes.post(
    "/v1/suppression/import",
    needs="suppress",
    response_model=ImportedModel,
    problems=(400,),
    extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string"}} for kind in ("text/csv", "application/x-ndjson", "text/plain")
            },
        }
    },
)
async def import_suppressed(
    request: Request,
    format: ReadFormat = None,  # noqa: A002
    stream: Stream = ALL_STREAMS,
    tenant: Tenant = "",
    why: Annotated[str, Query(max_length=2000, description="Where a row does not say.")] = "",
    until: Annotated[Moment | None, Query(description="When it ends, where a row does not say.")] = None,
) -> Any:
    """Put a list of addresses on the list; the body is the list. Safe to repeat.

    CSV, JSON lines, the form that Amazon SES imports, or an address on a line. What is not understood is told by its
    line, and keeps nothing else out.
    """
    said = {"format": format, "stream": stream, "tenant": tenant, "note": why, "until": until}
    return as_json(await import_list(request, await request.body(), **said))


@routes.post("/v1/suppression/simulate", needs="read", response_model=Simulated, problems=(400,))
async def simulate_policy(request: Request, body: Trial) -> Any:
    """For whom another policy would decide otherwise. Nothing is changed."""
    other = policy_of(body.policy)
    changes = await simulate(request, other)
    told = [
        {
            "address": one.address, "stream": one.stream, "tenant": one.tenant, "before": decision_shape(one.before),
            "after": decision_shape(one.after),
        }
        for one in changes
    ]  # fmt: skip
    return {"policy_version": other.version, "changes": told, "complete": len(told) < MOST_CHANGES}


async def _said(request: Request, act: str, body: _Said, stream: str, more: dict[str, Any]) -> dict[str, Any]:
    """Say something about an address; the store writes into the audit who did, before it is done."""
    say = getattr(web_of(request).store.suppression, act)
    by = principal_of(request).name
    return decision_shape(await say(body.address, by=by, stream=stream, tenant=body.tenant, origin="api", **more))
