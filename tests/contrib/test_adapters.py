"""The same requests through every framework get the same answers."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from sesevent import testing

httpx = pytest.importorskip("httpx")

Posts = list[tuple[bytes, dict[str, str], int]]


def outcome(client: testing.MemoryClient) -> tuple[list[str], int]:
    store = testing.memory_store(client)
    return [event.type for event in store.events.between()], store.dead_letters.count()


def over_asgi(application: Any, posts: Posts, path: str) -> tuple[list[int], int]:
    async def main() -> tuple[list[int], int]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            statuses = [
                (await http.post(path, content=body, headers=headers)).status_code for body, headers, _ in posts
            ]
            return statuses, (await http.get(path)).status_code

    return asyncio.run(main())


def over_wsgi(application: Any, posts: Posts, path: str) -> tuple[list[int], int]:
    with httpx.Client(transport=httpx.WSGITransport(application), base_url="http://localhost") as http:
        statuses = [http.post(path, content=body, headers=headers).status_code for body, headers, _ in posts]
        return statuses, http.get(path).status_code


def asgi(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from sesevent.contrib.asgi import webhook

    return over_asgi(webhook(testing.async_memory_store(client), **settings), posts, "/anywhere")


def fastapi(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from fastapi import FastAPI

    from sesevent.contrib.fastapi import webhook

    application = FastAPI()
    application.include_router(webhook(testing.async_memory_store(client), path="/ses", **settings))
    return over_asgi(application, posts, "/ses")


def mounted(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from fastapi import FastAPI

    from sesevent.contrib.asgi import webhook

    application = FastAPI()
    application.mount("/ses", webhook(testing.async_memory_store(client), **settings))
    return over_asgi(application, posts, "/ses/")


def wsgi(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from sesevent.contrib.wsgi import webhook

    return over_wsgi(webhook(testing.memory_store(client), **settings), posts, "/anywhere")


def flask(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from flask import Flask

    from sesevent.contrib.flask import webhook

    application = Flask("shop")
    application.register_blueprint(webhook(testing.memory_store(client), path="/ses", **settings))
    return over_wsgi(application, posts, "/ses")


def django(client: testing.MemoryClient, settings: dict[str, Any], posts: Posts) -> tuple[list[int], int]:
    from django import setup
    from django.conf import settings as configured
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    from sesevent.contrib.django import webhook

    if not configured.configured:
        middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
        configured.configure(ROOT_URLCONF="urls_of_the_test", ALLOWED_HOSTS=["localhost"], MIDDLEWARE=middleware)
        setup()
    urls = type(sys)("urls_of_the_test")
    urls.urlpatterns = [path("ses", webhook(testing.memory_store(client), **settings))]  # type: ignore[attr-defined]
    sys.modules["urls_of_the_test"] = urls
    return over_wsgi(get_wsgi_application(), posts, "/ses")


@pytest.mark.parametrize("carry", [asgi, fastapi, mounted, wsgi, flask, django])
def test_the_same_answers_whatever_carries_them(
    carry: Any, client: testing.MemoryClient, settings: dict[str, Any], posts: Posts
) -> None:
    """And the same is stored."""
    statuses, for_get = carry(client, settings, posts)

    assert statuses == [status for _, _, status in posts]
    assert for_get == 405
    assert outcome(client) == (["Bounce"], 1)


def test_wsgi_reads_no_further_than_it_may(client: testing.MemoryClient, settings: dict[str, Any]) -> None:
    """Without a length only a server that ends the input is read, and only as far as the limit."""
    from sesevent.contrib.wsgi import webhook

    statuses: list[str] = []
    for terminated, expected in ((False, "400"), (True, "413")):
        environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "wsgi.input_terminated": terminated}
        setup_testing_defaults(environ)
        environ["wsgi.input"] = io.BytesIO(b"x" * 100_000)
        webhook(testing.memory_store(client), **settings)(environ, lambda status, _: statuses.append(status))
        assert environ["wsgi.input"].tell() <= 5001
        assert statuses[-1].startswith(expected)


def test_asgi_follows_the_server_through_its_life(client: testing.MemoryClient, settings: dict[str, Any]) -> None:
    """And lets a client go that leaves in the middle."""
    from sesevent.contrib.asgi import webhook

    application = webhook(testing.async_memory_store(client), **settings)

    async def run(scope: dict[str, Any], *messages: dict[str, Any]) -> list[str]:
        source = iter(messages)
        sent: list[str] = []

        async def receive() -> Any:
            return next(source)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await application(scope, receive, send)
        return sent

    life = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert asyncio.run(run({"type": "lifespan"}, *life)) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    leaving = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert asyncio.run(run({"type": "http", "method": "POST", "headers": []}, *leaving)) == []


# ── one-click unsubscribing ─────────────────────────────────────────────────────────────────────────────────────────

CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def one_click() -> Any:
    pytest.importorskip("cryptography")
    from sesevent.unsubscribe import OneClick

    return OneClick("https://mail.example.com/leave", "k" * 43)


def leaving(over: str, application: Any, asked: list[tuple[str, str, bytes]]) -> list[tuple[int, str, str]]:
    """Status, kind and text of each answer."""

    def told(answer: Any) -> tuple[int, str, str]:
        return answer.status_code, answer.headers["content-type"], answer.text

    async def main() -> list[tuple[int, str, str]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as http:
            return [told(await http.request(method, path, content=body, headers=FORM)) for method, path, body in asked]

    if over == "asgi":
        return asyncio.run(main())
    with httpx.Client(transport=httpx.WSGITransport(application), base_url="http://localhost") as http:
        return [told(http.request(method, path, content=body, headers=FORM)) for method, path, body in asked]


def asgi_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from sesevent.contrib.asgi import unsubscribe

    return "asgi", unsubscribe(testing.async_memory_store(client), one_click())


def fastapi_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from fastapi import FastAPI

    from sesevent.contrib.fastapi import unsubscribe

    application = FastAPI()
    application.include_router(unsubscribe(testing.async_memory_store(client), one_click()))
    return "asgi", application


def web_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from sesevent.web import create_app

    return "asgi", create_app(testing.async_memory_store(client), unsubscribe=one_click(), dashboard=True)


def wsgi_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from sesevent.contrib.wsgi import unsubscribe

    return "wsgi", unsubscribe(testing.memory_store(client), one_click())


def flask_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from flask import Flask

    from sesevent.contrib.flask import unsubscribe

    application = Flask("shop")
    application.register_blueprint(unsubscribe(testing.memory_store(client), one_click()))
    return "wsgi", application


def django_page(client: testing.MemoryClient) -> tuple[str, Any]:
    from django.core.wsgi import get_wsgi_application
    from django.urls import clear_url_caches, path

    from sesevent.contrib.django import unsubscribe, webhook

    django(testing.MemoryClient(), {"topics": "arn:aws:sns:us-east-1:123456789012:ses"}, [])  # is set up once
    clear_url_caches()
    urls = sys.modules["urls_of_the_test"]
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("leave", unsubscribe(testing.memory_store(client), one_click())),
        path("ses", webhook(testing.memory_store(client), topics="arn:aws:sns:us-east-1:123456789012:ses")),
    ]
    return "wsgi", get_wsgi_application()


@pytest.mark.parametrize("page", [asgi_page, fastapi_page, web_page, wsgi_page, flask_page, django_page])
def test_a_click_is_answered_alike_whatever_carries_it(page: Any, client: testing.MemoryClient) -> None:
    """Looked at, clicked, clicked without the words, and a link that is none."""
    over, application = page(client)
    link = one_click().link("ann@example.com", stream="marketing").partition("mail.example.com")[2]
    store = testing.memory_store(client)

    asked = leaving(over, application, [("GET", link, b""), ("POST", link, b""), ("POST", "/leave?t=x", CLICK)])
    assert [status for status, _, _ in asked] == [200, 400, 404]
    assert store.suppression.check("ann@example.com", stream="marketing").allowed

    (done,) = leaving(over, application, [("POST", link, CLICK)])
    assert (done[0], done[1]) == (200, "text/html; charset=utf-8")
    assert "You are unsubscribed" in done[2]
    assert not store.suppression.check("ann@example.com", stream="marketing").allowed
