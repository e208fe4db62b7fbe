"""`llms.txt`: the documentation for language models, made of the table of contents (https://llmstxt.org).

Each page by its title, its source and its first sentence; built beside the HTML.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
_TREE = re.compile(r"```\{toctree\}\n(?::hidden:\n)?:caption: (?P<caption>.+)\n\n(?P<pages>(?:.+\n)+)```")


def sections(index: str) -> dict[str, list[str]]:
    """Caption → pages, as the index lists them."""
    return {found["caption"]: found["pages"].split() for found in _TREE.finditer(index)}


def told_of(text: str) -> tuple[str, str]:
    """A page's title, and its first paragraph as one line."""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        first = " ".join(block.split())
        if first and not first.startswith(("<!-", "#", "```", "|", "(", "-", "<")):
            return (title[1] if title else ""), re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first)
    return (title[1] if title else ""), ""


def first_sentences() -> dict[str, str]:
    """Page → its first paragraph, for all pages that the index lists."""
    pages = [page for listed in sections((HERE / "index.md").read_text(encoding="utf-8")).values() for page in listed]
    told = {page: told_of((HERE / f"{page}.md").read_text(encoding="utf-8"))[1] for page in pages}
    return {page: re.sub(r"[*`]", "", said) for page, said in told.items() if said}


def llms_text() -> str:
    """The whole file."""
    index = (HERE / "index.md").read_text(encoding="utf-8")
    lines = ["# sesevent", "", f"> {told_of(index)[1]}", ""]
    for caption, pages in sections(index).items():
        lines += [f"## {caption}", ""]
        for page in pages:
            title, said = told_of((HERE / f"{page}.md").read_text(encoding="utf-8"))
            lines.append(f"- [{title}](_sources/{page}.md.txt)" + (f": {said}" if said else ""))
        lines.append("")
    return "\n".join(lines)
