"""Signed SNS messages without AWS: a throw-away signer, and a stand-in for the server of certificates.

What it signs is verified by the same code, with the same checks, as what SNS signs; only the
certificates come from here: ``verify(body, topics=..., certificates=signer.certificates)``.
Needs the extra ``verify``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

from sesevent.errors import MissingExtra
from sesevent.moments import format_moment
from sesevent.sns.origin import canonical_text, read_claim, read_topic
from sesevent.testing.payloads import SENT, Payload, notification
from sesevent.verifier import Certificates

__all__ = ["TOPIC", "Signer", "signed_notification", "signer"]

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"

Version = Literal["1", "2", 1, 2]


class Signer:
    """A throw-away SNS: a key, a certificate for each region, and the server they are fetched from."""

    def __init__(
        self,
        *,
        not_before: datetime = datetime(2020, 1, 1, tzinfo=timezone.utc),
        not_after: datetime = datetime(2120, 1, 1, tzinfo=timezone.utc),
        common_name: str = "sns.amazonaws.com",
    ) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric import rsa
        except ImportError:
            raise MissingExtra("Signing test messages", "verify") from None
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = _self_signed(self._key, common_name, not_before, not_after)
        """The certificate."""
        self._name = blake2b(self.pem, digest_size=16).hexdigest()
        self.fetched: list[str] = []
        """The addresses that were asked for so far."""
        self.certificates = Certificates(self.serve)
        """Hand it to `sesevent.verify` or `sesevent.Verifier`."""

    def certificate_url(self, topic_arn: str = TOPIC) -> str:
        """Where the certificate is in the topic's region."""
        topic = read_topic(topic_arn)
        return f"https://{topic.host if topic else 'sns.invalid'}/SimpleNotificationService-{self._name}.pem"

    def serve(self, url: str) -> bytes:
        """The stand-in for SNS's server: the certificate, whatever the region. Raises OSError for other names."""
        self.fetched.append(url)
        if not url.endswith(f"/SimpleNotificationService-{self._name}.pem"):
            raise OSError("no such certificate")
        return self.pem

    def sign(self, envelope: Mapping[str, Any], *, version: Version = 2, certificate_url: str | None = None) -> Payload:
        """*envelope* with the signature SNS would add, and the rest of what it adds."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        about = {
            "SignatureVersion": str(version),
            "SigningCertURL": certificate_url or self.certificate_url(envelope["TopicArn"]),
        }
        claim = read_claim(dict(envelope) | about | {"Signature": ""})
        digest = hashes.SHA1() if str(version) == "1" else hashes.SHA256()  # noqa: S303  # as SNS does
        signature = self._key.sign(canonical_text(claim), padding.PKCS1v15(), digest)
        return dict(envelope) | about | {"Signature": base64.b64encode(signature).decode()}

    def notification(self, event: Payload | str, *, version: Version = 2, topic: str = TOPIC, **envelope: Any) -> bytes:
        """The body that SNS posts for *event*: a payload, or any text."""
        whole = notification({} if isinstance(event, str) else event, topic_arn=topic, at=envelope.pop("at", SENT))
        if isinstance(event, str):
            whole["Message"] = event
        return json.dumps(self.sign(whole | envelope, version=version)).encode()

    def handshake(
        self,
        kind: Literal["SubscriptionConfirmation", "UnsubscribeConfirmation"] = "SubscriptionConfirmation",
        *,
        topic: str = TOPIC,
        token: str = "2336412f37",  # noqa: S107  # made up, and as short as that
        at: datetime = SENT,
        version: Version = 2,
    ) -> bytes:
        """The body that SNS posts when a subscription is offered, or has ended."""
        whole = {
            "Type": kind,
            "MessageId": blake2b(f"{kind} {topic} {token}".encode(), digest_size=16).hexdigest(),
            "Token": token,
            "TopicArn": topic,
            "Message": f"You have chosen to subscribe to the topic {topic}.",
            "SubscribeURL": f"https://sns.invalid/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
            "Timestamp": format_moment(at),
        }
        return json.dumps(self.sign(whole, version=version)).encode()


@lru_cache(maxsize=1)
def signer() -> Signer:
    """The signer that `signed_notification` uses, made once a process."""
    return Signer()


def signed_notification(event: Payload | str, *, version: Version = 2, topic: str = TOPIC, **envelope: Any) -> bytes:
    """The body that SNS posts for *event*, signed by `signer`: verify it with ``certificates=signer().certificates``.

    *envelope* replaces fields of the envelope; ``at`` is when SNS took the message.
    """
    return signer().notification(event, version=version, topic=topic, **envelope)


def _self_signed(key: Any, common_name: str, not_before: datetime, not_after: datetime) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), not_before, not_after)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
