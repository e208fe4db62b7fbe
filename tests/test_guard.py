"""The guard before any sender, and around clients that only remember what they were asked."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from sesevent import AsyncGuard, ConfigurationError, Guard, Policy, Suppressed, testing, trusted
from sesevent.addresses import normal
from sesevent.storage.layout import COLLECTIONS

GONE, LEFT, ANGRY, FINE = (f"{name}@example.com" for name in ("gone", "left", "angry", "fine"))


def _events(store: Any) -> list[Any]:
    payloads = [testing.bounce(to=GONE), testing.complaint(to=ANGRY)]
    return [store.receive(trusted(payload, because="this test made it")) for payload in payloads]


@pytest.fixture
def store() -> Any:
    """Where one is gone, one complained, and one wants no marketing."""
    made = testing.memory_store()
    _events(made)
    made.suppression.unsubscribe(LEFT, stream="marketing")
    return made


def later(body: Any) -> Any:
    """Run an asyncio test over the same facts."""

    async def main() -> Any:
        made = testing.async_memory_store()
        for received in _events(made):
            await received
        await made.suppression.unsubscribe(LEFT, stream="marketing")
        return await body(made)

    return asyncio.run(main())


class Client:
    """Remembers what it was asked to send."""

    region = "eu-west-1"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def _send(self, **request: Any) -> dict[str, Any]:
        self.asked.append(copy.deepcopy(request))
        return {"MessageId": f"m-{len(self.asked)}"}

    send_email = send_templated_email = send_raw_email = _send

    def send_bulk_email(self, **request: Any) -> dict[str, Any]:
        self._send(**request)
        return {
            "BulkEmailEntryResults": [
                {"Status": "SUCCESS", "MessageId": str(n)} for n, _ in enumerate(request["BulkEmailEntries"])
            ]
        }

    def send_custom_verification_email(self, **request: Any) -> dict[str, Any]:
        return self._send(**request)


def test_recipients_are_parted_as_they_are_spelled(store: Any) -> None:
    """The others keep display name and case; each of the refused says why."""
    guarded = Guard(store, stream="marketing").split([f"Fine <{FINE}>", "GONE@Example.com", LEFT, "New@Example.com"])

    assert guarded.allowed == [f"Fine <{FINE}>", "New@Example.com"]
    assert [(told.address, told.rule) for told in guarded.refused] == [(GONE, "hard-bounce"), (LEFT, "unsubscribed")]


def test_the_stream_is_the_guards(store: Any) -> None:
    """Who left the marketing stream still gets the receipt."""
    assert Guard(store, stream="transactional").split([LEFT]).allowed == [LEFT]


def test_requiring_somebody_who_may_not_be_mailed_is_an_error_with_the_decision(store: Any) -> None:
    """Which is nothing to retry, and does not tell who it was."""
    guard = Guard(store)

    assert guard.require(FINE).allowed
    with pytest.raises(Suppressed, match="hard-bounce") as caught:
        guard.require(GONE)
    assert (caught.value.decision.address, caught.value.retryable, caught.value.http_status) == (GONE, False, 422)
    assert "example.com" not in str(caught.value)


def test_a_refusal_for_want_of_the_database_may_be_retried() -> None:
    """It says nothing about the person; the policy closed the stream meanwhile."""

    class Away:
        def find(self, *_: Any, **__: Any) -> Any:
            raise AutoReconnect("away")

    made = testing.memory_store()
    made.suppression._collections = made.suppression._collections | dict.fromkeys(COLLECTIONS, Away())
    with pytest.raises(Suppressed) as caught:
        Guard(made, stream="marketing").require(FINE)

    assert (caught.value.retryable, caught.value.http_status) == (True, 503)
    assert Guard(made, stream="transactional").split([FINE]).allowed == [FINE]


def test_refusals_are_told_and_counted_but_not_named_in_the_log(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The function gets the decisions, the log a number."""
    told: list[Any] = []
    with caplog.at_level(logging.INFO, "sesevent.guard"):
        Guard(store, on_refused=told.extend).split([GONE, FINE, ANGRY])

    assert [decision.address for decision in told] == [GONE, ANGRY]
    assert [record.getMessage() for record in caplog.records] == ["2 of 3 recipients may not be mailed on the stream *"]


