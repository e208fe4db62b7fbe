"""Whose mailboxes are behind a recipient's domain, told by ``providers.toml``.

A company's own domain is `other`, whoever runs its servers: that is known to the DNS only, which is not asked.
Next: :mod:`sesevent.analytics.cells`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

from sesevent.tomltext import decode_toml

__all__ = ["OTHER", "SIMULATOR", "provider_of", "providers"]

OTHER: Final = "other"
SIMULATOR: Final = "simulator"
"""Amazon's own mailboxes to try things with: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html"""


@lru_cache(maxsize=1)
def providers() -> dict[str, tuple[str, ...]]:
    """Each provider's domains."""
    text = files("sesevent.analytics").joinpath("providers.toml").read_text(encoding="utf-8")
    return {name: tuple(domains) for name, domains in decode_toml(text)["providers"].items()}


@lru_cache(maxsize=65_536)
def provider_of(domain: str) -> str:
    """The provider of a domain in lower case."""
    whole, first = _by_domain()
    if (found := whole.get(domain)) is not None:
        return found
    name, _, rest = domain.partition(".")
    return first.get(name, OTHER) if _is_a_top(rest) else OTHER


@lru_cache(maxsize=1)
def _by_domain() -> tuple[dict[str, str], dict[str, str]]:
    whole: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, domains in providers().items():
        for domain in domains:
            of, key = (first, domain[:-2]) if domain.endswith(".*") else (whole, domain)
            of[key] = name
    return whole, first


def _is_a_top(rest: str) -> bool:
    """True for what stands behind a name: ``fr``, ``co.uk``, ``com.br``."""
    labels = rest.split(".")
    return len(labels) == 1 or (len(labels) == 2 and labels[0] in ("co", "com", "net", "org"))
