"""What can be changed in a module so that a test should notice: one table of small changes, applied to its syntax tree.

It runs nothing. Next: `run.py`, which tries them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

Functions = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mutant(NamedTuple):
    """One change of one module."""

    file: str
    """Below the root, with slashes."""
    number: int
    """Among the changes of this file."""
    line: int
    lines: tuple[int, int]
    """First and last line of the statement, or of its head."""
    within: str
    """The function or class, as in ``Policy.load``; empty at module level."""
    function: tuple[str, int] | None
    """Name and line of the outermost function whose body has the change; None where importing the module runs it."""
    text: str
    """The source line."""
    change: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is known by when other lines of the file have moved."""
        return self.file, self.within, self.text, self.change

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.change}    [{self.text}]"


def mutants_of(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a file."""
    source = (root / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    found = []
    for number, change in enumerate(_changes(ast.parse(source))):
        line = getattr(change.node, "lineno", None) or change.node.target.lineno  # a comprehension has none
        said = _said(change.node, change.new)
        place = change.place
        found.append(
            Mutant(file, number, line, place.lines, place.within, place.function, lines[line - 1].strip(), said)
        )
    return found


def mutated(root: Path, file: str, number: int) -> CodeType:
    """The module's code with this change made."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    change = next(change for place, change in enumerate(_changes(tree)) if place == number)
    change.slot.put(change.new)
    return compile(ast.fix_missing_locations(tree), str(root / file), "exec", dont_inherit=True)


# --- where -----------------------------------------------------------------------------------------------------------


class _Slot(NamedTuple):
    """Where a node hangs in the tree."""

    parent: ast.AST
    field: str
    place: int | None

    def put(self, new: ast.AST) -> None:
        if self.place is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.place] = new


class _Place(NamedTuple):
    within: str = ""
    function: tuple[str, int] | None = None
    lines: tuple[int, int] = (0, 0)


class _Change(NamedTuple):
    node: Any
    new: ast.AST
    slot: _Slot
    place: _Place


LEFT_AS_IT_IS = {
    "annotations": "types are for mypy and pyright to judge",
    "`cast(…)`, `TypeVar(…)`, `NewType(…)`, type aliases": "the same",
    "decorators": "a cache that is missing changes speed and nothing else; any other, and nothing works",
    "bases of classes": "they are no choice of a value",
    "`__all__`": "held by the snapshot of the public API",
    "`__slots__`": "changes memory and nothing else",
    "`model_config`": "said in pydantic's words",
    "`lru_cache(…)`": "how much is remembered changes speed and nothing else",
    "`color=`, `alpha=`, `figsize=` and the like": "how a picture looks is judged by eye; what it shows is not left out",
    "`zip(…, strict=False)` without `strict`": "it says what is the default",
    "imports, `if TYPE_CHECKING:`": "what is missing is seen at once",
    "`assert`": "it is a test itself",
    "docstrings": "they do nothing",
    "words within a sentence": "a test may ask that there is a sentence, and must not copy it: it is left out as a whole",
}
"""What no change is made in, and why."""

_NOT_ENTERED = ("annotation", "returns", "decorator_list", "bases", "type_params")
_NOT_NAMES = ("__all__", "__slots__", "model_config")
_NOT_KEYWORDS = (
    "alpha", "color", "figsize", "fontsize", "fontweight", "frameon", "ha", "height_ratios", "layout", "linewidth", "loc",
    "markersize", "rotation", "va",
)  # fmt: skip
_NOT_CALLS = ("cast", "NewType", "TypeVar", "lru_cache")


def _changes(tree: ast.Module) -> Iterator[_Change]:
    yield from _below(tree, _Place())


def _below(node: ast.AST, place: _Place) -> Iterator[_Change]:
    for field, value in ast.iter_fields(node):
        if field in _NOT_ENTERED or (isinstance(node, ast.ClassDef) and field == "keywords"):
            continue
        members = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, member in members:
            if isinstance(member, ast.AST):
                yield from _at(member, _Slot(node, field, index), place)


