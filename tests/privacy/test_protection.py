"""What becomes of single events: each field, each action, and that the quick way is the thorough one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from both import CORPUS
from sesevent import ConfigurationError, PayloadError, PrivacyPolicy, Protection, parse, testing
from sesevent.events.essentials import Essentials
from sesevent.privacy.policy import ACTIONS, FIELDS, PRESETS
from sesevent.privacy.pseudonyms import Key, Pseudonyms, is_pseudonym, keys_in, noted, written_key
from sesevent.privacy.rewriting import people_in

KEY = Key("k1", b"a secret of enough bytes")
ANN = "ann@example.com"


def essentials(event: dict[str, Any], **how: Any) -> Essentials:
    return parse(json.dumps(event, **how))[0].essentials


def kept(event: dict[str, Any], **actions: Any) -> dict[str, Any]:
    """What is kept of an event by a policy that does no more than this."""
    protection = Protection(PrivacyPolicy.of("everything", **actions), [KEY])
    protected = protection.protect(essentials(event))
    return event if protected is None else json.loads(protected.text)  # type: ignore[no-any-return]


CLICK = testing.payloads.click(
    to=ANN, link="https://u:p@shop.example.com/a;s=1?token=1#x", ip_address="198.51.100.24", tags={"user_id": ["7"]},
    link_tags={"a": ["b"]}, user_agent="Mozilla/5.0 (X11)",
)  # fmt: skip

CASES: dict[str, tuple[Any, str, str, Callable[[Any], Any], Any]] = {
    "IPv4": (CLICK, "ip_address", "truncate", lambda it: it["click"]["ipAddress"], "198.51.100.0"),
    "no address": (testing.payloads.opened(ip_address="x"), "ip_address", "truncate", lambda it: it["open"]["ipAddress"], None),
    "IPv6": (testing.payloads.opened(ip_address="2001:db8:1:2::3%eth0"), "ip_address", "truncate",
             lambda it: it["open"]["ipAddress"], "2001:db8:1::"),
    "mapped": (testing.payloads.opened(ip_address="::ffff:198.51.100.7"), "ip_address", "truncate",
               lambda it: it["open"]["ipAddress"], "198.51.100.0"),
    "IP dropped": (CLICK, "ip_address", "drop", lambda it: it["click"]["ipAddress"], None),
    "program": (CLICK, "user_agent", "truncate", lambda it: it["click"]["userAgent"], "Mozilla/5.0"),
    "link": (CLICK, "links", "truncate", lambda it: it["click"]["link"], "https://shop.example.com/a"),
    "link dropped": (CLICK, "links", "drop", lambda it: it["click"]["link"], None),
    "link tags": (CLICK, "link_tags", "drop", lambda it: it["click"]["linkTags"], None),
    "own tag": (CLICK, "tags", "drop", lambda it: (it["mail"]["tags"]["user_id"], it["mail"]["tags"]["campaign"]), (None, ["orders"])),
    "subject": (CLICK, "subject", "drop", lambda it: (it["mail"]["commonHeaders"]["subject"], it["mail"]["headers"][2]["value"]), (None, None)),
    "headers": (CLICK, "headers", "drop", lambda it: ([one["name"] for one in it["mail"]["headers"]], list(it["mail"]["commonHeaders"])),
                (["From", "Subject"], ["from", "subject"])),
    "diagnostics": (testing.payloads.bounce(), "diagnostics", "drop", lambda it: it["bounce"]["bouncedRecipients"][0]["diagnosticCode"], None),
    "SMTP response": (testing.payloads.delivery(), "diagnostics", "drop", lambda it: it["delivery"]["smtpResponse"], None),
    "template data": (testing.payloads.rendering_failure(), "template_data", "drop", lambda it: it["failure"]["errorMessage"], None),
    "content": (testing.payloads.received() | {"content": "x"}, "content", "drop", lambda it: it["content"], None),
    "a complaint's program": (testing.payloads.complaint(), "user_agent", "drop", lambda it: it["complaint"]["userAgent"], "Example-Feedback-Loop/1.0"),
    "another address": (testing.payloads.bounce(to=ANN, diagnostic="gone to bob@example.com"), "others", "drop",
                        lambda it: it["bounce"]["bouncedRecipients"][0], {"emailAddress": ANN, "action": "failed", "status": "5.1.1", "diagnosticCode": "gone to dropped@address.invalid"}),
    "a kind to come": ({"eventType": "Glance", "mail": {"messageId": "m"}, "glance": {"timestamp": "2024-05-01T00:00:00Z", "ipAddress": "198.51.100.9"}},
                       "ip_address", "truncate", lambda it: it["glance"]["ipAddress"], "198.51.100.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_field_is_kept_as_the_policy_says(case: str) -> None:
    """And nothing else of the event changes."""
    event, field, action, look, expected = CASES[case]

    after = kept(event, **{field: action})

    assert look(after) == expected
    assert after["mail"].get("messageId") == event["mail"].get("messageId")


def test_a_hashed_value_is_found_by_whoever_has_it() -> None:
    """Equal values stay equal, and values of two uses do not."""
    names = Pseudonyms([KEY])

    assert kept(CLICK, ip_address="pseudonymise")["click"]["ipAddress"] == names.token("ip_address", "198.51.100.24")
    assert names.token("links", "x") != names.token("tags", "x")
    assert names.tokens("tags", "x") == (names.token("tags", "x"),)


def test_the_senders_own_address_stays() -> None:
    """In From, Sender and the envelope; of an inbound mail the sender is a stranger."""
    event = testing.payloads.send(to=ANN)
    event["mail"]["headers"].append({"name": "Reply-To", "value": "Carl <carl@example.com>"})
    event["mail"]["headers"].append({"name": "Message-ID", "value": "<0100@email.amazonses.com>"})
    pseudonymous = {"recipients": "pseudonymise", "others": "pseudonymise"}

    mail = kept(event, **pseudonymous)["mail"]
    inbound = kept(testing.payloads.received(to=ANN), **pseudonymous)["mail"]

    assert mail["source"] == mail["headers"][0]["value"] == "Example Shop <news@shop.example.com>"
    assert is_pseudonym(mail["headers"][-2]["value"])
    assert mail["headers"][-1]["value"] == "<0100@email.amazonses.com>"
    assert is_pseudonym(inbound["source"])


def test_who_writes_to_himself_is_a_recipient() -> None:
    """What protects people goes before what sender a figure is of."""
    event = testing.payloads.send(to=ANN, source=ANN)

    assert ANN not in json.dumps(kept(event, recipients="pseudonymise"))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_quick_way_is_the_thorough_one(preset: str, corpus: dict[str, Any]) -> None:
    """Of generated traffic and of real payloads, in any spelling of their JSON."""
    protection, chance, quick = Protection(PrivacyPolicy.of(preset), [KEY]), random.Random(7), 0
    for event in [*_generated(), *_real(corpus)]:
        for how in ({}, {"ensure_ascii": False}, {"separators": (",", ":"), "ensure_ascii": False}, {"indent": 1}):
            one = essentials(_odd(event, chance), **how)
            chosen = protection._chosen(one.type)
            found = protection._quickly(one, chosen) if chosen.swift else None
            if found is None:
                continue
            quick += 1
            thorough = protection._thoroughly(one, chosen)
            assert thorough is not None
            assert json.loads(found.text) == json.loads(thorough.text)
            assert found[1:] == thorough[1:]
    assert quick > 300 or preset == "everything"


def test_no_address_gets_through(corpus: dict[str, Any]) -> None:
    """Whichever way was taken: of nobody whom a payload names anywhere, but the sender."""
    protection = Protection(PrivacyPolicy.of("transactional"), [KEY])
    for event in [*_generated(), *_real(corpus)]:
        one = essentials(event)
        protected = protection.protect(one)
        assert protected is not None or not one.normals
        after = one.text if protected is None else protected.text
        own = people_in({"mail": {name: event.get("mail", {}).get(name) for name in ("source",)}})
        for person in set(one.normals) - own:
            assert person not in after.lower().replace("%40", "@") or "@" not in person


def _generated() -> list[dict[str, Any]]:
    return [json.loads(one["Message"]) for one in testing.stream(400, seed=3)]


def _real(corpus: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name in corpus:
        try:
            found += [event.raw for event in parse((CORPUS / name).read_bytes())]
        except PayloadError:
            continue
    return found


def _odd(event: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Sometimes with something in it that the quick way must notice."""
    event = json.loads(json.dumps(event))
    headers = (event.get("mail") or {}).get("headers")
    whom = ((event.get("mail") or {}).get("destination") or [ANN])[0]
    if not isinstance(headers, list) or chance.random() < 0.5:
        return event  # type: ignore[no-any-return]
    headers.append(
        chance.choice(
            [
                {"name": "To", "value": f"Ann Example <{whom}>"},
                {"name": "subject", "value": "again"},
                {"value": "again", "name": "Subject"},
                {"name": "X", "value": f"a\n{whom}"},
                {"name": "X", "value": f"x={whom}"},
                {"name": "X", "value": f"{whom}."},
                {"name": "X", "value": f"{whom} (Ann)"},
                {"name": "X", "value": f"<{whom}>"},
                {"name": "List-Unsubscribe", "value": "<https://e.example/?u=" + whom.replace("@", "%40") + ">"},
                {"name": "Subject", "value": "=?utf-8?q?" + whom.replace("@", "=40") + "?="},
                {"name": "Message-ID", "value": "<1@email.amazonses.com>"},
                {"name": "Message-ID", "value": "<1@shop.example.com>"},
                {"name": "X", "value": json.dumps({"to": whom})},
                {"name": "X", "value": "ü" + whom},
                {"name": "X", "value": '"' + whom.replace("@", '"@')},
                {"name": "X", "value": "@ noon"},
            ]
        )
    )
    return event  # type: ignore[no-any-return]


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pseudonym_is_the_same_for_every_spelling_and_looks_like_an_address() -> None:
    """So whatever is behind capture works on it unchanged; the domain stays, or goes."""
    from sesevent import addresses

    name = Pseudonyms([KEY]).of('"Ann" <Ann@Example.COM>')

    assert name == Pseudonyms([KEY]).of(ANN) == addresses.normal(name)
    assert addresses.is_one(name)
    assert name.startswith("p.k1.")
    assert name.endswith("@example.com")
    assert Pseudonyms([KEY]).of(name) == name
    assert Pseudonyms([Key("k2", KEY.secret, keep_domain=False)]).of(ANN).endswith("@pseudonym.invalid")


