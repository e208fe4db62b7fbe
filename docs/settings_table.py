"""Every setting there is, wherever it may be made: printed from the commands, and from signatures of what is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import sesevent
from sesevent import webhook
from sesevent.cli import reference, settings
from sesevent.monitoring.texts import span

Row = tuple[str, ...]
HEAD = ("setting", "command line", "environment", "file", "in Python", "default")

_IN_PYTHON = {
    "uri": "`connect(uri)`", "database": "`connect(database=)`", "collection": "`connect(collection=)`",
    "timeout": "`connect(timeout_seconds=)`", "policy": "`connect(policy=Policy.load(path))`",
    "privacy": "`connect(privacy=Protection.load(path, …))`", "privacy_keys": "`connect(privacy=Protection(…, keys))`",
    "encryption": "`connect(encryption=Encryption.load(path))`", "stream": "`stream=` of each call",
    "tenant": "`tenant=` of each call", "by": "`by=` of each call", "tz": "`tz=` of each call", "json": "",
}  # fmt: skip
"""Common option → where the same is said in Python."""
_ONLY_IN_PYTHON = {
    "write_concern=": "how many members acknowledge a write",
    "clock=": "what tells the time: for tests",
    "**options": "whatever PyMongo's client takes, also in the URI",
}
"""Argument of `connect` that has no option → what it is."""
_ONLY_IN_THE_ENVIRONMENT = {
    "SESEVENT_PRIVACY_KEYS": "the keys of pseudonyms themselves, where no file holds them",
}


def common(root: Any) -> Iterator[Row]:
    """What means the same everywhere, then what only one place knows."""
    defaults = _defaults(root)
    for name, one in settings.COMMON.items():
        option = f"`--{name.replace('_', '-')}`"
        default = f"`{defaults[name]}`" if defaults.get(name) else ""
        yield one.words, option, f"`{one.variable}`", f"`{name.replace('_', '-')}`", _IN_PYTHON[name], default
    yield "file with settings", "`--config`", "`SESEVENT_CONFIG`", "", "", "`sesevent.toml`, …"
    words = "go on without keys of people, for figures alone"
    yield words, "`--without-keys`", "`SESEVENT_WITHOUT_KEYS`", "", "`connect(without_keys=True)`", ""
    for name, words in _ONLY_IN_THE_ENVIRONMENT.items():
        yield words, "", f"`{name}`", "", "`connect(privacy=Protection(…, keys))`", ""
    for name, words in _ONLY_IN_PYTHON.items():
        yield words, "", "", "", f"`connect({name})`", ""


def _defaults(root: Any) -> dict[str, Any]:
    """What a common option is where nobody says, as far as all commands agree."""
    found: dict[str, set[Any]] = {}
    for _, command in settings.commands(root):
        for one in command.params:
            if one.param_type_name == "option" and reference.is_common(one) and not callable(one.default):
                found.setdefault(one.name, set()).add(one.default)
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}


def of_commands(root: Any) -> Iterator[Row]:
    """Every other option, command by command."""
    for path, command in settings.commands(root):
        for one in command.params:
            if one.param_type_name == "option" and one.name != "help" and not reference.is_common(one):
                names = [*one.opts, *one.secondary_opts, *([one.envvar] if one.envvar else ())]
                told = reference._escaped(one.help or "")
                default = "required" if one.required else reference._default(one)
                yield f"`sesevent {' '.join(path)}`", ", ".join(f"`{name}`" for name in names), told, default


def of_calls() -> Iterator[Row]:
    """Arguments that are settings, of what a service calls once."""
    for shown, called in _called().items():
        for parameter in inspect.signature(called).parameters.values():
            if parameter.name in ("self", "cls", "store", "client", "client_options", "settings"):
                continue
            kind = str(parameter.annotation).replace("'", "").removesuffix(" | None")
            yield f"`{shown}`", f"`{parameter.name}`", f"`{kind}`", _shown(parameter)


def _shown(parameter: inspect.Parameter) -> str:
    """A default as a person would write it."""
    value = parameter.default
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or value is None:
        return ""
    if value is inspect.Parameter.empty:
        return "required"
    if isinstance(value, timedelta):
        return span(value)
    text = repr(value)
    if isinstance(value, Mapping):
        return "" if not value else f"`{dict(value)!r}`"
    return "its own" if len(text) > 60 or "<" in text else f"`{text}`"


def _called() -> dict[str, Callable[..., Any]]:
    from sesevent import unsubscribe
    from sesevent.contrib import aws_lambda, cloudwatch, measurements, prometheus, sqs
    from sesevent.contrib.archive import place_at
    from sesevent.contrib.projections import Projector
    from sesevent.web import create_app

    return {
        "EventStore.connect": sesevent.EventStore.connect,
        "Verifier": sesevent.Verifier,
        "Certificates": sesevent.Certificates,
        "webhook": webhook.Settings,
        "unsubscribe": unsubscribe.Settings,
        "sqs.Worker": sqs.Worker,
        "aws_lambda.handler": aws_lambda.handler,
        "aws_lambda.http_handler": aws_lambda.http_handler,
        "aws_lambda.monitor_handler": aws_lambda.monitor_handler,
        "Guard": sesevent.Guard,
        "CachedChecks": sesevent.CachedChecks,
        "Limits": sesevent.Limits,
        "web.create_app": create_app,
        "Projector": Projector,
        "archive.place_at": place_at,
        "Received": measurements.Received,
        "StoreFigures": measurements.StoreFigures,
        "prometheus.export": prometheus.export,
        "cloudwatch.Publisher": cloudwatch.Publisher,
    }


def variables(source: Path) -> set[str]:
    """Every variable of the environment that the source names."""
    found = (
        re.findall(r"\bSESEVENT_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")) for path in source.rglob("*.py")
    )
    return {name for names in found for name in names}
