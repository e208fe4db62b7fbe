"""moto's CloudWatch receives the metrics; the embedded metric format keeps to its limits."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent import AwsUnavailable, ConfigurationError, testing, trusted
from sesevent.contrib.cloudwatch import LARGEST_CALL, Publisher, Tally, batches, embedded, name_of
from sesevent.contrib.measurements import MEASUREMENTS, Bounded, Received, Sample, StoreFigures

boto3 = pytest.importorskip("boto3")

from botocore.exceptions import ClientError, EndpointConnectionError  # noqa: E402

NOW = datetime.now(timezone.utc).replace(microsecond=0)
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
LAG = MEASUREMENTS["watch_lag"]


class Same:
    """Figures that a test sets."""

    def __init__(self, *samples: Sample) -> None:
        self.told = samples

    def samples(self) -> tuple[Sample, ...]:
        return self.told


class Client:
    """CloudWatch, in place of boto3's: notes the calls, and fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.failures: list[Exception] = []

    def client(self, name: str, **options: Any) -> Client:
        return self

    def put_metric_data(self, **asked: Any) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append(asked["MetricData"])


def test_motos_cloudwatch_receives_what_was_counted_and_asked(moto_url: str, store: Any) -> None:
    """Names and dimensions are there, under our namespace; the counts since the last time."""
    received = Received({"campaign": Bounded(["spring"])})
    publisher = Publisher(received, StoreFigures(store), endpoint_url=moto_url, **KEYS)
    counted = received.counting(store)
    for number, campaign in enumerate(("spring", "spring", "ann@example.com")):
        counted.receive(trusted(testing.bounce(campaign=campaign, message_id=f"m{number}"), because="a test"))
    put = publisher.put()
    client = boto3.client("cloudwatch", endpoint_url=moto_url, **KEYS)
    metrics = client.list_metrics(Namespace="sesevent")["Metrics"]
    found = client.get_metric_statistics(
        Namespace="sesevent", MetricName="Events", StartTime=NOW - timedelta(hours=1), EndTime=NOW + timedelta(hours=1),
        Period=60, Statistics=["Sum"], Unit="Count",
        Dimensions=[{"Name": "Campaign", "Value": "spring"}, {"Name": "Outcome", "Value": "fresh"}, {"Name": "Type", "Value": "Bounce"}],
    )  # fmt: skip

    assert put > 50
    assert [point["Sum"] for point in found["Datapoints"]] == [2.0]
    assert {"Health", "DeadLetters", "LastEventAge", "Events", "RecentMails"} <= {
        metric["MetricName"] for metric in metrics
    }
    assert "@" not in str(metrics)
    assert publisher._tally is not None
    assert publisher._tally.take() == []


def test_values_noted_between_two_calls_go_together() -> None:
    """Each once, with how often it was seen; no more than a call may hold of one metric."""
    client, figures = Client(), Same()
    publisher = Publisher(figures=figures, session=client, clock=lambda: NOW)
    for value in (1.0, 2.0, 2.0):
        figures.told = (Sample(LAG, {"watch": "w"}, value),)
        publisher.sample()
    publisher.put()  # notes the last value once more
    ((datum,),) = client.calls
    for number in range(200):
        figures.told = (Sample(LAG, {"watch": "w"}, float(number)),)
        publisher.sample()
    publisher.put()

    assert (datum["Values"], datum["Counts"], datum["Unit"]) == ([1.0, 2.0], [1.0, 3.0], "Seconds")
    assert datum["Dimensions"] == [{"Name": "Watch", "Value": "w"}]
    assert [len(one["Values"]) for one in client.calls[1]] == [150, 50]
    assert sum(sum(one["Counts"]) for one in client.calls[1]) == 201


def test_a_call_holds_a_thousand_metrics_and_no_megabyte() -> None:
    """As AWS counts it: the size that its oldest protocol makes of them."""
    small = [{"MetricName": "m", "Dimensions": [], "Values": [1.0], "Counts": [1.0]}] * 2500
    large = [
        {"MetricName": "m", "Values": [float(number) for number in range(150)], "Counts": [1.0] * 150,
         "Dimensions": [{"Name": "Campaign", "Value": "ü" * 60}]}
    ] * 700  # fmt: skip
    written = [_as_query(call) for call in batches(large)]

    assert [len(call) for call in batches(small)] == [1000, 1000, 500]
    assert sum(map(len, batches(large))) == 700
    assert max(written) <= LARGEST_CALL < 1_000_000 < sum(written)


