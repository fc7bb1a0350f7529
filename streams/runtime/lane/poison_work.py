"""The poison work of one lane (`poison_errors.py`): whether the lane is careful, and how it puts work aside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from schemas.telemetry import Attribute
from streams.runtime.agent import Agent, Output, PutAside, Record, Turn, micros
from streams.runtime.failure import LaneRefused, describe
from streams.runtime.lane import metrics
from streams.runtime.lane.groups import LaneContext, LaneId
from streams.runtime.lane.items import Item
from streams.runtime.lane.lane_events import LanePutsAside
from streams.runtime.lane.poison_errors import (
    CAREFUL_SECONDS,
    MAX_PUT_ASIDE,
    PUT_ASIDE_SECONDS,
    PoisonRecord,
    WorkRaised,
)
from streams.runtime.lane.rejection import entry_rejected
from streams.runtime.lane.state import ChangelogRecord, LaneState, LastError, put_aside_note
from streams.runtime.lane.transaction import Undeliverable


class _FillTurn(Protocol):
    """Fills a turn that puts work aside; `with_agent`: with the agent's part too."""

    def __call__(self, turn: Turn, *, with_agent: bool) -> None: ...


_MICROS = 1_000_000

_log = structlog.get_logger("confide.runtime")


class KeepsRaising(LaneRefused):
    """The agent of a lane raises on so much work that its code must be wrong."""


class CannotPutAside(LaneRefused):
    """Kafka refuses poison work on its `.rejected` topic too: the settings of that topic are wrong."""


@dataclass(frozen=True, slots=True)
class PreparedPutAside:
    """The turn that puts one piece of work aside, and `note`, the changelog record that counts it.

    `without_agent` makes the turn again without the agent's part, in case Kafka refuses that part.
    """

    lane: LaneId
    turn: Turn
    note: ChangelogRecord
    without_agent: Callable[[], Turn]
    #: Class of the error that the work raised.
    error: str

    async def commit(self, commit: Callable[[Turn, ChangelogRecord], Awaitable[None]]) -> list[tuple[Any, Any]]:
        """Commit the turn, and return the effects that it starts. Raises `CannotPutAside`."""
        turn = await self._commit(commit)
        self.lane.host.on_lane(LanePutsAside(self.lane.name, self.error))
        return turn.effects

    async def _commit(self, commit: Callable[[Turn, ChangelogRecord], Awaitable[None]]) -> Turn:
        try:
            await commit(self.turn, self.note)
        except Undeliverable as error:
            _log_without_human(self.lane.name, error)
            turn = self.without_agent()
            try:
                await commit(turn, self.note)
            except Undeliverable as again:
                raise CannotPutAside(f"lane {self.lane.name}: {again}") from again
            return turn
        return self.turn


def _log_without_human(lane: str, error: Exception) -> None:
    _log.critical("work is put aside, and its agent could not ask a human to look", lane=lane, **describe(error))


def is_recent(raised: LastError, now: datetime) -> bool:
    """Return whether a lane ended its process less than `CAREFUL_SECONDS` ago, so that it is careful now."""
    # The absolute difference: the clock of the process that ended may have been ahead of this one.
    return abs(micros(now) - raised.at) < CAREFUL_SECONDS * _MICROS


