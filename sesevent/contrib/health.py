"""Tells whoever supervises a worker whether it is well: by a file's time, or over HTTP. Standard library only.

It knows nothing of what the worker does: it is handed two functions to ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sesevent.errors import ConfigurationError

__all__ = ["HealthFile", "HealthServer", "exposition"]


class HealthFile:
    """A file whose time of change is the last time that all was well; gone once the worker ended."""

    def __init__(self, path: Path | str | None) -> None:
        self._path = None if path is None else Path(path)

    def touch(self) -> None:
        """Say that all is well. Raises ConfigurationError where the file cannot be written."""
        if self._path is not None:
            try:
                self._path.touch()
            except OSError as error:
                raise ConfigurationError(f"The health file cannot be written: {error.strerror}.") from None

    def remove(self) -> None:
        """Say that nobody is there any more."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class HealthServer:
    """Answers ``/healthz`` (200 or 503) and ``/metrics`` (Prometheus's text) from a thread of its own.

    Raises ConfigurationError where it cannot listen at *port*; 0 takes a free one.
    """

    def __init__(self, host: str, port: int, healthy: Callable[[], bool], metrics: Callable[[], str]) -> None:
        class Handler(_Handler):
            answers = {  # noqa: RUF012  # set once
                "/healthz": lambda: (200, "well\n") if healthy() else (503, "not well\n"),
                "/metrics": lambda: (200, metrics()),
            }

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"Nothing can listen at {host}, port {port} ({getattr(error, 'strerror', None) or error})."
            ) from None
        self._server.daemon_threads = True
        self.port = self._server.server_port
        """Where it listens."""
        threading.Thread(target=self._server.serve_forever, name="sesevent-health", daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    answers: Mapping[str, Callable[[], tuple[int, str]]]
    timeout = 5  # seconds for a request: nobody holds a thread for long

    def do_GET(self) -> None:
        status, text = self.answers.get(self.path.partition("?")[0], lambda: (404, "/healthz or /metrics\n"))()
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class's word
        """A probe a second is no news."""


def exposition(prefix: str, values: Mapping[str, int | datetime | None]) -> str:
    """Counters, and gauges for moments, as Prometheus reads them.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    lines = []
    for name, value in values.items():
        if isinstance(value, int):
            lines += [f"# TYPE {prefix}_{name}_total counter", f"{prefix}_{name}_total {value}"]
        elif value is not None:
            gauge = f"{prefix}_{name}_timestamp_seconds"
            lines += [f"# TYPE {gauge} gauge", f"{gauge} {value.timestamp():.3f}"]
    return "\n".join([*lines, ""])
