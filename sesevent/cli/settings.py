"""What commands are told by the environment and by a file, and where each value comes from.

A flag goes before the environment, the environment before the file, the file before what is built in. Click keeps that
order (https://click.palletsprojects.com/en/stable/options/ tells of `default_map`); here the file is read, checked
against the commands that there are, and handed to it. Only one file is read: which, says `found`.

What is here knows nothing of stores. Next: :mod:`sesevent.cli.config`, which shows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sesevent.errors import ConfigurationError
from sesevent.tomltext import decode_toml

__all__ = [
    "COMMON", "Common", "Held", "Read", "commands", "file_of", "found", "handed_on", "long_name", "masked", "places",
    "read",
]  # fmt: skip


class Common(NamedTuple):
    """An option that means the same wherever it is."""

    variable: str
    """Of the environment."""
    words: str


COMMON: Final = {
    "uri": Common("SESEVENT_MONGODB_URI", "MongoDB to use; without one the local server that runs"),
    "database": Common("SESEVENT_DATABASE", "database; by default the URI's, else `cache`"),
    "collection": Common("SESEVENT_COLLECTION", "collection of the events"),
    "timeout": Common("SESEVENT_TIMEOUT", "seconds after which a silent server is given up"),
    "policy": Common("SESEVENT_POLICY", "TOML file with the suppression policy that every command follows"),
    "privacy": Common("SESEVENT_PRIVACY", "TOML file with what is kept of people"),
    "privacy_keys": Common("SESEVENT_PRIVACY_KEYS_FILE", "file with the keys of pseudonyms, the newest first"),
    "encryption": Common("SESEVENT_ENCRYPTION", "TOML file that names the master key of what is encrypted"),
    "stream": Common("SESEVENT_STREAM", "stream of the mail"),
    "tenant": Common("SESEVENT_TENANT", "tenant it concerns, where there are several"),
    "by": Common("SESEVENT_BY", "who says so; by default your login name"),
    "tz": Common("SESEVENT_TZ", "time zone of dates and days"),
    "json": Common("SESEVENT_JSON", "JSON lines also on a terminal"),
}
"""By the name of its parameter. These, and no others, may stand at the top of the file."""

_FILE: Final = "sesevent.toml"
_WHOLE: Final = frozenset(
    {"policy", "privacy", "privacy_keys", "encryption"}
)  # told to `sesevent` itself, not to one of its commands


class Read(NamedTuple):
    """What a file says."""

    path: Path | None
    """None where there is no file."""
    values: Mapping[str, Any]


class Held(NamedTuple):
    """What holds for the whole command."""

    told: Read
    files: Mapping[str, str | None]
    """What of `_WHOLE` is named, by a flag or by the file."""

    @property
    def policy(self) -> str | None:
        """The suppression policy's file."""
        return self.files["policy"]


def places() -> tuple[Path, ...]:
    """Where a file is looked for; the first that is there is read."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(_FILE), Path(home).expanduser() / "sesevent" / "config.toml"


def found(named: Path | None) -> Path | None:
    """The file that is named, or else the first that is there."""
    return named or next((place for place in places() if place.is_file()), None)


def read(path: Path | None) -> Read:
    """What a file says, its keys spelled as parameters are.

    Raises ConfigurationError where it cannot be read or is no TOML.
    """
    if path is None:
        return Read(None, {})
    try:
        return Read(path, _spelled(decode_toml(path.read_text(encoding="utf-8"))))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is no TOML: {error}.") from None


def file_of(told: Read, name: str) -> str | None:
    """The file that the settings name for this: beside them, unless the path says more."""
    named = told.values.get(name)
    return None if named is None or told.path is None else str(told.path.parent / named)


def handed_on(told: Read, root: Any, ctx: Any) -> dict[str, Any]:
    """The file's values for each command below *root*, in the form of Click's `default_map`.

    A key holds for every command below its table that has such an option; the nearer table goes first.
    Raises ConfigurationError, with the file's and the key's name, for a key that no command has, and for a value that
    its option does not take.
    """
    top = {name: value for name, value in told.values.items() if name in COMMON}
    tables = {name: value for name, value in told.values.items() if name not in COMMON}
    for name, value in tables.items():
        if not isinstance(value, dict):
            raise _wrong(told, name, f"is no option of every command; there are {', '.join(COMMON)}")
    for name in sorted(_WHOLE & top.keys()):
        _check(told, name, top[name], _parameters(root)[name], ctx)
    inherited = {name: (name, value) for name, value in top.items() if name not in _WHOLE}
    return _of_group(told, root, ctx, tables, inherited, "")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, below a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def long_name(parameter: Any) -> str:
    """An option as it is written on the command line."""
    return str(max(parameter.opts, key=len))


def masked(value: object) -> str:
    """A value as it may be shown: no password, token or key, whatever scheme a URL has."""
    text = str(value)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _PAIR.sub(r"\1:***@", text)
    if not scheme.startswith("mongodb"):  # where others keep their secrets is not known
        return f"{scheme}://***"
    people, at, rest = rest.rpartition("@")
    user = people.partition(":")[0] + ":***" if ":" in people else people
    return f"{scheme}://{user}{at}" + _SECRET.sub(r"\1=***", rest)


_PAIR: Final = re.compile(r"^([^:@\s]+):\S*@")
_SECRET: Final = re.compile(r"(?i)\b(\w*(?:password|passphrase|token|secret|properties)\w*)=[^&]*")


def _of_group(
    told: Read, group: Any, ctx: Any, table: Mapping[str, Any], inherited: Mapping[str, tuple[str, Any]], path: str
) -> dict[str, Any]:
    """For each of a group's commands what holds for it: *inherited*, by parameter, with the key that says so."""
    names = {name.replace("-", "_"): name for name in group.commands}
    below: dict[str, Any] = {}
    for key, value in table.items():
        if key not in names or not isinstance(value, dict):
            where = f" of sesevent {path.replace('.', ' ').strip()}" if path else ""
            raise _wrong(told, path + key, f"is no command{where}; there are {', '.join(group.commands)}")
    for key, name in names.items():
        command, own = group.commands[name], table.get(key, {})
        here = f"{path}{key}."
        if hasattr(command, "commands"):
            subtables = {sub: value for sub, value in own.items() if isinstance(value, dict)}
            values = {sub: value for sub, value in own.items() if sub not in subtables}
            known = {option for _, one in commands(command) for option in _parameters(one)}
            _all_known(told, here, values, known)
            shared = {**inherited, **{option: (here + option, value) for option, value in values.items()}}
            below[name] = _of_group(told, command, ctx, subtables, shared, here)
        else:
            below[name] = _of_command(told, command, ctx, own, inherited, here)
    return below


