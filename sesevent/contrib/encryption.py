"""Encryption of what is personal, field by field, before it leaves the process (extra ``encryption``).

It is MongoDB's client-side field-level encryption in explicit mode: its key vault, its format of values (binary subtype
6), its algorithm (AEAD_AES_256_CBC_HMAC_SHA_512), so that any of MongoDB's drivers reads it with the same keys. The
master key is a file for development, or AWS KMS; PyMongo and libmongocrypt speak to it. It protects one *root* data
key, and that a *ring*: the secret that wraps all other data keys. So KMS is asked once by each process, however many
people have keys of their own, and a new master key is one small write.

https://github.com/mongodb/specifications/blob/master/source/client-side-encryption/client-side-encryption.md
Next: :mod:`sesevent.plans.sealing`, which tells what is done with keys, and :mod:`sesevent.storage.sealing`, what for.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import bson
from bson import Binary
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.asynchronous.mongo_client import AsyncMongoClient
from pymongo.encryption import ClientEncryption

from sesevent.errors import ConfigurationError, MissingExtra
from sesevent.macs import mac
from sesevent.moments import UTC
from sesevent.plans.sealing import Seals
from sesevent.storage.layout import KEYS
from sesevent.storage.sealing import ENCRYPTED
from sesevent.tomltext import decode_toml

try:
    import pymongocrypt  # noqa: F401  # PyMongo imports it where it needs it; here it is missed early
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
except ImportError:
    raise MissingExtra("Encryption", "encryption") from None

__all__ = ["AwsKms", "DataKey", "Encryption", "LocalKey", "Master"]

_MASTER: Final = 96  # bytes of a local master key, and of every data key
_TEXT: Final = b"\x02"
"""BSON's type of texts: https://bsonspec.org/spec.html."""
_CODEC: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True, slots=True, repr=False)
class LocalKey:
    """A master key of 96 random bytes, for development: whoever has it can read everything."""

    key: bytes
    name: str = ""
    """Tells it from another local key, where one takes the place of the other."""

    def __post_init__(self) -> None:
        if len(self.key) != _MASTER:
            raise ConfigurationError(f"A local master key has {_MASTER} bytes.", hint="Make one: LocalKey.new()")

    @classmethod
    def new(cls) -> LocalKey:
        """A new one. Keep its ``text``: without it what was encrypted is lost."""
        return cls(os.urandom(_MASTER))

    @classmethod
    def of_text(cls, text: str, name: str = "") -> LocalKey:
        """The key in a text, as ``text`` tells it. Raises ConfigurationError where there is none in it."""
        try:
            return cls(b64decode(text.strip(), validate=True), name)
        except (Base64Error, ValueError):
            raise ConfigurationError("That is no local master key: it is base64 of 96 bytes.") from None

    @classmethod
    def of_file(cls, path: str | Path, name: str = "") -> LocalKey:
        """The key in a file. Raises ConfigurationError where it cannot be read, or holds none."""
        try:
            return cls.of_text(Path(path).read_text(encoding="ascii"), name)
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"The master key's file {path} cannot be read.") from None

    @property
    def text(self) -> str:
        """The key as base64, to be kept where secrets are kept: never beside the database."""
        return b64encode(self.key).decode("ascii")

    @property
    def provider(self) -> str:
        """How PyMongo, and the key vault, call it."""
        return f"local:{self.name}" if self.name else "local"

    def providers(self) -> dict[str, Any]:
        """How PyMongo is told."""
        return {self.provider: {"key": self.key}}

    def master_key(self) -> dict[str, Any] | None:
        """What of it is written beside a data key: nothing."""
        return None

    def tls(self) -> dict[str, Any] | None:
        """A local key needs no connection."""
        return None

    def __repr__(self) -> str:
        return "<LocalKey>"


