"""Process of the gateway."""

import asyncio
import json
import sys

from services.gateway.app import create_app
from services.gateway.door import Door
from services.http_server import Tls, listen, port_of, serve
from services.sdk.producer import DisclosureProducer

#: How long a thread may keep the event loop waiting (seconds; Python's default is 0.005): that of the producer computes
#: the checksum of a large record in Python.
_SWITCH_SECONDS = 0.0005


def run(host: str, port: int, *, bootstrap: str, door: Door, tls: Tls | None = None) -> None:
    """Serve until SIGTERM, then finish open requests. When it answers, print its port as a JSON line (0: a free port).

    Raises `OSError` if the port is taken, or if a file of `tls` cannot be read.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    producer = DisclosureProducer(bootstrap)
    with listen(host, port) as bound:
        chosen = {"port": port_of(bound)}
        app = create_app(producer, door)
        try:
            asyncio.run(serve([(app, bound)], lambda: print(json.dumps(chosen), flush=True), tls))  # noqa: T201 - the parent process reads it
        finally:
            producer.close()
