"""What is refused, and what is proven: the attack table, and genuine messages."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent import Certificates, ConfigurationError, UntrustedMessage, VerifierUnavailable, parse, testing, verify
from sesevent.errors import MissingExtra
from sesevent.moments import read_moment
from sesevent.sns.origin import CHECKS, confirmation_url, header_pairs, read_topic
from sesevent.sns.signature import read_certificate, require_cryptography
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer

SIGNER = Signer()
BOUNCE = testing.bounce(to="ann@example.com")
SIGNED = Path(__file__).parents[3] / "shared" / "signed"
GOV = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:t"


def proven(body: Any, headers: Any = None, **settings: Any) -> Any:
    return verify(body, headers, **{"topics": TOPIC, "certificates": SIGNER.certificates, "now": SENT} | settings)


def signed(**envelope: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SIGNER.notification(BOUNCE, **envelope))
    return found


def refused(body: Any, headers: Any = None, **settings: Any) -> str:
    with pytest.raises(UntrustedMessage) as caught:
        proven(body if isinstance(body, (bytes, str)) else json.dumps(body), headers, **settings)
    assert 400 <= caught.value.http_status < 500
    assert not caught.value.retryable
    return caught.value.check


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_what_sns_signs_is_proven(version: Any, kind: Any) -> None:
    """Both versions, all three types."""
    body = (
        SIGNER.notification(BOUNCE, version=version)
        if kind == "Notification"
        else SIGNER.handshake(kind, version=version)
    )
    message = proven(body)

    assert message.sns.type == kind
    assert (message.handshake is None) == (kind == "Notification")
    assert version in message.because


def test_a_proven_message_can_be_parsed() -> None:
    """And tells what the envelope told."""
    message = proven(testing.signed_notification(BOUNCE), certificates=testing.signer().certificates)

    assert [event.type for event in parse(message)] == ["Bounce"]
    assert message.sns.topic_arn == TOPIC


@pytest.mark.parametrize("subject", ["absent", None, "", "Hi"])
def test_a_subject_that_is_absent_null_empty_or_there_is_told_apart(subject: str | None) -> None:
    """Absent and null are not signed; empty is. One does not pass for another."""

    def with_subject(value: str | None) -> dict[str, Any]:
        envelope = {name: part for name, part in signed().items() if name != "Subject"}
        return envelope if value == "absent" else envelope | {"Subject": value}

    whole = SIGNER.sign(with_subject(subject))
    assert proven(json.dumps(whole))
    for other in {"", "Hi", "absent"} - {subject} - ({"absent"} if subject is None else set()):
        changed = {name: value for name, value in whole.items() if name != "Subject"}
        assert refused(changed if other == "absent" else changed | {"Subject": other}) == "signature"


REGIONS = [
    ("arn:aws:sns:eu-central-1:123456789012:t", "sns.eu-central-1.amazonaws.com", "sns.amazonaws.com"),
    ("arn:aws:sns:ap-east-1:123456789012:t.fifo", "sns.ap-east-1.amazonaws.com", "sns-signing.ap-east-1.amazonaws.com"),
    ("arn:aws-cn:sns:cn-north-1:123456789012:t", "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
    (GOV, "sns.us-gov-west-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
    ("arn:aws-us-gov:sns:us-gov-east-1:123456789012:t", "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
    ("arn:aws-iso:sns:us-iso-east-1:123456789012:t", "sns.us-iso-east-1.c2s.ic.gov", "sns-us-iso-east-1.c2s.ic.gov"),
    ("arn:aws-iso-b:sns:us-isob-east-1:123456789012:t", "sns.us-isob-east-1.sc2s.sgov.gov", "sns-us-isob-east-1.sc2s.sgov.gov"),
    ("arn:aws-iso-e:sns:eu-isoe-west-1:123456789012:t", "sns.eu-isoe-west-1.cloud.adc-e.uk", "sns-signing.eu-isoe-west-1.cloud.adc-e.uk"),
    ("arn:aws-iso-f:sns:us-isof-south-1:123456789012:t", "sns.us-isof-south-1.csp.hci.ic.gov", "sns-signing.us-isof-south-1.csp.hci.ic.gov"),
    ("arn:aws-eusc:sns:eusc-de-east-1:123456789012:t", "sns.eusc-de-east-1.amazonaws.eu", "sns-signing.eusc-de-east-1.amazonaws.eu"),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "host", "name"), REGIONS)
def test_every_partition_has_its_own_hosts_and_signers(topic: str, host: str, name: str) -> None:
    """A certificate of another partition does not do."""
    signer = Signer(common_name=name)
    body = signer.notification(BOUNCE, topic=topic)

    assert proven(body, topics=topic, certificates=signer.certificates)
    assert [url.split("/")[2] for url in signer.fetched] == [host]
    stranger = Signer(common_name="sns.example.com")
    assert (
        refused(stranger.notification(BOUNCE, topic=topic), topics=topic, certificates=stranger.certificates)
        == "certificate"
    )


# ── The attack table: what is changed after signing, and the check that refuses it ───────────

_CERT = f"SimpleNotificationService-{'0' * 32}.pem"
_URLS = [
    f"http://sns.us-east-1.amazonaws.com/{_CERT}",
    f"HTTPS://sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com:443/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com:8443/{_CERT}",
    f"https://user@sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://user:pass@sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://evil.example\\@sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com@evil.example/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com/{_CERT}?x=1",
    f"https://sns.us-east-1.amazonaws.com/{_CERT}#x",
    f"https://sns.us-east-1.amazonaws.com/{_CERT}\n",
    f"https://sns.us-east-1.amazonaws.com/{_CERT} ",
    f" https://sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com/\n{_CERT}",
    f"https://sns.us-east-1.amazonaws.com//{_CERT}",
    f"https://sns.us-east-1.amazonaws.com/x/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com/../{_CERT}",
    f"https://sns.us-east-1.amazonaws.com/%2e/{_CERT}",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{'0' * 33}.pem",
    f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{'٠' * 32}.pem",
    f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{'0' * 32}xpem",
    f"https://sns.us-east-1.amazonaws.com/simplenotificationservice-{'0' * 32}.pem",
    f"https://sns.us-east-1.amazonaws.com/evil-{'0' * 32}.pem",
    f"https://sns.eu-west-1.amazonaws.com/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com.cn/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com.evil.example/{_CERT}",
    f"https://sns.us-east-1.amazonaws.com./{_CERT}",
    f"https://sns.us-east-1.amazonaws.comevil.example/{_CERT}",
    f"https://evil-sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://evil.sns.us-east-1.amazonaws.com/{_CERT}",
    f"https://snsXus-east-1.amazonaws.com/{_CERT}",
    f"https://sns.us-east-1xamazonaws.com/{_CERT}",
    f"https://sns.us-eаst-1.amazonaws.com/{_CERT}",  # a Cyrillic letter
    f"https://sns。us-east-1.amazonaws.com/{_CERT}",  # an ideographic full stop, which IDNA maps to a dot
    f"https://SNS.us-east-1.amazonaws.com/{_CERT}",
    f"https://sns.amazonaws.com/{_CERT}",
    f"https://sns.s3.amazonaws.com/{_CERT}",
    f"https://sns.s3-us-west-2.amazonaws.com/{_CERT}",
    f"https://s3.us-east-1.amazonaws.com/{_CERT}",
    f"https://us-east-1.amazonaws.com/{_CERT}",
    f"file:///{_CERT}", f"//sns.us-east-1.amazonaws.com/{_CERT}", "", "nonsense",
]  # fmt: skip

ATTACKS: list[tuple[str, dict[str, Any], str]] = [
    ("the message", {"Message": json.dumps(BOUNCE)}, "signature"),
    ("white space at its end", {"Message": json.dumps(BOUNCE) + "\n\n"}, "signature"),
    ("the id", {"MessageId": "other"}, "signature"),
    ("the subject", {"Subject": "other"}, "signature"),
    ("the subject taken away", {"Subject": None}, "signature"),
    ("the same time, written otherwise", {"Timestamp": "2024-05-01T09:00:00Z"}, "signature"),
    ("a later time", {"Timestamp": "2024-05-01T09:01:00.000Z"}, "signature"),
    ("a time from the future", {"Timestamp": "2024-05-01T09:06:00.000Z"}, "freshness"),
    ("an old time", {"Timestamp": "2024-05-01T07:00:00.000Z"}, "freshness"),
    ("no time", {"Timestamp": "soon"}, "body"),
    ("another topic", {"TopicArn": TOPIC + "2"}, "topic"),
    ("another account", {"TopicArn": "arn:aws:sns:us-east-1:999999999999:ses-events"}, "topic"),
    ("another region", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses-events"}, "topic"),
    ("a bucket for a region", {"TopicArn": "arn:aws:sns:s3:123456789012:ses-events"}, "topic"),
    ("a partition's region in another", {"TopicArn": "arn:aws:sns:cn-north-1:123456789012:ses-events"}, "topic"),
    ("no known partition", {"TopicArn": "arn:aws-mars:sns:us-east-1:123456789012:ses-events"}, "topic"),
    ("another service", {"TopicArn": "arn:aws:sqs:us-east-1:123456789012:ses-events"}, "topic"),
    ("a topic with a line end", {"TopicArn": TOPIC + "\n"}, "topic"),
    ("another type", {"Type": "UnsubscribeConfirmation", "Token": "t", "SubscribeURL": "u"}, "signature"),
    ("an unknown type", {"Type": "Whatever"}, "body"),
    ("a type in another case", {"Type": "notification"}, "body"),
    ("an unknown version", {"SignatureVersion": "3"}, "version"),
    ("a version that is a number", {"SignatureVersion": 2}, "body"),
    ("the other version", {"SignatureVersion": "1"}, "signature"),
    ("another signature", {"Signature": "AAAA"}, "signature"),
    ("an empty signature", {"Signature": ""}, "signature"),
    ("a signature that is not base64", {"Signature": "§§"}, "signature"),
    ("a signature that is text of a list", {"Signature": ["AAAA"]}, "body"),
    ("no message", {"Message": None}, "body"),
    ("a message that is no text", {"Message": BOUNCE}, "body"),
    ("no topic", {"TopicArn": None}, "body"),
    ("no certificate", {"SigningCertURL": None}, "body"),
    *[(f"certificate at {url!r}", {"SigningCertURL": url}, "address") for url in _URLS],
]


@pytest.mark.parametrize(("change", "check"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_a_change_after_signing_is_refused(change: dict[str, Any], check: str) -> None:
    """By the check that is meant for it, and before the network wherever possible."""
    fetched = len(SIGNER.fetched)

    assert refused(signed() | change) == check
    assert len(SIGNER.fetched) <= fetched + (check in ("signature", "certificate"))


def test_every_check_is_in_the_table_of_checks() -> None:
    """So that the documentation names what a log names."""
    assert {row[2] for row in ATTACKS} | {"headers", "certificate"} == set(CHECKS)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff", b'"x"', b"{" * 9999, b'{"Type": ["Notification"]}',
             json.dumps(BOUNCE).encode(), b'{"Type":"Notification","Message":"{}"}', b"x" * 5_000_000],
)  # fmt: skip
def test_what_is_no_signed_sns_message_is_a_bad_request(body: bytes) -> None:
    """A raw delivery among them: it has no signature, so over HTTP nothing proves it."""
    with pytest.raises(UntrustedMessage) as caught:
        proven(body)
    assert (caught.value.check, caught.value.http_status) == ("body", 400)


@pytest.mark.parametrize(
    "headers",
    [{"x-amz-sns-message-type": "SubscriptionConfirmation"}, {"X-AMZ-SNS-Message-Type": "notification"},
     [(b"x-amz-sns-message-type", b"Notification"), (b"x-amz-sns-message-type", b"Other")],
     {"x-amz-sns-topic-arn": TOPIC + "2"}, {"x-amz-sns-message-id": "other"}],
)  # fmt: skip
def test_headers_that_say_otherwise_are_refused(headers: Any) -> None:
    """In any case of letters, as a mapping or as pairs."""
    assert refused(signed(), headers) == "headers"


def test_headers_that_agree_are_fine() -> None:
    """Or say nothing of it."""
    whole = signed()
    headers = {"X-Amz-Sns-Message-Type": "Notification", "X-Amz-Sns-Message-Id": whole["MessageId"], "Host": "h"}

    assert proven(json.dumps(whole), headers)
    assert proven(json.dumps(whole), {})


@pytest.mark.parametrize(
    "body",
    [
        SIGNER.handshake("UnsubscribeConfirmation"),
        SIGNER.notification("Successfully validated"),
        SIGNER.notification(BOUNCE),
    ],
)
def test_what_stands_beside_the_signed_fields_is_nobodys_word(body: bytes) -> None:
    """Neither an event put beside them, nor a field that SNS does not sign."""
    forged = {
        "eventType": "Complaint",
        "mail": {"messageId": "m"},
        "complaint": {},
        "UnsubscribeURL": "u",
        "MessageAttributes": {"a": 1},
    }
    message = proven(json.dumps(json.loads(body) | forged))

    assert [event.type for event in parse(message)] == [event.type for event in parse(proven(body))]
    assert {inner.kind for inner in message.messages} == {inner.kind for inner in proven(body).messages}
    assert "mail" not in message.raw
    assert "UnsubscribeURL" not in message.raw


def test_a_time_to_judge_by_must_be_aware() -> None:
    """Told at once, as our own error."""
    with pytest.raises(ConfigurationError, match="aware"):
        proven(json.dumps(signed()), now=SENT.replace(tzinfo=None))


def test_version_1_can_be_switched_off() -> None:
    """It signs SHA-1."""
    assert refused(SIGNER.notification(BOUNCE, version=1), versions=("2",)) == "version"


def test_topics_or_accounts_must_be_named_and_both_must_hold() -> None:
    """A valid signature only proves some AWS customer."""
    for nobody in ({"topics": None}, {"topics": []}, {"topics": [], "accounts": []}):
        with pytest.raises(ConfigurationError, match="topics, or the accounts"):
            proven(signed(), **nobody)
    body = json.dumps(signed())
    assert proven(body, topics=None, accounts="123456789012")
    assert proven(body, topics=[TOPIC], accounts={"123456789012"})
    assert refused(body, topics=None, accounts=["999999999999"]) == "topic"
    assert refused(body, topics=[TOPIC], accounts=["999999999999"]) == "topic"
    assert refused(body, topics=[TOPIC + "2"], accounts=["123456789012"]) == "topic"


@pytest.mark.parametrize(
    "wrong",
    [{"topics": "nonsense"}, {"accounts": "12"}, {"accounts": "12345678901x"}, {"versions": ()}, {"versions": ["3"]}],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    """At once, not when the first message comes."""
    with pytest.raises(ConfigurationError):
        proven(signed(), **wrong)


def test_freshness_is_bounded_and_a_trusted_redrive_has_its_own_door() -> None:
    """An hour for SNS's retries, five minutes for clocks."""
    body = json.dumps(signed())
    hour = timedelta(hours=1)

    assert proven(body, now=SENT + hour)
    assert refused(body, now=SENT + hour + timedelta(minutes=6)) == "freshness"
    assert refused(body, now=SENT - timedelta(minutes=6)) == "freshness"
    assert proven(body, now=SENT + 1000 * hour, max_age=None)


