"""SES's own list, mirrored by a real boto3 client: moto's server, and by hand what it lacks (see `ses_api`)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ses_api import SesApi, served_before_moto
from sesevent import AwsError, AwsUnavailable, ConfigurationError, testing, trusted

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from sesevent.contrib.ses_account import AsyncSesAccount, Override, Progress, SesAccount  # noqa: E402

SENT = datetime(2024, 5, 1, tzinfo=timezone.utc)
KEYS = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}


@pytest.fixture(scope="module")
def server() -> Iterator[SesApi]:
    with served_before_moto() as api:
        yield api


@pytest.fixture
def api(server: SesApi) -> SesApi:
    server.reset()
    return server


class Mirror:
    """One of the two colours behind one awaitable surface, with a clock that only waiting moves."""

    def __init__(self, colour: str, api: SesApi) -> None:
        self.colour, self.api = colour, api
        self.waited: list[float] = []
        make = testing.memory_store if colour == "sync" else testing.async_memory_store
        self.client = testing.MemoryClient()
        self.store: Any = make(self.client, clock=lambda: api.now)

    def protect(self) -> None:
        """Give the store a key, by which people can be erased."""
        from sesevent.privacy.protection import Protection
        from sesevent.privacy.pseudonyms import Key

        make = testing.memory_store if self.colour == "sync" else testing.async_memory_store
        privacy = Protection(keys=[Key("k1", b"of these tests, alone")])
        self.store = make(self.client, clock=lambda: self.api.now, privacy=privacy)

    def everything(self) -> str:
        """All that is stored, as text."""
        tables = self.client["cache"]
        return "\n".join(repr(row) for name in tables._collections for row in tables[name].find().to_list())

    def account(self, **options: Any) -> Any:
        face, sleep = (SesAccount, self._sleep) if self.colour == "sync" else (AsyncSesAccount, self._sleep_later)
        return face(self.store, clock=lambda: self.api.now, sleep=sleep, endpoint_url=self.api.url, **KEYS, **options)

    def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.api.later(seconds=seconds)

    async def _sleep_later(self, seconds: float) -> None:
        self._sleep(seconds)

    async def get(self, answer: Any) -> Any:
        if isinstance(answer, Awaitable):
            return await answer
        return [one async for one in answer] if hasattr(answer, "__aiter__") else answer

    async def bounced(self, address: str, **more: Any) -> None:
        await self.get(self.store.receive(trusted(testing.bounce(to=address, sent=SENT, **more), because="made here")))

    async def complained(self, address: str) -> None:
        await self.get(self.store.receive(trusted(testing.complaint(to=address, sent=SENT), because="made here")))

    async def check(self, address: str) -> Any:
        return await self.get(self.store.suppression.check(address))


@pytest.fixture(params=["sync", "async"])
def mirrored(request: pytest.FixtureRequest, api: SesApi) -> Callable[[Any], None]:
    """Runs an async test body with a mirror of each colour."""
    return lambda body: asyncio.run(body(Mirror(request.param, api)))


def test_pulling_pages_through_the_list_at_its_pace(mirrored: Any, api: SesApi) -> None:
    """Each entry becomes an act with SES's time and reason; a second pull has nothing to write down."""
    for number in range(5):
        api.lists(f"Person-{number}@Example.com", "COMPLAINT" if number == 4 else "BOUNCE")
    told: list[Progress] = []

    async def body(mirror: Mirror) -> None:
        account = mirror.account(page_size=2, pause=1.5)
        report = await mirror.get(account.pull(on_progress=told.append))
        decision = await mirror.check("person-4@example.com")
        (act,) = (await mirror.get(mirror.store.suppression.history("person-4@example.com"))).acts

        assert (report.entries, report.counts, report.complete) == (5, {"listed": 5}, True)
        assert (decision.rule, decision.reason) == ("ses-list", "ses_list")
        assert (act.act, act.origin, act.note, act.by, act.at) == (
            "listed",
            "ses",
            "COMPLAINT",
            "eu-west-1",
            api.entries["Person-4@Example.com"][1],
        )
        assert mirror.waited == [1.5, 1.5]
        assert [progress.token for progress in told if progress.doing == "listing"] == ["2", "4", None]
        assert (await mirror.get(account.pull())).counts == {}

    mirrored(body)


