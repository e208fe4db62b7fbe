"""The templates of `examples/aws` as values: references resolved for one account and region, as far as policies need it.

``python tests/aws_templates.py`` prints the files that the how-tos hand to the AWS CLI, so the two ways say the same.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

FOLDER = Path(__file__).parents[1] / "examples" / "aws"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
ACCOUNT, REGION = "123456789012", "eu-west-1"
GIVEN = {
    "CodeBucket": "ses-events-code",
    "Endpoint": "https://events.example.com/ses",
    "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ses-events",
    "UriSecret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ses-events-AbCdEf",
}
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}
_ARNS = {  # how an ARN is made of what the template calls a thing
    "AWS::SNS::Topic": ("sns", "{}", "TopicName"),
    "AWS::SQS::Queue": ("sqs", "{}", "QueueName"),
    "AWS::Events::Rule": ("events", "rule/{}", "Name"),
    "AWS::Kinesis::Stream": ("kinesis", "stream/{}", "Name"),
    "AWS::KinesisFirehose::DeliveryStream": ("firehose", "deliverystream/{}", "DeliveryStreamName"),
    "AWS::Lambda::Function": ("lambda", "function:{}", "FunctionName"),
}


class Template:
    """One template, its parameters being their defaults or what is `GIVEN`."""

    def __init__(self, name: str) -> None:
        self.raw = cfn_yaml.load(str(FOLDER / f"{name}.yaml"))
        self.resources: dict[str, Any] = {
            name: {"Type": one["Type"], **self._plain(one.get("Properties", {}))}
            for name, one in self.raw["Resources"].items()
        }

    def of_type(self, kind: str) -> list[Any]:
        return [one for one in self.resources.values() if one["Type"] == kind]

    def _plain(self, value: Any) -> Any:
        """A value without functions."""
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if not isinstance(value, dict):
            return str(value) if isinstance(value, str) else value
        match list(value.items()):
            case [("Ref", name)]:
                return self._ref(name)
            case [("Fn::GetAtt", [name, *_])]:
                return self._arn(name)
            case [("Fn::GetAtt", str(path))]:
                return self._arn(path.split(".")[0])
            case [("Fn::Sub", text)]:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._ref(found[1]), text)
        return {str(name): self._plain(one) for name, one in value.items()}

    def _ref(self, name: str) -> str:
        name, _, attribute = name.partition(".")
        if attribute or self._kind(name) == "AWS::SNS::Topic":
            return self._arn(name)
        told = self.raw.get("Parameters", {}).get(name, {})
        return _PSEUDO.get(name) or GIVEN.get(name) or str(told.get("Default", name))

    def _kind(self, name: str) -> str:
        return str(self.raw["Resources"].get(name, {}).get("Type", ""))

    def _arn(self, name: str) -> str:
        if self._kind(name) == "AWS::S3::Bucket":
            return "arn:aws:s3:::ses-events-example"
        if self._kind(name) == "AWS::IAM::Role":
            return f"arn:aws:iam::{ACCOUNT}:role/ses-events-{name.removesuffix('Role').lower()}"
        service, form, called = _ARNS[self._kind(name)]
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{form.format(self.raw['Resources'][name]['Properties'][called])}"


# ── What the AWS CLI is handed ───────────────────────────────────────────────────────────────

API_WORDS = {"renderingFailure": "RENDERING_FAILURE", "deliveryDelay": "DELIVERY_DELAY"}
"""CloudFormation's words for kinds of events → the API's, where it is not the same in capitals."""
_CARRIERS = {
    "SnsDestination": {"TopicARN": "TopicArn"},
    "EventBridgeDestination": {"EventBusArn": "EventBusArn"},
    "KinesisFirehoseDestination": {"IAMRoleARN": "IamRoleArn", "DeliveryStreamARN": "DeliveryStreamArn"},
}


def api_destination(template: Template) -> dict[str, Any]:
    """An event destination as SES's API is told of it."""
    told = template.resources["Destination"]["EventDestination"]
    (carrier,) = told.keys() & _CARRIERS.keys()
    kinds = [API_WORDS.get(kind, kind.upper()) for kind in told["MatchingEventTypes"]]
    target = {_CARRIERS[carrier][name]: value for name, value in told[carrier].items()}
    return {"Enabled": told["Enabled"], "MatchingEventTypes": kinds, carrier: target}


def queue_attributes(template: Template, queue: str, policy: str | None = None) -> dict[str, str]:
    """A queue's attributes as SQS's API is told them: all of them text."""
    told = template.resources[queue]
    numbers = ("MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout")
    texts = {name: str(told[name]) for name in numbers if name in told} | {"SqsManagedSseEnabled": "true"}
    if "RedrivePolicy" in told:
        texts["RedrivePolicy"] = json.dumps(told["RedrivePolicy"])
    if policy is not None:
        texts["Policy"] = json.dumps(template.resources[policy]["PolicyDocument"])
    return texts


def cli_files() -> dict[str, Any]:
    """Every file in `examples/aws/cli`."""
    https, sqs, by_lambda, rule, stream, firehose = (
        Template(name)
        for name in ("sns-https", "sns-sqs", "sns-lambda", "eventbridge-sqs", "eventbridge-kinesis", "firehose-s3")
    )
    roles = {
        "firehose": firehose.resources["StreamRole"],
        "ses": firehose.resources["SesRole"],
        "events": stream.resources["PutRole"],
        "lambda": by_lambda.resources["Role"],
    }
    return {
        "to-sns": api_destination(sqs),
        "to-eventbridge": api_destination(rule),
        "to-firehose": api_destination(firehose),
        "topic-policy": sqs.resources["TopicPolicy"]["PolicyDocument"],
        "delivery-policy": https.resources["Subscription"]["DeliveryPolicy"],
        "subscription": {
            name: value if isinstance(value, str) else json.dumps(value)
            for name in ("RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")
            for value in [https.resources["Subscription"][name]]
        },
        "refused-queue": queue_attributes(https, "Refused", "RefusedPolicy"),
        "queue": queue_attributes(sqs, "Queue", "QueuePolicy"),
        "dead-queue": queue_attributes(sqs, "DeadQueue"),
        "failed-queue": queue_attributes(by_lambda, "Failed"),
        "queue-of-rule": queue_attributes(rule, "Queue", "QueuePolicy"),
        "dead-queue-of-rule": queue_attributes(rule, "DeadQueue", "QueuePolicy"),
        "missed-queue": queue_attributes(stream, "DeadQueue", "DeadQueuePolicy"),
        "pattern": rule.resources["Rule"]["EventPattern"],
        "rule-to-queue": rule.resources["Rule"]["Targets"],
        "rule-to-stream": stream.resources["Rule"]["Targets"],
        "firehose": firehose.resources["DeliveryStream"]["ExtendedS3DestinationConfiguration"],
        "lifecycle": {
            "Rules": [{"ID": "keep-ninety-days", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 90}}]
        },
        "worker": sqs.resources["WorkerPolicy"]["PolicyDocument"],
        "reader": firehose.resources["ReaderPolicy"]["PolicyDocument"],
        **{f"{name}-trust": role["AssumeRolePolicyDocument"] for name, role in roles.items()},
        **{f"{name}-allow": role["Policies"][0]["PolicyDocument"] for name, role in roles.items()},
    }


if __name__ == "__main__":
    for name, told in cli_files().items():
        (FOLDER / "cli" / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