def test_freshness_is_bounded_to_the_second() -> None:
    """What is just in time is."""
    body = json.dumps(signed())
    second = timedelta(seconds=1)

    assert proven(body, now=SENT + timedelta(minutes=65))
    assert refused(body, now=SENT + timedelta(minutes=65) + second) == "freshness"
    assert proven(body, now=SENT - timedelta(minutes=5))
    assert refused(body, now=SENT - timedelta(minutes=5) - second) == "freshness"
    assert refused(body, now=SENT + 2 * second, max_age=second) == "freshness"


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"Type": "Whatever"}, "is not an SNS message", "Raw message delivery"),
        ({"Message": None}, "has no Message, or one that is not text", ""),
        ({"SigningCertURL": None}, "is not signed", ""),
        ({"Signature": "§"}, "is not base64", ""),
        ({"TopicArn": "nonsense"}, "is not the ARN of an SNS topic", ""),
        ({"Timestamp": "soon"}, "has a Timestamp that is no time", ""),
        ({"SignatureVersion": "3"}, "is not one that is accepted", ""),
        ({"TopicArn": TOPIC + "2"}, "is not one of those allowed", ""),
        ({"Timestamp": "2024-05-01T09:06:00.000Z"}, "from the future", "clock"),
        ({"Timestamp": "2024-05-01T07:00:00.000Z"}, "too old", "max_age=None"),
        ({"SigningCertURL": "https://example.com/"}, "SNS's own address in the topic's region", ""),
        ({"Signature": "AAAA"}, "does not fit the message", ""),
    ],
)
def test_a_refusal_says_why_and_what_to_do(change: dict[str, Any], said: str, hint: str) -> None:
    """For whoever reads the log; what the message says is not repeated."""
    with pytest.raises(UntrustedMessage) as caught:
        proven(json.dumps(signed() | change))

    assert said in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert bool(hint) == bool(caught.value.hint)