def _at(node: ast.AST, slot: _Slot, place: _Place) -> Iterator[_Change]:
    if _left(node, slot):
        return
    place = _entered(node, slot, place)
    for kinds, change in OPERATORS:
        if isinstance(node, kinds):
            for new in change(node, slot):
                yield _Change(node, new, slot, place)
    yield from _below(node, place)


def _entered(node: ast.AST, slot: _Slot, place: _Place) -> _Place:
    """The place of what stands in this node."""
    parent = slot.parent
    if slot.field == "body" and isinstance(parent, Functions) and place.function is None:
        place = place._replace(function=(parent.name, min([parent.lineno, *(d.lineno for d in parent.decorator_list)])))
    if isinstance(node, (*Functions, ast.ClassDef)):
        place = place._replace(within=f"{place.within}.{node.name}".lstrip("."))
    if isinstance(node, ast.stmt):
        body = getattr(node, "body", None) or getattr(node, "cases", None)
        last = max(node.lineno, _first_line(body[0]) - 1) if isinstance(body, list) else node.end_lineno or node.lineno
        place = place._replace(lines=(node.lineno, last))
    return place


def _first_line(node: Any) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


def _left(node: ast.AST, slot: _Slot) -> bool:
    """Is this left as it is, with all that stands in it?"""
    if isinstance(node, (ast.Assert, ast.Import, ast.ImportFrom)):
        return True  # an assertion is a test itself
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    if isinstance(node, ast.keyword) and node.arg in _NOT_KEYWORDS:
        return True
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Literal", "Union"):
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        typed = isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation)
        return typed or any(isinstance(one, ast.Name) and one.id in _NOT_NAMES for one in targets)
    return isinstance(node, ast.Call) and _called(node) in _NOT_CALLS


def _called(call: ast.Call) -> str:
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


# --- what ------------------------------------------------------------------------------------------------------------

_COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_PEERS = {
    name: other
    for pair in (
        ("lower", "upper"), ("lstrip", "rstrip"), ("startswith", "endswith"), ("partition", "rpartition"),
        ("split", "rsplit"), ("find", "rfind"), ("removeprefix", "removesuffix"), ("min", "max"), ("any", "all"),
    )
    for name, other in (pair, pair[::-1])
}  # fmt: skip
_PEERS |= {"sorted": "list", "casefold": "upper", "setdefault": "get", "intersection": "union", "union": "intersection"}


def _comparison(node: ast.Compare, slot: _Slot) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        new = deepcopy(node)
        new.ops[place] = _COMPARISONS[type(operator)]()
        yield new


def _boolean(node: ast.BoolOp, slot: _Slot) -> Iterator[ast.AST]:
    new = deepcopy(node)
    new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield new


def _arithmetic(node: Any, slot: _Slot) -> Iterator[ast.AST]:
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    joins = isinstance(node.op, ast.Add) and any(
        isinstance(side, (ast.JoinedStr, ast.List, ast.Tuple)) or _is_text(side) for side in sides
    )
    if type(node.op) in _ARITHMETIC and not joins:  # texts and lists have no other operator than «+»
        new = deepcopy(node)
        new.op = _ARITHMETIC[type(node.op)]()
        yield new


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _unary(node: ast.UnaryOp, slot: _Slot) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield deepcopy(node.operand)


def _constant(node: ast.Constant, slot: _Slot) -> Iterator[ast.AST]:
    if isinstance(slot.parent, (ast.JoinedStr, ast.FormattedValue)):
        return  # the whole is emptied
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        # Sentences are for people: a test may ask that there is one, and must not copy it.
        yield ast.Constant("" if re.search(r"\w\W? \w+\W? \w", value) else f"XX{value}XX")
    elif isinstance(value, bytes):
        yield ast.Constant(b"XX" + value + b"XX")


