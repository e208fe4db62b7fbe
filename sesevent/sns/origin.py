"""Who signed an SNS message, as the message itself claims: everything that can be refused before any cryptography.

The rules stand in three tables: `CHECKS` in their order, `PARTITIONS` with the hosts of AWS's parts,
and the signed fields. It fetches nothing and proves nothing; :mod:`sesevent.sns.signature` does the proving.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, Union

from sesevent import jsontext
from sesevent.errors import ConfigurationError, UntrustedMessage
from sesevent.moments import read_moment
from sesevent.sns.wrappings import HANDSHAKES

__all__ = [
    "CHECKS", "FRESH_FOR", "PARTITIONS", "Body", "Claim", "Expected", "Headers", "Partition", "Topic", "canonical_text",
    "check_claim", "confirmation_url", "header_pairs", "read_claim", "read_topic",
]  # fmt: skip

Body = Union[bytes, str, Mapping[str, Any]]
Headers = Union[Mapping[str, str], Iterable[tuple[Union[str, bytes], Union[str, bytes]]]]

CHECKS: Final = {
    "body": "the body is one SNS message: JSON, of a known type, with every field its type must have, as text",
    "headers": "the `x-amz-sns-…` headers, where there are any, say what the body says",
    "version": "the signature version is known and switched on",
    "topic": "the topic is well-formed, of a known partition, and allowed, as is its account",
    "freshness": "the message is neither too old nor from the future",
    "address": "the certificate's address is SNS's own, in the region of the topic",
    "certificate": "the certificate is SNS's for that region, and was valid when the message was sent",
    "signature": "the signature is the certificate's, over exactly these fields",
}
"""What is checked, in this order: cheap things first, the network and RSA last."""

FRESH_FOR: Final = timedelta(hours=1, minutes=5)
"""SNS's longest delivery policy retries for an hour; the rest is for clocks.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""
_AHEAD: Final = timedelta(minutes=5)
_LONGEST: Final = 512  # characters of an ARN: what is longer must not fill a cache for whoever can reach a webhook
_LARGEST: Final = 4 * 2**20  # bytes; SNS publishes 256 KiB at most, which escaping may multiply


if sys.version_info >= (3, 11):
    _from_base64 = partial(binascii.a2b_base64, strict_mode=True)
else:
    _from_base64 = partial(base64.b64decode, validate=True)  # four times as slow


class Partition(NamedTuple):
    """A part of AWS with hosts of its own."""

    suffix: str
    regions: str
    """The form of its regions' names, a regular expression."""
    signers: tuple[str, ...] = ()
    """Names that its signing certificates bear beside the regions' own."""


PARTITIONS: Final[dict[str, Partition]] = {
    # https://docs.aws.amazon.com/general/latest/gr/sns.html; the signers as AWS's own SDK expects them.
    "aws": Partition("amazonaws.com", r"(?!cn-|us-gov-|us-iso|eu-iso|eusc-)[a-z]{2}-[a-z]+-\d", ("sns.amazonaws.com",)),
    "aws-cn": Partition("amazonaws.com.cn", r"cn-[a-z]+-\d"),
    "aws-us-gov": Partition("amazonaws.com", r"us-gov-[a-z]+-\d", ("sns-us-gov-west-1.amazonaws.com",)),
    "aws-iso": Partition("c2s.ic.gov", r"us-iso-[a-z]+-\d"),
    "aws-iso-b": Partition("sc2s.sgov.gov", r"us-isob-[a-z]+-\d"),
    "aws-iso-e": Partition("cloud.adc-e.uk", r"eu-isoe-[a-z]+-\d"),
    "aws-iso-f": Partition("csp.hci.ic.gov", r"us-isof-[a-z]+-\d"),
    "aws-eusc": Partition("amazonaws.eu", r"eusc-[a-z]{2}-[a-z]+-\d"),
}

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")