def test_a_refusal_by_certificate_account_or_header_says_so() -> None:
    """Each in its own words."""
    body = json.dumps(signed())
    late = Signer(not_before=SENT + timedelta(seconds=1))
    stranger = Signer(common_name="sns.example.com")
    for said, call in {
        "belongs to an account that is not allowed": lambda: proven(body, topics=None, accounts="999999999999"),
        "x-amz-sns-message-id says something else": lambda: proven(body, {"x-amz-sns-message-id": "other"}),
        "was not valid when": lambda: proven(late.notification(BOUNCE), certificates=late.certificates),
        "is not SNS's for the topic's region": lambda: proven(
            stranger.notification(BOUNCE), certificates=stranger.certificates
        ),
        "is larger than any SNS message": lambda: proven(b" " * (4 * 2**20 + 1)),
        "is not an object": lambda: proven(b"[]"),
    }.items():
        with pytest.raises(UntrustedMessage, match=said):
            call()
    with pytest.raises(UntrustedMessage) as caught:
        proven(b" " * 4 * 2**20)  # as large as may be, and no message
    assert "larger" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "said", "hint"),
    [
        ({"topics": None}, "Name the topics, or the accounts", "some AWS customer"),
        ({"topics": "nonsense"}, "'nonsense' is not the ARN of an SNS topic", ""),
        ({"accounts": "12"}, "'12' is not an AWS account: twelve digits", ""),
        ({"accounts": "١٢٣٤٥٦٧٨٩٠١٢"}, "is not an AWS account: twelve digits", ""),
        ({"versions": ()}, 'Signature versions are "1" and "2"', ""),
        ({"versions": ("1", "3")}, 'Signature versions are "1" and "2"', ""),
    ],
)
def test_settings_that_cannot_be_meant_are_told(wrong: dict[str, Any], said: str, hint: str) -> None:
    """With what is meant instead."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        proven(signed(), **wrong)
    assert hint in (caught.value.hint or "")


def test_a_subscription_is_confirmed_at_sns_s_own_address() -> None:
    """Built from what is proven, whatever the message offers."""
    topic = read_topic("arn:aws-cn:sns:cn-north-1:123456789012:t.fifo")
    assert topic is not None

    assert confirmation_url(topic, "a b&c") == (
        "https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription"
        "&TopicArn=arn%3Aaws-cn%3Asns%3Acn-north-1%3A123456789012%3At.fifo&Token=a+b%26c&Version=2010-03-31"
    )
    assert (topic.region, topic.account) == ("cn-north-1", "123456789012")


def test_each_check_says_what_it_checks() -> None:
    """For the documentation."""
    assert all(CHECKS.values())


def test_headers_may_be_text_or_bytes_in_any_case() -> None:
    """As WSGI and ASGI have them."""
    assert list(header_pairs([(b"X-Name", b"V\xe9"), ("Other", "W")])) == [("x-name", "Vé"), ("other", "W")]
    assert list(header_pairs({"X-Name": "V"})) == [("x-name", "V")]


def test_a_weak_key_or_an_unclear_name_is_no_certificate_of_sns() -> None:
    """2,048 bits or more, RSA, and one common name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def certificate(key: Any, *names: str) -> bytes:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one) for one in names])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        made = made.serial_number(1).not_valid_before(SENT).not_valid_after(SENT + timedelta(days=1))
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    read = read_certificate(certificate(key, "sns.amazonaws.com"))
    assert (read.name, read.not_before, read.not_after) == ("sns.amazonaws.com", SENT, SENT + timedelta(days=1))
    for wrong in ((key,), (key, "a", "b")):
        with pytest.raises(ValueError, match="one common name"):
            read_certificate(certificate(*wrong))
    for weak in (
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP256R1()),
    ):
        with pytest.raises(ValueError, match="RSA key of 2,048 bits or more"):
            read_certificate(certificate(weak, "sns.amazonaws.com"))