def test_one_refused_recipient_does_not_stop_the_others(store: Any) -> None:
    """In no field; what the caller handed in is left as it was."""
    client = Client()
    request = {
        "Source": "shop@example.com",
        "Destination": {"ToAddresses": [f"Fine <{FINE}>", GONE], "CcAddresses": [ANGRY], "BccAddresses": [LEFT]},
    }
    before = copy.deepcopy(request)
    response = Guard(store).wrap(client).send_email(**request)

    assert client.asked == [
        {"Source": "shop@example.com", "Destination": {"ToAddresses": [f"Fine <{FINE}>"], "BccAddresses": [LEFT]}}
    ]
    assert (request, response["MessageId"]) == (before, "m-1")
    assert [told.rule for told in response["SesEventGuard"]["refused"]] == ["hard-bounce", "complaint"]


def test_a_mail_that_nobody_is_refused_of_is_sent_as_it_is(store: Any) -> None:
    """A raw message without recipients beside it stays so."""
    client = Client()
    request = {"RawMessage": {"Data": f"To: {FINE}\n\nhello".encode()}}

    assert Guard(store).wrap(client).send_raw_email(**request)["SesEventGuard"] == {"refused": []}
    assert client.asked == [request]


def test_a_mail_without_anybody_left_is_not_sent(store: Any) -> None:
    """It raises, or returns the decisions where that is wanted; SES is not called."""
    client = Client()
    request = {"Destination": {"ToAddresses": [GONE]}}
    with pytest.raises(Suppressed, match="1 recipients"):
        Guard(store).wrap(client).send_email(**request)
    answer = Guard(store, raise_if_all=False).wrap(client).send_email(**request)

    assert [told.address for told in answer["SesEventGuard"]["refused"]] == [GONE]
    assert "MessageId" not in answer
    assert client.asked == []


def test_a_strict_guard_sends_nothing_if_anybody_is_refused(store: Any) -> None:
    """For mail that all must get or none."""
    client = Client()
    with pytest.raises(Suppressed):
        Guard(store, refuse="raise").wrap(client).send_email(Destination={"ToAddresses": [GONE, FINE]})

    assert client.asked == []
    with pytest.raises(ConfigurationError):
        Guard(store, refuse="sometimes")  # type: ignore[arg-type]


def test_a_raw_messages_own_headers_are_read(store: Any) -> None:
    """Folded, encoded, in groups, with commas in names; those left are then named in the request."""
    client = Client()
    message = (
        f'To: "Last, First" <{FINE}>,\r\n =?utf-8?q?G=C3=B6ne?= <{GONE}>\r\n'
        f"Cc: friends: {LEFT}, {ANGRY};\r\nBcc: {FINE}\r\nSubject: hi\r\n\r\nhello"
    )
    Guard(store).wrap(client).send_raw_email(RawMessage={"Data": message.encode()})
    Guard(store).wrap(client).send_email(Content={"Raw": {"Data": message.encode()}})

    assert client.asked[0]["Destinations"] == [FINE, LEFT]
    assert client.asked[1]["Destination"] == {"ToAddresses": [FINE, LEFT]}
    assert [asked.get("RawMessage", asked.get("Content", {}).get("Raw"))["Data"] for asked in client.asked] == [
        message.encode()
    ] * 2


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("José <Ann@Example.com>", "Ann@example.com"),
        ("Ann M. Smith <a..b@example.com>,", "a..b@example.com"),
        ('"Last, First" <ann@example.com>', "ann@example.com"),
    ],
)
def test_headers_are_read_as_they_are_written_today(store: Any, header: str, asked: str) -> None:
    """With letters of any script, and with dots where no dot should be."""
    client = Client()
    Guard(store).wrap(client).send_raw_email(RawMessage={"Data": f"To: {header}\nCc: {GONE}\n\nhello".encode()})

    assert [asked] == client.asked[0]["Destinations"]


