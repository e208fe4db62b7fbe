"""The tutorial, word for word: what it has typed is run in an empty folder, and what it says comes out does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesevent import ConfigurationError, local

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "first-steps.md"
INSTALLING = ("python3 -m venv", ".venv/bin/pip ")

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


class Reader:
    """Somebody who does what the page says, with what is installed here in place of ``.venv``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.code, self.printed = folder, "", ""
        told = {name: value for name, value in os.environ.items() if not name.startswith("SESEVENT_")}
        self.environment = told | {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "COLUMNS": "120"}

    def type(self, line: str) -> str:
        here = str(Path(sys.executable).parent)
        typed = line.replace(".venv/bin/", f"{here}/")
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", typed], cwd=self.folder, env=self.environment, text=True,
            capture_output=True, timeout=100,
        )  # fmt: skip
        assert done.returncode in (0, 3 if "suppression check" in line else 0), f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def blocks() -> Iterator[tuple[str, str]]:
    """The page's blocks, in order: what they are, and what is in them."""
    yield from re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    try:
        local.find_mongod()
    except ConfigurationError as error:
        pytest.skip(str(error))
    reader = Reader(tmp_path)
    yield reader
    reader.type(".venv/bin/sesevent local stop || true")


@pytest.mark.timeout(300)
def test_the_tutorial_word_for_word(reader: Reader) -> None:
    """Its file grows as it is told to, its commands succeed, and what it prints is what the page shows."""
    said = ""
    for kind, text in blocks():
        if kind == "python":
            reader.code += text
            (reader.folder / "first.py").write_text(reader.code, encoding="utf-8")
        elif kind == "text":
            shown = reader.printed + text
            assert reader.type(".venv/bin/python first.py") == shown
            reader.printed = shown
        else:
            said += "".join(reader.type(line) for line in text.splitlines() if line and not line.startswith(INSTALLING))

    assert '"events": 24, "fresh": 24' in said
    assert said.count('"type": "Bounce"') == 1
    assert '"allowed": true' in said
    assert '"sentence": "Do not send: mail to this address bounced for good, since 2024-05-01."' in said
    assert '"stopped": true' in said
