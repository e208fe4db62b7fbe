"""The public names and signatures, as text: `python tests/api/snapshot.py` writes `public.txt` anew.

It is read from the source, not from what is imported, so it is the same on every Python and with or without extras. Public
is what the front door names and what the reference documents; of the command line, commands and options.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PUBLIC = Path(__file__).with_name("public.txt")
RENEW = "python tests/api/snapshot.py"
_DOCUMENTED = re.compile(r"^\.\. auto(?:class|function|exception|data):: (sesevent[\w.]*)", re.MULTILINE)


def public_names() -> list[str]:
    """Full names of what is public, sorted."""
    pages = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").rglob("*.md"))]
    return sorted(
        {f"sesevent.{name}" for name in _homes()} | {name for page in pages for name in _DOCUMENTED.findall(page)}
    )


def _homes() -> dict[str, str]:
    import sesevent

    return {name: f"sesevent.{module}" for name, module in sesevent._HOME_OF.items()}


def written(name: str) -> list[str]:
    """A public name as the snapshot tells it, wherever it is made."""
    module, _, last = name.rpartition(".")
    node = _made(_homes().get(last, "") if module == "sesevent" else module, last)
    if node is None:
        return [f"{name}: not found"]
    lines = [f"  {line}" for line in _told(node)]
    return [f"{name}:", *[line for line in lines if name not in _not_made_by_people() or " __init__(" not in line]]


@cache
def _not_made_by_people() -> set[str]:
    """Classes that the reference shows without their parameters: the library makes them."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md")]
    return {name for page in pages for name in re.findall(r"autoclass:: (sesevent[\w.]*)\(\)", page)}


def _made(module: str, name: str) -> ast.stmt | None:
    """What makes a name of a module; what it has from another one is looked for there."""
    file = _file(module)
    for node in _statements(ast.parse(file.read_text(encoding="utf-8"))) if file else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
            return node
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _targets(node):
            return node
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                if (one.asname or one.name) == name:
                    return _made(node.module, one.name)
    return None


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Of a module, with what is imported for type checkers only because it is loaded when it is first used."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _file(module: str) -> Path | None:
    place = ROOT / module.replace(".", "/")
    found = [one for one in (place.with_suffix(".py"), place / "__init__.py") if one.exists()]
    return found[0] if found else None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _told(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in [*node.bases, *[word.value for word in node.keywords]])
        yield f"class {node.name}({bases})"
        for member in node.body:
            if isinstance(member, ast.AnnAssign) and not _targets(member)[0].startswith("_"):
                yield f"  {ast.unparse(member)}"
            elif isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_public(member.name):
                yield from (f"  {line}" for line in _told(member))
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        marks = [mark for one in node.decorator_list if (mark := ast.unparse(one)) in _TELLING]
        word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        yield " ".join([*[f"@{mark}" for mark in marks], f"{word} {node.name}({ast.unparse(node.args)}){returns}"])
    else:
        yield ast.unparse(node)


_TELLING = ("property", "cached_property", "classmethod", "staticmethod")


def _is_public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")


def commands() -> Iterator[str]:
    """The command line: each command with its arguments and options."""
    from typer.main import get_command

    from sesevent.cli import settings
    from sesevent.cli.app import EXIT_CODES, app

    for path, command in settings.commands(get_command(app)):
        yield f"$ sesevent {' '.join(path)}"
        for one in command.params:
            if one.name != "help":
                yield f"    {' '.join(sorted(one.opts)) if one.param_type_name == 'option' else one.name.upper()}"
    yield f"exit codes: {', '.join(map(str, EXIT_CODES))}"


def snapshot() -> str:
    lines = [line for name in public_names() for line in written(name)]
    return "\n".join([*lines, "", *commands()]) + "\n"


if __name__ == "__main__":
    PUBLIC.write_text(snapshot(), encoding="utf-8")
