"""The format of what is encrypted, master keys, and what they say when something is wrong."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary
from pymongocrypt.mongocrypt import MongoCryptOptions
from pymongocrypt.options import MongoCryptOptions as Options
from pymongocrypt.synchronous.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.synchronous.state_machine import MongoCryptCallback

from payloads import all_genuine, notification, payload
from sesevent import AsyncEventStore, ConfigurationError, EventStore, StoreUnavailable, testing
from sesevent.contrib.encryption import AwsKms, DataKey, Encryption, LocalKey

assert MongoCryptOptions is Options
ALGORITHM = "AEAD_AES_256_CBC_HMAC_SHA_512-"


class Vault(MongoCryptCallback):
    """One data key, as libmongocrypt asks for it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def fetch_keys(self, _: bytes) -> Any:
        yield bson.encode(self.document)

    def bson_encode(self, document: Any) -> bytes:
        return bson.encode(document)

    def kms_request(self, *_: Any) -> None: ...
    def collection_info(self, *_: Any) -> None: ...
    def mark_command(self, *_: Any) -> None: ...
    def insert_data_key(self, *_: Any) -> None: ...
    def close(self) -> None: ...


@pytest.fixture(scope="module")
def both() -> tuple[DataKey, ExplicitEncrypter]:
    """Our key, and libmongocrypt with the same."""
    master, material, identifier = os.urandom(96), os.urandom(96), os.urandom(16)
    now = datetime.now(timezone.utc)
    document = {
        "_id": Binary(identifier, 4), "keyMaterial": DataKey(b"", master).wrap(material), "status": 0,
        "creationDate": now, "updateDate": now, "masterKey": {"provider": "local"},
    }  # fmt: skip
    return DataKey(identifier, material), ExplicitEncrypter(Vault(document), Options({"local": {"key": master}}))


VALUES = ["", "ann@example.com", "ü" * 15, "x" * 16, "y" * 4000, b"bytes", {"a": [1, {"b": None}]}]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_libmongocrypt_opens_what_we_seal_and_we_what_it_seals(value: Any, both: Any) -> None:
    """Byte for byte its format: so any of MongoDB's drivers with the keys reads our rows."""
    key, theirs = both
    plain = bson.encode({"v": value})

    def opened(sealed: Binary) -> Any:
        return bson.decode(theirs.decrypt(bson.encode({"v": sealed})))["v"]

    assert opened(key.random(value)) == value
    assert key.random(value) != key.random(value)
    assert key.open(bson.decode(theirs.encrypt(plain, ALGORITHM + "Random", key_id=key.id))["v"]) == value
    if not isinstance(value, dict):
        same = bson.decode(theirs.encrypt(plain, ALGORITHM + "Deterministic", key_id=key.id))["v"]
        assert (key.equal(value), opened(same)) == (same, value)


def test_no_two_values_begin_alike() -> None:
    """However many there are, in whichever thread."""
    key = DataKey(os.urandom(16), os.urandom(96))
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda _: key.random("x"), range(5000)))

    assert len({bytes(one)[18:34] for one in sealed}) == 5000


def test_threads_share_a_key() -> None:
    """What one of them is in the middle of is not another's."""
    often, usual = 1e-6, sys.getswitchinterval()
    key = DataKey(os.urandom(16), os.urandom(96))
    values = ["x" * (number % 50) for number in range(4000)]

    def through(value: str) -> tuple[bytes, str, str]:
        equal = key.equal(value)
        return bytes(equal), key.open(equal), key.open(key.random(value))

    sys.setswitchinterval(often)
    try:
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(through, values))
    finally:
        sys.setswitchinterval(usual)

    assert [(equal, random) for _, equal, random in told] == [(value, value) for value in values]
    assert len({sealed for sealed, _, _ in told}) == 50


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # pytest's has threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts processes anew")
def test_a_forked_process_begins_otherwise() -> None:
    """As servers fork their workers: what was drawn before is for the parent alone."""
    key = DataKey(os.urandom(16), os.urandom(96))
    key.random("x")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, bytes(key.random("x")))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with open(reading, "rb") as told:
        theirs = told.read()

    assert len(theirs) > 34
    assert theirs[18:34] != bytes(key.random("x"))[18:34]


@pytest.mark.parametrize("place", [0, 1, 17, 18, 40, -33, -1])
def test_a_changed_bit_is_noticed(place: int) -> None:
    """Wherever it is: in the header, the text or the tag."""
    key = DataKey(os.urandom(16), os.urandom(96))
    sealed = bytearray(key.random("ann@example.com"))
    sealed[place] ^= 1

    with pytest.raises(ValueError, match="changed"):
        key.open(bytes(sealed))
    with pytest.raises(ValueError, match="changed"):
        key.open(bytes(sealed[:30]))


