"""Confirm subscriptions through the SNS API (extra ``aws``)."""

from __future__ import annotations

from typing import Any

from sesevent.errors import MissingExtra, VerifierUnavailable
from sesevent.sns.trust import VerifiedMessage
from sesevent.verifier import offered_subscription
from sesevent.webhook import Confirm

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    raise MissingExtra("Confirming subscriptions through the SNS API", "aws") from None

__all__ = ["confirm_by_api"]


def confirm_by_api(session: Any = None, **client_options: Any) -> Confirm:
    """Confirm with the credentials at hand, so that only they may end the subscription: a webhook's ``confirm=``.

    *session* is a ``boto3.Session``; *client_options* go to its SNS client, made for the topic's region.
    https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
    """

    def confirm(message: VerifiedMessage) -> None:
        topic, token = offered_subscription(message)
        client = (session or boto3.Session()).client("sns", region_name=topic.region, **client_options)
        try:
            client.confirm_subscription(TopicArn=topic.arn, Token=token, AuthenticateOnUnsubscribe="true")
        except (BotoCoreError, ClientError) as error:
            raise VerifierUnavailable(f"SNS did not confirm the subscription ({type(error).__name__}).") from error

    return confirm
