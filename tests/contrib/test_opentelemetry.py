"""The SDK's own reader in memory sees what the table says."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent import testing, trusted
from sesevent.contrib.measurements import MEASUREMENTS, UNITS, Bounded, Received, StoreFigures

pytest.importorskip("opentelemetry.sdk.metrics")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from sesevent.contrib.opentelemetry import export, name_of


def collected(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
    return {metric.name: metric for scope in scopes for metric in scope.metrics}


def points(metric: Any) -> dict[tuple[str, ...], float]:
    return {tuple(point.attributes.values()): point.value for point in metric.data.data_points}


def test_counts_and_figures_are_collected(store: Any) -> None:
    """With units as UCUM has them, names and attributes of our own, and no address."""
    reader, received = InMemoryMetricReader(), Received({"campaign": Bounded(at_most=2)})
    provider = MeterProvider([reader])
    export(received, StoreFigures(store, cache_seconds=0), provider=provider)
    counted = received.counting(store)
    for number in range(9):
        campaign = f"c{number}" if number < 5 else f"p{number}@example.com"
        counted.receive(trusted(testing.bounce(campaign=campaign, message_id=f"m{number}"), because="a test"))
    counted.receive(trusted(testing.bounce(campaign="c0", message_id="m0"), because="a test"))
    found = collected(reader)
    provider.shutdown()

    assert points(found["sesevent.events"]) == {
        ("Bounce", "fresh", "c0"): 1, ("Bounce", "duplicate", "c0"): 1, ("Bounce", "fresh", "c1"): 1,
        ("Bounce", "fresh", "other"): 7,
    }  # fmt: skip
    assert found["sesevent.events"].data.is_monotonic
    assert points(found["sesevent.health"])["server",] == 0
    assert found["sesevent.last_event_age"].unit == "s"
    assert {key for point in found["sesevent.health"].data.data_points for key in point.attributes} == {
        "sesevent.check"
    }
    assert "@" not in str(found)


def test_one_collection_asks_the_store_once() -> None:
    """Though every instrument wants its own."""
    asked: list[int] = []
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    figures = StoreFigures(testing.memory_store(), window=None, also=[lambda: asked.append(1) or []])
    export(figures=figures, provider=provider)
    assert asked == []
    found = collected(reader)
    provider.shutdown()

    assert (len(asked), "sesevent.health" in found) == (1, True)


def test_every_row_of_the_table_has_an_instrument() -> None:
    """A name that OpenTelemetry would refuse is refused when it is made."""
    made: dict[str, str] = {}

    class Meter:
        def create_counter(self, name: str, unit: str, description: str) -> None:
            made[name] = unit

        def create_observable_gauge(self, name: str, callbacks: Any, unit: str, description: str) -> None:
            made[name] = unit

    class Provider:
        def get_meter(self, *_: Any, **__: Any) -> Meter:
            return Meter()

    export(Received(), StoreFigures(testing.memory_store()), provider=Provider())  # type: ignore[arg-type]

    assert made == {name_of(row): UNITS[row.unit].ucum for row in MEASUREMENTS.values()}
