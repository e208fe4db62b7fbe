"""What events say: the essentials that are checked, the details that never refuse."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from sesevent import Bounce, Complaint, Event, Open, PayloadError, Received, Send, UnknownEvent, parse
from sesevent.events.essentials import tag_values
from sesevent.events.event import once
from sesevent.events.identity import event_key
from sesevent.events.parse import EVENT_CLASSES, class_of, event_of, read_essentials, read_event

MAIL: dict[str, Any] = {
    "messageId": "m-1",
    "timestamp": "2020-01-01T00:00:00.000Z",
    "source": "Shop <shop@example.com>",
    "destination": ["a@example.com", "b@example.com"],
    "headers": [{"name": "Subject", "value": "From the headers"}, {"name": "Received", "value": "1"}],
    "commonHeaders": {"subject": "Hello", "from": ["Shop <shop@example.com>"]},
    "tags": {"ses:configuration-set": ["main"], "campaign": ["spring", "sale"]},
}


def event(kind: str, body: Any = None, *, key: str | None = None, mail: Any = MAIL, **more: Any) -> Event:
    name = key or EVENT_CLASSES[kind].body or ""
    (parsed,) = parse({"eventType": kind, "mail": mail, name: {} if body is None else body, **more})
    return parsed


@pytest.mark.parametrize("kind", EVENT_CLASSES)
@pytest.mark.parametrize("family", ["eventType", "notificationType"])
def test_each_word_becomes_its_class_in_both_families(kind: str, family: str) -> None:
    """SES's own word decides, and stays readable as ``type``."""
    (parsed,) = parse({family: kind, "mail": MAIL})

    assert EVENT_CLASSES[kind] is type(parsed)
    assert kind == parsed.type
    assert isinstance(parsed, BaseModel)


def test_an_event_of_an_invented_type_is_kept_whole() -> None:
    """AWS may add kinds: type, time and raw payload are there."""
    parsed = event("Teleport", {"timestamp": "2021-01-01T00:00:00Z", "speed": 9}, key="teleport")

    assert isinstance(parsed, UnknownEvent)
    assert (parsed.type, parsed.timestamp.year, parsed.raw["teleport"]["speed"]) == ("Teleport", 2021, 9)  # type: ignore[union-attr]


def test_invented_fields_are_kept_under_their_own_names() -> None:
    """In the part they belong to, and in raw."""
    parsed = event("Bounce", {"bounceType": "Permanent", "mood": "sad"})

    assert isinstance(parsed, Bounce)
    assert parsed.bounce.model_extra == {"mood": "sad"}
    assert parsed.raw["bounce"]["mood"] == "sad"


def test_what_every_event_has() -> None:
    """Each attribute, from where SES puts it."""
    parsed = event("Send")

    assert (
        parsed.message_id, parsed.source, parsed.subject, parsed.configuration_set,
    ) == ("m-1", "Shop <shop@example.com>", "Hello", "main")  # fmt: skip
    assert parsed.tags["campaign"] == ["spring", "sale"]
    assert [recipient.address for recipient in parsed.recipients] == ["a@example.com", "b@example.com"]


def test_the_subject_may_come_from_the_headers_or_be_missing() -> None:
    """Common headers first; templated sends have neither."""
    headers_only = {key: value for key, value in MAIL.items() if key != "commonHeaders"}

    assert event("Send", mail=headers_only).subject == "From the headers"
    assert event("Send", mail={"messageId": "m"}).subject is None


