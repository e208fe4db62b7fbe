"""Mutation testing of the pure rooms: changes the code a little, many times, and asks whether the tests notice.

    python tests/mutation/run.py --package suppression --sample 200 --seed 1
    python tests/mutation/run.py --write    # every change in every room: some hours of one processor

A room's own tests (those that ask for no server) are loaded once, and run once to see which lines each of them reaches.
A change within a function is then tried in a forked copy of that process, where the function gets other code, by the
tests that reach the line. What nobody notices there, and what runs when a module is imported (tables, defaults), is
tried by importing everything anew; so nothing survives because a value was made beforehand.
What still survives in a module that asks a database (`SERVED`) is tried once more by the tests that have one.
`explained.toml` lists changes that no test could notice, with the reason beside each.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))  # as pytest does

from mutation.mutants import Mutant, mutants_of, mutated  # noqa: E402

PACKAGES = ("events", "bounces", "suppression", "analytics", "sns")
_QUESTIONS = (
    "tests/analytics/test_questions.py::test_equal_links_are_told_in_one_order",
    "tests/analytics/test_questions.py::test_what_machines_and_lists_do_is_no_persons_doing",
    "tests/analytics/test_questions.py::test_a_mail_of_which_only_a_bounce_that_names_nobody_is_known_is_told",
    "tests/analytics/test_questions.py",
    "tests/analytics/test_older_rows.py",
    "tests/faces/test_encryption.py::test_figures_are_the_same",
    "tests/analytics/test_rollups.py::test_every_question_is_answered_as_the_log_does",
    "tests/analytics/test_rollups.py::test_rows_of_older_shapes_are_counted_when_they_are_adopted",
    "tests/analytics/test_rollups.py::test_words_that_hold_the_separator_are_counted",
    "tests/analytics/test_rollups.py::test_a_written_group_says_what_the_row_does",
)
_HYGIENE = (
    "tests/faces/test_compliance.py",
    "tests/faces/test_encrypted_rights.py::test_hygiene_counts_what_is_sealed_as_what_is_not",
    "tests/faces/test_encrypted_rights.py::test_hygiene_says_where_somebody_may_count_twice",
)
SERVED = {"sesevent/analytics/pipelines.py": _QUESTIONS, "sesevent/analytics/hygiene.py": _HYGIENE}
"""What only MongoDB can run, and the tests that ask one: by file, since each takes seconds."""
QUIET = [
    "-q", "-p", "pytest_timeout", "-p", "xdist", "-p", "_hypothesis_pytestplugin", "-p", "no:cacheprovider",
    "-o", "timeout=0", "--hypothesis-profile=mutation",
    "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
]  # fmt: skip
_SLOW = 0.5  # seconds; such a test is tried where no faster one notices a change
_IMPORTING = ""  # coverage's name for what no test ran


class Room(NamedTuple):
    """A package and its tests."""

    name: str
    root: Path
    source: str
    tests: str

    def mutants(self) -> list[Mutant]:
        """Every change there is."""
        files = sorted((self.root / self.source).rglob("*.py"))
        return [one for file in files for one in mutants_of(self.root, file.relative_to(self.root).as_posix())]


class Reach(NamedTuple):
    """What a run without changes tells: how long each test takes, and what it reaches."""

    seconds: dict[str, float]
    """Processor time, by test."""
    lines: dict[str, dict[str, list[str]]]
    """File → line → tests."""
    modules: list[str]

    def tests(self, mutant: Mutant) -> list[str] | None:
        """Those that reach the change, the fastest first; slow ones where no other does. None where importing does."""
        reached = self._reached(mutant)
        if mutant.function is None or _IMPORTING in reached:
            return None
        fast = [test for test in reached if self.seconds[test] < _SLOW]
        return sorted(fast or reached, key=self.seconds.__getitem__)

    def slow_tests(self, mutant: Mutant) -> list[str]:
        """Those that reach the change and take long, the fastest first."""
        slow = [test for test in self._reached(mutant) - {_IMPORTING} if self.seconds[test] >= _SLOW]
        return sorted(slow, key=self.seconds.__getitem__)

    def _reached(self, mutant: Mutant) -> set[str]:
        first, last = mutant.lines
        of_file = self.lines.get(mutant.file, {})
        return {test for line in range(first, last + 1) for test in of_file.get(str(line), ())}

    def tests_of_all(self, mutant: Mutant) -> list[list[str]]:
        """Those that reach the file of the change, and then all others: who only reads a table reaches no line."""
        near = {test for tests in self.lines.get(mutant.file, {}).values() for test in tests} - {_IMPORTING}
        return [sorted(some, key=self.seconds.__getitem__) for some in (near, self.seconds.keys() - near) if some]


# --- in a process that has loaded the tests --------------------------------------------------------------------------


class _Warm:
    """A pytest plugin: runs the tests once, and then some of them again for each change."""

    def __init__(self, room: Room, mutants: Sequence[Mutant], answer: Path, said: Callable[[str], None]) -> None:
        import coverage

        self._room, self._mutants, self._answer, self._said = room, mutants, answer, said
        self._coverage = coverage.Coverage(data_file=None, config_file=False, source=[str(room.root / room.source)])
        self._failed: list[str] = []
        self._forked = False
        self._coverage.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not _left_out(item)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._forked:
            os._exit(1)
        if report.failed:
            self._failed.append(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        if session.testsfailed:
            self._failed.append("while loading")
        seconds = {name: self._timed(item) for name, item in items.items()}
        self._coverage.stop()
        if self._failed:
            self._answer.write_text(json.dumps({"failed": self._failed}))
            return True
        reach = self._reach(seconds)
        functions, caches, outcomes = _functions(), _caches(), dict[str, str]()
        gc.freeze()  # or each child would write to every page that it shares
        for done, mutant in enumerate(self._mutants):
            tests = reach.tests(mutant)
            if tests is not None:
                outcomes[_id(mutant)] = self._try(mutant, [items[name] for name in tests], functions, caches, seconds)
            if done % 50 == 49:
                self._said(f"{self._room.name}: {done + 1} of {len(self._mutants)}, {dict(Counter(outcomes.values()))}")
        self._answer.write_text(json.dumps({"reach": reach._asdict(), "outcomes": outcomes}))
        return True

    def _timed(self, item: pytest.Item) -> float:
        self._coverage.switch_context(item.nodeid)
        before = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return time.process_time() - before

    def _reach(self, seconds: dict[str, float]) -> Reach:
        data, root = self._coverage.get_data(), self._room.root
        lines = {
            Path(file).relative_to(root).as_posix(): {
                str(line): contexts for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        return Reach(seconds, lines, sorted(sys.modules))

    def _try(
        self,
        mutant: Mutant,
        items: list[pytest.Item],
        functions: dict[Any, list[FunctionType]],
        caches: dict[str, list[Any]],
        seconds: dict[str, float],
    ) -> str:
        if not items:
            return "not reached"
        assert mutant.function is not None
        changed = functions.get((str(self._room.root / mutant.file), *mutant.function))
        if not changed:
            return "import anew"

        def child() -> int:
            self._forked = True
            code = _code_of(mutated(self._room.root, mutant.file, mutant.number), mutant.function)
            for function in changed:
                function.__code__ = code
            for cache in caches.get(changed[0].__module__, ()):
                cache.cache_clear()
            for item in items:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            return 0

        return _forked(child, sum(seconds[item.nodeid] for item in items))


_LEFT_OUT = {
    "test_storing_unproven_bytes_does_not_type_check": "runs mypy, which runs nothing of ours",
}


def _left_out(item: pytest.Item) -> bool:
    """Those above, and those that ask for a server."""
    return item.name in _LEFT_OUT or _asks_a_server(item)


def _asks_a_server(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "mongodb_uri" in getattr(item, "fixturenames", ()) or str(parameters.get("with_store", "")).startswith(
        "server"
    )


def _functions() -> dict[Any, list[FunctionType]]:
    """File, name and line → the functions that are made of that code."""
    found: dict[Any, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            code = one.__code__
            found.setdefault((code.co_filename, code.co_name, code.co_firstlineno), []).append(one)
    return found


def _caches() -> dict[str, list[Any]]:
    """Module → what its functions remember."""
    found: dict[str, list[Any]] = {}
    for one in gc.get_objects():
        if isinstance(one, _Cache):
            found.setdefault(str(one.__module__), []).append(one)
    return found


_Cache: Any = type(lru_cache(len))


def _code_of(module: CodeType, function: tuple[str, int] | None) -> CodeType:
    return next(code for code in _codes(module) if (code.co_name, code.co_firstlineno) == function)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _forked(child: Callable[[], int], seconds: float) -> str:
    """What becomes of a child that ends with 0 where no test failed; it may take some times as long as usual."""
    process = os.fork()
    if process == 0:
        code = 1
        with contextlib.suppress(BaseException):
            if not os.environ.get("MUTATION_SHOW"):
                nowhere = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2):
                    os.dup2(nowhere, stream)
            import resource  # not everywhere

            processor = int(5 + 4 * seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 5))
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
            code = child()
        os._exit(code)
    end = time.monotonic() + 60 + 20 * seconds
    pause = 0.001
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "survived" if status == 0 else "killed"
        if time.monotonic() > end:
            os.kill(process, 9)
            os.waitpid(process, 0)
            return "killed"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


# --- in processes that import everything anew ------------------------------------------------------------------------


class _Changed(importlib.abc.MetaPathFinder, SourceFileLoader):
    """Finds the module that is changed, and gives it the changed code."""

    def __init__(self, room: Room, mutant: Mutant) -> None:
        self._name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._code = mutated(room.root, mutant.file, mutant.number)
        super().__init__(self._name, str(room.root / mutant.file))

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None:
            spec.loader = self
        return spec

    def get_code(self, fullname: str) -> CodeType:
        return self._code


class _Only:
    """A pytest plugin: runs these tests in this order, and those that would not be there without the change."""

    def __init__(self, wanted: Sequence[str], known: Iterable[str]) -> None:
        self._order, self._known = {name: place for place, name in enumerate(wanted)}, set(known)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        mine = [item for item in items if item.nodeid in self._order or item.nodeid not in self._known]
        mine = [item for item in mine if not _left_out(item)]
        items[:] = sorted(mine, key=lambda item: self._order.get(item.nodeid, -1))


def _anew(room: Room, mutant: Mutant | None, reach: Reach) -> str:
    """Import everything, with this change or none, and run the tests."""
    if mutant is None:
        return _anew_by(room, None, [test for test, seconds in reach.seconds.items() if seconds < _SLOW], reach)
    tests = reach.tests(mutant) or []
    # Beside those that reach it: what is worked out once is reached by one test, and others see what came of it.
    others = [
        [test for test in some if test not in tests and reach.seconds[test] < _SLOW]
        for some in reach.tests_of_all(mutant)
    ]
    for some in (tests, *others, [test for test in reach.slow_tests(mutant) if test not in tests]):
        if some and _anew_by(room, mutant, some, reach) == "killed":
            return "killed"
    return "survived"


def _anew_by(room: Room, mutant: Mutant | None, tests: list[str], reach: Reach) -> str:
    def child() -> int:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(room, mutant))
        only = _Only(tests, reach.seconds)
        files = sorted({name.partition("::")[0] for name in tests})
        return int(pytest.main(["-x", *QUIET, *files], plugins=[only]))

    return _forked(child, 10 + sum(reach.seconds[test] for test in tests))


# --- with a server ---------------------------------------------------------------------------------------------------

_A_SERVER = """
from sesevent import local
with local.server() as uri:
    print(uri, flush=True)
    input()
