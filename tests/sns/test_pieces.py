"""Files of payloads, cut: whatever their layout, what is read piece by piece is what is in them."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from payloads import payload
from sesevent import PayloadError, unwrap
from sesevent.sns import pieces as cutting
from sesevent.sns.pieces import may_be_json, pieces, unpacked

DOCUMENTS = [payload("Send", message_id=f"m-{n}", commonHeaders={"subject": 'a "}{" \\ ü 🎁 ]['}) for n in range(300)]


class File(io.BytesIO):
    """Bytes as an open file has them."""

    def peek(self, size: int) -> bytes:
        return self.getvalue()[self.tell() : self.tell() + size]


LAYOUTS: dict[str, Callable[[list[Any]], str]] = {
    "lines": lambda all_: "\n".join(map(json.dumps, all_)),
    "one behind the other": lambda all_: "".join(json.dumps(one, ensure_ascii=False) for one in all_),
    "pretty": lambda all_: "\n\n".join(json.dumps(one, indent=1) for one in all_),
    "a list": json.dumps,
    "a pretty list": lambda all_: json.dumps(all_, indent=2),
    "record separators": lambda all_: "".join(f"\x1e{json.dumps(one)}\n" for one in all_),
    "texts": lambda all_: json.dumps([json.dumps(one) for one in all_]),
    "several on a line": lambda all_: "\n".join(json.dumps(one) * 2 for one in all_),
    "a byte order mark": lambda all_: "\ufeff" + "".join(map(json.dumps, all_)),
}


def found(file: bytes) -> list[str]:
    return [message.payload["mail"]["messageId"] for piece in cut(file) for message in unwrap(piece.text)]


def cut(file: bytes) -> list[Any]:
    return list(pieces(unpacked(File(file))))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_document_is_found_once_and_in_order(layout: str, packed: bool) -> None:
    """Gzipped or not, which is told by the content; gzip's files may stand one behind the other."""
    text = LAYOUTS[layout](DOCUMENTS).encode()
    half = len(text) // 2
    file = gzip.compress(text[:half]) + gzip.compress(text[half:]) if packed else text

    assert list(dict.fromkeys(found(file))) == [f"m-{n}" for n in range(300)]
    assert len(found(file)) == (600 if layout == "several on a line" else 300)


@pytest.mark.parametrize("layout", ["one behind the other", "a pretty list", "pretty"])
def test_a_piece_is_one_document_however_large_the_file(layout: str) -> None:
    """So memory does not grow with it; lines and number of each document are told."""
    text = LAYOUTS[layout](DOCUMENTS).encode()
    found = cut(text)

    assert [piece.path for piece in found] == [f"$[{n}]" for n in range(300)]
    for piece in found:
        assert text.split(b"\n", piece.before)[piece.before].strip().find(piece.text.split(b"\n")[0]) >= 0


def test_wherever_reading_stops_for_a_moment_nothing_is_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside strings, escapes and characters of several bytes too."""
    monkeypatch.setattr(cutting, "_LONGEST", 7)
    text = LAYOUTS["one behind the other"](DOCUMENTS[:20]).encode()
    for chunk in range(1, 40):
        monkeypatch.setattr(cutting, "_CHUNK", chunk)
        assert found(text) == [f"m-{n}" for n in range(20)]


def test_what_is_broken_keeps_nobody_else_from_being_read() -> None:
    """In its place is what cannot be read; the line of it is told."""
    good = [json.dumps(document) for document in DOCUMENTS[:3]]
    for broken in ("{oops", "{oops}", "garbage", '{"a": "b', "\ufffd"):
        for place in range(4):
            lines = [*good[:place], broken, *good[place:]]
            messages = [
                (message, piece.before + (message.place.line or 1))
                for piece in cut("\n".join(lines).encode())
                for message in unwrap(piece.text)
            ]

            assert [m.payload["mail"]["messageId"] for m, _ in messages if m.kind == "event"] == ["m-0", "m-1", "m-2"]
            assert [line for m, line in messages if m.kind != "event"] == [place + 1]


def test_what_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And after the end of the line it goes on."""
    monkeypatch.setattr(cutting, "LARGEST", 1000)
    monkeypatch.setattr(cutting, "_CHUNK", 100)
    monkeypatch.setattr(cutting, "_LONGEST", 100)
    file = b'{"endless": [' + b"[" * 5000 + b"\n" + json.dumps(DOCUMENTS[0]).encode()
    kinds = [message.kind for piece in cut(file) for message in unwrap(piece.text)]

    assert (kinds[0], kinds[-1]) == ("malformed", "event")
    assert max(len(piece.text) for piece in cut(file)) < 3000