def test_the_time_is_the_events_own_not_the_mails() -> None:
    """A bounce happened when it bounced; a send has only the mail's time; without either there is none."""
    assert event("Bounce", {"timestamp": "2021-05-05T00:00:00Z"}).timestamp.year == 2021  # type: ignore[union-attr]
    assert event("Send").timestamp.year == 2020  # type: ignore[union-attr]
    assert event("Send", mail={}).timestamp is None


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("Bounce", {"bouncedRecipients": [{"emailAddress": "B@EXAMPLE.com"}]}, [("B@example.com", True)]),
        ("Bounce", {"bouncedRecipients": []}, []),
        ("Bounce", {}, []),
        ("Delivery", {"recipients": ["b@example.com"]}, [("b@example.com", True)]),
        ("DeliveryDelay", {"delayedRecipients": [{"emailAddress": "b@example.com"}]}, [("b@example.com", True)]),
        ("Complaint", {"complainedRecipients": [{"emailAddress": "b@example.com"}]}, [("b@example.com", True)]),
        ("Complaint", {"complainedRecipients": [{"emailAddress": "a@x.example"}, {"emailAddress": "b@x.example"}]},
         [("a@x.example", False), ("b@x.example", False)]),
        ("Open", {}, [("a@example.com", False), ("b@example.com", False)]),
        ("Click", {}, [("a@example.com", False), ("b@example.com", False)]),
        ("Send", {}, [("a@example.com", True), ("b@example.com", True)]),
    ],
)  # fmt: skip
def test_whom_an_event_concerns_and_how_sure_that_is(kind: str, body: Any, named: list[Any]) -> None:
    """Never simply everyone the mail went to, and never more certain than SES is."""
    assert named == [(recipient.address, recipient.certain) for recipient in event(kind, body).recipients]


def test_a_single_destination_makes_an_open_certain() -> None:
    """There is nobody else it could have been."""
    assert event("Open", mail=MAIL | {"destination": ["a@example.com"]}).recipients[0].certain


@pytest.mark.parametrize(
    ("payload", "paths"),
    [
        ({"eventType": "Bounce", "mail": 1, "bounce": {}}, ["$.mail"]),
        ({"eventType": "Bounce", "mail": MAIL, "bounce": []}, []),
        ({"eventType": "Bounce", "mail": MAIL, "bounce": [1]}, ["$.bounce"]),
        ({"eventType": "Bounce", "mail": MAIL | {"messageId": 3}, "bounce": {"timestamp": "soon"}},
         ["$.mail.messageId", "$.bounce.timestamp"]),
        ({"eventType": "Bounce", "mail": MAIL, "bounce": {"bouncedRecipients": "a@example.com"}},
         ["$.bounce.bouncedRecipients"]),
        ({"eventType": "Bounce", "mail": MAIL, "bounce": {"bouncedRecipients": [{"emailAddress": "a@b"}, {}, 3]}},
         ["$.bounce.bouncedRecipients[1]", "$.bounce.bouncedRecipients[2]"]),
        ({"eventType": "Send", "mail": MAIL | {"destination": [None]}}, ["$.mail.destination[0]"]),
        ({"eventType": "Send", "mail": MAIL | {"timestamp": "2020-13-01T00:00:00Z"}}, ["$.mail.timestamp"]),
    ],
)  # fmt: skip
def test_every_problem_is_listed_with_its_path(payload: Any, paths: list[str]) -> None:
    """All at once, so that a sender of test payloads need not try again and again."""
    if not paths:
        assert parse(payload)
        return
    with pytest.raises(PayloadError) as caught:
        parse(payload)
    assert paths == [problem.path for problem in caught.value.problems]


def test_paths_inside_an_envelope_start_at_the_message() -> None:
    """The text in the envelope is a document of its own."""
    with pytest.raises(PayloadError, match=r"\$\.Message→\$\.mail: is not an object"):
        parse({"Type": "Notification", "Message": '{"eventType":"Send","mail":1}'})


@pytest.mark.parametrize(
    "odd",
    [
        {"bounceType": 7, "bounceSubType": None, "bouncedRecipients": [{"emailAddress": "a@b", "status": ["x"]}]},
        {"bounceType": {"a": 1}, "remoteMtaIp": [], "bouncedRecipients": [{"emailAddress": "a@b", "action": {}}]},
        {"bouncedRecipients": ["a@b"], "reportingMTA": 1.5},
    ],
)
def test_an_odd_detail_never_costs_the_event(odd: Any) -> None:
    """What does not fit its documented type is left out of the typed part and stays in raw."""
    parsed = event("Bounce", odd)

    assert isinstance(parsed, Bounce)
    assert parsed.bounce is not None
    assert odd == parsed.raw["bounce"]
    assert [recipient.address for recipient in parsed.recipients] == ["a@b"]


@pytest.mark.parametrize("sender", [[None], [None, {}], {"a": 1}, [["x"]]])
def test_an_odd_value_of_a_field_of_two_types_costs_that_field_only(sender: Any) -> None:
    """Both types refuse it, and it is taken out once."""
    (parsed,) = parse({"eventType": "Send", "mail": MAIL | {"commonHeaders": {"sender": sender, "subject": "Hello"}}})

    assert parsed.mail.common_headers is not None
    assert (parsed.mail.common_headers.sender, parsed.mail.common_headers.subject) == (None, "Hello")


