"""Reports that a lane refuses to work: to the metrics, the log and the alarms, with what waits for it."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from streams.runtime.failure import LaneRefused, cancellation_as_error, describe
from streams.runtime.lane import backlog
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.lane_events import LaneRefuses, ignore_event
from streams.runtime.lane.metrics import LaneMetrics
from streams.runtime.lane.transaction import TransactionalWriter

#: How often a refusal is reported while it lasts (seconds).
REPORT_SECONDS = 30.0

_log = structlog.get_logger("confide.runtime")


class Refusal:
    """Reports the refusals of one lane; `reported` is set with the first."""

    def __init__(
        self, lane: LaneId, writer: TransactionalWriter, metrics: LaneMetrics, reported: asyncio.Event
    ) -> None:
        #: By topic: the next offsets of the lane's state; none before it is restored.
        self.next_offsets: Mapping[str, int] = {}
        self._lane = lane
        self._writer = writer
        self._metrics = metrics
        self._reported = reported

    async def report(self, refused: LaneRefused) -> None:
        """Report a refusal once."""
        self._metrics.refused = str(refused)
        self._reported.set()
        _log.critical("lane refuses to work, an operator must look", lane=self._lane.name, reason=str(refused))
        host, group, partition = self._lane.host, self._lane.group, self._lane.partition
        if host.on_lane is not ignore_event:
            offsets = self.next_offsets or await self._group_offsets()
            waiting = await backlog.measure(host.bootstrap, group.sources, partition, offsets, self._lane.now)
            host.on_lane(LaneRefuses(self._lane.name, type(refused).__name__, waiting))

    async def report_until(self, is_over: Callable[[], bool], refused: LaneRefused) -> None:
        """Report a refusal again and again until it is over."""
        while not is_over():
            await self.report(refused)
            await asyncio.sleep(REPORT_SECONDS)

    def end(self) -> None:
        """Note that the lane refuses no more."""
        self._metrics.refused = None

    async def _group_offsets(self) -> Mapping[str, int]:
        """Return the consumer group's offsets of a lane that did not open; none if Kafka does not answer."""
        try:
            with cancellation_as_error():
                return await self._writer.committed(self._lane.group.sources, self._lane.partition)
        except Exception as error:  # noqa: BLE001 - the refusal is reported all the same
            _log.warning("the offsets of a lane are not known", lane=self._lane.name, **describe(error))
            return {}
