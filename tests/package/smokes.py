"""What must work once an extra is installed, and what is said where it is not: ``python -I smokes.py EXTRA …``.

It runs where nothing is but the installed package, its dependencies and the standard library, so it imports nothing else
at the top, and no pytest. A server for what stores is named by SESEVENT_MONGODB_URI. `matrix.py` beside this file installs
one extra after another and runs it; which extras are there is asked of what is installed, not believed.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

URI = "SESEVENT_MONGODB_URI"
SAYS = "pip install 'sesevent[{}]'"


def core() -> None:
    """Parse, classify, decide, store twice and count once, in memory and in MongoDB; every public name is found."""
    import sesevent
    from sesevent import classify, parse, testing

    (event,) = parse(json.dumps(testing.bounce(to="ann@example.com")))
    assert event.type == "Bounce", event
    assert classify(diagnostic="550 5.1.1 user unknown").reason == "user_unknown"
    assert [name for name in sesevent.__all__ if getattr(sesevent, name) is None] == []
    _stored_once(testing.memory_store())
    with _database() as store:
        store.ensure_indexes()
        _stored_once(store)


def local() -> None:
    """The server of the extra itself."""
    from sesevent import EventStore, local

    assert "site-packages" in str(local.find_mongod()), "a mongod of this machine would prove nothing"
    with local.server() as uri, EventStore.connect(uri) as store:
        _stored_once(store)


def no_local() -> None:
    """Without it a mongod on the PATH would do; there is none, and what to do is said."""
    from sesevent import ConfigurationError, local

    os.environ["PATH"] = ""
    try:
        local.find_mongod()
    except ConfigurationError as error:
        assert SAYS.format("local") in str(error), error
    else:
        raise AssertionError("found a server that nobody installed")


def cli() -> None:
    """The command as it was installed: its help, a bounce read from a file, a word of its own where it is wrong."""
    assert _command("--help").stdout.strip()
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "bounce.json"
        file.write_text(json.dumps(_payload()), encoding="utf-8")
        told = _command("parse", str(file))
    assert (told.returncode, "Bounce" in told.stdout) == (0, True), told
    assert _command("nonsense").returncode == 2


def no_cli() -> None:
    """A command that was installed without its extra names it, and is no traceback."""
    told = _command("--help")
    assert (told.returncode, SAYS.format("cli") in told.stderr, "Traceback" in told.stderr) == (2, True, False), told


def demo() -> None:
    """What the README shows first."""
    told = _command("demo", seconds=240)
    assert told.returncode == 0, (told.stdout[-2000:], told.stderr[-2000:])


def fast() -> None:
    """The quick readers say what the plain one says."""
    import msgspec  # noqa: F401
    import orjson

    from sesevent import jsontext, parse, payloads, testing

    assert jsontext.fast_loads is orjson.loads
    assert payloads.scan is not jsontext.plain_loads
    texts = [json.dumps(one) for one in testing.samples()]
    quickly = [event.model_dump() for text in texts for event in parse(text)]
    jsontext.fast_loads = payloads.scan = jsontext.plain_loads
    assert [event.model_dump() for text in texts for event in parse(text)] == quickly


def no_fast() -> None:
    """Nothing is missed without them."""
    from sesevent import jsontext, parse, testing

    assert jsontext.fast_loads is jsontext.plain_loads
    assert all(list(parse(json.dumps(one))) for one in testing.samples())


def verify() -> None:
    """A signature is proven, a forged one is not."""
    from sesevent import UntrustedMessage, Verifier
    from sesevent.testing.signing import TOPIC, signer

    body = signer().notification(_payload())
    verifier = Verifier(topics=TOPIC, certificates=signer().certificates, clock=_sent)
    assert verifier.verify(body)
    try:
        verifier.verify(body.replace(b"ann@", b"bob@"))
    except UntrustedMessage:
        return
    raise AssertionError("believed what was forged")


def fastapi() -> None:
    """The router answers."""
    from fastapi import FastAPI

    from sesevent import testing
    from sesevent.contrib.fastapi import webhook

    application = FastAPI()
    application.include_router(webhook(testing.async_memory_store(), path="/ses", **_settings()))
    assert _asgi(application, _signed()) == 200
    assert _asgi(application, b"{}") == 400


def flask() -> None:
    """The blueprint answers."""
    from flask import Flask

    from sesevent import testing
    from sesevent.contrib.flask import webhook

    application = Flask("shop")
    application.register_blueprint(webhook(testing.memory_store(), path="/ses", **_settings()))
    assert [_wsgi(application, body) for body in (_signed(), b"{}")] == [200, 400]


def django() -> None:
    """The view answers, though it bears no CSRF token."""
    from django import setup
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    from sesevent import testing
    from sesevent.contrib.django import webhook

    middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
    settings.configure(ROOT_URLCONF="urls_of_the_smoke", ALLOWED_HOSTS=["*"], MIDDLEWARE=middleware)
    setup()
    urls: Any = type(sys)("urls_of_the_smoke")
    sys.modules["urls_of_the_smoke"] = urls
    urls.urlpatterns = [path("ses", webhook(testing.memory_store(), **_settings()))]
    assert [_wsgi(get_wsgi_application(), body) for body in (_signed(), b"{}")] == [200, 400]


def aws() -> None:
    """Every adapter of AWS is there, and a client is wrapped."""
    import boto3

    from sesevent import Guard, testing

    for module in ("sns", "ses_account", "sqs", "s3", "kinesis", "aws_setup", "cloudwatch", "aws_lambda"):
        import_module(f"sesevent.contrib.{module}")
    client = boto3.client("sesv2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    assert Guard(testing.memory_store()).wrap(client)


def prometheus() -> None:
    """What was counted is scraped."""
    from prometheus_client import CollectorRegistry, generate_latest

    from sesevent import testing, trusted
    from sesevent.contrib.measurements import Received
    from sesevent.contrib.prometheus import export

    registry, received = CollectorRegistry(), Received()
    export(received, registry=registry)
    received.counting(testing.memory_store()).receive(trusted(json.dumps(_payload()), because="a test"))
    assert b'type="Bounce"' in generate_latest(registry)


def otel() -> None:
    """It tells the API, which without an SDK tells nobody."""
    from sesevent import testing, trusted
    from sesevent.contrib.measurements import Received
    from sesevent.contrib.opentelemetry import export

    received = Received()
    export(received)
    received.counting(testing.memory_store()).receive(trusted(json.dumps(_payload()), because="a test"))


def alerts() -> None:
    """A service is understood."""
    from sesevent.contrib.apprise import AppriseNotifier

    assert AppriseNotifier("json://localhost")


def pandas() -> None:
    """An answer as a frame."""
    with _counted() as analytics:
        assert len(analytics.timeseries(*WINDOW, by="day").to_pandas()) == DAYS


def plots() -> None:
    """An answer as a picture."""
    with _counted() as analytics:
        drawn = io.BytesIO()
        analytics.timeseries(*WINDOW, by="day").plot().savefig(drawn)
    assert drawn.getvalue().startswith(b"\x89PNG")


def rollups() -> None:
    """More different mails than are kept one by one are packed, and come back."""
    from sesevent.analytics.uniques import MOST_MARKS, Uniques, mark_of, require_sketches

    require_sketches()
    many = Uniques(mark_of(str(number)) for number in range(4 * MOST_MARKS))
    back = Uniques.unpacked(many.packed())
    assert not back.exact
    assert abs(back.count() / (4 * MOST_MARKS) - 1) < 0.1


def web() -> None:
    """The API answers, and a page is drawn: templates and scripts are in the package."""
    import sesevent.web.server  # noqa: F401
    from sesevent import testing
    from sesevent.web import create_app

    application = create_app(testing.async_memory_store(), dashboard=True)
    asked = {"/static/dashboard.css": 200, "/login": 200, "/v1/events": 401}
    assert {path: _asgi(application, method="GET", path=path) for path in asked} == asked


def archive() -> None:
    """Events leave for a file and are found in it."""
    with _archived() as archived:
        seen = archived.verify()
    assert (seen.events, seen.flaws) == (1, []), seen


def query() -> None:
    """SQL over what left."""
    with _archived() as archived, archived.query("SELECT type, count(*) FROM events GROUP BY type") as answer:
        assert list(answer) == [("Bounce", 1)]


def encryption() -> None:
    """What is stored cannot be read without the key, and is answered as it was."""
    from sesevent import trusted
    from sesevent.contrib.encryption import Encryption, LocalKey

    name = f"sesevent_smoke_{uuid.uuid4().hex[:12]}"
    with _database(name, encryption=Encryption(LocalKey.new(), per_person=True)) as store:
        store.ensure_indexes()
        store.receive(trusted(json.dumps(_payload()), because="a test"))
        assert store.events.for_recipient("Ann@Example.com").first().event.type == "Bounce"
        assert b"ann@" not in store.client[name]["ses_event"].find_one()["Message"]


class Smoke(NamedTuple):
    """What must work with an extra, and what is said without it."""

    works: Callable[[], None]
    missed: str | Callable[[], None]
    """A line that must name the extra, or what else must hold."""


SMOKES = {
    "local": Smoke(local, no_local),
    "cli": Smoke(cli, no_cli),
    "fast": Smoke(fast, no_fast),
    "verify": Smoke(verify, "from sesevent import Verifier; Verifier(topics='arn:aws:sns:us-east-1:123456789012:t')"),
    "fastapi": Smoke(fastapi, "import sesevent.contrib.fastapi"),
    "django": Smoke(django, "import sesevent.contrib.django"),
    "flask": Smoke(flask, "import sesevent.contrib.flask"),
    "aws": Smoke(aws, "import sesevent.contrib.sqs"),
    "prometheus": Smoke(prometheus, "import sesevent.contrib.prometheus"),
    "otel": Smoke(otel, "import sesevent.contrib.opentelemetry"),
    "alerts": Smoke(
        alerts, "from sesevent.contrib.apprise import AppriseNotifier; AppriseNotifier('json://localhost')"
    ),
    "pandas": Smoke(pandas, "from sesevent.analytics.answer import Answer; Answer().to_pandas()"),
    "plots": Smoke(plots, "from sesevent.analytics.answer import Answer; Answer().plot()"),
    "rollups": Smoke(rollups, "from sesevent.analytics.uniques import require_sketches; require_sketches()"),
    "web": Smoke(web, "import sesevent.web.server"),
    "archive": Smoke(archive, "import sesevent.contrib.archive"),
    "query": Smoke(query, "import sesevent.contrib.archive.query"),
    "encryption": Smoke(encryption, "import sesevent.contrib.encryption"),
}
"""Every extra that a user may ask for; `all` is all of them but the frameworks."""
NAMED_BY_OTHERS = {"query": ("archive",), "encryption": ("verify",)}
"""Extras that build on others: without both, the other is named first."""


def brings(extra: str) -> set[str]:
    """The packages that an extra asks for, those of the extras in it included."""
    names: set[str] = set()
    for line in metadata.requires("sesevent") or ():
        asked, _, when = line.partition(";")
        if re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", when):
            name, inner = re.match(r"([\w.-]+)(?:\[([\w,.-]+)\])?", asked.strip()).groups()  # type: ignore[union-attr]
            within = (inner or "").split(",") if name == "sesevent" else ()
            names |= {one for part in within for one in brings(part)} or {f"{name}[{inner}]" if inner else name}
    return names


def is_there(extra: str) -> bool:
    """Whether all it brings is installed; what another package's extra brings is asked by its import."""
    imports = {"pymongo[encryption]": "pymongocrypt"}
    return all(_installed(imports.get(name, name)) for name in brings(extra))


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def named_where_it_is_missed(extra: str) -> None:
    """An error that says what to install, and is no bare ModuleNotFoundError."""
    line = SMOKES[extra].missed
    assert isinstance(line, str)
    wanted = [SAYS.format(one) for one in (extra, *NAMED_BY_OTHERS.get(extra, ()))]
    try:
        exec(line, {})  # lines of the table above
    except ImportError as error:
        assert any(one in str(error) for one in wanted), (wanted, error)
    else:
        raise AssertionError(f"nothing was missed by: {line}")