DEEP = '{"eventType":"%s","mail":{"headersTruncated":"?","headers":%s,"z":%s},"x":%s,"bounce":{"feedbackId":%s}}'


@pytest.mark.parametrize("kind", ["Send", "Bounce", "Forward"])
@pytest.mark.parametrize("odd", ["[" * 480 + "]" * 480, '{"a":' * 480 + "1" + "}" * 480, "1e999", "9" * 5000])
def test_what_is_deep_or_huge_costs_nothing_but_itself(kind: str, odd: str) -> None:
    """Reading the parts, comparing and keying walk the payload, and must not run out of stack or of numbers."""
    (parsed,) = parse(DEEP % (kind, odd, odd, odd, odd))

    assert parsed.mail.headers_truncated is None
    assert parsed == parsed.model_copy()
    assert len(event_key(parsed)) == 12
    assert parsed.model_dump_json()
    assert parsed.mail.model_dump_json()


def test_what_reading_the_essence_skipped_may_be_too_deep_to_read_at_all() -> None:
    """How deep a reader goes depends on it, and on the Python: the rest of the payload is there."""
    text = '{"eventType":"Send","mail":{"messageId":"m-1","z":' + "[" * 100_000 + "]" * 100_000 + "}}"

    assert read_event(text, {"eventType": "Send", "mail": {"messageId": "m-1"}}).mail.message_id == "m-1"


def test_events_are_frozen() -> None:
    """They are facts."""
    parsed = event("Send")

    with pytest.raises(ValidationError):
        parsed.text = ""


def test_equal_payloads_are_equal_events() -> None:
    """Whatever the white space."""
    (pretty,) = parse(b'{ "eventType": "Send",  "mail": {"messageId": "m"} }')
    (compact,) = parse(b'{"eventType":"Send","mail":{"messageId":"m"}}')

    assert pretty == compact
    assert hash(pretty) == hash(compact)
    assert pretty != event("Send")


def test_no_repr_shows_who_or_what() -> None:
    """Addresses and subjects do not belong in logs."""
    parsed = event("Complaint", {"complainedRecipients": [{"emailAddress": "victor@example.com"}]})
    shown = repr(parsed) + str(parsed) + repr(parsed.recipients) + repr(parsed.mail) + repr(parsed.mail.common_headers)

    assert isinstance(parsed, Complaint)
    for secret in ("victor", "Hello", "shop@example.com", "a@example.com"):
        assert secret not in shown


def test_a_person_is_shown_masked_and_one_of_several_with_a_word_of_doubt() -> None:
    """So that a log tells whether it was known who opened."""
    (ann,) = event("Open", mail=MAIL | {"destination": ["ann@example.com"]}).recipients
    both = event("Open", mail=MAIL | {"destination": ["ann@example.com", "ben@example.com"]}).recipients

    assert repr(ann) == "<Recipient a…@example.com>"
    assert repr(both[1]) == "<Recipient b…@example.com (perhaps)>"


def test_each_property_of_an_event_says_what_it_is() -> None:
    """To `help()` and to the documentation, also those that are worked out once."""
    worked_out = {name: kept for name, kept in vars(Event).items() if isinstance(kept, (once, property))}
    said = {name: kept.__doc__ for name, kept in worked_out.items() if not name.startswith("_")}

    assert {"essentials", "type"} <= said.keys()
    assert all(said.values())
    assert not {once.__doc__, property.__doc__} & set(said.values())


def test_a_dump_is_what_an_api_would_answer() -> None:
    """Every attribute that every event has, and no copy of the payload."""
    dumped = event("Open").model_dump(mode="json")

    assert {"type", "message_id", "timestamp", "recipients", "source", "subject", "tags", "configuration_set"} == set(
        dumped
    )
    assert dumped["recipients"][0]["address"] == "a@example.com"


