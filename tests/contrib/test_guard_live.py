"""The guard around real boto3 clients, against moto's server: one test for each call that mails somebody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from sesevent import AsyncGuard, Guard, Suppressed, testing, trusted

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

GONE, FINE, ALSO = (f"{name}@example.com" for name in ("gone", "fine", "also"))
FROM = "shop@example.com"
TEXT = {"Subject": {"Data": "hi"}, "Body": {"Text": {"Data": "hello"}}}
TO = {"ToAddresses": [FINE, GONE], "CcAddresses": [f"Gone <{GONE.upper()}>"], "BccAddresses": [ALSO]}
LEFT = {"ToAddresses": [FINE], "BccAddresses": [ALSO]}
RAW = f"From: {FROM}\r\nTo: {FINE}, {GONE}\r\nBcc: {ALSO}\r\nSubject: hi\r\n\r\nhello".encode()


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, Any]]:
    """What a client of moto's server is made with."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "endpoint_url": f"http://{host}:{port}",
        "region_name": "us-east-1",
        "aws_access_key_id": "x",
        "aws_secret_access_key": "y",
    }
    server.stop()


@pytest.fixture
def ses(aws: dict[str, Any]) -> Any:
    client = boto3.client("ses", **aws)
    client.verify_email_identity(EmailAddress=FROM)
    return client


@pytest.fixture
def sesv2(aws: dict[str, Any], ses: Any) -> Any:
    return boto3.client("sesv2", **aws)


@pytest.fixture
def template(ses: Any) -> Iterator[str]:
    ses.create_template(Template={"TemplateName": "hi", "SubjectPart": "hi", "TextPart": "hello"})
    yield "hi"
    ses.delete_template(TemplateName="hi")


@pytest.fixture
def guard() -> Guard:
    store = testing.memory_store()
    store.receive(trusted(testing.bounce(to=GONE), because="this test made it"))
    return Guard(store)