"""
_LONGEST = 120  # seconds of processor that the tests of one module take with a server


class _Served:
    """A pytest plugin: runs the tests that ask for a server."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _asks_a_server(item)]


@contextlib.contextmanager
def _server(root: Path) -> Iterator[None]:
    """A server that all these tests share, in a process of its own: here nothing of ours may be imported."""
    if os.environ.get("SESEVENT_MONGODB_URI"):
        yield
        return
    process = subprocess.Popen(
        [sys.executable, "-c", _A_SERVER], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    os.environ["SESEVENT_MONGODB_URI"] = process.stdout.readline().strip()
    try:
        yield
    finally:
        del os.environ["SESEVENT_MONGODB_URI"]
        process.communicate("\n")


def _asking(room: Room, mutant: Mutant | None, files: Sequence[str]) -> str:
    """Import everything, with this change or none, and run the tests of these files that ask for a server."""

    def child() -> int:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(room, mutant))
        return int(pytest.main(["-x", *QUIET, *files], plugins=[_Served()]))

    return _forked(child, _LONGEST)


# --- the whole -------------------------------------------------------------------------------------------------------


def _id(mutant: Mutant) -> str:
    return f"{mutant.file}#{mutant.number}"


def _warm(room: Room, mutants: Sequence[Mutant], said: Callable[[str], None]) -> tuple[Reach, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        answer, log = Path(folder) / "answer.json", Path(folder) / "log"
        process = os.fork()
        if process == 0:
            try:
                own = os.fdopen(os.dup(1), "w")
                written = os.open(log, os.O_WRONLY | os.O_CREAT)
                for stream in (1, 2):
                    os.dup2(written, stream)
                warm = _Warm(room, mutants, answer, lambda line: print(line, file=own, flush=True))
                pytest.main([*QUIET, room.tests], plugins=[warm])
            except BaseException:  # noqa: BLE001  # it is printed, and the process ends here
                traceback.print_exc()
            os._exit(0)
        os.waitpid(process, 0)
        told = json.loads(answer.read_text()) if answer.exists() else {"failed": ["all"]}
        if "failed" in told:
            sys.exit(f"{room.name}: without any change these fail: {told['failed']}\n{log.read_text()[-5000:]}")
    return Reach(**told["reach"]), told["outcomes"]


def _load(modules: Iterable[str], room: Room) -> None:
    """Import what tests need of others, so that processes which import the room anew need not."""
    own = {
        room.source.partition("/")[0],
        "tests",
        "mutation",
        "__main__",
        *(path.stem for path in HERE.parent.rglob("*.py")),
    }
    for name in modules:
        plugin = "hypothesis" in name or name.startswith(("xdist", "pytest"))  # these want to be loaded by pytest
        if name.partition(".")[0] not in own and not plugin and name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    assert room.source.partition("/")[0] not in sys.modules, "what is loaded already could not be changed"


def run(
    room: Room, sample: int | None, seed: int, only: str, said: Callable[[str], None]
) -> tuple[int, dict[Mutant, str]]:
    """How many changes there are, and what became of those that were tried."""
    everything = room.mutants()
    chosen = [one for one in everything if only in str(one)]
    if sample is not None and sample < len(chosen):
        chosen = sorted(random.Random(f"{seed}:{room.name}").sample(chosen, sample))
    reach, outcomes = _warm(room, chosen, said)
    _load(reach.modules, room)
    if _anew(room, None, reach) != "survived":
        sys.exit(f"{room.name}: the tests fail in a process of their own, without any change")
    again = [one for one in chosen if outcomes.get(_id(one), "survived") in ("survived", "import anew")]
    for done, mutant in enumerate(again):
        outcomes[_id(mutant)] = _anew(room, mutant, reach)
        if done % 50 == 49:
            said(f"{room.name}: {done + 1} of {len(again)} that import everything anew")
    asking = [one for one in chosen if outcomes[_id(one)] != "killed" and one.file in SERVED]
    if asking:
        with _server(room.root):
            for files in {SERVED[one.file] for one in asking}:
                if _asking(room, None, files) != "survived":
                    sys.exit(f"{room.name}: {files} fail with a server, without any change")
            for done, mutant in enumerate(asking):
                outcomes[_id(mutant)] = _asking(room, mutant, SERVED[mutant.file])
                if done % 10 == 9:
                    said(f"{room.name}: {done + 1} of {len(asking)} that ask a server")
    return len(everything), {mutant: outcomes[_id(mutant)] for mutant in chosen}


def explained(path: Path) -> dict[tuple[str, str, str, str], str]:
    """Changes that no test could notice, and why."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []) if path.exists() else []
    return {(row["file"], row["within"], row["text"], row["change"]): row["because"] for row in rows}


class Score(NamedTuple):
    """A row of the table."""

    mutants: int
    """Changes that there are."""
    tried: int
    killed: int
    survived: int
    explained: int
    """Survivors that no test could notice."""
    unreached: int
    """Changes of lines that none of these tests reaches: the tests with a database do, or none."""

    @property
    def percent(self) -> float:
        """Of what was reached and could be noticed, so much was."""
        return 100 * self.killed / max(1, self.killed + self.survived)


def scored(
    total: int, outcomes: dict[Mutant, str], reasons: dict[tuple[str, str, str, str], str]
) -> tuple[Score, list[Mutant]]:
    """The row, and what nobody noticed or explained."""
    alive = [one for one, outcome in outcomes.items() if outcome != "killed"]
    left = [one for one in alive if one.key not in reasons]
    unreached = sum(outcomes[one] == "not reached" for one in left)
    row = Score(
        total, len(outcomes), len(outcomes) - len(alive), len(left) - unreached, len(alive) - len(left), unreached
    )
    return row, left


def main(arguments: list[str]) -> int:
    """Run what is asked for, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", action="append", help=f"of {', '.join(PACKAGES)}; more than one may be named")
    parser.add_argument("--sample", type=int, help="try so many changes of each package, instead of all")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another sample")
    parser.add_argument("--only", default="", help="what the printed line of a change contains, such as files.py:120")
    parser.add_argument("--write", action="store_true", help="keep the scores in scores.json, for the documentation")
    parser.add_argument("--toml", type=Path, help="write the survivors here, as rows for explained.toml")
    parser.add_argument("--root", type=Path, default=HERE.parents[1])
    parser.add_argument("--source", default="sesevent", help="the folder of the packages, below the root")
    parser.add_argument("--explained", type=Path, default=HERE / "explained.toml")
    asked = parser.parse_args(arguments)
    import hypothesis

    hypothesis.settings.register_profile(
        "mutation", max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip
    os.chdir(asked.root)
    sys.path.insert(0, str(asked.root))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what comes with other packages takes a second to load
    os.environ["COVERAGE_CORE"] = "ctrace"  # the one that can tell tests apart, on every Python
    scores, reasons = {}, explained(asked.explained)
    for name in asked.package or PACKAGES:
        began = time.monotonic()
        room = Room(name, asked.root.resolve(), f"{asked.source}/{name}", f"tests/{name}")
        total, outcomes = run(room, asked.sample, asked.seed, asked.only, lambda line: print(line, flush=True))
        scores[name], survivors = scored(total, outcomes, reasons)
        for mutant in survivors:
            print(f"{'unreached' if outcomes[mutant] == 'not reached' else 'survived'}: {mutant}")
        print(f"{name}: {_told(scores[name])}, in {time.monotonic() - began:.0f} s", flush=True)
        if asked.toml:
            with asked.toml.open("a", encoding="utf-8") as written:
                written.writelines(_row(mutant) for mutant in survivors)
    print("\n" + "\n".join(f"{name:12} {_told(score)}" for name, score in scores.items()))
    if asked.write:
        kept = HERE / "scores.json"
        before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        rows = {
            name: score._asdict() | {"seed": asked.seed if asked.sample else None} for name, score in scores.items()
        }
        kept.write_text(json.dumps(before | rows, indent=2) + "\n", encoding="utf-8")
    return 0


def _told(score: Score) -> str:
    return (
        f"{score.percent:5.1f} %: {score.killed} of {score.tried} killed, {score.survived} survived, "
        f"{score.explained} explained, {score.unreached} not reached; {score.mutants} in all"
    )


def _row(mutant: Mutant) -> str:
    told = zip(("file", "within", "text", "change"), mutant.key, strict=True)
    fields = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in told)
    return f'[[survivor]]\n{fields}because = ""\n\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
