"""Anchors of the audit trail: its head, signed, and kept where the database's owner cannot write (extra ``verify``).

The key that signs (Ed25519, RFC 8032) belongs where anchors are made, and the public one where they are checked. A file
keeps them as lines; S3 under a lock that nobody may lift before its time (extra ``aws``):
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
Next: :mod:`sesevent.audit`, which compares a chain with them.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sesevent.audit import Anchor
from sesevent.errors import ConfigurationError, MissingExtra
from sesevent.moments import format_moment, read_moment

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError:
    raise MissingExtra("Signing anchors", "verify") from None

__all__ = ["fingerprint", "keep_in_s3", "lines_in_s3", "new_key", "read", "s3_client", "signed"]


def new_key() -> tuple[str, str]:
    """A key to sign with, and its public part to check with, as PEM text."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode("ascii"), _public_pem(key.public_key())


def fingerprint(private_pem: str) -> str:
    """By which a key is told from another: of its public part. Raises ConfigurationError for what is no such key."""
    return sha256(_public_pem(_private(private_pem).public_key()).encode("ascii")).hexdigest()[:12]


def signed(anchor: Anchor, private_pem: str) -> str:
    """An anchor as one line of JSON, signed. Raises ConfigurationError for what is no such key."""
    told = {"number": anchor.number, "hash": anchor.hash, "at": format_moment(anchor.at)}
    signature = b64encode(_private(private_pem).sign(_signed_text(told))).decode("ascii")
    return json.dumps(told | {"signature": signature}, sort_keys=True)


def _private(private_pem: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(private_pem.encode("utf-8"), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(
            "What should sign is no Ed25519 private key in PEM.", hint="Make one: sesevent audit key"
        )
    return key


def read(lines: Iterable[str], public_pem: str) -> Iterator[Anchor]:
    """The anchors in lines, each proven. Raises ConfigurationError, with the line, for one that is not genuine."""
    try:
        key = serialization.load_pem_public_key(public_pem.encode("utf-8"))
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError("What should check anchors is no Ed25519 public key in PEM.")
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _read_one(line, key)
            except (ValueError, KeyError, TypeError, Base64Error, InvalidSignature):
                raise ConfigurationError(f"Line {number} of the anchors is not genuine.") from None


def s3_client(**options: Any) -> Any:
    """boto3's client of S3. Raises MissingExtra without boto3, ConfigurationError where it cannot be made."""
    try:
        from sesevent.contrib.aws_errors import made_client
    except ImportError:
        raise MissingExtra("Keeping anchors in S3", "aws") from None
    return made_client("s3", service="Amazon S3", prefix="s3", **options)


def keep_in_s3(line: str, client: Any, bucket: str, prefix: str, *, days: int) -> str:
    """Put a signed anchor into a bucket with object lock, for *days* in which nobody may change it; returns its key."""
    from sesevent.contrib.aws_errors import RAISED, translated

    told = json.loads(line)
    key = f"{prefix}{told['number']:012d}-{told['hash'][:16]}.json"
    until = read_moment(told["at"]) + timedelta(days=days)
    try:
        client.put_object(
            Bucket=bucket, Key=key, Body=line.encode("ascii"), ContentType="application/json",
            ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, ChecksumAlgorithm="SHA256",
        )  # fmt: skip
    except RAISED as error:
        raise translated(error, "put_object", service="Amazon S3", prefix="s3") from None
    return key


def lines_in_s3(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    """The lines of every anchor under a prefix."""
    from sesevent.contrib.aws_errors import RAISED, translated

    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for told in page.get("Contents", ()):
                yield client.get_object(Bucket=bucket, Key=told["Key"])["Body"].read().decode("utf-8", "replace")
    except RAISED as error:
        raise translated(error, "get_object", service="Amazon S3", prefix="s3") from None


def _read_one(line: str, key: Ed25519PublicKey) -> Anchor:
    told = json.loads(line)
    key.verify(b64decode(told["signature"], validate=True), _signed_text(told))
    at: datetime = read_moment(told["at"])
    return Anchor(int(told["number"]), str(told["hash"]), at)


def _signed_text(told: dict[str, Any]) -> bytes:
    return f"sesevent audit anchor\n{told['number']}\n{told['hash']}\n{told['at']}".encode()


def _public_pem(key: Ed25519PublicKey) -> str:
    made = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made.decode("ascii")
