"""The metrics of the lanes of a process, as OpenTelemetry instruments. They observe a lane and decide nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from schemas.telemetry import Attribute, Metric
from streams.runtime.clock import Clock
from streams.runtime.lane.changelog import Progress


@dataclass(slots=True, weakref_slot=True, eq=False)
class LaneMetrics:
    """What the metrics of one lane show. The lane writes it, exporters read it. Topics are the lane's sources."""

    group: str
    partition: int
    #: By topic: the lane's next offset, and the last stable offset.
    next_offsets: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    #: By topic: bytes that wait in its queue.
    waiting_bytes: Mapping[str, int] = field(default_factory=dict)
    #: Returns the timestamp of the oldest record that is not worked off, in milliseconds since 1970.
    oldest: Callable[[], int | None] = lambda: None
    #: The process's clock.
    now: Callable[[], datetime] = field(default_factory=lambda: Clock().now)
    #: How far the restore is.
    restore: Progress | None = None
    is_lane_open: Callable[[], bool] = lambda: False
    #: Why the lane refuses to work; None if it does not refuse.
    refused: str | None = None
    entries: int = 0
    timers: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the lane has its state and takes batches."""
        return self.is_lane_open()

    def lag(self, topic: str) -> int:
        """Return the lag of a topic in offsets, control records included."""
        end = self.ends.get(topic)
        return 0 if end is None else max(0, end - self.next_offsets.get(topic, 0))

    def oldest_age(self) -> float:
        """Return the age of the oldest record that is not worked off, in seconds; 0.0 if no record waits."""
        stamp = self.oldest()
        return 0.0 if stamp is None else max(0.0, self.now().timestamp() - stamp / 1000)


_lanes: WeakSet[LaneMetrics] = WeakSet()


def lane_metrics() -> tuple[LaneMetrics, ...]:
    """Return the metrics of every lane of this process."""
    return tuple(sorted(_lanes, key=lambda lane: (lane.group, lane.partition)))


def publish(lane: LaneMetrics) -> None:
    """Observe the metrics of a lane from now on, until `withdraw` or until the lane is gone."""
    _lanes.add(lane)


def withdraw(lane: LaneMetrics) -> None:
    """Observe the metrics of a lane no more: another process has the lane."""
    _lanes.discard(lane)


_meter = metrics.get_meter("confide.runtime")
processed = _meter.create_counter(Metric.PROCESSED, unit="{record}")
rejected = _meter.create_counter(Metric.REJECTED, unit="{record}")
isolated = _meter.create_counter(Metric.ISOLATED, unit="{record}")
batch_size = _meter.create_histogram(Metric.BATCH_SIZE, unit="{record}")
turn_seconds = _meter.create_histogram(Metric.TURN_SECONDS, unit="s")
transaction_seconds = _meter.create_histogram(Metric.TRANSACTION_SECONDS, unit="s")


def _observe(name: Metric, unit: str, read: Callable[[LaneMetrics], Iterable[tuple[float, str | None]]]) -> None:
    def callback(_: CallbackOptions) -> Iterator[Observation]:
        for lane in lane_metrics():
            for value, topic in read(lane):
                attributes: dict[str, str | int] = {
                    Attribute.LANE_GROUP: lane.group,
                    Attribute.PARTITION: lane.partition,
                }
                if topic is not None:
                    attributes[Attribute.TOPIC] = topic
                yield Observation(value, attributes)

    _meter.create_observable_gauge(name, [callback], unit=unit)


_observe(Metric.LAG, "{record}", lambda lane: [(lane.lag(topic), topic) for topic in list(lane.ends)])
_observe(Metric.WAITING, "By", lambda lane: [(count, topic) for topic, count in list(lane.waiting_bytes.items())])
_observe(Metric.OLDEST_AGE, "s", lambda lane: [(lane.oldest_age(), None)])
_observe(Metric.RESTORED, "{record}", lambda lane: [(lane.restore.records, None)] if lane.restore else [])
_observe(Metric.RESTORE_LEFT, "{record}", lambda lane: [(_left(lane.restore), None)] if lane.restore else [])
_observe(Metric.RESTORE_RATE, "{record}/s", lambda lane: [(lane.restore.rate, None)] if lane.restore else [])
_observe(Metric.OPEN, "{lane}", lambda lane: [(int(lane.is_open), None)])
_observe(Metric.REFUSED, "{lane}", lambda lane: [(int(lane.refused is not None), None)])
_observe(Metric.ENTRIES, "{entry}", lambda lane: [(lane.entries, None)])
_observe(Metric.TIMERS, "{timer}", lambda lane: [(lane.timers, None)])


def _left(progress: Progress) -> int:
    return progress.total - progress.passed
