"""Texts that clients hand back unread and unchanged: cursors, and sessions of the dashboard.

They are sealed (encrypted, and proven to be ours), with a key that all processes over one store share: where a page
ends may be an address. https://github.com/fernet/spec/blob/master/Spec.md tells of the form.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from bson import json_util
from bson.errors import BSONError
from cryptography.fernet import Fernet, InvalidToken

from sesevent import addresses
from sesevent.web.problems import Refused

__all__ = ["Sealer"]

_LONGEST: Final = 4096
_IN_UTC: Final = json_util.JSONOptions(tz_aware=True)


class Sealer:
    """Seals and opens; the key is asked for when it is first needed."""

    def __init__(self, key: Callable[[], Awaitable[bytes]]) -> None:
        self._key = key
        self._fernet: Fernet | None = None
        self._known: bytes | None = None

    async def seal(self, purpose: str, value: Any) -> str:
        """*value*, of what JSON and BSON know, as text that only opens for the same purpose."""
        text = json_util.dumps([purpose, value], separators=(",", ":"))
        return (await self._opened()).encrypt(text.encode()).decode().rstrip("=")

    async def open(self, purpose: str, text: str) -> Any:
        """What was sealed; None where it is not ours, or was sealed for something else."""
        if len(text) > _LONGEST:
            return None
        try:
            padded = text.encode() + b"=" * (-len(text) % 4)
            told = json_util.loads((await self._opened()).decrypt(padded), json_options=_IN_UTC)
        except (InvalidToken, ValueError, TypeError, BSONError):
            return None
        return told[1] if told[0] == purpose else None

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
        told = hmac.digest(await self._shared(), addresses.normal(address).encode(), "sha256")
        return f"person {told[:12].hex()}"

    async def _opened(self) -> Fernet:
        if self._fernet is None:
            self._fernet = Fernet(base64.urlsafe_b64encode(await self._shared()))
        return self._fernet

    async def _shared(self) -> bytes:
        if self._known is None:
            self._known = await self._key()
        return self._known


def _mark(asked: object) -> str:
    """What tells one question from another."""
    told = json.dumps(asked, sort_keys=True, default=lambda value: str(value) if isinstance(value, datetime) else "")
    return hashlib.blake2b(told.encode(), digest_size=9).hexdigest()
