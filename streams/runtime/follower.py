"""A copy of a compacted topic in this process, read_committed: what several lanes look up and none owns."""

import asyncio
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.runtime import fetching
from streams.runtime.failure import LaneBroken, end_process

Apply = Callable[[bytes | None, bytes | None], None]


class Follower:
    """Feeds every record of `topics` to `apply(key, value)`; a None value is a tombstone.

    Whatever `apply` raises ends the process: a copy with a hole would answer wrongly without knowing it.
    """

    def __init__(self, bootstrap: str, topics: Iterable[str], apply: Apply) -> None:
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._apply = apply
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._sources: list[TopicPartition] = []
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Read the topics from their beginning to their end as of now, then go on following them."""
        await self._refuse_missing_topics()
        # Its topics are compacted: their markers are emptied.
        fetching.install()
        # Without a group all partitions of the topics are this consumer's.
        consumer = self._consumer = AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._bootstrap,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        self._sources = sorted(consumer.assignment())
        self._task = asyncio.create_task(self._follow(consumer))
        await self.catch_up()

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await self._consumer.stop()

    async def catch_up(self) -> None:
        """Return once everything committed before this call was applied."""
        if self._consumer is None:
            raise LaneBroken("the follower was not started")
        ends = await self._consumer.end_offsets(self._sources)
        async with self._moved:
            await self._moved.wait_for(
                lambda: all(self._positions.get(source, 0) >= end for source, end in ends.items())
            )

    async def _refuse_missing_topics(self) -> None:
        # A consumer of a topic that does not exist waits for it 40 s, and its error does not name it.
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            missing = set(self._topics) - set(await admin.list_topics())
        finally:
            await admin.close()
        if missing:
            raise LaneBroken(f"topic {min(missing)} does not exist: run `confide topics apply`")

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                fetched = await consumer.getmany(timeout_ms=100)
                for records in fetched.values():
                    for record in records:
                        self._apply(record.key, record.value)
                positions = {source: await consumer.position(source) for source in self._sources}
                async with self._moved:
                    self._positions = positions
                    self._moved.notify_all()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"follower of {', '.join(self._topics)}", error)
