"""What others are given: the wheel holds the package and nothing else, the sdist all that it takes to carry on."""

from __future__ import annotations

import email
import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from package import matrix, smokes

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("release_checks", ROOT / ".ci" / "release" / "checks.py")
checks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(checks)
pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what belongs to the repository is asked of git"),
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="without hatchling it takes a network"),
]
NOT_FOR_USERS = {"all", "dev", "docs"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was made from it."""
    place = tmp_path_factory.mktemp("dist")
    checks.build(place, "--no-isolation")
    return place


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (file,) = built.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def told(wheel: zipfile.ZipFile) -> Message:
    """The wheel's metadata."""
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Rules, templates, scripts and `py.typed` are part of it."""
    names = wheel.namelist()
    assert checks.wrong_with_wheel(names, checks.tracked()) == []
    assert {"sesevent/py.typed", "sesevent/bounces/rules/words.toml", "sesevent/web/dashboard/static/uplot.js"} <= {
        *names
    }
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_all_of_the_repository(built: Path) -> None:
    """Tests, documentation and how to contribute; a packager needs no clone."""
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as sdist:
        assert checks.wrong_with_sdist(sdist.getnames(), checks.tracked()) == []


def test_the_repository_and_the_sdist_make_the_same_wheel(built: Path, tmp_path: Path) -> None:
    """To the byte: whoever has the source can prove what the wheel was made of."""
    (file,) = built.glob("*.whl")
    checks.build(tmp_path, "--no-isolation", "--wheel")
    assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_the_metadata_says_what_pyproject_says(told: Message) -> None:
    """The version, the Pythons, the license, the README, and the command."""
    assert told["Version"] == checks.version()
    assert (told["Requires-Python"], told["License-Expression"]) == (">=3.10", "MIT")
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload().startswith("# sesevent\n")
    assert "Typing :: Typed" in told.get_all("Classifier", [])
    assert matrix.supported()[0] == "3.10"


def test_every_extra_has_a_smoke(told: Message) -> None:
    """What must work with it, and what is said without it."""
    assert set(smokes.SMOKES) == set(told.get_all("Provides-Extra", [])) - NOT_FOR_USERS
    assert set(matrix.SETS) >= {"none", "all", *smokes.SMOKES}


def test_all_is_all_but_the_frameworks(told: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README says; whoever adds an extra adds it there too."""
    monkeypatch.setattr(metadata, "requires", lambda name: told.get_all("Requires-Dist"))
    each = [smokes.brings(extra) for extra in smokes.SMOKES if extra not in {"django", "fastapi", "flask"}]
    assert smokes.brings("all") == set().union(*each)


def test_what_an_extra_brings_is_read_from_the_metadata(told: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extras within extras too."""
    monkeypatch.setattr(metadata, "requires", lambda name: told.get_all("Requires-Dist"))
    assert smokes.brings("query") == {"pyarrow", "boto3", "duckdb"}
    assert smokes.brings("flask") == {"cryptography", "flask"}
    assert smokes.brings("encryption") == {"pymongo[encryption]", "cryptography", "boto3"}
    assert smokes.brings("nonsense") == set()


def test_the_table_of_the_readme_names_only_extras_that_are(told: Message) -> None:
    """Nearly all of them, and none that was renamed."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\w+", row)}
    assert len(named) > 15
    assert named <= set(told.get_all("Provides-Extra", [])) - {"dev", "docs"}


def test_it_works_from_the_wheel_where_the_source_is_not(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Rules and tables are read from where they were installed."""
    wheel.extractall(tmp_path)
    script = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import json, sesevent
from sesevent import classify, parse, testing
from sesevent.analytics.providers import providers
from sesevent.events.machines import machines
(event,) = parse(json.dumps(testing.bounce(to="ann@example.com")))
print(json.dumps([sesevent.__file__, event.type, classify(diagnostic="550 5.1.1 user unknown").reason,
                  len(providers()) > 3, len(machines()) > 3]))"""
    command = [sys.executable, "-I", "-c", script]
    found: list[Any] = json.loads(subprocess.check_output(command, cwd=tmp_path, text=True))
    assert found == [str(tmp_path / "sesevent" / "__init__.py"), "Bounce", "user_unknown", True, True]