def _text(node: ast.JoinedStr, slot: _Slot) -> Iterator[ast.AST]:
    if not isinstance(slot.parent, ast.FormattedValue):
        yield ast.Constant("")


def _condition(node: Any, slot: _Slot) -> Iterator[ast.AST]:
    if not isinstance(node.test, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)):
        new = deepcopy(node)
        new.test = ast.UnaryOp(ast.Not(), new.test)
        yield new


def _filter(node: ast.comprehension, slot: _Slot) -> Iterator[ast.AST]:
    for place in range(len(node.ifs)):
        new = deepcopy(node)
        del new.ifs[place]
        yield new


def _returned(node: ast.Return, slot: _Slot) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _left_out(node: Any, slot: _Slot) -> Iterator[ast.AST]:
    targets = getattr(node, "targets", ())
    if not targets or not all(isinstance(target, ast.Name) for target in targets):
        yield ast.Pass()


def _loop(node: Any, slot: _Slot) -> Iterator[ast.AST]:
    yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def _keyword(node: ast.Call, slot: _Slot) -> Iterator[ast.AST]:
    for place, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in _NOT_KEYWORDS and ast.unparse(keyword) != "strict=False":
            new = deepcopy(node)
            del new.keywords[place]
            yield new


def _peer(node: ast.Call, slot: _Slot) -> Iterator[ast.AST]:
    other = _PEERS.get(_called(node))
    if other is None or (other in ("upper", "casefold") and node.args):
        return
    if other in ("split", "rsplit") and len(node.args) < 2 and not node.keywords:
        return  # all parts are the same from either end
    new = deepcopy(node)
    if isinstance(new.func, ast.Name):
        new.func.id = other
    elif isinstance(new.func, ast.Attribute) and other not in ("any", "all", "list", "min", "max"):
        new.func.attr = other
    else:
        return
    new.keywords = [] if other == "list" else new.keywords
    yield new


def _lambda(node: ast.Lambda, slot: _Slot) -> Iterator[ast.AST]:
    if not (isinstance(node.body, ast.Constant) and node.body.value is None):
        yield ast.Lambda(deepcopy(node.args), ast.Constant(None))


Operator = Callable[[Any, _Slot], Iterable[ast.AST]]
OPERATORS: tuple[tuple[Any, Operator], ...] = (
    (ast.Compare, _comparison),  # bounds, and the opposite
    (ast.BoolOp, _boolean),
    ((ast.BinOp, ast.AugAssign), _arithmetic),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    (ast.JoinedStr, _text),
    ((ast.If, ast.While, ast.IfExp), _condition),
    (ast.comprehension, _filter),
    (ast.Return, _returned),
    ((ast.Expr, ast.Raise, ast.Delete, ast.Assign), _left_out),  # of assignments only those to members
    ((ast.Break, ast.Continue), _loop),
    (ast.Call, _keyword),  # what is told by name, left to its default
    (ast.Call, _peer),
    (ast.Lambda, _lambda),
)


def _said(old: Any, new: Any) -> str:
    if isinstance(old, ast.Call):
        called = _short(old.func)
        if isinstance(new, ast.Call) and ast.unparse(new.func) == ast.unparse(old.func):
            gone = next(
                one
                for place, one in enumerate(old.keywords)
                if place >= len(new.keywords) or one.arg != new.keywords[place].arg
            )
            return f"{called}(…) without {_short(gone)}"
        return f"{called}(…) → {_short(new.func)}(…)"
    return f"{_short(old)} → {_short(new)}"


def _short(node: ast.AST) -> str:
    if isinstance(node, (ast.If, ast.While)):
        said = f"{type(node).__name__.lower()} {ast.unparse(node.test)}:"
    elif isinstance(node, ast.IfExp):
        said = f"… if {ast.unparse(node.test)} else …"
    else:
        said = re.sub(r"\s+", " ", ast.unparse(node)).strip()
    return said if len(said) <= 100 else said[:99] + "…"
