"""The benchmark at size goes on where it was killed, and tells what grows. In short; ``nox -s scale`` takes as long as
asked."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports one of the benchmark's files."""

    def load(name: str) -> Any:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location(f"{name}_of_scale", BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "scale.py"), "--events", "3000", "--folder", str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


def lines(folder: Path, what: str) -> list[dict[str, Any]]:
    told = map(json.loads, (folder / "log.jsonl").read_bytes().splitlines())
    return [one for one in told if one["what"] == what]


@pytest.mark.timeout(500)
def test_what_was_killed_goes_on_and_everything_is_told(tmp_path: Path) -> None:
    """Killed while it loads, with a line half written; nothing is stored twice, nor asked twice."""
    assert run(tmp_path, "--chunk", "300", "--die-after", "2").returncode == -9
    with (tmp_path / "log.jsonl").open("ab") as log:
        log.write(b'{"what": "stored", "si')
    done = run(tmp_path, "--chunk", "300", "--rounds", "1", "--only", "by_m", "--json", str(tmp_path / "told.json"))
    assert done.returncode == 0, done.stderr

    stored = lines(tmp_path, "stored")
    assert Counter((one["size"], one["chunk"]) for one in stored).most_common(1)[0][1] == 1
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert [one["events"] for one in told["weights"]] == [one["events"] for one in told["loads"]]
    assert told["loads"][-1]["events"] == pytest.approx(3000, rel=0.1)
    assert any(one["again"] > 0 for one in told["loads"])  # repeats are among them
    (question,) = told["questions"]
    assert (question["question"], question["rows"], question["looked"]) == ("`events.by_message_id`", [4, 4], [8, 8])
    assert "looks at more" not in question["grows"]  # how long it took is no matter for a test
    assert [one["people"] for one in told["erased"]] == [3, 3]
    assert [one["events"] for one in told["archived"]] == [one["events"] for one in told["loads"]]
    assert "| repositories: `events.by_message_id` |" in done.stderr
    assert {json.loads(line)["table"] for line in done.stdout.splitlines()} >= {"loads", "questions", "archived"}


def test_without_room_on_the_disk_it_says_so_and_does_nothing(tmp_path: Path) -> None:
    """How much is needed, and how much there is."""
    done = run(tmp_path, "--events", str(10**12))
    assert done.returncode == 2
    assert "are needed" in done.stderr
    assert not (tmp_path / "mongod").exists()


def test_a_month_is_made_the_same_again_chunk_by_chunk(loaded: Any) -> None:
    """Whoever goes on after a crash makes what the dead one was at; another month is another."""
    traffic = loaded("scale_traffic")
    month = traffic.Month(2_000, chunk=100)
    again = traffic.Month(2_000, chunk=100)
    assert month.chunks > 2
    assert month.chunk(1) == again.chunk(1) != month.chunk(2)
    assert sum(len(month.chunk(number)) for number in range(month.chunks)) == pytest.approx(2_000, rel=0.1)


def test_a_month_is_what_ses_would_send(loaded: Any) -> None:
    """Every event is understood, lies in the month or shortly behind it, and no placeholder is left in it."""
    from sesevent import Click, parse

    traffic = loaded("scale_traffic")
    month = traffic.Month(2_000, chunk=100)
    raws = {raw for number in range(month.chunks) for raw in month.chunk(number)}  # some are told twice
    events = [event for raw in raws for event in parse(raw)]
    people = Counter(one.address for event in events for one in event.recipients)
    assert not any(b"SNS-ID" in raw or b".example@" in raw or b"placeholder" in raw for raw in raws)
    assert all(traffic.START <= event.timestamp < traffic.END + traffic.timedelta(days=1) for event in events)
    assert {person: people[person] for person in traffic.PEOPLE} == dict.fromkeys(traffic.PEOPLE, 48)
    assert len({event.message_id for event in events if isinstance(event, Click)}) > 100
    assert {event.type for event in events} >= {"Send", "Delivery", "Open", "Click", "Bounce", "DeliveryDelay"}


ONE = {
    "sizes": [100, 10_000],
    "kind": "same",
    "rows": [5, 5],
    "looked": [10, 10],
    "milliseconds": [1, 1],
    "ratios": [1, 1],
}


@pytest.mark.parametrize(
    ("changed", "grows"),
    [
        ({}, []),
        ({"looked": [10, 1000]}, ["looks at more"]),
        ({"looked": [10, 100]}, []),  # a page more or less
        ({"looked": [1000, 2000], "rows": [50, 100]}, []),
        ({"milliseconds": [10, 100], "ratios": [1, 10.0]}, ["takes longer"]),
        ({"milliseconds": [10, 25], "ratios": [1, 2.5]}, []),  # a deeper tree, a colder cache
        ({"milliseconds": [0.1, 1], "ratios": [1, 10.0]}, []),  # noise
        ({"kind": "rows", "looked": [100, 10_000], "milliseconds": [10, 1000], "ratios": [1, 100.0]}, []),
        ({"kind": "rows", "looked": [100, 50_000]}, ["looks at more"]),
    ],
)
def test_what_grows_faster_than_its_answer_is_marked(loaded: Any, changed: dict[str, Any], grows: list[str]) -> None:
    """By what was looked at, and by time, with some room."""
    assert loaded("scale_report").grows(ONE | changed) == grows
