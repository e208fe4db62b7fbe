"""The mutation runner itself: what it changes, and that it tells what tests notice from what they do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mutation import run
from mutation.mutants import mutants_of, mutated

ROOT = Path(__file__).parents[2]


def changes(tmp_path: Path, source: str) -> list[str]:
    (tmp_path / "module.py").write_text(source)
    return [mutant.change for mutant in mutants_of(tmp_path, "module.py")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b → a <= b"]),
        ("a in b", ["a in b → a not in b"]),
        ("a and b", ["a and b → a or b"]),
        ("a - b", ["a - b → a + b"]),
        ("a += 2", ["a += 2 → a -= 2", "2 → 3"]),
        ("not a", ["not a → a"]),
        ("a = True", ["True → False"]),
        ("a = 'word'", ["'word' → 'XXwordXX'"]),
        ("a = 'a sentence for people'", ["'a sentence for people' → ''"]),
        ("a = f'{b} and {c}'", ["f'{b} and {c}' → ''"]),
        ("f()", ["f() → pass"]),
        ("f(a=b)", ["f(a=b) → pass", "f(…) without a=b"]),
        ("a.b = c", ["a.b = c → pass"]),
        ("a = sorted(b, key=c)", ["sorted(…) without key=c", "sorted(…) → list(…)"]),
        ("a = b.lower()", ["b.lower(…) → b.upper(…)"]),
        ("a = [b for b in c if d]", ["for b in c if d → for b in c"]),
        ("a = b.split(c, 1)", ["b.split(…) → b.rsplit(…)", "1 → 2"]),
        ("a = b.split(c)", []),
        ("a = b(color=c, d=e)", ["b(…) without d=e"]),
        ("a = lambda b: c", ["lambda b: c → lambda b: None"]),
        ("if a: b = c", ["if a: → if not a:"]),
        ("def f():\n  return a", ["return a → return None"]),
        ("def f():\n  raise A", ["raise A → pass"]),
        ("for a in b:\n  break", ["break → continue"]),
        ("'a docstring'", []),
        ("a: int = b", []),
        ("__all__ = ['a']", []),
        ("assert a", []),
        ("a = cast('b', c)", []),
        ("@a(1)\nclass B: __slots__ = ('c',)", []),
    ],
)  # fmt: skip
def test_each_small_change_is_made_and_no_other(tmp_path: Path, source: str, expected: list[str]) -> None:
    """Expressions that stand alone may be left out too."""
    alone = [said for said in changes(tmp_path, source) if not said.endswith("→ pass") or said in expected]

    assert alone == expected


def test_what_importing_runs_is_told_from_what_a_function_does(tmp_path: Path) -> None:
    """Defaults and tables cannot be changed in a process that has imported them."""
    (tmp_path / "module.py").write_text(
        "A = 1\nclass B:\n    def c(self, d=2):\n        def e(f=3): ...\n        return 4\n"
    )
    found = {mutant.change: (mutant.within, mutant.function) for mutant in mutants_of(tmp_path, "module.py")}

    assert found["1 → 2"] == ("", None)
    assert found["2 → 3"] == ("B.c", None)
    assert found["3 → 4"] == ("B.c.e", ("c", 3))
    assert found["4 → 5"] == ("B.c", ("c", 3))


def test_a_mutant_differs_in_one_place(tmp_path: Path) -> None:
    """By its number, which does not depend on what was tried before."""
    (tmp_path / "module.py").write_text("a = 1 + 1\n")
    values = []
    for mutant in mutants_of(tmp_path, "module.py"):
        names: dict[str, int] = {}
        exec(mutated(tmp_path, "module.py", mutant.number), names)
        values.append(names["a"])

    assert values == [0, 3, 3]


SUMS = """SEEN = 1
UNSEEN = 1

def product(a, b):
    return a * b

def never(b):
    return b
"""
TESTS = """from tiny.room.sums import SEEN, product
def test_product(): assert product(2, SEEN) == 2
"""
EXPLAINED = """[[survivor]]
file = "tiny/room/sums.py"
within = ""
text = "UNSEEN = 1"
change = "1 → 2"
because = "nobody reads it"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs to fork processes")
def test_it_tells_what_is_noticed_from_what_is_not(tmp_path: Path) -> None:
    """In functions and in tables, in a package of a few lines with one test."""
    pytest.importorskip("coverage")
    for name, text in {
        "tiny/__init__.py": "", "tiny/room/__init__.py": "", "tiny/room/sums.py": SUMS,
        "tests/room/test_sums.py": TESTS, "explained.toml": EXPLAINED,
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    run_it = [sys.executable, ROOT / "tests/mutation/run.py", "--root", tmp_path, "--source", "tiny"]
    told = subprocess.run(
        [*run_it, "--package", "room", "--explained", tmp_path / "explained.toml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert [line.partition("    [")[0] for line in told.stdout.splitlines() if ": tiny/room/" in line] == [
        "survived: tiny/room/sums.py:5: a * b → a // b",
        "unreached: tiny/room/sums.py:8: return b → return None",
    ]
    assert "2 of 5 killed, 1 survived, 1 explained, 1 not reached; 5 in all" in told.stdout


@pytest.mark.skipif(not (ROOT / "sesevent").exists(), reason="the source is not here")
def test_each_explanation_is_of_a_change_that_there_is() -> None:
    """Code that went takes its explanation with it; and each says why."""
    explained = run.explained(ROOT / "tests/mutation/explained.toml")
    there = {mutant.key for file in {key[0] for key in explained} for mutant in mutants_of(ROOT, file)}

    assert [key for key in explained if key not in there] == []
    assert all(because for because in explained.values())


@pytest.mark.skipif(not (ROOT / "sesevent").exists(), reason="the source is not here")
@pytest.mark.parametrize(("file", "tests"), run.SERVED.items())
def test_who_asks_a_server_of_a_module_is_there(file: str, tests: tuple[str, ...]) -> None:
    """A test that was renamed would ask nothing, and no change would be noticed."""
    assert (ROOT / file).exists()
    for test in tests:
        where, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / where).read_text(encoding="utf-8")


def test_the_scores_that_are_kept_add_up() -> None:
    """The documentation prints them."""
    kept = json.loads((ROOT / "tests/mutation/scores.json").read_text(encoding="utf-8"))

    assert set(kept) <= set(run.PACKAGES)
    for row in kept.values():
        score = run.Score(**{name: row[name] for name in run.Score._fields})
        assert score.tried == score.killed + score.survived + score.explained + score.unreached
