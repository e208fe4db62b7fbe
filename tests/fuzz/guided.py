"""The long session: inputs found by what they reach in the code (Atheris), ended by the clock.

    python tests/fuzz/guided.py --seconds 300 --crashes fuzz-crashes

It begins with the payloads of `inputs.py`, spoils them as the other tests do, and keeps what reaches new
code. The first input that breaks a rule of `targets.py` ends it: it is left in the folder of crashes, and
``python tests/fuzz/guided.py FILE`` tries it again. Where Atheris is not installed it says so, and
Hypothesis looks for as long.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # as pytest does

_LONGEST = 64 * 1024  # bytes of an input


def main(arguments: list[str]) -> int:
    """Run a session, or try the inputs in the files that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to try once")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="0: another one in every session")
    parser.add_argument("--crashes", type=Path, default=Path("fuzz-crashes"))
    asked = parser.parse_args(arguments)
    if asked.files:
        return _try(asked.files)
    with tempfile.TemporaryDirectory() as folder:
        return _session(asked, Path(folder))


def _session(asked: argparse.Namespace, folder: Path) -> int:
    """In a process of its own: libFuzzer ends the one it is in."""
    from fuzz import inputs

    asked.crashes.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs.seeds() + inputs.corpus_seeds()):
        (folder / f"{number:05}").write_bytes(data)
    before = set(asked.crashes.iterdir())
    options = [f"-max_total_time={asked.seconds}", f"-max_len={_LONGEST}", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={asked.crashes}{os.sep}", f"-seed={asked.seed}", str(folder)]  # fmt: skip
    code = _guided(options) if find_spec("atheris") else _unguided(asked.seconds)
    found = sorted(set(asked.crashes.iterdir()) - before)
    print(f"findings: {len(found)}" + "".join(f"\n  {file}" for file in found))
    return 1 if found or code else 0


def _guided(options: list[str]) -> int:
    return subprocess.run([sys.executable, __file__, "--", *options], check=False).returncode


def _unguided(seconds: int) -> int:
    print("Atheris is not installed for this Python: Hypothesis looks instead, in rounds of 1,000 examples a test.")
    ends, environment, code = time.monotonic() + seconds, os.environ | {"SESEVENT_FUZZ_EXAMPLES": "1000"}, 0
    while time.monotonic() < ends and not code:
        command = [sys.executable, "-m", "pytest", str(HERE), "-q", "--timeout=0", "-p", "no:cacheprovider"]
        code = subprocess.run(command, check=False, env=environment, cwd=HERE.parents[1]).returncode
    return code


def _try(files: list[Path]) -> int:
    from fuzz import targets

    for file in files:
        targets.check(file.read_bytes())
        targets.check_jsontext(file.read_bytes())
        print(f"{file}: holds")
    return 0


def _fuzz(options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["sesevent"]):
        from fuzz import targets

    def check(data: bytes) -> None:
        targets.check(data)
        targets.check_jsontext(data)

    atheris.Setup([sys.argv[0], *options], check, custom_mutator=_mutator(atheris))
    atheris.Fuzz()


def _mutator(atheris: ModuleType) -> Any:
    """As an accident or an enemy would spoil it, or as libFuzzer does, which knows what reached new code."""
    from fuzz import inputs

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.6:
            changed = inputs.spoiled(chance, data)
            if len(changed) <= longest:
                return changed
        mutated: bytes = atheris.Mutate(data, longest)
        return mutated

    return mutate


if __name__ == "__main__":
    if sys.argv[1:2] == ["--"]:
        _fuzz(sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
