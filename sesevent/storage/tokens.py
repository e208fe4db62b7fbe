"""Who may use the HTTP API: what a token may, how it is written, and what is kept of it.

A token is ``ses_<id>_<secret>``. The id is public: by it a token is found, listed and revoked. The secret is 256
random bits, and of it a SHA-256 alone is kept: a slow hash makes guessable passwords costly to guess, and nobody
guesses 256 bits, so it would only cost each request. Next: :mod:`sesevent.plans.tokens`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sesevent.errors import ConfigurationError
from sesevent.storage.layout import TOKENS
from sesevent.storage.operations import Document, Find

__all__ = [
    "SCOPES", "NewToken", "Token", "all_tokens", "kept_key", "matches", "read_text", "scopes_of", "token_document",
    "token_in", "token_with", "written_text",
]  # fmt: skip

SCOPES: Final = {
    "read": "events, statuses, standings and figures, with addresses and subjects masked",
    "read:pii": "as `read`, unmasked; each such answer is written into the audit",
    "suppress": "put addresses on the suppression list, take them off, check them; nothing else",
    "admin": "as `read` and `suppress`, and dead letters and the audit; addresses stay masked without `read:pii`",
}
"""What a token may."""

_IMPLIED: Final = {"read:pii": ("read",), "admin": ("read", "suppress")}
_TEXT: Final = re.compile(r"ses_([0-9a-f]{12})_([A-Za-z0-9_\-]{43})")
_LONGEST_NAME: Final = 100
KEY: Final = "key"
"""The document of the key that seals cursors and sessions; no token's id looks like this."""


@dataclass(frozen=True)
class Token:
    """What is kept of a token. It cannot be had back from this."""

    id: str
    """12 hexadecimal digits, public."""
    name: str
    """Who or what uses it; stands in the audit."""
    scopes: frozenset[str]
    """As they were given; see `SCOPES`."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def usable(self, now: datetime) -> bool:
        """Whether it opens anything at *now*."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class NewToken(NamedTuple):
    """A token that was just made: its text is shown this once."""

    text: str
    token: Token

    def __repr__(self) -> str:
        return f"<NewToken {self.token.id}>"


def scopes_of(given: Iterable[str]) -> frozenset[str]:
    """These scopes with what they imply. Raises ConfigurationError for what is none."""
    told = [given] if isinstance(given, str) else list(given)
    unknown = sorted(set(told) - SCOPES.keys())
    if unknown or not told:
        raise ConfigurationError(
            f"There is no scope {', '.join(unknown)}." if unknown else "A token without a scope opens nothing.",
            hint=f"There are {', '.join(SCOPES)}.",
        )
    return frozenset(told).union(*[_IMPLIED.get(scope, ()) for scope in told])


def written_text(identifier: str, secret: str) -> str:
    """A token as its user has it."""
    return f"ses_{identifier}_{secret}"


def read_text(text: str) -> tuple[str, str] | None:
    """The id and the secret of a token; None where it is none."""
    found = _TEXT.fullmatch(text)
    return None if found is None else (found[1], found[2])


def token_document(token: Token, secret: str) -> Document:
    """What is kept of a new token. Raises ConfigurationError for a name that nobody could tell it by."""
    if not token.name.strip() or len(token.name) > _LONGEST_NAME or not token.name.isprintable():
        raise ConfigurationError("A token's name is 1 to 100 printable characters.")
    return {
        "_id": token.id,
        "name": token.name,
        "hash": _hashed(secret),
        "scopes": sorted(token.scopes),
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "revokedAt": token.revoked_at,
    }


def token_in(document: Mapping[str, Any]) -> Token:
    """The token in a document."""
    return Token(
        document["_id"],
        document["name"],
        frozenset(document["scopes"]),
        document["createdAt"],
        document["expiresAt"],
        document["revokedAt"],
    )


def matches(document: Mapping[str, Any], secret: str) -> bool:
    """Whether a secret is the one of a document; it takes as long to find that it is not."""
    return hmac.compare_digest(bytes(document["hash"]), _hashed(secret))


def token_with(identifier: str) -> Find:
    """The token of this id."""
    return Find(TOKENS, {"_id": identifier}, limit=1)


def all_tokens() -> Find:
    """Every token, in the order of their making."""
    return Find(TOKENS, {"_id": {"$ne": KEY}}, (("createdAt", 1), ("_id", 1)))


def kept_key() -> Find:
    """The key that seals."""
    return Find(TOKENS, {"_id": KEY}, limit=1)


def _hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