def test_an_interrupted_pull_goes_on_where_it_was(mirrored: Any, api: SesApi) -> None:
    """What came before is written down; nobody is told to be gone from what was only seen in part."""
    for number in range(4):
        api.lists(f"p-{number}@example.com")
    told: list[Progress] = []

    async def body(mirror: Mirror) -> None:
        account = mirror.account(page_size=2, attempts=1)

        def progress(so_far: Progress) -> None:
            told.append(so_far)
            if so_far.doing == "steps":
                api.failures.append((500, "InternalFailure"))

        with pytest.raises(AwsUnavailable, match="could not answer"):
            await mirror.get(account.pull(on_progress=progress))
        assert not await mirror.check("p-1@example.com")
        assert await mirror.check("p-2@example.com")
        token = next(one.token for one in reversed(told) if one.doing == "listing")
        report = await mirror.get(mirror.account(page_size=2).pull(token=token))

        assert (report.entries, report.counts, report.complete) == (2, {"listed": 2}, False)
        assert not await mirror.check("p-3@example.com")

    mirrored(body)


def test_pulling_since_a_time_asks_for_later_entries_only(mirrored: Any, api: SesApi) -> None:
    """For a pull every hour, beside a whole one every night."""
    api.lists("old@example.com", at=SENT)
    api.lists("new@example.com")

    async def body(mirror: Mirror) -> None:
        report = await mirror.get(mirror.account().pull(since=SENT + timedelta(days=1)))

        assert (report.entries, [step.address for step in report.steps]) == (1, ["new@example.com"])

    mirrored(body)


def test_who_is_gone_from_the_list_may_be_mailed_again(mirrored: Any, api: SesApi) -> None:
    """Where nothing but the list spoke against it: our own bounce stays."""
    api.lists("ann@example.com")
    api.lists("ben@example.com")

    async def body(mirror: Mirror) -> None:
        account = mirror.account()
        await mirror.get(account.pull())
        await mirror.bounced("ben@example.com")
        api.entries.clear()
        api.later(days=1)
        report = await mirror.get(account.pull())

        assert report.counts == {"unlisted": 2}
        assert (await mirror.check("ann@example.com")).allowed
        assert (await mirror.check("ben@example.com")).rule == "hard-bounce"
        assert (await mirror.get(account.pull())).counts == {}

    mirrored(body)


@pytest.mark.parametrize("keep", [True, False], ids=["not to be mailed", "forgotten"])
def test_who_was_erased_does_not_come_back_from_ses(mirrored: Any, api: SesApi, keep: bool) -> None:
    """In no collection, however often the list is pulled and pushed; nor does a keyed hash go to SES as an address."""
    api.lists("Ann.Lee@Example.com", "COMPLAINT")

    async def body(mirror: Mirror) -> None:
        mirror.protect()
        await mirror.complained("ann.lee@example.com")
        api.later(seconds=60)
        await mirror.get(mirror.store.privacy.erase("ann.lee@example.com", by="desk", keep_do_not_mail=keep))
        for _ in range(2):
            await mirror.get(mirror.account().pull())
            await mirror.get(mirror.account().push())
            api.later(seconds=60)
        assert "ann.lee" not in mirror.everything().lower()
        assert (await mirror.check("ann.lee@example.com")).allowed is not keep
        assert list(api.entries) == ["Ann.Lee@Example.com"]

    mirrored(body)


def test_pushing_puts_hard_bounces_and_complaints_and_nothing_else(mirrored: Any, api: SesApi) -> None:
    """SES has two reasons: manual, unsubscribed and soft-bounced people stay ours alone."""

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("gone@example.com")
        await mirror.complained("angry@example.com")
        for number in range(6):
            full = {"bounce_type": "Transient", "bounce_sub_type": "MailboxFull", "status": "5.2.2"}
            await mirror.bounced(
                "full@example.com",
                diagnostic="smtp; 552 5.2.2 mailbox full",
                message_id=f"m-{number}",
                feedback_id=f"f-{number}",
                **full,
            )
        suppression = mirror.store.suppression
        await mirror.get(suppression.suppress("manual@example.com", by="test"))
        await mirror.get(suppression.unsubscribe("left@example.com", stream="marketing"))
        await mirror.get(suppression.unsubscribe("all@example.com", stream="*"))
        report = await mirror.get(mirror.account().push())

        assert {address: reason for address, (reason, _) in api.entries.items()} == {
            "gone@example.com": "BOUNCE", "angry@example.com": "COMPLAINT",
        }  # fmt: skip
        assert report.counts == {"put": 2}

    mirrored(body)


