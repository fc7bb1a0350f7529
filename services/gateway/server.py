"""Process of the gateway."""

import asyncio
import json

from services.gateway.app import create_app
from services.gateway.door import Door
from services.http_server import Tls, listen, port_of, serve
from services.sdk.producer import DisclosureProducer


def run(host: str, port: int, *, bootstrap: str, door: Door, tls: Tls | None = None) -> None:
    """Serve until SIGTERM, then finish open requests. When it answers, print its port as a JSON line (0: a free port).

    Raises `OSError` if the port is taken, or if a file of `tls` cannot be read.
    """
    producer = DisclosureProducer(bootstrap)
    with listen(host, port) as bound:
        chosen = {"port": port_of(bound)}
        app = create_app(producer, door)
        try:
            asyncio.run(serve([(app, bound)], lambda: print(json.dumps(chosen), flush=True), tls))  # noqa: T201 - the parent process reads it
        finally:
            producer.close()
