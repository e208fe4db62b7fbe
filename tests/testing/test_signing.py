"""Signed messages for our users' tests: real signatures by a throw-away signer."""

from __future__ import annotations

import json

import pytest

from sesevent import Certificates, UntrustedMessage, VerifierUnavailable, testing, verify
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer


def test_a_user_s_test_needs_three_lines() -> None:
    """Sign, verify, look: nothing of the checks is switched off."""
    body = testing.signed_notification(testing.bounce(), version=2, topic=TOPIC)
    certificates = testing.signer().certificates

    assert verify(body, topics=TOPIC, certificates=certificates, now=SENT)
    with pytest.raises(UntrustedMessage):
        verify(body.replace(b"Bounce", b"Banana"), topics=TOPIC, certificates=certificates, now=SENT)


def test_each_signer_has_its_own_certificate_in_every_region() -> None:
    """It is asked for at SNS's address in the topic's region, once, and known by no other name."""
    one, other = Signer(), Signer()
    eu = "arn:aws:sns:eu-west-1:123456789012:t"

    assert one.certificate_url() != other.certificate_url()
    assert verify(one.notification(testing.send(), topic=eu), topics=eu, certificates=one.certificates, now=SENT)
    assert one.fetched == [one.certificate_url(eu)]
    with pytest.raises(VerifierUnavailable):  # the other's server has no certificate of this name
        verify(one.notification(testing.send()), topics=TOPIC, certificates=Certificates(other.serve), now=SENT)


def test_any_text_and_any_envelope_can_be_signed() -> None:
    """What SES sends when a topic is set up, say."""
    body = testing.signed_notification("Successfully validated SNS topic", Subject="Hi", at=SENT)
    envelope = json.loads(body)

    assert (envelope["Message"], envelope["Subject"]) == ("Successfully validated SNS topic", "Hi")
    assert verify(body, topics=TOPIC, certificates=testing.signer().certificates, now=SENT)
