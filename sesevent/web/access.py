"""Who asks, and whether he may: tokens, sessions of the dashboard, or an application's own word.

Everything is closed unless it is told to be open. A token that was looked up is known for some seconds, so that a
request costs no question of its own; within those a revocation takes effect. It knows no route: what a route needs is
told by `sesevent.web.routing`.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final, Union
from urllib.parse import urlsplit

from fastapi import Request

from sesevent.storage.tokens import Token, scopes_of
from sesevent.web.limits import Buckets, Limits
from sesevent.web.problems import Refused
from sesevent.web.sealing import Sealer

__all__ = ["COOKIE", "NO_AUTH", "Access", "Authenticate", "Principal", "check_origin"]

COOKIE: Final = "sesevent_session"
SESSION_SECONDS: Final = 12 * 3600
KNOWN_SECONDS: Final = 5.0
"""How long a token that was looked up is known: a revocation takes effect within it."""
_MOST_KNOWN: Final = 10_000
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_WHO: Final = {"WWW-Authenticate": 'Bearer realm="sesevent"'}


@dataclass(frozen=True)
class Principal:
    """Who asks, and what he may. Raises ConfigurationError for a scope there is none of."""

    name: str
    """Stands in the audit."""
    scopes: frozenset[str]
    """Of `sesevent.storage.tokens.SCOPES`; what they imply is added."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", scopes_of(self.scopes))

    @property
    def clear(self) -> bool:
        """Whether addresses and subjects are shown to him."""
        return "read:pii" in self.scopes


Authenticate = Callable[[Request], Awaitable[Union[Principal, None]]]
"""An application's own word on who makes a request; None: nobody it knows."""


async def NO_AUTH(request: Request) -> Principal:  # noqa: N802  # a setting, that happens to be a function
    """Everybody may do everything, from this machine alone: for trying things out.

    A page in the browser of this machine could be made to ask in a person's name, under a name of its own that leads
    here (DNS rebinding): so the name that was asked for must be this machine's.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not _is_loopback(host) or not _is_loopback(request.client.host if request.client else ""):
        raise Refused(403, "Without authentication only this machine is answered, by the name localhost.")
    return Principal("nobody in particular", frozenset(["read:pii", "admin"]))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """Lets requests in, or raises `Refused`."""

    def __init__(
        self,
        tokens: Any,
        sealer: Sealer,
        limits: Limits,
        auth: Authenticate | None,
        clock: Callable[[], datetime],
        audit: Any,
    ) -> None:
        self._tokens, self._sealer, self._auth, self._clock = tokens, sealer, auth, clock
        self._audit, self._used = audit, dict[str, str]()
        self._known: OrderedDict[str, tuple[float, Token | None]] = OrderedDict()
        self._buckets = Buckets(limits.per_second, limits.burst)
        self._strangers = Buckets(limits.unknown_per_second, limits.unknown_burst)

    @property
    def authenticate(self) -> Authenticate | None:
        """An application's own word on who asks; None: the tokens of the store say."""
        return self._auth

    async def admit(self, request: Request, needs: str | None) -> Principal | None:
        """Who asks, if he may do what *needs* this scope, or one of several (``read|suppress``); None needs none."""
        if request.method not in _SAFE:
            check_origin(request, cookie=COOKIE in request.cookies and "authorization" not in request.headers)
        if needs is None:
            return None
        principal = await self.principal(request)
        if principal is None:
            self._strangers.take(_stranger(request))  # who guesses is slowed down
            raise Refused(401, "Say who asks: Authorization: Bearer <token>.", headers=_WHO)
        self._buckets.take(principal.name)
        if principal.scopes.isdisjoint(needs.split("|")):
            raise Refused(403, f"This needs the scope {needs.replace('|', ' or ')}.")
        return principal

    async def principal(self, request: Request) -> Principal | None:
        """Who asks; None where that is not known."""
        if self._auth is not None:
            return await self._auth(request)
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return await self._using(await self._recognised(text.strip())) if scheme.lower() == "bearer" else None
        return await self.of_session(request.cookies.get(COOKIE, ""))

    async def of_session(self, session: str) -> Principal | None:
        """Who a session was made for, as long as it and its token last."""
        told = await self._sealer.open("session", session) if session else None
        if told is None or told["until"] < self._clock().timestamp():
            return None
        token = await self._remembered(f"id {told['token']}", lambda: self._tokens.find(told["token"]))
        return await self._using(token)

    async def session(self, request: Request, text: str) -> tuple[str, Principal]:
        """A session for whoever has this token. Raises Refused where it opens nothing."""
        self._strangers.take(_stranger(request))
        token = None if self._auth is not None else await self._recognised(text)
        principal = await self._using(token)
        if token is None or principal is None:
            raise Refused(401, "This token opens nothing: it is wrong, expired or revoked.", headers=_WHO)
        until = int(self._clock().timestamp()) + SESSION_SECONDS
        return await self._sealer.seal("session", {"token": token.id, "until": until}), principal

    def stranger(self, request: Request) -> None:
        """Count a request that needs no token. Raises Refused where there are too many."""
        self._buckets.take(f"from {_stranger(request)}")

    async def _using(self, token: Token | None) -> Principal | None:
        """Who a token stands for. That it is used is written down before its first answer in each hour, once.

        A request of its own for each would bury the trail; an hour is fine enough to tell that a token was used after
        it should not have been. A process remembers what it wrote, so nothing else costs a question.
        """
        now = self._clock()
        principal = _of(token, now)
        if token is None or principal is None:
            return None
        hour = f"{now:%Y-%m-%dT%H}"
        if self._used.get(token.id) != hour:
            once = f"token used {token.id} {hour}"
            await self._audit.note("token used", token.id, by=token.name, detail={"hour": hour}, once=once)
            if len(self._used) >= _MOST_KNOWN:
                self._used.clear()
            self._used[token.id] = hour
        return principal

    async def _recognised(self, text: str) -> Token | None:
        key = hashlib.sha256(text.encode()).hexdigest()  # no token is kept in memory longer than its request
        return await self._remembered(key, lambda: self._tokens.recognise(text))

    async def _remembered(self, key: str, look_up: Callable[[], Awaitable[Token | None]]) -> Token | None:
        until, token = self._known.get(key, (0.0, None))
        if until < time.monotonic():
            token = await look_up()
            self._known[key] = time.monotonic() + KNOWN_SECONDS, token
            self._known.move_to_end(key)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return token


def check_origin(request: Request, *, cookie: bool) -> None:
    """Refuse a write that another site's page makes in a person's name. Raises Refused.

    Browsers say where a request comes from, and other clients do not: of a session that is kept in a cookie they must.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        same = site in ("same-origin", "none")
    elif origin is not None:
        same = urlsplit(origin).netloc == request.headers.get("host")
    else:
        same = not cookie
    if not same:
        raise Refused(403, "This request comes from another site.")


def _of(token: Token | None, now: datetime) -> Principal | None:
    return Principal(token.name, token.scopes) if token is not None and token.usable(now) else None


def _stranger(request: Request) -> str:
    return request.client.host if request.client else ""
