"""The only reader of TOML text: the standard library's, or, before Python 3.11, the package it came from."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["decode_toml"]


def decode_toml(text: str) -> dict[str, Any]:
    """Decode a TOML document. Raises ValueError where it is none."""
    found: dict[str, Any] = tomllib.loads(text)
    return found
