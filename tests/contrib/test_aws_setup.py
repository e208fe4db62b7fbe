"""An account's set-up, read by real boto3 clients: moto's server, and by hand what it lacks (see `ses_api`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ses_api import SesApi, served_before_moto
from sesevent import AwsUnavailable, ConfigurationError, testing
from sesevent.plans.aws_setup import Topic

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from sesevent.contrib import aws_setup  # noqa: E402
from sesevent.contrib.aws_setup import POLICY, AwsSetUp  # noqa: E402

KEYS = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
ALL = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT"]


@pytest.fixture(scope="module")
def server() -> Iterator[SesApi]:
    with served_before_moto() as api:
        yield api


@pytest.fixture
def api(server: SesApi) -> SesApi:
    server.reset()
    server.account = {"SendingEnabled": True, "ProductionAccessEnabled": True, "EnforcementStatus": "HEALTHY"}
    return server


def client(api: SesApi, name: str) -> Any:
    return boto3.client(name, endpoint_url=api.url, **KEYS)


def look(api: SesApi) -> AwsSetUp:
    return AwsSetUp(endpoint_url=api.url, **KEYS)


def destination(name: str, topic: str, *kinds: str) -> dict[str, Any]:
    return {"Name": name, "Enabled": True, "MatchingEventTypes": list(kinds), "SnsDestination": {"TopicArn": topic}}


@pytest.fixture
def topic(api: SesApi) -> str:
    sns = client(api, "sns")
    arn: str = sns.create_topic(Name="events")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:events")
    return arn


def test_a_set_up_in_order_has_nothing_to_object_to(api: SesApi, topic: str) -> None:
    """Everything was read."""
    api.sets["main"] = {
        "EventDestinations": [destination("all", topic, *ALL)],
        "SendingOptions": {"SendingEnabled": True},
    }
    api.identities["shop.example.com"] = {"ConfigurationSetName": "main", "IdentityType": "DOMAIN"}
    read = look(api).read()

    assert read.topics == {topic: Topic(confirmed=1)}
    assert (read.sets["main"].destinations[0].topic, read.identities["shop.example.com"].configuration_set) == (
        topic,
        "main",
    )
    assert [finding.level for finding in look(api).examine()] == ["ok"]


def test_what_is_wrong_is_named(api: SesApi, topic: str) -> None:
    """Routed twice, by destinations and by identities; gone topics; sets of which nothing is heard."""
    gone = topic.replace(":events", ":gone")
    api.sets = {
        "main": {"EventDestinations": [destination("all", topic, *ALL), destination("again", topic, "BOUNCE")]},
        "mute": {"SuppressionOptions": {"SuppressedReasons": []}, "SendingOptions": {"SendingEnabled": False}},
        "gone": {"EventDestinations": [destination("all", gone, *ALL)]},
    }
    api.identities = {"shop.example.com": {"ConfigurationSetName": "main"}, "ann@example.com": {}}
    api.topics = {"shop.example.com": {"Bounce": topic}}
    found = {(finding.subject, finding.finding) for finding in look(api).examine()}
    text = "\n".join(f"{subject}: {finding}" for subject, finding in sorted(found))

    assert f"routed twice: main sends BOUNCE twice, by all and again, to the same topic {topic}" in text
    assert "routed twice: shop.example.com notifies a topic of Bounce; by its configuration set main" in text
    assert "configuration set: mute has no event destination" in text
    assert "sending: paused for mute" in text
    assert "suppression: mute does not heed SES's suppression list for BOUNCE and COMPLAINT" in text
    assert f"topic: {gone} does not exist" in text
    assert "identity: mail without a configuration set leaves no events: a…@example.com" in text
    assert "ann@" not in text


def test_what_is_not_allowed_costs_only_itself(api: SesApi, topic: str) -> None:
    """And is named with its permission."""
    api.sets["main"] = {"EventDestinations": [destination("all", topic, *ALL)]}
    api.refused = {"GetAccount", "ListEmailIdentities"}
    found = look(api).examine()

    assert [finding.level for finding in found] == ["warning", "warning"]
    assert "ses:GetAccount" in found[0].finding
    assert "ses:ListEmailIdentities" in found[1].finding


def test_without_aws_there_is_an_error_and_no_finding() -> None:
    """As where there are no credentials; nothing would be right to say."""
    nobody = AwsSetUp(endpoint_url="http://127.0.0.1:9", **KEYS)
    with pytest.raises(AwsUnavailable, match="could not be reached"):
        nobody.examine()
    with pytest.raises(ConfigurationError, match="profile"):
        AwsSetUp.of_profile("no-such-profile")


def test_only_some_of_a_great_many_are_looked_at(api: SesApi, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SES takes a call or a few a second; that others were not looked at is told."""
    monkeypatch.setattr(aws_setup, "MOST", 3)
    api.sets = {f"set{number}": {"EventDestinations": [destination("all", topic, *ALL)]} for number in range(5)}
    read = look(api).read()

    assert (len(read.sets), read.unread) == (3, ["2 more configuration sets: only 3 are looked at"])


def test_every_call_is_in_the_policy(api: SesApi, topic: str) -> None:
    """And nothing else: least privilege."""
    api.sets["main"] = {"EventDestinations": [destination("all", topic, *ALL)]}
    api.identities["shop.example.com"] = {}
    called: set[str] = set()

    class Session:
        def client(self, name: str, **options: Any) -> Any:
            made = boto3.client(name, **options)
            prefix = "sns" if name == "sns" else "ses"
            made.meta.events.register("before-call", lambda model, **_: called.add(f"{prefix}:{model.name}"))
            return made

    AwsSetUp(Session(), endpoint_url=api.url, **KEYS).examine()

    assert called == set(POLICY["Statement"][0]["Action"])


def test_whether_aws_answers_is_part_of_health(api: SesApi) -> None:
    """A refusal is an answer; nobody there is degraded, for what is received is stored all the same."""
    store = testing.memory_store()
    well = store.health(also=[look(api).health])
    api.refused = {"GetAccount"}
    refused = store.health(also=[look(api).health])
    away = store.health(also=[AwsSetUp(endpoint_url="http://127.0.0.1:9", **KEYS).health])

    assert [check[:2] for check in well.checks[-2:]] == [("ses", "ok"), ("sns", "ok")]
    assert [check[:2] for check in refused.checks[-2:]] == [("ses", "ok"), ("sns", "ok")]
    assert ([check.status for check in away.checks[-2:]], away.status) == (["degraded", "degraded"], "degraded")
