"""JSON text: one definition, whichever reader is installed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
REFUSED = {
    b"": "is not JSON",
    b"{": "is not JSON",
    b'{"a":NaN}': "holds NaN, which is not JSON",
    b"[Infinity]": "holds Infinity, which is not JSON",
    b'"\xff"': "is not UTF-8",
    b"[" * 100_000: "is nested too deeply",
    b'{"a":1} x': "is not JSON",
}


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value: object) -> None:
    """Compact and pretty text alike."""
    assert value == jsontext.decode(jsontext.encode(value))
    assert value == jsontext.decode(json.dumps(value, indent=1).encode())


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_bad_text_is_refused_with_a_reason(text: bytes, reason: str) -> None:
    """One exception type, and the reason does not quote the text."""
    with pytest.raises(ValueError, match=reason):
        jsontext.decode(text)


@pytest.fixture(params=["the fastest", "pydantic's", "the standard library's"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each reader of JSON there is."""
    if request.param != "the fastest":
        refuse = lambda text: json.loads("")  # noqa: E731  # leaves it to the slow road
        monkeypatch.setattr(jsontext, "fast_loads", jsontext.plain_loads if "pydantic" in request.param else refuse)
    return str(request.param)


@pytest.mark.parametrize("text", [*REFUSED, '"\ud83d' + "\ud83d", "[" * 600 + "]" * 600 + "x"])
def test_every_reader_refuses_the_same(reader: str, text: bytes | str) -> None:
    """NaN above all, and text with lone surrogates that is no JSON."""
    with pytest.raises(ValueError, match=r"^(is|holds) "):
        jsontext.decode(text)


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("1e999", "null"), ("[-1e999]", "[null]"), ("9" * 5000, "null"), ("1" * 310, "null"), ('"\\ud83d\\ud83d"', '"��"'),
        ("18446744073709551616", "1.8446744073709552e+19"), ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775809", "-9.223372036854775808e+18"), ("[" * 100 + "1" + "]" * 100, "[" * 100 + "1" + "]" * 100),
        ("[" * 400 + "]" * 400, "[" * 100 + "null" + "]" * 100), ('{"a":' * 400 + "1" + "}" * 400, '{"a":' * 100 + "null" + "}" * 100),
    ],
)  # fmt: skip
def test_what_readers_hold_differently_settles_to_the_same(reader: str, text: str, settled: str) -> None:
    """Numbers of more than 64 bits, and deep nesting."""
    found = jsontext.settled(jsontext.decode(text))

    assert repr(found) == repr(json.loads(settled))
    assert jsontext.encode(jsontext.decode(text))


def test_the_infinite_is_written_as_null() -> None:
    """As JavaScript does; NaN and circles are refused."""
    circle: list[object] = [float("inf")]
    assert jsontext.encode({"a": [float("-inf"), "Infinity"]}) == '{"a":[null,"Infinity"]}'

    circle.append(circle)
    for wrong in (float("nan"), [float("inf"), float("nan")], circle):
        with pytest.raises(ValueError, match="JSON"):
            jsontext.encode(wrong)


def test_a_lone_surrogate_is_replaced_and_a_pair_is_joined() -> None:
    """A header cut in the middle of an emoji must not cost the event."""
    assert jsontext.decode(rb'{"a":"\ud83d","b":"\ud83d\ude00"}') == {"a": "\ufffd", "b": "😀"}


def test_raw_control_characters_and_a_byte_order_mark_are_taken() -> None:
    """Both are wrong, both were seen, neither makes the meaning unclear."""
    assert jsontext.decode(b'\xef\xbb\xbf{"a":"x\x00\ty"}') == {"a": "x\x00\ty"}


def test_documents_behind_one_another_are_found_with_their_lines() -> None:
    """Firehose leaves them so, with and without line ends."""
    found = jsontext.decode_many('{"a":1}{"a":2}\n\n{"a":\n3}\n')

    assert found == [(1, '{"a":1}', {"a": 1}), (1, '{"a":2}', {"a": 2}), (3, '{"a":\n3}', {"a": 3})]


def test_text_with_surrogates_becomes_storable_without_changing_its_meaning() -> None:
    """BSON is UTF-8; the escape says the same."""
    text = '{"a":"é\ud83d"}'

    assert jsontext.storable(text) == '{"a":"é\\ud83d"}'
    assert jsontext.decode(text) == jsontext.decode(jsontext.storable(text))


@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but ValueError comes out."""
    try:
        jsontext.decode(data)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("{}", True), ("[1]", True), (b'{"a": 1}\n', True), ("{", False), ("{}{}", False), ("1", False), ('"{}"', False),
     (b"\xff", False), ("", False)],
)  # fmt: skip
def test_a_document_is_one_object_or_one_list(text: str | bytes, is_one: bool) -> None:
    """Neither a part of one nor several."""
    assert jsontext.is_document(text) is is_one
