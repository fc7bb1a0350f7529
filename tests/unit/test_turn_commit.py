"""The commit of a turn: the ended entries that it drops beside the turn's own changes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.runtime import LaneGroup, Output
from streams.runtime.agent import micros
from streams.runtime.lane.groups import LaneHost, LaneId
from streams.runtime.lane.metrics import LaneMetrics
from streams.runtime.lane.state import LaneState
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.lane.urgency import UrgencyGate

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)


class Writer:
    """A writer that keeps the outputs that it delivers."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    async def deliver(self, outputs: Iterable[Output], *_: Any) -> None:
        self.outputs += outputs


async def test_an_entry_that_is_put_anew_in_the_turn_that_drops_ended_ones_stays() -> None:
    group = LaneGroup("lane", ("source",), lambda _: None, "changelog")  # type: ignore[arg-type,return-value]
    writer, state = Writer(), LaneState()
    lane = LaneId(group, 0, LaneHost("app", "nowhere:1", UrgencyGate()))
    commits = TurnCommits(lane, writer, state, LaneMetrics("lane", 0))  # type: ignore[arg-type]
    turn = state.turn(NOW)
    for key in (b"again", b"gone"):
        turn.put(key, b"first", until=NOW + timedelta(minutes=1))
    await commits.commit(turn, {"source": 1})
    state.note_stamp((micros(NOW) + 120_000_000) // 1_000)
    later = state.turn(NOW + timedelta(minutes=2))
    later.put(b"again", b"second", until=NOW + timedelta(minutes=3))
    await commits.commit(later, {"source": 2})
    assert state.entries == {b"again": b"second"}
    changes = [(output.key, output.value) for output in writer.outputs if (output.key or b"").startswith(b"s")]
    assert changes[2:] == [(b"sagain", b"second"), (b"sgone", None)]