def test_forms_are_all_that_a_person_may_be_stored_as() -> None:
    """The first is the one of today; of a pseudonym nobody can say more."""
    old = Key("k0", b"another secret of that size")
    hides, finds = Pseudonyms([KEY, old]), Pseudonyms([KEY, old], writes=False)
    erased = (KEY.erased(ANN), old.erased(ANN))

    assert hides.forms(ANN) == (KEY.pseudonym(ANN), old.pseudonym(ANN), ANN, *erased)
    assert finds.forms(ANN) == (ANN, KEY.pseudonym(ANN), old.pseudonym(ANN), *erased)
    assert hides.forms(KEY.pseudonym(ANN)) == (KEY.pseudonym(ANN),)
    assert hides.older(ANN) == (old.pseudonym(ANN), ANN)
    assert Pseudonyms([old, KEY]).older(ANN) == (ANN,)
    assert finds.older(ANN) == ()


def test_no_secret_is_in_what_is_shown() -> None:
    """Neither of a key, nor of what holds it; an audit is told what tells keys apart."""
    protection = Protection(PrivacyPolicy.of("transactional"), [KEY])
    shown = f"{KEY!r} {protection!r} {protection.pseudonyms!r} {protection.policy!r} {noted([KEY])}"

    assert "secret" not in shown
    assert KEY.secret.hex() not in shown
    assert noted([KEY]) != noted([Key("k1", b"another secret of that size")])


