"""Opens a deployment: applies the topics, makes the keys, starts the processes, and stops them at the end."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from infra.broker.probe import free_port
from infra.topics import apply
from schemas.vocabulary import Service
from services.cli.deployment.processes import AGENCY_SLUGS, Specification, Supervisor, specifications
from services.credentials import ApiKey
from streams.domain.ids import sender_of

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """Worker processes, and partitions of the topics keyed by person."""

    workers: int
    partitions: int


@dataclass(frozen=True, slots=True)
class Files:
    """The paths of the files of a deployment. Its folders are made when it opens."""

    #: One log file for each process.
    logs: Path
    #: One JSON-lines log for each simulated agency.
    agency_logs: Path
    #: The file of the notifier's `file` channel.
    notices: Path
    #: One file of spans for each process, or None for no spans.
    traces: Path | None = None


class Deployment:
    """An open deployment: its addresses, its environment variables and its supervised processes."""

    def __init__(
        self,
        bootstrap: str,
        gateway_port: int,
        agency_ports: Mapping[str, int],
        environment: Mapping[str, str],
        supervisor: Supervisor,
        specified: list[Specification],
        credentials: Mapping[str, str],
    ) -> None:
        self.bootstrap = bootstrap
        #: API keys of each service and of its exercises (`sender_of`), made for this deployment alone.
        self.credentials = credentials
        self.environment = environment
        self.supervisor = supervisor
        self.gateway = f"http://127.0.0.1:{gateway_port}"
        #: The URL of each simulated agency by its slug.
        self.agencies = {slug: f"http://127.0.0.1:{port}" for slug, port in agency_ports.items()}
        self._not_started = specified

    def start(self, chosen: Callable[[Specification], bool] = lambda _: True) -> None:
        """Start the chosen processes that were not started before; `opened` has to follow."""
        for specification in [each for each in self._not_started if chosen(each)]:
            self._not_started.remove(specification)
            self.supervisor.start(specification)

    async def opened(self, seconds: float) -> None:
        """Return once every started process is open; raise `ProcessLost` if one is not within `seconds`."""
        await self.supervisor.opened(seconds)


@asynccontextmanager
async def open_deployment(
    kafka: AbstractAsyncContextManager[str], size: Size, files: Files, keys: Callable[[str], Path], report: Report
) -> AsyncIterator[Deployment]:
    """Open Kafka, topics, keys and folders, and yield a deployment without processes; `Deployment.start` starts them.

    `kafka` yields the bootstrap address and is left after the last process has stopped. `keys` is called in a thread
    with that address, once the topics exist, and returns the folder of key files. `report` is given lines for the user.
    Raises `BrokerError`, `KafkaUnavailable` or `TopicsError` if Kafka does not start or the topics cannot be applied.
    """
    async with AsyncExitStack() as stack:
        bootstrap = await stack.enter_async_context(kafka)
        await asyncio.to_thread(apply, bootstrap, size.partitions)
        keys_folder = await asyncio.to_thread(keys, bootstrap)
        environment = {"KAFKA_BOOTSTRAP": bootstrap, "CONFIDE_KEYS": str(keys_folder)}
        if files.traces is not None:
            files.traces.mkdir(parents=True, exist_ok=True)
            environment["CONFIDE_TRACES"] = str(files.traces)
        for folder in (files.logs, files.agency_logs):
            folder.mkdir(parents=True, exist_ok=True)
        credentials = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="confide-credentials-")))
        environment["CONFIDE_CREDENTIALS"] = str(credentials)
        made_at = datetime.now(UTC)
        keys_of = {
            sender_of(service, exercise=exercise): ApiKey.create(credentials, service, made_at, exercise=exercise)[1]
            for service, exercise in product(Service, (False, True))
        }
        gateway_port, *ports = _free_ports(1 + len(AGENCY_SLUGS))
        agency_ports = dict(zip(AGENCY_SLUGS, ports, strict=True))
        specified = specifications(
            workers=size.workers,
            gateway_port=gateway_port,
            agency_ports=agency_ports,
            agency_logs=files.agency_logs,
            notices=files.notices,
        )
        supervisor = Supervisor(files.logs, environment, report)
        stack.push_async_callback(supervisor.stop)
        yield Deployment(bootstrap, gateway_port, agency_ports, environment, supervisor, specified, keys_of)


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        ports.append(free_port(but=ports))
    return ports
