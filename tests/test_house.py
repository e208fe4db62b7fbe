"""The house itself: its front door, its layers, its two faces, its promises about imports and words."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sesevent
from sesevent import aio, payloads, sync
from sesevent.analytics.status import PRECEDENCE
from sesevent.contrib.projections import projector
from sesevent.events.parse import EVENT_CLASSES
from sesevent.faces import (
    analytics,
    audit,
    compliance,
    encryption,
    histories,
    keeping,
    migration,
    monitor,
    privacy,
    retention,
    storage,
    tokens,
    watch,
)
from sesevent.storage.layout import INDEXES, POLLING
from sesevent.suppression.rules import RULES

PACKAGE = Path(sesevent.__file__).parent

FACES = [
    (sync.EventStore, aio.AsyncEventStore),
    (sync.Bookmarks, aio.AsyncBookmarks),
    (sync.EventRepository, aio.AsyncEventRepository),
    (sync.SuppressionList, aio.AsyncSuppressionList),
    (sync.Results, aio.AsyncResults),
    (sync.DeadLetters, aio.AsyncDeadLetters),
    (watch.Watch, watch.AsyncWatch),
    (monitor.Monitor, monitor.AsyncMonitor),
    (histories.RecipientHistory, histories.AsyncRecipientHistory),
    (projector.Projector, projector.AsyncProjector),
    (analytics.Analytics, analytics.AsyncAnalytics),
    (audit.Audit, audit.AsyncAudit),
    (keeping.Keeping, keeping.AsyncKeeping),
    (migration.Migration, migration.AsyncMigration),
    (retention.Retaining, retention.AsyncRetaining),
    (privacy.Privacy, privacy.AsyncPrivacy),
    (compliance.Compliance, compliance.AsyncCompliance),
    (storage.Storage, storage.AsyncStorage),
    (tokens.Tokens, tokens.AsyncTokens),
    (encryption.Encrypting, encryption.AsyncEncrypting),
]


def loaded_by(code: str, *modules: str) -> list[str]:
    script = f"import sys; {code}; print([name for name in {modules!r} if name in sys.modules])"
    return eval(subprocess.check_output([sys.executable, "-c", script], text=True))  # our own print


def test_the_front_door_and_its_type_hints_name_the_same() -> None:
    """A name added to one must be added to the other."""
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    hinted = set(re.findall(r"^    from \S+ import (\w+) as \1$", source, re.MULTILINE))

    assert sorted(hinted) == sesevent.__all__
    assert all(getattr(sesevent, name) is not None for name in sesevent.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sesevent.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import sesevent",
        'import sesevent; sesevent.parse(\'{"eventType": "Send", "mail": {}}\')[0].model_dump()',
        "import sesevent.suppression.decision, sesevent.suppression.standing",
        "import sesevent.local, sesevent.testing",
    ],
)
def test_the_core_loads_no_driver(code: str) -> None:
    """Parsing and deciding need neither pymongo nor mongoengine."""
    assert loaded_by(code, "pymongo", "bson", "mongoengine", "typer", "rich") == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Names are loaded when they are used."""
    assert loaded_by("import sesevent", "pydantic", "dateutil", "sesevent.events.event") == []


@pytest.mark.parametrize(("ours", "theirs"), FACES)
def test_the_two_faces_agree(ours: type, theirs: type) -> None:
    """Names, parameters, defaults and docstrings; only the colour differs."""

    def told(face: type) -> dict[str, Any]:
        found = {}
        for name, member in inspect.getmembers(face):
            if not name.startswith("_") and callable(member):
                parameters = [
                    (parameter.name, parameter.kind, parameter.default)
                    for parameter in inspect.signature(member).parameters.values()
                ]
                found[name] = parameters, (member.__doc__ or "").replace("Async", "")
        return found

    assert told(ours) == told(theirs)


def test_the_lean_reader_knows_every_kinds_body() -> None:
    """Or an event would lose it where msgspec is installed."""
    known = payloads._Payload.__annotations__

    assert {cls.body for cls in EVENT_CLASSES.values()} <= set(known)
    assert {cls.named_in.list for cls in EVENT_CLASSES.values() if cls.named_in.holder == "mail"} <= set(
        payloads._Mail.__annotations__
    )


def test_every_table_row_has_a_reason() -> None:
    """The rule is a table, and the table says why."""
    assert all(index.serves for indexes in (*INDEXES.values(), POLLING) for index in indexes)
    assert all(rule.why and rule.sentence for rule in RULES)
    assert all(row.why and row.told_by for row in PRECEDENCE)


def test_nothing_below_the_faces_reads_a_clock_the_environment_or_chance() -> None:
    """Time is an argument; so a test, a replay and a rebuild can say what time it is."""
    pure = ["events", "sns", "suppression", "analytics", "monitoring", "plans", "storage"]
    banned = re.compile(r"\b(datetime\.now|time\.time|os\.environ|import random|utcnow)\b")
    found = [
        str(file)
        for room in pure
        for file in (PACKAGE / room).rglob("*.py")
        if banned.search(file.read_text(encoding="utf-8")) and file.name != "connection.py"  # holds the faces' default
    ]

    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    """In its first docstring."""
    silent = [str(file) for file in PACKAGE.rglob("*.py") if not file.read_text(encoding="utf-8").startswith('"""')]

    assert silent == []


def test_no_named_tuple_is_generic() -> None:
    """Python 3.10 refuses to import such a class."""
    generic = re.compile(r"^class \w+\((?:NamedTuple, Generic|Generic\[.+\], NamedTuple)", re.MULTILINE)
    assert [str(file) for file in PACKAGE.rglob("*.py") if generic.search(file.read_text(encoding="utf-8"))] == []


def test_the_words_of_the_field_are_used() -> None:
    """Suppression is the standard term."""
    assert [
        str(file) for file in PACKAGE.rglob("*.py") if "blacklist" in file.read_text(encoding="utf-8").lower()
    ] == []