def test_what_never_ends_is_one_piece_up_to_the_end_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not a piece for each of its lines: a file of a million would be a million rejections."""
    monkeypatch.setattr(cutting, "LARGEST", 1000)
    monkeypatch.setattr(cutting, "_CHUNK", 100)
    monkeypatch.setattr(cutting, "_LONGEST", 100)
    first = cut(b'{"a":\n' * 500)[0].text

    assert len(first) > 1000
    assert first.endswith(b'{"a":\n')


def test_a_line_between_documents_that_is_none_is_a_piece_of_its_own() -> None:
    """What stands before and behind it is read."""
    texts = [piece.text.strip() for piece in cut(b'nonsense\n{"a": 1}{"b": 2}\nmore\n{"c": 3}')]

    assert texts == [b"nonsense", b'{"a": 1}', b'{"b": 2}', b"more", b'{"c": 3}']


def test_a_line_of_any_length_is_read_as_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too long to be read at once holds documents; one that is just as long as may be is a line."""
    monkeypatch.setattr(cutting, "_LONGEST", 20)
    monkeypatch.setattr(cutting, "_CHUNK", 4)
    just = b'{"a": 12345678901}\n'.rjust(20)
    assert [tuple(piece) for piece in cut(just + just + b'{"b": 1}')] == [
        (just, 0, "$"), (just, 1, "$"), (b'{"b": 1}', 2, "$"),
    ]  # fmt: skip

    behind = [b'{"b": %d, "more": "}{"}' % number for number in range(9)]
    pieces_found = cut(b'{"a": 1}\n' + b" ".join(behind) + b'\n{"c": 1}')
    assert [piece.text for piece in pieces_found] == [b'{"a": 1}\n', *behind, b'{"c": 1}']
    assert [(piece.before, piece.path) for piece in pieces_found][:2] == [(0, "$"), (1, "$[0]")]
    assert pieces_found[-1][1:] == (2, "$[9]")


def test_what_is_no_document_at_the_end_of_a_file_is_its_last_piece() -> None:
    """No line ends behind it."""
    assert [piece.text for piece in cut(b'{"a": 1}{"b": 2}garbage')] == [b'{"a": 1}', b'{"b": 2}', b"garbage"]
    assert [tuple(piece) for piece in cut(b"garbage")] == [(b"garbage", 0, "$")]


@pytest.mark.parametrize("harmed", [lambda file: file[:-30], lambda file: file[:400] + b"\xff" * 20 + file[420:]])
def test_gzip_that_is_harmed_is_told_after_what_could_be_read(harmed: Callable[[bytes], bytes]) -> None:
    """With the line it came to."""
    noise = random.Random(1)
    lines = [json.dumps(payload("Send", message_id=f"{noise.random()}")) for _ in range(2000)]
    read = pieces(unpacked(File(harmed(gzip.compress("\n".join(lines).encode())))))
    with pytest.raises(PayloadError, match=r"gzip|cut off"):
        list(read)


@pytest.mark.parametrize("text", [b"", b"From: ann@example.com\r\n", b"\x89PNG\r\n", b"a,b,c\n1,2,3\n", b"PAR1\x15"])
def test_what_is_no_json_is_told_by_its_begin(text: bytes) -> None:
    """Packed too."""
    assert not may_be_json(unpacked(File(text)))
    assert not may_be_json(unpacked(File(gzip.compress(text))))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_json_is_told_by_its_begin(layout: str) -> None:
    """Also where white space stands before."""
    text = LAYOUTS[layout](DOCUMENTS[:1])

    assert all(may_be_json(unpacked(File(file.encode()))) for file in (text, "\n \n" + text, " " * 600 + text))


def test_an_empty_file_is_one_empty_piece() -> None:
    """Which is malformed: somebody expected something in it. Blank lines are nothing too."""
    assert cut(b"") == cut(b"\n \n") == [(b"", 0, "$")]


def test_each_line_tells_how_many_stand_before_it() -> None:
    """Blank ones count, and are no pieces."""
    one, other = json.dumps(DOCUMENTS[0]).encode(), json.dumps(DOCUMENTS[1]).encode()

    assert cut(b"\n\n" + one + b"\n \n" + other) == [(one + b"\n", 2, "$"), (other, 4, "$")]


def test_documents_tell_their_number_and_line() -> None:
    """One behind the other, or in a list."""
    one, other = (json.dumps(document, indent=1).encode() for document in DOCUMENTS[:2])
    lines = one.count(b"\n")

    assert cut(b"[\n" + one + b",\n\n" + other + b"\n]") == [(one, 1, "$[0]"), (other, lines + 3, "$[1]")]
    assert cut(one + other) == [(one, 0, "$[0]"), (other, lines, "$[1]")]


@pytest.mark.parametrize(
    ("harmed", "said"),
    [
        (lambda packed: packed[:-9], "is cut off"),
        (lambda packed: packed[:-4] + b"xxxx", "is not gzip, although it begins so"),
        (lambda packed: packed + b"nonsense", "is not gzip, although it begins so"),
        (lambda packed: packed[:20] + b"\xff" * 20 + packed[40:], "is not gzip, although it begins so"),
    ],
)
def test_what_is_wrong_with_gzip_is_said_with_the_line(harmed: Callable[[bytes], bytes], said: str) -> None:
    """In this library's words."""
    packed = gzip.compress(json.dumps(DOCUMENTS[0]).encode() + b"\n")
    with pytest.raises(PayloadError) as caught:
        list(pieces(unpacked(File(harmed(packed)))))
    (problem,) = caught.value.problems

    assert (problem.path, problem.message) == ("$", said)
    assert problem.line in (1, 2)


def test_a_string_that_lacks_its_end_spoils_its_own_line() -> None:
    """Not all that follow until the next quotation mark."""
    good = json.dumps(DOCUMENTS[0]).encode()
    found = cut(b'{"a": "b\n' + good + b"\n" + good)

    assert [piece.text.strip() for piece in found[1:]] == [good, good]
    assert found[0].text == b'{"a": "b\n'


@pytest.mark.parametrize(
    ("begin", "json_like"),
    [(b"{", True), (b'"', True), (b"[", True), (b"[1", True), (b"1", False), (b"]", True), (b"", False), (b" ", True)],
)
def test_json_is_told_by_its_first_sign(begin: bytes, json_like: bool) -> None:
    """A document, a text, a list; white space says nothing yet."""
    assert may_be_json(unpacked(File(begin))) == json_like