@pytest.mark.parametrize(
    "head",
    [
        "To: undisclosed-recipients:;", f"\ufeffTo: {GONE}", f"\r\nTo: {GONE}", f"To : {GONE}", "Subject: to nobody",
        f"To: {FINE}\r\nbroken line\r\nBcc: {GONE}", f"Resent-To: {GONE}", f"To: {FINE}\r\nResent-Bcc: {GONE}",
    ],
)  # fmt: skip
def test_a_raw_message_of_which_it_cannot_be_told_whom_it_reaches_is_not_sent(store: Any, head: str) -> None:
    """Who that is can be neither checked nor left out."""
    client = Client()
    with pytest.raises(ConfigurationError, match="cannot be told"):
        Guard(store).wrap(client).send_raw_email(RawMessage={"Data": f"{head}\r\n\r\nhello".encode()})

    assert client.asked == []


@pytest.mark.parametrize(
    "text",
    [f"{FINE},{GONE}", f"Gone <{GONE}>, Fine <{FINE}>", f"g:{GONE};", f"{GONE};", f"<{GONE}>,", f"mailto:{GONE}", f"<{GONE}",
     f"<@r.example:{GONE}>", GONE.replace("@", "＠"), GONE + "\u200b", "", "nobody"],
)  # fmt: skip
def test_what_is_not_one_address_is_refused(store: Any, text: str) -> None:
    """Somebody suppressed may hide in it."""
    allowed, refused = Guard(store).split([FINE, text])

    assert allowed == [FINE]
    assert [decision.rule for decision in refused] == ["no-address"]


def test_a_wide_full_stop_hides_nobody(store: Any) -> None:
    """It is a dot to the domain name system."""
    assert Guard(store).split([GONE + "．"]).allowed == []


def test_the_policy_knows_a_calls_stream_by_its_configuration_set_or_tags() -> None:
    """Unless the guard has a stream of its own."""
    policy = Policy(streams={"mkt": "marketing"}, stream_tag="stream")
    store = testing.memory_store(policy=policy)
    store.suppression.unsubscribe(GONE, stream="marketing")

    def mailed(**request: Any) -> bool:
        client = Client()
        guard = Guard(store, raise_if_all=False)
        guard.wrap(client).send_email(Destination={"ToAddresses": [GONE]}, **request)
        return bool(client.asked)

    assert mailed()
    assert not mailed(ConfigurationSetName="mkt")
    assert not mailed(EmailTags=[{"Name": "stream", "Value": "marketing"}])
    assert mailed(ConfigurationSetName="mkt", Tags=[{"Name": "stream", "Value": "orders"}])


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in tags.items()]


@pytest.fixture
def parted() -> Any:
    """Where a policy knows streams and tenants by tags; one left marketing, and one is gone for acme."""
    policy = Policy(streams={"mkt": "marketing"}, stream_tag="stream", tenant_tag="tenant")
    made = testing.memory_store(policy=policy)
    made.suppression.unsubscribe(LEFT, stream="marketing")
    made.receive(trusted(testing.bounce(to=GONE, tags={"tenant": ["acme"]}), because="this test made it"))
    return made


def test_the_policy_knows_whose_mail_it_is_by_its_tags(parted: Any) -> None:
    """Unless the guard has a tenant of its own."""

    def mailed(tenant: str = "", **request: Any) -> bool:
        client = Client()
        guard = Guard(parted, tenant=tenant, raise_if_all=False)
        guard.wrap(client).send_email(Destination={"ToAddresses": [GONE]}, **request)
        return bool(client.asked)

    assert not mailed(EmailTags=tagged(tenant="acme"))
    assert mailed(EmailTags=tagged(tenant="zenith"))
    assert mailed(tenant="zenith", EmailTags=tagged(tenant="acme"))
    assert not mailed(tenant="acme")


