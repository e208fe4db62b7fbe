"""Every command with its options, as the reference page prints it: made of the commands themselves.

It is given the root command, and knows none by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sesevent.cli.settings import COMMON, commands, long_name

__all__ = ["common_table", "exit_table", "is_common", "sections"]


def common_table() -> str:
    """What the common options are called everywhere, as Markdown."""
    lines = ["| option | environment | file | means |", "|---|---|---|---|"]
    lines += [f"| `--{name}` | `{one.variable}` | `{name}` | {one.words} |" for name, one in COMMON.items()]
    return "\n".join(lines) + "\n"


def exit_table(codes: Mapping[int, str]) -> str:
    """What exit codes mean, as Markdown."""
    return (
        "\n".join(["| exit code | means |", "|---|---|", *[f"| {code} | {told} |" for code, told in codes.items()]])
        + "\n"
    )


def sections(root: Any) -> str:
    """A section for each command, as Markdown."""
    return "\n".join(line for path, command in commands(root) for line in _section(path, command))


def is_common(parameter: Any) -> bool:
    """Whether an option is one of those that mean the same everywhere."""
    return parameter.name in COMMON and parameter.envvar == COMMON[parameter.name].variable


def _section(path: tuple[str, ...], command: Any) -> Iterator[str]:
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    yield f"### sesevent {' '.join([*path, *[_metavar(one) for one in arguments]])}\n"
    yield f"{_escaped(_paragraphs(command.help))}\n"
    own = [one for one in options if not is_common(one)]
    rows = [*[(f"`{_metavar(one)}`", "", one.help or "") for one in arguments], *map(_row, own)]
    if rows:
        yield "| | default | means |\n|---|---|---|"
        yield "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows) + "\n"
    shared = [f"`{long_name(one)}`" for one in options if is_common(one)]
    if shared:
        yield f"Common options: {', '.join(shared)}.\n"


def _row(option: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    default = "required" if option.required else _default(option)
    variable = f" Environment: `{option.envvar}`." if option.envvar else ""
    return names, default, f"{option.help or ''}{variable}"


def _default(option: Any) -> str:
    value = option.default
    return "" if value is None or value is False or value == "" or callable(value) else f"`{value}`"


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _paragraphs(text: str | None) -> str:
    """What a docstring says, without the lines it was broken into."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _escaped(text: str) -> str:
    return text.replace("*", "\\*").replace("<", "&lt;")


def _cell(text: str) -> str:
    return (text if text.startswith("`") else _escaped(text)).replace("|", "\\|")
