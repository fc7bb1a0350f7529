"""What a lane writes into its changelog for the process that opens it next.

A process that dies without a word (memory, native code) leaves a count of openings that only grows: see `isolation.py`
and `item_trials.py`. A process that ends itself leaves the error, and the offsets of the turn that raised it.
"""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer

from streams.runtime.agent import micros
from streams.runtime.failure import cancellation_as_error, describe
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.item_trials import ITEMS
from streams.runtime.lane.poison_errors import TurnRaised, WorkRaised
from streams.runtime.lane.poison_work import is_recent
from streams.runtime.lane.state import (
    ChangelogRecord,
    LaneState,
    LastError,
    SuspectRange,
    item_trial_note,
    last_error_note,
    openings_note,
    record_trial_note,
    suspect_note,
)
from streams.runtime.lane.turn_commit import TurnCommits

#: Time limit of a request of the producer apart (milliseconds): the process is about to end.
_APART_MS = 1_000

_log = structlog.get_logger("confide.runtime")


class SuccessorNotes:
    """Writes the notes of one lane."""

    def __init__(self, lane: LaneId, state: LaneState, commits: TurnCommits) -> None:
        self._lane = lane
        self._state = state
        self._commits = commits

    @property
    def has_just_raised(self) -> bool:
        """Whether the process before this one ended with an error of this lane, a short time ago."""
        return (before := self._state.last_error) is not None and is_recent(before, self._lane.now())

    async def clear_openings(self) -> None:
        """End the counts of openings and of tries: this process does not die without a word."""
        if notes := self._ends_of_counts():
            await self._commits.write_notes(*notes)

    async def clear_openings_apart(self) -> None:
        """Do the same with a producer of its own, because Kafka failed the lane's: that is no record's fault.

        A partition that takes no records would otherwise have innocent records put aside: the changelog is another
        partition, and counts an opening for each process that it ends. Raises nothing: the process ends all the same.
        """
        notes = self._ends_of_counts()
        if not notes:
            return
        producer = AIOKafkaProducer(
            bootstrap_servers=self._lane.host.bootstrap, acks="all", request_timeout_ms=_APART_MS
        )
        try:
            with cancellation_as_error():
                async with asyncio.timeout(2 * _APART_MS / 1_000):
                    await producer.start()
                    for key, value, headers in notes:
                        await producer.send(
                            self._lane.group.changelog, value, key, self._lane.partition, headers=list(headers)
                        )
                    await producer.flush()
        except Exception as unwritten:  # noqa: BLE001 - see the docstring
            _log.error("the count of openings could not be reset", lane=self._lane.name, **describe(unwritten))
        finally:
            await asyncio.wait([asyncio.create_task(producer.stop())], timeout=_APART_MS / 1_000)

    def _ends_of_counts(self) -> list[ChangelogRecord]:
        topics = {*self._state.openings, *self._state.record_trials}
        notes = [note for topic in topics for note in (openings_note(topic, 0), record_trial_note(topic, None))]
        return [*notes, item_trial_note(None)] if notes else []

    async def write_error(self, raised: TurnRaised | WorkRaised, error: BaseException) -> None:
        """Write the error with which this process ends, and the offsets that the next one has to isolate.

        Raises nothing: the process ends all the same, and the next one writes the error if it raises too.
        """
        notes: list[ChangelogRecord] = [last_error_note(LastError(micros(self._lane.now()), type(error).__name__))]
        # This process does not die without a word.
        notes += [openings_note(ITEMS, 0), item_trial_note(None)]
        if isinstance(raised, TurnRaised):
            notes.append(suspect_note(raised.topic, SuspectRange(raised.begin, raised.end, type(error).__name__)))
        try:
            await self._commits.write_notes(*notes)
        except Exception as unwritten:  # noqa: BLE001 - see the docstring
            _log.error(
                "the error could not be recorded for the next process", lane=self._lane.name, **describe(unwritten)
            )
