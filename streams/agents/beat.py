"""The beat of a DECIDE lane: for how long it was at work in all, by which the limits of its reports are counted.

A limit is counted in time at work and never by the time of day. So it does not matter whether the clock of one process
is ahead of the next one's or behind it, and no outage makes every limit pass before what waits on `deliveries` is read.
See decisions 0022 and 0024.
"""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from streams.runtime import Turn

#: Its entry, and the name of its timer.
BEAT = b"h"
#: How often a lane with open reports notes that it is at work, and how long an absence counts as an outage (seconds).
_BEAT_SECONDS = 5.0
_OUTAGE_SECONDS = 10.0


class _Beat(BaseModel):
    """When the lane was last noted at work, for how long it was in all (seconds), and how many reports are open."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alive_at: float
    worked: float = 0.0
    reports: int = 0


class Beat:
    """The beat of one lane, for as long as this agent has it."""

    def __init__(self) -> None:
        #: The agent was just made: what lies before its first turn may be an absence.
        self._is_new = True

    def alive(self, turn: Turn) -> None:
        """Note that the lane is at work, where reports are open and it was not noted of late."""
        beat = _read(turn)
        if beat.reports > 0 and (self._is_new or turn.now.timestamp() - beat.alive_at >= _BEAT_SECONDS):
            _keep(turn, self._at(beat, turn))
        self._is_new = False

    def worked(self, turn: Turn) -> float:
        """Return for how long the lane has been at work in all, until now (seconds)."""
        return self._at(_read(turn), turn).worked

    def count(self, turn: Turn, change: int) -> None:
        """Count a report that opens or ends."""
        beat = self._at(_read(turn), turn)
        if beat.reports == 0:
            schedule(turn)
        _keep(turn, beat.model_copy(update={"reports": max(0, beat.reports + change)}))

    def begin_anew(self, turn: Turn, reports: int, worked: float) -> None:
        """Replace a beat that was lost; `reports`: how many are open, `worked`: for how long the lane was at work."""
        _keep(turn, _Beat(alive_at=turn.now.timestamp(), worked=worked, reports=reports))
        schedule(turn)

    def resume(self, turn: Turn) -> None:
        """Set the next beat, as long as reports are open."""
        if _read(turn).reports > 0:
            schedule(turn)

    def _at(self, beat: _Beat, turn: Turn) -> _Beat:
        now = turn.now.timestamp()
        # Negative: the clock of the process before this one was ahead.
        silence = max(0.0, now - beat.alive_at)
        if beat.reports == 0:
            # Nothing was open, so nothing was kept waiting.
            silence = 0.0
        elif silence > _OUTAGE_SECONDS:
            # The lane was away, for up to a beat at work before that; or its turn waited for the broker, or is slow.
            # Counting a part gives an end to the limits of a lane that is so again and again.
            silence = _BEAT_SECONDS if self._is_new else _OUTAGE_SECONDS
        return beat.model_copy(update={"alive_at": now, "worked": beat.worked + silence})


def schedule(turn: Turn) -> None:
    """Set the next beat."""
    turn.schedule(BEAT, turn.now + timedelta(seconds=_BEAT_SECONDS))


def _read(turn: Turn) -> _Beat:
    stored = turn.get(BEAT)
    if stored is None:
        return _Beat(alive_at=turn.now.timestamp())
    try:
        return _Beat.model_validate_json(stored)
    except ValidationError:
        # No record of the lane is to be put aside for it. How many are open is not known, so the beat goes on.
        return _Beat(alive_at=turn.now.timestamp(), reports=1)


def _keep(turn: Turn, beat: _Beat) -> None:
    turn.put(BEAT, beat.model_dump_json().encode())
