"""The built wheel on each Python, with each extra alone, with none and with all: ``nox -s wheels``.

For each pair an environment is made where nothing else is, the wheel is installed with that extra, and `smokes.py` is run
there, from a directory where there is no source. Needs uv, and a MongoDB: the one that SESEVENT_MONGODB_URI names, or its own.

    python tests/package/matrix.py --pythons 3.10 3.13 --extras none fast all
    python tests/package/matrix.py --resolution lowest-direct --pythons 3.10
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

from smokes import SMOKES, URI  # noqa: E402

SETS = ("none", *SMOKES, "local,cli", "all")
"""What is installed: no extra, each alone, what the README's first command asks for, all."""


class Place(NamedTuple):
    """Where the wheels are tried."""

    wheel: Path
    directory: Path
    resolution: str


def tried(place: Place, python: str, extras: str) -> str:
    """What is wrong with the wheel there; nothing, where nothing is."""
    asked = {"none": (), "all": tuple(SMOKES)}.get(extras, tuple(extras.split(",")))
    home, compiled = place.directory / python, place.directory / f"{python}-compiled"  # kept: it takes the most time
    wanted = f"{place.wheel}[{extras}]" if asked else str(place.wheel)
    if extras == "all":  # says the package itself, but for the frameworks
        wanted = f"{place.wheel}[all,django,fastapi,flask]"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    own_python = str(home / "bin" / "python")
    install = ["uv", "pip", "install", "--quiet", "--python", own_python, "--resolution", place.resolution, wanted]
    steps = [
        ["uv", "venv", "--quiet", "--no-project", "--python", python, str(home)],
        install,
        ["uv", "pip", "check", "--quiet", "--python", own_python],
        [own_python, "-I", "-X", f"pycache_prefix={compiled}", str(place.directory / "smokes.py"), *asked],
    ]
    try:
        for step in steps:
            try:
                done = subprocess.run(
                    step, cwd=place.directory, env=environment, capture_output=True, text=True, check=False, timeout=900
                )
            except subprocess.TimeoutExpired:
                return f"{' '.join(step[:3])}: took more than 900 seconds"
            if done.returncode:
                return f"{' '.join(step[:3])}: {done.stdout}{done.stderr}"
        return ""
    finally:
        shutil.rmtree(home, ignore_errors=True)  # an environment with everything takes a gigabyte


def is_here(python: str) -> bool:
    """Whether uv finds it without fetching it."""
    return (
        subprocess.run(["uv", "python", "find", "--no-project", python], capture_output=True, check=False).returncode
        == 0
    )


def supported() -> list[str]:
    """The Pythons that the package says it supports."""
    import nox

    return nox.project.python_versions(nox.project.load_toml(ROOT / "pyproject.toml"))


@contextmanager
def a_server() -> Iterator[str]:
    """The address of a MongoDB."""
    if given := os.environ.get(URI):
        yield given
        return
    from sesevent import local

    with local.server() as uri:
        yield uri


def build(directory: Path) -> Path:
    """The wheel, from the source distribution, as an index would have it."""
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(directory), str(ROOT)], check=True, capture_output=True
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


def main() -> int:
    """Try what is asked for, tell it as a table, and end with how much is wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pythons", nargs="+", default=supported())
    asked.add_argument("--extras", nargs="+", default=SETS, choices=SETS)
    asked.add_argument("--resolution", default="highest", choices=("highest", "lowest-direct"))
    asked.add_argument("--wheel", type=Path, help="one that was built already")
    given = asked.parse_args()
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    pythons = [python for python in given.pythons if is_here(python)]
    wrong: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory(prefix="sesevent-wheels-") as directory, a_server() as uri:
        os.environ[URI] = uri
        wheel = given.wheel.resolve() if given.wheel else build(Path(directory) / "dist")
        place = Place(wheel, Path(directory), given.resolution)
        shutil.copy(HERE / "smokes.py", place.directory)
        for pair in [(python, extras) for extras in given.extras for python in pythons]:
            started = time.monotonic()
            wrong[pair] = tried(place, *pair)
            said = "ok" if not wrong[pair] else f"WRONG\n{wrong[pair]}"
            print(f"{pair[0]} {pair[1]}: {said} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
    print("| extra | " + " | ".join(pythons) + " |\n|---|" + "---|" * len(pythons))
    for extras in given.extras:
        print(f"| `{extras}` | " + " | ".join("wrong" if wrong[p, extras] else "ok" for p in pythons) + " |")
    for missing in set(given.pythons) - set(pythons):
        print(f"Python {missing} is not on this machine: not tried.")
    return sum(map(bool, wrong.values())) or (not pythons)


if __name__ == "__main__":
    sys.exit(main())
