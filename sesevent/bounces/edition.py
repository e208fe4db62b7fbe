"""Which rules are in force: a short text that changes with every change of them."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from sesevent.bounces import priority, ses_words
from sesevent.bounces.rulebook import rule_files

__all__ = ["rules_version"]


@lru_cache(maxsize=1)
def rules_version() -> str:
    """The edition of everything that decides a reason: stored beside it, it tells which rows to work out anew."""
    tables = (
        priority.PRIORITY, priority.REASON_ORDER, priority.CODES, priority.OWN_CODES, priority.GENERAL_CODES,
        priority.REPLIES, ses_words.SETTLED, ses_words.SUB_TYPES, ses_words.DELAY_TYPES, ses_words.REJECTS,
    )  # fmt: skip
    digest = blake2b(repr(tables).encode(), digest_size=4)
    for text in rule_files():
        digest.update(text.encode())
    return digest.hexdigest()
