"""Where an archive is: a directory, or a bucket of S3. One small interface, and nothing about what is kept.

What is put is there whole or not at all, and what was acknowledged stays there when the machine loses power. Next:
:mod:`sesevent.contrib.archive.manifest`.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from sesevent.errors import ArchiveError, ConfigurationError, MissingExtra

__all__ = ["Bucket", "Directory", "Place", "digest", "on_own_disk", "place_at"]

_CHUNK: Final = 2**20
_SINGLE_PUT: Final = 5 * 2**30  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
_UNFINISHED: Final = ".unfinished"


class Place(Protocol):
    """Things by key, as a directory or a bucket has them. Each call raises ArchiveError or AwsError where it fails."""

    url: str

    def put(self, key: str, file: Path, checksum: str) -> None:
        """Put a file, whose SHA-256 is *checksum* (hexadecimal), in place of whatever is there."""

    def claim(self, key: str, content: bytes) -> bool:
        """Put something small where nothing is; False where something is there already."""
        ...

    def get(self, key: str, to: Path) -> None:
        """Fetch something into a file."""

    def read(self, key: str) -> bytes:
        """Fetch something small."""
        ...

    def head(self, key: str) -> int | None:
        """How many bytes there are under a key; None for nothing."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin so, in order."""
        ...

    def delete(self, key: str) -> None:
        """Delete what is under a key, if anything is."""


def place_at(url: str, **client_options: Any) -> Place:
    """The place a URL (``s3://bucket/prefix``) or a path names; *client_options* go to boto3's S3 client.

    Raises ConfigurationError for what names none, and MissingExtra where boto3 is not installed.
    """
    scheme, told, rest = url.partition("://")
    if not told:
        return Directory(Path(url))
    if scheme == "file":
        return Directory(Path(rest))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError("That is no place for an archive.", hint="It is s3://bucket/prefix, or a directory.")
    return Bucket(bucket, prefix, **client_options)


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as opened:
        return _sha256(opened)


def _sha256(opened: Any) -> str:
    found = sha256()
    while chunk := opened.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


@contextmanager
def on_own_disk() -> Iterator[None]:
    """Around what needs room for temporary files: where there is none, it is told."""
    try:
        yield
    except OSError as error:
        why = error.strerror or "nobody says why"
        hint = "TMPDIR names where such files go."
        raise ArchiveError(f"A temporary file could not be written ({why}).", hint=hint) from None