def check(asked: list[str]) -> Iterator[tuple[str, Exception | None]]:
    """Each thing that must hold where *asked* were installed, and what went wrong with it."""
    yield _held("core", core)
    if {"local", "cli"} <= set(asked):
        yield _held("demo", demo)
    for extra in [one for one in asked if one not in SMOKES]:
        yield f"{extra} is an extra", ValueError(f"{extra} is none that is known here")
    for extra, smoke in SMOKES.items():
        if extra in asked and not is_there(extra):
            yield f"{extra} brings what it names", ValueError(f"not all of {sorted(brings(extra))} is installed")
        elif is_there(extra):
            yield _held(extra, smoke.works)
        elif callable(smoke.missed):
            yield _held(f"no {extra}", smoke.missed)
        else:
            yield _held(f"no {extra}", lambda: named_where_it_is_missed(extra))  # noqa: B023  # called at once


def _held(name: str, work: Callable[[], None]) -> tuple[str, Exception | None]:
    path = os.environ.get("PATH")
    try:
        work()
    except Exception as error:  # noqa: BLE001  # it is told, and the others are tried
        return name, error
    finally:
        if path is not None:
            os.environ["PATH"] = path
    return name, None


# ── what the smokes share ────────────────────────────────────────────────────────────────────

WINDOW = ("2024-05-01", "2024-05-08")
DAYS = 7


