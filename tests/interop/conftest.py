"""A real Mongoose, for every test beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def node_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mongoose from npm, and the scripts that use it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node.js on this machine")
    home = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "mongoose@8"]
    installed = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"npm cannot install mongoose here: {installed.stderr[-200:]}")
    for script in Path(__file__).parent.glob("*.mjs"):
        shutil.copy(script, home)
    return home
