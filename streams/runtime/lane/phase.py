"""The life of a lane in its process: its phases, and what changes them, as one table.

| phase | meaning |
|---|---|
| `OPENING` | restores its state; takes no batch yet |
| `OPENING_HELD` | the same, while the consumer group deals its partitions out anew |
| `OPEN` | works |
| `HELD` | open, but begins no turn: after the rebalance another process may own the lane |
| `FENCED` | held when another writer fenced it; the rebalance decides whether that writer was right |
| `REFUSED` | works nothing off and reports that until it closes; the other lanes of the process go on |
| `CLOSING` | finishes the turn in flight, then leaves this process |
| `ENDING` | cannot go on, and ends the process |

`TRANSITIONS` is complete: a change that it does not list is a fault in this program and raises `LaneBroken`.
"""

from collections.abc import Mapping
from enum import StrEnum

from streams.runtime.failure import LaneBroken


class Phase(StrEnum):
    """Where a lane is in its life; the module's table says what each phase means."""

    OPENING = "opening"
    OPENING_HELD = "opening held"
    OPEN = "open"
    HELD = "held"
    FENCED = "fenced"
    REFUSED = "refused"
    CLOSING = "closing"
    ENDING = "ending"


class Change(StrEnum):
    """What happens to a lane."""

    #: Its state is restored, and its unfinished entries are resumed.
    OPENED = "opened"
    #: A rebalance began.
    HELD = "held"
    #: The rebalance ended, and the lane is still this process's.
    RELEASED = "released"
    #: Another writer of the lane fenced it.
    FENCED = "fenced"
    #: It must not work: its state or its records do not fit.
    REFUSED = "refused"
    #: The lane goes to another process, or this process stops.
    CLOSED = "closed"


_P, _C = Phase, Change

#: The next phase, by the phase and the change.
TRANSITIONS: Mapping[Phase, Mapping[Change, Phase]] = {
    _P.OPENING: {
        _C.OPENED: _P.OPEN,
        _C.HELD: _P.OPENING_HELD,
        _C.RELEASED: _P.OPENING,
        _C.FENCED: _P.ENDING,
        _C.REFUSED: _P.REFUSED,
        _C.CLOSED: _P.CLOSING,
    },
    _P.OPENING_HELD: {
        _C.OPENED: _P.HELD,
        _C.HELD: _P.OPENING_HELD,
        _C.RELEASED: _P.OPENING,
        _C.FENCED: _P.FENCED,
        _C.REFUSED: _P.REFUSED,
        _C.CLOSED: _P.CLOSING,
    },
    _P.OPEN: {
        _C.HELD: _P.HELD,
        _C.RELEASED: _P.OPEN,
        _C.FENCED: _P.ENDING,
        _C.REFUSED: _P.REFUSED,
        _C.CLOSED: _P.CLOSING,
    },
    _P.HELD: {
        _C.HELD: _P.HELD,
        _C.RELEASED: _P.OPEN,
        _C.FENCED: _P.FENCED,
        _C.REFUSED: _P.REFUSED,
        _C.CLOSED: _P.CLOSING,
    },
    # Still this process's lane after the rebalance: the writer that fenced it was not its next owner.
    _P.FENCED: {_C.HELD: _P.FENCED, _C.RELEASED: _P.ENDING, _C.CLOSED: _P.CLOSING},
    _P.REFUSED: {_C.HELD: _P.REFUSED, _C.RELEASED: _P.REFUSED, _C.CLOSED: _P.CLOSING},
    # The turn in flight may still be refused or fenced, and aiokafka may swallow the cancellation of an opening, which
    # then ends as opened. The lane leaves this process all the same.
    _P.CLOSING: {
        _C.OPENED: _P.CLOSING,
        _C.HELD: _P.CLOSING,
        _C.RELEASED: _P.CLOSING,
        _C.FENCED: _P.CLOSING,
        _C.REFUSED: _P.CLOSING,
        _C.CLOSED: _P.CLOSING,
    },
    # Closed before its task could end the process: the lane leaves it.
    _P.ENDING: {_C.HELD: _P.ENDING, _C.RELEASED: _P.ENDING, _C.CLOSED: _P.CLOSING},
}


class LanePhase:
    """The phase of one lane."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self.now = Phase.OPENING

    def change(self, change: Change) -> Phase:
        """Go to the next phase, and return it; raise `LaneBroken` for a change that the phase does not have."""
        following = TRANSITIONS[self.now].get(change)
        if following is None:
            raise LaneBroken(f"lane {self._lane}: cannot be {change} while it is {self.now}")
        self.now = following
        return following

    @property
    def is_open(self) -> bool:
        """Whether the lane has its state and takes batches."""
        return self.now in (Phase.OPEN, Phase.HELD)

    @property
    def begins_no_turn(self) -> bool:
        """Whether the lane finishes what it has begun, and begins nothing else."""
        return self.now not in (Phase.OPENING, Phase.OPEN)
