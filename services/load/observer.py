"""The observer process: reads the topics with read_committed, takes the time of each record, and reconciles by id."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from schemas.agencies import AGENCIES
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.topics import CATALOGUE, TopicName, rejected
from schemas.vocabulary import CausedBy, DeliveryState, Outcome
from services.load import json_lines
from services.load.latency import Latencies
from services.load.plan import Kind, Options, Plan
from services.load.reconciliation import Reconciliation, Stage
from services.settings import Settings
from streams.runtime import fetcher_patch

#: Interval of the samples of the lag (seconds). Percentiles take time: only every fourth sample comes with latencies.
SAMPLE_SECONDS = 0.25
_LATENCY_EVERY = 4
_OUTCOMES = (str(TopicName.DECISIONS), str(TopicName.DELIVERIES), *(str(entry.reports) for entry in AGENCIES.values()))
_REJECTED = tuple(topic for name in CATALOGUE if (topic := rejected(name)) in CATALOGUE)
#: Longest fetch request for outcomes (ms). A record may be seen this much late, while a request waits at the broker.
_PROMPT_MILLISECONDS = 10
#: Longest fetch request for rejected records (ms). They have no latency, and few requests leave the broker undisturbed.
_SELDOM_MILLISECONDS = 500
_MOST_AT_ONCE = 5_000
_URGENCIES = (Kind.URGENT, Kind.ROUTINE)


class Observer:
    """The reconciliation of a plan so far, the latencies by stage and urgency, and the samples of the lag."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._start = float("inf")
        self.reconciliation = Reconciliation(plan, self._seen)
        self._latencies = {(stage, kind): Latencies() for stage in Stage for kind in _URGENCIES}
        #: Each sample: seconds from the start; disclosures due, decided, and decided of the backlog.
        self.samples: list[tuple[float, int, int, int]] = []
        self._last_decided_at = 0.0
        #: Count of records that could not be read and were passed over.
        self.passed_over = 0

    def begin(self, start: float) -> None:
        """Measure latencies from `start`, by the monotonic clock (seconds)."""
        self._start = start

    def take(self, record: Any, at: float) -> None:
        """Take one record that was read at `at`, by the monotonic clock (seconds)."""
        if record.topic not in _OUTCOMES:
            self.reconciliation.rejection(record.value or b"")
            return
        try:
            name, fields = decode(record.value or b"", "Decision", "Report", "DeliveryChanged")
        except Unreadable:
            self.passed_over += 1
            return
        self._take(name, fields, at)

    def sample(self, now: float) -> dict[str, Any]:
        """Sample the lag, keep the sample, and return it as JSON fields."""
        elapsed = now - self._start
        taken = self.reconciliation
        due = self._plan.due_by(elapsed)
        if elapsed >= 0:
            self.samples.append((round(elapsed, 3), due, taken.decided, taken.backlog_decided))
        return {
            "due": due,
            "decided": taken.decided,
            "backlog_decided": taken.backlog_decided,
            "settled": elapsed > self._plan.options.seconds and taken.is_settled(),
        }

    def so_far(self) -> dict[str, dict[str, float]]:
        """Return the median and the 99th percentile of each stage, in milliseconds."""
        found = {}
        for stage in Stage:
            percentiles = self._all(stage).percentiles((50.0, 99.0))
            if percentiles:
                found[stage.value] = {"p50": percentiles[50.0], "p99": percentiles[99.0]}
        return found

    def result(self) -> dict[str, Any]:
        """Return everything as JSON fields."""
        faults = self.reconciliation.faults()
        return {
            "latency": {
                stage.value: {
                    **{kind.name.lower(): self._latencies[stage, kind].fields() for kind in _URGENCIES},
                    "all": self._all(stage).fields(),
                }
                for stage in Stage
            },
            "samples": self.samples,
            "decided_after": self._last_decided_at,
            "outcomes": dict(self.reconciliation.outcomes),
            "passed_over": self.passed_over,
            "reconciliation": {
                "counts": dict(self.reconciliation.counts()),
                "faults": {fault.name.lower(): {"what": fault.value, "ids": ids} for fault, ids in faults.items()},
            },
        }

    def _take(self, name: str, fields: dict[str, Any], at: float) -> None:
        match name:
            case "Decision":
                self.reconciliation.decision(
                    fields["decision_id"],
                    fields["disclosure_id"],
                    person=fields["person"],
                    outcome=Outcome(fields["outcome"]),
                    agencies=[entry["agency"] for entry in fields["agencies"]],
                    caused_by=CausedBy(fields["caused_by"]),
                    at=at,
                )
            case "Report":
                self.reconciliation.report(
                    fields["report_id"], fields["decision_id"], fields["agency"], fields["disclosures"], at
                )
            case _:
                self.reconciliation.delivery(fields["report_id"], DeliveryState(fields["state"]), at)

    def _seen(self, stage: Stage, index: int, at: float) -> None:
        after = at - self._start - self._plan.due[index]
        self._latencies[stage, Kind(self._plan.kinds[index])].record(after)
        if stage is Stage.DECISION:
            self._last_decided_at = max(self._last_decided_at, at - self._start)

    def _all(self, stage: Stage) -> Latencies:
        both = Latencies()
        for kind in _URGENCIES:
            both.add(self._latencies[stage, kind])
        return both


