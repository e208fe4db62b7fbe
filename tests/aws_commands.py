"""What the AWS CLI makes of a command line, as far as the documentation uses it: a client's method and its parameters.

By botocore's own model of each service, which the AWS CLI is made of too. So a command that names an operation or an
option that does not exist, or lacks one, is found.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore import xform_name
from botocore.validate import validate_parameters

RENAMED = {("sns", "subscribe", "notification-endpoint"): "endpoint"}
"""Options that the AWS CLI calls otherwise than the API does."""
OWN = {("cloudformation", "deploy"), ("s3", "cp"), ("configure", "get")}
"""Commands of the AWS CLI that are no operation."""
_OF_THE_CLI = {"query", "output"}


class Called(NamedTuple):
    service: str
    operation: str
    parameters: dict[str, Any]


def command_lines(page: Path) -> Iterator[list[str]]:
    """Every command of the AWS CLI in a page's shell blocks, as words without `aws`."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("aws "):
                yield shlex.split(line)[1:]


def called(words: list[str], files: Path, client: Any) -> Called:
    """A command, checked against the service's model. Raises for whatever the service would not take."""
    service, operation, *rest = words
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    by_option = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    parameters = {}
    for option, values in _options(rest).items():
        name, shape = by_option[RENAMED.get((service, operation, option), option)]
        parameters[name] = _value([_read(value, files) for value in values], shape)
    validate_parameters(parameters, model.input_shape)
    return Called(service, method, parameters)


def _options(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            found[word.removeprefix("--")] = values = []
        else:
            values.append(word)
    return {name: values for name, values in found.items() if name not in _OF_THE_CLI}


def _read(value: str, files: Path) -> str:
    return (files / value.removeprefix("file://")).read_text() if value.startswith("file://") else value


def _value(values: list[str], shape: Any) -> Any:
    kind = shape.type_name
    if kind == "boolean":
        assert not values
        return True
    if values[0].lstrip().startswith(("{", "[")) and kind != "string":
        return json.loads(values[0])
    if kind == "list":
        return [_value([value], shape.member) for value in values]
    (value,) = values
    if kind == "structure":
        pairs = dict(pair.split("=", 1) for pair in value.split(","))
        return {name: _value([told], shape.members[name]) for name, told in pairs.items()}
    if kind == "map":
        return dict(pair.split("=", 1) for pair in value.split(","))
    return int(value) if kind in ("integer", "long") else value


@cache
def client_for(service: str) -> Any:
    """A client, as the AWS CLI makes one for a service."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
    service = "s3" if service == "s3api" else service
    return boto3.client(service, region_name="eu-west-1", **keys)
