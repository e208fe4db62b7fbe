"""Keyed hashes are what the standard library makes, whichever key was used before."""

from __future__ import annotations

import hmac

import pytest

from sesevent.macs import mac


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_it_is_hmac(digest: str) -> None:
    """For keys of any length, in turns: what one was told does not stay for the next."""
    keys = [b"k", bytes(32), b"long" * 99]
    for key in keys * 2:
        for told in (b"", b"ann@example.com", b"x" * 5000):
            assert mac(key, told, digest) == hmac.digest(key, told, digest)
