"""Payloads of a real sender's size: a 1.7 KB SES record in a 2.4 KB SNS notification."""

from __future__ import annotations

import json
from typing import Any


def event(number: int) -> dict[str, Any]:
    """One of a stream: 3 % bounces, 0.1 % complaints, the rest sends, deliveries, opens and clicks."""
    message_id = f"0100018f{number:08x}-6f1c8a52-1d0e-4b57-9d4b-{number:012x}-000000"
    person = f"person-{number}@mail-{number % 50}.example.com"
    at = f"2024-05-{1 + number // 86400 % 28:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
    mail = {
        "timestamp": at, "source": "Example Shop <news@shop.example.com>", "messageId": message_id,
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/shop.example.com",
        "sendingAccountId": "123456789012", "destination": [person], "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "Example Shop <news@shop.example.com>"}, {"name": "To", "value": person},
            {"name": "Subject", "value": "Your order has been shipped"}, {"name": "MIME-Version", "value": "1.0"},
            {"name": "Content-Type", "value": 'multipart/alternative;  boundary="----=_Part_0_1234567890.1234567890"'},
            {"name": "List-Unsubscribe", "value": f"<https://shop.example.com/unsubscribe/{number}>"},
        ],
        "commonHeaders": {"from": ["Example Shop <news@shop.example.com>"], "to": [person],
                          "messageId": message_id, "subject": "Your order has been shipped"},
        "tags": {"ses:operation": ["SendEmail"], "ses:configuration-set": ["transactional"],
                 "ses:source-ip": ["192.0.2.7"], "ses:from-domain": ["shop.example.com"],
                 "ses:caller-identity": ["mailer"], "campaign": [f"c-{number % 20}"]},
    }  # fmt: skip
    kind, key, body = _body(number, person, at)
    return {"eventType": kind, "mail": mail, key: body}


def _body(number: int, person: str, at: str) -> tuple[str, str, dict[str, Any]]:
    if number % 1000 == 0:
        return "Complaint", "complaint", {"timestamp": at, "feedbackId": f"fc-{number}", "complaintFeedbackType": "abuse",
                                          "complainedRecipients": [{"emailAddress": person}]}  # fmt: skip
    if number % 100 < 3:
        return "Bounce", "bounce", {
            "feedbackId": f"fb-{number}", "bounceType": "Permanent", "bounceSubType": "General", "timestamp": at,
            "bouncedRecipients": [{"emailAddress": person, "action": "failed", "status": "5.1.1",
                                   "diagnosticCode": "smtp; 550 5.1.1 user unknown"}],
            "reportingMTA": "dns; a8-31.smtp-out.amazonses.com"}  # fmt: skip
    agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
    return [
        ("Send", "send", {}),
        ("Delivery", "delivery", {"timestamp": at, "processingTimeMillis": 1200, "recipients": [person],
                                  "smtpResponse": "250 2.0.0 OK", "reportingMTA": "a8-31.smtp-out.amazonses.com"}),
        ("Open", "open", {"timestamp": at, "userAgent": agent, "ipAddress": "192.0.2.1"}),
        ("Click", "click", {"timestamp": at, "userAgent": agent, "ipAddress": "192.0.2.1",
                            "link": "https://shop.example.com/orders", "linkTags": None}),
    ][number % 4]  # fmt: skip


def notification(number: int) -> bytes:
    """The event in an SNS envelope, as bytes."""
    envelope = {
        "Type": "Notification", "MessageId": f"7f1d1f7c-0001-5b5e-9c1a-{number:012x}",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:ses-events",
        "Subject": "Amazon SES Email Event Notification", "Message": json.dumps(event(number), separators=(",", ":")) + "\n",
        "Timestamp": "2024-05-01T12:00:00.000Z", "SignatureVersion": "1", "Signature": "EXAMPLE" * 49,
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    }  # fmt: skip
    return json.dumps(envelope).encode()