def test_a_local_key_survives_its_text_and_says_nothing_of_itself(tmp_path: Path) -> None:
    """Neither it nor what holds it is printed by accident."""
    key = LocalKey.new()
    (tmp_path / "master.key").write_text(key.text)
    (tmp_path / "encryption.toml").write_text('per_person = true\n[local]\nkey_file = "master.key"\n')

    assert Encryption.load(tmp_path / "encryption.toml") == Encryption(LocalKey(key.key), per_person=True)
    kms = AwsKms("alias/ses", "eu-central-1", access_key_id="AKIA", secret_access_key="s3cret")
    told = repr((key, kms, Encryption(key, others=(kms,)), DataKey(b"", key.key)))
    assert not any(secret in told for secret in (key.text, key.text[:12], repr(key.key)[:12], "AKIA", "s3cret"))


@pytest.mark.parametrize(
    "text",
    ["", "[local]\n", '[local]\nkey_file = "none"\n', '[aws]\nkey = "k"\n', '[aws]\nkey = "k"\nregion = "r"\nkee = 1\n',
     "[local\n", 'other = 1\n[aws]\nkey = "k"\nregion = "r"\n'],
)  # fmt: skip
def test_a_file_that_does_not_say_what_is_needed_is_refused(text: str, tmp_path: Path) -> None:
    """By its name, before anything is encrypted."""
    (tmp_path / "encryption.toml").write_text(text)

    with pytest.raises(ConfigurationError):
        Encryption.load(tmp_path / "encryption.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Encryption.load(tmp_path / "other.toml")


def test_what_is_no_key_is_refused() -> None:
    """A wrong length, or text that is no base64."""
    for wrong in (lambda: LocalKey(b"short"), lambda: LocalKey.of_text("???"), lambda: LocalKey.of_text("AAAA")):
        with pytest.raises(ConfigurationError):
            wrong()


def test_another_master_key_opens_nothing(mongodb_uri: str, database: str) -> None:
    """It is said when the store connects, and names what to check."""
    EventStore.connect(mongodb_uri, database=database, encryption=Encryption(LocalKey.new())).close()

    for wrong in (LocalKey.new(), AwsKms("alias/x", "eu-central-1", access_key_id="a", secret_access_key="b")):
        with pytest.raises(ConfigurationError, match="master key cannot be used"):
            EventStore.connect(mongodb_uri, database=database, encryption=Encryption(wrong))


def test_a_store_in_memory_says_that_it_cannot() -> None:
    """It has no key vault."""
    with pytest.raises(ConfigurationError, match="in memory"):
        testing.memory_store(encryption=Encryption(LocalKey.new()))


# ── AWS KMS ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Kms:
    """moto's KMS over TLS, as libmongocrypt speaks to it."""

    def __init__(self, port: int, ca_file: str) -> None:
        import boto3

        self.endpoint, self.ca_file = f"127.0.0.1:{port}", ca_file
        self.client = boto3.client(
            "kms", region_name="eu-central-1", endpoint_url=f"https://{self.endpoint}", verify=ca_file,
            aws_access_key_id="a", aws_secret_access_key="b",
        )  # fmt: skip

    def key(self) -> AwsKms:
        """A new key."""
        arn = self.client.create_key()["KeyMetadata"]["Arn"]
        return AwsKms(
            arn, "eu-central-1", endpoint=self.endpoint, access_key_id="a", secret_access_key="b", ca_file=self.ca_file
        )


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kms]:
    moto = pytest.importorskip("moto.server")
    from werkzeug.serving import make_server

    folder = tmp_path_factory.mktemp("tls")
    files = _certificate(folder)
    application = moto.DomainDispatcherApplication(moto.create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, ssl_context=files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Kms(server.server_port, files[0])
    server.shutdown()
    server.server_close()


def _certificate(folder: Path) -> tuple[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kms")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).add_extension(here, False)
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_kms_protects_what_is_kept_and_is_rotated(mongodb_uri: str, database: str, kms: Kms) -> None:
    """A real libmongocrypt against moto's KMS: begun with one key, opened by another process, moved to another key."""
    first, second = kms.key(), kms.key()
    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(first)) as store:
        store.receive_many(all_genuine([notification(payload("Bounce"))]))
        assert store.encryption.status().master_key["key"] == first.key

    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(second)) as store:
        store.encryption.rotate(by="ann", why="yearly")
        assert store.encryption.status().master_key["key"] == second.key

    kms.client.disable_key(KeyId=first.key.rpartition("/")[2])
    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(second)) as store:
        assert [event.type for event in store.events.for_recipient("ann@example.com")] == ["Bounce"]


