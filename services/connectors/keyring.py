"""Data keys by id: a copy of the keys topic in this process. The master key unwraps each key when it is used."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol

from schemas import topics
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.records import KeyRecord
from streams.domain.sealing import CannotOpen, unwrap
from streams.runtime import Follower, FollowerEvent
from streams.runtime.lane.lane_events import ignore_event


class NoKey(StrEnum):
    """Why there is no data key: the reason of a failed report."""

    #: The tombstone of the key was read.
    ERASED = "key_erased"
    #: Neither key nor tombstone lies before the high watermark of the call: never written, or compacted away.
    MISSING = "key_missing"
    #: Its record was read, and the master key of this process does not unwrap it.
    OF_OTHER_MASTER = "key_of_other_master"


class Keyring(Protocol):
    """Data keys by their ids."""

    def at_hand(self, key_id: str) -> bytes | NoKey | None:
        """Return the data key, or why there is none, from what this process has read; None if it may still come."""

    async def data_key(self, key_id: str) -> bytes | NoKey:
        """Return the data key, or why there is none; wait while an open transaction may hide it."""


class TopicKeyring:
    """The keyring over `safeguarding.keys.v1`; a tombstone there erases a key."""

    def __init__(
        self, bootstrap: str, master_key: bytes, report: Callable[[FollowerEvent], None] = ignore_event
    ) -> None:
        self._master_key = master_key
        self._wrapped: dict[str, bytes] = {}
        #: Ids of the tombstones that were read. A missing key alone never means that it was erased.
        self._erased: set[str] = set()
        self._follower = Follower(bootstrap, (topics.TopicName.KEYS,), self._apply, report)

    def at_hand(self, key_id: str) -> bytes | NoKey | None:
        """Return the data key, or why there is none, from what was read of the topic; None if it may still come."""
        if key_id in self._erased:
            return NoKey.ERASED
        wrapped = self._wrapped.get(key_id)
        if wrapped is None:
            return None
        try:
            return unwrap(wrapped, master=self._master_key, key_id=key_id)
        except CannotOpen:
            return NoKey.OF_OTHER_MASTER

    async def data_key(self, key_id: str) -> bytes | NoKey:
        """Return the data key, or why there is none.

        Returns `MISSING` only after the last stable offset of the topic has passed the high watermark of this call:
        before that, an open transaction may hide the key. The caller's time limit bounds the wait.
        """
        if not self._is_known(key_id):
            await self._follower.catch_up_beyond_open_transactions(lambda: self._is_known(key_id))
        found = self.at_hand(key_id)
        return NoKey.MISSING if found is None else found

    @asynccontextmanager
    async def following(self) -> AsyncIterator["TopicKeyring"]:
        """Follow the topic while the context is open."""
        await self._follower.start()
        try:
            yield self
        finally:
            await self._follower.stop()

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._wrapped or key_id in self._erased

    def _apply(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            raise Unreadable.of("key", "is required")
        key_id = key.decode()
        if value is None:
            self._wrapped.pop(key_id, None)
            self._erased.add(key_id)
        else:
            _, fields = decode(value, "KeyRecord")
            self._wrapped[key_id] = KeyRecord.model_validate(fields).wrapped_key
            self._erased.discard(key_id)
