"""What a lane writes into its changelog for the process that opens it next.

A process that dies without a word (memory, native code) leaves a count of openings that only grows: see `isolation.py`
and `item_trials.py`. A process that ends itself leaves the error, and the offsets of the turn that raised it.
"""

import structlog

from streams.runtime.agent import micros
from streams.runtime.failure import describe
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
        topics = {*self._state.openings, *self._state.record_trials}
        if topics:
            notes = [note for topic in topics for note in (openings_note(topic, 0), record_trial_note(topic, None))]
            notes.append(item_trial_note(None))
            await self._commits.write_notes(*notes)

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
