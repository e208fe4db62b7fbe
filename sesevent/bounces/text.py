"""From a server's words to a short string that phrases can be looked for in.

A diagnostic becomes a string of *signs*, one for each word: known words have a sign of their own,
the rest share a few (an address, an IP address, a host name, any other word). Case, accents,
punctuation, folding, reply codes, enhanced codes and words without meaning of their own (articles,
auxiliary verbs) leave no trace, so a phrase is found however the server broke or decorated it.

It knows letters, not meanings: which words there are is told by `sesevent.bounces.words`.
Next: :mod:`sesevent.bounces.phrases`, which writes patterns over signs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = [
    "ADDRESS", "ANY", "CODE", "DROPPED", "HOST", "IP", "LIMIT", "STOP", "WORD", "Alphabet", "after_prefix",
    "plain", "plain_words", "words_of",
]  # fmt: skip

LIMIT: Final = 2000
"""How much of a diagnostic is read. SES cuts far earlier, and no reply needs more to say what is wrong."""

WORD, ADDRESS, IP, HOST, STOP, CODE, DROPPED = "~", "@", "#", "/", ".", "%", "\0"
"""Any other word, an address, an IP address, a host, the end of a sentence, a reply code, nothing at all."""
ANY: Final = f"[^{STOP}]"

_KEPT: Final = ".@+"  # inside addresses, host names and codes
_ASCII_TABLE: Final = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or chr(code) in _KEPT) else 32 for code in range(256)
)
# Scripts written without spaces between words, and Hangul, whose particles stick to the word: each letter is a word.
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# RFC 3464 section 2.3.6: the type of a diagnostic, «smtp; » or «x-postfix; ».
_MOST_REMEMBERED: Final = 8192  # unknown words and names: a sender meets the same hosts and phrases all the time
_LONGEST_REMEMBERED: Final = 64  # characters
_PREFIX: Final = re.compile(r"\s*(?:smtp|lmtp|dns|unix|x-[a-z0-9-]{1,20})\s*;", re.IGNORECASE)


class _Letters(dict[int, str]):
    """Character → what stands for it, worked out once for each character that is met."""

    def __missing__(self, code: int) -> str:
        made = self[code] = _plain_letter(chr(code))
        return made


def _plain_letter(letter: str) -> str:
    if letter in "ıİ":  # a Turkish i, with or without its dot
        return "i"
    bare = unicodedata.normalize("NFKD", letter.casefold())
    bare = "".join(part for part in bare if not unicodedata.combining(part)).casefold()
    bare = unicodedata.normalize("NFC", bare)
    if _UNSPACED.match(bare):
        return f" {bare} "
    return "".join(part if part.isalnum() or part in _KEPT else " " for part in bare) if bare else ""


_LETTERS: Final = _Letters()


def plain(text: str) -> str:
    """*text* in lower case, without accents, with a space for everything that is no part of a word."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_TABLE).decode("ascii")
    return text.translate(_LETTERS)


def words_of(text: str, start: int) -> list[str]:
    """The words of a diagnostic from *start*; a sentence's end is a word of its own."""
    own = text[start:LIMIT] + " "
    if own.isascii():
        return own.encode("ascii").translate(_ASCII_TABLE).decode("ascii").replace(". ", " . ").split()
    return own.translate(_LETTERS).replace(". ", " . ").split()


def plain_words(text: str) -> list[str]:
    """The words of a phrase of the rule files, as they appear in `plain` text."""
    return plain(text).split()


def after_prefix(text: str) -> int:
    """Where the words begin: after the type of diagnostic that RFC 3464 puts before them, however often."""
    start = 0
    while ";" in text[start : start + 24] and (found := _PREFIX.match(text, start)):
        start = found.end()
    return start


class _Piece(NamedTuple):
    sign: str
    start: int
    end: int


class _Remembering(dict[str, str]):
    """Words and their signs; of those that are unknown some are remembered, since servers repeat themselves."""

    def __init__(self, known: dict[str, str], find: Callable[[str], str]) -> None:
        super().__init__(known)
        self._find = find
        self._most = len(known) + _MOST_REMEMBERED

    def __missing__(self, word: str) -> str:
        sign = self._find(word)
        if sign != ADDRESS and len(word) <= _LONGEST_REMEMBERED and len(self) < self._most:
            self[word] = sign
        return sign


class Alphabet:
    """The known words and their signs."""

    __slots__ = ("_dotted_words", "_hosts", "_signs", "_signs_of")

    def __init__(self, words: dict[str, str], hosts: dict[str, str], dotted: frozenset[str]) -> None:
        self._signs = {STOP: STOP} | words
        self._hosts = hosts
        self._dotted_words = dotted
        self._signs_of = _Remembering(self._signs, self._unknown).__getitem__

    def signs(self, words: list[str]) -> str:
        """The signs of *words*, from `plain` text whose sentences end with « . »."""
        return "".join(map(self._signs_of, words)).replace(DROPPED, "")

    def host_sign(self, name: str) -> str | None:
        """The sign of the first part of a host's name that is known."""
        return next((sign for label in name.split(".") if (sign := self._hosts.get(label))), None)

    def locate(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        """Which part of *text* the signs from *start* to *end* stand for. Slow; only done when asked."""
        pieces = [piece for piece in self._pieces(text[:LIMIT], after_prefix(text[:LIMIT])) if piece.sign != CODE]
        return (pieces[start].start, pieces[end - 1].end) if start < end <= len(pieces) else None

    def _pieces(self, text: str, offset: int) -> list[_Piece]:
        """Every sign, with the part of the text it stands for."""
        letters = [(part, at) for at in range(offset, len(text)) for part in plain(text[at])]
        spaced = "".join(part for part, _ in letters)
        found = []
        for word in re.finditer(r"\S+", spaced):
            start, end = letters[word.start()][1], letters[word.end() - 1][1] + 1
            parts = [word[0][:-1], STOP] if word[0].endswith(STOP) and word[0] != STOP else [word[0]]
            found += [_Piece(sign, start, end) for sign in self.signs(parts)]
        return found

    def _unknown(self, word: str) -> str:
        """The signs of what is no word of the rules."""
        if word.isalnum():
            return WORD
        if "@" in word:
            return ADDRESS
        if word[0] in _KEPT or word[-1] in _KEPT:
            bare = word.strip(_KEPT)
            return (self._signs.get(bare) or self._unknown(bare)) if bare else STOP
        return self._name(word)

    def _name(self, word: str) -> str:
        """The signs of a host name, an IP address, a code, or words joined by dots."""
        labels = word.split(".")
        hosts = self._hosts
        for label in labels:
            if label in hosts and labels[0] not in self._dotted_words:
                return hosts[label]
        if labels[-1].isdigit() and word.replace(".", "").isdigit():
            return DROPPED if len(labels) == 3 else IP
        if len(labels) == 1:
            return WORD
        return self._dotted(labels) if len(labels) == 2 or labels[0] in self._dotted_words else HOST

    def _dotted(self, labels: list[str]) -> str:
        """Words that Exchange joins by dots; or two sentences without a space between them."""
        if labels[0] in self._dotted_words:
            return "".join([self._signs.get(label, WORD) for label in labels])
        signs = [self._signs.get(label, "") for label in labels]
        return STOP.join(signs) if all(signs) else HOST
