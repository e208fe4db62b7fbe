"""The rule files, read: reasons, rules, classes of words, providers.

``rules/reasons/*.toml`` define one reason each, with the wordings that mean it on any server;
``rules/providers/*.toml`` hold what single providers document; ``rules/words.toml`` holds the
vocabulary. It decides nothing: what wins over what is told by `sesevent.bounces.priority`.
Next: :mod:`sesevent.bounces.engine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from sesevent.bounces.taxonomy import Reason
from sesevent.tomltext import decode_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # elsewhere on Python 3.10

__all__ = ["Rule", "RuleBook", "load_rules", "rule_files"]


class Rule(NamedTuple):
    """One rule: the phrases by which a reason is known."""

    id: str
    reason: str
    strength: str
    """One of `sesevent.bounces.priority.STRENGTHS`."""
    phrases: tuple[str, ...]
    """In the language of `sesevent.bounces.phrases`."""
    examples: tuple[str, ...]
    source: str
    """Where it is documented, or on which servers the wording is common."""
    provider: str | None
    reply: str | None
    """Only where the reply is of this class: ``4``, ``5``, or ``not 4`` where a reply without a code will do too."""
    file: str

    @classmethod
    def read(cls, file: str, defaults: dict[str, Any], row: dict[str, Any]) -> Rule:
        """The rule that a row of a file gives; what it leaves out is told by the file's head."""
        told = defaults | row
        return cls(
            told.get("id", ""), told.get("reason", ""), told.get("strength", "plain"), tuple(told.get("phrases", ())),
            tuple(told.get("examples", ())), told.get("source", ""), told.get("provider"), told.get("reply"), file,
        )  # fmt: skip


class RuleBook(NamedTuple):
    """Everything the rule files say."""

    reasons: dict[str, Reason]
    rules: tuple[Rule, ...]
    classes: dict[str, str]
    stop_words: tuple[str, ...]
    hosts: tuple[str, ...]
    """Parts of host names that are words too: the names of lists and providers in the links that replies hold."""
    dotted: frozenset[str]
    """First parts of words joined by dots, such as ``RESOLVER.ADR.RecipNotFound``."""
    common: tuple[str, ...]
    """The words that most replies hold, commonest first."""
    providers: dict[str, str]
    """Word → the provider whose servers say it."""


@lru_cache(maxsize=1)
def load_rules() -> RuleBook:
    """The rule files of this package. Read once, when first asked for."""
    root = files("sesevent.bounces") / "rules"
    words = _read(root / "words.toml")
    reasons, rules = {}, []
    for name, told in _folder(root / "reasons"):
        reasons[name] = Reason.read(name, told["reason"])
        rules += [Rule.read(f"reasons/{name}.toml", {"reason": name}, row) for row in told.get("rule", ())]
    for name, told in _folder(root / "providers"):
        head = {key: told[key] for key in ("provider", "source") if key in told} | {"strength": "code"}
        rules += [Rule.read(f"providers/{name}.toml", head, row) for row in told["rule"]]
    providers = {word: name for name, text in words["providers"].items() for word in text.split()}
    hosts = (*words["hosts"]["names"].split(), *providers)
    stops = tuple(words["stop"].values())
    common = tuple(words["common"]["names"].split())
    return RuleBook(
        reasons,
        tuple(rules),
        words["classes"],
        stops,
        hosts,
        frozenset(words["dotted"]["names"].split()),
        common,
        providers,
    )


def rule_files() -> Iterator[str]:
    """The text of each rule file, in a fixed order."""
    root = files("sesevent.bounces") / "rules"
    for folder in (root, root / "providers", root / "reasons"):
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".toml"):
                yield file.read_text(encoding="utf-8")


def _folder(folder: Traversable) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            yield file.name.removesuffix(".toml"), _read(file)


def _read(file: Traversable) -> dict[str, Any]:
    return decode_toml(file.read_text(encoding="utf-8"))
