"""Process of the gateway."""

import asyncio
import json

from services.gateway.app import create_app
from services.http_server import listen, port_of, serve
from services.sdk.producer import DisclosureProducer


def run(host: str, port: int, *, bootstrap: str) -> None:
    """Serve until SIGTERM, then finish open requests. When it answers, print its port as a JSON line (0: a free port).

    Raises `OSError` if the port is taken.
    """
    producer = DisclosureProducer(bootstrap)
    with listen(host, port) as bound:
        chosen = {"port": port_of(bound)}
        try:
            asyncio.run(serve([(create_app(producer), bound)], lambda: print(json.dumps(chosen), flush=True)))  # noqa: T201 - the parent process reads it
        finally:
            producer.close()