async def _read(uri: str, database: str, encryption: Encryption) -> list[str]:
    async with await AsyncEventStore.connect(uri, database=database, encryption=encryption) as store:
        return [event.type async for event in store.events.for_recipient("ann@example.com")]


def test_kms_for_asyncio_and_from_a_local_key(mongodb_uri: str, database: str, kms: Kms) -> None:
    """What was begun in development moves to KMS by the same command."""
    import asyncio

    local, remote = LocalKey.new(), kms.key()
    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(local)) as store:
        store.receive_many(all_genuine([notification(payload("Bounce"))]))
    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(remote, others=(local,))) as store:
        store.encryption.rotate(by="ann", why="production")

    assert asyncio.run(_read(mongodb_uri, database, Encryption(remote))) == ["Bounce"]
    with pytest.raises(ConfigurationError):
        EventStore.connect(mongodb_uri, database=database, encryption=Encryption(local))


def test_a_kms_that_cannot_be_trusted_or_refuses_is_told_apart(mongodb_uri: str, database: str, kms: Kms) -> None:
    """The one may be there later; the other waits for a person."""
    from dataclasses import replace

    key = kms.key()
    with pytest.raises(StoreUnavailable, match="key management"):
        EventStore.connect(mongodb_uri, database=database, encryption=Encryption(replace(key, ca_file=None)))
    wrong = replace(key, key=key.key.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000")
    with pytest.raises(ConfigurationError, match="master key"):
        EventStore.connect(mongodb_uri, database=database, encryption=Encryption(wrong))
    EventStore.connect(mongodb_uri, database=database, encryption=Encryption(key)).close()


def test_any_of_mongodbs_drivers_reads_rows_by_itself(mongodb_uri: str, database: str) -> None:
    """With the master key it opens the ring, and with what is in that every row, by its own automatic decryption."""
    from pymongo import MongoClient
    from pymongo.encryption import ClientEncryption
    from pymongo.encryption_options import AutoEncryptionOpts

    key = LocalKey.new()
    event = payload("Bounce")
    with EventStore.connect(mongodb_uri, database=database, encryption=Encryption(key, per_person=True)) as store:
        store.receive_many(all_genuine([notification(event)]))
    vault = f"{database}.ses_key"
    with MongoClient(mongodb_uri) as client:
        engine = ClientEncryption({"local": {"key": key.key}}, vault, client, client.codec_options)
        ring = engine.decrypt(client[database]["ses_encryption"].find_one({"_id": "ring"})["wrapped"])
        engine.close()
    options = AutoEncryptionOpts({"local:sesevent": {"key": ring["wrap"]}}, vault, bypass_auto_encryption=True)
    with MongoClient(mongodb_uri, auto_encryption_opts=options) as client:
        row = client[database]["ses_event"].find_one()

    assert json.loads(row["Message"]) == event
    assert (row["Subject"], row["derived"]["recipients"]) == ("Hello", ["ann@example.com"])


def test_an_archive_holds_ciphertext(mongodb_uri: str, database: str, tmp_path: Path) -> None:
    """Nothing personal is in its files; a restored row is as before; of a destroyed key it stays unreadable."""
    pytest.importorskip("pyarrow")
    from sesevent.contrib.archive import Archive, place_at

    keys = Encryption(LocalKey.new(), per_person=True)
    with EventStore.connect(mongodb_uri, database=database, encryption=keys, timeout_seconds=60) as store:
        store.ensure_indexes()
        people = ("ann@example.com", "ben@example.com")
        store.receive_many(all_genuine([notification(payload("Bounce", to=one, message_id=one[:3])) for one in people]))
        archive = Archive(store, place_at(str(tmp_path)), by="test")
        assert archive.run(datetime.now(timezone.utc) - timedelta(days=30)).deleted == 2
        kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert not any(secret in kept for secret in (b"ann@", b"ben@", b"Hello"))

        store.encryption.shred(people[0], by="eve", why="asked")
        archive.restore()
        assert [len(store.events.for_recipient(one).to_list()) for one in people] == [0, 1]
        assert {row.unreadable for row in store.events.by_type("Bounce")} == {"erased", None}