async def main() -> None:
    """Receive the plan, seek to the end of the topics, receive the start, observe until `finish`, report the result."""
    received = json_lines.messages()
    task = await json_lines.next_message(received, "plan")
    plan = Plan(Options.of(task["options"]), task["run"])
    bootstrap = Settings.from_environment().bootstrap
    await _refuse_missing_topics(bootstrap)
    fetcher_patch.patch_aiokafka_fetcher()
    observer = Observer(plan)
    async with AsyncExitStack() as stack:
        outcomes = await stack.enter_async_context(_reader(bootstrap, _OUTCOMES, _PROMPT_MILLISECONDS))
        refusals = await stack.enter_async_context(_reader(bootstrap, _REJECTED, _SELDOM_MILLISECONDS))
        reading = [asyncio.create_task(_read(consumer, observer)) for consumer in (outcomes, refusals)]
        json_lines.send(ready="observer")
        reporting = asyncio.create_task(_report(observer))
        ending = asyncio.create_task(_until_finish(received, observer))
        # The first error is raised: otherwise an observer that no longer reads would report its records as missing.
        done, _ = await asyncio.wait((*reading, reporting, ending), return_when=asyncio.FIRST_COMPLETED)
        for each in (*reading, reporting, ending):
            each.cancel()
        for each in done:
            each.result()
    json_lines.send(result=observer.result())


async def _until_finish(received: AsyncIterator[dict[str, Any]], observer: Observer) -> None:
    observer.begin(float(await json_lines.next_message(received, "start")))
    await json_lines.next_message(received, "finish")


async def _report(observer: Observer) -> None:
    # The next time is computed from the one before, so that the time that a report takes does not delay later samples.
    next_at, reported = time.monotonic(), 0
    while True:
        json_lines.send(observed=observer.sample(time.monotonic()))
        if reported % _LATENCY_EVERY == 0:
            json_lines.send(latency=observer.so_far())
        reported += 1
        next_at += SAMPLE_SECONDS
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))


async def _read(consumer: Any, observer: Observer) -> None:
    while True:
        found = await consumer.getmany(timeout_ms=1_000, max_records=_MOST_AT_ONCE)
        at = time.monotonic()
        for records in found.values():
            for record in records:
                observer.take(record, at)


@asynccontextmanager
async def _reader(bootstrap: str, topics: tuple[str, ...], milliseconds: int) -> AsyncIterator[Any]:
    """Yield a consumer at the current end of all partitions of the topics."""
    # Without a consumer group, this consumer reads all partitions of the topics.
    consumer: Any = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    fetcher_patch.remove_fetch_delays(consumer, milliseconds)
    await consumer.start()
    try:
        fetcher_patch.remove_fetch_delays(consumer, milliseconds)
        for partition, end in (await consumer.end_offsets(sorted(consumer.assignment()))).items():
            consumer.seek(partition, end)
        yield consumer
    finally:
        await consumer.stop()


async def _refuse_missing_topics(bootstrap: str) -> None:
    # A consumer waits 40 s for a topic that does not exist, and its error does not name the topic.
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        missing = {*_OUTCOMES, *_REJECTED} - set(await admin.list_topics())
    finally:
        await admin.close()
    if missing:
        raise RuntimeError(f"topic {min(missing)} does not exist, run `confide topics apply`")


if __name__ == "__main__":
    json_lines.run(main())
