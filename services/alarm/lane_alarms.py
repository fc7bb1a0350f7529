"""Raises and clears the alarms of lanes, clocks, agencies and followed files, as changes of causes.

Each change has the time of the process's own clock (`streams/runtime/clock.py`), like all its records. With the
machine's clock, a clock that is set back would make a new change look older than an earlier one.
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
    hidden_cause,
    lane_cause,
    passed_over_cause,
)
from schemas.vocabulary import Agency, AlarmKind, AlarmState
from services.alarm.alarm_writer import AlarmWriter
from streams.runtime import (
    BrokerAgrees,
    BrokerAhead,
    ClockAgrees,
    ClockStepped,
    FollowerEvent,
    FollowerPassesOver,
    LaneCloses,
    LaneEvent,
    LaneOpens,
    LanePutsAside,
    LaneRefuses,
    RecordsHidden,
    RecordsShown,
)

#: How often the alarm of an open breaker is repeated (seconds), as that of a clock step is.
SAY_AGAIN_SECONDS = 60.0


class LaneAlarms:
    """Alarms of one application: lanes that refuse or put work aside, unread records, and a clock that was set.

    `machine` returns the name of the machine, which stays the same over restarts of the process.
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

    def on_event(self, event: LaneEvent) -> None:
        """Turn an event of a lane or of the process's clock into a change of its cause."""
        match event:
            case LaneRefuses(lane):
                self._put(lane_cause(self._application, lane), AlarmKind.LANE, AlarmState.RAISED, _facts(event))
            case LaneOpens(lane):
                self._put(lane_cause(self._application, lane), AlarmKind.LANE, AlarmState.CLEARED, {})
            case LaneCloses(lane):
                # The next owner of the lane reports its state; a change queued here may be older.
                self._writer.forget(lane_cause(self._application, lane))
            case LanePutsAside(lane, error):
                # The alarms' lane clears it when no work was put aside for an hour.
                facts: dict[str, str | int] = {AlarmFact.LANE: lane}
                if error is not None:
                    facts[AlarmFact.ERROR] = error
                self._put(failing_cause(self._application, lane), AlarmKind.FAILING, AlarmState.RAISED, facts)
            case FollowerPassesOver() | RecordsHidden() | RecordsShown():
                self._on_records(event)
            case ClockStepped(seconds):
                stepped: dict[str, str | int] = {
                    AlarmFact.APPLICATION: self._application,
                    AlarmFact.SECONDS: round(abs(seconds)),
                    AlarmFact.MACHINE_CLOCK: "ahead" if seconds > 0 else "behind",
                }
                self._put(self._clock_cause(), AlarmKind.CLOCK, AlarmState.RAISED, stepped)
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

    def _on_records(self, event: FollowerEvent) -> None:
        match event:
            case FollowerPassesOver(topic, partition, offset, error):
                # Cleared as a failing lane: it is over when the record is not met again, for example after a restart.
                passed = {**_place(topic, partition), AlarmFact.OFFSET: offset, AlarmFact.ERROR: error}
                cause = passed_over_cause(self._application, topic, partition)
                self._put(cause, AlarmKind.FAILING, AlarmState.RAISED, passed)
            case RecordsHidden(topic, partition, seconds):
                hidden = {**_place(topic, partition), AlarmFact.SECONDS: round(seconds)}
                cause = hidden_cause(self._application, topic, partition)
                self._put(cause, AlarmKind.HIDDEN, AlarmState.RAISED, hidden)
            case RecordsShown(topic, partition):
                cause = hidden_cause(self._application, topic, partition)
                self._put(cause, AlarmKind.HIDDEN, AlarmState.CLEARED, {})
            case _:
                assert_never(event)

    def _clock_cause(self) -> str:
        return clock_cause(self._application, self._machine())

    def _broker_cause(self) -> str:
        return broker_clock_cause(self._application, self._machine())

    def _put(self, cause: str, kind: AlarmKind, state: AlarmState, facts: dict[str, str | int]) -> None:
        self._writer.put(AlarmChanged(cause=cause, kind=kind, state=state, changed_at=self._clock(), facts=facts))


class BreakerAlarm:
    """Alarm of one agency that accepts no reports, with the reason, once for each lane of this process.

    Each lane is a separate source of the cause. So the all-clear of one process does not end the alarm of another whose
    breaker is open, and the next owner of a lane can clear the alarm of a process that does not come back.
    """

    def __init__(self, writer: AlarmWriter, agency: Agency, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._agency = agency
        self._clock = clock
        self._lanes: set[str] = set()
        #: Whether the state is known yet, and why the agency accepts no reports; None if it accepts them.
        self._is_known = False
        self._why_open: BreakerReason | None = None

    def changed(self, why_open: BreakerReason | None) -> None:
        """Report why the agency accepts no reports, or None: it accepted one."""
        self._is_known, self._why_open = True, why_open
        for lane in sorted(self._lanes):
            self._put(lane)

    @asynccontextmanager
    async def repeating(self, every: float = SAY_AGAIN_SECONDS) -> AsyncIterator[None]:
        """While the context is open, repeat a raised alarm after every `every` seconds.

        The alarms of a refusing lane and of a set clock are repeated too: an alarm must not depend on one record. The
        alarms' lane ignores repeats.
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

    def on_event(self, event: LaneEvent) -> None:
        """Report the known state for a lane that opens in this process; forget a lane that closes."""
        match event:
            case LaneOpens(lane):
                self._lanes.add(lane)
                self._put(lane)
            case LaneCloses(lane):
                self._lanes.discard(lane)
                self._writer.forget(breaker_cause(self._agency), lane)
            case LaneRefuses() | LanePutsAside() | ClockStepped() | ClockAgrees() | BrokerAhead() | BrokerAgrees():
                pass
            case FollowerPassesOver() | RecordsHidden() | RecordsShown():
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
    """Alarm of a wrong file that a worker follows; the alarms' lane clears it an hour after its last change."""

    def __init__(self, writer: AlarmWriter, application: str, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._application = application
        self._clock = clock

    def refused(self, kind: str) -> None:
        """Raise the alarm: a file of that kind cannot be used."""
        self._writer.put(
            AlarmChanged(
                cause=failing_cause(self._application, kind),
                kind=AlarmKind.FAILING,
                state=AlarmState.RAISED,
                changed_at=self._clock(),
                facts={AlarmFact.FILE: str(kind)},
            )
        )


def _place(topic: str, partition: int) -> dict[str, str | int]:
    return {AlarmFact.TOPIC: str(topic), AlarmFact.PARTITION: partition}


def _facts(refused: LaneRefuses) -> dict[str, str | int]:
    facts: dict[str, str | int] = {AlarmFact.LANE: refused.lane, AlarmFact.ERROR: refused.error}
    if refused.backlog is not None:
        facts[AlarmFact.WAITING] = refused.backlog.waiting
        if refused.backlog.oldest_seconds is not None:
            facts[AlarmFact.OLDEST_SECONDS] = refused.backlog.oldest_seconds
    return facts
