"""The mail an event is about, as SES accepted it.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-mail-object
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#mail-object
"""

from __future__ import annotations

from pydantic import Field

from sesevent.events.part import Moment, Part

__all__ = ["CommonHeaders", "Header", "Mail"]


class Header(Part):
    """One header of the mail. A name may stand twice; order is kept."""

    name: str | None = None
    value: str | None = None


class CommonHeaders(Part):
    """The usual headers, decoded by SES. Each list element may itself hold several addresses."""

    from_: list[str] | None = Field(default=None, alias="from")
    sender: list[str] | str | None = None
    reply_to: list[str] | None = None
    to: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    return_path: str | None = None
    date: str | None = None
    message_id: str | None = None
    """The ``Message-ID`` header, which may be the sender's own; SES's id is `Mail.message_id`."""
    subject: str | None = None


class Mail(Part):
    """The ``mail`` object of a payload."""

    timestamp: Moment | None = None
    """When SES accepted the message: the send, not the event."""
    message_id: str | None = None
    source: str | None = None
    """The envelope sender as SES was given it, display name included."""
    source_arn: str | None = None
    source_ip: str | None = None
    """Identity notifications only."""
    caller_identity: str | None = None
    """Identity notifications only."""
    sending_account_id: str | None = None
    destination: list[str] | None = None
    """Every envelope recipient of that call (To, Cc and Bcc), whomever the event concerns."""
    headers_truncated: bool | None = None
    """True where SES cut the headers at 10 KB."""
    headers: list[Header] | None = None
    common_headers: CommonHeaders | None = None
    tags: dict[str, list[str]] | None = None
