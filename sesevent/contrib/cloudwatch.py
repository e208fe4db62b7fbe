"""What is measured, for CloudWatch: put there (extra ``aws``), or written into a log as the embedded metric format.

`embedded` needs no extra: where the log goes to CloudWatch Logs, as in Lambda, a line is all it takes. Names and
dimensions are spelled as AWS spells its own. What is measured is the table of :mod:`sesevent.contrib.measurements`.

A metric costs money by its name and its dimensions' values, which are bounded there.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sesevent.contrib.measurements import UNITS, Measurement, Received, Sample
from sesevent.errors import AwsUnavailable, MissingExtra
from sesevent.storage.connection import utc_now

__all__ = ["DIMENSIONS", "NAMESPACE", "Publisher", "Tally", "embedded", "name_of"]

NAMESPACE: Final = "sesevent"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
PER_CALL: Final = 1000
LARGEST_CALL: Final = 900_000  # of 1 MB: what is not ours of it is small
VALUES: Final = 150
_KEPT: Final = 10_000  # metrics, while CloudWatch is away
_TOO_OLD: Final = timedelta(days=13)  # it takes two weeks
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
PER_DOCUMENT: Final = 100
DIMENSIONS: Final = 30

_Series = tuple[Measurement, tuple[tuple[str, str], ...]]


class Figures(Protocol):
    """What is asked of `StoreFigures` and `AsyncStoreFigures`."""

    def samples(self) -> Iterable[Sample]:
        """Everything that is known."""
        ...


def name_of(text: str) -> str:
    """A name, or a label, as AWS spells its own: ``WatchLag``."""
    return "".join(word.capitalize() for word in text.split("_"))


# ── Lambda ───────────────────────────────────────────────────────────────────────────────────


def embedded(samples: Iterable[Sample], at: datetime, *, namespace: str = NAMESPACE) -> Iterator[str]:
    """Samples as lines of JSON, which CloudWatch Logs reads metrics from; nothing else may stand on their line.

    A line is for samples of equal labels, at most a hundred of them.
    """
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in samples:
        groups.setdefault(_dimensions(sample), []).append(sample)
    for dimensions, group in groups.items():
        for first in range(0, len(group), PER_DOCUMENT):
            yield _document(group[first : first + PER_DOCUMENT], dict(dimensions), at, namespace)


def _document(samples: list[Sample], dimensions: Mapping[str, str], at: datetime, namespace: str) -> str:
    units = {name_of(sample.measurement.name): UNITS[sample.measurement.unit].cloudwatch for sample in samples}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    values: dict[str, list[float]] = {}
    for sample in samples:
        values.setdefault(name_of(sample.measurement.name), []).append(sample.value)
    told = {"_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}}
    flat = {name: some[0] if len(some) == 1 else some for name, some in values.items()}
    return json.dumps({**told, **dimensions, **flat}, separators=(",", ":"))


class Tally:
    """What `Received` counts, added up until it is taken: in Lambda once an invocation."""

    def __init__(self, received: Received) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Series, float] = {}
        received.tell(self._add)

    def take(self) -> list[Sample]:
        """What was added since the last time."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return [Sample(measurement, dict(labels), value) for (measurement, labels), value in counts.items()]

    def _add(self, sample: Sample) -> None:
        series = (sample.measurement, tuple(sorted(sample.labels.items())))
        with self._lock:
            self._counts[series] = self._counts.get(series, 0) + sample.value


# ── Put ──────────────────────────────────────────────────────────────────────────────────────


