"""The set-ups at AWS that the how-tos tell: templates by AWS's linter, commands by its models and by moto, and what comes of
both by the library's own parts. Nothing here was run at Amazon."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")
pytest.importorskip("cfnlint")
hcl2 = pytest.importorskip("hcl2")

import aws_commands  # noqa: E402
from aws_templates import ACCOUNT, FOLDER, REGION, TEMPLATES, Template, api_destination, cli_files  # noqa: E402
from cfnlint.api import ManualArgs, lint_file  # noqa: E402
from moto import mock_aws  # noqa: E402

from sesevent import testing, unwrap  # noqa: E402
from sesevent.contrib.s3 import ingest  # noqa: E402
from sesevent.contrib.sqs import Worker  # noqa: E402
from sesevent.plans.aws_setup import ConfigurationSet, Destination, Identity, SetUp, Topic, judge  # noqa: E402

PAGES = Path(__file__).parents[1] / "docs" / "how-to"
ROUTES = sorted(PAGES.glob("set-up-aws*.md"))
NAMES = [path.stem for path in TEMPLATES]
NOT_IN_MOTO = {
    ("sesv2", "create_configuration_set_event_destination"),
    ("sesv2", "put_email_identity_configuration_set_attributes"),
    ("ses", "set_identity_notification_topic"),  # it knows no clearing of what was not set
}
"""These are held against the model of the service only."""

pytestmark = pytest.mark.skipif(not PAGES.exists(), reason="the documentation is not here")


# ── Templates ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_a_template_has_nothing_that_the_linter_objects_to(path: Path) -> None:
    """AWS's own, which knows the schema of every resource."""
    assert [str(match) for match in lint_file(path, ManualArgs(regions=[REGION]))] == []


def test_there_is_a_template_of_both_kinds_for_each_route() -> None:
    """And each stands on a page."""
    terraform = sorted(path.parent.name for path in FOLDER.glob("terraform/*/main.tf"))
    told = "".join(page.read_text(encoding="utf-8") for page in ROUTES)

    assert terraform == NAMES
    assert [name for name in NAMES if f"examples/aws/{name}.yaml\n" not in told] == []
    assert [name for name in NAMES if f"examples/aws/terraform/{name}/main.tf\n" not in told] == []


