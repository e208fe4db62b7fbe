"""Clients of boto3, and what it raises in this library's words: for every part that calls AWS (extra ``aws``).

They quote AWS's code and never its message, which may hold an address; so what boto3 raised is not chained either.
"""

from __future__ import annotations

from typing import Any, Final

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's word
    HTTPClientError,
)

from sesevent.errors import AwsError, AwsUnavailable, ConfigurationError, SesEventError

__all__ = ["RAISED", "error_code", "made_client", "translated"]

RAISED: Final = (BotoCoreError, ClientError)
"""What boto3 may raise."""

_PATIENCE: Final = {
    "KmsThrottled", "KMS.ThrottlingException", "OverLimit", "RequestLimitExceeded", "RequestThrottled", "Throttling",
    "ThrottlingException", "TooManyRequestsException",
}  # fmt: skip
_NOT_ALLOWED: Final = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "InvalidClientTokenId", "KmsAccessDenied", "KMS.AccessDeniedException", "NotAuthorized", "OptInRequired",
    "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip


def made_client(api: str, session: Any = None, *, service: str, prefix: str, **options: Any) -> Any:
    """boto3's client of an *api*, of *session* or a new one. Raises ConfigurationError where it cannot be made."""
    try:
        return (session or boto3.Session()).client(api, **options)
    except (*RAISED, ValueError) as error:  # the last for a name that makes no host
        raise translated(error, "making the client", service=service, prefix=prefix) from None


def error_code(error: Exception) -> str:
    """AWS's own code; empty where the error is not AWS's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def translated(error: Exception, doing: str, *, service: str, prefix: str) -> SesEventError:
    """The library's error for boto3's. *doing* is the client's method; *prefix* is the service's in IAM's actions."""
    if not isinstance(error, ClientError):
        if isinstance(error, (ConnectionError, HTTPClientError)):
            return AwsUnavailable(f"{service} could not be reached ({doing}: {type(error).__name__}).")
        return ConfigurationError(
            f"boto3 cannot ask {service} ({doing}: {type(error).__name__}).",
            hint="It needs a region and credentials.",
        )
    code, status = error_code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _PATIENCE or status == 429 or status >= 500:
        return AwsUnavailable(f"{service} could not answer for now ({doing}: {code}).")
    if code in _NOT_ALLOWED or status in (401, 403):
        action = f"{prefix}:" + "".join(word.capitalize() for word in doing.removesuffix("_batch").split("_"))
        return ConfigurationError(f"AWS did not allow {doing} ({code}).", hint=f"It needs the permission {action}.")
    return AwsError(f"{service} refused {doing} ({code}).")
