"""The house that a load test opens for itself: a Kafka of its own and every process of Confide but the gateway."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.cli.demo.processes import Specification, Supervisor
    from services.load.view import View

_OPEN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class House:
    """What a house of the test's own is made of."""

    workers: int = 1
    partitions: int = 4


@asynccontextmanager
async def open_house(
    house: House, folder: Path, logs: Path, view: "View", *, backlog_rest: float | None
) -> "AsyncIterator[tuple[dict[str, str], Supervisor, Callable[[], Awaitable[None]]]]":
    """Open a house as the demo does, but for the gateway; yields its environment, its processes, and what opens more.

    Where there is a backlog that opens the workers, once it stands, and `backlog_rest` seconds (not None) before
    anything counts. Raises `ProcessLost` where a process does not open.
    """
    import asyncio
    from contextlib import AsyncExitStack

    from infra.broker import LONG_LIVED, LocalBroker
    from infra.broker.probe import free_port
    from infra.topics import apply
    from services.cli.demo.processes import AGENCY_SLUGS, Supervisor, specifications
    from services.settings import Keys

    async with AsyncExitStack() as stack:
        view.say("starting Kafka (fetched the first time)")
        broker = LocalBroker(folder / "kafka", java_options=LONG_LIVED)
        stack.push_async_callback(asyncio.to_thread, broker.stop)
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(apply, broker.bootstrap, house.partitions)
        Keys.create(folder / "keys")
        environment = {"KAFKA_BOOTSTRAP": broker.bootstrap, "CONFIDE_KEYS": str(folder / "keys")}
        supervisor = Supervisor(logs, environment, view.say)
        stack.push_async_callback(supervisor.stop)
        ports: list[int] = []
        while len(ports) < len(AGENCY_SLUGS):
            ports.append(free_port(but=ports))
        (folder / "agencies").mkdir()
        described = specifications(
            workers=house.workers,
            gateway_port=0,
            agency_ports=dict(zip(AGENCY_SLUGS, ports, strict=True)),
            agency_logs=folder / "agencies",
            notices=folder / "notices.jsonl",
        )
        # The load goes to the topics themselves, as a service's own producer does.
        waiting = [each for each in described if each.name != "gateway"]

        async def start(wanted: "Callable[[Specification], bool]") -> None:
            for specification in [each for each in waiting if wanted(each)]:
                waiting.remove(specification)
                supervisor.start(specification)
            await supervisor.opened(_OPEN_SECONDS)

        async def filled() -> None:
            await start(lambda _: True)
            if backlog_rest is not None:
                await asyncio.sleep(backlog_rest)

        await start(lambda each: backlog_rest is None or not each.name.startswith("worker"))
        view.say(f"the house is open: Kafka at {broker.bootstrap}, {house.workers} workers")
        yield environment, supervisor, filled
