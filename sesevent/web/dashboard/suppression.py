"""The list of those who may not be mailed: looked through, taken in and out, tried with another policy, compared."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from sesevent.jsonvalues import as_json
from sesevent.plans.acts import Change
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.files import READ_FORMATS
from sesevent.suppression.rules import RULES
from sesevent.tomltext import decode_toml
from sesevent.web.dashboard.asked import choice, text_of, view_of
from sesevent.web.dashboard.serving import Pages, page
from sesevent.web.dashboard.shapes import person
from sesevent.web.lists import MOST_CHANGES, import_list, policy_of, simulate
from sesevent.web.problems import Refused
from sesevent.web.routing import principal_of, web_of
from sesevent.web.shapes import decision_shape

__all__ = ["pages"]

pages = Pages("dashboard")

ROWS: Final = 50
_EXAMPLE: Final = """# What you would decide otherwise; the rest stays as it is by default.
name = "more patient"

[effects.soft-bounces]
action = "ignore"
"""


@pages.page("/suppression")
async def suppression(request: Request) -> Response:
    """Who may not be mailed now."""
    return await _shown(request)


@pages.form("/suppression/import", needs="suppress")
async def take_list(request: Request) -> Response:
    """Put a list of addresses on the list, and tell what became of each line that was not understood."""
    async with request.form() as form:
        file: Any = form.get("file")
        typed = str(form.get("addresses") or "").encode()
        content = await file.read() if file is not None and not isinstance(file, str) else b""
    said = {
        "note": str(form.get("why") or "").strip()[:2000], "stream": str(form.get("stream") or ALL_STREAMS)[:256],
        "format": str(form.get("format") or "") or None,
    }  # fmt: skip
    done = await import_list(request, content or typed, **said)
    return await _shown(request, imported=as_json(done), may_read="read" in principal_of(request).scopes)


@pages.form("/suppression/simulate", needs="read")
async def try_policy(request: Request) -> Response:
    """For whom another policy would decide otherwise. Nothing is changed."""
    text = str((await request.form()).get("policy") or "")
    try:
        other = policy_of(_toml(text))
        changes = [await _change(request, change) for change in await simulate(request, other)]
    except Refused as error:
        return await _shown(request, policy=text, wrong=error.detail, status=error.status)
    return await _shown(request, policy=text, changes=changes, version=other.version)


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return decode_toml(text)
    except ValueError:
        raise Refused(400, "This is no TOML.") from None


async def _change(request: Request, change: Change) -> dict[str, Any]:
    before, after = decision_shape(change.before), decision_shape(change.after)
    told = {"stream": change.stream, "tenant": change.tenant, "before": before, "after": after}
    return await person(request, change.address) | told


@pages.form("/suppression/drift", needs="admin")
async def drift(request: Request) -> Response:
    """How far our list and that of Amazon SES differ. SES is asked, slowly as it wants to be; nothing is changed."""
    account = request.app.state.dashboard.ses_account
    if account is None:
        raise Refused(404, "No account at Amazon SES is configured here.")
    found = await account.drift()
    told = as_json(found) | {"examples": {}}
    for what, addresses in found.examples.items():
        told["examples"][what] = [await person(request, address) for address in islice(addresses, ROWS)]
    return await _shown(request, drift=told)


async def _shown(request: Request, *, status: int = 200, may_read: bool = True, **done: Any) -> Response:
    web, view = web_of(request), view_of(request)
    rules = {rule.name: rule for rule in RULES}
    rule = choice(request, "rule", ("", *rules), "") or None
    stream = text_of(request, "stream") or ALL_STREAMS
    asked = {"rule": rule, "stream": stream}
    after = await web.sealer.place(asked, request.query_params.get("cursor") or None)
    listed = web.store.suppression.list(**asked, limit=ROWS, after=after)
    found = [one async for one in listed] if may_read else []
    following = await web.sealer.cursor(asked, found[-1].address) if len(found) == ROWS else None
    context: dict[str, Any] = {
        "decisions": [decision_shape(one) | await person(request, one.address) for one in found], "next": following,
        "rules": list(rules), "rule": rule, "stream": stream, "formats": READ_FORMATS, "drift": None, "changes": None,
        "imported": None, "policy": _EXAMPLE, "wrong": "", "version": "", "most_changes": MOST_CHANGES,
        "has_account": request.app.state.dashboard.ses_account is not None,
    }  # fmt: skip
    return await page(request, "suppression.html", context | done, view=view, status=status)
