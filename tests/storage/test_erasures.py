"""Whom a text that nobody understands names."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from sesevent.storage.erasures import addresses_in


@pytest.mark.parametrize(
    "text",
    [
        rb'{"to": "Ann Lee <Ann.Lee@Example.COM>"',
        rb"https://x.example/?e=ann.lee%40example.com&x=1",
        rb"https://x.example/?e=ann.lee%2540example.com",
        rb'"ann.lee\u0040example.com"',
        rb'"ann.lee\\u0040example.com"',
        rb"Content: ann.lee=40example.com",
        b"\xff\x00ann.lee@example.com\xff",
    ],
)
def test_an_address_is_found_however_it_is_spelled(text: bytes) -> None:
    """In normal form."""
    assert "ann.lee@example.com" in addresses_in(text)


def test_what_is_no_address_is_none() -> None:
    """A sign alone, a name without a domain, a domain without a name."""
    assert addresses_in(b"@ @x ann@ @example.com ann@localhost") == []


@pytest.mark.parametrize("piece", [b"x", b"\\", b"@", b"a@b", b"@a.a", b"%25", b"a.", b"ann@x.example "])
def test_four_times_the_nonsense_takes_about_four_times_as_long(piece: bytes) -> None:
    """Anybody whom a queue admits may send megabytes of it."""

    for _ in range(5):  # the machine may be busy with other things
        large, small = (seconds(addresses_in, piece * (size // len(piece))) for size in (1_000_000, 250_000))
        if large < 10 * max(small, 0.02):
            return
    raise AssertionError(f"took {large:.2f} s, and {small:.2f} s")


@pytest.mark.parametrize("sign", [b"x", b"."])
def test_a_text_without_an_at_is_only_looked_through(sign: bytes) -> None:
    """In less time than it takes to find each of its signs."""
    text, every = sign * 1_000_000, re.compile(re.escape(sign))

    assert min(seconds(addresses_in, text) for _ in range(3)) < min(seconds(every.findall, text) for _ in range(3))


def seconds(work: Callable[[bytes], object], text: bytes) -> float:
    begun = time.process_time()
    work(text)
    return time.process_time() - begun
