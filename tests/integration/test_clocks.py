"""A worker whose machine's clock is set, while it runs and while it is down; records whose writer's clock is wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.topics import TopicName
from tests.counting import Run

pytestmark = [pytest.mark.integration, pytest.mark.faults]
HOUR = 3_600.0
YEARS = 10 * 365 * 86_400.0


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


def set_clock(run: Run, seconds: float) -> None:
    """Set the machine's wall clock `seconds` ahead of the right time."""
    new = run.folder / "clock.new"
    new.write_text(str(seconds))
    new.rename(run.folder / "clock")


@pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "ahead"])
async def test_a_clock_that_is_set_while_the_worker_runs_changes_no_wait_and_is_noticed_once(
    run: Run, by: float
) -> None:
    worker = run.start("waits")
    async with run.reading(run.output) as out:
        await run.write(run.routine, [(b"retry", b"wait:3", ())])
        (began,) = await out.at_least(1)
        set_clock(run, by)
        _, due = await out.at_least(2, 10)
        assert due.value == b"due"
        assert 2_500 <= due.timestamp - began.timestamp <= 6_000
        await run.until(lambda: run.lines("clock-events") == ["ClockAgrees", "ClockStepped"], "it is noticed")
        # A wait that begins with the wrong clock.
        await run.write(run.routine, [(b"retry", b"wait:1", ())])
        await out.at_least(4, 10)
        set_clock(run, 0.0)
        await run.until(lambda: len(run.lines("clock-events")) == 3, "it is over")
        assert run.lines("clock-events")[-1] == "ClockAgrees"
    assert worker.log.count("the machine's clock was set") == 1


@pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "ahead"])
async def test_a_clock_that_is_set_while_the_worker_is_down_lengthens_no_wait(run: Run, by: float) -> None:
    worker = run.start("waits")
    async with run.reading(run.output) as out:
        await run.write(run.routine, [(b"retry", b"wait:5", ())])
        await out.at_least(1)
        worker.kill()
        set_clock(run, by)
        run.start("waits")
        _, due = await out.at_least(2, 40)
        assert due.value == b"due"


async def test_a_process_whose_clock_is_behind_the_brokers_stamps_reports_it(run: Run) -> None:
    set_clock(run, -HOUR)
    worker = run.start("waits")
    async with run.reading(run.output) as out:
        await run.write(run.routine, [(b"id", b"know:93", ())])
        await out.at_least(1)
        await run.until(lambda: run.lines("clock-events") == ["ClockAgrees", "BrokerAhead"], "it is noticed")
        await run.write(run.routine, [(b"other", b"know:93", ())])
        await out.at_least(2)
    assert worker.log.count("the broker's stamps are ahead") == 1


async def test_a_clock_that_is_far_ahead_ends_no_known_id(run: Run) -> None:
    """The lane dropped known ids for good: a disclosure that came again was decided again."""
    worker = run.start("waits")
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await run.write(run.routine, [(b"id", b"know:93", ())])
        await out.at_least(1)
        worker.kill()
        set_clock(run, YEARS)
        run.start("waits")
        await run.write(run.routine, [(b"other", b"know:93", ()), (b"id", b"know:93", ())])
        found = await out.at_least(3, 40)
        assert [record.value for record in found] == [b"new", b"new", b"known"]
        assert not [r for r in await changelog.to_end() if r.key == b"sid" and r.value is None]


async def test_an_id_ends_by_what_the_broker_stamps_on_the_records_that_are_read(run: Run) -> None:
    run.start("waits")
    async with run.reading(run.output) as out:
        await run.write(run.routine, [(b"id", b"know:0.00001", ())])
        (began,) = await out.at_least(1)
        await run.until(lambda: time.time() > began.timestamp / 1_000 + 2, "a second has passed")
        await run.write(run.routine, [(b"id", b"know:0.00001", ())])
        assert [record.value for record in await out.at_least(2)] == [b"new", b"new"]


async def test_an_id_ends_by_what_the_broker_stamped_on_the_changelog(run: Run) -> None:
    worker = run.start("waits")
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await run.write(run.routine, [(b"id", b"know:0.00001", ())])
        await out.at_least(1)
        for _ in range(2):
            opened = len(await changelog.to_end())
            worker.kill()
            worker = run.start("waits")
            await changelog.at_least(opened + 1, 30)
        # No record came. Each opening writes a note to the changelog, and the next opening reads the note's time.
        await changelog.until(lambda records: any(r.key == b"sid" and r.value is None for r in records), 30)


async def test_a_clock_that_is_far_behind_keeps_ids_for_as_long_as_was_meant(run: Run) -> None:
    set_clock(run, -YEARS)
    worker = run.start("waits")
    async with run.reading(run.output) as out:
        await run.write(run.routine, [(b"id", b"know:93", ())])
        await out.at_least(1)
        worker.kill()
        set_clock(run, 0.0)
        run.start("waits")
        await run.write(run.routine, [(b"id", b"know:93", ())])
        found = await out.at_least(2, 40)
        assert [record.value for record in found] == [b"new", b"known"]


def test_what_a_writer_claims_of_the_time_is_neither_kept_nor_used(
    own_broker: Callable[[], LocalBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record stamped 1970 was deleted unread within half a minute of a broker's start, and its lane then refused."""
    from infra.broker import configuration

    quick = {"log.retention.check.interval.ms": "200", "log.initial.task.delay.ms": "200"}
    monkeypatch.setattr(configuration, "SINGLE_NODE", {**configuration.SINGLE_NODE, **quick})
    bootstrap = own_broker().bootstrap
    apply(bootstrap, 1)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=5_000)
    began = time.time()
    try:
        claimed = {0: 0, 1: round((began + YEARS) * 1_000)}
        for stamp in claimed.values():
            producer.send(str(TopicName.FORUM_DISCLOSURES), b"x", partition=0, timestamp_ms=stamp).get(20)
        # As topics were before: the writer's time counts.
        with_claims = _topic_with_claims(bootstrap)
        producer.send(with_claims, b"x", partition=0, timestamp_ms=0).get(20)
        believed, source = TopicPartition(with_claims, 0), TopicPartition(str(TopicName.FORUM_DISCLOSURES), 0)
        until = time.monotonic() + 60
        while consumer.beginning_offsets([believed])[believed] == 0:
            assert time.monotonic() < until, "the broker has not looked for what is too old"
        assert consumer.beginning_offsets([source])[source] == 0
        consumer.assign([source])
        records = [next(consumer), next(consumer)]
        assert [record.timestamp_type for record in records] == [1, 1]
        assert all(began - 1 <= record.timestamp / 1_000 <= time.time() + 1 for record in records)
    finally:
        producer.close()
        consumer.close()


def _topic_with_claims(bootstrap: str) -> str:
    from kafka.admin import KafkaAdminClient

    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        configs = {"retention.ms": "60000", "message.timestamp.type": "CreateTime"}
        admin.create_topics({"claims": {"num_partitions": 1, "replication_factor": 1, "configs": configs}})
    return "claims"