def carried(name: str) -> Destination:
    told = api_destination(Template(name))
    return Destination(
        "it", told["Enabled"], frozenset(told["MatchingEventTypes"]), (told.get("SnsDestination") or {}).get("TopicArn")
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sqs-lambda"])
def test_the_doctor_objects_to_nothing_that_a_template_makes(name: str) -> None:
    """Every kind is told, once, to a topic that somebody subscribed to, and SES heeds its own list."""
    template = Template(name)
    (configuration,) = template.of_type("AWS::SES::ConfigurationSet")
    destination = carried(name)
    subscribed = len(template.of_type("AWS::SNS::Subscription"))
    setup = SetUp(
        REGION,
        sets={
            configuration["Name"]: ConfigurationSet(
                (destination,), heeds=tuple(configuration["SuppressionOptions"]["SuppressedReasons"])
            )
        },
        identities={"shop.example.com": Identity(configuration["Name"])},
        topics={destination.topic: Topic(confirmed=subscribed)} if destination.topic else {},
    )

    assert [finding.level for finding in judge(setup)] == ["ok"]


@pytest.mark.parametrize("name", NAMES)
def test_whoever_a_policy_lets_in_is_bound_to_what_is_ours(name: str) -> None:
    """A service may act for anybody's account: each is bound by a condition, and none may do everything."""
    statements = [one for one in _statements(Template(name).resources) if "Principal" in one]
    for statement in statements:
        (service,) = statement["Principal"].values()
        assert service.endswith(".amazonaws.com")
        assert "Condition" in statement or service == "lambda.amazonaws.com", statement
    assert not [one for one in _statements(Template(name).resources) if "*" in (one["Action"], one.get("Resource"))]


def _statements(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.get("Statement", ())
        for one in value.values():
            yield from _statements(one)
    elif isinstance(value, list):
        for one in value:
            yield from _statements(one)


def test_all_tries_of_sns_fit_into_the_hour_that_a_signature_is_good_for() -> None:
    """Were each as late as it may be."""
    told = Template("sns-https").resources["Subscription"]["DeliveryPolicy"]["healthyRetryPolicy"]
    others = told["numRetries"] - told["numNoDelayRetries"] - told["numMinDelayRetries"]

    assert told["numMinDelayRetries"] * told["minDelayTarget"] + others * told["maxDelayTarget"] <= 3600


# ── Terraform ────────────────────────────────────────────────────────────────────────────────


def declared(name: str) -> tuple[str, Any]:
    text = (FOLDER / "terraform" / name / "main.tf").read_text(encoding="utf-8")
    return text, hcl2.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_terraform_refers_to_is_declared(name: str) -> None:
    """There is no provider here to ask; what a parser can tell is told."""
    text, told = declared(name)
    there = {f"{kind}.{label}" for one in told["resource"] for kind, named in _named(one) for label, _ in _named(named)}
    there |= {
        f"data.{kind}.{label}" for one in told["data"] for kind, named in _named(one) for label, _ in _named(named)
    }
    there |= {f"var.{label}" for one in told.get("variable", ()) for label, _ in _named(one)}
    there |= {f"local.{label}" for one in told.get("locals", ()) for label, _ in _named(one)}
    used = set(re.findall(r"(?<![\w.\"/-])((?:data\.)?(?:aws_\w+|var|local)\.\w+)", re.sub(r"#.*", "", text)))

    assert used - there == set()
    assert len(there) > 4


def _named(block: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name.strip('"'), value) for name, value in block.items() if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_terraform_says_what_the_template_says(name: str) -> None:
    """The same kinds, actions, services and numbers."""
    text, _ = declared(name)
    template = Template(name)
    missing = [kind for kind in _kinds(template) if f'"{kind}"' not in text]
    for statement in _statements(template.resources):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        missing += [f"{name}: {action}" for action in actions if f'"{action}"' not in text and "Policies" not in action]
    for queue in template.of_type("AWS::SQS::Queue"):
        missing += [word for word in (queue["QueueName"], str(queue["MessageRetentionPeriod"])) if word not in text]
    only = {"s3:GetObject", "s3:ListBucket"} if name == "firehose-s3" else set()  # who reads is not said there

    assert [one for one in missing if one not in only] == []


def _kinds(template: Template) -> list[str]:
    return list(api_destination(template)["MatchingEventTypes"]) if "Destination" in template.resources else []


# ── Commands ─────────────────────────────────────────────────────────────────────────────────


def test_the_files_for_the_cli_are_printed_from_the_templates() -> None:
    """`python tests/aws_templates.py` prints them anew."""
    committed = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / "cli").glob("*.json")}

    assert committed == cli_files()


