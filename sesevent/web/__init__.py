"""The HTTP API and the live stream (extra ``web``): `create_app` makes them over an `AsyncEventStore`.

`sesevent.web.app` puts the parts together. `access` says who may come in, `veil` what of an answer is masked for whom,
`routing` holds both to every route, `routes` are the questions, `live` is the stream, `server` runs it.
"""

from __future__ import annotations

from sesevent.errors import MissingExtra

try:
    import fastapi as _fastapi
except ImportError:
    raise MissingExtra("The HTTP API", "web") from None

from sesevent.web.access import NO_AUTH, Principal
from sesevent.web.app import create_app
from sesevent.web.limits import Limits

__all__ = ["NO_AUTH", "Limits", "Principal", "create_app"]

del _fastapi
