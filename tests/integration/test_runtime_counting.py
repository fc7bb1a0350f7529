"""Lanes on a real broker: each record once, state with its outputs, urgent first, unreadable records put aside."""

import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.administration import shared_by
from tests.committed import assert_exactly_once, state_of
from tests.counting import EXIT_BROKEN, Run
from tests.made_records import Made, words

pytestmark = pytest.mark.integration

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
#: Text as a person might have written it: it may be in a topic, and nowhere else.
MARKER = "Ada-07700900123"


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=4)
    yield made
    made.end()


@pytest.fixture
def single(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


async def test_every_record_is_counted_once_and_the_state_outlives_the_worker(run: Run) -> None:
    urgent, routine = words(700, prefix="u"), words(4_300, prefix="r")
    await run.write(run.urgent, urgent)
    await run.write(run.routine, routine)
    first = run.start()
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await out.at_least(5_000)
        assert_exactly_once(out.counted, [*urgent, *routine])
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
        more = words(1_000, start=4_300, prefix="r")
        await run.write(run.routine, more)
        second = run.start()
        await out.at_least(6_000)
        assert_exactly_once(out.counted, [*urgent, *routine, *more])
        assert {one.pid for one in out.counted} == {first.pid, second.pid}
        counts: dict[bytes, int] = {}
        for key, _, _ in [*urgent, *routine, *more]:
            counts[key or b""] = counts.get(key or b"", 0) + 1
        state = state_of(await changelog.to_end())
        assert {key: int(value) for key, value in state.items()} == counts


@pytest.mark.parametrize("place", ["decode", "handle"])
async def test_a_turn_that_fails_ends_the_process_and_nothing_of_it_is_seen(single: Run, place: str) -> None:
    before, after = words(30, keys=3), words(30, keys=3, start=30)
    broken: Made = (b"key-1", f"{place}:{MARKER}".encode(), ())
    await single.write(single.routine, [*before, broken, *after])
    # A static member: its successor need not wait until the group gives it up.
    worker = single.start(instance="only")
    assert await worker.ended() == EXIT_BROKEN
    async with single.reading(single.output) as out, single.reading(single.changelog) as changelog:
        assert await out.to_end() == []
        # The offset where it began, and the notes for its successor, which quote nothing of the record.
        kept = {record.key: record.value for record in await changelog.to_end()}
        for topic in (single.urgent, single.routine):
            assert (kept.pop(b"o" + topic.encode()), kept.pop(b"n" + topic.encode())) == (b"0", b"1")
        assert re.fullmatch(rb"0\|\d+\|KeyError", kept.pop(b"k" + single.routine.encode()))
        assert re.fullmatch(rb"\d{16}\|KeyError", kept.pop(b"r"))
        # It ended in order: no timer, effect or entry is suspected.
        assert kept == {b"n": None, b"x": None}
        assert f"lane {single.plan().groups[0][0]}-0" in worker.log
        assert '"error": "KeyError"' in worker.log
        assert MARKER not in worker.log
        if place == "decode":
            return
        single.say("mended")
        single.start(instance="only")
        await out.at_least(61)
        assert_exactly_once(out.counted, [*before, broken, *after])


async def test_what_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on(run: Run) -> None:
    bad = f"bad:{MARKER}".encode()
    sent = (("traceparent", TRACE), ("note", MARKER.encode()))
    good = [(key, value, sent[:1]) for key, value, _ in words(50)]
    await run.write(run.routine, [*good[:25], (b"key-7", bad, sent), *good[25:]])
    began = datetime.now(UTC)
    worker = run.start()
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        await out.at_least(50)
        assert_exactly_once(out.counted, good)
        for output, one in zip(out.records, out.counted, strict=True):
            # The partition follows the key, as in the source; the trace is that of the causing record.
            assert output.partition == one.partition
            assert output.headers == (("traceparent", TRACE),)
        (record,) = await rejected.at_least(1)
        assert (record.key, record.value) == (b"key-7", bad)
        headers = dict(record.headers)
        assert len(headers) == len(record.headers)
        (neighbour,) = {one.partition for one in out.counted if one.word == "w-7"}
        assert datetime.fromisoformat(headers.pop("rejected-at").decode()) >= began
        offset = int(headers.pop("rejected-offset"))
        assert offset not in {one.offset for one in out.counted if one.partition == neighbour}
        assert headers == {
            "rejected-reason": b"word: is marked as bad",
            "rejected-field": b"word",
            "rejected-error": b"Invalid",
            "rejected-by": b"lane",
            "rejected-from": run.routine.encode(),
            "rejected-partition": b"%d" % neighbour,
            "traceparent": TRACE,
        }
        assert record.partition == neighbour
        # 300 KiB is more than a disclosure may have; 3 MiB is more than a produce batch takes by default.
        sizes = (300 * 2**10, 3 * 2**20, 300 * 2**10)
        large: list[Made] = [(b"key-1", b"bad:" + bytes([65 + n]) * size, ()) for n, size in enumerate(sizes)]
        more = words(20, start=50)
        await run.write(run.routine, [*large, *more])
        await out.at_least(70)
        assert_exactly_once(out.counted, [*good, *more])
        assert [one.value for one in await rejected.at_least(4)][1:] == [value for _, value, _ in large]
    assert MARKER not in worker.log


async def test_an_urgent_record_does_not_wait_behind_the_routine_backlog(bootstrap: str, tmp_path: Path) -> None:
    run = Run(bootstrap, tmp_path, partitions=1, record_seconds=0.0001)
    try:
        backlog = words(30_000, prefix="r")
        await run.write(run.routine, backlog)
        run.start()
        async with run.reading(run.output) as out:
            await out.until(lambda records: len(records) > 0)
            urgent = words(20, prefix="u")
            await run.write(run.urgent, urgent)
            await out.at_least(30_020, 60)
            assert_exactly_once(out.counted, [*backlog, *urgent])
            # One partition: the order of the outputs is the order in which the records were handled.
            places = [place for place, one in enumerate(out.counted) if one.topic == run.urgent]
            assert max(places) < 15_000, places
            routine = [one.offset for one in out.counted if one.topic == run.routine]
            assert routine == sorted(routine)
    finally:
        run.end()


async def test_lanes_move_to_a_second_worker_and_back_with_the_topics_of_a_lane_together(
    bootstrap: str, tmp_path: Path
) -> None:
    # Three topics, so that a round robin assignment would give the topics of one lane to different workers.
    run = Run(bootstrap, tmp_path, partitions=3)
    try:
        await lanes_move(run)
    finally:
        run.end()


async def lanes_move(run: Run) -> None:
    written = words(2_000, prefix="a")
    await run.write(run.routine, written)
    first = run.start()
    async with run.reading(run.output) as out:
        await out.until(lambda records: len(records) > 0)
        second = run.start()
        for number in range(20):
            more = words(200, start=number * 200, prefix="b")
            await run.write(run.urgent if number % 2 else run.routine, more)
            written += more
        assigned = await shared_by(run.bootstrap, run.name, 2)
        for held in assigned.values():
            assert {p for topic, p in held if topic == run.urgent} == {p for topic, p in held if topic == run.routine}
        late = words(400, prefix="c"), words(400, prefix="d")
        await run.write(run.urgent, late[0])
        await run.write(run.routine, late[1])
        written += [*late[0], *late[1]]
        await out.at_least(len(written))
        assert_exactly_once(out.counted, written)
        workers = {one.partition: set[int]() for one in out.counted}
        for one in out.counted:
            if one.word[0] in "cd":
                workers[one.partition].add(one.pid)
        assert all(len(pids) == 1 for pids in workers.values()), workers
        assert set.union(*workers.values()) == {first.pid, second.pid}
        # The survivor took over without another process ending itself.
        assert (first.process.poll(), second.process.poll()) == (None, None)

        # One worker gets SIGTERM while it works: it ends in order and at once, and the other goes on.
        more = words(4_000, prefix="e")
        await run.write(run.routine, more)
        first.send(signal.SIGTERM)
        assert await first.ended(10) == 0
        last = words(400, prefix="f")
        await run.write(run.urgent, last)
        written += [*more, *last]
        await out.at_least(len(written))
        assert_exactly_once(out.counted, written)
        assert {one.pid for one in out.counted if one.word[0] == "f"} == {second.pid}


async def test_a_source_full_of_transactions_kept_and_aborted_is_read_through(single: Run) -> None:
    worker = single.start()
    producer = AIOKafkaProducer(
        bootstrap_servers=single.bootstrap, transactional_id=f"{single.name}-source", transaction_timeout_ms=10_000
    )
    await producer.start()
    written: list[Made] = []
    try:
        async with single.reading(single.output) as out:
            for number in range(30):
                await producer.begin_transaction()
                kept = number % 3 != 1
                # Some aborted transactions are larger than a fetch: such a fetch brings no record, only a new position.
                records = words(5 if kept or number % 2 else 8_000, start=number * 10_000, prefix="k" if kept else "a")
                sent = [
                    await producer.send(single.routine, key=key, value=value, partition=0) for key, value, _ in records
                ]
                await asyncio.gather(*sent)
                if kept:
                    await producer.commit_transaction()
                    written += records
                else:
                    await producer.abort_transaction()
                    if number % 4 == 1:
                        # Long enough for a fetch that brings no record, only a new position.
                        await asyncio.sleep(0.5)
                if number % 4 == 0:
                    # The worker has caught up, so the next fetch begins right after a control record.
                    await out.at_least(len(written))
            await out.at_least(len(written))
            assert_exactly_once(out.counted, written)
            assert worker.process.poll() is None, worker.log
    finally:
        await producer.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells from outside that a signal is handled")
async def test_sigterm_before_the_worker_has_joined_ends_it_cleanly_too(run: Run) -> None:
    worker = run.start()
    handled = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)

    def handles_sigterm() -> bool:
        found = handled.search(Path(f"/proc/{worker.pid}/status").read_text())
        return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)

    await run.until(handles_sigterm, "SIGTERM is handled")
    worker.send(signal.SIGTERM)
    assert await worker.ended(15) == 0, worker.log


async def test_a_worker_that_finds_no_kafka_ends_with_a_message(run: Run) -> None:
    worker = run.start(bootstrap="127.0.0.1:1")
    assert await worker.ended() == EXIT_BROKEN
    assert '"error": "KafkaConnectionError"' in worker.log


async def test_where_what_fetches_fails_the_process_ends_and_keeps_no_lane(run: Run) -> None:
    await run.write(run.routine, words(30))
    worker = run.start()
    async with run.reading(run.output) as out:
        await out.at_least(30)
        run.say("fetch-fails")
        assert await worker.ended() == EXIT_BROKEN
        assert '"where": "Faust"' in worker.log
        assert '"error": "LookupError"' in worker.log
        run.take_back("fetch-fails")
        more = words(30, start=30)
        await run.write(run.routine, more)
        run.start()
        await out.at_least(60)
        assert_exactly_once(out.counted, [*words(30), *more])
