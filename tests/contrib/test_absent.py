"""What is optional may be absent: importing the package costs nothing, using the part names its extra."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest


def said(code: str, *absent: str) -> str:
    """What a process prints that has none of these modules."""
    hidden = "".join(f"sys.modules[{name!r}] = None; " for name in absent)
    script = f"import sys; {hidden}\ntry:\n    {code}\nexcept ImportError as error:\n    print(error)"
    return subprocess.check_output([sys.executable, "-c", script], text=True)


_archive = pytest.mark.skipif(find_spec("pyarrow") is None, reason="without the archive, that is asked for first")


@pytest.mark.parametrize(
    ("module", "outside", "extra"),
    [
        ("django", "django.http", "django"),
        ("flask", "flask", "flask"),
        ("fastapi", "fastapi", "fastapi"),
        ("sns", "boto3", "aws"),
        ("ses_account", "boto3", "aws"),
        ("sqs", "boto3", "aws"),
        ("s3", "boto3", "aws"),
        ("kinesis", "boto3", "aws"),
        ("aws_setup", "boto3", "aws"),
        ("prometheus", "prometheus_client", "prometheus"),
        ("opentelemetry", "opentelemetry", "otel"),
        ("anchors", "cryptography.exceptions", "verify"),
        ("encryption", "pymongocrypt", "encryption"),
        ("encryption", "cryptography.hazmat.primitives.ciphers", "encryption"),
        ("archive", "pyarrow", "archive"),
        pytest.param("archive.query", "duckdb", "query", marks=_archive),
    ],
)
def test_an_adapter_without_what_it_adapts_names_its_extra(module: str, outside: str, extra: str) -> None:
    """Not a bare ModuleNotFoundError of somebody else's."""
    assert f"pip install 'sesevent[{extra}]'" in said(f"import sesevent.contrib.{module}", outside)


def test_the_http_api_without_what_serves_it_names_its_extra() -> None:
    """The framework, and the server."""
    assert "pip install 'sesevent[web]'" in said("import sesevent.web", "fastapi")
    assert "pip install 'sesevent[web]'" in said("import sesevent.web.server", "uvicorn")


def test_a_notifier_without_apprise_names_its_extra() -> None:
    """Not before it is made: the module costs nothing."""
    code = "import sesevent.contrib.apprise as ours; print('loaded'); ours.AppriseNotifier('json://localhost')"

    assert said(code, "apprise").startswith("loaded\n")
    assert "pip install 'sesevent[alerts]'" in said(code, "apprise")


@pytest.mark.parametrize("module", ["asgi", "wsgi", "aws_lambda"])
def test_the_plain_adapters_need_no_framework(module: str) -> None:
    """Nor cryptography before the first message."""
    code = f"import sesevent.contrib.{module}"

    assert said(code, "fastapi", "starlette", "flask", "django", "boto3", "cryptography") == ""


def test_the_guard_and_the_comparison_of_lists_need_no_boto3() -> None:
    """They know its requests and answers, not it."""
    assert said("import sesevent.guard, sesevent.plans.ses_sync", "boto3", "botocore") == ""


def test_the_embedded_metric_format_needs_no_boto3() -> None:
    """Putting metrics does, and says so."""
    code = "from sesevent.contrib import cloudwatch; list(cloudwatch.embedded([], None))"

    assert said(code, "boto3", "botocore", "prometheus_client", "opentelemetry") == ""
    assert "pip install 'sesevent[aws]'" in said(f"{code}; cloudwatch.Publisher()", "boto3")


def test_verifying_without_cryptography_names_its_extra() -> None:
    """And fails closed: nothing is believed."""
    code = "from sesevent.sns.signature import read_certificate; read_certificate(b'')"

    assert "pip install 'sesevent[verify]'" in said(code, "cryptography")


def test_a_server_without_cryptography_is_told_when_it_starts() -> None:
    """Not by the first bounce that gets no answer."""
    code = "from sesevent import Verifier; Verifier(topics='arn:aws:sns:us-east-1:123456789012:t')"

    assert "pip install 'sesevent[verify]'" in said(code, "cryptography")


def test_rolling_up_without_sketches_names_its_extra() -> None:
    """Before anything is counted; few different mails need none."""
    code = "from sesevent.analytics.uniques import Uniques, require_sketches; Uniques([1]).packed(); require_sketches()"

    assert "pip install 'sesevent[rollups]'" in said(code, "datasketches")
