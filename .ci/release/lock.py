"""The development lock: exact versions and hashes of all that the extra ``dev`` brings, on every supported Python.

    python .ci/release/lock.py                # the newest versions that fit
    python .ci/release/lock.py --no-upgrade   # only what pyproject.toml has come to ask for

It names no index: it is installed from whichever one is configured. `wrong` tells, without any network, where the lock
does not answer what pyproject.toml asks.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / ".ci" / "dev.lock"
HEAD = """\
# All that `pip install -e '.[dev]'` brings, to the last version and hash. Written by: nox -s lock
#
#     pip install --require-hashes -r .ci/dev.lock && pip install --no-deps -e .
"""


class Pin(NamedTuple):
    """One version of one package, where its marker holds."""

    requirement: Requirement
    hashes: int


def pins(text: str) -> list[Pin]:
    """What a lock says."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    told = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [Pin(Requirement(line.partition("--hash")[0].strip()), line.count("--hash=")) for line in told]


def wrong(text: str, asked: Iterable[Requirement], pythons: Iterable[str]) -> Iterator[str]:
    """Where a lock is not exact, names a host, or does not answer what is asked on Linux with these Pythons."""
    locked = pins(text)
    for pin in locked:
        if not re.fullmatch(r"==[^*]+", str(pin.requirement.specifier)):
            yield f"{pin.requirement} is no exact version."
        if not pin.hashes:
            yield f"{pin.requirement} has no hash."
    if found := re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text):
        yield f"The lock names where it was made: {found[0]}"
    for python in pythons:
        here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux",
                "platform_machine": "x86_64", "platform_system": "Linux", "implementation_name": "cpython",
                "platform_python_implementation": "CPython", "os_name": "posix", "extra": ""}  # fmt: skip
        there: dict[str, Requirement] = {
            canonicalize_name(pin.requirement.name): pin.requirement
            for pin in locked
            if _holds(pin.requirement.marker, here)
        }
        for want in asked:
            if not _holds(want.marker, here):
                continue
            pinned = there.get(canonicalize_name(want.name))
            if pinned is None:
                yield f"On Python {python} the lock lacks {want.name}."
            elif not want.specifier.contains(str(pinned.specifier)[2:], prereleases=True):
                yield f"On Python {python} the lock has {pinned.name}{pinned.specifier}, and {want} is asked for."


def _holds(marker: Marker | None, here: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(here)


def asked_by(project: dict[str, Any], extra: str = "dev") -> list[Requirement]:
    """What the package and one of its extras ask for, those of the extras within included."""
    found = [Requirement(line) for line in project["dependencies"]]
    waiting, seen = [extra], set[str]()
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            for one in map(Requirement, project["optional-dependencies"][name]):
                waiting.extend(one.extras if one.name == project["name"] else ())
                found.extend([one] if one.name != project["name"] else ())
    return found


def write(*, upgrade: bool) -> None:
    """Resolve, and write the lock. Raises CalledProcessError, with uv's word on stderr, where nothing fits."""
    found = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    command = [
        *("uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--output-file", str(LOCK), "--quiet"),
        *("--universal", "--python-version", found[1] if found else "", "--generate-hashes"),
        *("--no-header", "--no-annotate", "--no-emit-index-url"),
    ]
    LOCK.parent.mkdir(exist_ok=True)
    subprocess.run([*command, *(["--upgrade"] if upgrade else [])], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    text = LOCK.read_text(encoding="utf-8").removeprefix(HEAD)
    LOCK.write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    write(upgrade="--no-upgrade" not in sys.argv[1:])
