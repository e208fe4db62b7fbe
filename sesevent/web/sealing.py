"""Texts that clients hand back unread and unchanged: cursors, and sessions of the dashboard.

They are sealed (encrypted, and proven to be ours) by AES-GCM, with a key that all processes over one store share: where
a page ends may be an address. Its nonces are random, good for 2**32 texts a key:
https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf, 8.3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from bson import json_util
from bson.errors import BSONError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sesevent import addresses
from sesevent.macs import mac
from sesevent.web.problems import Refused

__all__ = ["Sealer"]

_LONGEST: Final = 4096
_NONCE: Final = 12  # bytes
_TEXT: Final = b"="  # with which no JSON begins
_IN_UTC: Final = json_util.JSONOptions(tz_aware=True)


class Sealer:
    """Seals and opens; the key is asked for when it is first needed."""

    def __init__(self, key: Callable[[], Awaitable[bytes]]) -> None:
        self._key = key
        self._cipher: AESGCM | None = None
        self._known: bytes | None = None

    async def seal(self, purpose: str, value: Any) -> str:
        """*value*, of what JSON and BSON know, as text that only opens for the same purpose."""
        plain = _TEXT + value.encode() if isinstance(value, str) else json_util.dumps(value).encode()
        nonce = os.urandom(_NONCE)
        sealed = nonce + (await self._opened()).encrypt(nonce, plain, purpose.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def open(self, purpose: str, text: str) -> Any:
        """What was sealed; None where it is not ours, or was sealed for something else."""
        if len(text) > _LONGEST:
            return None
        try:
            sealed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
            plain = (await self._opened()).decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
            if plain.startswith(_TEXT):
                return plain[len(_TEXT) :].decode()
            return json_util.loads(plain, json_options=_IN_UTC)
        except (InvalidTag, ValueError, TypeError, BSONError):
            return None

    async def cursor(self, asked: object, place: Any) -> str:
        """Where the next page of a question begins."""
        return await self.seal(f"cursor {_mark(asked)}", place)

    async def place(self, asked: object, cursor: str | None) -> Any:
        """Where a cursor leads; None without one. Raises Refused for one of another question, or none of ours."""
        if cursor is None:
            return None
        place = await self.open(f"cursor {_mark(asked)}", cursor)
        if place is None:
            raise Refused(400, "This cursor is none of ours, or belongs to another question. Begin without it.")
        return tuple(place) if isinstance(place, list) else place

    async def pseudonym(self, address: str) -> str:
        """What the audit, which is never changed, says of a person: equal for one, and no guess can be tried on it.

        Whoever has the key can; without the key it tells nothing for ever.
        """
        told = mac(await self._shared(), addresses.normal(address).encode(), "sha256")
        return f"person {told[:12].hex()}"

    async def _opened(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(mac(await self._shared(), b"sealed texts", "sha256"))
        return self._cipher

    async def _shared(self) -> bytes:
        if self._known is None:
            self._known = await self._key()
        return self._known


def _mark(asked: object) -> str:
    """What tells one question from another."""
    told = json.dumps(asked, sort_keys=True, default=lambda value: str(value) if isinstance(value, datetime) else "")
    return hashlib.blake2b(told.encode(), digest_size=9).hexdigest()