def test_keys_are_read_as_they_are_written() -> None:
    """Between commas or lines; remarks are left out."""
    bare = Key("k2", bytes(range(32)), keep_domain=False)

    assert keys_in(f"# ours\n{written_key(KEY)}\n\n{written_key(bare)}\n") == (KEY, bare)
    assert keys_in(f"{written_key(KEY)},{written_key(bare)}") == (KEY, bare)
    assert keys_in("") == ()


@pytest.mark.parametrize("text", ["k1", "k1:", "k1:!!!!", "k1:c2hvcnQ", "K1:" + "A" * 43, "k1:" + "A" * 43 + ":what"])
def test_what_is_no_key_is_refused_without_quoting_it(text: str) -> None:
    """It may be one with a slip of the pen in it."""
    with pytest.raises(ConfigurationError) as refusal:
        keys_in(text)

    assert "AAAA" not in str(refusal.value)


def test_a_policy_that_hides_needs_a_key() -> None:
    """It is told before anything is stored."""
    with pytest.raises(ConfigurationError, match="no key"):
        Protection(PrivacyPolicy.of("marketing"))
    with pytest.raises(ConfigurationError, match="id of its own"):
        Protection(PrivacyPolicy.of("marketing"), [KEY, KEY])


# ── policies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"recipients": "drop"}, "recipients can be keep, pseudonymise, encrypt, and not 'drop'"),
        ({"phone": "drop"}, "there is no field 'phone'"),
        ({"events": {"Open": {"recipients": "keep"}}}, "chosen for all kinds"),
        ({"events": ["Open"]}, "a table of tables"),
        ({"preset": "cautious"}, "there are everything, transactional, marketing"),
        ({"kept_tags": "stream"}, "a list of names"),
    ],
)
def test_a_wrong_policy_is_refused_with_what_there_is(told: Any, words: str) -> None:
    """Every problem at once."""
    with pytest.raises(ConfigurationError, match=words):
        PrivacyPolicy.load(told)


