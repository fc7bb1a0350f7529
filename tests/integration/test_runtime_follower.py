"""A follower's copy of compacted topics on a real broker."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from schemas.partitioner import partition_for
from schemas.telemetry import Attribute, Metric
from streams.runtime import Follower, FollowerEvent, FollowerPassesOver, RecordsHidden, RecordsShown
from streams.runtime.failure import LaneBroken
from streams.runtime.lane.lane_events import ignore_event
from tests.counting import EXIT_BROKEN, Run
from tests.made_records import Made
from tests.open_transactions import open_transaction

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


@asynccontextmanager
async def following(
    run: Run, copy: Copy, report: Callable[[FollowerEvent], None] = ignore_event
) -> AsyncIterator[Follower]:
    """Follow the changelog, which has a record already: the broker may not know a topic that was just made."""
    await run.write(run.changelog, [(b"first", b"0", ())])
    follower = Follower(run.bootstrap, (run.changelog,), copy.apply, report)
    await follower.start()
    try:
        assert copy.entries.pop(b"first") == b"0"
        yield follower
    finally:
        await follower.stop()


async def write_later(run: Run, partition: int, key: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=run.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(run.changelog, b"later", key, partition=partition)
    finally:
        await producer.stop()


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
        # The end is now after the markers of both transactions: control records count.
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


async def test_it_goes_beyond_what_an_open_transaction_hides_once_that_has_ended(run: Run) -> None:
    copy = Copy()
    async with (
        following(run, copy) as follower,
        open_transaction(run.bootstrap, run.changelog, [(0, b"a", b"1")]) as writer,
    ):
        await write_later(run, 0, b"b")
        waiting = asyncio.create_task(follower.catch_up_beyond_open_transactions())
        # The last stable offset is before both transactions: it shows nothing of a later end.
        await follower.catch_up()
        assert copy.entries == {}
        await asyncio.wait([waiting], timeout=1.0)
        assert not waiting.done()
        await writer.abort_transaction()
        async with asyncio.timeout(10):
            await waiting
        assert copy.entries == {b"b": b"later"}


async def test_it_does_not_wait_for_a_transaction_once_it_has_enough(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy()
    async with (
        following(run, copy) as follower,
        open_transaction(run.bootstrap, run.changelog, [(0, b"a", b"1")], timeout_ms=10_000) as writer,
    ):
        uncommitted: Any = follower._uncommitted
        end_offsets, answered = uncommitted.end_offsets, asyncio.Event()

        async def says_when(sources: Any) -> Any:
            ends = await end_offsets(sources)
            answered.set()
            return ends

        monkeypatch.setattr(uncommitted, "end_offsets", says_when)
        waiting = asyncio.create_task(follower.catch_up_beyond_open_transactions(lambda: b"b" in copy.entries))
        # From here on it waits for positions that it cannot reach.
        await answered.wait()
        await write_later(run, 1, b"b")
        async with asyncio.timeout(10):
            await waiting
        assert copy.entries == {b"b": b"later"}
        await writer.abort_transaction()


async def test_it_asks_a_broker_again_that_does_not_tell_the_ends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy()
    async with following(run, copy) as follower:
        asked: list[Any] = []
        uncommitted: Any = follower._uncommitted
        end_offsets = uncommitted.end_offsets

        async def fails_once(sources: Any) -> Any:
            asked.append(sources)
            if len(asked) == 1:
                raise KafkaTimeoutError
            return await end_offsets(sources)

        monkeypatch.setattr(uncommitted, "end_offsets", fails_once)
        await write_later(run, 0, b"b")
        async with asyncio.timeout(10):
            await follower.catch_up_beyond_open_transactions()
        assert copy.entries == {b"b": b"later"}
        assert len(asked) == 2


async def test_a_worker_passes_over_what_its_copy_cannot_take_and_quotes_nothing_of_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIDE_METRICS", str(run.folder / "metrics"))
    partition = partition_for(b"key", run.partitions)
    await run.write(run.routine, [(b"key", b"w", ())])
    await run.write(run.urgent, [(b"key", b"good", ()), (b"key", f"follow:{MARKER}".encode(), ())])
    worker = run.start(follow=run.urgent)
    async with run.reading(run.output) as out:
        # The copies of both the good record and the routine one are there: the lanes work.
        assert len(await out.at_least(3)) == 3
    (said,) = [line for line in worker.log.splitlines() if "passed over" in line]
    assert (
        json.loads(said).items()
        >= {
            "topic": run.urgent,
            "partition": partition,
            "offset": 1,
            "error": "KeyError",
        }.items()
    )
    assert MARKER not in worker.log
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    (exported,) = (run.folder / "metrics").glob("*.jsonl")
    points = [
        point
        for resource in json.loads(exported.read_text().splitlines()[-1])["resource_metrics"]
        for scope in resource["scope_metrics"]
        for metric in scope["metrics"]
        if metric["name"] == Metric.FOLLOWER_PASSED_OVER
        for point in metric["data"]["data_points"]
    ]
    assert [(point["attributes"], point["value"]) for point in points] == [({Attribute.TOPIC: run.urgent}, 1)]


async def test_a_record_that_is_passed_over_is_reported_by_its_place(run: Run) -> None:
    copy, heard = Copy(), list[FollowerEvent]()
    async with following(run, copy, heard.append) as follower:
        await run.write(run.changelog, [(b"absent", None, ()), (b"key", b"value", ())])
        await follower.catch_up()
    assert copy.entries == {b"key": b"value"}
    (passed_over,) = [event for event in heard if isinstance(event, FollowerPassesOver)]
    assert (passed_over.topic, passed_over.error) == (run.changelog, "KeyError")
    assert passed_over.partition == partition_for(b"absent", run.partitions)


async def test_records_that_an_open_transaction_hides_are_reported_until_it_ends(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.lane.hidden_records.DEAD_WRITER_SECONDS", 1.0)
    heard: asyncio.Queue[FollowerEvent] = asyncio.Queue()
    async with (
        following(run, Copy(), heard.put_nowait),
        asyncio.timeout(20),
        open_transaction(run.bootstrap, run.changelog, [(2, b"strange", b"junk")], 10_000) as writer,
    ):
        hidden = await heard.get()
        assert isinstance(hidden, RecordsHidden)
        assert (hidden.topic, hidden.partition) == (run.changelog, 2)
        assert hidden.seconds >= 1.0
        await writer.abort_transaction()
        assert await heard.get() == RecordsShown(run.changelog, 2)


@pytest.mark.parametrize("stuck", ["start", "position"])
async def test_a_start_that_makes_no_progress_is_given_up(
    run: Run, monkeypatch: pytest.MonkeyPatch, stuck: str
) -> None:
    await write_later(run, 0, b"b")
    monkeypatch.setattr("streams.runtime.transport.follower._START_SECONDS", 2.0)

    async def waits(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(f"streams.runtime.transport.follower.AIOKafkaConsumer.{stuck}", waits)
    follower = Follower(run.bootstrap, (run.changelog,), Copy().apply)
    async with asyncio.timeout(20):
        with pytest.raises(TimeoutError):
            await follower.start()
        monkeypatch.undo()
        await follower.stop()


async def test_an_error_of_the_consumer_ends_the_process(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: asyncio.Future[tuple[str, BaseException]] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(
        "streams.runtime.transport.follower.end_process", lambda where, error: ended.set_result((where, error))
    )
    async with following(run, Copy()) as follower:

        async def fails(**_: Any) -> Any:
            raise KafkaTimeoutError

        monkeypatch.setattr(follower._consumer, "getmany", fails)
        async with asyncio.timeout(10):
            where, error = await ended
        assert (where, type(error)) == (f"follower of {run.changelog}", KafkaTimeoutError)


async def test_a_worker_that_follows_a_missing_topic_ends_and_names_it(run: Run) -> None:
    worker = run.start(follow=run.topic("absent"))
    assert await worker.ended() == EXIT_BROKEN
    assert run.topic("absent") in worker.log
