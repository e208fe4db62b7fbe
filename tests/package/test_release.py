"""What is decided before a version is given to others, and the lock that development may start from."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / ".ci" / "release").exists(), reason="what makes a release is not here")


def _of_release(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"release_{name}", ROOT / ".ci" / "release" / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    if (ROOT / ".ci" / "release").exists():
        spec.loader.exec_module(module)
    return module


checks, lock, reach = map(_of_release, ("checks", "lock", "reach"))
TODAY = date(2024, 5, 1)
LOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2024-05-01\n\n### Added\n\n- `Guard.wrap` wraps.\n\n## [1.1.0] - 2024-01-01\n"


# ── the version and the changelog ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "tags", "said"),
    [
        ("1.2.0", [], None),
        ("1.2.0", ["v1.1.0", "v0.9.0", "nightly"], None),
        ("1.10.0", ["v1.9.0"], None),
        ("1.2.0", ["v1.2.0"], "tagged already"),
        ("1.2.0", ["v1.10.0"], "less than 1.10.0"),
        ("1.2", [], "no version"),
        ("1.2.0rc1", [], "no version"),
    ],
)
def test_a_version_is_new_and_follows_the_last(version: str, tags: list[str], said: str | None) -> None:
    """As numbers, not as text."""
    found = list(checks.wrong_with_version(version, tags))
    assert len(found) == (said is not None)
    assert all(said in one for one in found)


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        (LOG, None),
        (LOG.replace("## [Unreleased]\n\n", ""), None),
        (LOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n- more\n"), "unreleased"),
        (LOG.replace("1.2.0", "1.3.0"), "no section"),
        (LOG.replace("- `Guard.wrap` wraps.", ""), "says nothing"),
        (LOG.replace("2024-05-01", "2024-05-02"), "not yet"),
        (LOG.replace(" - 2024-05-01", ""), "the day"),
    ],
)
def test_a_changelog_tells_of_the_version(changelog: str, said: str | None) -> None:
    """What it brings, and since when; nothing waits above it."""
    found = list(checks.wrong_with_changelog(changelog, "1.2.0", TODAY))
    assert len(found) == (said is not None)
    assert all(said in one for one in found)


# ── the API ──────────────────────────────────────────────────────────────────────────────────

API = """sesevent.Guard:
  class Guard()
    def wrap(self, client: Any) -> Any
sesevent.parse:
  def parse(raw: Raw) -> list[Event]

$ sesevent demo
    --web
$ sesevent parse
    FILE
