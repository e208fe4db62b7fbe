"""Finds what is wrong with the rule files: ``python -m sesevent.bounces.lint``.

A rule must be able to win on its own examples, name its source, and require words that mean
something; no expression may be able to run away on hostile text. The package itself never needs
this module: it is for who writes rules, for the tests and for ``nox -s lint``.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sesevent.bounces.engine import Engine
from sesevent.bounces.phrases import Compiled, Lexicon, PhraseError
from sesevent.bounces.priority import STRENGTHS
from sesevent.bounces.rulebook import Rule, RuleBook, load_rules
from sesevent.bounces.text import after_prefix, plain_words, words_of

__all__ = ["Flaw", "check_pattern", "find_flaws"]

_BROAD: Final = 22  # the weight of the twenty commonest words and the like
_LONGEST_REPEAT: Final = 64
_SLOWEST: Final = 0.25  # seconds for one expression on 20,000 signs; a sound one needs a fiftieth
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")


class Flaw(NamedTuple):
    """One thing that is wrong with a rule."""

    rule: str
    kind: str
    """duplicate, reason, strength, source, example, phrase, word, broad, gap, runaway, dead, shadowed."""
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def find_flaws(book: RuleBook) -> list[Flaw]:
    """Everything that is wrong with *book*; the examples are only tried where every phrase can be read."""
    flaws = [*_of_ids(book), *(flaw for rule in book.rules for flaw in _of_fields(rule, book))]
    lexicon = Lexicon(book.classes, book.stop_words, book.common)
    flaws += _of_classes(book, lexicon)
    unreadable = [flaw for rule in book.rules for flaw in _of_phrases(rule, lexicon)]
    flaws += unreadable
    if any(flaw.kind in ("phrase", "reason", "strength") for flaw in flaws):
        return flaws
    return flaws + list(_of_examples(book))


def check_pattern(pattern: str) -> str | None:
    """Why a regular expression may run away; None where it cannot."""
    try:
        parsed = _parser.parse(pattern)
    except re.error as error:
        return f"is no regular expression: {error}"
    return _nested(parsed, False) or _timed(pattern)


def _of_ids(book: RuleBook) -> Iterator[Flaw]:
    for name, times in Counter(rule.id for rule in book.rules).items():
        if times > 1 or not name:
            yield Flaw(name, "duplicate", f"{times} rules have this id" if name else "a rule has no id")


def _of_fields(rule: Rule, book: RuleBook) -> Iterator[Flaw]:
    if rule.reason not in book.reasons:
        yield Flaw(rule.id, "reason", f"no reason is called {rule.reason!r}")
    if rule.strength not in STRENGTHS:
        yield Flaw(rule.id, "strength", f"no strength is called {rule.strength!r}")
    if len(rule.source) < 8:
        yield Flaw(rule.id, "source", "says not where it is documented")
    if not rule.examples:
        yield Flaw(rule.id, "example", "has no example")
    if not rule.phrases:
        yield Flaw(rule.id, "phrase", "has no phrase")


def _of_classes(book: RuleBook, lexicon: Lexicon) -> Iterator[Flaw]:
    for name in book.classes:
        for entry in lexicon.words_of(name):
            if all(word in lexicon.stop_words for word in plain_words(entry)):
                yield Flaw(f"{{{name}}}", "word", f"{entry!r} is made of words without meaning")


def _of_phrases(rule: Rule, lexicon: Lexicon) -> Iterator[Flaw]:
    for phrase in rule.phrases:
        if phrase.startswith("..") or phrase.endswith(".."):
            yield Flaw(rule.id, "gap", f"a gap at the end of {phrase!r} does nothing")
        try:
            compiled = lexicon.compile(phrase)
        except PhraseError as error:
            yield Flaw(rule.id, "phrase", str(error))
            continue
        if rule.strength != STRENGTHS[-1] and _is_broad(compiled, lexicon):
            yield Flaw(rule.id, "broad", f"{phrase!r} is found in nearly every reply")
        why = check_pattern(compiled.pattern)
        if why:
            yield Flaw(rule.id, "runaway", f"{phrase!r} {why}")


def _is_broad(compiled: Compiled, lexicon: Lexicon) -> bool:
    """A single word, and one that every reply holds."""
    common = (sign for sign in lexicon.signs.values() if lexicon.weight(sign) > _BROAD)
    return not compiled.second and any(re.fullmatch(compiled.pattern, sign) for sign in common)


def _of_examples(book: RuleBook) -> Iterator[Flaw]:
    engine = Engine(book)
    for rule in book.rules:
        winners = {_winner(engine, example) for example in rule.examples}
        if rule.examples and winners == {None}:
            yield Flaw(rule.id, "dead", "does not match any of its own examples")
        elif rule.examples and rule.id not in winners:
            others = ", ".join(sorted(winner for winner in winners if winner))
            yield Flaw(rule.id, "shadowed", f"on all of its own examples {others} decides before it")


def _winner(engine: Engine, example: str) -> str | None:
    words = words_of(example, after_prefix(example))
    code = re.search(r"(?<![0-9.])[45](?=[0-9][0-9](?![0-9]))", example)
    hit = engine.find(engine.alphabet.signs(words), code[0] if code else None)
    return hit[0].rule if hit else None


def _nested(parsed: Any, inside: bool) -> str | None:
    """Repeats without a sensible bound, one inside another or next to one that takes the same."""
    before = None
    for operation, argument in parsed:
        name = str(operation)
        unbounded = name in ("MAX_REPEAT", "MIN_REPEAT") and int(argument[1]) > _LONGEST_REPEAT
        if unbounded and inside:
            return "repeats a repeat without bound"
        if unbounded and before is not None and _overlap(before, argument[2]):
            return "has two repeats without bound that take the same signs"
        before = argument[2] if unbounded else None
        for part in _parts(name, argument):
            why = _nested(part, inside or unbounded)
            if why:
                return why
    return None


def _parts(name: str, argument: Any) -> list[Any]:
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[-1]]
    return list(argument[1]) if name == "BRANCH" else []


def _overlap(one: Any, other: Any) -> bool:
    """Whether two parts may begin alike; told by trying, since only their text is compared otherwise."""
    return str(one) == str(other) or any(kind in f"{one}{other}" for kind in ("ANY", "NEGATE", "NOT_LITERAL"))


def _timed(pattern: str) -> str | None:
    letters = sorted(set(re.findall(r"[\w~@#/]", pattern)))[:6] or ["x"]
    hostile = "".join(letters) * (20_000 // len(letters))
    started = time.process_time()
    re.compile(pattern).search(hostile[:-1] + "\n")
    return "needs too long on hostile text" if time.process_time() - started > _SLOWEST else None


def main() -> int:
    """Print what is wrong with this package's rules; 1 where something is."""
    flaws = find_flaws(load_rules())
    book = load_rules()
    sys.stdout.write("".join(f"{flaw}\n" for flaw in flaws))
    sys.stdout.write(
        f"{len(book.rules)} rules, {sum(len(rule.phrases) for rule in book.rules)} phrases, {len(flaws)} flaws\n"
    )
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