def test_a_kind_of_event_may_be_an_exception() -> None:
    """Opens, which nobody asked for, without the reader's address."""
    policy = PrivacyPolicy.of("everything", {"Open": {"ip_address": "drop"}})
    protection = Protection(policy, [])

    assert protection.protect(essentials(CLICK)) is None
    opened = protection.protect(essentials(testing.payloads.opened(to=ANN)))
    assert opened is not None
    assert json.loads(opened.text)["open"]["ipAddress"] is None
    assert [row.type for row in policy.explain() if row.action == "drop" and row.field == "ip_address"] == ["Open"]


def test_a_version_follows_from_the_choices(tmp_path: Any) -> None:
    """However they were told: a row says by which it was made."""
    file = tmp_path / "privacy.toml"
    file.write_text('[privacy]\npreset = "marketing"\nsubject = "drop"\nkept_tags = ["stream"]\n')

    loaded = PrivacyPolicy.load(file)

    assert loaded.version == PrivacyPolicy.of("marketing", kept_tags=["stream"], subject="drop").version
    assert loaded.version != PrivacyPolicy.of("marketing", subject="drop").version
    assert PrivacyPolicy.of("marketing", subject="keep").version == PrivacyPolicy.of("marketing").version


def test_every_field_says_what_it_is_and_every_action_what_it_does() -> None:
    """The table is what documents are printed from."""
    for name, field in FIELDS.items():
        assert set(field.actions) <= ACTIONS.keys()
        assert field.words
        assert field.why
        assert ("truncate" in field.actions) == bool(field.truncated), name
    assert PrivacyPolicy.of("everything", subject="encrypt").encrypted_fields == {"subject"}