_ARN = re.compile(r"arn:([a-z-]+):sns:([a-z0-9-]+):([0-9]{12}):[A-Za-z0-9_-]{1,256}(?:\.fifo)?", re.ASCII)
_CERTIFICATE_NAME = re.compile(r"SimpleNotificationService-[0-9a-f]{32}\.pem", re.ASCII)


class Topic(NamedTuple):
    """An SNS topic, read from its ARN."""

    arn: str
    region: str
    account: str
    host: str
    """SNS's host in the topic's region."""
    signers: frozenset[str]
    """The names that a certificate of that region may bear."""


class Claim(NamedTuple):
    """What an SNS message says of itself, well-formed and not yet believed."""

    signed: dict[str, Any]
    """The fields that the signature speaks for, in the order in which they are signed. Whatever else stands in
    the envelope is nobody's word."""
    type: str
    topic: Topic
    timestamp: datetime
    version: str
    signature: bytes
    certificate_url: str


class Expected(NamedTuple):
    """What an SNS message must be to be believed: the settings of `sesevent.verify`."""

    topics: frozenset[str]
    accounts: frozenset[str]
    versions: frozenset[str]
    max_age: timedelta | None

    @classmethod
    def of(
        cls,
        topics: str | Collection[str] | None,
        accounts: str | Collection[str] | None,
        versions: Collection[str],
        max_age: timedelta | None,
    ) -> Expected:
        """Validated settings.

        Raises ConfigurationError without topics and accounts: a valid signature only proves that
        *some* customer of AWS published the message.
        """
        return _validated(cls(_set(topics), _set(accounts), frozenset(versions), max_age))


def read_claim(body: Body) -> Claim:
    """Read what *body* claims. Raises UntrustedMessage where it is not a complete SNS message."""
    envelope = _envelope(body)
    kind = envelope.get("Type")
    names = _HANDSHAKE if kind in HANDSHAKES else _NOTIFICATION if kind == "Notification" else None
    if names is None:
        raise _no_message("is not an SNS message", "Raw message delivery is not signed: turn it off for HTTP.")
    signed = {name: envelope[name] for name in names if name in envelope}
    for name in names:
        if type(value := signed.get(name)) is not str and not (name == "Subject" and value is None):
            raise _no_message(f"has no {name}, or one that is not text")
    version, signature = envelope.get("SignatureVersion"), envelope.get("Signature")
    url = envelope.get("SigningCertURL", envelope.get("SigningCertUrl"))  # HTTP's spelling, Lambda's
    if type(version) is not str or type(signature) is not str or type(url) is not str:
        raise _no_message("is not signed")
    topic = read_topic(signed["TopicArn"])
    if topic is None:
        raise UntrustedMessage("topic", "is not the ARN of an SNS topic")
    try:
        timestamp = read_moment(signed["Timestamp"])
    except ValueError:
        raise _no_message("has a Timestamp that is no time") from None
    return Claim(signed, str(kind), topic, timestamp, version, _plain(signature), url)


def check_claim(claim: Claim, headers: Headers | None, expected: Expected, now: datetime) -> None:
    """Refuse what can be refused without the network. Raises UntrustedMessage."""
    if headers is not None:
        _check_headers(claim, headers)
    if claim.version not in expected.versions:
        raise UntrustedMessage("version", "is not one that is accepted")
    topic = claim.topic
    if expected.topics and topic.arn not in expected.topics:
        raise UntrustedMessage("topic", "is not one of those allowed")
    if expected.accounts and topic.account not in expected.accounts:
        raise UntrustedMessage("topic", "belongs to an account that is not allowed")
    if claim.timestamp - now > _AHEAD:
        raise UntrustedMessage("freshness", "the message is from the future", hint="Check this machine's clock.")
    if expected.max_age is not None and now - claim.timestamp > expected.max_age:
        raise UntrustedMessage("freshness", "the message is too old", hint="For a redrive, verify with max_age=None.")
    if not _is_certificate_address(claim.certificate_url, topic.host):
        raise UntrustedMessage("address", "the certificate is not at SNS's own address in the topic's region")


