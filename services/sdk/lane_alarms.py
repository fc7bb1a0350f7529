"""The alarms of lanes and breakers: what the runtime and an endpoint say of themselves, as changes of causes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_never

from schemas.alarms import AlarmChanged, AlarmFact, breaker_cause, failing_cause, lane_cause
from schemas.vocabulary import Agency, AlarmKind, AlarmState
from services.sdk.alarm_writer import AlarmWriter
from streams.runtime import LaneCloses, LaneEvent, LaneOpens, LanePutsAside, LaneRefuses


def _now() -> datetime:
    return datetime.now(UTC)


class LaneAlarms:
    """Says of the lanes of one application which of them refuse or put work aside, and which work."""

    def __init__(self, writer: AlarmWriter, application: str, clock: Callable[[], datetime] = _now) -> None:
        self._writer = writer
        self._application = application
        self._clock = clock

    def hear(self, event: LaneEvent) -> None:
        """Take up what a lane says of itself."""
        cause = lane_cause(self._application, event.lane)
        match event:
            case LaneRefuses():
                self._put(cause, AlarmKind.LANE, AlarmState.RAISED, _facts(event))
            case LaneOpens():
                self._put(cause, AlarmKind.LANE, AlarmState.CLEARED, {})
            case LaneCloses():
                # Its next owner says whether it works; what waits here may be older than that.
                self._writer.forget(cause)
            case LanePutsAside(lane, error):
                # Cleared by the alarms' lane, once nothing was put aside for an hour.
                facts: dict[str, str | int] = {AlarmFact.LANE: lane}
                if error is not None:
                    facts[AlarmFact.ERROR] = error
                self._put(failing_cause(self._application, lane), AlarmKind.FAILING, AlarmState.RAISED, facts)
            case _:
                assert_never(event)

    def _put(self, cause: str, kind: AlarmKind, state: AlarmState, facts: dict[str, str | int]) -> None:
        self._writer.put(AlarmChanged(cause=cause, kind=kind, state=state, changed_at=self._clock(), facts=facts))


class BreakerAlarm:
    """Says whether the breaker of an agency is open."""

    def __init__(self, writer: AlarmWriter, agency: Agency, clock: Callable[[], datetime] = _now) -> None:
        self._writer = writer
        self._agency = agency
        self._clock = clock

    def changed(self, is_open: bool) -> None:
        """Take up that the breaker opened or closed, or that a new process had its first answer."""
        self._writer.put(
            AlarmChanged(
                cause=breaker_cause(self._agency),
                kind=AlarmKind.BREAKER,
                state=AlarmState.RAISED if is_open else AlarmState.CLEARED,
                changed_at=self._clock(),
                facts={AlarmFact.AGENCY: self._agency.value} if is_open else {},
            )
        )


def _facts(refused: LaneRefuses) -> dict[str, str | int]:
    facts: dict[str, str | int] = {AlarmFact.LANE: refused.lane, AlarmFact.ERROR: refused.error}
    if refused.backlog is not None:
        facts[AlarmFact.WAITING] = refused.backlog.waiting
        if refused.backlog.oldest_seconds is not None:
            facts[AlarmFact.OLDEST_SECONDS] = refused.backlog.oldest_seconds
    return facts
