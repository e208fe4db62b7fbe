"""Fixtures of the API, by name."""

from web_fixtures import api, serve_api, tokens  # noqa: F401