def _payload() -> dict[str, Any]:
    from sesevent import testing

    return testing.bounce(to="ann@example.com")


def _stored_once(store: Any) -> None:
    from sesevent import trusted

    fresh = [store.receive(trusted(json.dumps(_payload()), because="a test")).fresh for _ in range(2)]
    assert fresh == [True, False], fresh
    assert not store.suppression.check("Ann <ANN@example.com>").allowed


@contextmanager
def _database(name: str = "", **settings: Any) -> Iterator[Any]:
    """A store in a database of its own."""
    from sesevent import EventStore

    name = name or f"sesevent_smoke_{uuid.uuid4().hex[:12]}"
    with EventStore.connect(os.environ[URI], database=name, **settings) as store:
        try:
            yield store
        finally:
            store.client.drop_database(name)


@contextmanager
def _counted() -> Iterator[Any]:
    from sesevent import testing, trusted

    with _database() as store:
        store.ensure_indexes()
        store.receive_many(trusted(raw, because="a test") for raw in testing.stream(200, seed=1, mails_per_second=0.01))
        yield store.analytics


@contextmanager
def _archived() -> Iterator[Any]:
    from datetime import datetime, timedelta, timezone

    from sesevent import testing, trusted
    from sesevent.contrib.archive import Archive, place_at

    store = testing.memory_store()
    store.receive(trusted(json.dumps(_payload()), because="a test"))
    with tempfile.TemporaryDirectory() as place:
        archive = Archive(store, place_at(place), by="a test")
        done = archive.run(datetime.now(timezone.utc) - timedelta(days=400))
        assert (done.events, done.deleted) == (1, 1), done
        yield archive


