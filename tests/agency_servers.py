"""A simulated agency as a real HTTP server inside a test."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.vocabulary import Agency
from services.http_server import listen, port_of, running
from services.simulated_agencies import AgencyLog, Fault, Faults, create_app


@dataclass(frozen=True)
class AgencyServer:
    """URL of the agency, its faults, and the requests that it saw."""

    url: str
    faults: Faults
    path: Path

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def accepted(self) -> list[str]:
        return [line["report_id"] for line in self.log() if line["accepted"]]


@asynccontextmanager
async def serving(folder: Path, agency: Agency, *faults: int | Fault) -> AsyncIterator[AgencyServer]:
    """Serve one agency while the context is open."""
    path = folder / f"{agency}.jsonl"
    coming = Faults(faults)
    log = AgencyLog(path)
    try:
        with listen("127.0.0.1", 0) as bound:
            async with running([(create_app(agency, log, coming), bound)]):
                yield AgencyServer(f"http://127.0.0.1:{port_of(bound)}", coming, path)
    finally:
        log.close()
