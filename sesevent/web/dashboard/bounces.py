"""Why mails came back: by reason, provider and rule, with examples, and what to do about it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from sesevent.bounces import classify_event
from sesevent.bounces.rulebook import load_rules
from sesevent.bounces.taxonomy import BOUNCE_CLASSES, FAULTS, RECOMMENDATIONS
from sesevent.storage.codec import StoredEvent
from sesevent.web.dashboard.asked import view_of
from sesevent.web.dashboard.serving import Pages, page
from sesevent.web.dashboard.shapes import event_rows
from sesevent.web.routing import web_of
from sesevent.web.shapes import event_detail

__all__ = ["pages"]

pages = Pages("dashboard")

_LATEST: Final = 200
"""Bounces whose rules are looked at: rules are not kept, they are asked anew."""
_EXAMPLES: Final = 5
_COUNTED: Final = ("hard_bounces", "soft_bounces", "block_bounces", "suppressed_bounces", "undetermined_bounces")


@pages.page("/bounces")
async def bounces(request: Request) -> Response:
    """Bounces of a span of time; with a reason, examples of it and what to do."""
    web, view = web_of(request), view_of(request, "7d")
    latest = web.store.events.find(**view.narrow | {"types": ["Bounce"]}, newest_first=True, limit=_LATEST)
    reasons, providers, events = await asyncio.gather(
        web.store.analytics.by("bounce_reason", **view.question),
        web.store.analytics.by("provider", **view.question),
        latest.to_list(),
    )
    found: dict[str, Any] = {
        "reasons": [row._asdict() | {"share": row.share.rate} for row in reasons], "rest": reasons.rest,
        "providers": [
            {
                "name": row.name, "sends": row.counts["sends"], "rate": row.rate("aws_bounce").rate,
                "counts": [row.counts[name] for name in _COUNTED],
            }
            for row in providers
        ],
        "classes": [name.removesuffix("_bounces") for name in _COUNTED], "rules": _rules(events),
        "looked_at": len(events),
        "examples": await _examples(request, events[:_EXAMPLES]) if view.reason else [],
        "about": _about(view.reason), "faults": FAULTS, "meanings": BOUNCE_CLASSES,
    }  # fmt: skip
    return await page(request, "bounces.html", found, view=view)


def _rules(events: Iterable[StoredEvent]) -> list[dict[str, Any]]:
    counted: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        counted.update({(one.rule, one.reason, one.evidence) for one in classify_event(event.event)})
    return [
        {"rule": rule, "reason": reason, "evidence": evidence, "bounces": times}
        for (rule, reason, evidence), times in counted.most_common(30)
    ]


async def _examples(request: Request, events: list[StoredEvent]) -> list[dict[str, Any]]:
    rows = await event_rows(request, events)
    return [row | {"failures": event_detail(event)["failures"]} for row, event in zip(rows, events, strict=True)]


def _about(name: str | None) -> dict[str, Any] | None:
    """What the taxonomy says of a reason."""
    reason = None if name is None else load_rules().reasons.get(name)
    if reason is None:
        return None
    return {
        "name": name, "meaning": reason.meaning, "advice": reason.advice, "class": reason.bounce_class,
        "fault": FAULTS[reason.fault], "recommendation": RECOMMENDATIONS[reason.recommendation],
    }  # fmt: skip
