"""What is measured, for OpenTelemetry (extra ``otel``): instruments and attributes begin with ``sesevent.``.

The API alone is needed here; the service chooses the SDK and where it exports to. What is measured is the table of
:mod:`sesevent.contrib.measurements`. How names are made: https://opentelemetry.io/docs/specs/semconv/general/naming/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sesevent.contrib.measurements import MEASUREMENTS, UNITS, Measurement, Received, Sample
from sesevent.errors import MissingExtra
from sesevent.version import __version__

try:
    from opentelemetry import metrics
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
except ImportError:
    raise MissingExtra("Telling OpenTelemetry what is measured", "otel") from None

__all__ = ["export", "name_of"]


class Figures(Protocol):
    """What is asked of `StoreFigures` and `AsyncStoreFigures`."""

    def samples(self) -> Iterable[Sample]:
        """Everything that is known."""
        ...


def name_of(measurement: Measurement) -> str:
    """What OpenTelemetry calls it, such as ``sesevent.watch_lag``; its unit stands beside it."""
    return f"sesevent.{measurement.name}"


def export(
    received: Received | None = None, figures: Figures | None = None, *, provider: MeterProvider | None = None
) -> None:
    """Make the instruments of a meter: counters of what *received* counts, observable gauges of what *figures* say.

    *provider* is the process's own by default. Figures are asked for when the SDK collects, all instruments of one
    collection together, as long as that is quicker than they are cached.
    """
    meter = metrics.get_meter("sesevent", __version__, provider)
    if received is not None:
        _count(meter, received)
    if figures is not None:
        for measurement in MEASUREMENTS.values():
            if measurement.kind == "gauge":
                meter.create_observable_gauge(
                    name_of(measurement),
                    [_observe(figures, measurement)],
                    UNITS[measurement.unit].ucum,
                    measurement.words,
                )


def _count(meter: Meter, received: Received) -> None:
    counters = {
        measurement.name: meter.create_counter(name_of(measurement), UNITS[measurement.unit].ucum, measurement.words)
        for measurement in MEASUREMENTS.values()
        if measurement.kind == "counter"
    }
    received.tell(lambda sample: counters[sample.measurement.name].add(sample.value, _attributes(sample)))


def _observe(figures: Figures, measurement: Measurement) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(sample.value, _attributes(sample))
            for sample in figures.samples()
            if sample.measurement == measurement
        ]

    return observe


def _attributes(sample: Sample) -> dict[str, str]:
    return {f"sesevent.{name}": value for name, value in sample.labels.items()}
