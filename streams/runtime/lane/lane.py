"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each.

Only one process writes a lane: its writer fences every earlier one (`TransactionalWriter.start`).

`phase.py` holds the table of a lane's life, `open_lane.py` what a lane does while it is open.
"""

import asyncio
import time

import structlog
from aiokafka.errors import KafkaError

from streams.runtime.cancelling import cancel_until_done
from streams.runtime.failure import LaneRefused, cancellation_as_error, describe, end_process
from streams.runtime.lane import metrics
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.changelog import Progress
from streams.runtime.lane.groups import LaneGroup, LaneHost, LaneId
from streams.runtime.lane.item_trials import ITEMS
from streams.runtime.lane.lane_events import LaneCloses, LaneOpens, LanePutsAside
from streams.runtime.lane.open_lane import OpenLane
from streams.runtime.lane.opening import Opened, TransactionHangs, open_state
from streams.runtime.lane.opening_watch import ATTEMPT_SECONDS, OpeningProgress, OpeningWatch, attempts
from streams.runtime.lane.pending_work import PendingWork
from streams.runtime.lane.phase import Change, LanePhase, Phase
from streams.runtime.lane.poison_errors import TurnRaised, WorkRaised
from streams.runtime.lane.poison_work import KeepsRaising
from streams.runtime.lane.refusal import REPORT_SECONDS, Refusal
from streams.runtime.lane.state import openings_note
from streams.runtime.lane.successor_notes import SuccessorNotes
from streams.runtime.lane.timer_gate import FetchProgress
from streams.runtime.lane.transaction import FENCED, TransactionalWriter
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.steps import Step

#: How long a rebalance waits for the turns in flight (seconds): heartbeats stop meanwhile, for a session of 6.
HOLD_SECONDS = 3.0
#: How soon a lane whose changelog has an open transaction tries to open again (seconds).
_OPEN_AGAIN_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


class Lane:
    """A lane while it is assigned to this process."""

    def __init__(self, group: LaneGroup, partition: int, host: LaneHost) -> None:
        self._id = LaneId(group, partition, host)
        self._phase = LanePhase(self._id.name)
        self._pending = PendingWork(self._id, self._phase)
        #: Topics whose fetch is to begin anew at the group's present offset.
        self.to_seek: set[str] = set()
        #: Set while the lane is held and has no turn in flight.
        self._idle = asyncio.Event()
        #: Set once the lane is open, or has refused.
        self.resolved = asyncio.Event()
        self._writer = TransactionalWriter(host.bootstrap, f"{host.application}-{self._id.name}", host.application)
        self._opening = OpeningProgress(self._id.name)
        #: The progress of the present attempt to open: it restores from the beginning again.
        self._attempt = OpeningProgress(self._id.name)
        #: Offsets of the changelog that this attempt has passed, and the most that any has.
        self._passed = self._restored = -1
        self._task: asyncio.Task[None] | None = None
        # Made while the lane opens.
        self._notes: SuccessorNotes
        self._opened: OpenLane | None = None
        self.metrics = metrics.LaneMetrics(
            group.name,
            partition,
            ends=self._pending.ends,
            waiting_bytes=self._pending.queues.waiting_bytes(),
            oldest=self._pending.oldest_stamp,
            now=self._id.now,
            is_lane_open=lambda: self._phase.is_open,
        )
        self._refusal = Refusal(self._id, self._writer, self.metrics, self.resolved)

    def start(self, ready: asyncio.Event, after: "asyncio.Task[None] | None" = None) -> None:
        """Open and work in a task of its own, once `ready` is set: no rebalance waits for it.

        `after`: the close of the same lane, which left this process and comes back before its turn has ended.
        """
        metrics.publish(self.metrics)
        self._pending.start()
        self._task = asyncio.create_task(self._run(ready, after))

    def enqueue(self, batch: Batch) -> None:
        """Queue a batch that was fetched, unless its topic is to be fetched anew from an earlier offset."""
        if batch.topic not in self.to_seek:
            self._pending.enqueue(batch)

    def is_full(self, topic: str) -> bool:
        """Return whether the next fetch leaves this topic out; the other topics' queues do not count."""
        return self._pending.queues.is_full(topic)

    def note_end(self, topic: str, end: int) -> None:
        """Note where a source's log ends, by the last fetch response; from any thread."""
        self._pending.ends[topic] = end

    def note_fetch(self, topic: str, progress: FetchProgress) -> None:
        """Note how far a source was fetched; from any thread."""
        self._pending.note_fetch(topic, progress)

    def note_out_of_range(self, topic: str, position: int) -> None:
        """Note a position of the fetch at which Kafka had no record; from any thread."""
        self._pending.note_out_of_range(topic, position)

    async def hold(self) -> None:
        """Finish the turn in flight and begin no other until `release`.

        Once the group knows that this member gave the lane up, another member may own it, and that one fences at once.
        Queued batches are kept. If this process keeps the lane, their records are fetched a second time and skipped.
        """
        phase = self._phase.change(Change.HELD)
        self._pending.wake()
        if phase in (Phase.HELD, Phase.CLOSING) and self._task is not None:
            self._idle.clear()
            idle = asyncio.create_task(self._idle.wait())
            # After a longer wait the group would give this member up; another would fence its lanes, and it would end.
            await asyncio.wait([idle, self._task], timeout=HOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()

    def release(self) -> None:
        """Work again: the lane is still this process's. Nothing was fetched meanwhile."""
        self._phase.change(Change.RELEASED)
        self._pending.timer_gate.reset()
        self._pending.wake()

    async def close(self) -> None:
        """Finish the turn in flight, drop what waits, close the producer. May be called again."""
        finishes_turn = self._phase.is_open or self._phase.now is Phase.CLOSING
        self._phase.change(Change.CLOSED)
        self._pending.wake()
        if self._task is not None and finishes_turn:
            await asyncio.wait([self._task])
        elif self._task is not None:
            await cancel_until_done(self._task)
        self._pending.queues.clear()
        self._pending.update_urgency()
        metrics.withdraw(self.metrics)
        for topic in self._id.group.sources:
            self._id.host.clock.stamps.forget((topic, self._id.partition))
        self._id.host.on_lane(LaneCloses(self._id.name))
        await self._writer.stop()

    async def _run(self, ready: asyncio.Event, after: "asyncio.Task[None] | None" = None) -> None:
        try:
            # A lane that ends without a word would stand still, and no other process would get it.
            with cancellation_as_error():
                await ready.wait()
                if after is not None:
                    await asyncio.wait([after])
                await self._live()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            await self._end(error)
        finally:
            self._cancel_effects()

    async def _live(self) -> None:
        try:
            opened_lane = await self._open_at_last()
            await opened_lane.work()
            await self._notes.clear_openings()
        except LaneRefused as refused:
            await self._refuse(refused)
        except (TurnRaised, WorkRaised) as raised:
            await self._end_after(raised)
        except FENCED as fenced:
            await self._leave_fenced(fenced)

    async def _open_at_last(self) -> OpenLane:
        """Open; try again while a transaction on the changelog is open, which ends or is ended in time."""
        async with OpeningWatch(self._refusal.report, self._opening):
            reported_at = float("-inf")
            while True:
                try:
                    found = await attempts(self._open_state, self._writer.renew, self._attempt, ATTEMPT_SECONDS)
                except TransactionHangs as hangs:
                    if time.monotonic() - reported_at >= REPORT_SECONDS:
                        await self._refusal.report(hangs)
                        reported_at = time.monotonic()
                    await asyncio.sleep(_OPEN_AGAIN_SECONDS)
                    self._opening.moved()
                else:
                    opened_lane = await self._open(found)
                    self._refusal.end()
                    return opened_lane

    async def _open_state(self) -> Opened:
        return await open_state(self._id, self._writer, self._note_progress)

    async def _open(self, found: Opened) -> OpenLane:
        state = found.state
        # Counted from here on, and no more once an offset moves; the process may end at any time.
        openings = {topic: state.openings.pop(topic, 0) + 1 for topic in (*self._id.group.sources, ITEMS)}
        commits = TurnCommits(self._id, self._writer, state, self.metrics)
        notes = [*found.notes, *(openings_note(topic, count) for topic, count in openings.items())]
        turn = state.turn(self._id.now())
        if shortened := state.limit_waits(turn):
            _log.warning("the clock is behind the one by which timers were set", lane=self._id.name, timers=shortened)
        # From here on the opening does not begin anew: it would be counted twice.
        with self._id.host.watchdog.turn(self._id.name):
            await commits.commit(turn, found.unwritten, notes)
        self.to_seek |= found.read_again
        # Fetched before the lane knew that these begin earlier.
        self._pending.queues.clear(found.read_again)
        state.openings.update(openings)
        self.metrics.next_offsets = self._refusal.next_offsets = state.next_offsets
        self._notes = SuccessorNotes(self._id, state, commits)
        self._opened = OpenLane(self._id, self._pending, self._phase, self._idle, state, commits, found.partitions)
        await self._opened.resume_entries(self._opening.moved)
        self._phase.change(Change.OPENED)
        self.resolved.set()
        self._pending.update_urgency()
        self._id.host.on_lane(LaneOpens(self._id.name))
        if self._opened.has_put_aside:
            # The process that did so may have ended before anything outside heard of it.
            self._id.host.on_lane(LanePutsAside(self._id.name, None))
        self._id.step(Step.OPENED)
        return self._opened

    def _note_progress(self, progress: Progress) -> None:
        if progress.passed != self._passed:
            self._passed = progress.passed
            self._attempt.moved()
        if progress.passed > self._restored:
            self._restored = progress.passed
            self._opening.moved()
        self.metrics.restore = progress

    async def _leave_fenced(self, fenced: BaseException) -> None:
        """End the process, unless a rebalance gives the lane away: then its next owner was right to fence.

        During a rebalance this member may not know yet that the lane is no longer its own.
        """
        phase = self._phase.change(Change.FENCED)
        _log.warning("a lane is fenced", lane=self._id.name, is_held=phase is Phase.FENCED, **describe(fenced))
        self._pending.update_urgency()
        self._cancel_effects()
        self._idle.set()
        while self._phase.now is Phase.FENCED:
            self._pending.clear_wake()
            await self._pending.wait()
        if self._phase.now is not Phase.CLOSING:
            await self._end(fenced)

    async def _end(self, error: BaseException) -> None:
        """End the process; if Kafka is the cause, its successor does not look for a record that is."""
        if isinstance(error, KafkaError) and self._opened is not None:
            await self._notes.clear_openings_apart()
        end_process(f"lane {self._id.name}", error)

    async def _refuse(self, refused: LaneRefused) -> None:
        """Work nothing off and report that until the lane closes; the other lanes of the process go on."""
        self._phase.change(Change.REFUSED)
        self._pending.update_urgency()
        self._cancel_effects()
        if isinstance(refused, KeepsRaising):
            try:
                await self._notes.clear_openings()
            except Exception as unwritten:  # noqa: BLE001 - it refuses all the same; only its next owner uses the count
                _log.error("the count of openings could not be reset", lane=self._id.name, **describe(unwritten))
        await self._refusal.report_until(lambda: self._phase.now is Phase.CLOSING, refused)

    async def _end_after(self, raised: TurnRaised | WorkRaised) -> None:
        """Write the error for the next process, then end; refuse if the last process ended so too."""
        error = raised.__cause__ or raised
        if self._notes.has_just_raised:
            # Not even the agent can be made: nothing is left that could be isolated.
            await self._refuse(
                KeepsRaising(f"lane {self._id.name} ended its process with {type(error).__name__} before")
            )
            return
        await self._notes.write_error(raised, error)
        end_process(f"lane {self._id.name}", error)

    def _cancel_effects(self) -> None:
        if self._opened is not None:
            self._opened.cancel_effects()
