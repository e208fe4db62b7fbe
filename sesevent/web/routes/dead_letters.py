"""What could not be understood: looked at, tried again, forgotten; and what was done by whom."""

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field, model_validator

from sesevent.web.asked import AddressText, Body, Moment, Name
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, principal_of, web_of
from sesevent.web.shapes import (
    AuditPage,
    DeadLetterPage,
    DeadLetterWhole,
    audit_shape,
    dead_letter_shape,
)

__all__ = ["routes"]

routes = Routes("operations")

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Ids = Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{24}$")]], Field(min_length=1, max_length=500)]


class Retry(Body):
    """Which to try again."""

    ids: Ids = Field(description="Dead letters, by id.", examples=[["66321cf00a1b2c3d4e5f6071"]])


class Retried(BaseModel):
    """What became of them."""

    tried: int
    settled: int = Field(description="Understood now, and no dead letters any more.")
    events: int = Field(description="Events found in them and stored, repeats included.")


class Purge(Body):
    """Which to forget: those named, or those that last arrived before a time."""

    ids: Ids | None = None
    before: Moment | None = None
    why: str = Field(min_length=1, max_length=2000, description="It stands in the audit.", examples=["test data"])

    @model_validator(mode="after")
    def _one_of_them(self) -> "Purge":
        if (self.ids is None) == (self.before is None):
            raise ValueError("name ids, or a time before which")
        return self


class Purged(BaseModel):
    """How many were forgotten."""

    purged: int


@routes.get("/v1/dead-letters", needs="read", response_model=DeadLetterPage)
async def list_dead_letters(request: Request, limit: Limit = 100) -> Any:
    """Those that arrived last, the latest first, without what arrived."""
    letters = web_of(request).store.dead_letters
    found = await letters.list(limit=limit)
    return {"dead_letters": [dead_letter_shape(letter) for letter in found], "total": await letters.count()}


@routes.get("/v1/dead-letters/{id}", needs="read", response_model=DeadLetterWhole, problems=(404,))
async def get_dead_letter(request: Request, id: Name) -> Any:  # noqa: A002
    """One, with what arrived for whom that may be shown."""
    letter = await web_of(request).store.dead_letters.get(id)
    if letter is None:
        raise Refused(404, "There is no dead letter of this id.")
    return dead_letter_shape(letter, whole=True)


@routes.post("/v1/dead-letters/retry", needs="admin", response_model=Retried)
async def retry_dead_letters(request: Request, body: Retry) -> Any:
    """Try some again: worth it after an upgrade. What is understood now is stored."""
    store = web_of(request).store
    await store.audit.note("dead letters retried", f"{len(body.ids)} dead letters", by=principal_of(request).name)
    done = await store.dead_letters.retry(*body.ids)
    return {"tried": done.tried, "settled": done.settled, "events": done.events}


@routes.post("/v1/dead-letters/purge", needs="admin", response_model=Purged)
async def purge_dead_letters(request: Request, body: Purge) -> Any:
    """Forget some. They cannot be had back."""
    letters, by = web_of(request).store.dead_letters, principal_of(request).name
    return {"purged": await letters.purge(*(body.ids or ()), before=body.before, by=by, why=body.why)}


@routes.get("/v1/audit", needs="admin", response_model=AuditPage)
async def list_audit(
    request: Request,
    about: Annotated[Name | None, Query(description="Only what was done to this: a token's id, an act's.")] = None,
    address: Annotated[AddressText | None, Query(description="Only who was shown this person unmasked.")] = None,
    limit: Limit = 100,
) -> Any:
    """What was done, by whom and why, the latest first. No entry holds an address."""
    web = web_of(request)
    subject = about if address is None else await web.sealer.pseudonym(address)
    return {"entries": [audit_shape(entry) for entry in await web.store.audit.latest(limit=limit, subject=subject)]}
