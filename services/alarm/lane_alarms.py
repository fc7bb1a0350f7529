"""The alarms of lanes, clocks and agencies: what each says of itself, as changes of causes.

Each change has the time of the process's own clock (`streams/runtime/clock.py`), as all that the process writes. By the
machine's clock, one that is set back would make what is new look older than what the process said before.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import assert_never

from schemas.alarms import (
    AlarmChanged,
    AlarmFact,
    BreakerReason,
    breaker_cause,
    broker_clock_cause,
    clock_cause,
    failing_cause,
    lane_cause,
)
from schemas.vocabulary import Agency, AlarmKind, AlarmState
from services.alarm.alarm_writer import AlarmWriter
from streams.runtime import (
    BrokerAgrees,
    BrokerAhead,
    ClockAgrees,
    ClockStepped,
    LaneCloses,
    LaneEvent,
    LaneOpens,
    LanePutsAside,
    LaneRefuses,
)

#: How often a breaker that is open is said again (seconds), as a step of the clock is.
SAY_AGAIN_SECONDS = 60.0


class LaneAlarms:
    """Says of the lanes of one application which of them refuse or put work aside, and whether a clock was set.

    `machine` names the machine that the process runs on, and stays the same over its restarts.
    """

    def __init__(
        self,
        writer: AlarmWriter,
        application: str,
        clock: Callable[[], datetime],
        machine: Callable[[], str] = socket.gethostname,
    ) -> None:
        self._writer = writer
        self._machine = machine
        self._application = application
        self._clock = clock

    def hear(self, event: LaneEvent) -> None:
        """Take up what a lane says of itself, or the process's clock."""
        match event:
            case LaneRefuses(lane):
                self._put(lane_cause(self._application, lane), AlarmKind.LANE, AlarmState.RAISED, _facts(event))
            case LaneOpens(lane):
                self._put(lane_cause(self._application, lane), AlarmKind.LANE, AlarmState.CLEARED, {})
            case LaneCloses(lane):
                # Its next owner says whether it works; what waits here may be older than that.
                self._writer.forget(lane_cause(self._application, lane))
            case LanePutsAside(lane, error):
                # Cleared by the alarms' lane, once nothing was put aside for an hour.
                facts: dict[str, str | int] = {AlarmFact.LANE: lane}
                if error is not None:
                    facts[AlarmFact.ERROR] = error
                self._put(failing_cause(self._application, lane), AlarmKind.FAILING, AlarmState.RAISED, facts)
            case ClockStepped(seconds):
                differs: dict[str, str | int] = {
                    AlarmFact.APPLICATION: self._application,
                    AlarmFact.SECONDS: round(abs(seconds)),
                    AlarmFact.MACHINE_CLOCK: "ahead" if seconds > 0 else "behind",
                }
                self._put(self._clock_cause(), AlarmKind.CLOCK, AlarmState.RAISED, differs)
            case BrokerAhead(seconds):
                ahead: dict[str, str | int] = {
                    AlarmFact.APPLICATION: self._application,
                    AlarmFact.SECONDS: round(seconds),
                    AlarmFact.BROKER_CLOCK: "ahead",
                }
                self._put(self._broker_cause(), AlarmKind.CLOCK, AlarmState.RAISED, ahead)
            case BrokerAgrees():
                self._put(self._broker_cause(), AlarmKind.CLOCK, AlarmState.CLEARED, {})
            case ClockAgrees():
                self._put(self._clock_cause(), AlarmKind.CLOCK, AlarmState.CLEARED, {})
            case _:
                assert_never(event)

    def _clock_cause(self) -> str:
        return clock_cause(self._application, self._machine())

    def _broker_cause(self) -> str:
        return broker_clock_cause(self._application, self._machine())

    def _put(self, cause: str, kind: AlarmKind, state: AlarmState, facts: dict[str, str | int]) -> None:
        self._writer.put(AlarmChanged(cause=cause, kind=kind, state=state, changed_at=self._clock(), facts=facts))


class BreakerAlarm:
    """Says whether an agency takes reports, and why not, once for each lane of this process.

    Each lane is a source of the cause of its own. So the all-clear of one process ends nothing while the breaker of
    another is open, and the next owner of a lane can clear what a process raised that does not come back.
    """

    def __init__(self, writer: AlarmWriter, agency: Agency, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._agency = agency
        self._clock = clock
        self._lanes: set[str] = set()
        #: Whether this process knows yet, and why the agency takes no reports, None where it does.
        self._is_known = False
        self._why_open: BreakerReason | None = None

    def changed(self, why_open: BreakerReason | None) -> None:
        """Take up why the agency takes no reports, or None: that it took one."""
        self._is_known, self._why_open = True, why_open
        for lane in sorted(self._lanes):
            self._put(lane)

    @asynccontextmanager
    async def repeating(self, every: float = SAY_AGAIN_SECONDS) -> AsyncIterator[None]:
        """While the context lasts, say again after so many seconds that the agency takes no reports, if it is so.

        A lane that refuses and a clock that was set are said again and again too: an alarm does not depend on one
        record. The alarms' lane ignores repeats.
        """
        task = asyncio.create_task(self._repeat(every))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _repeat(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            if self._why_open is not None:
                self.changed(self._why_open)

    def hear(self, event: LaneEvent) -> None:
        """Take up that a lane came to this process, which says then what it knows, or left it."""
        match event:
            case LaneOpens(lane):
                self._lanes.add(lane)
                self._put(lane)
            case LaneCloses(lane):
                self._lanes.discard(lane)
                self._writer.forget(breaker_cause(self._agency), lane)
            case LaneRefuses() | LanePutsAside() | ClockStepped() | ClockAgrees() | BrokerAhead() | BrokerAgrees():
                pass
            case _:
                assert_never(event)

    def _put(self, lane: str) -> None:
        if self._is_known:
            facts: dict[str, str | int] = {}
            if self._why_open is not None:
                facts = {AlarmFact.AGENCY: self._agency.value, AlarmFact.REASON: self._why_open.value}
            self._writer.put(
                AlarmChanged(
                    cause=breaker_cause(self._agency),
                    kind=AlarmKind.BREAKER,
                    source=lane,
                    state=AlarmState.RAISED if facts else AlarmState.CLEARED,
                    changed_at=self._clock(),
                    facts=facts,
                )
            )


class FileAlarm:
    """Says that a file which a worker follows is wrong; the alarms' lane clears it an hour after the last time."""

    def __init__(self, writer: AlarmWriter, application: str, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._application = application
        self._clock = clock

    def refused(self, kind: str) -> None:
        """Take up that a file of that kind cannot be used."""
        self._writer.put(
            AlarmChanged(
                cause=failing_cause(self._application, kind),
                kind=AlarmKind.FAILING,
                state=AlarmState.RAISED,
                changed_at=self._clock(),
                facts={AlarmFact.FILE: str(kind)},
            )
        )


def _facts(refused: LaneRefuses) -> dict[str, str | int]:
    facts: dict[str, str | int] = {AlarmFact.LANE: refused.lane, AlarmFact.ERROR: refused.error}
    if refused.backlog is not None:
        facts[AlarmFact.WAITING] = refused.backlog.waiting
        if refused.backlog.oldest_seconds is not None:
            facts[AlarmFact.OLDEST_SECONDS] = refused.backlog.oldest_seconds
    return facts
