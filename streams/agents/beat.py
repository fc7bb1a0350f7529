"""The beat of a DECIDE lane: how long it has been at work in all. The limits of its reports are counted by it.

A limit is counted in time at work, never by the time of day. So it does not matter if the clock of one process is ahead
of the next one's or behind it. And after an outage the limits have not all passed before the records that wait on
`deliveries` are read. See decisions 0022 and 0024.
"""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from streams.runtime import Turn

#: The key of its entry, and the name of its timer.
BEAT = b"h"
#: How often a lane with open reports records that it is at work, and from what silence on it was away (seconds).
_BEAT_SECONDS = 5.0
_OUTAGE_SECONDS = 10.0


class _Beat(BaseModel):
    """When the lane last recorded that it was at work, for how long in all (seconds), and how many reports are open."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alive_at: float
    worked: float = 0.0
    reports: int = 0


class Beat:
    """The beat of one lane, while this agent has the lane."""

    def __init__(self) -> None:
        #: No turn has begun yet: the time before the first one may be an absence.
        self._is_new = True

    def alive(self, turn: Turn) -> None:
        """Record that the lane is at work, if reports are open and the last beat is 5 s ago or of another process."""
        beat = _read(turn)
        if beat.reports > 0 and (self._is_new or turn.now.timestamp() - beat.alive_at >= _BEAT_SECONDS):
            _keep(turn, self._at(beat, turn))
        self._is_new = False

    def worked(self, turn: Turn) -> float:
        """Return how long the lane has been at work in all, until now (seconds)."""
        return self._at(_read(turn), turn).worked

    def count(self, turn: Turn, change: int) -> None:
        """Add `change` to the number of open reports: 1 for a report that opens, -1 for one that ends."""
        beat = self._at(_read(turn), turn)
        if beat.reports == 0:
            schedule(turn)
        _keep(turn, beat.model_copy(update={"reports": max(0, beat.reports + change)}))

    def begin_anew(self, turn: Turn, reports: int, worked: float) -> None:
        """Replace a lost beat, given the number of open reports and how long the lane was at work (seconds)."""
        _keep(turn, _Beat(alive_at=turn.now.timestamp(), worked=worked, reports=reports))
        schedule(turn)

    def resume(self, turn: Turn) -> None:
        """Schedule the next beat, if reports are open."""
        if _read(turn).reports > 0:
            schedule(turn)

    def _at(self, beat: _Beat, turn: Turn) -> _Beat:
        now = turn.now.timestamp()
        # Negative: the clock of the process before this one was ahead.
        silence = max(0.0, now - beat.alive_at)
        if beat.reports == 0:
            # No report was open, so no limit was running.
            silence = 0.0
        elif silence > _OUTAGE_SECONDS:
            # A new process: the lane was away, and was at work for up to one beat before. The same process: its turn
            # waited for the broker, or is slow. A part is counted: limits must pass even if that happens often.
            silence = _BEAT_SECONDS if self._is_new else _OUTAGE_SECONDS
        return beat.model_copy(update={"alive_at": now, "worked": beat.worked + silence})


def schedule(turn: Turn) -> None:
    """Schedule the next beat."""
    turn.schedule(BEAT, turn.now + timedelta(seconds=_BEAT_SECONDS))


def _read(turn: Turn) -> _Beat:
    stored = turn.get(BEAT)
    if stored is None:
        return _Beat(alive_at=turn.now.timestamp())
    try:
        return _Beat.model_validate_json(stored)
    except ValidationError:
        # Raising would put aside records that have nothing to do with it. The count is lost, so the beat continues.
        return _Beat(alive_at=turn.now.timestamp(), reports=1)


def _keep(turn: Turn, beat: _Beat) -> None:
    turn.put(BEAT, beat.model_dump_json().encode())