def test_pushing_deletes_whom_we_reactivated_as_ses_spells_them(mirrored: Any, api: SesApi) -> None:
    """Each spelling, letter by letter; and what SES refused since is answered."""
    api.lists("Gone@Example.com", at=SENT)
    api.lists("GONE@example.com", at=SENT)

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("gone@example.com")
        await mirror.get(mirror.store.suppression.reactivate("gone@example.com", by="ann", why="new mailbox"))
        api.later(hours=1)
        refused = testing.bounce(to="gone@example.com", bounce_sub_type="OnAccountSuppressionList", sent=api.now,
                                 diagnostic="Amazon SES did not send the message to this address because it is on the suppression list for your account.")  # fmt: skip
        await mirror.get(mirror.store.receive(trusted(refused, because="made here")))
        api.later(hours=1)
        assert (await mirror.check("gone@example.com")).rule == "ses-list"
        report = await mirror.get(mirror.account().push())

        assert (report.counts, api.entries) == ({"delete": 1}, {})
        assert (await mirror.check("gone@example.com")).allowed

    mirrored(body)


def test_an_entry_that_changed_meanwhile_is_not_deleted(mirrored: Any, api: SesApi) -> None:
    """It says something new, which nobody has answered."""
    api.lists("gone@example.com", at=SENT)

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("gone@example.com")
        await mirror.get(mirror.store.suppression.reactivate("gone@example.com", by="ann", why="new mailbox"))

        def progress(so_far: Progress) -> None:
            if so_far.doing == "listing":
                api.lists("gone@example.com", "COMPLAINT", api.later(hours=1))

        report = await mirror.get(mirror.account().push(on_progress=progress))

        assert (report.counts, report.changed_meanwhile) == ({"delete": 1}, 1)
        assert api.entries["gone@example.com"][0] == "COMPLAINT"

    mirrored(body)


def test_what_is_said_here_meanwhile_is_heeded(mirrored: Any, api: SesApi) -> None:
    """At SES's pace hours lie between comparing and doing: who was reactivated is not put, who complained not deleted."""
    api.lists("b-back@example.com", at=SENT)

    async def body(mirror: Mirror) -> None:
        suppression = mirror.store.suppression
        await mirror.bounced("a-gone@example.com")
        await mirror.bounced("b-back@example.com")
        await mirror.get(suppression.reactivate("b-back@example.com", by="ann", why="new mailbox"))
        await mirror.bounced("c-gone@example.com")
        account = mirror.account()
        said, later = account._account.perform, iter(["PUT"])

        def perform(asked: Any) -> Any:  # in boto3's place, and so in a thread where the store is of asyncio
            if asked.operation == "put_suppressed_destination" and next(later, None):
                other = testing.memory_store(mirror.client, clock=lambda: api.now)
                other.suppression.reactivate("c-gone@example.com", by="ann", why="new mailbox")
                other.suppression.suppress("b-back@example.com", by="ann")
            return said(asked)

        account._account.perform = perform
        report = await mirror.get(account.push())

        assert (report.counts, report.changed_meanwhile) == ({"put": 2, "delete": 1}, 2)
        assert set(api.entries) == {"a-gone@example.com", "b-back@example.com"}

    mirrored(body)


def test_a_complaint_at_ses_needs_an_override_to_be_deleted(mirrored: Any, api: SesApi) -> None:
    """A plain reactivation leaves it, and the report says so."""
    api.lists("angry@example.com", "COMPLAINT", SENT)

    async def body(mirror: Mirror) -> None:
        suppression = mirror.store.suppression
        await mirror.get(suppression.reactivate("angry@example.com", by="ann", why="asked"))
        api.later(hours=1)
        kept = await mirror.get(mirror.account().push())
        assert [(step.does, step.row) for step in kept.steps] == [("keep", "complaint-stays")]
        await mirror.get(suppression.reactivate("angry@example.com", by="ann", why="wrote to us", override=True))
        api.later(hours=1)

        assert (await mirror.get(mirror.account().push())).counts == {"delete": 1}
        assert api.entries == {}

    mirrored(body)