class PoisonWork:
    """The agent of a lane, and the work on which it raises."""

    def __init__(self, lane: LaneId, state: LaneState, partitions: int) -> None:
        self._lane = lane
        self._context = LaneContext(lane.group.name, lane.partition, partitions)
        self._state = state
        self.agent = self._made()

    @property
    def is_careful(self) -> bool:
        """Whether the lane isolates at once what raises, because it ended its process for that a short time ago."""
        return self._state.last_error is not None and is_recent(self._state.last_error, self._lane.now())

    @property
    def has_put_aside(self) -> bool:
        """Whether the lane put work aside within `PUT_ASIDE_SECONDS`, in this process or in one before."""
        return bool(self._recent(micros(self._lane.now())))

    def renew_agent(self) -> None:
        """Make a new agent: a turn that was dropped may have left traces in the old one. May raise `WorkRaised`."""
        self.agent = self._made()

    def record_put_aside(self, record: Record, error: BaseException) -> PreparedPutAside:
        """Return the turn that puts a record aside. Raises `KeepsRaising`."""
        self._log(error, topic=record.topic, partition=record.partition, offset=record.offset)
        note, invalid = self._counted(record.topic, error), PoisonRecord(type(error).__name__)

        def put_aside(turn: Turn, *, with_agent: bool) -> None:
            turn.reject(record, invalid)
            if with_agent:
                self.agent.rejected(record, invalid, turn)

        return self._prepared(put_aside, note, error)

    def item_put_aside(self, item: Item, error: BaseException) -> PreparedPutAside:
        """Return the turn that puts a timer, effect or entry aside. Raises `KeepsRaising`."""
        self._log(error)
        note = self._counted(self._lane.group.changelog, error)
        key = item.entry or self._entry_of(item)
        value = None if key is None else self._state.entries.get(key)
        work = PutAside(item.timer, item.effect, key, value, type(error).__name__)

        def put_aside(turn: Turn, *, with_agent: bool) -> None:
            turn.outputs.append(self._whole(work, turn))
            if item.timer is not None:
                turn.unschedule(item.timer)
            if key is not None:
                turn.drop(key)
            if with_agent:
                self.agent.put_aside(work, turn, item.origin)

        return self._prepared(put_aside, note, error)

    def _made(self) -> Agent[Any, Any, Any]:
        try:
            return self._lane.group.agent(self._context)
        except Exception as error:
            raise WorkRaised from error

    def _prepared(self, put_aside: _FillTurn, note: ChangelogRecord, raised: BaseException) -> PreparedPutAside:
        def without_agent() -> Turn:
            turn = self._state.turn(self._lane.now())
            put_aside(turn, with_agent=False)
            return turn

        turn = self._state.turn(self._lane.now())
        try:
            with self._lane.host.watchdog.call(self._lane.name):
                put_aside(turn, with_agent=True)
        except Exception as error:  # noqa: BLE001 - work must be put aside although the agent raises
            _log_without_human(self._lane.name, error)
            turn = without_agent()
        return PreparedPutAside(self._lane, turn, note, without_agent, type(raised).__name__)

    def _counted(self, topic: str, error: BaseException) -> ChangelogRecord:
        """Count one more piece of work that is put aside; raise `KeepsRaising` if that is too many."""
        now = micros(self._lane.now())
        times = self._recent(now)
        if len(times) >= MAX_PUT_ASIDE:
            raise KeepsRaising(
                f"{topic}-{self._lane.partition}: {type(error).__name__} again, with {MAX_PUT_ASIDE} records, timers, "
                f"effects or entries put aside within {PUT_ASIDE_SECONDS / 60:g} minutes"
            ) from error
        metrics.isolated.add(1, {Attribute.LANE_GROUP: self._lane.group.name, Attribute.TOPIC: topic})
        self._state.put_aside = [*times, now]
        return put_aside_note(self._state.put_aside)

    def _recent(self, now: int) -> list[int]:
        """Return when work was put aside, up to `PUT_ASIDE_SECONDS` before or after `now`.

        After it, because the clock of an earlier process may have been ahead.
        """
        return [at for at in self._state.put_aside if abs(now - at) < PUT_ASIDE_SECONDS * _MICROS]

    def _entry_of(self, item: Item) -> bytes | None:
        work = item.effect if item.timer is None else item.timer
        try:
            key = self.agent.entry_of(work)
        except Exception as error:  # noqa: BLE001 - as in `_prepared`
            _log.error("the entry of work that is put aside is not known", lane=self._lane.name, **describe(error))
            return None
        return key

    def _whole(self, work: PutAside, turn: Turn) -> Output:
        timer = None if work.timer is None else self._state.timers.get(work.timer)
        return entry_rejected(
            work,
            timer,
            changelog=self._lane.group.changelog,
            partition=self._lane.partition,
            by=self._lane.group.name,
            now=turn.now,
        )

    def _log(self, error: BaseException, **location: Any) -> None:
        _log.error("work failed again on its own and is put aside", lane=self._lane.name, **location, **describe(error))
