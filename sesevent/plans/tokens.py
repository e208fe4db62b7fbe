"""Tokens of the HTTP API: made, listed, revoked, recognised. Making and revoking are written into the audit.

It makes no secret: chance is an argument here. Next: :mod:`sesevent.faces.tokens`, the two faces.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import UpdateOne

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit
from sesevent.storage import tokens
from sesevent.storage.layout import TOKENS
from sesevent.storage.operations import Insert, Update
from sesevent.storage.tokens import KEY, NewToken, Token

__all__ = ["create", "find", "listed", "recognise", "revoke", "sealing_key"]


def create(token: Token, secret: str, by: str) -> Plan[NewToken]:
    """Keep a new token. Raises ConfigurationError where it would never open anything."""
    if not token.usable(token.created_at):
        raise ConfigurationError("A token that has expired already opens nothing.")
    yield from ask(Insert(TOKENS, [tokens.token_document(token, secret)]))
    told = {"name": token.name, "scopes": sorted(token.scopes)}
    yield from audit.note(AuditEntry(token.created_at, "token created", token.id, by, detail=told))
    return NewToken(tokens.written_text(token.id, secret), token)


def listed() -> Plan[list[Token]]:
    """Every token that was made, the revoked ones too."""
    documents = yield from ask(tokens.all_tokens())
    return [tokens.token_in(document) for document in documents]


def revoke(identifier: str, by: str, why: str, now: datetime) -> Plan[bool]:
    """End a token; False where there is none of this id that was not ended before."""
    standing = {"_id": identifier, "revokedAt": None}
    done = yield from ask(Update(TOKENS, [UpdateOne(standing, {"$set": {"revokedAt": now}})]))
    if not done.matched:
        return False
    yield from audit.note(AuditEntry(now, "token revoked", identifier, by, why))
    return True


def recognise(text: str) -> Plan[Token | None]:
    """The token of this text, usable or not; None where it is none of ours."""
    told = tokens.read_text(text)
    if told is None:
        return None
    identifier, secret = told
    documents = yield from ask(tokens.token_with(identifier))
    return tokens.token_in(documents[0]) if documents and tokens.matches(documents[0], secret) else None


def find(identifier: str) -> Plan[Token | None]:
    """The token of this id."""
    documents = (yield from ask(tokens.token_with(identifier))) if identifier != KEY else []
    return tokens.token_in(documents[0]) if documents else None


def sealing_key(fresh: bytes, now: datetime) -> Plan[bytes]:
    """The key that every process over this store seals with: *fresh* from now on, where there is none yet."""
    documents = yield from ask(tokens.kept_key())
    if not documents:
        (made,) = yield from ask(Insert(TOKENS, [{"_id": KEY, "key": fresh}]))  # of two at once the first wins
        if made:
            yield from audit.note(AuditEntry(now, "key made", "cursors and sessions"))
        documents = yield from ask(tokens.kept_key())
    return bytes(documents[0]["key"])