@pytest.fixture
def aws(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An account in memory, with the package of a function and an identity; its policies of AWS's only where asked for."""
    with mock_aws(config={"iam": {"load_aws_managed_policies": hasattr(request, "param")}}):
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", "")
        s3 = aws_commands.client_for("s3")
        s3.create_bucket(Bucket="ses-events-code", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="ses-events-code", Key="ses-events.zip", Body=package.getvalue())
        for name in ("shop.example.com", "news@shop.example.com"):
            aws_commands.client_for("sesv2").create_email_identity(EmailIdentity=name)
        yield aws_commands.client_for


def run(page: str, aws: Any, *, but: str = "") -> list[tuple[str, str]]:
    """Perform a page's commands, from its first to its last, *but* for one operation; returns which."""
    done = []
    for words in aws_commands.command_lines(PAGES / f"{page}.md"):
        if tuple(words[:2]) in aws_commands.OWN:
            continue
        client = aws(words[0])
        told = aws_commands.called(words, FOLDER / "cli", client)
        done.append((told.service, told.operation))
        if done[-1] not in NOT_IN_MOTO and told.operation not in ("describe_stacks", but):
            getattr(client, told.operation)(**told.parameters)
    return done


def work(aws: Any, queue: str) -> Any:
    """What a worker makes of a queue: nothing in it is unwise, and what it holds is stored."""
    store = testing.memory_store()
    worker = Worker(store, f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}", client=aws("sqs"))
    assert worker.check() == []
    worker.poll_once()
    return store


def stored(store: Any) -> list[str]:
    return [event.type for event in store.events.between()]


def test_by_sns_and_sqs_an_event_arrives(aws: Any) -> None:
    """By the commands as they stand."""
    run("set-up-aws", aws)
    assert ("iam", "create_policy") in run("set-up-aws-sqs", aws)
    aws("sns").publish(
        TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-events", Message=json.dumps(testing.bounce(to="ben@example.org"))
    )

    assert stored(work(aws, "ses-events")) == ["Bounce"]


def test_by_https_what_the_endpoint_never_took_has_a_queue(aws: Any) -> None:
    """And a retry policy that SNS takes."""
    run("set-up-aws", aws)
    run("set-up-aws-https", aws)
    (subscription,) = aws("sns").list_subscriptions()["Subscriptions"]
    told = aws("sns").get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]

    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"].endswith(":ses-events-refused")
    assert json.loads(told["DeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 12


def test_by_eventbridge_an_event_arrives_in_the_queue_and_calls_of_the_api_do_not(aws: Any) -> None:
    """CloudTrail's have the same source."""
    run("set-up-aws-eventbridge", aws, but="create_event_source_mapping")  # of a function that another page makes
    aws("events").remove_targets(Rule="ses-events", Ids=["stream"])  # moto knows no streams there
    entries = [
        {"Source": "aws.ses", "DetailType": kind, "Detail": json.dumps(testing.bounce(to="ben@example.org"))}
        for kind in ("Email Bounced", "AWS API Call via CloudTrail")
    ]
    aws("events").put_events(Entries=entries)

    assert stored(work(aws, "ses-events")) == ["Bounce"]


def test_by_firehose_files_are_read(aws: Any) -> None:
    """What Firehose writes without line ends between."""
    run("set-up-aws-firehose", aws)
    record = {"Data": json.dumps(testing.bounce(to="ben@example.org")).encode()}
    aws("firehose").put_record_batch(DeliveryStreamName="ses-events", Records=[record])
    store = testing.memory_store()
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": REGION}
    ingest(store, "s3://ses-events-example/ses-events/", **keys)

    assert stored(store) == ["Bounce"]


@pytest.mark.parametrize("aws", ["with AWS's own policies"], indirect=True)
def test_a_function_behind_a_queue_and_behind_a_topic_is_set_up(aws: Any) -> None:
    """By the commands as they stand."""
    run("set-up-aws", aws)
    run("set-up-aws-sqs", aws)
    run("set-up-aws-lambda", aws)
    (mapping,) = aws("lambda").list_event_source_mappings()["EventSourceMappings"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert aws("lambda").get_function(FunctionName="ses-events")["Configuration"]["Timeout"] == 30


def test_what_lambda_puts_into_a_dead_letter_queue_is_read() -> None:
    """It is the event as the function got it."""
    event = {"Records": [{"EventSource": "aws:sns", "Sns": dict(testing.notification(testing.bounce()))}]}
    (message,) = unwrap({"Messages": [{"Body": json.dumps(event), "ReceiptHandle": "r", "MessageId": "m"}]})

    assert message.kind == "event"


@pytest.mark.parametrize(
    "page", [*ROUTES, PAGES / "check-your-aws-set-up.md", PAGES / "run-in-lambda.md"], ids=lambda page: page.stem
)
def test_every_command_is_one_that_aws_takes(page: Path) -> None:
    """Operation, options and what they hold, by the models that the AWS CLI is made of."""
    commands = [words for words in aws_commands.command_lines(page) if tuple(words[:2]) not in aws_commands.OWN]
    for words in commands:
        aws_commands.called(words, FOLDER / "cli", aws_commands.client_for(words[0]))
    assert commands


def test_a_stack_is_deployed_with_parameters_and_capabilities_that_its_template_asks_for() -> None:
    """`aws cloudformation deploy` is the AWS CLI's own: its words are held against the template."""
    deployed = []
    for page in ROUTES:
        for _, _, *rest in (words for words in aws_commands.command_lines(page) if words[1] == "deploy"):
            told = aws_commands._options(rest)
            raw = Template(Path(told["template-file"][0]).stem).raw
            given = {pair.split("=", 1)[0] for pair in told.get("parameter-overrides", ())}
            needed = {name for name, one in raw.get("Parameters", {}).items() if "Default" not in one}
            roles = any(one["Type"].startswith("AWS::IAM::") for one in raw["Resources"].values())
            assert (given, roles) == (needed, told.get("capabilities") == ["CAPABILITY_IAM"]), told
            deployed.append(Path(told["template-file"][0]).stem)
    assert sorted({*deployed, "sns-lambda"}) == NAMES  # that one is deployed like its neighbour on the page
