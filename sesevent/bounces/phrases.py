"""Phrases of the rule files: a small language, and the regular expressions over signs it becomes.

::

    mailbox full        these words, next to each other (words without meaning are not there at all)
    {mailbox} {full}    any word or phrase of a class of words.toml
    {not}?              may be missing
    ..  ...  ....       up to 2, 5, 12 words in between, within the sentence
    (a | b c)           either
    ^ $                 the beginning and the end of the reply
    {addr} {ip} {host} {any}   an e-mail address, an IP address, a host's name, any word

Gaps are bounded and stand for single signs, so no phrase can run away. From each phrase two sets
of words are taken that every match must have a word of: its *anchors*. A reply that has none of
them never meets the expression. Next: :mod:`sesevent.bounces.rulebook`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain, count
from typing import Final, NamedTuple

from sesevent.bounces.text import ADDRESS, ANY, HOST, IP, STOP, plain_words

__all__ = ["GAPS", "Compiled", "Lexicon", "PhraseError", "expand", "read_class"]

GAPS: Final = {"..": 2, "...": 5, "....": 12}
_BUILT_IN: Final = {"addr": ADDRESS, "ip": IP, "host": f"{HOST}", "any": ANY, "stop": re.escape(STOP)}
# Letters, to which no regular expression gives a meaning; Python keeps one object for each of the first 256.
_FAST_SIGNS: Final = [chr(code) for code in range(256) if chr(code).isalpha()]
_TOKEN: Final = re.compile(r"\s*(\{\w+\}|\.{2,4}(?!\S)|[()|?^$]|[^\s(){}|?^$]+)")
_CLASS: Final = re.compile(r"\{([\w ]+)\}")
_OPEN: Final = "("
_ENDS: Final = ("^", "$")
_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")


class PhraseError(ValueError):
    """A phrase that does not follow the grammar, or uses what is not defined."""


class Compiled(NamedTuple):
    """One phrase, ready to be looked for."""

    pattern: str
    """A regular expression over signs."""
    first: frozenset[str]
    """Signs of which every match has one: the rarer anchors."""
    second: frozenset[str]
    """…and the others; empty where there is only one set."""


class _Part(NamedTuple):
    pattern: str
    anchors: tuple[frozenset[str], ...]


def expand(text: str) -> list[str]:
    """Braces with commas, as a shell reads them: ``unbekannt{,e,er}`` is three words."""
    found = _BRACES.search(text)
    if not found:
        return [text]
    return [word for part in found[1].split(",") for word in expand(text[: found.start()] + part + text[found.end() :])]


def read_class(text: str) -> list[str]:
    """The entries of a class: words apart by spaces, the words of a phrase joined by ``_``."""
    return [word.replace("_", " ") for entry in text.split() for word in expand(entry)]


class Lexicon:
    """Gives each word a sign, and turns phrases into expressions over them."""

    def __init__(self, classes: dict[str, str], stop_words: Iterable[str], common: Iterable[str] = ()) -> None:
        self.signs: dict[str, str] = {}
        self._fresh = chain(_FAST_SIGNS, map(chr, count(0x4E00)))
        self.stop_words = frozenset(word for text in stop_words for word in plain_words(text))
        self._weights: dict[str, int] = {ADDRESS: 30, IP: 30, HOST: 30}
        self._sources = classes
        self._classes: dict[str, _Part] = {}
        for rank, word in enumerate(common):
            self._weights[self.sign(word)] = max(2, 26 - rank // 5)

    def sign(self, word: str) -> str:
        """The sign of a word, a new one if it has none."""
        made = self.signs.get(word)
        if made is None:
            made = self.signs[word] = next(self._fresh)
        return made

    def weight(self, sign: str) -> int:
        """How little a word chooses between rules: 1 for nearly all, up to 30 for what most replies hold."""
        return self._weights.get(sign, 1)

    def compile(self, phrase: str) -> Compiled:
        """The expression and the anchors of one phrase."""
        part, rest = self._either(_tokens(phrase))
        if rest or not part.anchors:
            raise PhraseError(f"cannot read the phrase {phrase!r}" if rest else f"{phrase!r} requires no word at all")
        ranked = sorted(part.anchors, key=self._cost)
        return Compiled(part.pattern, ranked[0], ranked[1] if len(ranked) > 1 else frozenset())

    def words_of(self, name: str) -> list[str]:
        """The entries of a class, classes within it included."""
        if name not in self._sources:
            raise PhraseError(f"there is no class {{{name}}}")
        return [word for entry in read_class(self._sources[name]) for word in self._with_classes(entry)]

    def _with_classes(self, entry: str) -> list[str]:
        """An entry with every class named in it replaced by each of its entries."""
        found = _CLASS.search(entry)
        if found is None or found[1] in _BUILT_IN:
            return [entry]
        before, after = entry[: found.start()], entry[found.end() :]
        words = self.words_of(found[1].replace(" ", "_"))
        return [more for word in words for more in self._with_classes(before + word + after)]

    def _cost(self, anchors: frozenset[str]) -> int:
        return sum(map(self.weight, anchors))

    def _either(self, tokens: list[str]) -> tuple[_Part, list[str]]:
        parts, rest = [], tokens
        while True:
            part, rest = self._sequence(rest)
            if not part.pattern:
                raise PhraseError("an alternative holds only words without meaning: it would match anywhere")
            parts.append(part)
            if rest[:1] != ["|"]:
                return _any_of(parts, self._cost), rest
            rest = rest[1:]

    def _sequence(self, tokens: list[str]) -> tuple[_Part, list[str]]:
        patterns: list[str] = []
        anchors: list[frozenset[str]] = []
        while tokens and tokens[0] not in "|)":
            part, tokens = self._one(tokens)
            if tokens[:1] == ["?"]:
                part, tokens = _Part(f"(?:{part.pattern})?", ()), tokens[1:]
            patterns.append(part.pattern)
            anchors += part.anchors
        return _Part("".join(patterns), tuple(anchors)), tokens

    def _one(self, tokens: list[str]) -> tuple[_Part, list[str]]:
        token, rest = tokens[0], tokens[1:]
        if token.startswith(_OPEN):
            part, rest = self._either(rest)
            if rest[:1] != [")"]:
                raise PhraseError("a bracket is not closed")
            return _Part(f"(?:{part.pattern})", part.anchors), rest[1:]
        if token in GAPS:
            return _Part(f"{ANY}{{0,{GAPS[token]}}}?", ()), rest
        if token in _ENDS:
            return _Part("^" if token.startswith("^") else rf"{re.escape(STOP)}?$", ()), rest
        if token.startswith("{"):
            return self._class(token[1:-1]), rest
        return self._words(token), rest

    def _words(self, text: str) -> _Part:
        parts = [self._phrase(word) for word in expand(text)]
        return _any_of([part for part in parts if part.pattern], self._cost)

    def _phrase(self, text: str) -> _Part:
        if text.startswith("{"):
            return self._class(text[1:-1])
        signs = [self.sign(word) for word in plain_words(text) if word not in self.stop_words]
        return _Part("".join(signs), tuple(frozenset(sign) for sign in signs))

    def _class(self, name: str) -> _Part:
        if name in _BUILT_IN:
            signs = frozenset(_BUILT_IN[name]) if name in ("addr", "ip", "host") else None
            return _Part(_BUILT_IN[name], (signs,) if signs else ())
        if name not in self._classes:
            parts = [self._phrase(entry) for entry in self.words_of(name)]
            self._classes[name] = _any_of([part for part in parts if part.pattern], self._cost)
        return self._classes[name]


def _any_of(parts: list[_Part], cost: Callable[[frozenset[str]], int]) -> _Part:
    """Any of several; a match has an anchor of one of them, so all are anchors."""
    if len(parts) < 2:
        return parts[0] if parts else _Part("", ())
    single = sorted({part.pattern for part in parts if len(part.pattern) == 1})
    longer = sorted({part.pattern for part in parts if len(part.pattern) != 1}, key=lambda text: (-len(text), text))
    branches = [*longer, *(["[" + "".join(single) + "]"] if single else [])]
    pattern = branches[0] if len(branches) == 1 else "(?:" + "|".join(branches) + ")"
    if not all(part.anchors for part in parts):
        return _Part(pattern, ())
    return _Part(pattern, (frozenset().union(*(min(part.anchors, key=cost) for part in parts)),))


def _tokens(phrase: str) -> list[str]:
    """The phrase's tokens; its braces with commas are opened first, as they may hold spaces' worth of words."""
    found, position = [], 0
    protected = _BRACES.sub(lambda match: "\x01" + match[1].replace(",", "\x02") + "\x03", phrase)
    while position < len(protected.rstrip()):
        match = _TOKEN.match(protected, position)
        if match is None:
            raise PhraseError(f"cannot read the phrase {phrase!r}")
        found.append(match[1].replace("\x01", "{").replace("\x02", ",").replace("\x03", "}"))
        position = match.end()
    return found
