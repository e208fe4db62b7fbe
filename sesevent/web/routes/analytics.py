"""Figures: each question of ``store.analytics`` is a row of a table here; and reports on bounces and complaints."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field

from sesevent.jsonvalues import as_json
from sesevent.web.asked import MessageId, Name, tag_of, window_of
from sesevent.web.problems import Refused
from sesevent.web.routing import Routes, may_unmask, unmasked, web_of
from sesevent.web.shapes import Free, event_shape
from sesevent.web.veil import scrub

__all__ = ["QUESTIONS", "routes"]

routes = Routes("analytics")

_SPAN: Final = re.compile(r"([0-9]{1,4})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY: Final = timedelta(days=1)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)


def _when(text: str) -> "datetime | date | timedelta":
    """A span ago, a date in the time zone asked for, or a time."""
    if (span := _SPAN.fullmatch(text)) is not None:
        return timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("is neither a time, a date, nor a span such as 7d") from None
    aware = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
    if not _FIRST <= aware < _LAST:
        raise ValueError("must lie between the years 2000 and 2200")
    return aware.date() if _DATE.fullmatch(text) else aware.astimezone(timezone.utc)


When = Annotated[str, Field(max_length=40), AfterValidator(_when)]
"""As text: `7d` ago, `2024-05-01`, `2024-05-01T09:00:00Z`."""
Period = Literal["hour", "day", "week", "month"]
Dimension = Literal[
    "campaign", "configuration_set", "source", "ip_pool", "template", "recipient_domain", "provider", "tag",
    "bounce_reason",
]  # fmt: skip


class Filtered(BaseModel):
    """Which mails: all that is given must hold."""

    campaign: Name | None = None
    configuration_set: Name | None = None
    source: Name | None = Field(None, description="Sender, however spelled.")
    ip_pool: Name | None = None
    template: Name | None = None
    recipient_domain: Name | None = None
    provider: Name | None = Field(None, description="Provider of mailboxes, such as `gmail`.")
    tag: Name | None = Field(None, description="Message tag: `name`, or `name=value`.")
    tz: str = Field("UTC", max_length=64, description="Time zone, such as `Europe/Berlin`.")

    def where(self) -> dict[str, Any]:
        """What is given, as the store asks it."""
        told = {name: value for name in _FILTERS if (value := getattr(self, name)) is not None}
        return told | {"tz": self.tz} | ({} if self.tag is None else {"tag": tag_of(self.tag)})


_FILTERS: Final = ("campaign", "configuration_set", "source", "ip_pool", "template", "recipient_domain", "provider")


class Spanned(Filtered):
    """Of a span of time."""

    since: When = Field("30d", validate_default=True, description="A time, a date, or how long ago.", examples=["7d"])
    until: When | None = Field(None, description="Not included; by default now.")
    format: Literal["json", "csv"] = "json"

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        return self.where() | {
            "since": _bounded(self.since, self.until, now, most_days),
            "until": _ago(self.until, now),
        }


class ByPeriod(Spanned):
    """Divided by time."""

    by: Period = "day"

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        return super().arguments(now, most_days) | {"by": self.by}


class ByDimension(Spanned):
    """Divided by something else."""

    dimension: Dimension
    name: Name | None = Field(None, description="By `tag`: the tag's name.")
    limit: int = Field(20, ge=1, le=500, description="Rows; what is beyond is one row.")

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        more = {"dimension": self.dimension, "name": self.name, "limit": self.limit}
        return super().arguments(now, most_days) | more


class OfLinks(Spanned):
    """The most followed links."""

    limit: int = Field(20, ge=1, le=500)

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        return super().arguments(now, most_days) | {"limit": self.limit}


class OfFunnel(Spanned):
    """Of mails sent in a span, or of one."""

    message_id: MessageId | None = None

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        return super().arguments(now, most_days) | {"message_id": self.message_id}


class Compared(Filtered):
    """Two spans of time."""

    before_since: When
    before_until: When
    after_since: When
    after_until: When
    format: Literal["json", "csv"] = "json"

    def arguments(self, now: datetime, most_days: int) -> dict[str, Any]:
        """What the store's method is called with."""
        spans = {"before": (self.before_since, self.before_until), "after": (self.after_since, self.after_until)}
        return self.where() | {
            name: (_bounded(since, until, now, most_days), _ago(until, now)) for name, (since, until) in spans.items()
        }


class Question(NamedTuple):
    """One method of ``store.analytics``, and what it is asked with."""

    path: str
    method: str
    asked: Any
    words: str


