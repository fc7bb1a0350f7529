"""A connector's lane in the test's own process, on a real broker, with limits short enough for a test."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.codec import decode
from schemas.reports import DeliveryChanged, Report
from schemas.topics import TopicName
from schemas.vocabulary import Agency
from services.agency_profiles import AGENCY_PROFILES
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyClient
from services.connectors.composer import Composer
from services.connectors.connector import Connector
from services.connectors.endpoint import CONNECTIONS, Endpoint
from streams.domain.delivery import RetryPolicy
from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from tests.committed import Committed
from tests.counting import Run
from tests.one_lane import lane_of
from tests.reports import Keys, encoded, report

#: Latest time after its limit at which a report may fail: the lane's turns take that long on a shared machine.
LATEST = timedelta(seconds=2)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class ConnectorLane:
    """A lane, and the reports that the test fed it."""

    lane: Lane
    run: Run
    agency: Agency
    endpoint: Endpoint
    #: Changes of the breaker, in order.
    changes: list[bool]
    reports: dict[str, Report]
    _next: int = 0

    def put(self, count: int, *, reported_at: datetime | None = None) -> list[Report]:
        """Write reports with the current time, and return them."""
        first = self._next
        self._next += count
        made = [
            report(
                self.agency,
                f"{self.run.name}-{number}",
                person=f"person-{number}",
                reported_at=reported_at or datetime.now(UTC),
            )
            for number in range(first, first + count)
        ]
        records = [
            Record(self.run.routine, 0, first + place, 0, one.person.encode(), encoded(one), ())
            for place, one in enumerate(made)
        ]
        self.lane.enqueue(Batch.of(self.run.routine, records, first, first + count))
        self.reports |= {one.report_id: one for one in made}
        return made


@asynccontextmanager
async def connector_lane(
    run: Run,
    url: str,
    policy: RetryPolicy,
    *,
    agency: Agency = Agency.EMERGENCY_999,
    connections: int = CONNECTIONS,
    jitter: Callable[[], float] = lambda: 0.5,
) -> AsyncIterator[ConnectorLane]:
    """Yield a running lane of the agency's connector."""
    changes: list[bool] = []
    async with AgencyClient(url, policy.attempt_timeout) as client:
        endpoint = Endpoint(
            agency, policy, connections=connections, on_change=lambda why_open: changes.append(why_open is not None)
        )
        composer = Composer(Keys(), AGENCY_PROFILES[agency].project)
        attempts = Attempts(agency, composer, client, endpoint)
        async with lane_of(run, lambda: Connector(agency, composer, attempts, policy, jitter=jitter)) as lane:
            await lane.resolved.wait()
            yield ConnectorLane(lane, run, agency, endpoint, changes, {})


class Deliveries:
    """Committed deliveries of some reports, by report."""

    def __init__(self, committed: Committed, reports: dict[str, Report]) -> None:
        self._committed = committed
        self._reports = reports
        self._decoded: dict[str, list[DeliveryChanged]] = defaultdict(list)
        self._read = 0

    def of(self) -> dict[str, list[DeliveryChanged]]:
        """Return the deliveries that were read so far."""
        for record in self._committed.records[self._read :]:
            change = DeliveryChanged.model_validate(decode(record.value, "DeliveryChanged")[1])
            self._decoded[change.report_id].append(change)
        self._read = len(self._committed.records)
        return {report_id: self._decoded[report_id] for report_id in self._reports if report_id in self._decoded}

    async def until(
        self, enough: Callable[[Sequence[DeliveryChanged]], bool], seconds: float = 30.0
    ) -> dict[str, list[DeliveryChanged]]:
        """Read until there is enough of every report; return the deliveries."""

        def is_enough(_: Sequence[object]) -> bool:
            found = self.of()
            return all(enough(found.get(report_id, [])) for report_id in self._reports)

        await self._committed.until(is_enough, seconds)
        return self.of()


@asynccontextmanager
async def deliveries_of(run: Run, reports: dict[str, Report]) -> AsyncIterator[Deliveries]:
    """Read the deliveries of reports, also of those that are added to the dictionary later."""
    async with run.reading(TopicName.DELIVERIES) as committed:
        yield Deliveries(committed, reports)


def was_in(state: str) -> Callable[[Sequence[DeliveryChanged]], bool]:
    """Return whether a report was ever in a state."""
    return lambda changes: any(change.state == state for change in changes)


def first(changes: Sequence[DeliveryChanged], state: str) -> datetime:
    """Return when a report was first in a state; the end of time if it never was."""
    return next((change.changed_at for change in changes if change.state == state), _NEVER)


def attempts(changes: Sequence[DeliveryChanged]) -> list[int]:
    """Return the numbers of the recorded attempts: only these have a request."""
    return [change.attempt for change in changes if change.request is not None]


def states_of(changes: Sequence[DeliveryChanged]) -> Counter[str]:
    """Return how often a report was in each state."""
    return Counter(change.state.value for change in changes)