def sent() -> Any:
    """Whom moto, in this process, mailed last."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    return ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages[-1].destinations


def refused(response: Any) -> list[str]:
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
    return [told.address for told in response["SesEventGuard"]["refused"]]


def test_ses_send_email(guard: Guard, ses: Any) -> None:
    """To, Cc and Bcc."""
    response = guard.wrap(ses).send_email(Source=FROM, Destination=TO, Message=TEXT)

    assert refused(response) == [GONE, GONE]
    assert {name: people for name, people in sent().items() if people} == LEFT


def test_ses_send_templated_email(guard: Guard, ses: Any, template: str) -> None:
    """As any other mail."""
    response = guard.wrap(ses).send_templated_email(Source=FROM, Destination=TO, Template=template, TemplateData="{}")

    assert (refused(response), sent()["ToAddresses"]) == ([GONE, GONE], [FINE])


def test_ses_send_raw_email_by_its_headers(guard: Guard, ses: Any) -> None:
    """Those left are named in the request, which goes before the headers at SES."""
    response = guard.wrap(ses).send_raw_email(Source=FROM, RawMessage={"Data": RAW})

    assert (refused(response), sent()[:2]) == ([GONE], [FINE, ALSO])  # moto adds the headers' own behind


def test_ses_send_raw_email_by_its_destinations(guard: Guard, ses: Any) -> None:
    """The headers are only shown."""
    response = guard.wrap(ses).send_raw_email(Source=FROM, Destinations=[GONE, ALSO], RawMessage={"Data": RAW})

    assert (refused(response), sent()[:1]) == ([GONE], [ALSO])


def test_ses_send_bulk_templated_email(guard: Guard, ses: Any, template: str) -> None:
    """Each letter of its own; results where the caller looks for them."""
    destinations = [{"Destination": {"ToAddresses": [person]}} for person in (GONE, FINE, ALSO)]
    response = guard.wrap(ses).send_bulk_templated_email(
        Source=FROM, Template=template, DefaultTemplateData="{}", Destinations=destinations
    )

    assert refused(response) == [GONE]
    assert [one["Destination"]["ToAddresses"] for one in sent()] == [[FINE], [ALSO]]
    assert [one.get("Status") == "Failed" for one in response["Status"]] == [True, False, False]


def test_sesv2_send_email(guard: Guard, sesv2: Any) -> None:
    """The same name as in SES, and another request."""
    response = guard.wrap(sesv2).send_email(FromEmailAddress=FROM, Destination=TO, Content={"Simple": TEXT})

    assert (refused(response), sent()["ToAddresses"], sent()["BccAddresses"]) == ([GONE, GONE], [FINE], [ALSO])


def test_sesv2_send_email_raw(guard: Guard, sesv2: Any) -> None:
    """A raw message without a destination beside it."""
    response = guard.wrap(sesv2).send_email(FromEmailAddress=FROM, Content={"Raw": {"Data": RAW}})

    assert (refused(response), sent()[:2]) == ([GONE], [FINE, ALSO])  # moto adds the headers' own behind


def test_sesv2_send_bulk_email(guard: Guard, sesv2: Any) -> None:
    """moto 5 does not know this call (it answers 404): a real client, and an answer made up on its way out."""
    from botocore.awsrequest import AWSResponse

    asked: list[Any] = []

    class Body:
        def __init__(self, text: bytes) -> None:
            self._text = text

        def stream(self, **_: Any) -> Iterator[bytes]:
            yield self._text

    def answer(request: Any, **_: Any) -> Any:
        asked.append(json.loads(request.body)["BulkEmailEntries"])
        results = [{"Status": "SUCCESS", "MessageId": f"m-{n}"} for n, _ in enumerate(asked[-1])]
        text = json.dumps({"BulkEmailEntryResults": results}).encode()
        return AWSResponse(request.url, 200, {"content-type": "application/json"}, Body(text))

    sesv2.meta.events.register("before-send.sesv2.SendBulkEmail", answer)
    response = guard.wrap(sesv2).send_bulk_email(
        FromEmailAddress=FROM,
        DefaultContent={"Template": {"TemplateName": "hi", "TemplateData": "{}"}},
        BulkEmailEntries=[{"Destination": {"ToAddresses": people}} for people in ([FINE, GONE], [GONE], [ALSO])],
    )

    assert asked == [[{"Destination": {"ToAddresses": [FINE]}}, {"Destination": {"ToAddresses": [ALSO]}}]]
    assert refused(response) == [GONE, GONE]
    assert [one["Status"] for one in response["BulkEmailEntryResults"]] == ["SUCCESS", "FAILED", "SUCCESS"]


def test_nobody_left_is_nothing_sent(guard: Guard, ses: Any) -> None:
    """SES is not called at all; other calls of the client pass."""
    before = guard.wrap(ses).get_send_quota()["SentLast24Hours"]
    with pytest.raises(Suppressed):
        guard.wrap(ses).send_email(Source=FROM, Destination={"ToAddresses": [GONE]}, Message=TEXT)

    assert ses.get_send_quota()["SentLast24Hours"] == before


def test_the_asyncio_twin_around_blocking_clients(ses: Any, sesv2: Any) -> None:
    """In threads, so that the loop goes on."""

    async def body() -> None:
        store = testing.async_memory_store()
        await store.receive(trusted(testing.bounce(to=GONE), because="this test made it"))
        guard = AsyncGuard(store)
        first = await guard.wrap(ses).send_email(Source=FROM, Destination=TO, Message=TEXT)
        assert (refused(first), sent()["ToAddresses"]) == ([GONE, GONE], [FINE])
        second = await guard.wrap(sesv2).send_email(FromEmailAddress=FROM, Content={"Raw": {"Data": RAW}})
        assert (refused(second), sent()[:2]) == ([GONE], [FINE, ALSO])
        with pytest.raises(Suppressed):
            await guard.wrap(ses).send_raw_email(Source=FROM, Destinations=[GONE], RawMessage={"Data": RAW})

    asyncio.run(body())