@dataclass(frozen=True, slots=True, repr=False)
class AwsKms:
    """A master key that never leaves AWS KMS: https://docs.aws.amazon.com/kms/latest/developerguide/overview.html.

    The caller needs ``kms:Encrypt`` and ``kms:Decrypt`` of it, the former only to begin and to rotate. Without
    credentials here they are found as AWS's own clients find them: in the environment, or of the machine's role.
    """

    key: str
    """The key's ARN, or its alias's."""
    region: str
    endpoint: str | None = None
    """Another address of KMS, ``host:port``: a VPC's own, or one for tests."""
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    ca_file: str | None = None
    """Certificates to trust at *endpoint*, instead of the system's."""

    @property
    def provider(self) -> str:
        """How PyMongo, and the key vault, call it."""
        return "aws"

    def providers(self) -> dict[str, Any]:
        """How PyMongo is told; nothing said: it looks for credentials itself."""
        told = {
            "accessKeyId": self.access_key_id,
            "secretAccessKey": self.secret_access_key,
            "sessionToken": self.session_token,
        }
        return {"aws": {name: value for name, value in told.items() if value is not None}}

    def master_key(self) -> dict[str, Any] | None:
        """What of it is written beside the root key: its name, and where it is."""
        told = {"region": self.region, "key": self.key, "endpoint": self.endpoint}
        return {name: value for name, value in told.items() if value is not None}

    def tls(self) -> dict[str, Any] | None:
        """How the connection to it is secured."""
        return {"aws": {"tlsCAFile": self.ca_file}} if self.ca_file else None

    def __repr__(self) -> str:
        return f"<AwsKms {self.key}>"


Master = LocalKey | AwsKms


