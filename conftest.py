"""Every Python example in the documentation runs, and so does the README's."""

from __future__ import annotations

import os

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], patterns=["README.md", "docs/*.md", "docs/**/*.md"], excludes=["docs/_build/*"]
).pytest()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:  # noqa: ARG001  # the hook's signature
    """One worker more than processors: many tests wait, for servers, deadlines and what must not happen."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a test that asks for more time than others begin first: at the end all would wait for them."""
    long = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: item.path not in long)
