"""What stands beside the documentation: the page for language models, and the files that GitHub shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the documentation is not here")


def test_llms_text_names_every_page_with_what_it_is_about() -> None:
    """Made of the table of contents; a page that is in none is found by nobody."""
    spec = importlib.util.spec_from_file_location("llms", ROOT / "docs" / "llms.py")
    llms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(llms)
    text = llms.llms_text()
    pages = {str(page.relative_to(ROOT / "docs"))[:-3] for page in (ROOT / "docs").rglob("*.md") if page.name[0] != "_"}
    named = re.findall(r"^- \[(.+?)\]\(_sources/(.+?)\.md\.txt\)", text, re.MULTILINE)
    assert {page for _, page in named} == pages - {"index"}
    assert all(title for title, _ in named)
    assert text.startswith("# sesevent\n\n> Capture every Amazon SES event")


@pytest.mark.parametrize("name", ["SECURITY.md", "CONTRIBUTING.md", "README.md"])
def test_files_and_commands_that_are_named_exist(name: str) -> None:
    """Paths of this repository, and sessions of nox."""
    if not (ROOT / "sesevent").exists():
        pytest.skip("the source is not here")
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"(?:`|\()((?:docs|tests|sesevent)/[\w./-]+?)(?:`|\))", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    sessions = re.findall(r"nox -s ([\w-]+)", text)
    known = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert [one for one in sessions if f"def {one.replace('-', '_')}(" not in known] == []
