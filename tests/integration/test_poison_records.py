"""A record that ends each of its turns is put aside whole, and no other record with it."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import InvalidProducerEpoch, KafkaError, LeaderNotAvailableError, NotEnoughReplicasError

from schemas.topics import MAX_VALUE_BYTES
from streams.runtime import Agent, Origin, Record, Turn
from streams.runtime.agent import Output
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.poison_errors import MAX_PUT_ASIDE
from streams.runtime.lane.transaction import TransactionalWriter
from streams.runtime.steps import Step
from tests import one_lane
from tests.counting import Run
from tests.fakes.process_ends import ProcessEnds
from tests.made_records import Made, words

pytestmark = pytest.mark.integration


class Forgetful(Agent[str, None, None]):
    """Counts; raises on `boom`. Its memory keeps what it has counted, even in a turn that is dropped."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._seen: list[str] = []

    def decode(self, record: Record) -> str:
        return (record.value or b"").decode()

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            assert word not in self._seen, "remembers a turn that never was"
            self._seen.append(word)
            turn.put(word.encode(), b"1")
            said = word.encode() if word != "huge" else bytes(MAX_VALUE_BYTES + 100_000)
            turn.send(self._output, record.key, said, origin=Origin.of(record))
            if word.startswith("boom"):
                raise LookupError(word)


@pytest.fixture
def endings(monkeypatch: pytest.MonkeyPatch) -> ProcessEnds:
    return ProcessEnds(monkeypatch)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, made: Sequence[Made], begin: int = 0) -> Batch:
    records = [Record(run.routine, 0, n, 0, made[n][0], made[n][1], ()) for n in range(begin, len(made))]
    return Batch.of(run.routine, records, begin, len(made))


async def attempt(run: Run, endings: ProcessEnds, made: Sequence[Made], begin: int = 0) -> None:
    """Have a process take the batch, until it is worked off or has ended the process."""
    before = len(endings.errors)
    async with one_lane.lane_of(run, lambda: Forgetful(run.output)) as lane:
        lane.enqueue(batch(run, made, begin))
        await run.until(
            lambda: len(endings.errors) > before or lane.metrics.next_offsets.get(run.routine) == len(made), "done"
        )


@pytest.mark.parametrize("place", [0, 37, 99])
async def test_the_one_record_ends_in_rejected_and_all_others_are_done(
    run: Run, endings: ProcessEnds, place: int
) -> None:
    made = words(100)
    made[place] = (b"key-x", b"boom:secret", (("note", b"mine"),))
    await attempt(run, endings, made)
    assert [type(error) for error in endings.errors] == [LookupError]
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert await out.to_end() == []
        # The same again in a new process: now the record is the cause.
        await attempt(run, endings, made)
        assert len(endings.errors) == 1
        assert [r.value for r in await out.to_end()] == [value for n, (_, value, _) in enumerate(made) if n != place]
        (record,) = await rejected.to_end()
        headers = dict(record.headers)
        assert (record.key, record.value) == (b"key-x", b"boom:secret")
        assert (headers["rejected-error"], headers["rejected-offset"]) == (b"LookupError", b"%d" % place)
        assert b"secret" not in json.dumps({name: value.decode() for name, value in headers.items()}).encode()
    async with run.reading(run.changelog) as changelog:
        notes = [r.value for r in await changelog.to_end() if r.key == b"k" + run.routine.encode()]
        # It is done with. The next record that raises is first tried again in a new process.
        assert notes[-1] is None
        assert len(notes) == 2


async def test_a_record_whose_output_cannot_be_written_is_put_aside_and_all_others_are_done(
    run: Run, endings: ProcessEnds
) -> None:
    made = words(30)
    made[17] = (b"key-x", b"huge", ())
    await attempt(run, endings, made)
    assert [type(error).__name__ for error in endings.errors] == ["Undeliverable"]
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert await out.to_end() == []
        await attempt(run, endings, made)
        assert len(endings.errors) == 1
        assert [r.value for r in await out.to_end()] == [value for n, (_, value, _) in enumerate(made) if n != 17]
        (record,) = await rejected.to_end()
        assert (record.value, dict(record.headers)["rejected-error"]) == (b"huge", b"Undeliverable")
        # At once too, if the lane has ended its process for such a record before.
        more: list[Made] = [*made, (b"k", b"fine", ()), (b"k", b"huge", ()), (b"k", b"good", ())]
        await attempt(run, endings, more, 30)
        assert len(endings.errors) == 1
        assert [r.value for r in await out.to_end()][-2:] == [b"fine", b"good"]
        assert len(await rejected.to_end()) == 2


async def test_what_raised_once_and_not_again_is_done_whole(run: Run, endings: ProcessEnds) -> None:
    made = words(20)
    made[7] = (b"k", b"boom", ())
    await attempt(run, endings, made)
    made[7] = (b"k", b"fine", ())
    await attempt(run, endings, made)
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert len(await out.to_end()) == 20
        assert await rejected.to_end() == []