QUESTIONS: Final = (
    Question("summary", "summary", Spanned, "A span of time in one row: counts, rates with intervals, times."),
    Question("timeseries", "timeseries", ByPeriod, "A row for each hour, day, week or month, with zeros."),
    Question("by", "by", ByDimension, "A row for each campaign, provider, reason …, those with most sends first."),
    Question("links", "top_links", OfLinks, "The links that people followed in most mails."),
    Question("funnel", "funnel", OfFunnel, "Of the mails sent, how many were delivered, opened and clicked."),
    Question(
        "cohorts", "cohorts", ByPeriod, "Mails by when they were sent: what became of them within 1 h, 1 d, 7 d, 30 d."
    ),
    Question("compare", "compare", Compared, "Two spans side by side, and whether chance alone explains the change."),
)
"""Everything that may be asked."""


def _answering(question: Question) -> Callable[..., Any]:
    asked_type = question.asked

    async def answer(request: Request, asked: Annotated[asked_type, Query()]) -> Any:  # type: ignore[valid-type]
        web = web_of(request)
        arguments = asked.arguments(web.now(), web.limits.days)  # type: ignore[attr-defined]
        found = await getattr(web.store.analytics, question.method)(**arguments)
        return await _table(request, found) if asked.format == "csv" else as_json(found)  # type: ignore[attr-defined]

    answer.__name__ = f"get_{question.method}"
    answer.__doc__ = question.words
    return answer


async def _table(request: Request, found: Any) -> Response:
    """The answer as CSV, in which no spreadsheet finds a formula."""
    text = found.to_csv()
    masked = scrub(text)
    if may_unmask(request) and masked != text:
        await unmasked(request)
        masked = text
    return Response(masked, headers={"Cache-Control": "no-store"}, media_type="text/csv; charset=utf-8")


_ANSWERED: Final[dict[int | str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

for _question in QUESTIONS:
    routes.get(
        f"/v1/analytics/{_question.path}",
        needs="read",
        response_model=Free,
        problems=(400,),
        responses=_ANSWERED,
    )(_answering(_question))


@routes.get("/v1/analytics/aws", needs="read", response_model=Free)
async def get_aws_reckoning(request: Request) -> Any:
    """The bounce and complaint rates by which AWS judges a sender, as nearly as events tell, and AWS's lines."""
    return as_json(await web_of(request).store.analytics.as_aws_reckons())


class Report(BaseModel):
    """What went wrong, by what it can be told apart by, and the latest of it."""

    summary: dict[str, Any]
    reasons: dict[str, Any] | None = Field(None, description="Of bounces: each reason, its fault, and what to do.")
    providers: dict[str, Any]
    campaigns: dict[str, Any]
    latest: list[dict[str, Any]]


@routes.get("/v1/reports/bounces", needs="read", response_model=Report, problems=(400,))
async def report_bounces(request: Request, asked: Annotated[Spanned, Query()]) -> Any:
    """Why mails bounced, where, and what to do about it; with the latest of them."""
    return await _report(request, asked, "Bounce")


@routes.get("/v1/reports/complaints", needs="read", response_model=Report, problems=(400,))
async def report_complaints(request: Request, asked: Annotated[Spanned, Query()]) -> Any:
    """Who complained of what, by provider and campaign; with the latest of them."""
    return await _report(request, asked, "Complaint")


async def _report(request: Request, asked: Spanned, kind: str) -> dict[str, Any]:
    web = web_of(request)
    told = asked.arguments(web.now(), web.limits.days)
    store = web.store
    latest = store.events.find(
        types=[kind],
        since=_moment(told["since"]),
        until=_moment(told["until"]),
        configuration_set=asked.configuration_set,
        tag=told.get("tag"),
        newest_first=True,
        limit=20,
    )
    return {
        "summary": as_json(await store.analytics.summary(**told)),
        "reasons": as_json(await store.analytics.by("bounce_reason", **told)) if kind == "Bounce" else None,
        "providers": as_json(await store.analytics.by("provider", **told)),
        "campaigns": as_json(await store.analytics.by("campaign", **told)),
        "latest": [event_shape(event) for event in await latest.to_list()],
    }


def _ago(when: Any, now: datetime) -> Any:
    return now - when if isinstance(when, timedelta) else when


def _bounded(since: Any, until: Any, now: datetime, most_days: int) -> Any:
    """Where a span begins. Raises Refused where it is too long."""
    begin, end = _ago(since, now), _ago(until, now)
    if begin is None:
        raise Refused(400, "Say since when.")
    window_of(_moment(begin), _moment(end), now, most_days, None, slack=_DAY)  # dates in other time zones
    return begin


def _moment(when: Any) -> datetime | None:
    if when is None or isinstance(when, datetime):
        return when
    return datetime(when.year, when.month, when.day, tzinfo=timezone.utc)