exit codes: 0, 1
"""


@pytest.mark.parametrize(
    ("change", "told", "said"),
    [
        (("", ""), "", []),
        (("sesevent.parse:", "sesevent.new:\n  def new()\nsesevent.parse:"), "", []),
        (("client: Any", "client: Any, deep: bool"), "`Guard` wraps more", []),
        (("client: Any", "client: Any, deep: bool"), "something", ["what became of sesevent.Guard"]),
        (("    --web\n", ""), "no pages in the demo", []),
        (("    --web\n", ""), "", ["what became of $ sesevent demo"]),
        (("exit codes: 0, 1", "exit codes: 0"), "", ["what became of exit codes"]),
        (("sesevent.parse:\n  def parse(raw: Raw) -> list[Event]\n", ""), "`parse` went", ["nothing away"]),
    ],
)
def test_what_changes_in_the_api_is_told_by_name(change: tuple[str, str], told: str, said: list[str]) -> None:
    """What is new need not be; what goes needs a version that may take away."""
    now = API.replace(*change) if change[0] else API
    found = list(checks.wrong_with_api(API, now, told, "1.2.0", "1.1.0"))
    assert len(found) == len(said)
    assert all(part in one for part, one in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("version", "last", "may"),
    [("2.0.0", "1.9.9", True), ("1.10.0", "1.9.0", False), ("0.2.0", "0.1.9", True), ("0.1.2", "0.1.1", False)],
)
def test_only_a_major_version_takes_away(version: str, last: str, may: bool) -> None:
    """Before the first one, a minor version does."""
    assert checks.may_take_away(version, last) is may


# ── links ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("[a](other.md)", True),
        ("[a](other.md#two-words)", True),
        ("[a](../README.md)", True),
        ("[a](#here)\n\n# Here", True),
        ("[a](https://example.com/x#y)", True),
        ("```\n[a](missing.md)\n```", True),
        ("[a](missing.md)", False),
        ("[a](other.md#three)", False),
        ("[a](#there)\n\n# Here", False),
    ],
)
def test_a_link_leads_to_a_file_and_its_heading(text: str, good: bool) -> None:
    """Of the repository; what is elsewhere is not asked."""
    there = {"docs/other.md": {"two-words"}, "README.md": set(), "docs/page.md": checks.headings(text)}
    found = list(checks.broken_links("docs/page.md", text, there.get))
    assert (found == []) is good


def test_no_link_of_this_repository_leads_nowhere() -> None:
    """Of the pages, and of the files beside them."""
    assert checks.links() == []


# ── the files ────────────────────────────────────────────────────────────────────────────────


def test_what_is_missing_or_too_much_in_a_file_is_named() -> None:
    """Of the wheel only the package counts; the sdist has everything."""
    tracked = ["sesevent/a.py", "sesevent/py.typed", "README.md"]
    assert checks.wrong_with_wheel(["sesevent/a.py", "sesevent/py.typed", "x-1.dist-info/RECORD"], tracked) == []
    assert checks.wrong_with_wheel(["sesevent/a.py", "tests/b.py"], tracked) == [
        "the wheel has tests/b.py, which is not in the repository.", "the wheel lacks sesevent/py.typed.",
    ]  # fmt: skip
    assert checks.wrong_with_sdist([f"x-1/{name}" for name in [*tracked, "PKG-INFO"]], tracked) == []
    assert checks.wrong_with_sdist(["x-1/sesevent/a.py", "x-1/README.md"], tracked) == [
        "the sdist lacks sesevent/py.typed."
    ]


# ── the lock ─────────────────────────────────────────────────────────────────────────────────

HASH = "    --hash=sha256:0\n"
ASKED = [Requirement("six>=1.16"), Requirement("tomli>=2; python_version < '3.11'")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"six==1.17.0 \\\n{HASH}tomli==2.1 ; python_full_version < '3.11' \\\n{HASH}", []),
        (f"six==1.17.0 \\\n{HASH}", ["3.10 the lock lacks tomli"]),
        (f"six==1.15.0 \\\n{HASH}tomli==2.1 \\\n{HASH}", ["3.10 the lock has six==1.15.0", "3.12 the lock has six"]),
        (f"six>=1.17.0 \\\n{HASH}tomli==2.1 \\\n{HASH}", ["no exact version"]),
        (f"six==1.17.0\ntomli==2.1 \\\n{HASH}", ["no hash"]),
        (f"--index-url https://example.com\nsix==1.17.0 \\\n{HASH}tomli==2.1 \\\n{HASH}", ["where it was made"]),
    ],
)
def test_a_lock_is_exact_and_answers_what_is_asked(text: str, said: list[str]) -> None:
    """On every Python, and wherever it is installed from."""
    if text.startswith("--"):
        with pytest.raises(ValueError, match="index-url"):
            lock.pins(text)
        return
    found = list(lock.wrong(text, ASKED, ["3.10", "3.12"]))
    assert len(found) == len(said)
    assert all(part in one for part, one in zip(said, found, strict=True))


def test_the_lock_answers_what_pyproject_asks() -> None:
    """Offline; `nox -s lock` writes it anew."""
    pytest.importorskip("nox")
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    from package import matrix

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = lock.asked_by(project)
    assert {"pytest", "mongoengine", "django", "cryptography", "sphinx"} <= {one.name for one in asked}
    assert list(lock.wrong(lock.LOCK.read_text(encoding="utf-8"), asked, matrix.supported())) == []


# ── what tests reach ─────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not (ROOT / "sesevent").exists(), reason="the source is not here")
def test_every_room_is_answered_for_by_tests_that_are_there() -> None:
    """Whoever adds a room says which tests are its own; who asks less of one says why."""
    assert sorted(reach.ROOMS) == reach.rooms()
    tests = ROOT / "tests"
    assert [one for row in reach.ROOMS.values() for one in row.tests if not (tests / one).exists()] == []
    assert [room for room, row in reach.ROOMS.items() if row.enough != reach.ENOUGH and not row.why] == []


def test_only_a_rooms_own_modules_are_told() -> None:
    """With what is not reached: lines, and branches that start at lines that are."""

    def file(percent: float) -> dict[str, object]:
        return {"missing_lines": [3], "missing_branches": [[2, 5], [3, 4]], "summary": {"percent_covered": percent}}

    told = {"files": {"sesevent/sns/a.py": file(95), "x/sesevent/sns/b.py": file(20), "sesevent/snsx.py": file(1)}}
    found = list(reach.of_room("sns", told))
    assert found == [("sesevent/sns/a.py", 95, "3, 2→5"), ("sesevent/sns/b.py", 20, "3, 2→5")]
    assert [one.module for one in reach.too_little("sns", found)] == ["sesevent/sns/b.py"]


# ── what the menu names ──────────────────────────────────────────────────────────────────────


def test_no_session_asks_for_tests_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found out here, and not by whoever runs a seldom one."""
    pytest.importorskip("nox")
    monkeypatch.chdir(ROOT)
    menu = runpy.run_path("noxfile.py")

    assert [one for one in (*menu["PURE_TESTS"], *menu["ENCRYPTED"]) if not Path(one).exists()] == []
