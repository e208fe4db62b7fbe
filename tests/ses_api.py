"""What moto 5 lacks of SESv2, written by hand: the account's suppression list, GetAccount, event destinations.

moto's server answers 404 to Put, Get, Delete and ListSuppressedDestinations, GetAccount,
GetConfigurationSetEventDestinations and PutConfigurationSetSuppressionOptions, and knows no identity's default set.
Configuration sets it knows, so what is not ours is passed on to it. A test that sets `sets` or `identities` has those in
their place. What we answer fits the shapes that botocore knows.
A server, so that boto3's own writing and reading is part of every test.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

UTC = timezone.utc
LIST = "/v2/email/suppression/addresses"
SET_UP = (
    "ListConfigurationSets", "GetConfigurationSetEventDestinations", "GetConfigurationSet", "ListEmailIdentities",
    "GetEmailIdentity",
)  # fmt: skip


class SesApi:
    """One region's list, letter by letter, with the failures that a test asks for."""

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.url = ""
        self.reset()

    def reset(self) -> None:
        self.entries: dict[str, tuple[str, datetime]] = {}
        self.heeded: list[str] = ["BOUNCE", "COMPLAINT"]
        self.calls: list[str] = []
        self.failures: list[tuple[int, str]] = []
        self.malformed: set[str] = set()
        self.now = datetime(2024, 6, 1, tzinfo=UTC)
        self.account: dict[str, Any] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        """By name: GetConfigurationSet's answer, with `EventDestinations` beside it."""
        self.identities: dict[str, dict[str, Any]] = {}
        """By name: GetEmailIdentity's answer."""
        self.topics: dict[str, dict[str, str]] = {}
        """By identity: the topics of GetIdentityNotificationAttributes, which moto is told and does not tell."""
        self.refused: set[str] = set()
        """Operations of these that are not allowed."""

    def lists(self, address: str, reason: str = "BOUNCE", at: datetime | None = None) -> None:
        self.entries[address] = (reason, at or self.now)

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, Any]:
        """Status, and the object or the error's code."""
        path, query = urlsplit(url).path, {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.calls.append(f"{method} {path.removeprefix('/v2/email/')}")
        if self.failures:
            return self.failures.pop(0)
        if path == "/v2/email/account":
            account = {"SuppressionAttributes": {"SuppressedReasons": self.heeded}} | self.account
            return self._fitting("GetAccount", account)
        asked = _asked_for(path)
        if asked is not None:
            return self._set_up(*asked)
        if path == LIST:
            return self._put(json.loads(body)) if method == "PUT" else self._page(query)
        address = unquote(path.removeprefix(LIST + "/"))
        if address not in self.entries:
            return 404, "NotFoundException"
        if method == "DELETE":
            del self.entries[address]
            return 200, {}
        return 200, {"SuppressedDestination": self._told(address)}

    def serves(self, path: str) -> bool:
        """Whether it is ours to answer."""
        ours = path.startswith((LIST, "/v2/email/account"))
        return ours or (bool(self.sets or self.identities) and _asked_for(path) is not None)

    def notifications(self, body: bytes) -> bytes | None:
        """The answer to SES's older API, in XML; None where something else is asked, or moto may answer."""
        asked = parse_qs(body.decode())
        if not self.topics or asked.get("Action") != ["GetIdentityNotificationAttributes"]:
            return None
        names = [values[0] for name, values in asked.items() if name.startswith("Identities.member.")]
        entries = "".join(
            f"<entry><key>{name}</key><value><ForwardingEnabled>true</ForwardingEnabled>"
            + "".join(f"<{kind}Topic>{arn}</{kind}Topic>" for kind, arn in self.topics.get(name, {}).items())
            + "</value></entry>"
            for name in names
        )
        result = f"<NotificationAttributes>{entries}</NotificationAttributes>"
        name = "GetIdentityNotificationAttributes"
        return (
            f'<{name}Response xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><{name}Result>{result}</{name}Result>'
            f"<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></{name}Response>"
        ).encode()

    def _set_up(self, operation: str, name: str) -> tuple[int, Any]:
        """One page each."""
        one = self.sets.get(name, {})
        identities = [
            {"IdentityName": each, "IdentityType": "EMAIL_ADDRESS" if "@" in each else "DOMAIN"}
            for each in self.identities
        ]
        answers: dict[str, dict[str, Any]] = {
            "ListConfigurationSets": {"ConfigurationSets": list(self.sets)},
            "GetConfigurationSet": {key: value for key, value in one.items() if key != "EventDestinations"},
            "GetConfigurationSetEventDestinations": {"EventDestinations": one.get("EventDestinations", [])},
            "ListEmailIdentities": {"EmailIdentities": identities},
            "GetEmailIdentity": self.identities.get(name, {}),
        }
        return self._fitting(operation, answers[operation])

    def _fitting(self, operation: str, answer: dict[str, Any]) -> tuple[int, Any]:
        """The answer, if it is of the operation's shape."""
        from botocore.session import get_session
        from botocore.validate import validate_parameters

        if operation in self.refused:
            return 403, "AccessDeniedException"
        shape = get_session().get_service_model("sesv2").operation_model(operation).output_shape
        validate_parameters(answer, shape)
        unknown = answer.keys() - shape.members.keys()
        assert not unknown, f"{operation} tells no {unknown}"
        return 200, answer

    def _put(self, asked: dict[str, str]) -> tuple[int, Any]:
        if asked["EmailAddress"] in self.malformed:
            return 400, "BadRequestException"
        self.entries[asked["EmailAddress"]] = (asked["Reason"], self.now)
        return 200, {}

    def _page(self, query: dict[str, str]) -> tuple[int, Any]:
        since = query.get("StartDate")
        begins = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else datetime.min.replace(tzinfo=UTC)
        found = [address for address, (_, at) in sorted(self.entries.items()) if at >= begins]
        first, size = int(query.get("NextToken", 0)), int(query["PageSize"])
        page: dict[str, Any] = {
            "SuppressedDestinationSummaries": [self._told(address) for address in found[first : first + size]]
        }
        return 200, page | ({"NextToken": str(first + size)} if first + size < len(found) else {})

    def _told(self, address: str) -> dict[str, Any]:
        reason, at = self.entries[address]
        return {"EmailAddress": address, "Reason": reason, "LastUpdateTime": at.timestamp()}

    def later(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


def _asked_for(path: str) -> tuple[str, str] | None:
    """Which of the operations about the set-up a path means, in the version of botocore that there is, and of what."""
    from botocore.session import get_session

    model = get_session().get_service_model("sesv2")
    for operation in SET_UP:
        pattern = re.sub(r"\\?\{\w+\\?\}", "([^/]+)", model.operation_model(operation).http["requestUri"])
        found = re.fullmatch(pattern, path)
        if found is not None:
            return operation, unquote("".join(found.groups()))
    return None


@contextmanager
def served_before_moto() -> Iterator[SesApi]:
    """The stand-in, and moto's own server for all that it hands on."""
    moto_server = pytest.importorskip("moto.server")
    moto = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with served(f"http://{host}:{port}") as api:
        yield api
    moto.stop()


@contextmanager
def served(moto: str) -> Iterator[SesApi]:
    """The stand-in on loopback."""
    api = SesApi(moto)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if api.serves(urlsplit(self.path).path):
                status, told = api.answer(self.command, self.path, body)
                code = {"x-amzn-errortype": told} if isinstance(told, str) else {}
                text = json.dumps(told if not code else {"message": f"about someone@example.com: {told}"}).encode()
                self._send(status, text, code)
            elif (told := api.notifications(body)) is not None:
                self._send(200, told, {"Content-Type": "text/xml"})
            else:
                self._send(*_passed_on(api.moto + self.path, self.command, body, self.headers))

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

        def _send(self, status: int, text: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (
                {"Content-Type": "application/json", "Content-Length": str(len(text))} | headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _passed_on(url: str, method: str, body: bytes, headers: Any) -> tuple[int, bytes, dict[str, str]]:
    told = {name: value for name, value in headers.items() if name.lower() in ("authorization", "content-type")}
    request = urllib.request.Request(url, data=body or None, method=method, headers=told)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read(), {}
    except urllib.error.HTTPError as error:
        return error.code, error.read(), {"x-amzn-errortype": error.headers.get("x-amzn-errortype") or "Unknown"}
