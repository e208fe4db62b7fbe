"""The bare and the normal form of addresses, and the mask."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesevent.addresses import bare, is_one, mask, normal, normals_of, untagged

FORMS = [
    ("a@b.example", "a@b.example", "a@b.example"),
    ("Jane@EXAMPLE.com", "Jane@example.com", "jane@example.com"),
    ('"Doe, Jane" <Jane@EXAMPLE.com.>', "Jane@example.com", "jane@example.com"),
    ("=?utf-8?b?SsOpw6k=?= <x@y.example>", "x@y.example", "x@y.example"),
    ("<a@b.example>", "a@b.example", "a@b.example"),
    ("  a@b.example ", "a@b.example", "a@b.example"),
    ("jane@x.example (at work)", "jane@x.example", "jane@x.example"),
    ('"jane"@x.example', "jane@x.example", "jane@x.example"),
    ('"ja ne"@x.example', '"ja ne"@x.example', '"ja ne"@x.example'),
    ('"a@b"@c.example', '"a@b"@c.example', '"a@b"@c.example'),
    ("jane@bücher.example", "jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
    ("jo\u0308rg@example.com", "j\u00f6rg@example.com", "j\u00f6rg@example.com"),
    ("jane@BÜCHER.example", "jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
    ("jane@straße.example", "jane@xn--strae-oqa.example", "jane@xn--strae-oqa.example"),
    ("user@[192.0.2.1]", "user@[192.0.2.1]", "user@[192.0.2.1]"),
    ("a+tag@b.example", "a+tag@b.example", "a+tag@b.example"),
    ("no address", "no address", "no address"),
    ("", "", ""),
]


@pytest.mark.parametrize(("written", "bared", "normalised"), FORMS)
def test_forms(written: str, bared: str, normalised: str) -> None:
    """The local part keeps its case in the bare form and loses it in the normal one."""
    assert (bared, normalised) == (bare(written), normal(written))


@given(st.text())
@example("0@¸")  # one sign that NFKC makes a space and a cedilla of
def test_both_forms_are_stable(text: str) -> None:
    """Normalising what is normal changes nothing, or equal people would differ; nothing raises."""
    assert normal(text) == normal(normal(text))
    assert bare(text) == bare(bare(text))
    assert normal(text) == normal(bare(text))


@given(st.emails())
def test_the_mask_hides_the_person(address: str) -> None:
    """At most the first character of the local part is shown."""
    local = bare(address).rpartition("@")[0]

    assert mask(address).partition("…")[0] == local[:1]


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + " a@b", "(" * 900 + " a@b", "a@" + "ü" * 100_000, "a@" + "ü" * 900, "a@" + "ü." * 100_000, '"' * 900],
)
def test_what_would_take_a_parser_long_stays_as_it_came(text: str) -> None:
    """Comments inside comments, and domains whose ASCII form takes minutes to make."""
    assert bare(text) == text
    assert bare(text + " " * 2000) == text


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("ann@example.com", True), ("Ann <Ann@Example.com>", True), ('"Doe, Ann" <ann@example.com>', True),
        ("Doe, Ann <ann@example.com>", True), ('"a b"@example.com', True), ("ann@münchen.example", True),
        ("ünal@example.com", True), (" ann@example.com ", True), ("ann@example.com (Ann)", True),
        ('"ann@home" <ann@example.com>', True), ("=?utf-8?b?w4Q=?= <ann@example.com>", True),
        ("", False), ("ann", False), ("@example.com", False), ("ann@", False), ("not an address", False),
        ("ann@example.com,ben@example.com", False), ("ann@example.com, ben@example.com", False),
        ("ann@example.com,", False), ("ann@example.com; ben@example.com", False), ("<ann@example.com", False),
        ("Ann <ann@example.com>, Ben <ben@example.com>", False), ("Ann Ann@example.com ben@example.com", False),
        ("'ann@example.com'", False), ("ann@example.com|BOUNCE", False), ("ann@example.com?", False),
        ("ann@example.com/x", False), ("ann@*", False), ("ann@[192.0.2.1]", True), ("ann@mail_1.example.com", True),
        ("o'hara@example.com", True), ("ann@example,com", False), ("ann@exam ple.com", False), ("a@b@example.com", False),
        ("group: ann@example.com;", False), ("ann@example.com\nben@example.com", False), ("x" * 400 + "@example.com", False),
    ],
)  # fmt: skip
def test_one_mailbox_is_told_from_none_and_from_two(text: str, one: bool) -> None:
    """Whoever asks about two in one text must not hear about one of them."""
    assert is_one(text) is one
    assert normals_of([text, "ann@example.com"]) == [normal(text) if one else None, "ann@example.com"]


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("jane+shop@example.com", "jane@example.com"), ("jane+a+b@example.com", "jane@example.com"),
        ("jane@example.com", None), ("+shop@example.com", None), ('"jane+x"@example.com', None), ("jane+shop", None),
        ("jane@b+c.example", None), ("", None),
    ],
)  # fmt: skip
def test_a_tag_is_what_stands_behind_the_first_plus(address: str, base: str | None) -> None:
    """Of an address in normal form; a quoted local part has none."""
    assert untagged(address) == base