def _of_command(
    told: Read, command: Any, ctx: Any, own: Mapping[str, Any], inherited: Mapping[str, tuple[str, Any]], path: str
) -> dict[str, Any]:
    parameters = _parameters(command)
    _all_known(told, path, own, set(parameters))
    holds = {
        name: told_by
        for name, told_by in inherited.items()
        if name in parameters and _is_meant(told_by, parameters[name])
    } | {name: (path + name, value) for name, value in own.items()}
    for name, (key, value) in holds.items():
        _check(told, key, value, parameters[name], ctx)
    return {name: value for name, (_, value) in holds.items()}


def _is_meant(told_by: tuple[str, Any], parameter: Any) -> bool:
    """A key at the top means the common option, and no other that happens to have its name."""
    key = told_by[0]
    return "." in key or parameter.envvar == COMMON[key].variable


def _parameters(command: Any) -> dict[str, Any]:
    return {one.name: one for one in command.params if one.param_type_name == "option" and one.name != "help"}


def _all_known(told: Read, path: str, given: Mapping[str, Any], known: set[str]) -> None:
    for name in given:
        if name not in known:
            there = ", ".join(sorted(option.replace("_", "-") for option in known))
            raise _wrong(told, path + name, f"is no option there; there are {there}")


def _check(told: Read, key: str, value: Any, parameter: Any, ctx: Any) -> None:
    kinds, words = _kinds(parameter)
    several = value if parameter.multiple else [value]
    if not isinstance(several, list):
        raise _wrong(told, key, f"must be a list of {words}s")
    for one in several:
        if not isinstance(one, kinds) or (isinstance(one, bool) and kinds is not bool):
            is_ = "a text" if isinstance(one, str) else repr(one)  # a text may be a secret
            raise _wrong(told, key, f"must be {'' if kinds is bool else 'a '}{words}, and is {is_}")
    try:
        parameter.process_value(ctx, value)
    except Exception as error:
        if not hasattr(error, "format_message"):  # of whichever Click typer brings along
            raise
        raise _wrong(told, key, f"is not accepted: {getattr(error, 'message', '')}") from None


def _kinds(parameter: Any) -> tuple[Any, str]:
    """Which values of TOML an option takes, and their name for people."""
    if parameter.is_flag:
        return bool, "true or false"
    # Typer 0.29 has its own types beside its parameters; before, Click's were there.
    described = getattr(parameter, "type_descriptor", None)
    kind = described.annotation if described is not None else _CLICKS.get(parameter.type.name.partition(" ")[0])
    if kind is int:
        return int, "whole number"
    return ((int, float), "number") if kind is float else (str, "text")


_CLICKS: Final = {"integer": int, "float": float}


def _wrong(told: Read, key: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{told.path}: {key.replace('_', '-')} {why}.")


def _spelled(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key.replace("-", "_"): _spelled(value) if isinstance(value, dict) else value for key, value in table.items()
    }
