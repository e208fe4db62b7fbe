"""The developer's menu: ``nox -l``. Sessions without a Python of their own run in the environment nox is in."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "layers", "docs", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
HERE = {"python": False}  # no environment of its own
EXTRAS = (
    "local,cli,fast,verify,fastapi,django,flask,aws,prometheus,otel,alerts,pandas,plots,rollups,web,archive,query,"
    "encryption"
)
PURE_TOOLS = ["hypothesis", "pytest", "pytest-timeout", "pytest-xdist", "sybil"]
TEST_TOOLS = [
    *PURE_TOOLS,
    "httpx",
    "moto[server]",
    "openapi-spec-validator",
    "opentelemetry-sdk",
    "schemathesis",
    "uvicorn",
]
PURE_TESTS = [
    "tests/events",
    "tests/sns/test_unwrap.py",
    "tests/sns/test_wrappings.py",
    "tests/test_jsontext.py",
    "tests/test_corpus.py",
    "tests/contrib/test_absent.py",
]

ENCRYPTED = [
    f"tests/{room}"
    for room in (
        "analytics",
        "cli",
        "contrib",
        "faces",
        "monitoring",
        "plans",
        "privacy",
        "storage",
        "suppression",
        "testing",
        "web",
    )
]


@nox.session(**HERE)
def lint(session: nox.Session) -> None:
    """Style and mistakes (ruff), and flaws in the bounce rules."""
    session.run("ruff", "check", ".", external=True)
    session.run("ruff", "format", "--check", ".", external=True)
    session.run("python", "-m", "sesevent.bounces.lint", external=True)


@nox.session(**HERE)
def types(session: nox.Session) -> None:
    """Types of the package, and those its users see (mypy --strict and pyright)."""
    session.run("mypy", external=True)
    session.run("mypy", "tests/typing/public.py", external=True)
    session.run("pyright", "sesevent", "tests/typing/public.py", external=True)


@nox.session(**HERE)
def api(session: nox.Session) -> None:
    """Write the snapshot of public names and signatures anew: what changes in it belongs into the changelog."""
    session.run("python", "tests/api/snapshot.py", external=True)


@nox.session(**HERE)
def layers(session: nox.Session) -> None:
    """Who imports whom (import-linter)."""
    session.run("lint-imports", "--no-cache", external=True)


@nox.session(**HERE)
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html", external=True)


@nox.session(**HERE)
def tests(session: nox.Session) -> None:
    """The whole suite, documentation examples included, on this Python."""
    session.run("pytest", "-n", "auto", *session.posargs, external=True)


@nox.session(**HERE)
def encrypted(session: nox.Session) -> None:
    """The suite of stores that encrypt, people with keys of their own: ``-- shared tests/faces`` for one key, one room.

    What asks for rows in the clear is left out, each test with its reason (the mark `in_clear`).
    """
    keys, *rooms = session.posargs if session.posargs[:1] in (["shared"], ["person"]) else ["person", *session.posargs]
    told = {"SESEVENT_TEST_ENCRYPTION": keys}
    session.run("pytest", "-n", "auto", *(rooms or ENCRYPTED), env=told, external=True)


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """The suite on every supported Python, of the package as installed."""
    session.install(f".[{EXTRAS}]", *TEST_TOOLS)
    without_the_source(session)
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def floors(session: nox.Session) -> None:
    """The suite with the oldest dependencies that are promised."""
    session.install("--resolution", "lowest-direct", f".[{EXTRAS}]")
    session.install(*TEST_TOOLS)
    without_the_source(session)
    # Old versions are used in ways that the newer ones of what they use warn of.
    session.run("pytest", "-n", "auto", "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session(python=PYTHONS)
def bare(session: nox.Session) -> None:
    """The pure parts without any extra, of the package as installed."""
    session.install(".", *PURE_TOOLS)
    without_the_source(session)
    session.run("pytest", *PURE_TESTS)


def without_the_source(session: nox.Session) -> None:
    """Go where everything of the repository is but the package, so that only the installed one can be found."""
    place = Path(session.create_tmp()) / "without-the-source"
    shutil.rmtree(place, ignore_errors=True)
    for name in session.run("git", "ls-files", external=True, silent=True).splitlines():
        if not name.startswith("sesevent/"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, place / name)
    session.chdir(place)


@nox.session(**HERE)
def wheels(session: nox.Session) -> None:
    """The built wheel without extras, with each, with all, on every Python: ``-- --pythons 3.12 --extras fast``."""
    session.run("python", "tests/package/matrix.py", *session.posargs, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Search for inputs that break the library: 300 seconds, or ``-- --seconds 3600``."""
    session.install(".[fast,verify]", *PURE_TOOLS)
    session.install("atheris", success_codes=[0, 1, 2])  # there is none for some Pythons and platforms
    session.run("python", "tests/fuzz/guided.py", *session.posargs)


