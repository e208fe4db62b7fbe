"""The command, run as people run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from forked import Forked


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """What starts commands, and has imported them already."""
    started = Forked()
    yield started
    started.end()


@pytest.fixture
def sesevent(mongodb_uri: str, database: str, forked: Forked) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``sesevent`` with these arguments, on the test's own database where it takes one."""

    def run(*arguments: str, stdin: str = "", uri: str | None = mongodb_uri, **more: Any) -> Any:
        environment = os.environ | {"SESEVENT_MONGODB_URI": uri or "", "SESEVENT_DATABASE": database}
        if uri is None:
            del environment["SESEVENT_MONGODB_URI"]
        return forked.run(list(arguments), stdin, environment | more, timeout=60)

    return run
