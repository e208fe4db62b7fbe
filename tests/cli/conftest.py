"""The command, run as people run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from both import encrypted
from forked import Forked


@pytest.fixture(scope="session")
def encryption_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What tells commands to encrypt as the fixtures' stores do, where these do."""
    told = encrypted().get("encryption")
    if told is None:
        return {}
    place = tmp_path_factory.mktemp("encryption")
    (place / "master.key").write_text(told.master.text)
    per_person = str(told.per_person).lower()
    (place / "encryption.toml").write_text(f'per_person = {per_person}\n[local]\nkey_file = "master.key"\n')
    return {"SESEVENT_ENCRYPTION": str(place / "encryption.toml")}


@pytest.fixture
def sesevent(
    mongodb_uri: str, database: str, forked: Forked, encryption_file: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``sesevent`` with these arguments, on the test's own database where it takes one."""

    def run(*arguments: str, stdin: str = "", uri: str | None = mongodb_uri, **more: Any) -> Any:
        environment = os.environ | {"SESEVENT_MONGODB_URI": uri or "", "SESEVENT_DATABASE": database} | encryption_file
        if uri is None:
            del environment["SESEVENT_MONGODB_URI"]
        return forked.run(list(arguments), stdin, environment | more)

    return run
