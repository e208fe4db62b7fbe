"""Keyed hashes (HMAC, RFC 2104) of many short texts by few keys. It knows neither whose keys they are, nor what for."""

from __future__ import annotations

import hmac
from functools import lru_cache

__all__ = ["mac"]


def mac(key: bytes, told: bytes, digest: str) -> bytes:
    """The HMAC of what is told: as ``hmac.digest``, and three times as fast for a key that was used just before."""
    begun = _begun(key, digest).copy()
    begun.update(told)
    return begun.digest()


@lru_cache(64)  # no more: what is in it outlives a key that is destroyed
def _begun(key: bytes, digest: str) -> hmac.HMAC:
    return hmac.new(key, digestmod=digest)
