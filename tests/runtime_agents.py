"""Simple agents of a worker that tests run; each fails at the place that a record's value names."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import Invalid
from streams.runtime import Agent, Origin, Record, Turn
from tests.runtime_plan import Plan


def _decode(plan: Plan, record: Record) -> str:
    word = (record.value or b"").decode(errors="replace")
    plan.fail("decode", word)
    if word.startswith("bad:"):
        raise Invalid.of("word", "is marked as bad")
    return word


class Count(Agent[str, None, None]):
    """Counts the records of each key, and writes for each record which lane counted it and how many there were."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            key = record.key or b""
            total = int(turn.get(key) or b"0") + 1
            turn.put(key, b"%d" % total)
            said = f"{word}|{record.topic}|{record.partition}|{record.offset}|{total}|{os.getpid()}"
            turn.send(self._plan.output, key, said.encode(), origin=Origin.of(record))
            self._plan.fail("handle", word)
            self._hang_or_die(word)
        if self._plan.record_seconds:
            threading.Event().wait(self._plan.record_seconds * len(batch))
        if self._plan.says("hold"):
            self._plan.note("holding", str(os.getpid()))
            while self._plan.says("hold"):
                threading.Event().wait(0.01)

    def _hang_or_die(self, word: str) -> None:
        """Hang, in Python or in native code, or end the process as the kernel does when memory runs out."""
        if self._plan.says("mended"):
            return
        while word.startswith("hang:"):
            threading.Event().wait(0.01)
        if word.startswith("hang-native:"):
            re.fullmatch("(a+)+", 60 * "a" + "b")
        if word.startswith("die:"):
            os.kill(os.getpid(), signal.SIGKILL)


class Effects(Agent[str, bool, bool]):
    """Owes an effect for each record until it is done. Its result: could others see the record that caused it?"""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    unfinished = b"owed "

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        turn.start(key.removeprefix(b"owed ").decode(), origin=Origin(value or None))

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            origin = Origin.of(record)
            turn.put(b"owed " + word.encode(), origin.traceparent or b"")
            turn.send(self._plan.output, record.key, f"started|{word}".encode(), origin=origin)
            turn.start(word, origin=origin)

    async def perform(self, effect: Any) -> bool:
        self._plan.note("performed", f"{effect}|{os.getpid()}")
        visible = f"started|{effect}".encode() in await _committed(self._plan)
        while self._plan.says("closed"):  # noqa: ASYNC110 - a file sets no event
            await asyncio.sleep(0.02)
        self._plan.fail("perform", effect)
        try:
            self._plan.fail("cancelled", effect)
        except KeyError:
            # As a library may do that cancels its own work.
            raise asyncio.CancelledError from None
        return visible

    def effect_done(self, effect: Any, result: bool, turn: Turn, origin: Origin) -> None:
        turn.drop(b"owed " + effect.encode())
        turn.send(self._plan.output, effect.encode(), f"settled|{effect}|{result}".encode(), origin=origin)
        self._plan.fail("settled", effect)


class Waits(Agent[str, None, None]):
    """`wait:SECONDS` sets a timer that writes `due`; `know:DAYS` writes `new`, or `known` if it knew the key before."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            key, (what, _, amount) = record.key or b"", word.partition(":")
            if what == "wait":
                turn.schedule(key, turn.now + timedelta(seconds=float(amount)))
                said = b"set"
            else:
                said = b"new" if turn.get(key) is None else b"known"
                turn.put(key, b"1", until=turn.now + timedelta(days=float(amount)))
            turn.send(self._plan.output, key, said, origin=Origin.of(record))

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        turn.send(self._plan.output, timer, b"due", origin=origin)


async def _committed(plan: Plan) -> set[bytes | None]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=plan.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        sources = [TopicPartition(plan.output, p) for p in consumer.partitions_for_topic(plan.output) or ()]
        consumer.assign(sources)
        ends = await consumer.end_offsets(sources)
        found: set[bytes | None] = set()
        while any([await consumer.position(source) < end for source, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=50)).values():
                found.update(record.value for record in records)
        return found
    finally:
        await consumer.stop()
