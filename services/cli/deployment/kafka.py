"""The Kafka of a deployment: a local broker that lives as long as the deployment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from infra.broker import SHORT_LIVED, LocalBroker

_POLL_SECONDS = 0.05


@asynccontextmanager
async def own_kafka(
    folder: Path, report: Callable[[str], None], *, java_options: Sequence[str] = SHORT_LIVED, restart: bool = False
) -> AsyncIterator[str]:
    """Start a broker with its data in `folder/kafka`, yield its bootstrap address, and stop it at the end.

    With `restart`, a broker that ends is started again on the same port, as the processes are. `report` is given a line
    for the user. Raises `BrokerError` if the broker cannot be started.
    """
    report("starting Kafka (fetched the first time)")
    broker = LocalBroker(folder / "kafka", java_options=java_options)
    try:
        await asyncio.to_thread(broker.start)
        if not restart:
            yield broker.bootstrap
            return
        restarting = asyncio.create_task(_restart(broker, report))
        try:
            yield broker.bootstrap
        finally:
            restarting.cancel()
            await asyncio.gather(restarting, return_exceptions=True)
    finally:
        await asyncio.to_thread(broker.stop)


async def _restart(broker: LocalBroker, report: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        if broker.pid is None:
            report("kafka ended and is started again")
            await asyncio.to_thread(broker.start)
