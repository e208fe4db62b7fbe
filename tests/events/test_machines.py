"""Who opened: a person or a machine?"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest

from sesevent.events.machines import machine_of, machines
from sesevent.storage.codec import DERIVED_VERSION

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("kind", "agent", "took", "rule"),
    [
        ("Open", "Mozilla/5.0", 60_000, "apple-mail-privacy"),
        ("Click", "Mozilla/5.0", 60_000, None),
        ("Open", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", None, "gmail-proxy"),
        ("Open", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", None, "yahoo-proxy"),
        ("Click", "Mozilla/5.0 (compatible; Mimecast)", 60_000, "link-scanner"),
        ("Click", "AnyBot/7.0", 60_000, "program"),
        ("Click", "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Chrome/124.0", 60_000, None),
        ("Open", PERSON, 60_000, None),
        ("Open", PERSON, 900, "too-soon"),
        ("Open", PERSON, -900, None),
        ("Open", None, None, None),
        ("Open", {"not": "text"}, None, None),
        ("Delivery", "curl/8", 10, None),
    ],
)  # fmt: skip
def test_machines_are_known_by_what_they_say(kind: str, agent: Any, took: int | None, rule: str | None) -> None:
    """A proxy, a scanner, a program or somebody too quick is no person."""
    assert machine_of(kind, agent, took) == rule


@pytest.mark.parametrize(
    ("took", "rule"), [(-1, None), (0, "too-soon"), (1499, "too-soon"), (1500, None), (None, None)]
)
def test_who_is_too_quick_is_no_person(took: int | None, rule: str | None) -> None:
    """Within a second and a half of sending; before it a clock is wrong."""
    assert machine_of("Open", PERSON, took) == machine_of("Click", PERSON, took) == rule


def test_of_a_stranger_s_text_only_so_much_is_looked_at() -> None:
    """A kilobyte says what there is to say."""
    assert machine_of("Click", " " * (1024 - len("mimecast")) + "mimecast", None) == "link-scanner"
    assert machine_of("Click", " " * (1025 - len("mimecast")) + "mimecast", None) is None


def test_a_rule_fits_where_everything_that_it_names_fits() -> None:
    """True or false, and nothing between."""
    (rule,) = [rule for rule in machines() if rule.id == "apple-mail-privacy"]

    assert rule.fits("Open", "Mozilla/5.0", None) is True
    assert rule.fits("Click", "Mozilla/5.0", None) is False
    assert rule.fits("Open", "Mozilla/5.0 ", None) is False
    (scanner,) = [rule for rule in machines() if rule.id == "link-scanner"]
    assert scanner.fits("Open", "x", None) is False
    assert scanner.fits("Open", "Mimecast", None) is True


def test_each_rule_has_a_name_and_a_reason() -> None:
    """What is told of a machine can be told to people."""
    assert len({rule.id for rule in machines()}) == len(machines())
    assert all(rule.name and rule.why.endswith(".") and rule.kinds for rule in machines())


def test_other_rules_are_another_version() -> None:
    """Rows keep what was found when they came, so a change of the rules must be seen in their version."""
    text = files("sesevent.events").joinpath("machines.toml").read_bytes()
    assert (DERIVED_VERSION, sha256(text).hexdigest()[:12]) == (3, "0d7a4ad5b81b")
