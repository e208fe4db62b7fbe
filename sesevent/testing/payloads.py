"""What SES sends, built kind by kind: complete, documented payloads as plain dictionaries.

Every builder takes keyword arguments only, and those of `mail` beside its own:
``bounce(to="ann@example.com", bounce_type="Transient", subject="Hello")``. Ids follow from the
arguments. It does not know this library's event classes: it is what they are tested with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any, Literal, Union

__all__ = [
    "bounce", "click", "complaint", "delivery", "delivery_delay", "mail", "notification", "opened", "received",
    "reject", "rendering_failure", "samples", "send", "subscription",
]  # fmt: skip

SENT = datetime(2024, 5, 1, 9, 0, tzinfo=timezone.utc)
"""When a mail was sent, unless a builder is told."""

Payload = dict[str, Any]
Addresses = Union[str, Sequence[str]]
Family = Literal["event", "identity"]


def mail(
    *,
    to: Addresses = "recipient@example.com",
    message_id: str | None = None,
    sent: datetime = SENT,
    source: str = "Example Shop <news@shop.example.com>",
    subject: str = "Your order has been shipped",
    campaign: str | None = "orders",
    configuration_set: str | None = "transactional",
    tags: Mapping[str, Sequence[str]] | None = None,
    family: Family = "event",
) -> Payload:
    """The ``mail`` object: everyone in *to* is an envelope recipient."""
    people = _listed(to)
    written = {
        "timestamp": _time(sent),
        "source": source,
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/shop.example.com",
        "sendingAccountId": "123456789012",
        "messageId": message_id or _ses_id(people, sent, subject),
        "destination": people,
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": source},
            {"name": "To", "value": ", ".join(people)},
            {"name": "Subject", "value": subject},
            {"name": "MIME-Version", "value": "1.0"},
            {"name": "Content-Type", "value": 'multipart/alternative; boundary="=_part_1"'},
        ],
        "commonHeaders": {"from": [source], "to": people, "subject": subject},
    }
    if family == "identity":  # identity notifications hold no tags
        return written | {"sourceIp": "192.0.2.7", "callerIdentity": "mailer"}
    own = {"campaign": [campaign]} if campaign else {}
    of_ses = {"ses:configuration-set": [configuration_set]} if configuration_set else {}
    of_ses |= {"ses:from-domain": ["shop.example.com"], "ses:source-ip": ["192.0.2.7"]}
    return written | {"tags": of_ses | own | {name: list(values) for name, values in (tags or {}).items()}}


def send(**of_mail: Any) -> Payload:
    """SES accepted a mail."""
    return _event("Send", "send", {}, of_mail)


def delivery(*, delivered: Addresses | None = None, after: timedelta = timedelta(seconds=2), **of_mail: Any) -> Payload:
    """A receiving server took a mail for *delivered*, by default for everyone in *to*."""
    body = {
        "timestamp": _time(_sent(of_mail) + after),
        "processingTimeMillis": int(after.total_seconds() * 1000),
        "recipients": _concerned(delivered, of_mail),
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "a8-31.smtp-out.amazonses.com",
    }
    return _event("Delivery", "delivery", body, of_mail)


def bounce(
    *,
    bounced: Addresses | None = None,
    bounce_type: str = "Permanent",
    bounce_sub_type: str = "General",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 The mailbox does not exist",
    action: str = "failed",
    feedback_id: str | None = None,
    after: timedelta = timedelta(seconds=4),
    **of_mail: Any,
) -> Payload:
    """A mail came back from *bounced*, by default from everyone in *to*."""
    people = _concerned(bounced, of_mail)
    detail = {"action": action, "status": status, "diagnosticCode": diagnostic}
    body = {
        "feedbackId": feedback_id or _ses_id(people, _sent(of_mail) + after, bounce_sub_type),
        "bounceType": bounce_type,
        "bounceSubType": bounce_sub_type,
        "bouncedRecipients": [{"emailAddress": person} | detail for person in people],
        "timestamp": _time(_sent(of_mail) + after),
        "reportingMTA": "dns; mx.example.net",
    }
    return _event("Bounce", "bounce", body, of_mail)


def complaint(
    *,
    complained: Addresses | None = None,
    feedback_type: str | None = "abuse",
    sub_type: str | None = None,
    feedback_id: str | None = None,
    after: timedelta = timedelta(hours=3),
    **of_mail: Any,
) -> Payload:
    """One of *complained* called a mail unwanted; by default everyone in *to* is a candidate."""
    people = _concerned(complained, of_mail)
    body = {
        "feedbackId": feedback_id or _ses_id(people, _sent(of_mail) + after, "complaint"),
        "complaintSubType": sub_type,
        "complainedRecipients": [{"emailAddress": person} for person in people],
        "timestamp": _time(_sent(of_mail) + after),
        "userAgent": "Example-Feedback-Loop/1.0",
        "complaintFeedbackType": feedback_type,
        "arrivalDate": _time(_sent(of_mail) + after),
    }
    return _event("Complaint", "complaint", body, of_mail)


def reject(*, reason: str = "Bad content", **of_mail: Any) -> Payload:
    """SES found a virus and did not send."""
    return _event("Reject", "reject", {"reason": reason}, of_mail)


def opened(
    *,
    user_agent: str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)",
    ip_address: str = "198.51.100.23",
    after: timedelta = timedelta(minutes=20),
    **of_mail: Any,
) -> Payload:
    """The tracking image was fetched (an ``Open`` event)."""
    body = {"timestamp": _time(_sent(of_mail) + after), "userAgent": user_agent, "ipAddress": ip_address}
    return _event("Open", "open", body, of_mail)


def click(
    *,
    link: str = "https://shop.example.com/orders",
    link_tags: Mapping[str, Sequence[str]] | None = None,
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64)",
    ip_address: str = "198.51.100.24",
    after: timedelta = timedelta(minutes=21),
    **of_mail: Any,
) -> Payload:
    """A link was followed."""
    body = {
        "timestamp": _time(_sent(of_mail) + after),
        "userAgent": user_agent,
        "ipAddress": ip_address,
        "link": link,
        "linkTags": {name: list(values) for name, values in link_tags.items()} if link_tags else None,
    }
    return _event("Click", "click", body, of_mail)


def rendering_failure(*, template: str = "welcome", missing: str = "first_name", **of_mail: Any) -> Payload:
    """A template could not be filled in."""
    body = {"templateName": template, "errorMessage": f"Attribute '{missing}' is not present in the rendering data."}
    return _event("Rendering Failure", "failure", body, of_mail)


def delivery_delay(
    *,
    delayed: Addresses | None = None,
    delay_type: str = "MailboxFull",
    status: str = "4.2.2",
    diagnostic: str = "smtp; 452 4.2.2 The mailbox is over its quota",
    after: timedelta = timedelta(minutes=10),
    **of_mail: Any,
) -> Payload:
    """A mail could not be delivered yet to *delayed*, by default to everyone in *to*."""
    people = _concerned(delayed, of_mail)
    body = {
        "delayType": delay_type,
        "delayedRecipients": [
            {"emailAddress": person, "status": status, "diagnosticCode": diagnostic} for person in people
        ],
        "expirationTime": _time(_sent(of_mail) + timedelta(hours=14)),
        "timestamp": _time(_sent(of_mail) + after),
        "reportingMTA": "a8-31.smtp-out.amazonses.com",
    }
    return _event("DeliveryDelay", "deliveryDelay", body, of_mail)


def subscription(
    *,
    contact_list: str = "newsletter",
    topic: str = "offers",
    opted_in: bool = False,
    after: timedelta = timedelta(hours=1),
    **of_mail: Any,
) -> Payload:
    """A recipient changed what they want to receive."""

    def preferences(wanted: bool) -> Payload:
        choice = {"topicName": topic, "subscriptionStatus": "OptIn" if wanted else "OptOut"}
        return {"unsubscribeAll": False, "topicSubscriptionStatus": [choice]}

    body = {
        "contactList": contact_list,
        "timestamp": _time(_sent(of_mail) + after),
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences(opted_in),
        "oldTopicPreferences": preferences(not opted_in),
    }
    return _event("Subscription", "subscription", body, of_mail)


def received(*, verdict: str = "PASS", content: str | None = None, **of_mail: Any) -> Payload:
    """SES received a mail for us, by a receipt rule."""
    identity: dict[str, Any] = {"family": "identity"}
    about = mail(**identity | of_mail)
    names = ("spamVerdict", "virusVerdict", "spfVerdict", "dkimVerdict", "dmarcVerdict")
    receipt = {
        "timestamp": about["timestamp"],
        "processingTimeMillis": 222,
        "recipients": about["destination"],
        **{name: {"status": verdict} for name in names},
        "action": {"type": "SNS", "topicArn": "arn:aws:sns:us-east-1:123456789012:inbound", "encoding": "UTF-8"},
    }
    found = {"notificationType": "Received", "mail": about, "receipt": receipt}
    return found if content is None else found | {"content": content}


def notification(
    payload: Payload,
    *,
    topic_arn: str = "arn:aws:sns:us-east-1:123456789012:ses-events",
    message_id: str | None = None,
    at: datetime = SENT + timedelta(hours=4),
) -> Payload:
    """*payload* in an SNS envelope, not signed. SES's text ends with a line feed."""
    text = json.dumps(payload, ensure_ascii=False) + "\n"
    return {
        "Type": "Notification",
        "MessageId": message_id or _uuid(_digest(text)),
        "TopicArn": topic_arn,
        "Subject": "Amazon SES Email Event Notification",
        "Message": text,
        "Timestamp": _time(at),
    }