@nox.session(**HERE)
def faults(session: nox.Session) -> None:
    """Kill, pause, cut off and fill up a replica set under a stream: ``-- --rounds 10 --report faults.md``."""
    session.run("python", "tests/faults/run.py", *session.posargs, external=True)


@nox.session(**HERE)
def mutation(session: nox.Session) -> None:
    """See whether tests notice when the code is changed: ``-- --package suppression --sample 200 --seed 1``.

    The runner is our own, because tables, defaults and properties are to be changed too, and without starting an
    interpreter for each of thousands of changes.
    """
    session.run("python", "tests/mutation/run.py", *session.posargs, external=True)


@nox.session(**HERE)
def soak(session: nox.Session) -> None:
    """Hold a rate for as long as asked, and tell memory, latency and lag: ``-- --seconds 3600 --rate 500``."""
    session.run("python", "benchmarks/soak.py", *session.posargs, external=True)


@nox.session(**HERE)
def scale(session: nox.Session) -> None:
    """Ten million events: rates, sizes, what every question costs at each size: ``-- --events 300000`` for fewer."""
    session.run("python", "benchmarks/scale.py", *session.posargs, external=True)


@nox.session(**HERE)
def bench(session: nox.Session) -> None:
    """Ratios against named baselines, as a table and JSON lines."""
    session.run("python", "benchmarks/run.py", *session.posargs, external=True)


@nox.session(name="round-trip", **HERE)
def round_trip(session: nox.Session) -> None:
    """Archive, delete and restore a million events, and compare them to the byte: ``-- 5000`` for fewer."""
    session.run("python", "benchmarks/round_trip.py", *session.posargs, external=True)


@nox.session(**HERE)
def screens(session: nox.Session) -> None:
    """Take the documentation's pictures of the dashboard, in a real Chromium."""
    session.run("python", "docs/dashboard_pictures.py", *session.posargs, external=True)


@nox.session(name="bounce-scores", **HERE)
def bounce_scores(session: nox.Session) -> None:
    """How often the reason of a bounce is right, as tables and as the documentation's picture."""
    session.run("python", "benchmarks/bounce_scores.py", *session.posargs, external=True)


@nox.session(**HERE)
def coverage(session: nox.Session) -> None:
    """How much of each room its own tests reach, branches included: ``-- events sns``."""
    session.run("python", ".ci/release/reach.py", *session.posargs, external=True)


@nox.session(**HERE)
def lock(session: nox.Session) -> None:
    """Write the development lock anew with the newest versions that fit: ``-- --no-upgrade`` keeps those it has."""
    session.run("python", ".ci/release/lock.py", *session.posargs, external=True)


@nox.session(**HERE)
def package(session: nox.Session) -> None:
    """Build wheel and sdist, twice, and tell their hashes."""
    session.run("python", ".ci/release/checks.py", "files", external=True)


@nox.session(**HERE)
def release(session: nox.Session) -> None:
    """Everything before a version is given to others, but the upload. Nothing goes on after the first thing wrong."""
    session.run("python", ".ci/release/checks.py", "before", external=True)
    steps = ["lint", "types", "layers", "docs", "tests", "wheels"]
    session.run("nox", "--stop-on-first-error", "-s", *steps, external=True)
    session.run("python", ".ci/release/checks.py", "files", external=True)
