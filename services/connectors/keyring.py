"""Data keys by id: a copy of the keys topic in this process, unwrapped by the master key when asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from schemas import topics
from schemas.codec import decode
from schemas.records import KeyRecord
from streams.domain.sealing import unwrap
from streams.runtime import Follower


class Keyring(Protocol):
    """Where a data key is found."""

    def at_hand(self, key_id: str) -> bytes | None:
        """Return the data key where this process has it; None says nothing."""

    async def data_key(self, key_id: str) -> bytes | None:
        """Return the data key, or None once it is certain that it was erased."""


class TopicKeyring:
    """The keyring over `safeguarding.keys.v1`; a tombstone there erases a key."""

    def __init__(self, bootstrap: str, master_key: bytes) -> None:
        self._master_key = master_key
        self._wrapped: dict[str, bytes] = {}
        self._follower = Follower(bootstrap, (topics.TopicName.KEYS,), self._apply)

    def at_hand(self, key_id: str) -> bytes | None:
        """Return the data key where the topic, as far as it was read, has it."""
        wrapped = self._wrapped.get(key_id)
        return None if wrapped is None else unwrap(wrapped, master=self._master_key, key_id=key_id)

    async def data_key(self, key_id: str) -> bytes | None:
        """Return the data key; None only after the topic was read to its end and did not have it."""
        if key_id not in self._wrapped:
            await self._follower.catch_up()
        return self.at_hand(key_id)

    @asynccontextmanager
    async def following(self) -> AsyncIterator["TopicKeyring"]:
        """Follow the topic while the context is open."""
        await self._follower.start()
        try:
            yield self
        finally:
            await self._follower.stop()

    def _apply(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        key_id = key.decode()
        if value is None:
            self._wrapped.pop(key_id, None)
        else:
            _, fields = decode(value, "KeyRecord")
            self._wrapped[key_id] = KeyRecord.model_validate(fields).wrapped_key
