"""Process of the four simulated agencies, each on its own port."""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from schemas.vocabulary import Agency
from services.http_server import listen, port_of, serve
from services.simulated_agencies.app import create_app
from services.simulated_agencies.log import AgencyLog


def run(folder: Path, ports: Mapping[Agency, int], host: str) -> None:
    """Serve every agency until SIGTERM; when all answer, print the ports as one JSON line. Port 0 is a free port.

    Raises `OSError` if a port is taken or the folder cannot be written.
    """
    with ExitStack() as closing:
        bound: dict[Agency, socket.socket] = {}
        for agency, port in ports.items():
            bound[agency] = closing.enter_context(listen(host, port))
        apps = []
        for agency, listening in bound.items():
            log = AgencyLog(folder / f"{agency}.jsonl")
            closing.callback(log.close)
            apps.append((create_app(agency, log), listening))
        chosen = {agency.value: port_of(listening) for agency, listening in bound.items()}
        asyncio.run(serve(apps, lambda: print(json.dumps(chosen), flush=True)))  # noqa: T201 - the parent process reads it