def test_a_dry_run_tells_and_changes_nothing(mirrored: Any, api: SesApi) -> None:
    """On neither side; the real run then does what was told."""
    api.lists("theirs@example.com", at=SENT)

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("ours@example.com")
        account = mirror.account()
        dry = await mirror.get(account.sync(dry_run=True))

        assert (dry.counts, dry.dry_run, set(api.entries)) == ({"put": 1, "listed": 1}, True, {"theirs@example.com"})
        assert (await mirror.check("theirs@example.com")).allowed
        assert not [call for call in api.calls if not call.startswith("GET")]
        real = await mirror.get(account.sync())
        assert (real.steps, set(api.entries)) == (
            [step._replace(at=step.at) for step in dry.steps], {"ours@example.com", "theirs@example.com"},
        )  # fmt: skip
        assert "example.com" not in repr(real)

    mirrored(body)


def test_drift_tells_how_the_lists_differ(mirrored: Any, api: SesApi) -> None:
    """Only ours, only SES's, both, and those of both with another reason."""
    for address, reason in (
        ("SES@example.com", "BOUNCE"),
        ("both@example.com", "BOUNCE"),
        ("gone@example.com", "COMPLAINT"),
    ):
        api.lists(address, reason)

    async def body(mirror: Mirror) -> None:
        for name in ("ours", "both", "gone"):
            await mirror.bounced(f"{name}@example.com")
        drift = await mirror.get(mirror.account().drift())

        assert (drift.only_ours, drift.only_ses, drift.both, drift.differing) == (1, 1, 2, 1)
        assert drift.examples == {
            "only_ours": ["ours@example.com"], "only_ses": ["ses@example.com"], "differing": ["gone@example.com"],
        }  # fmt: skip
        assert "example.com" not in repr(drift)

    mirrored(body)


def test_configuration_sets_that_do_not_heed_the_list_are_named(mirrored: Any, api: SesApi) -> None:
    """Those with options of their own; the others do as the account does. moto itself answers for the sets."""
    client = boto3.client("sesv2", endpoint_url=api.url, **KEYS)
    sets: dict[str, Any] = {"all": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}, "none": {"SuppressedReasons": []}, "some": {"SuppressedReasons": ["COMPLAINT"]}, "as-the-account": {}}  # fmt: skip
    for name, options in sets.items():
        client.create_configuration_set(ConfigurationSetName=name, SuppressionOptions=options)
    api.heeded = ["COMPLAINT"]

    async def body(mirror: Mirror) -> None:
        told = await mirror.get(mirror.account().overrides())
        assert (await mirror.get(mirror.account().sync())).overrides == told

        assert sorted(told, key=str) == sorted(
            [Override(None, ("BOUNCE",)), Override("none", ("BOUNCE", "COMPLAINT")), Override("some", ("BOUNCE",))],
            key=str,
        )

    try:
        mirrored(body)
    finally:
        for name in sets:
            client.delete_configuration_set(ConfigurationSetName=name)


def test_a_permission_missing_for_configuration_sets_does_not_cost_the_report(mirrored: Any, api: SesApi) -> None:
    """It then says that it does not know; asked for by itself it is an error."""

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("gone@example.com")

        def progress(so_far: Progress) -> None:
            if so_far.doing == "steps":
                api.failures.append((403, "AccessDeniedException"))

        report = await mirror.get(mirror.account().sync(on_progress=progress))
        assert (report.counts, report.overrides) == ({"put": 1}, None)
        api.failures.append((403, "AccessDeniedException"))
        with pytest.raises(ConfigurationError, match="ses:GetAccount"):
            await mirror.get(mirror.account().overrides())

    mirrored(body)


def test_a_listing_that_is_not_found_is_not_an_empty_list(mirrored: Any, api: SesApi) -> None:
    """Or everybody would be told to be gone."""
    api.lists("ann@example.com")

    async def body(mirror: Mirror) -> None:
        await mirror.get(mirror.account().pull())
        api.failures.append((404, "NotFoundException"))
        with pytest.raises(AwsError):
            await mirror.get(mirror.account().sync())

        assert not await mirror.check("ann@example.com")

    mirrored(body)