def canonical_text(claim: Claim) -> bytes:
    """The bytes that were signed: names and values of the signed fields, as they were sent.

    A subject that is absent or null is not signed; an empty one is.
    """
    lines = [f"{name}\n{value}\n" for name, value in claim.signed.items() if value is not None]
    return "".join(lines).encode("utf-8", "surrogatepass")


def read_topic(arn: str) -> Topic | None:
    """The topic an ARN names; None where it is none of a partition that is known."""
    return _topic(arn) if len(arn) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _topic(arn: str) -> Topic | None:
    match = _ARN.fullmatch(arn)
    partition = PARTITIONS.get(match[1]) if match else None
    if match is None or partition is None or not re.fullmatch(partition.regions, match[2], re.ASCII):
        return None
    region, suffix = match[2], partition.suffix
    own = (f"sns.{region}.{suffix}", f"sns-signing.{region}.{suffix}", f"sns-{region}.{suffix}")
    return Topic(arn, region, match[3], own[0], frozenset((*own, *partition.signers)))


def confirmation_url(topic: Topic, token: str) -> str:
    """Where a subscription is confirmed: built from what is proven, not taken from the message.

    https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
    """
    from urllib.parse import urlencode

    asked = {"Action": "ConfirmSubscription", "TopicArn": topic.arn, "Token": token, "Version": "2010-03-31"}
    return f"https://{topic.host}/?{urlencode(asked)}"


def _is_certificate_address(url: str, host: str) -> bool:
    # Compared as text with the only form there is: no parser of URLs that might understand it otherwise.
    start = f"https://{host}/"
    return url.startswith(start) and _CERTIFICATE_NAME.fullmatch(url, len(start)) is not None


@lru_cache(maxsize=64)
def _validated(made: Expected) -> Expected:
    if not made.topics and not made.accounts:
        raise ConfigurationError(
            "Name the topics, or the accounts, whose messages are believed.",
            hint="A valid signature alone proves only that some AWS customer published the message.",
        )
    for arn in made.topics:
        if read_topic(arn) is None:
            raise ConfigurationError(f"{arn!r} is not the ARN of an SNS topic.")
    for account in made.accounts:
        if not re.fullmatch("[0-9]{12}", account, re.ASCII):
            raise ConfigurationError(f"{account!r} is not an AWS account: twelve digits, as text.")
    if not made.versions or not made.versions <= {"1", "2"}:
        raise ConfigurationError('Signature versions are "1" and "2", as text.')
    return made


def _envelope(body: Body) -> dict[str, Any]:
    if not isinstance(body, (bytes, str)):
        return dict(body)
    if len(body) > _LARGEST:
        raise _no_message("is larger than any SNS message")
    try:
        value = jsontext.decode(body)
    except ValueError as reason:
        raise _no_message(str(reason)) from None
    if not isinstance(value, dict):
        raise _no_message("is not an object")
    return value


def _plain(signature: str) -> bytes:
    try:
        return _from_base64(signature)
    except ValueError:  # binascii.Error among them
        raise UntrustedMessage("signature", "is not base64") from None


def _check_headers(claim: Claim, headers: Headers) -> None:
    said = {
        "x-amz-sns-message-type": claim.type,
        "x-amz-sns-message-id": claim.signed["MessageId"],
        "x-amz-sns-topic-arn": claim.topic.arn,
    }
    for name, value in header_pairs(headers):
        if name in said and said[name] != value:
            raise UntrustedMessage("headers", f"{name} says something else than the body")


def header_pairs(headers: Headers) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values, whichever way a framework holds them."""
    pairs: Any = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        yield _latin(name).lower(), _latin(value)


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _no_message(words: str, hint: str | None = None) -> UntrustedMessage:
    error = UntrustedMessage("body", words, hint=hint)
    error.http_status = 400
    return error


def _set(values: str | Collection[str] | None) -> frozenset[str]:
    return frozenset((values,) if isinstance(values, str) else values or ())