def test_typed_parts_read_the_documented_fields() -> None:
    """One of each sort: text, number, moment, list, object."""
    parsed = event("Received", {"timestamp": "2020-01-01T00:00:00Z", "processingTimeMillis": 12,
                                "spamVerdict": {"status": "PASS"}, "action": {"type": "SNS"}}, content="raw")  # fmt: skip

    assert isinstance(parsed, Received)
    assert (
        parsed.receipt.processing_time_millis, parsed.receipt.spam_verdict.status,  # type: ignore[union-attr]
        parsed.receipt.action.type, parsed.content,  # type: ignore[union-attr]
    ) == (12, "PASS", "SNS", "raw")  # fmt: skip
    assert [header.name for header in parsed.mail.headers or ()] == ["Subject", "Received"]


def test_nulls_are_as_good_as_absence() -> None:
    """SES sends null for link tags and sub-types."""
    parsed = event(
        "Open", None, mail=MAIL | {"tags": None, "destination": None, "commonHeaders": None, "timestamp": None}
    )

    assert isinstance(parsed, Open)
    assert (parsed.recipients, parsed.tags, parsed.timestamp) == ((), {}, None)


def test_parsing_a_batch_keeps_the_good_and_names_the_bad() -> None:
    """A bad member does not hide the others."""
    found = parse([{"eventType": "Send", "mail": {}}, {"eventType": "Send", "mail": 1}, 7])

    assert [Send] == [type(parsed) for parsed in found]
    assert [problem.path for problem in found.problems] == ["$[1].mail", "$[2]"]


def test_a_type_that_is_no_text_is_a_problem() -> None:
    """Also for whoever reads decoded payloads directly."""
    for payload in ({"mail": {}}, {"eventType": ["Send"], "mail": {}}, {"eventType": 3}):
        with pytest.raises(PayloadError, match="neither eventType nor notificationType"):
            read_event("", payload)


@pytest.mark.parametrize("kind", list(EVENT_CLASSES))
def test_an_event_is_a_whole_pydantic_model_although_it_is_made_the_short_way(kind: str) -> None:
    """Validated, copied, pickled and dumped as any other; frozen."""
    (made,) = parse({"eventType": kind, "mail": {"messageId": "m", "destination": ["ann@example.com"]}})
    validated = type(made).model_validate({"text": made.text, "essence": made.essence})

    assert validated.model_dump() == made.model_dump()
    assert validated.model_fields_set == made.model_fields_set
    twins = (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.model_copy(), validated)
    assert all(twin == made and hash(twin) == hash(made) for twin in twins)
    with pytest.raises(ValidationError, match="frozen"):
        made.text = "{}"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [*EVENT_CLASSES, "New"])
def test_the_essentials_of_an_event_are_what_the_event_tells(kind: str) -> None:
    """Whoever stores them without the event keeps nothing else."""
    told = event(kind, {"timestamp": "2020-01-02T03:04:05Z"}, key="new" if kind == "New" else None)
    essentials = read_essentials(told.text, told.essence)

    assert (essentials.type, essentials.message_id) == (told.type, told.message_id)
    assert (essentials.timestamp, essentials.stamp) == (told.timestamp, "2020-01-02T03:04:05.000Z")
    assert essentials.normals == [person.normal for person in told.recipients]
    assert type(event_of(essentials)) is type(told) is class_of(kind)
    assert event_of(essentials) == told


