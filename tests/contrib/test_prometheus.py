"""A scrape is read by Prometheus's own parser, and holds what the table says."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sesevent import testing, trusted
from sesevent.contrib.health import HealthServer
from sesevent.contrib.measurements import MEASUREMENTS, Bounded, Received, Sample, StoreFigures

prometheus_client = pytest.importorskip("prometheus_client")

from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from sesevent.contrib.prometheus import export, name_of  # noqa: E402


class Same:
    """Figures that were known beforehand."""

    labels = ("campaign",)

    def __init__(self, *samples: Sample) -> None:
        self.told = samples
        self.asked = 0

    def samples(self) -> tuple[Sample, ...]:
        self.asked += 1
        return self.told


def scraped(registry: CollectorRegistry) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}


def test_a_scrape_parses_and_tells_the_counts_and_the_store(store: Any) -> None:
    """Over HTTP, through the worker's own health server."""
    registry, received = CollectorRegistry(), Received({"campaign": Bounded(["spring"])})
    export(received, StoreFigures(store), registry=registry)
    counted = received.counting(store)
    for campaign in ("spring", "spring", "ann@example.com"):
        counted.receive(trusted(testing.bounce(campaign=campaign, message_id=campaign), because="a test"))
    server = HealthServer(
        "127.0.0.1", 0, lambda: store.health().status != "down", lambda: generate_latest(registry).decode()
    )
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
    finally:
        server.close()
    families = {family.name: family for family in text_string_to_metric_families(text)}

    assert {
        (sample.labels["type"], sample.labels["outcome"], sample.labels["campaign"]): sample.value
        for sample in families["sesevent_events"].samples
        if sample.name == "sesevent_events_total"
    } == {("Bounce", "fresh", "spring"): 1, ("Bounce", "duplicate", "spring"): 1, ("Bounce", "fresh", "other"): 1}
    assert families["sesevent_health"].type == "gauge"
    assert {sample.labels["check"] for sample in families["sesevent_health"].samples} >= {"all", "server", "writable"}
    assert families["sesevent_dead_letters"].samples[0].value == 0
    assert families["sesevent_last_event_age_seconds"].samples[0].labels == {"type": "Bounce"}
    assert "@" not in text


def test_every_name_of_the_table_is_one_that_prometheus_takes() -> None:
    """And each has its words as help."""
    figures = Same(*[
        Sample(row, dict.fromkeys((*row.labels, "campaign") if row.more_labels else row.labels, "x"), 0.5)
        for row in MEASUREMENTS.values() if row.kind == "gauge"
    ])  # fmt: skip
    registry = CollectorRegistry()
    export(Received(), figures, registry=registry)
    families = scraped(registry)

    assert {name_of(row) for row in MEASUREMENTS.values()} == {
        name for name in families if not name.endswith("_created")
    }
    assert all(families[name_of(row)].documentation == row.words for row in MEASUREMENTS.values())
    assert families["sesevent_recent_rate_ratio"].samples[0].labels == {"measure": "x", "campaign": "x"}


def test_registering_asks_nothing() -> None:
    """A service starts although its database is away."""
    figures = Same()
    export(figures=figures, registry=CollectorRegistry())

    assert figures.asked == 0


def test_a_second_export_to_one_registry_is_refused() -> None:
    """By prometheus_client: everything would be told twice."""
    registry = CollectorRegistry()
    export(figures=Same(), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        export(figures=Same(), registry=registry)


def test_several_processes_behind_one_port_add_up(tmp_path: Path) -> None:
    """Their counts lie in files, as prometheus_client has it; figures join them in the registry that is scraped."""
    script = """
from sesevent import testing, trusted
from sesevent.contrib.measurements import Received
from sesevent.contrib.prometheus import export
received = Received(); export(received)
received.counting(testing.memory_store()).receive(trusted(testing.send(), because="a test"))
"""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], env=os.environ | environment, check=True, timeout=60)
    collect = """
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
registry = CollectorRegistry(); multiprocess.MultiProcessCollector(registry); print(generate_latest(registry).decode())
"""
    told = subprocess.check_output([sys.executable, "-c", collect], env=os.environ | environment, text=True, timeout=60)

    assert 'sesevent_events_total{outcome="fresh",type="Send"} 2.0' in told