def refuses(lane: Lane) -> bool:
    return lane.metrics.refused is not None


async def test_where_most_records_raise_it_is_the_code_and_the_lane_refuses(run: Run, endings: ProcessEnds) -> None:
    made = [(b"k", b"boom-%d" % n, ()) for n in range(3 * MAX_PUT_ASIDE)]
    await attempt(run, endings, made)
    async with run.reading(f"{run.routine}.rejected") as rejected:
        # However often the process is started again.
        for begin in (0, MAX_PUT_ASIDE, MAX_PUT_ASIDE):
            async with one_lane.lane_of(run, lambda: Forgetful(run.output)) as lane:
                lane.enqueue(batch(run, made, begin))
                await run.until(partial(refuses, lane), "the lane refuses")
                assert lane.metrics.refused == (
                    f"{run.routine}-0: LookupError again, with {MAX_PUT_ASIDE} records, timers, effects or entries "
                    "put aside within 60 minutes"
                )
            assert len(await rejected.to_end()) == MAX_PUT_ASIDE
    assert len(endings.errors) == 1


async def test_what_was_put_aside_an_hour_ago_does_not_count(
    run: Run, endings: ProcessEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(b"k", b"boom-%d" % n, ()) for n in range(MAX_PUT_ASIDE + 1)]
    await attempt(run, endings, made[:-1])
    await attempt(run, endings, made[:-1])
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("streams.runtime.clock.Clock.now", lambda _: later)
    # An hour later the lane is not careful any more: it ends its process once more.
    await attempt(run, endings, made, MAX_PUT_ASIDE)
    await attempt(run, endings, made, MAX_PUT_ASIDE)
    assert len(endings.errors) == 2
    async with run.reading(f"{run.routine}.rejected") as rejected:
        assert len(await rejected.to_end()) == MAX_PUT_ASIDE + 1


async def test_a_lane_that_goes_on_counts_no_openings_and_one_that_does_not_counts_each(
    run: Run, endings: ProcessEnds
) -> None:
    def openings(records: Sequence[ConsumerRecord]) -> list[bytes | None]:
        return [record.value for record in records if record.key == b"n" + run.routine.encode()]

    made = words(10)
    await attempt(run, endings, made[:5])
    await attempt(run, endings, made, 5)
    async with run.reading(run.changelog) as changelog:
        # Each opening was counted, and the first turn of a process ended the count.
        assert openings(await changelog.to_end()) == [b"1", None, b"1", None]
        boom = [*made, (b"k", b"boom", ())]
        await attempt(run, endings, boom, 10)
        assert openings(await changelog.to_end())[4:] == [b"1"]
        await attempt(run, endings, boom, 10)
        assert openings(await changelog.to_end())[5:] == [b"2", None]


@pytest.mark.parametrize("error", [LeaderNotAvailableError, NotEnoughReplicasError, InvalidProducerEpoch])
async def test_processes_that_kafka_ends_put_no_record_aside(
    run: Run, endings: ProcessEnds, monkeypatch: pytest.MonkeyPatch, error: type[KafkaError]
) -> None:
    """A partition of the outputs takes nothing, while the changelog counts openings."""
    takes_nothing = True
    deliver = TransactionalWriter.deliver

    async def deliver_or_fail(
        writer: TransactionalWriter, outputs: Iterable[Output], offsets: Any, step: Callable[[Step], None]
    ) -> None:
        written = list(outputs)
        if takes_nothing and any(output.topic == run.output for output in written):
            raise error
        await deliver(writer, written, offsets, step)

    monkeypatch.setattr(TransactionalWriter, "deliver", deliver_or_fail)
    made = words(3)
    for _ in range(8):
        await attempt(run, endings, made)
    assert [type(each) for each in endings.errors] == [error] * 8
    takes_nothing = False
    await attempt(run, endings, made)
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert [record.value for record in await out.to_end()] == [value for _, value, _ in made]
        assert await rejected.to_end() == []


async def test_a_hold_while_records_are_isolated_leaves_the_rest_for_afterwards(run: Run, endings: ProcessEnds) -> None:
    made = words(60)
    made[50] = (b"k", b"boom", ())
    await attempt(run, endings, made[:51])
    assert len(endings.errors) == 1
    async with one_lane.lane_of(run, lambda: Forgetful(run.output)) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        # Paused before the first record begins, and again in between; more records wait.
        await lane.hold()
        lane.enqueue(batch(run, made[:51]))
        lane.enqueue(batch(run, made, 51))
        for _ in range(20):
            lane.release()
            await asyncio.sleep(0.01)
            await lane.hold()
        lane.release()
        await run.until(lambda: lane.metrics.next_offsets.get(run.routine) == len(made), "all are done")
        assert sorted(r.value for r in await out.to_end()) == sorted(v for _, v, _ in made if v and v != b"boom")
    assert len(endings.errors) == 1