def test_a_certificate_is_valid_to_its_last_second() -> None:
    """Both ends included."""
    ends = Signer(not_before=SENT, not_after=SENT)

    assert proven(ends.notification(BOUNCE), certificates=ends.certificates)


def test_the_certificate_must_be_valid_when_the_message_was_sent() -> None:
    """Not today: it expires while what it signed stays genuine."""
    year = timedelta(days=365)
    late = Signer(not_before=SENT + timedelta(seconds=1), not_after=SENT + year)
    early = Signer(not_before=SENT - year, not_after=SENT - timedelta(seconds=1))
    now = Signer(not_before=SENT - year, not_after=SENT + timedelta(seconds=1))

    assert refused(late.notification(BOUNCE), certificates=late.certificates) == "certificate"
    assert refused(early.notification(BOUNCE), certificates=early.certificates) == "certificate"
    assert proven(now.notification(BOUNCE), certificates=now.certificates, now=SENT + year, max_age=None)


def test_another_key_s_signature_is_refused() -> None:
    """Signed by somebody else, with the genuine certificate's address."""
    stranger = Signer()
    body = stranger.sign(signed(), certificate_url=SIGNER.certificate_url())

    assert refused(body) == "signature"


@given(st.data())
def test_any_change_of_any_signed_field_is_refused(data: st.DataObject) -> None:
    """One character anywhere."""
    whole = signed()
    name = data.draw(st.sampled_from(["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]))
    place = data.draw(st.integers(0, len(whole[name]) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda found: found != whole[name][place]))
    whole[name] = whole[name][:place] + letter + whole[name][place + 1 :]

    assert refused(whole) in ("signature", "topic", "body", "freshness")


# ── Genuine messages, signed by AWS ──────────────────────────────────────────────────────────


def _served(url: str) -> bytes:
    return (SIGNED / url.rsplit("/", 1)[1]).read_bytes()


@pytest.fixture(
    params=["notification-2015-attributes-v1", "notification-no-subject-v1", "subscription-confirmation-v1"]
)
def genuine(request: pytest.FixtureRequest) -> tuple[bytes, dict[str, Any]]:
    file = SIGNED / f"{request.param}.json"
    if not file.exists():
        pytest.skip("the shared signed messages are not on this machine")
    body = file.read_bytes()
    envelope = json.loads(body)
    settings = {
        "topics": envelope["TopicArn"],
        "certificates": Certificates(_served),
        "now": read_moment(envelope["Timestamp"]),
    }
    return body, settings


def test_what_aws_signed_is_proven(genuine: Any) -> None:
    """Byte by byte as it came; not when one of its fields is changed, and not when it is too old."""
    body, settings = genuine
    envelope = json.loads(body)

    assert verify(body, **settings).sns is not None
    for name in ("Message", "MessageId", "Timestamp", "Type", "TopicArn", "Token", "SubscribeURL", "Subject"):
        if isinstance(envelope.get(name), str):
            with pytest.raises(UntrustedMessage):
                verify(json.dumps(envelope | {name: envelope[name] + "x"}), **settings)
    with pytest.raises(UntrustedMessage, match="freshness"):
        verify(body, **settings | {"now": datetime(2027, 1, 1, tzinfo=timezone.utc)})


def test_lambda_s_spelling_is_proven_too(genuine: Any) -> None:
    """``SigningCertUrl``, a null subject, empty attributes: as a decoded value."""
    body, settings = genuine
    envelope = json.loads(body)
    record = {name.replace("CertURL", "CertUrl"): value for name, value in envelope.items()}

    assert verify({"Subject": None, "MessageAttributes": {}} | record, **settings)


def test_a_certificate_that_cannot_be_had_is_no_verdict() -> None:
    """It may be retried, with a 503; the next try succeeds."""
    fails = [OSError("no route"), TimeoutError(), ValueError("answered 500"), KeyError("whatever a fetcher raises")]
    certificates = Certificates(lambda url: SIGNER.pem if not fails else _raise(fails.pop()))
    for _ in range(4):
        with pytest.raises(VerifierUnavailable) as caught:
            proven(json.dumps(signed()), certificates=certificates)
        assert (caught.value.retryable, caught.value.http_status) == (True, 503)

    assert proven(json.dumps(signed()), certificates=certificates)


@pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_no_verdict_either(pem: bytes) -> None:
    """A captive portal's page, say."""
    with pytest.raises(VerifierUnavailable):
        proven(json.dumps(signed()), certificates=Certificates(lambda _: pem))


def test_a_topic_is_read_whole_or_not_at_all() -> None:
    """The region decides the host."""
    assert read_topic("arn:aws:sns:us-east-1:123456789012:t.fifo")
    for wrong in ("arn:aws:sns:us-east-1:123456789012:", "arn:aws:sns::123456789012:t", "arn:aws:sns:us-east-1:1:t", "",
                  "arn:aws:sns:us-gov-west-1:123456789012:t", "xarn:aws:sns:us-east-1:123456789012:t"):  # fmt: skip
        assert read_topic(wrong) is None


def test_strangers_do_not_fill_the_memory() -> None:
    """What was long and refused is forgotten."""
    tracemalloc.start()
    try:
        for number in range(50):
            refused(signed() | {"TopicArn": f"{TOPIC}{number}" + "x" * 100_000})
            refused(signed() | {"SigningCertURL": f"https://sns.us-east-1.amazonaws.com/{number}" + "x" * 100_000})
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def _raise(error: Exception) -> bytes:
    raise error


def test_without_the_library_it_is_said_what_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    require_cryptography()
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    with pytest.raises(MissingExtra, match=r"Verifying SNS signatures .*sesevent\[verify\]"):
        require_cryptography()
