"""Every example runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(example: Path, mongodb_uri: str) -> None:
    """As it stands, and prints something."""
    environment = os.environ | {"SESEVENT_MONGODB_URI": mongodb_uri}

    assert subprocess.check_output([sys.executable, str(example)], env=environment, text=True)
