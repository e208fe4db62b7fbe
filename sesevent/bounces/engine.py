"""The rules, compiled: which phrase is in a reply, and which decides.

Every phrase has its place in one order (`sesevent.bounces.priority`) and a bit in one integer. Each
sign names, as such an integer, the phrases it is an anchor of; a reply's signs are or-ed together,
and what remains, strongest first, is looked for until one is found. So a further rule costs a reply
nothing unless it holds that rule's rarest words. It knows no SES words and makes no value.
Next: :mod:`sesevent.bounces.decide`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from operator import or_
from typing import Final, NamedTuple

from sesevent.bounces.phrases import Compiled, Lexicon
from sesevent.bounces.priority import ENHANCED_CODES, REASON_ORDER, REPLY_CODES, STRENGTHS, Finding
from sesevent.bounces.rulebook import Rule, RuleBook, load_rules
from sesevent.bounces.text import ADDRESS, CODE, DROPPED, HOST, IP, STOP, WORD, Alphabet

__all__ = ["Engine", "Hit", "Phrase", "the_engine"]

_REASONS: Final = list(REASON_ORDER)
WEAKEST: Final = STRENGTHS[-1]


class Phrase(NamedTuple):
    """One phrase of one rule, compiled."""

    rule: Rule
    text: str
    compiled: Compiled
    finding: Finding


Hit = tuple[Finding, int, int]
"""What was found, and from which sign to which. A bare tuple: one is made for every reply."""


class Engine:
    """All phrases of a rule book, in order."""

    __slots__ = (
        "_always",
        "_anchors",
        "_count",
        "_findings",
        "_in_reply_to",
        "_lowest",
        "_provider_sign",
        "_searches",
        "alphabet",
        "phrases",
        "provider_signs",
    )

    def __init__(self, book: RuleBook) -> None:
        lexicon = Lexicon(book.classes, book.stop_words, book.common)
        found = [
            Phrase(rule, text, lexicon.compile(text), Finding(rule.strength, rule.reason, rule.id, rule.provider))
            for rule in book.rules
            for text in rule.phrases
        ]
        self.phrases = sorted(found, key=_place)
        self.provider_signs = {lexicon.sign(word): name for word, name in book.providers.items()}
        self._provider_sign = re.compile(f"[{''.join(self.provider_signs)}]").search
        self._in_reply_to = "".join(
            map(lexicon.sign, ("in", "reply", "to"))
        )  # Postfix: «(in reply to RCPT TO command)»
        self.alphabet = _alphabet(lexicon, book)
        self._searches: list[Callable[[str], re.Match[str] | None] | None] = [None] * len(self.phrases)
        self._count = len(self.phrases)
        self._findings = [(phrase.rule.reply, phrase.finding) for phrase in self.phrases]
        self._lowest = (1 << self._count) - 1
        self._anchors, self._always = _index([phrase.compiled for phrase in self.phrases], lexicon.signs.values())

    def candidates(self, signs: str) -> int:
        """The phrases, as bits, of which *signs* have an anchor each from both sets."""
        found = reduce(or_, map(self._anchors.__getitem__, signs.replace(WORD, "")), self._always)
        return found & (found >> self._count) & self._lowest

    def find(self, signs: str, reply: str | None) -> Hit | None:
        """The strongest phrase in a reply; *reply* is the first digit of its code, if known.

        What stands before the first reply code was added by the mailer that reports («host … said:»,
        «rejected by the recipient domain»), so the words after it go first; the rest is only heard
        where they say little.
        """
        signs = signs.partition(self._in_reply_to)[0]
        before, code, after = signs.partition(CODE)
        if not code:
            return self._strongest(signs, reply, 0)
        own = after.replace(CODE, "")
        said = self._strongest(own, reply, len(before)) if own else None
        if not before or (said is not None and said[0].evidence != WEAKEST):
            return said
        told = self._strongest(before, reply, 0)
        return said if told is None or (said is not None and told[0].evidence == WEAKEST) else told

    def _strongest(self, signs: str, reply: str | None, offset: int) -> Hit | None:
        left = self.candidates(signs)
        searches = self._searches
        while left:
            lowest = left & -left
            number = lowest.bit_length() - 1
            match = (searches[number] or self._compiled(number))(signs)
            if match is not None:
                needed, finding = self._findings[number]
                if needed is None or needed == reply or (needed == "not 4" and reply != "4"):
                    start, end = match.span()
                    return finding, start + offset, end + offset
            left ^= lowest
        return None

    def provider(self, signs: str) -> str | None:
        """Who runs the server, where its words give it away."""
        found = self._provider_sign(signs)
        return None if found is None else self.provider_signs[found[0]]

    def _compiled(self, number: int) -> Callable[[str], re.Match[str] | None]:
        """Compiled when first needed: most processes meet a part of the phrases only."""
        made = self._searches[number] = re.compile(self.phrases[number].compiled.pattern).search
        return made


@lru_cache(maxsize=1)
def the_engine() -> Engine:
    """The engine of this package's rules. Made once, when first needed."""
    return Engine(load_rules())


def _place(phrase: Phrase) -> tuple[int, int, str]:
    rule = phrase.rule
    return STRENGTHS.index(rule.strength), _REASONS.index(rule.reason), rule.file


def _alphabet(lexicon: Lexicon, book: RuleBook) -> Alphabet:
    hosts = {name: lexicon.sign(name) for name in book.hosts}
    dropped = dict.fromkeys([*lexicon.stop_words, "smtp", *map(str, range(400, 600))], DROPPED)
    dropped |= dict.fromkeys(ENHANCED_CODES, DROPPED) | dict.fromkeys(REPLY_CODES, CODE)
    return Alphabet(
        dropped | {word: sign for word, sign in lexicon.signs.items() if word not in dropped}, hosts, book.dotted
    )


def _index(phrases: list[Compiled], signs: Iterable[str]) -> tuple[dict[str, int], int]:
    """For each sign the phrases it is an anchor of: first anchors in the lower half, second ones in the upper."""
    anchors = dict.fromkeys([*signs, ADDRESS, IP, HOST, STOP, CODE], 0)
    always, count = 0, len(phrases)
    for number, phrase in enumerate(phrases):
        for sign in phrase.first:
            anchors[sign] |= 1 << number
        for sign in phrase.second:
            anchors[sign] |= 1 << (count + number)
        always |= 0 if phrase.second else 1 << (count + number)
    return anchors, always