def test_patience_is_had_longer_each_time_and_not_for_ever(mirrored: Any, api: SesApi) -> None:
    """SES asks for it with TooManyRequestsException; boto3 itself does not repeat."""

    async def body(mirror: Mirror) -> None:
        api.failures = [(429, "TooManyRequestsException")] * 3
        await mirror.get(mirror.account().pull())
        assert mirror.waited == [2.0, 4.0, 8.0]
        api.calls.clear()
        api.failures = [(429, "TooManyRequestsException")] * 9
        with pytest.raises(AwsUnavailable) as caught:
            await mirror.get(mirror.account(attempts=4).pull())

        assert (caught.value.retryable, len(api.calls)) == (True, 4)

    mirrored(body)


@pytest.mark.parametrize(
    ("failure", "expected", "words"),
    [
        ((403, "AccessDeniedException"), ConfigurationError, "ses:ListSuppressedDestinations"),
        ((400, "BadRequestException"), AwsError, "BadRequestException"),
    ],
)
def test_what_ses_refuses_is_the_librarys_error(
    mirrored: Any, api: SesApi, failure: Any, expected: Any, words: str
) -> None:
    """Which quotes AWS's code and not its message, and chains nothing that does."""

    async def body(mirror: Mirror) -> None:
        api.failures = [failure]
        with pytest.raises(expected, match=words) as caught:
            await mirror.get(mirror.account().pull())

        assert not caught.value.retryable
        assert "example.com" not in str(caught.value)
        assert caught.value.__suppress_context__

    mirrored(body)


def test_an_address_that_ses_does_not_take_stops_no_other(mirrored: Any, api: SesApi) -> None:
    """It is counted and told."""
    api.malformed = {"a@example.com"}

    async def body(mirror: Mirror) -> None:
        await mirror.bounced("a@example.com")
        await mirror.bounced("b@example.com")
        report = await mirror.get(mirror.account().push())

        assert (report.failed, [step.address for step in report.refused]) == (1, ["a@example.com"])
        assert set(api.entries) == {"b@example.com"}

    mirrored(body)


def test_another_regions_list_is_its_own(mirrored: Any, api: SesApi) -> None:
    """Its absence there says nothing of here; and one region's end does not end the other's for long."""
    api.lists("ann@example.com", at=SENT)

    async def body(mirror: Mirror) -> None:
        await mirror.get(mirror.account().pull())
        there = dict(api.entries)
        other = mirror.account()
        other._account.region = "us-east-1"
        api.entries = {}
        api.later(hours=1)
        assert (await mirror.get(other.pull())).counts == {}
        api.entries = dict(there)
        await mirror.get(other.pull())
        api.entries = {}
        api.later(hours=1)
        assert (await mirror.get(other.pull())).counts == {"unlisted": 1}
        api.entries = dict(there)
        api.later(hours=1)
        assert (await mirror.get(mirror.account().pull())).counts == {"listed": 1}

        assert not await mirror.check("ann@example.com")
        assert (await mirror.get(mirror.account().pull())).counts == {}

    mirrored(body)


def test_a_client_that_cannot_be_made_is_a_matter_of_configuration() -> None:
    """As is a page of no size."""
    with pytest.raises(ConfigurationError):
        SesAccount(testing.memory_store(), page_size=0, **KEYS)
    with pytest.raises(ConfigurationError, match="needs a region"):
        SesAccount(
            testing.memory_store(),
            session=boto3.Session(aws_access_key_id="x", aws_secret_access_key="y"),
            region_name="",
        )


def test_nobody_listening_is_told_as_unavailable() -> None:
    """And may be retried."""
    account = SesAccount(
        testing.memory_store(), endpoint_url="http://127.0.0.1:9", attempts=2, sleep=lambda _: None, **KEYS
    )
    with pytest.raises(AwsUnavailable, match="could not be reached"):
        account.overrides()


def test_the_two_colours_agree() -> None:
    """In names, parameters and docstrings."""

    def told(face: type) -> dict[str, Any]:
        return {
            name: ([(one.name, one.kind) for one in inspect.signature(member).parameters.values()], member.__doc__)
            for name, member in inspect.getmembers(face, callable)
            if not name.startswith("_")
        }

    assert told(SesAccount) == told(AsyncSesAccount)