def samples() -> list[Payload]:
    """A morning of a small shop, as SNS notifications: every kind of event, and what is surprising about some."""
    return [notification(payload) for payload in _story()]


def _story() -> list[Payload]:
    ann: dict[str, Any] = {"sent": _minutes(0), "to": "ann@example.com", "subject": "Your order has been shipped"}
    ben: dict[str, Any] = {"sent": _minutes(7), "to": "ben@example.org", "subject": "Votre commande est arrivée 🎁"}
    cora: dict[str, Any] = {"sent": _minutes(14), "to": "cora@example.net", "subject": "Welcome", "campaign": "welcome"}
    offer: dict[str, Any] = {"subject": "Spring sale", "campaign": "spring", "configuration_set": "marketing"}
    dave: dict[str, Any] = offer | {"sent": _minutes(21), "to": "dave@example.com"}
    family: dict[str, Any] = offer | {"sent": _minutes(28), "to": ("eve@example.net", "finn@example.net")}
    gus: dict[str, Any] = offer | {"sent": _minutes(35), "to": "gus@example.org"}
    hana: dict[str, Any] = {
        "sent": _minutes(42),
        "to": "hana@example.com",
        "subject": "Reset your password",
        "campaign": None,
    }
    return [
        send(**ann), delivery(**ann), opened(**ann), click(**ann),
        # Ben's server accepts the mail and returns it later: delivered, then bounced.
        send(**ben), delivery(**ben), bounce(after=timedelta(minutes=5), **ben),
        # Cora's mailbox is full: delayed, then given up. That is no reason to forget her.
        send(**cora), delivery_delay(**cora),
        bounce(bounce_type="Transient", bounce_sub_type="MailboxFull", status="4.2.2",
               diagnostic="smtp; 452 4.2.2 The mailbox is over its quota", after=timedelta(hours=14), **cora),
        # Dave called the offer spam; the provider says who it was.
        send(**dave), delivery(**dave), complaint(**dave),
        # Of Eve and Finn one complained; their provider does not say which.
        send(**family), delivery(**family), complaint(**family),
        # Gus took his complaint back, and leaves the list the proper way.
        send(**gus), complaint(feedback_type="not-spam", **gus), subscription(**gus),
        # SES did not send to Hana at all: she is on the account's suppression list.
        send(**hana),
        bounce(bounce_sub_type="OnAccountSuppressionList", diagnostic="Amazon SES did not send the message", **hana),
        reject(to="ian@example.com", subject="Invoice", sent=_minutes(49)),
        rendering_failure(to="joy@example.com", subject="Hello {{first_name}}", sent=_minutes(50)),
        received(to="support@shop.example.com", source="ann@example.com", subject="Where is my order?",
                 sent=_minutes(58)),
    ]  # fmt: skip


def _minutes(after: int) -> datetime:
    return SENT + timedelta(minutes=after)


# ── Small things ─────────────────────────────────────────────────────────────────────────────


def _event(kind: str, key: str, body: Payload, of_mail: dict[str, Any]) -> Payload:
    word = "notificationType" if of_mail.get("family") == "identity" else "eventType"
    return {word: kind, "mail": mail(**of_mail), key: body}


def _concerned(named: Addresses | None, of_mail: Mapping[str, Any]) -> list[str]:
    return _listed(named if named is not None else of_mail.get("to", "recipient@example.com"))


def _listed(people: Addresses) -> list[str]:
    return [people] if isinstance(people, str) else list(people)


def _sent(of_mail: Mapping[str, Any]) -> datetime:
    sent: datetime = of_mail.get("sent", SENT)
    return sent


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ses_id(*parts: Any) -> str:
    """The shape of SES's ids: sixteen hexadecimal digits, a UUID, six digits."""
    digest = _digest(*parts)
    return f"0100{digest[:12]}-{_uuid(digest[12:])}-000000"


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _digest(*parts: Any) -> str:
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()