def _as_query(data: list[dict[str, Any]]) -> int:
    from urllib.parse import urlencode

    from botocore.serialize import QuerySerializer
    from botocore.session import get_session

    model = get_session().get_service_model("cloudwatch").operation_model("PutMetricData")
    body = QuerySerializer().serialize_to_request({"Namespace": "sesevent", "MetricData": data}, model)["body"]
    return len(urlencode(body))


def test_what_cannot_be_put_now_is_put_later_and_what_is_refused_is_not() -> None:
    """Counts are lost in neither case but the second."""
    client, received = Client(), Received()
    publisher = Publisher(received, session=client, clock=lambda: NOW)
    counted = received.counting(testing.memory_store())
    counted.receive(trusted(testing.send(), because="a test"))
    client.failures = [EndpointConnectionError(endpoint_url="https://x.example")]
    with pytest.raises(AwsUnavailable, match="CloudWatch"):
        publisher.put()
    assert publisher.put() == 1
    counted.receive(trusted(testing.send(), because="a test"))
    client.failures = [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no, ann@example.com"}}, "PutMetricData")
    ]
    with pytest.raises(ConfigurationError, match="cloudwatch:PutMetricData"):
        publisher.put()

    assert (publisher.put(), len(client.calls)) == (0, 1)


def test_what_waits_is_bounded() -> None:
    """While CloudWatch is away for days."""
    client, figures = Client(), Same(*[Sample(LAG, {"watch": f"w{number}"}, 1.0) for number in range(900)])
    publisher = Publisher(figures=figures, session=client, clock=lambda: NOW)
    for _ in range(20):
        client.failures = [EndpointConnectionError(endpoint_url="https://x.example")]
        with pytest.raises(AwsUnavailable):
            publisher.put()

    assert len(publisher._waiting) == 10_000


def test_a_line_of_the_embedded_format_is_for_samples_of_equal_labels() -> None:
    """A document is one line of JSON; values stand at its root beside the dimensions."""
    samples = [
        Sample(LAG, {"watch": "a"}, 1.5), Sample(LAG, {"watch": "b"}, 2.5), Sample(MEASUREMENTS["dead_letters"], {}, 3.0),
        Sample(MEASUREMENTS["clock_skew"], {}, -1.0),
    ]  # fmt: skip
    lines = list(embedded(samples, NOW))
    first, _, third = map(json.loads, lines)

    assert all("\n" not in line for line in lines)
    assert first == {
        "_aws": {
            "Timestamp": int(NOW.timestamp() * 1000),
            "CloudWatchMetrics": [{
                "Namespace": "sesevent", "Dimensions": [["Watch"]], "Metrics": [{"Name": "WatchLag", "Unit": "Seconds"}],
            }],
        },
        "Watch": "a", "WatchLag": 1.5,
    }  # fmt: skip
    assert (third["DeadLetters"], third["ClockSkew"], third["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (
        3,
        -1,
        [[]],
    )


def test_a_document_holds_a_hundred_metrics_and_thirty_dimensions() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    labels = {f"l{number}": "x" for number in range(40)}
    samples = [Sample(LAG._replace(name=f"m{number}"), labels, float(number)) for number in range(250)]
    documents = [json.loads(line)["_aws"]["CloudWatchMetrics"][0] for line in embedded(samples, NOW)]

    assert [len(document["Metrics"]) for document in documents] == [100, 100, 50]
    assert {len(document["Dimensions"][0]) for document in documents} == {30}


def test_in_lambda_an_invocation_takes_what_it_counted() -> None:
    """Once."""
    received = Received()
    tally = Tally(received)
    counted = received.counting(testing.memory_store())
    for _ in range(3):
        counted.receive(trusted(testing.send(), because="a test"))
    lines = [json.loads(line) for line in embedded(tally.take(), NOW)]

    assert [(line["Type"], line["Outcome"], line["Events"]) for line in lines] == [
        ("Send", "fresh", 1), ("Send", "duplicate", 2),
    ]  # fmt: skip
    assert tally.take() == []


def test_no_metric_is_called_as_a_dimension() -> None:
    """Both stand at a document's root."""
    labels = {name_of(label) for row in MEASUREMENTS.values() for label in row.labels}

    assert not labels & {name_of(name) for name in MEASUREMENTS}
