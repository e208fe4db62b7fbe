"""The edition of the rules: what tells which stored reasons are to be worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from sesevent.bounces import edition, priority, rulebook, ses_words


@pytest.fixture
def fresh() -> Iterator[Any]:
    """It is worked out once in a process."""
    edition.rules_version.cache_clear()
    yield edition.rules_version
    edition.rules_version.cache_clear()


def test_it_is_short_and_the_same_in_every_process(fresh: Any) -> None:
    """Each row of a failure holds it: eight hexadecimal digits."""
    first = fresh()
    fresh.cache_clear()

    assert fresh() == first
    assert len(first) == 8
    assert int(first, 16) >= 0


def test_it_changes_with_every_rule_file(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word more in one of them, a file more or less."""
    texts = list(rulebook.rule_files())
    seen = {fresh()}
    for changed in ([*texts[:-1], texts[-1] + "x"], texts[1:], [*texts, "more"]):
        monkeypatch.setattr(edition, "rule_files", lambda changed=changed: changed)
        fresh.cache_clear()
        seen.add(fresh())

    assert len(seen) == 4


@pytest.mark.parametrize(
    ("module", "table"),
    [(priority, name) for name in ("PRIORITY", "REASON_ORDER", "CODES", "OWN_CODES", "GENERAL_CODES", "REPLIES")]
    + [(ses_words, name) for name in ("SETTLED", "SUB_TYPES", "DELAY_TYPES", "REJECTS")],
)  # fmt: skip
def test_it_changes_with_every_table(fresh: Any, monkeypatch: pytest.MonkeyPatch, module: Any, table: str) -> None:
    """Whatever decides a reason."""
    before = fresh()
    monkeypatch.setattr(module, table, {})
    fresh.cache_clear()

    assert fresh() != before


def test_every_rule_file_is_read_once_and_in_one_order() -> None:
    """The words, then the providers' rules, then the reasons', by name; and nothing that lies beside them."""
    root = files("sesevent.bounces") / "rules"
    kept = [root / "words.toml"]
    for folder in ("providers", "reasons"):
        kept += sorted((root / folder).iterdir(), key=lambda file: file.name)
    texts = list(rulebook.rule_files())

    assert texts == [file.read_text(encoding="utf-8") for file in kept if file.name.endswith(".toml")]
    assert len(texts) > len(rulebook.load_rules().reasons)