# Every documented field of every typed part, under SES's name and ours.
FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "Bounce": ("bounce", {
        "bounceType": "bounce_type", "bounceSubType": "bounce_sub_type", "timestamp": "timestamp",
        "feedbackId": "feedback_id", "reportingMTA": "reporting_mta", "remoteMtaIp": "remote_mta_ip",
    }),
    "Complaint": ("complaint", {
        "timestamp": "timestamp", "feedbackId": "feedback_id", "complaintSubType": "complaint_sub_type",
        "userAgent": "user_agent", "complaintFeedbackType": "complaint_feedback_type", "arrivalDate": "arrival_date",
    }),
    "Delivery": ("delivery", {
        "timestamp": "timestamp", "processingTimeMillis": "processing_time_millis", "smtpResponse": "smtp_response",
        "reportingMTA": "reporting_mta", "remoteMtaIp": "remote_mta_ip",
    }),
    "DeliveryDelay": ("delivery_delay", {
        "delayType": "delay_type", "expirationTime": "expiration_time", "timestamp": "timestamp",
        "reportingMTA": "reporting_mta",
    }),
    "Open": ("open", {"timestamp": "timestamp", "userAgent": "user_agent", "ipAddress": "ip_address"}),
    "Click": ("click", {"timestamp": "timestamp", "userAgent": "user_agent", "ipAddress": "ip_address", "link": "link"}),
    "Reject": ("reject", {"reason": "reason"}),
    "Rendering Failure": ("failure", {"templateName": "template_name", "errorMessage": "error_message"}),
    "Subscription": ("subscription", {"contactList": "contact_list", "timestamp": "timestamp", "source": "source"}),
    "Received": ("receipt", {"timestamp": "timestamp", "processingTimeMillis": "processing_time_millis", "dmarcPolicy": "dmarc_policy"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIELDS)
def test_every_documented_field_is_read_and_absent_where_it_is_not_told(kind: str) -> None:
    """Under SES's name from the payload, under ours in Python; none is left over."""
    attribute, names = FIELDS[kind]
    body = {
        theirs: 7 if theirs.endswith("Millis") else "2020-01-01T00:00:00Z" if theirs in ("timestamp", "arrivalDate", "expirationTime") else "told"
        for theirs in names
    }  # fmt: skip
    part = getattr(event(kind, body), attribute)

    assert all(getattr(part, ours) is not None for ours in names.values())
    assert not part.model_extra
    assert all(value is None for value in getattr(event(kind, {}), attribute).model_dump().values())


@pytest.mark.parametrize(
    ("event_at", "mail_at", "took"),
    [
        ("2020-01-01T00:00:01.500Z", "2020-01-01T00:00:00.000Z", 1500),
        ("2019-12-31T23:59:59.000Z", "2020-01-01T00:00:00.000Z", -1000),
        ("2020-01-01T00:00:01Z", None, None),
        (None, "2020-01-01T00:00:00Z", None),
        (None, None, None),
    ],
)
def test_how_long_it_took_is_told_in_milliseconds(event_at: str | None, mail_at: str | None, took: int | None) -> None:
    """From sending; not where SES does not tell both."""
    told = event("Open", {"timestamp": event_at}, mail=MAIL | {"timestamp": mail_at})

    assert told.essentials.took == took


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (["a"], ["a"]),
        (["a", "b"], ["a", "b"]),
        (["a", 1, None], ["a"]),
        (["a", 1], ["a"]),
        ([1], []),
        ([], []),
        ("a", ["a"]),
        (1, []),
        (None, []),
    ],
)
def test_the_values_of_a_tag_are_a_list_of_texts(values: Any, read: list[str]) -> None:
    """SES sends a list even for one; what is no text is left out."""
    assert tag_values(values) == read
    assert event("Send", mail=MAIL | {"tags": {"t": values}}).tags == {"t": read}


def test_a_person_who_is_named_twice_is_one() -> None:
    """By the form by which addresses are compared."""
    told = event("Delivery", {"recipients": ["A@example.com", "a@EXAMPLE.com", "b@example.com"]})

    assert told.essentials.normals == ["a@example.com", "b@example.com"]
    assert len(told.recipients) == 3


@pytest.mark.parametrize(
    ("beside", "year"),
    [
        ({"new": {"timestamp": "2021-01-01T00:00:00Z"}}, 2021),
        ({"new": {"timestamp": "2021-01-01T00:00:00Z"}, "more": {}}, 2020),
        ({"new": {"timestamp": "soon"}}, 2020),
        ({"new": ["timestamp"]}, 2020),
        ({}, 2020),
    ],
)
def test_an_unknown_event_is_dated_by_the_one_object_that_tells_a_time(beside: dict[str, Any], year: int) -> None:
    """Of several nobody knows which; then by the mail."""
    (told,) = parse({"eventType": "New", "mail": MAIL} | beside)

    assert told.timestamp is not None
    assert told.timestamp.year == year


def test_an_event_is_shown_by_its_mail_and_time() -> None:
    """Or a question mark; a person who is only a candidate is shown as one."""
    assert repr(event("Send")) == str(event("Send")) == "<Send m-1 at 2020-01-01 00:00:00+00:00>"
    assert repr(event("Send", mail={})) == "<Send ? at None>"
    sure, unsure = (event("Send").recipients[0], event("Open").recipients[0])
    assert repr(sure).startswith("<Recipient ")
    assert (" (perhaps)" in repr(sure), " (perhaps)" in repr(unsure)) == (False, True)