# ── a directory ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Directory:
    """A directory: what is put is written beside, synced and renamed; its folder is synced too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def put(self, key: str, file: Path, checksum: str) -> None:
        """Put a file in place of whatever is there."""
        with self._may_fail("put"):
            made = self._written(file)
            if digest(made) != checksum:
                made.unlink()
                raise ArchiveError("What was written to the archive is not what should have been.")
            os.replace(made, self._target(key))
            self._sync(self._target(key).parent)

    def claim(self, key: str, content: bytes) -> bool:
        """Put something small where nothing is; False where something is there already."""
        with self._may_fail("claim"):
            made = self._new()
            with made.open("xb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            try:
                os.link(made, self._target(key))
            except FileExistsError:
                return False
            finally:
                made.unlink()
            self._sync(self._target(key).parent)
            return True

    def get(self, key: str, to: Path) -> None:
        """Fetch something into a file."""
        with self._may_fail("get"), (self.root / key).open("rb") as source, to.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)

    def read(self, key: str) -> bytes:
        """Fetch something small."""
        with self._may_fail("read"):
            return (self.root / key).read_bytes()

    def head(self, key: str) -> int | None:
        """How many bytes there are under a key; None for nothing."""
        with self._may_fail("head"):
            try:
                return (self.root / key).stat().st_size
            except FileNotFoundError:
                return None

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin so, in order."""
        begin = self.root / prefix.rpartition("/")[0]
        with self._may_fail("list"):
            found = sorted(each.relative_to(self.root).as_posix() for each in begin.rglob("*") if each.is_file())
        return (key for key in found if key.startswith(prefix) and not key.startswith(_UNFINISHED))

    def delete(self, key: str) -> None:
        """Delete what is under a key, if anything is."""
        with self._may_fail("delete"):
            (self.root / key).unlink(missing_ok=True)

    def _target(self, key: str) -> Path:
        target = self.root / key
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            for folder in (target.parent, *target.parent.parents):
                self._sync(folder)
                if folder == self.root:
                    break
        return target

    def _new(self) -> Path:
        folder = self.root / _UNFINISHED
        folder.mkdir(parents=True, exist_ok=True)
        return folder / secrets.token_hex(8)

    def _written(self, file: Path) -> Path:
        made = self._new()
        try:
            with file.open("rb") as source, made.open("xb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())
        except BaseException:
            with suppress(OSError):
                made.unlink()
            raise
        return made

    @staticmethod
    def _sync(folder: Path) -> None:
        if os.name != "posix":  # elsewhere a folder cannot be opened
            return
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    @contextmanager
    def _may_fail(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(f"The archive's directory failed ({doing}: {error.strerror}).") from None


# ── a bucket ────────────────────────────────────────────────────────────────────────────────────────────────────────

_TAKEN: Final = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT: Final = {"NoSuchKey", "404", "NotFound"}


class Bucket:
    """A bucket of S3, below a prefix. S3 is told what the SHA-256 must be, and refuses what arrives otherwise."""

    def __init__(self, bucket: str, prefix: str = "", *, client: Any = None, **client_options: Any) -> None:
        try:
            from sesevent.contrib import aws_errors
        except ImportError:
            raise MissingExtra("An archive in S3", "archive") from None
        self._errors = aws_errors
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.url = f"s3://{bucket}/{self._prefix}"
        self._client = client or aws_errors.made_client("s3", service="Amazon S3", prefix="s3", **client_options)

    def put(self, key: str, file: Path, checksum: str) -> None:
        """Put a file in place of whatever is there."""
        if file.stat().st_size > _SINGLE_PUT:
            raise ConfigurationError("A part of the archive is too large for S3.", hint="Make parts of fewer events.")
        with self._may_fail("put_object"), file.open("rb") as opened:
            self._client.put_object(**self._at(key), Body=opened, **_checksum(checksum))

    def claim(self, key: str, content: bytes) -> bool:
        """Put something small where nothing is; False where something is there already."""
        with self._may_fail("put_object"):
            try:
                self._client.put_object(
                    **self._at(key), Body=content, IfNoneMatch="*", **_checksum(sha256(content).hexdigest())
                )
            except self._errors.RAISED as error:
                if self._errors.error_code(error) not in _TAKEN:
                    raise
                # boto3 asks again where an answer was lost: it may be ours that is there.
                return bool(self._client.get_object(**self._at(key))["Body"].read() == content)
        return True

    def get(self, key: str, to: Path) -> None:
        """Fetch something into a file."""
        with on_own_disk(), self._may_fail("get_object"), to.open("wb") as target:
            shutil.copyfileobj(self._client.get_object(**self._at(key))["Body"], target, _CHUNK)

    def read(self, key: str) -> bytes:
        """Fetch something small."""
        with self._may_fail("get_object"):
            return bytes(self._client.get_object(**self._at(key))["Body"].read())

    def head(self, key: str) -> int | None:
        """How many bytes there are under a key; None for nothing."""
        with self._may_fail("head_object"):
            try:
                return int(self._client.head_object(**self._at(key))["ContentLength"])
            except self._errors.RAISED as error:
                if self._errors.error_code(error) in _ABSENT:
                    return None
                raise

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin so, in order."""
        with self._may_fail("list_objects_v2"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for told in page.get("Contents", ()):
                    yield told["Key"][len(self._prefix) :]

    def delete(self, key: str) -> None:
        """Delete what is under a key, if anything is."""
        with self._may_fail("delete_object"):
            self._client.delete_object(**self._at(key))

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def _may_fail(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (*self._errors.RAISED, ValueError) as error:  # the last for a name that makes no host
            raise self._errors.translated(error, doing, service="Amazon S3", prefix="s3") from None


def _checksum(hexadecimal: str) -> dict[str, str]:
    told = base64.b64encode(bytes.fromhex(hexadecimal)).decode("ascii")
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": told}
