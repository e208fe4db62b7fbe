"""The reference holds every public name: what the front door has, what examples import, and what contribs hand out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

import sesevent.contrib
from sesevent.errors import MissingExtra

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
_DOCUMENTED = re.compile(r"^\.\. auto(?:class|function|exception|data|method):: (sesevent[\w.]*)", re.MULTILINE)
SHARED_BY_CONTRIBS = {"aws_errors", "backfill"}
"""Modules that contribs have in common, and nobody else calls."""
FOR_TYPES_ONLY = {
    "sesevent.contrib.aws_setup.Judged": "an alias of a list",
    "sesevent.contrib.cloudwatch.DIMENSIONS": "a bound of Amazon's, which `Publisher` heeds",
    "sesevent.contrib.cloudwatch.NAMESPACE": "a default, printed among the settings",
    "sesevent.contrib.measurements.NONE": "a label's value, told of on the page",
    "sesevent.contrib.measurements.OTHER": "a label's value, told of on the page",
    "sesevent.contrib.measurements.UNITS": "a table, printed on the page",
    "sesevent.contrib.sqs.AsyncStore": "a protocol: what is asked of an AsyncEventStore",
    "sesevent.contrib.sqs.Store": "a protocol: what is asked of an EventStore",
}
"""Names of contribs that stand on no page → why."""

pytestmark = pytest.mark.skipif(
    not (REFERENCE.exists() and (ROOT / "sesevent").exists()), reason="the documentation, or the source, is not here"
)


@cache
def documented() -> frozenset[str]:
    """Names on the pages of the reference, and what else those names are: homes, and shorter ways to them."""
    told = {name for page in REFERENCE.glob("*.md") for name in _DOCUMENTED.findall(page.read_text(encoding="utf-8"))}
    return frozenset(one for name in told for one in ways_to(name))


def ways_to(name: str) -> Iterator[str]:
    """A name, and where what it names was made."""
    yield name
    module, _, last = name.rpartition(".")
    try:
        home = getattr(getattr(import_module(module), last, None), "__module__", None)
    except (ImportError, AttributeError):
        return  # a method, or an extra that is not here
    if home:
        yield f"{home}.{last}"


def told_of(name: str) -> bool:
    return not documented().isdisjoint(ways_to(name))


def test_the_front_door_is_on_the_pages() -> None:
    """All of it."""
    names = [f"sesevent.{name}" for name in sesevent.__all__]
    assert [name for name in names if not told_of(name)] == []


def test_what_examples_import_is_on_the_pages() -> None:
    """Whoever copies one finds what it calls."""
    pages = [
        page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "explanation"
    ]  # which show the inside
    texts = {page: "\n".join(code_of(page)) for page in [ROOT / "README.md", *pages]}
    texts |= {page: page.read_text(encoding="utf-8") for page in (ROOT / "examples").glob("*.py")}
    names = {name for text in texts.values() for name in imported(text)}

    assert sorted(name for name in names if not is_module(name) and not told_of(name)) == []
    assert len(names) > 40


def code_of(page: Path) -> list[str]:
    return (
        []
        if "_build" in page.parts
        else re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )


def imported(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sesevent":
            yield from (f"{node.module}.{one.name}" for one in node.names)


def is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").exists()


def contribs() -> list[str]:
    return [
        one.name for one in iter_modules([str(ROOT / "sesevent" / "contrib")]) if one.name not in SHARED_BY_CONTRIBS
    ]


@pytest.mark.parametrize("name", contribs())
def test_what_a_contrib_hands_out_is_on_the_pages(name: str) -> None:
    """Or it is named above, with the reason."""
    try:
        module: Any = import_module(f"sesevent.contrib.{name}")
    except MissingExtra as error:
        pytest.skip(str(error))
    names = [f"sesevent.contrib.{name}.{one}" for one in module.__all__]

    assert [one for one in names if not told_of(one) and one not in FOR_TYPES_ONLY] == []


@pytest.mark.parametrize("module", ["testing", "local", "unsubscribe", "web"])
def test_what_these_rooms_hand_out_is_on_the_pages(module: str) -> None:
    """They are called by their users."""
    names = [f"sesevent.{module}.{one}" for one in import_module(f"sesevent.{module}").__all__]
    besides = {
        "sesevent.unsubscribe.Answer": "an answer, which contribs carry",
        "sesevent.unsubscribe.LARGEST": "a bound of bodies, which contribs heed",
        "sesevent.web.NO_AUTH": "what `sesevent serve --no-auth` hands over",
    }

    assert [one for one in names if not told_of(one) and one not in besides] == []


def test_every_page_of_the_documentation_is_in_the_table_of_contents_once() -> None:
    """Nobody finds another."""
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    pages = [
        str(page.relative_to(docs).with_suffix("")) for page in docs.glob("*/*.md") if not page.name.startswith("_")
    ]
    listed = [line for line in index.splitlines() if re.fullmatch(r"[a-z-]+/[\w-]+", line)]

    assert sorted(listed) == sorted(page for page in pages if not page.startswith("_build"))
