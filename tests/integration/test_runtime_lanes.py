"""One lane on a real broker, with batches from the test: a fitting position is handled once, others end the process."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.runtime import Record
from streams.runtime.failure import LaneBroken
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.urgency import UrgencyGate
from tests import one_lane
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.made_records import words
from tests.runtime_agents import Count
from tests.runtime_lane import IGNORED, CountBut, Ended, GivenAway, batch, delete_before, lane_of, until

pytestmark = pytest.mark.integration


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    found = Ended()
    # The test runs in the process itself; tests with workers prove that the process really ends.
    monkeypatch.setattr("streams.runtime.lane.lane.end_process", lambda _, error: found.append(error))
    return found


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


async def test_what_is_fetched_again_is_worked_off_once(run: Run, ended: Ended) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 5, 0, 1, 2, 3, 4))
        # Faust sought back: half of this batch is new.
        lane.enqueue(batch(run, 2, 8, 2, 3, 4, 5, 6, 7))
        # All of this batch is known, but the fetch also passed over the control records after it.
        lane.enqueue(batch(run, 3, 11, 3, 4, 5, 6, 7))
        lane.enqueue(batch(run, 11, 13, 11, 12))
        await out.at_least(10)
        assert_exactly_once(out.counted, [words(13, keys=3)[n] for n in (0, 1, 2, 3, 4, 5, 6, 7, 11, 12)])
    assert ended == []


async def test_a_hole_is_not_stepped_over(run: Run, ended: Ended) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 2, 0, 1))
        lane.enqueue(batch(run, 3, 5, 3, 4))
        await until(lambda: bool(ended))
        (error,) = ended
        assert isinstance(error, LaneBroken)
        assert str(error) == f"{run.routine}-0: expected 2, fetched from 3, the first record is 3"
        assert len(await out.to_end()) == 2


async def test_a_batch_after_control_records_waits_for_its_turn_and_leaves_no_hole(run: Run, ended: Ended) -> None:
    gate = UrgencyGate()
    async with one_lane.lane_of(run, lambda: Count(run.plan()), urgency=gate) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 1, 0))
        await out.at_least(1)
        async with gate.slice(lambda: False, of_many=False):
            # Offset 1 is a control record. The batch waits for the one routine slice, and is put back without a turn.
            lane.enqueue(batch(run, 1, 3, 2))
            await until(lambda: not lane.metrics.waiting_bytes[run.routine])
            held = asyncio.create_task(lane.hold())
            await asyncio.sleep(0)
        await held
        lane.release()
        await until(lambda: bool(ended) or lane.metrics.next_offsets[run.routine] == 3)
        assert ended == []
        assert [one.offset for one in (await out.to_end(), out.counted)[1]] == [0, 2]


@pytest.mark.parametrize(("seconds", "turns"), [(0.01, range(3, 11)), (None, range(1, 2))], ids=["short", "usual"])
async def test_a_routine_turn_lasts_as_long_as_its_group_says(
    run: Run, ended: Ended, seconds: float | None, turns: range
) -> None:
    each = run.plan(record_seconds=0.002)
    lane = one_lane.lane_of(run, lambda: Count(each), routine_turn_seconds=seconds)
    async with lane as opened, run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        opened.enqueue(batch(run, 0, 30, *range(30)))
        await out.at_least(30)
        moved = [r.value for r in await changelog.to_end() if r.key == b"o" + run.routine.encode()]
        # The offset where it began, and the offset after each turn.
        assert len(moved) - 1 in turns
    assert ended == []


async def test_a_new_lane_begins_where_its_log_does(run: Run, ended: Ended) -> None:
    await run.write(run.routine, words(42, keys=3))
    await asyncio.to_thread(delete_before, run, 40)
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 40, 42, 40, 41))
        await out.at_least(2)
        assert [one.offset for one in out.counted] == [40, 41]
    assert ended == []


async def test_a_hole_before_the_first_record_of_all_is_not_stepped_over(run: Run, ended: Ended) -> None:
    # A rebalance dropped the first batch, and the fetch went on after it.
    await run.write(run.routine, words(4, keys=3))
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 2, 4, 2, 3))
        await until(lambda: bool(ended))
        assert [str(error) for error in ended] == [
            f"{run.routine}-0: expected 0, fetched from 2, the first record is 2"
        ]
        assert await out.to_end() == []


async def test_a_log_whose_beginning_is_lost_before_a_record_was_read_is_refused(run: Run, ended: Ended) -> None:
    async with lane_of(run) as lane:
        await lane.resolved.wait()
    await run.write(run.routine, words(6, keys=3))
    await asyncio.to_thread(delete_before, run, 4)
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused == f"{run.routine}-0: the log starts at 4, beyond the lane's next offset 0"
    assert ended == []


async def test_a_few_records_are_one_turn_though_urgent_work_may_be_on_its_way(run: Run, ended: Ended) -> None:
    urgency = UrgencyGate()
    async with (
        lane_of(run, urgency=urgency) as lane,
        run.reading(run.output) as out,
        run.reading(run.changelog) as changelog,
    ):
        await lane.resolved.wait()
        urgency.urgent_started()
        assert urgency.is_pausing
        lane.enqueue(batch(run, 0, 15, *range(15)))
        await out.at_least(15)
        moved = [r.value for r in await changelog.to_end() if r.key == b"o" + run.routine.encode()]
        # The offset where it began, and the offset after its one turn.
        assert moved == [b"0", b"15"]
    assert ended == []


async def test_turns_from_which_nothing_follows_share_the_transaction_of_the_next(
    run: Run, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.lane.turn_commit._OFFSETS_SECONDS", 1_000.0)

    def lane() -> AbstractAsyncContextManager[Lane]:
        return one_lane.lane_of(run, lambda: CountBut(run.plan()))

    def put(to: Lane, offset: int, key: bytes) -> None:
        record = Record(run.routine, 0, offset, 0, key, b"w-%d" % offset, ())
        to.enqueue(Batch.of(run.routine, [record], offset, offset + 1))

    def passed(by: Lane, offset: int) -> bool:
        return by.metrics.next_offsets[run.routine] == offset + 1

    async def moved() -> list[bytes | None]:
        async with run.reading(run.changelog) as changelog:
            return [r.value for r in await changelog.to_end() if r.key == b"o" + run.routine.encode()]

    async with lane() as first, run.reading(run.output) as out:
        put(first, 0, b"key")
        await out.at_least(1)
        for offset in range(1, 5):
            put(first, offset, IGNORED)
            await until(partial(passed, first, offset))
        assert await moved() == [b"0", b"1"]
        put(first, 5, b"key")
        await out.at_least(2)
        assert await moved() == [b"0", b"1", b"6"]
        put(first, 6, IGNORED)
        await until(partial(passed, first, 6))
    # A lane that closes in order leaves no record to be read again.
    assert await moved() == [b"0", b"1", b"6", b"7"]
    async with lane() as second, run.reading(run.output) as out:
        put(second, 7, b"key")
        await out.at_least(3)
        assert [one.total for one in out.counted] == [1, 2, 3]
    assert ended == []


async def test_a_successor_fences_the_lane_and_the_zombies_turn_is_not_seen(run: Run, ended: Ended) -> None:
    async with lane_of(run) as zombie, run.reading(run.output) as out:
        zombie.enqueue(batch(run, 0, 2, 0, 1))
        await out.at_least(2)
        async with lane_of(run) as successor:
            await successor.resolved.wait()
            zombie.enqueue(batch(run, 2, 4, 2, 3))
            await until(lambda: bool(ended))
            assert type(ended[0]).__name__ in ("ProducerFenced", "InvalidProducerEpoch")
            successor.enqueue(batch(run, 2, 4, 2, 3))
            await out.at_least(4)
            assert_exactly_once(out.counted, words(4, keys=3))
        assert len(ended) == 1


async def test_a_lane_that_is_fenced_while_the_group_gives_it_away_ends_no_process(run: Run, ended: Ended) -> None:
    given_away = GivenAway(run)
    async with lane_of(run, at_step=given_away) as lane:
        await given_away.put_to(lane)
    assert ended == []
    async with lane_of(run) as successor, run.reading(run.output) as out:
        successor.enqueue(batch(run, 0, 2, 0, 1))
        await out.at_least(2)
        assert_exactly_once(out.counted, words(2, keys=3))


async def test_a_lane_that_is_fenced_and_stays_ends_its_process(run: Run, ended: Ended) -> None:
    given_away = GivenAway(run)
    async with lane_of(run, at_step=given_away) as lane:
        await given_away.put_to(lane)
        assert ended == []
        lane.release()
        await until(lambda: bool(ended))
    assert [type(error).__name__ for error in ended] == ["ProducerFenced"]


async def test_where_the_group_has_forgotten_the_offsets_the_changelog_has_them(run: Run, ended: Ended) -> None:
    await run.write(run.routine, words(4, keys=3))
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 4, 0, 1, 2, 3))
        await out.at_least(4)

    def forget() -> None:
        with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
            offsets = admin.list_group_offsets({run.name: None})[run.name]
            assert {tp.topic: found.offset for tp, found in offsets.items()} == {run.routine: 4, run.urgent: 0}
            admin.delete_groups([run.name])
            assert not admin.list_group_offsets({run.name: None}).get(run.name)

    await asyncio.to_thread(forget)
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 6, 0, 1, 2, 3, 4, 5))
        await out.at_least(6)
        assert_exactly_once(out.counted, words(6, keys=3))
    assert ended == []


async def test_state_without_an_offset_it_belongs_to_is_refused(run: Run, ended: Ended) -> None:
    await run.write(run.changelog, [(b"skey-1", b"7", ())])
    await run.write(run.routine, words(4, keys=3))
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 4, 0, 1, 2, 3))
        await lane.resolved.wait()
        assert lane.metrics.refused == f"{run.changelog}-0: there is state, but no offset it belongs to"
        assert not lane.metrics.is_open
        assert await out.to_end() == []
    # The process does not end: its other lanes go on.
    assert ended == []


async def test_a_log_that_starts_beyond_the_next_offset_is_refused_until_an_operator_accepts_the_loss(
    run: Run, ended: Ended
) -> None:
    await run.write(run.routine, words(6, keys=3))
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 2, 0, 1))
        await out.at_least(2)

    await asyncio.to_thread(delete_before, run, 4)
    async with lane_of(run) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        assert lane.metrics.refused == f"{run.routine}-0: the log starts at 4, beyond the lane's next offset 2"
    async with lane_of(run, accepted=frozenset({"lane-0"})) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 4, 6, 4, 5))
        await out.at_least(4)
        assert lane.metrics.refused is None
        assert sorted(one.offset for one in out.counted) == [0, 1, 4, 5]
    assert ended == []


async def test_a_lane_restores_what_was_committed_and_nothing_that_was_aborted(
    run: Run, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[BaseException] = []
    monkeypatch.setattr("streams.runtime.lane.refusal.Refusal.report", lambda _, refused: refusals.append(refused))
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 3, 0, 1, 2))
        await out.at_least(3)
    producer = AIOKafkaProducer(
        bootstrap_servers=run.bootstrap, transactional_id=f"{run.name}-lane-0", transaction_timeout_ms=10_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"skey-0", value=b"99", partition=0)
        await producer.send_offsets_to_transaction({TopicPartition(run.routine, 0): 90}, run.name)
        # It dies while its transaction is open; the successor aborts it when it opens.
        async with lane_of(run) as lane, run.reading(run.output) as out:
            lane.enqueue(batch(run, 3, 6, 3, 4, 5))
            await out.at_least(6)
            assert_exactly_once(out.counted, words(6, keys=3))
        # At once: it fenced its predecessor. Otherwise it would have to wait until that transaction times out.
        assert refusals == []
    finally:
        await producer.stop()
    assert ended == []
