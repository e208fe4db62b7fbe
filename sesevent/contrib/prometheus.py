"""What is measured, for Prometheus to scrape (extra ``prometheus``): names begin with ``sesevent_``.

https://prometheus.io/docs/practices/naming/ says how names are made. What is measured is the table of
:mod:`sesevent.contrib.measurements`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from sesevent.contrib.measurements import MEASUREMENTS, UNITS, Measurement, Received, Sample
from sesevent.errors import MissingExtra

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter
    from prometheus_client.metrics_core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError:
    raise MissingExtra("Telling Prometheus what is measured", "prometheus") from None

__all__ = ["FiguresCollector", "count", "export", "name_of"]


class Figures(Protocol):
    """What is asked of `StoreFigures` and `AsyncStoreFigures`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that their owner added."""
        ...

    def samples(self) -> Iterable[Sample]:
        """Everything that is known."""
        ...


def name_of(measurement: Measurement) -> str:
    """What Prometheus calls it, such as ``sesevent_watch_lag_seconds``; of a counter without its ``_total``."""
    return f"sesevent_{measurement.name}{UNITS[measurement.unit].suffix}"


def export(
    received: Received | None = None, figures: Figures | None = None, *, registry: CollectorRegistry = REGISTRY
) -> None:
    """Have *registry* tell what *received* counts and what *figures* say, beside whatever else it tells.

    With several processes behind one port (``PROMETHEUS_MULTIPROC_DIR``) the counts add up as ever; put *figures* into
    the registry that is scraped, where one process asks.
    """
    if received is not None:
        count(received, registry=registry)
    if figures is not None:
        registry.register(FiguresCollector(figures))


def count(received: Received, *, registry: CollectorRegistry = REGISTRY) -> None:
    """Make the counters, and count in them."""
    counters = {
        measurement.name: Counter(
            name_of(measurement),
            measurement.words,
            _labels(measurement, tuple(received.labels)),
            registry=registry,
        )
        for measurement in MEASUREMENTS.values()
        if measurement.kind == "counter"
    }

    def tell(sample: Sample) -> None:
        counter = counters[sample.measurement.name]
        (counter.labels(**sample.labels) if sample.labels else counter).inc(sample.value)

    received.tell(tell)


class FiguresCollector(Collector):
    """Asks for figures when it is scraped."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> list[GaugeMetricFamily]:
        """The names, for whoever registers it: nothing is asked for that."""
        return list(self._families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Everything, as it is now or was lately."""
        families = self._families()
        for sample in self._figures.samples():
            labels = _labels(sample.measurement, self._figures.labels)
            families[sample.measurement.name].add_metric([sample.labels[name] for name in labels], sample.value)
        yield from (family for family in families.values() if family.samples)

    def _families(self) -> dict[str, GaugeMetricFamily]:
        return {
            measurement.name: GaugeMetricFamily(
                name_of(measurement), measurement.words, labels=_labels(measurement, self._figures.labels)
            )
            for measurement in MEASUREMENTS.values()
            if measurement.kind == "gauge"
        }


def _labels(measurement: Measurement, more: tuple[str, ...]) -> tuple[str, ...]:
    return (*measurement.labels, *more) if measurement.more_labels else measurement.labels
