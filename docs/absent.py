"""When AWS leaves a field out, as far as it documents it or was seen to: object and field → when.

What is not named here AWS documents as always there; a cut or home-made payload may lack that too, and it is None then.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html
"""

from __future__ import annotations

from typing import Final

_HEADER = "the mail has no such header"
_ORIGINAL = "identity notifications, unless set to include original headers"
_REPORT = "no delivery status notification came, or it does not say"
_FEEDBACK = "the provider's report does not say"


def _of_action(kinds: str, *fields: str) -> dict[str, str]:
    return {f"Action.{field}": f"actions other than {kinds}" for field in fields}


ABSENT: Final = {
    **{
        f"CommonHeaders.{name}": _HEADER
        for name in ("from", "sender", "replyTo", "to", "cc", "bcc", "returnPath", "date")
    },
    "CommonHeaders.messageId": _HEADER,
    "CommonHeaders.subject": f"{_HEADER}; sends of a template, rendered later",
    "Mail.sourceArn": "inbound mail; some opens",
    "Mail.sourceIp": "event publishing (see the tag `ses:source-ip`); inbound mail",
    "Mail.callerIdentity": "event publishing (see the tag `ses:caller-identity`); inbound mail",
    "Mail.sendingAccountId": "inbound mail",
    "Mail.headersTruncated": _ORIGINAL,
    "Mail.headers": _ORIGINAL,
    "Mail.commonHeaders": _ORIGINAL,
    "Mail.tags": "identity notifications; inbound mail",
    "DeliveryObject.remoteMtaIp": "often, by event publishing",
    "BounceObject.reportingMTA": _REPORT,
    "BounceObject.remoteMtaIp": "event publishing; no server was reached",
    "BouncedRecipient.action": _REPORT,
    "BouncedRecipient.status": _REPORT,
    "BouncedRecipient.diagnosticCode": _REPORT,
    "ComplaintObject.complaintSubType": "somebody really complained (null)",
    "ComplaintObject.userAgent": _FEEDBACK,
    "ComplaintObject.complaintFeedbackType": _FEEDBACK,
    "ComplaintObject.arrivalDate": _FEEDBACK,
    "OpenObject.ipAddress": "seldom",
    "ClickObject.ipAddress": "seldom",
    "ClickObject.linkTags": "the link has no tags (null)",
    "DeliveryDelayObject.reportingMTA": "SES does not say",
    "SubscriptionObject.oldTopicPreferences": "there were none",
    "TopicPreferences.topicSubscriptionStatus": "the list has no topics",
    "TopicPreferences.topicDefaultSubscriptionStatus": "the list has no topics",
    "Receipt.dmarcPolicy": "DMARC did not fail",
    **_of_action("S3 and SNS", "topicArn"),
    **_of_action("S3", "bucketName", "objectKey", "objectKeyPrefix"),
    **_of_action("SNS", "encoding"),
    **_of_action("Lambda", "functionArn", "invocationType"),
    **_of_action("WorkMail", "organizationArn"),
    **_of_action("Bounce", "smtpReplyCode", "statusCode", "message", "sender"),
}