@pytest.mark.parametrize(
    ("head", "more", "mailed"),
    [
        ("X-SES-CONFIGURATION-SET: mkt", {}, False),
        ("x-ses-message-tags: a=b, stream=marketing", {}, False),
        ("X-SES-MESSAGE-TAGS: a=b\nX-SES-MESSAGE-TAGS: stream=marketing", {}, False),
        ("X-SES-CONFIGURATION-SET: mkt", {"ConfigurationSetName": "receipts"}, True),
        ("X-SES-MESSAGE-TAGS: stream=marketing", {"tags": tagged(stream="orders")}, True),
        ("X-Other: stream=marketing", {}, True),
    ],
)
@pytest.mark.parametrize("call", ["send_raw_email", "send_email"])
def test_what_a_raw_message_says_of_itself_counts_where_its_call_says_nothing(
    parted: Any, call: str, head: str, more: dict[str, Any], mailed: bool
) -> None:
    """As at SES, which reads its headers."""
    client, data = Client(), {"Data": f"To: {LEFT}\n{head}\n\nhello".encode()}
    raw = {"RawMessage": data, "Tags": more.get("tags", [])} if call == "send_raw_email" else {
        "Content": {"Raw": data}, "EmailTags": more.get("tags", [])}  # fmt: skip
    rest = {name: value for name, value in more.items() if name != "tags"}
    getattr(Guard(parted, raise_if_all=False).wrap(client), call)(**raw, **rest)

    assert bool(client.asked) is mailed


def test_each_letter_of_a_bulk_call_is_judged_by_its_own_tags(parted: Any) -> None:
    """They go before those of all letters."""
    letters = [
        ([LEFT, FINE], {}),
        ([LEFT, FINE], {"ReplacementTags": tagged(stream="orders")}),
        ([GONE, LEFT], {"ReplacementTags": tagged(stream="orders", tenant="acme")}),
        ([GONE], {}),
    ]
    entries = [{"Destination": {"ToAddresses": people}, **more} for people, more in letters]

    def left(client: Client) -> list[list[str]]:
        return [entry["Destination"]["ToAddresses"] for entry in client.asked[0]["BulkEmailEntries"]]

    client = Client()
    Guard(parted).wrap(client).send_bulk_email(DefaultEmailTags=tagged(stream="marketing"), BulkEmailEntries=entries)
    assert left(client) == [[FINE], [LEFT, FINE], [LEFT], [GONE]]

    async def main() -> None:
        client, made = Client(), testing.async_memory_store(policy=Policy(stream_tag="stream"))
        await made.suppression.unsubscribe(LEFT, stream="marketing")
        guard = AsyncGuard(made).wrap(client)
        await guard.send_bulk_email(DefaultEmailTags=tagged(stream="marketing"), BulkEmailEntries=entries)
        assert left(client) == [[FINE], [LEFT, FINE], [GONE, LEFT], [GONE]]

    asyncio.run(main())


def test_destinations_go_before_a_raw_messages_headers(store: Any) -> None:
    """As they do at SES: the headers are only shown."""
    client = Client()
    raw = {"Data": f"To: {GONE}\n\nhello".encode()}
    Guard(store).wrap(client).send_raw_email(RawMessage=raw, Destinations=[FINE])

    assert client.asked == [{"RawMessage": raw, "Destinations": [FINE]}]


@pytest.mark.parametrize(
    "header", ["nobody knows", "a@, b", "<@>", f"{FINE} {GONE}", f"{FINE}; {GONE}", f"[Team] <{GONE}>"]
)
def test_a_raw_message_whose_recipients_cannot_be_read_is_refused(store: Any, header: str) -> None:
    """Who cannot be read can be neither checked nor left out."""
    client = Client()
    with pytest.raises(ConfigurationError, match="cannot be told"):
        Guard(store).wrap(client).send_raw_email(RawMessage={"Data": f"To: {header}\n\nhello".encode()})

    assert client.asked == []


