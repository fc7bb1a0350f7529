"""The alarms' lane: reads every change of an alarm, and calls the receiver, one call at a time, until it takes each.

    a change is read   → its cause is kept, with whether it is due: the receiver does not know it yet
    a cause is due     → a call is composed and kept                   → effect: the call
    call delivered     → the call is dropped, an interval begins       → timer: the next call
    call failed        → the call is kept with its next attempt        → timer: the same call again
    call given up      → the call is dropped, its causes are due again → timers: the next call, and a call of these

A call is kept before it is made. So a crash repeats it with the same idempotency key, and no other call lists its
causes until it is given up. A change that is read meanwhile joins the next call. Why a lane: see decision 0023.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from opentelemetry import metrics

from schemas.alarms import AlarmChanged
from schemas.codec import decode
from schemas.errors import Invalid
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import AlarmState
from streams.agents.decoding import validated
from streams.domain.alarm_calls import BETWEEN_CALLS, MAX_LISTED, Call, CallPosition, News, choose, compose, narrower
from streams.domain.alarms import (
    CUT_OFF_AT_MOST,
    LAST_CHANGE_KEPT,
    QUIET_AFTER,
    QUIET_BEFORE_ALL_CLEAR,
    QUIETENS,
    WRITTEN_BY_PROCESSES,
    CauseStatus,
    advance,
    due_again,
    known,
    quiet,
)
from streams.runtime import Agent, Origin, PutAside, Record, Turn
from streams.runtime.agent import micros

_CAUSE = b"cause/"
#: Cause → its order among the causes that are due.
_DUE = b"due/"
_CALL = b"call"
#: Key of the interval after a call: while it is in the state, no call is made. A timer of the same name ends it.
_INTERVAL = b"interval"
#: Key of the backoff of given-up causes: while it is in the state, no call lists them. Its timer has the same name.
_BACKOFF = b"backoff"
#: How many causes of given-up calls the next call may list; absent: MAX_LISTED.
_WIDTH = b"width"
_RETRY = b"retry"
#: Prefixes of timers. `_QUIET` clears a cause that was not raised again for QUIET_AFTER. `_CALM` makes the all-clear of
#: a cleared cause due once QUIET_BEFORE_ALL_CLEAR has passed.
_QUIET = b"quiet/"
_CALM = b"calm/"
#: Cause and source → when a process made the last change, for LAST_CHANGE_KEPT.
_LAST_CHANGE = b"last/"
_CUT_OFF_MICROS = CUT_OFF_AT_MOST // timedelta(microseconds=1)
_NO_ORIGIN = Origin()
_DELIVERED = "delivered"

_log = structlog.get_logger("confide.alarms")
_calls = metrics.get_meter("confide.alarms").create_counter(Metric.ALARM_CALLS, unit="{call}")


class AlarmPort(Protocol):
    """The receiver of alarms: a webhook, a command or the log."""

    async def deliver(self, call: Call) -> str | None:
        """Make the call once; return None if it was delivered, else a code for the reason."""


class Alarms(Agent[AlarmChanged, Call, str | None]):
    """The one lane of alarms."""

    unfinished = _CALL

    def __init__(self, port: AlarmPort) -> None:
        self._port = port

    def decode(self, record: Record) -> AlarmChanged:
        """Return the change of an alarm in the record; raise `Invalid` for any other record."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        _, fields = decode(record.value, "AlarmChanged")
        return validated(AlarmChanged, fields)

    def handle(self, batch: Sequence[tuple[Record, AlarmChanged]], turn: Turn) -> None:
        """Keep the changes, and start a call unless one is under way."""
        for record, change in batch:
            self._apply(turn, _by_the_brokers_clock(change, record))
        self._call_next(turn)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - there is one call
        """Make a call again that was under way before the restart: its outcome is unknown."""
        call = Call.model_validate_json(value)
        # A call that failed before has a timer in the state, which makes it again.
        if call.retry_at is None:
            turn.start(call, origin=_NO_ORIGIN)

    async def perform(self, effect: Call) -> str | None:
        """Make the call, and return what `AlarmPort.deliver` returns."""
        try:
            return await self._port.deliver(effect)
        except Exception as error:  # noqa: BLE001 - an adapter that raises did not deliver: the call is made again
            return type(error).__name__

    def effect_done(self, effect: Call, result: str | None, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - alarms have no trace
        """Begin an interval after a delivered call; repeat a failed one later, or give it up."""
        _calls.add(1, {Attribute.ERROR: result or _DELIVERED})
        if result is None:
            turn.drop(_CALL)
            if effect.is_again:
                self._set_width(turn, 2 * len(effect.listed))
                self._back_off(turn, 2 * BETWEEN_CALLS)
            self._begin_interval(turn)
            return
        failed = effect.failed(turn.now)
        if failed.is_given_up(result):
            self._give_up(turn, failed, result)
            return
        _log.error("alarm was not delivered and is tried again", reason=result, failures=failed.failures)
        turn.put(_CALL, failed.model_dump_json().encode())
        if failed.retry_at is not None:
            turn.schedule(_RETRY, failed.retry_at)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - alarms have no trace
        """Repeat a failed call, end an interval, or clear a quiet cause; then make the next call."""
        if timer == _RETRY:
            self._repeat(turn)
        elif timer in (_INTERVAL, _BACKOFF):
            turn.drop(timer)
        elif timer.startswith(_CALM):
            name = timer.removeprefix(_CALM)
            status = self._status(turn, name)
            if status is not None and status.is_held_back:
                self._keep(turn, name, quiet(status, turn.now))
        elif timer.startswith(_QUIET):
            self._clear(turn, timer.removeprefix(_QUIET))
        self._call_next(turn)

    def entry_of(self, work: bytes | Call) -> bytes | None:
        """Return the key of the call or the cause that a timer or an effect belongs to, None for an interval."""
        if not isinstance(work, bytes) or work == _RETRY:
            return _CALL
        for prefix in (_QUIET, _CALM):
            if work.startswith(prefix):
                return _CAUSE + work.removeprefix(prefix)
        return None

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - alarms have no trace
        """Log that an alarm is lost, as the port cannot report it; the other alarms continue after an interval."""
        _log.critical("alarm was put aside and is not delivered", error=work.error)
        if work.entry is not None:
            turn.drop(_DUE + work.entry.removeprefix(_CAUSE))
        self._begin_interval(turn)

    def _apply(self, turn: Turn, change: AlarmChanged) -> None:
        if change.kind in WRITTEN_BY_PROCESSES and _is_outdated(turn, change):
            return
        name = change.cause.encode()
        before = self._status(turn, name)
        status = advance(before, change, turn.now)
        if status != before:
            self._keep(turn, name, status)
        was_held_back = before is not None and before.is_held_back
        if status is not None and status.is_held_back:
            if not was_held_back:
                turn.schedule(_CALM + name, turn.now + QUIET_BEFORE_ALL_CLEAR[status.kind])
        elif was_held_back:
            turn.unschedule(_CALM + name)
        if change.kind in QUIETENS:
            if status is not None and status.is_raised:
                turn.schedule(_QUIET + name, turn.now + QUIET_AFTER)
            else:
                turn.unschedule(_QUIET + name)

    def _status(self, turn: Turn, name: bytes) -> CauseStatus | None:
        stored = turn.get(_CAUSE + name)
        return None if stored is None else CauseStatus.model_validate_json(stored)

    def _keep(self, turn: Turn, name: bytes, status: CauseStatus | None) -> None:
        if status is None:
            _drop(turn, _CAUSE + name)
            _drop(turn, _DUE + name)
            return
        turn.put(_CAUSE + name, status.model_dump_json().encode())
        if status.is_due:
            turn.put(_DUE + name, CallPosition.of(status).to_bytes())
        else:
            _drop(turn, _DUE + name)

    def _clear(self, turn: Turn, name: bytes) -> None:
        status = self._status(turn, name)
        if status is not None:
            cleared = AlarmChanged(cause=status.cause, kind=status.kind, state=AlarmState.CLEARED, changed_at=turn.now)
            self._apply(turn, cleared)

    def _call_next(self, turn: Turn) -> None:
        """Compose and start a call of what is due, unless one is under way or the interval goes on."""
        if turn.get(_CALL) is not None or turn.get(_INTERVAL) is not None:
            return
        waiting = [(CallPosition.from_bytes(value), key) for key, value in turn.scan(_DUE)]
        if not any(position.news is News.AGAIN for position, _ in waiting):
            _drop(turn, _WIDTH)
        # The backoff is longer than an interval, so a call of the others comes first.
        backs_off = turn.get(_BACKOFF) is not None
        chosen = choose(waiting, None if backs_off else int(turn.get(_WIDTH) or MAX_LISTED))
        if not chosen:
            return
        listed = []
        more = Counter(position.kind for position, _ in waiting)
        for position, key in chosen:
            name = key.removeprefix(_DUE)
            status = CauseStatus.model_validate_json(turn.get(_CAUSE + name) or b"")
            more[position.kind] -= 1
            listed.append(status)
            self._keep(turn, name, known(status))
        call = compose(listed, more, turn.now)
        turn.put(_CALL, call.model_dump_json().encode())
        turn.start(call, origin=_NO_ORIGIN)

    def _give_up(self, turn: Turn, call: Call, result: str) -> None:
        """Give a call up, and make its causes due again in smaller calls.

        Without it every other alarm would wait behind a body that the receiver never takes.
        """
        _log.critical(
            "call of alarms is given up, what it lists goes into smaller ones",
            reason=result,
            failures=call.failures,
            listed=len(call.listed),
        )
        turn.drop(_CALL)
        for listed in call.listed:
            name = listed.cause.encode()
            self._keep(turn, name, due_again(listed, self._status(turn, name), turn.now))
        self._set_width(turn, narrower(call))
        self._back_off(turn, call.backoff)
        self._begin_interval(turn)

    def _set_width(self, turn: Turn, width: int) -> None:
        if width < MAX_LISTED:
            turn.put(_WIDTH, b"%d" % width)
        else:
            _drop(turn, _WIDTH)

    def _back_off(self, turn: Turn, wait: timedelta) -> None:
        # A timer ends it. The end of an entry would count by the broker's time stamps.
        turn.put(_BACKOFF, b"")
        turn.schedule(_BACKOFF, turn.now + wait)

    def _repeat(self, turn: Turn) -> None:
        stored = turn.get(_CALL)
        if stored is not None:
            call = Call.model_validate_json(stored).model_copy(update={"retry_at": None})
            turn.put(_CALL, call.model_dump_json().encode())
            turn.start(call, origin=_NO_ORIGIN)

    def _begin_interval(self, turn: Turn) -> None:
        turn.put(_INTERVAL, b"")
        turn.schedule(_INTERVAL, turn.now + BETWEEN_CALLS)


def _drop(turn: Turn, key: bytes) -> None:
    if turn.get(key) is not None:
        turn.drop(key)


def _by_the_brokers_clock(change: AlarmChanged, record: Record) -> AlarmChanged:
    """Return the change with its time by the broker's clock; a lane's is bounded by its arrival.

    The clock of a process may be ahead or behind. Then changes of the next process would count as outdated.
    """
    arrived_at = record.arrived_at(change.changed_at)
    changed_at = min(change.changed_at, arrived_at)
    if change.writer and record.is_stamped:
        changed_at = arrived_at - timedelta(milliseconds=change.waited_ms)
    return change.model_copy(update={"changed_at": changed_at})


def _is_outdated(turn: Turn, change: AlarmChanged) -> bool:
    """Return whether another process made a later change of the same cause and source; if not, store this one's time.

    The changes of one process are in order. Their times need not be: the broker takes some records sooner than others.
    """
    key = _LAST_CHANGE + b"\0".join((change.cause.encode(), change.source.encode()))
    made_at, (last_at, writer) = micros(change.changed_at), _last_change(turn.get(key))
    is_of_another = not change.writer or change.writer != writer
    # A larger difference means that the broker's clock was set, not that the change is old: so the change counts.
    if is_of_another and 0 < last_at - made_at <= _CUT_OFF_MICROS:
        return True
    turn.put(key, b"%d %s" % (made_at, change.writer.encode()), until=turn.now + LAST_CHANGE_KEPT)
    return False


def _last_change(stored: bytes | None) -> tuple[int, str]:
    at, _, writer = (stored or b"0").partition(b" ")
    return int(at), writer.decode()