class Publisher:
    """Puts what *received* counts and what *figures* say to CloudWatch, from one thread.

    Call `sample` as often as values are wanted, and `put` about once a minute: the values of a metric since then go
    together, as a set that CloudWatch can take percentiles of. *session* is a ``boto3.Session``, *client_options* go to
    its client. It needs the permission ``cloudwatch:PutMetricData``.
    """

    def __init__(
        self,
        received: Received | None = None,
        figures: Figures | None = None,
        *,
        namespace: str = NAMESPACE,
        session: Any = None,
        clock: Callable[[], datetime] = utc_now,
        **client_options: Any,
    ) -> None:
        self._tally = None if received is None else Tally(received)
        self._figures, self._namespace, self._clock = figures, namespace, clock
        self._values: dict[_Series, Counter[float]] = {}
        self._waiting: list[dict[str, Any]] = []
        self._client, self._raised, self._translated = _client(session, client_options)

    def sample(self) -> None:
        """Note what *figures* say now."""
        for one in () if self._figures is None else self._figures.samples():
            series = (one.measurement, tuple(sorted(one.labels.items())))
            self._values.setdefault(series, Counter())[one.value] += 1

    def put(self) -> int:
        """Put what was noted, and counted, since the last time; returns how many metrics. `sample` comes first.

        Raises AwsUnavailable where CloudWatch cannot take it now: what is left goes with the next call. Raises
        ConfigurationError without the permission, and AwsError for what it refuses; that is forgotten.
        """
        self.sample()
        now, values, self._values = self._clock(), self._values, {}
        for sample in [] if self._tally is None else self._tally.take():
            values[sample.measurement, tuple(sorted(sample.labels.items()))] = Counter({sample.value: 1})
        self._waiting += [datum for series, counts in values.items() for datum in _data(series, counts, now)]
        self._waiting = [datum for datum in self._waiting[-_KEPT:] if now - datum["Timestamp"] < _TOO_OLD]
        done = 0
        for call in batches(self._waiting):
            self._call(call)
            done += len(call)
        return done

    def _call(self, data: list[dict[str, Any]]) -> None:
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except self._raised as error:
            wrong = self._translated(error)
            if not isinstance(wrong, AwsUnavailable):
                self._waiting = self._waiting[len(data) :]
            raise wrong from None
        self._waiting = self._waiting[len(data) :]


def _client(session: Any, options: Mapping[str, Any]) -> tuple[Any, Any, Callable[[Exception], Exception]]:
    try:
        from sesevent.contrib.aws_errors import RAISED, made_client, translated
    except ImportError:
        raise MissingExtra("Putting metrics to CloudWatch", "aws") from None

    def meant(error: Exception) -> Exception:
        return translated(error, "put_metric_data", service="Amazon CloudWatch", prefix="cloudwatch")

    client = made_client("cloudwatch", session, service="Amazon CloudWatch", prefix="cloudwatch", **options)
    return client, RAISED, meant


def _data(series: _Series, counts: Counter[float], at: datetime) -> Iterator[dict[str, Any]]:
    """One metric's values, with how often there was each."""
    measurement, labels = series
    datum = {
        "MetricName": name_of(measurement.name),
        "Dimensions": [{"Name": name_of(name), "Value": value} for name, value in labels],
        "Timestamp": at,
        "Unit": UNITS[measurement.unit].cloudwatch,
    }
    found = list(counts.items())
    for first in range(0, len(found), VALUES):
        some = found[first : first + VALUES]
        yield datum | {"Values": [float(value) for value, _ in some], "Counts": [float(times) for _, times in some]}


def batches(data: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Cut into what one call may hold: a thousand metrics, and not quite a megabyte."""
    found: list[list[dict[str, Any]]] = []
    size = 0
    for datum in data:
        more = _size(datum)
        if not found or len(found[-1]) == PER_CALL or size + more > LARGEST_CALL:
            found.append([])
            size = 0
        found[-1].append(datum)
        size += more
    return found


def _size(datum: Mapping[str, Any]) -> int:
    """Bytes of a metric, at most: as AWS's oldest protocol writes it, each part under its whole path."""
    values = 2 * len(datum["Values"]) * (len("&MetricData.member.1000.Counts.member.150=") + 24)
    dimensions = sum(
        2 * len("&MetricData.member.1000.Dimensions.member.30.Value=")
        + len(pair["Name"].encode())
        + 3 * len(pair["Value"].encode())
        for pair in datum["Dimensions"]
    )
    return values + dimensions + 250


def _dimensions(sample: Sample) -> tuple[tuple[str, str], ...]:
    return tuple((name_of(name), value) for name, value in sorted(sample.labels.items()))[:DIMENSIONS]