def test_events_of_different_kinds_or_times_are_not_equal() -> None:
    """Nor is anything else."""
    assert event("Send") != event("Open")
    assert event("Open", {"timestamp": "2020-01-01T00:00:00Z"}) != event("Open", {"timestamp": "2020-01-01T00:00:01Z"})
    assert event("Send") != "Send"
    assert len({event("Send"), event("Send"), event("Open")}) == 2


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"mail": {}}, "$: has neither eventType nor notificationType as text"),
        ({"eventType": "Send", "mail": 1}, "$.mail: is not an object"),
        ({"eventType": "Send", "mail": {"messageId": 3}}, "$.mail.messageId: is not text"),
        ({"eventType": "Send", "mail": {"destination": "a@b"}}, "$.mail.destination: is not a list"),
        ({"eventType": "Send", "mail": {"destination": [3]}}, "$.mail.destination[0]: holds no address"),
        ({"eventType": "Send", "mail": {"destination": [{"x": 1}]}}, "$.mail.destination[0]: holds no address"),
    ],
)
def test_a_problem_says_what_is_wrong_where(payload: Any, said: str) -> None:
    """For people and programs."""
    with pytest.raises(PayloadError) as caught:
        read_event("", payload)

    assert [f"{problem.path}: {problem.message}" for problem in caught.value.problems] == [said]


@pytest.mark.parametrize(
    ("headers", "subject"),
    [
        ([{"name": "SUBJECT", "value": "Hi"}, {"name": "Subject", "value": "Other"}], "Hi"),
        ([{"name": "Subject", "value": 7}, {"name": "Subject", "value": "Other"}], None),
        (["Subject", {"name": None}, {"name": "Subject", "value": "Hi"}], "Hi"),
        ({"name": "Subject"}, None),
    ],
)
def test_the_first_subject_header_counts(headers: Any, subject: str | None) -> None:
    """Whatever its case; what is no text is none."""
    assert event("Send", mail={"headers": headers}).subject == subject
    assert event("Send", mail={"headers": headers, "commonHeaders": {"subject": 7}}).subject == subject


def test_each_kind_names_people_in_its_own_part_or_in_the_mail() -> None:
    """The documentation says where."""
    for kind, cls in EVENT_CLASSES.items():
        assert cls.named_in.holder in ("mail", cls.body), kind


def test_the_usual_headers_of_a_mail_are_read() -> None:
    """Those that SES decodes, and the mail's own fields."""
    headers = {"from": ["a"], "sender": "b", "replyTo": ["c"], "to": ["d"], "cc": ["e"], "bcc": ["f"], "returnPath": "g",
               "date": "h", "messageId": "i", "subject": "j"}  # fmt: skip
    mail = {"sourceArn": "a", "sourceIp": "b", "callerIdentity": "c", "sendingAccountId": "d", "headersTruncated": True}
    told = event("Send", mail=MAIL | mail | {"commonHeaders": headers}).mail

    assert told.common_headers is not None
    assert list(told.common_headers.model_dump().values()) == list(headers.values())
    assert told.common_headers.from_ == ["a"]
    assert not told.model_extra
    assert not told.common_headers.model_extra
    assert (told.source_arn, told.source_ip, told.caller_identity) == ("a", "b", "c")
    assert (told.sending_account_id, told.headers_truncated) == ("d", True)


def test_what_a_subscription_says_of_topics_is_typed() -> None:
    """Before and after."""
    topics = [{"topicName": "news", "subscriptionStatus": "OptOut"}]
    preferences = {"unsubscribeAll": False, "topicSubscriptionStatus": topics, "topicDefaultSubscriptionStatus": topics}
    part = event("Subscription", {"newTopicPreferences": preferences, "oldTopicPreferences": {}}).subscription  # type: ignore[attr-defined]

    assert part.new_topic_preferences.unsubscribe_all is False
    for told in (
        part.new_topic_preferences.topic_subscription_status,
        part.new_topic_preferences.topic_default_subscription_status,
    ):
        assert [(one.topic_name, one.subscription_status) for one in told] == [("news", "OptOut")]
    assert part.old_topic_preferences.unsubscribe_all is None
    assert not part.new_topic_preferences.model_extra