def test_letters_of_a_bulk_call_keep_their_positions_in_the_answer(store: Any) -> None:
    """Those without anybody left are told as failed, where the caller looks for them."""
    client = Client()
    entries = [{"Destination": {"ToAddresses": people}} for people in ([FINE], [GONE], [ANGRY, LEFT])]
    response = Guard(store).wrap(client).send_bulk_email(BulkEmailEntries=entries)

    assert client.asked == [
        {"BulkEmailEntries": [{"Destination": {"ToAddresses": [FINE]}}, {"Destination": {"ToAddresses": [LEFT]}}]}
    ]
    assert [(one["Status"], one.get("MessageId")) for one in response["BulkEmailEntryResults"]] == [
        ("SUCCESS", "0"), ("FAILED", None), ("SUCCESS", "1"),
    ]  # fmt: skip


def test_everything_else_of_the_client_is_as_before(store: Any) -> None:
    """Calls that mail no list of recipients, and what is no call."""
    client = Client()
    wrapped = Guard(store).wrap(client)
    wrapped.send_custom_verification_email(EmailAddress=GONE)

    assert (wrapped.region, client.asked) == ("eu-west-1", [{"EmailAddress": GONE}])
    with pytest.raises(AttributeError):
        wrapped.send_pigeon  # noqa: B018


def test_the_asyncio_twin_decides_the_same() -> None:
    """Splitting, requiring, and around clients that block or are awaited."""

    class Awaited(Client):
        async def send_email(self, **request: Any) -> dict[str, Any]:  # type: ignore[override]
            return self._send(**request)

    async def body(store: Any) -> None:
        guard = AsyncGuard(store, stream="marketing")
        assert (await guard.split([FINE, GONE, LEFT])).allowed == [FINE]
        assert (await guard.require(FINE)).allowed
        with pytest.raises(Suppressed):
            await guard.require(LEFT)
        for client in (Client(), Awaited()):
            wrapped = guard.wrap(client)
            response = await wrapped.send_email(Destination={"ToAddresses": [GONE, FINE]})
            assert client.asked == [{"Destination": {"ToAddresses": [FINE]}}]
            assert [told.address for told in response["SesEventGuard"]["refused"]] == [GONE]
            with pytest.raises(Suppressed):
                await wrapped.send_email(Destination={"ToAddresses": [GONE]})

    later(body)


def test_the_two_guards_agree() -> None:
    """In names and parameters."""

    def told(guard: type) -> dict[str, Any]:
        members = [("", guard), *inspect.getmembers(guard, callable)]
        return {
            name: list(inspect.signature(member).parameters) for name, member in members if not name.startswith("_")
        }

    assert told(Guard) == told(AsyncGuard)


_PEOPLE = st.lists(st.sampled_from([GONE, GONE.upper(), f"A <{ANGRY}>", LEFT, FINE, f"B <{FINE}>", "new@example.com"]))


@given(_PEOPLE)
def test_allowed_and_refused_part_what_was_asked(people: list[str]) -> None:
    """Nobody is lost, nobody is in both, and the order stays."""
    made = testing.memory_store()
    _events(made)
    allowed, refused = Guard(made, stream="marketing").split(people)
    bad = {GONE, ANGRY}

    assert allowed == [person for person in people if normal(person) not in bad]
    assert [told.address for told in refused] == [normal(person) for person in people if normal(person) in bad]


@given(st.lists(st.tuples(_PEOPLE, _PEOPLE), max_size=4))
def test_a_wrapped_client_sends_to_exactly_those_allowed(letters: list[tuple[list[str], list[str]]]) -> None:
    """In bulk, in any field; and each letter has one result."""
    made, client = testing.memory_store(), Client()
    _events(made)
    entries = [{"Destination": {"ToAddresses": to, "CcAddresses": cc}} for to, cc in letters]
    response = Guard(made, raise_if_all=False).wrap(client).send_bulk_email(BulkEmailEntries=entries)

    everybody = [person for pair in letters for people in pair for person in people]
    sent = [
        person
        for asked in client.asked
        for entry in asked["BulkEmailEntries"]
        for name in ("ToAddresses", "CcAddresses")
        for person in entry["Destination"].get(name, ())
    ]
    assert sent == [person for person in everybody if normal(person) not in {GONE, ANGRY}]
    assert len(response["SesEventGuard"]["refused"]) == len(everybody) - len(sent)
    assert len(response.get("BulkEmailEntryResults", entries)) == len(entries)
