"""A follower's copy of compacted topics on a real broker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.runtime import Follower
from streams.runtime.failure import LaneBroken
from tests.counting import EXIT_BROKEN, Run
from tests.made_records import Made

pytestmark = pytest.mark.integration

MARKER = "Ada-07700900123"


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=4)
    yield made
    made.end()


class Copy:
    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        assert key is not None
        if value is None:
            del self.entries[key]
        else:
            self.entries[key] = value


def entries(count: int, value: str) -> list[Made]:
    return [(b"key-%d" % n, f"{value}-{n}".encode(), ()) for n in range(count)]


async def test_it_has_everything_at_start_and_at_each_catch_up_and_forgets_what_was_erased(run: Run) -> None:
    copy = Copy()
    await run.write(run.changelog, entries(200, "old"))
    follower = Follower(run.bootstrap, (run.changelog, run.output), copy.apply)
    await follower.start()
    try:
        assert copy.entries == {key: value for key, value, _ in entries(200, "old")}
        for turn in range(5):
            await run.write(run.changelog, entries(50, f"new-{turn}"))
            await follower.catch_up()
            assert copy.entries[b"key-49"] == f"new-{turn}-49".encode()
            assert copy.entries[b"key-50"] == b"old-50"
        await run.write(run.changelog, [(b"key-3", None, ()), (b"key-150", None, ())])
        await follower.catch_up()
        assert len(copy.entries) == 198
        assert not copy.entries.keys() & {b"key-3", b"key-150"}
    finally:
        await follower.stop()


async def test_it_applies_nothing_that_is_not_committed(run: Run) -> None:
    copy = Copy()
    producer = AIOKafkaProducer(
        bootstrap_servers=run.bootstrap, transactional_id=run.name, transaction_timeout_ms=10_000
    )
    await producer.start()
    follower = Follower(run.bootstrap, (run.changelog,), copy.apply)
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"a", value=b"1", partition=0)
        await follower.start()
        assert copy.entries == {}
        await producer.abort_transaction()
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"b", value=b"2", partition=0)
        await follower.catch_up()
        assert copy.entries == {}
        await producer.commit_transaction()
        # The end now lies behind the markers of both transactions: control records count.
        async with asyncio.timeout(10):
            while not copy.entries:
                await follower.catch_up()
        assert copy.entries == {b"b": b"2"}
    finally:
        await producer.stop()
        await follower.stop()


async def test_a_topic_that_does_not_exist_is_an_error_that_names_it(run: Run) -> None:
    follower = Follower(run.bootstrap, (run.changelog, run.topic("absent")), Copy().apply)
    try:
        async with asyncio.timeout(10):
            with pytest.raises(LaneBroken, match=run.topic("absent")):
                await follower.start()
    finally:
        await follower.stop()


async def test_a_worker_whose_copy_cannot_be_kept_ends_without_quoting_the_record(run: Run) -> None:
    await run.write(run.routine, [(b"key", b"w", ())])
    await run.write(run.urgent, [(b"key", f"follow:{MARKER}".encode(), ())])
    worker = run.start(follow=run.urgent)
    assert await worker.ended() == EXIT_BROKEN
    assert "follower of" in worker.log
    assert '"error": "KeyError"' in worker.log
    assert MARKER not in worker.log
    async with run.reading(run.output) as out:
        # The lanes wait until the background is there: none worked with half a copy.
        assert await out.to_end() == []


async def test_a_worker_that_follows_a_missing_topic_ends_and_names_it(run: Run) -> None:
    worker = run.start(follow=run.topic("absent"))
    assert await worker.ended() == EXIT_BROKEN
    assert run.topic("absent") in worker.log
