"""The alarms' lane: hears of every change, and calls the receiver, one call at a time, until it takes each.

    a change comes    → the cause kept, and whether the receiver is to hear of it
    something is due  → a call composed and kept                  → effect: the call
    delivered         → the call dropped, a pause                 → timer: the next call
    failed            → the call kept with its next attempt       → timer: the same call again

A call is in the state before it goes out, so a crash repeats it under the same idempotency key, and what it lists is
listed in no other call. What changes meanwhile joins the next one.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import structlog
from opentelemetry import metrics
from pydantic import ValidationError

from schemas.alarms import AlarmChanged
from schemas.codec import decode
from schemas.errors import Invalid
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import AlarmKind, AlarmState
from streams.domain.alarms import (
    BETWEEN_CALLS,
    MAX_LISTED,
    QUIET_AFTER,
    Call,
    CauseStatus,
    Place,
    advance,
    compose,
    known,
)
from streams.runtime import Agent, Cause, PutAside, Record, Turn

_CAUSE = b"cause/"
#: Cause → its place, for the causes that the receiver is to hear of.
_DUE = b"due/"
_CALL = b"call"
#: There from a delivered call until the next may be made, when the timer of that name is due.
_PAUSE = b"pause"
_RETRY = b"retry"
_QUIET = b"quiet/"
_NO_CAUSE = Cause()
_DELIVERED = "delivered"

_log = structlog.get_logger("confide.alarms")
_calls = metrics.get_meter("confide.alarms").create_counter(Metric.ALARM_CALLS, unit="{call}")


class AlarmPort(Protocol):
    """Whoever is called: a webhook, a command, the log."""

    async def deliver(self, call: Call) -> str | None:
        """Make the call once; return None where it was delivered, else a code that says why it was not."""


class Alarms(Agent[AlarmChanged, Call, str | None]):
    """The one lane of alarms."""

    unfinished = _CALL

    def __init__(self, port: AlarmPort) -> None:
        self._port = port

    def decode(self, record: Record) -> AlarmChanged:
        """Return the change; raise `Invalid` for anything else."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        _, fields = decode(record.value, "AlarmChanged")
        try:
            return AlarmChanged.model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None

    def handle(self, batch: Sequence[tuple[Record, AlarmChanged]], turn: Turn) -> None:
        """Keep the changes, and call where no call is under way."""
        for _, change in batch:
            self._apply(turn, change)
        self._call_next(turn)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - there is one call
        """Make the call again that was under way: its outcome is unknown."""
        call = Call.model_validate_json(value)
        if call.retry_at is None:
            turn.start(call, cause=_NO_CAUSE)
        else:
            turn.schedule(_RETRY, call.retry_at)

    async def perform(self, effect: Call) -> str | None:
        """Make the call."""
        try:
            return await self._port.deliver(effect)
        except Exception as error:  # noqa: BLE001 - an adapter that raises did not deliver: the call is made again
            return type(error).__name__

    def settled(self, effect: Call, result: str | None, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - alarms have no trace
        """Pause after a delivered call; have a failed one made again."""
        _calls.add(1, {Attribute.ERROR: result or _DELIVERED})
        if result is None:
            turn.drop(_CALL)
            self._pause(turn)
            return
        failed = effect.failed(turn.now)
        _log.error("alarm was not delivered and is tried again", reason=result, failures=failed.failures)
        turn.put(_CALL, failed.model_dump_json().encode())
        if failed.retry_at is not None:
            turn.schedule(_RETRY, failed.retry_at)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - alarms have no trace
        """Repeat a failed call, make the next one, or clear a lane that puts nothing aside any more."""
        if timer == _RETRY:
            self._repeat(turn)
        elif timer.startswith(_QUIET):
            self._clear(turn, timer.removeprefix(_QUIET))
        self._call_next(turn)

    def entry_of(self, work: bytes | Call) -> bytes | None:
        """Return the key of the call or of the cause that a timer or an effect belongs to."""
        if not isinstance(work, bytes) or work == _RETRY:
            return _CALL
        return _CAUSE + work.removeprefix(_QUIET) if work.startswith(_QUIET) else None

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - alarms have no trace
        """Say in the log, where the port cannot, that an alarm is lost; the others go on after a pause."""
        _log.critical("alarm was put aside and is not delivered", error=work.error)
        if work.entry is not None:
            turn.drop(_DUE + work.entry.removeprefix(_CAUSE))
        self._pause(turn)

    def _apply(self, turn: Turn, change: AlarmChanged) -> None:
        name = change.cause.encode()
        stored = turn.get(_CAUSE + name)
        before = None if stored is None else CauseStatus.model_validate_json(stored)
        status = advance(before, change)
        if status != before:
            self._keep(turn, name, status)
        if change.kind is AlarmKind.FAILING:
            if status is not None and status.is_raised:
                turn.schedule(_QUIET + name, turn.now + QUIET_AFTER)
            else:
                turn.unschedule(_QUIET + name)

    def _keep(self, turn: Turn, name: bytes, status: CauseStatus | None) -> None:
        if status is None:
            _drop(turn, _CAUSE + name)
            _drop(turn, _DUE + name)
            return
        turn.put(_CAUSE + name, status.model_dump_json().encode())
        if status.is_due:
            turn.put(_DUE + name, Place.of(status).to_bytes())
        else:
            _drop(turn, _DUE + name)

    def _clear(self, turn: Turn, name: bytes) -> None:
        stored = turn.get(_CAUSE + name)
        if stored is not None:
            status = CauseStatus.model_validate_json(stored)
            cleared = AlarmChanged(cause=status.cause, kind=status.kind, state=AlarmState.CLEARED, changed_at=turn.now)
            self._apply(turn, cleared)

    def _call_next(self, turn: Turn) -> None:
        """Compose and start a call of what is due, unless one is under way or the pause goes on."""
        if turn.get(_CALL) is not None or turn.get(_PAUSE) is not None:
            return
        waiting = [(Place.from_bytes(value), key) for key, value in turn.scan(_DUE)]
        if not waiting:
            return
        listed = []
        more = Counter(place.kind for place, _ in waiting)
        for place, key in heapq.nsmallest(MAX_LISTED, waiting):
            name = key.removeprefix(_DUE)
            status = CauseStatus.model_validate_json(turn.get(_CAUSE + name) or b"")
            more[place.kind] -= 1
            listed.append(status)
            self._keep(turn, name, known(status))
        call = compose(listed, more, turn.now)
        turn.put(_CALL, call.model_dump_json().encode())
        turn.start(call, cause=_NO_CAUSE)

    def _repeat(self, turn: Turn) -> None:
        stored = turn.get(_CALL)
        if stored is not None:
            call = Call.model_validate_json(stored).model_copy(update={"retry_at": None})
            turn.put(_CALL, call.model_dump_json().encode())
            turn.start(call, cause=_NO_CAUSE)

    def _pause(self, turn: Turn) -> None:
        ends = turn.now + BETWEEN_CALLS
        turn.put(_PAUSE, b"", until=ends)
        turn.schedule(_PAUSE, ends)


def _drop(turn: Turn, key: bytes) -> None:
    if turn.get(key) is not None:
        turn.drop(key)