def _sent() -> Any:
    from sesevent.testing.payloads import SENT

    return SENT


def _settings() -> dict[str, Any]:
    from sesevent import Verifier
    from sesevent.testing.signing import TOPIC, signer

    return {"verifier": Verifier(topics=TOPIC, certificates=signer().certificates, clock=_sent)}


def _signed() -> bytes:
    from sesevent.testing.signing import signer

    return signer().notification(_payload())


def _asgi(application: Any, body: bytes = b"", *, method: str = "POST", path: str = "/ses") -> int:
    """The status that an application answers, as a server would ask it."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())],
        "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return int(sent[0]["status"])


def _wsgi(application: Any, body: bytes) -> int:
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/ses", "CONTENT_LENGTH": str(len(body))}
    environ["wsgi.input"] = io.BytesIO(body)
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = application(environ, lambda status, *_: statuses.append(status))
    list(answer)
    return int(statuses[0].split()[0])


def _command(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """The command that was installed beside this Python."""
    command = [str(Path(sys.executable).with_name("sesevent")), *arguments]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SESEVENT_", "PYTHONPATH"))
    }
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=environment, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def main(asked: list[str]) -> int:
    """Tell what does not hold; the exit code is how much that is."""
    import sesevent

    assert Path(sesevent.__file__).is_relative_to(sys.prefix), f"this is not the installed package: {sesevent.__file__}"
    wrong = [(name, error) for name, error in check(asked) if error is not None]
    for name, error in wrong:
        print(f"{name}: {type(error).__name__}: {error}", *traceback.format_tb(error.__traceback__)[-2:])
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
