"""The keys of a store that encrypts: ``store.encryption``, in both colours.

A store makes them, and hands in its driver. The stories are told in :mod:`sesevent.plans.encryption`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sesevent.errors import ConfigurationError
from sesevent.plans import encryption
from sesevent.plans.encryption import Encrypted, Status
from sesevent.plans.keys import Keyring
from sesevent.storage.operations import SEALS

__all__ = ["AsyncEncrypting", "Encrypting"]


def _of(collections: Mapping[str, Any]) -> tuple[Keyring, dict[str, Any]]:
    """What encrypts, and the collections as they are without it: keys are kept as they are told."""
    if SEALS not in collections:
        raise ConfigurationError(
            "This store encrypts nothing.", hint="Give it encryption: EventStore.connect(…, encryption=Encryption(…))"
        )
    return collections[SEALS], {name: one for name, one in collections.items() if name != SEALS}


class Encrypting:
    """Keys, and what they protect: ``store.encryption``."""

    def __init__(
        self, perform: Callable[..., Any], collections: Mapping[str, Any], clock: Callable[[], datetime]
    ) -> None:
        self._seals, plain = _of(collections)
        self._perform = partial(perform, collections=plain)
        self._clock = clock

    def status(self) -> Status:
        """How it stands: which master key, how many data keys, how many people have one of their own.

        The first question, or write, of a new database makes its keys.
        """
        found: Status = self._perform(encryption.status(self._seals))
        return found

    def shred(self, address: str, *, by: str, why: str) -> int:
        """Destroy the key of a person, however the address is spelled; returns how many there were. For good.

        What is kept of the person's events, in the database, in archives and in backups of them, cannot be read any
        more: not by this process from now on, nor by others a minute later. Counts stay. So does the person's standing,
        which is not kept under that key: it still says whom one may not mail. Events that come later get a new key.
        Backups of the key vault (``ses_key``) must be let go too.

        It is written into the audit, without the address. Raises ConfigurationError where something is not said.
        """
        gone: int = self._perform(encryption.shred(self._seals, address, by, why, self._clock()))
        return gone

    def rotate(self, *, by: str, why: str) -> None:
        """Have the master key that this store was given protect everything, in the place of the one before.

        The one before is given besides, as one of ``Encryption.others``, until this is done. One small write; no row is
        touched. It is written into the audit.
        """
        self._perform(encryption.rotate(self._seals, by, why, self._clock()))

    def new_data_key(self, *, by: str, why: str) -> int:
        """Encrypt new rows with a new data key; returns how many there are now. Old rows stay readable.

        Other processes follow within a minute. It is written into the audit.
        """
        keys: int = self._perform(encryption.new_data_key(self._seals, by, why, self._clock()))
        return keys

    def encrypt_existing(self, *, on_progress: Callable[[Encrypted], object] | None = None) -> Encrypted:
        """Encrypt what is still in the clear, in place. Safe while others write, and to run again.

        Rows of older shapes wait until they were adopted (`adopt`). *on_progress* is called after each page of five
        hundred rows.
        """
        whole = Encrypted()
        while whole.place is not None:
            whole = self._perform(encryption.encrypt_page(self._seals, whole))
            if on_progress is not None:
                on_progress(whole)
        return whole


class AsyncEncrypting:
    """Keys, and what they protect: ``store.encryption``."""

    def __init__(
        self, perform: Callable[..., Awaitable[Any]], collections: Mapping[str, Any], clock: Callable[[], datetime]
    ) -> None:
        self._seals, plain = _of(collections)
        self._perform = partial(perform, collections=plain)
        self._clock = clock

    async def status(self) -> Status:
        """How it stands: which master key, how many data keys, how many people have one of their own.

        The first question, or write, of a new database makes its keys.
        """
        found: Status = await self._perform(encryption.status(self._seals))
        return found

    async def shred(self, address: str, *, by: str, why: str) -> int:
        """Destroy the key of a person, however the address is spelled; returns how many there were. For good.

        What is kept of the person's events, in the database, in archives and in backups of them, cannot be read any
        more: not by this process from now on, nor by others a minute later. Counts stay. So does the person's standing,
        which is not kept under that key: it still says whom one may not mail. Events that come later get a new key.
        Backups of the key vault (``ses_key``) must be let go too.

        It is written into the audit, without the address. Raises ConfigurationError where something is not said.
        """
        gone: int = await self._perform(encryption.shred(self._seals, address, by, why, self._clock()))
        return gone

    async def rotate(self, *, by: str, why: str) -> None:
        """Have the master key that this store was given protect everything, in the place of the one before.

        The one before is given besides, as one of ``Encryption.others``, until this is done. One small write; no row is
        touched. It is written into the audit.
        """
        await self._perform(encryption.rotate(self._seals, by, why, self._clock()))

    async def new_data_key(self, *, by: str, why: str) -> int:
        """Encrypt new rows with a new data key; returns how many there are now. Old rows stay readable.

        Other processes follow within a minute. It is written into the audit.
        """
        keys: int = await self._perform(encryption.new_data_key(self._seals, by, why, self._clock()))
        return keys

    async def encrypt_existing(self, *, on_progress: Callable[[Encrypted], object] | None = None) -> Encrypted:
        """Encrypt what is still in the clear, in place. Safe while others write, and to run again.

        Rows of older shapes wait until they were adopted (`adopt`). *on_progress* is called after each page of five
        hundred rows.
        """
        whole = Encrypted()
        while whole.place is not None:
            whole = await self._perform(encryption.encrypt_page(self._seals, whole))
            if on_progress is not None:
                on_progress(whole)
        return whole