@dataclass(frozen=True, slots=True)
class Encryption:
    """What a store is told, so that it encrypts what is personal: ``EventStore.connect(…, encryption=…)``.

    All processes that use a database are told the same. Rows that were in the clear before stay readable, and
    ``store.encryption.encrypt_existing()`` encrypts them.
    """

    master: Master
    per_person: bool = False
    """Every person has a key of his own: destroying it (``store.encryption.shred``) makes what is kept of him
    unreadable, in the database and in archives. It costs a small document for each person."""
    others: tuple[Master, ...] = field(default=(), repr=False)
    """Master keys that may be needed besides: the one before, while the next is being introduced."""

    @classmethod
    def load(cls, path: str | Path) -> Encryption:
        """What a TOML file says: ``per_person``, and ``[local]`` or ``[aws]``.

        The one has ``key_file``, and ``name`` where there are several, the other the fields of `AwsKms`.
        A relative ``key_file`` lies beside it. Raises ConfigurationError for anything else.
        """
        place = Path(path)
        try:
            told = decode_toml(place.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            raise ConfigurationError(f"{path} is no TOML: {error}.") from None
        return cls(_master_in(told, place), bool(told.get("per_person", False)))

    def bound_to(self, client: Any, database: Any) -> Seals:
        """What seals and opens for a store over *client*. It asks nobody yet."""
        engines = {MongoClient: ClientEncryption, AsyncMongoClient: AsyncClientEncryption}
        engine = next((made for kind, made in engines.items() if isinstance(client, kind)), None)
        if engine is None:
            raise ConfigurationError("Encryption needs a MongoDB: the store in memory has no key vault.")
        masters = (self.master, *self.others)
        local = [one.provider for one in masters if isinstance(one, LocalKey)]
        if len(set(local)) < len(local):
            raise ConfigurationError("Two local master keys have the same name.", hint="Name the new one: name=…")
        providers = {name: value for one in reversed(masters) for name, value in one.providers().items()}
        tls = {name: value for one in masters for name, value in (one.tls() or {}).items()}
        made = engine(providers, f"{database.name}.{KEYS}", client, _CODEC, kms_tls_options=tls or None)
        return Seals(made, self.master.provider, self.master.master_key(), self.per_person, DataKey)


def _master_in(told: Mapping[str, Any], place: Path) -> Master:
    known = {"local", "aws", "per_person"}
    if told.keys() - known or ("local" in told) == ("aws" in told):
        raise ConfigurationError(f"{place} names one master key, [local] or [aws], and per_person, and nothing else.")
    try:
        if "local" in told:
            return LocalKey.of_file(place.parent / told["local"]["key_file"], told["local"].get("name", ""))
        return AwsKms(**told["aws"])
    except (KeyError, TypeError):
        raise ConfigurationError(f"{place} does not say what its master key needs.") from None


class DataKey:
    """A data key: seals and opens values in MongoDB's format.

    libmongocrypt does the same, in Python callbacks and with some ten times the time; that both make and read the same
    bytes is tested. The primitives are those of `cryptography` and of OpenSSL.
    """

    __slots__ = ("_cipher", "_iv", "_mac", "_openers", "_sealers", "id")

    def __init__(self, identifier: bytes, material: bytes) -> None:
        # https://github.com/mongodb/libmongocrypt/blob/master/src/mc-fle-blob-subtype-private.h: mac, encryption, iv
        self.id = identifier
        self._mac, encryption, self._iv = material[:32], material[32:64], material[64:96]
        self._cipher = Cipher(algorithms.AES(encryption), modes.CBC(bytes(16)))
        # Beginning costs more than a value, so what was begun goes on with the next one. Who uses one takes it out:
        # that needs no lock, which a forked process might find closed.
        self._sealers: list[tuple[CipherContext, int]] = []
        self._openers: list[CipherContext] = []

    @staticmethod
    def material() -> bytes:
        """For a new one."""
        return _random(_MASTER)

    @staticmethod
    def identifier() -> bytes:
        """For a new one: a random UUID (RFC 9562, version 4)."""
        return UUID(bytes=_random(16), version=4).bytes

    def random(self, value: Any) -> Binary:
        """A value sealed so that nobody sees whether two are equal."""
        kind, plain = _bson(value)
        header = b"\x02" + self.id + kind
        return Binary(header + self._encrypt(header, _random(16), plain), ENCRYPTED)

    def equal(self, value: Any) -> Binary:
        """A value sealed so that equal ones look equal, and can be found."""
        kind, plain = _bson(value)
        header = b"\x01" + self.id + kind
        told = header + _bits(header) + plain
        return Binary(header + self._encrypt(header, mac(self._iv, told, "sha512")[:16], plain), ENCRYPTED)

    def open(self, sealed: bytes) -> Any:
        """The value again. Raises ValueError where it was not sealed with this key, or was changed since."""
        header, rest = sealed[:18], sealed[18:]
        plain = self._decrypt(header, rest)
        if header[17:18] == _TEXT:  # nearly all are
            return plain[4:-1].decode("utf-8")
        size = 7 + len(plain)  # itself, the type, an empty name, and the end
        document = size.to_bytes(4, "little") + header[17:18] + b"\x00" + plain + b"\x00"
        return bson.decode(document, _CODEC)[""]

    def wrap(self, material: bytes) -> bytes:
        """Another key's material, as a vault keeps it for a local master key."""
        return self._encrypt(b"", _random(16), material)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Another key's material again. Raises ValueError where this is not the key that wrapped it."""
        return self._decrypt(b"", wrapped)

    def _encrypt(self, header: bytes, start: bytes, plain: bytes) -> bytes:
        missing = 16 - len(plain) % 16
        padded = plain + bytes([missing]) * missing
        try:
            sealer, before = self._sealers.pop()
        except IndexError:
            sealer, before = self._cipher.encryptor(), 0
        # CBC mixes each block with the encrypted one before it; instead of that one the first shall meet the start.
        first = int.from_bytes(padded[:16], "big") ^ int.from_bytes(start, "big") ^ before
        made = sealer.update(first.to_bytes(16, "big") + padded[16:])
        self._sealers.append((sealer, int.from_bytes(made[-16:], "big")))
        text = start + made
        return text + self._tag(header, text)

    def _decrypt(self, header: bytes, sealed: bytes) -> bytes:
        text, tag = sealed[:-32], sealed[-32:]
        if len(text) < 32 or not hmac.compare_digest(tag, self._tag(header, text)):
            raise ValueError("it was not sealed with this key, or was changed")
        try:
            opener = self._openers.pop()
        except IndexError:
            opener = self._cipher.decryptor()
        padded = opener.update(text)  # what the start becomes depends on what was read before, and is left out
        self._openers.append(opener)
        return padded[16 : -padded[-1]]

    def _tag(self, header: bytes, text: bytes) -> bytes:
        return mac(self._mac, header + text + _bits(header), "sha512")[:32]

    def __repr__(self) -> str:
        return "<DataKey>"


_BLOCK: Final = 16  # bytes
_DRAWN: Final[deque[bytes]] = deque()
"""Random bytes, drawn for many values at once: a draw lets other threads go first, and may wait long for its turn."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_DRAWN.clear)  # two processes must not have the same


def _random(size: int) -> bytes:
    """So many random bytes, whole blocks, that are used once, and known to nobody before."""
    while True:
        try:
            return b"".join([_DRAWN.popleft() for _ in range(size // _BLOCK)])
        except IndexError:  # noqa: PERF203  # seldom
            drawn = os.urandom(_BLOCK * 4096)
            _DRAWN.extend([drawn[place : place + _BLOCK] for place in range(0, len(drawn), _BLOCK)])


def _bits(header: bytes) -> bytes:
    return (8 * len(header)).to_bytes(8, "big")


def _bson(value: Any) -> tuple[bytes, bytes]:
    """A value's BSON type and bytes."""
    if type(value) is str:
        text = value.encode("utf-8")
        return _TEXT, (len(text) + 1).to_bytes(4, "little") + text + b"\x00"
    document = bson.encode({"": value})
    return document[4:5], document[6:-1]
