"""The proof that a text was signed by the owner of a certificate.

The only module that uses ``cryptography`` (extra ``verify``), and only when it is asked.
RSA PKCS #1 v1.5 (RFC 8017) over SHA-1 for signature version 1, over SHA-256 for version 2:
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sesevent.errors import MissingExtra, UntrustedMessage
from sesevent.sns.origin import Claim, canonical_text

__all__ = ["Certificate", "check_proof", "read_certificate", "require_cryptography"]


class Certificate(NamedTuple):
    """What of a certificate counts."""

    key: Any
    """The public key, RSA."""
    name: str
    """The common name of its subject."""
    not_before: datetime
    not_after: datetime


def require_cryptography() -> None:
    """Raise MissingExtra where nothing could be verified."""
    try:
        import cryptography.x509  # noqa: F401  # that it is there is all that is asked
    except ImportError:
        raise MissingExtra("Verifying SNS signatures", "verify") from None


def read_certificate(pem: bytes) -> Certificate:
    """Read a certificate. Raises ValueError where it is none, or one that SNS would not use; MissingExtra."""
    require_cryptography()
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    found = x509.load_pem_x509_certificate(pem)
    key = found.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("is not for an RSA key of 2,048 bits or more")
    names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("does not bear one common name")
    return Certificate(key, str(names[0].value), found.not_valid_before_utc, found.not_valid_after_utc)


def check_proof(claim: Claim, certificate: Certificate) -> None:
    """Make sure that *certificate* is SNS's and signed *claim*. Raises UntrustedMessage.

    Its validity is judged at the time of the message: a certificate expires while what it signed stays genuine.
    """
    if certificate.name not in claim.topic.signers:
        raise UntrustedMessage("certificate", "is not SNS's for the topic's region")
    if not certificate.not_before <= claim.timestamp <= certificate.not_after:
        raise UntrustedMessage("certificate", "was not valid when the message was sent")
    invalid, arguments = _algorithm(claim.version)
    try:
        certificate.key.verify(claim.signature, canonical_text(claim), *arguments)
    except invalid:
        raise UntrustedMessage("signature", "does not fit the message") from None


@lru_cache(maxsize=2)
def _algorithm(version: str) -> tuple[type[Exception], tuple[Any, Any]]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    return InvalidSignature, (PKCS1v15(), SHA1() if version == "1" else SHA256())  # noqa: S303  # version 1 is SHA-1
