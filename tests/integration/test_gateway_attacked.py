"""Hostile clients beside an honest one: half-sent heads and large bodies delay no disclosure."""

import asyncio
import json
import os
import resource
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from schemas.disclosure import MAX_DISCLOSURE_BYTES, MAX_LINE_BYTES
from services.http_server import HEAD_BYTES, HEAD_SECONDS, MAX_CONNECTIONS, Tls
from services.tls_handshakes import HANDSHAKE_SECONDS, MAX_HANDSHAKES
from tests.certificates import make_certificate, trusting
from tests.disclosures import raw
from tests.processes import Processes

pytestmark = [pytest.mark.integration, pytest.mark.faults]

_HEADS = 2_000
_BODIES = 64
#: How long an honest request may take beside the attack (seconds): far less than the attack lasts,
#: far more than a busy machine needs.
_HONEST_SECONDS = 2.0
#: How long an honest request may take beside 64 hostile bodies (seconds), by the contract of the door. On a machine of
#: two cores with other work nine of ten requests have to be within it, and each within `_HONEST_SECONDS`: the clients,
#: and Kafka share the cores with the gateway.
_BESIDE_BODIES_SECONDS = 0.25
#: The same beside bodies of six times that size, the largest that a door reads. Kafka gets all of them, to keep them.
_BESIDE_LINES_SECONDS = 1.0
#: How long the same requests are measured without an attack, after as long to warm up (seconds).
_ALONE_SECONDS = 3.0


@contextmanager
def open_files(limit: int | None) -> Iterator[None]:
    """Set how many files this process and those that it starts meanwhile may have open; None: as many as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if limit is None else limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def started(confide: Processes, *options: str) -> int:
    """Start a gateway with the usual limit of open files, and return its port."""
    with open_files(1_024):
        process = confide.start("gateway", "--open", "--port", "0", *options)
    port: int = process.announced()["port"]
    return port


@pytest.fixture
def port(confide: Processes) -> int:
    return started(confide)


@pytest.fixture
def many_files() -> Iterator[None]:
    with open_files(None):
        yield


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return make_certificate(tmp_path)


@pytest.fixture
def tls_port(confide: Processes, tls: Tls) -> int:
    return started(confide, "--certificate", str(tls.certificate), "--certificate-key", str(tls.key))


async def honest(port: int, times: int = 5, trusted: ssl.SSLContext | None = None) -> float:
    """Return the median time of an honest request on a connection of its own, in seconds."""
    took = []
    base = f"http://127.0.0.1:{port}" if trusted is None else f"https://127.0.0.1:{port}"
    for number in range(times):
        async with httpx2.AsyncClient(
            base_url=base, verify=True if trusted is None else trusted, trust_env=False, timeout=30
        ) as client:
            begun = time.monotonic()
            answer = await client.post("/v1/disclosures", content=raw(f"honest-{os.getpid()}-{number}"))
            took.append(time.monotonic() - begun)
        assert answer.status_code == 202
    return statistics.median(took)


@pytest.mark.usefixtures("many_files")
async def test_half_sent_heads_keep_no_honest_request_out(port: int) -> None:
    await honest(port, 1)
    with ExitStack() as opened:
        for _ in range(_HEADS):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            one.sendall(b"POST /v1/disclosures HTTP/1.1\r\nhost: localhost\r\nx-half: ")
        assert _HEADS > MAX_CONNECTIONS
        assert await honest(port) < _HONEST_SECONDS


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "half a hello"])
async def test_half_open_tls_handshakes_keep_no_honest_request_out(tls_port: int, tls: Tls, sent: bytes) -> None:
    trusted = trusting(tls)
    await honest(tls_port, 1, trusted)
    with ExitStack() as opened:
        for _ in range(_HEADS):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", tls_port), timeout=10))
            one.sendall(sent)
        assert _HEADS > MAX_CONNECTIONS + MAX_HANDSHAKES
        assert await honest(tls_port, trusted=trusted) < _HONEST_SECONDS


async def test_a_handshake_that_does_not_end_is_closed(tls_port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tls_port)
    async with asyncio.timeout(HANDSHAKE_SECONDS + 10):
        assert await reader.read() == b""
    writer.close()


async def test_a_head_that_does_not_end_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/disclosures HTTP/1.1\r\n")
    async with asyncio.timeout(HEAD_SECONDS + 10):
        assert await reader.read() == b""
    writer.close()


async def test_a_head_that_is_too_long_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/disclosures HTTP/1.1\r\nx-long: " + b"x" * 2 * HEAD_BYTES)
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_second_request_on_one_connection_has_the_same_limit(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nx-half: ")
    async with asyncio.timeout(HEAD_SECONDS + 10):
        assert (await reader.read()).count(b"HTTP/1.1 200") == 1
    writer.close()


#: Honest disclosures: one that is validated at once, and one that is validated in a thread.
HONEST = {"small": "", "20 KiB": "x" * 20 * 1024}


async def durations(port: int, summary: str, until: Callable[[], bool]) -> list[float]:
    """Return the time of each honest request until a condition holds, each on a connection of its own, in seconds."""
    took: list[float] = []
    while not (took and until()):
        body = raw(f"honest-{os.getpid()}-{len(summary)}-{len(took)}", summary=summary)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            begun = time.monotonic()
            answer = await client.post("/v1/disclosures", content=body)
            took.append(time.monotonic() - begun)
        assert answer.status_code == 202
    return took


@pytest.mark.parametrize("summary", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize(
    ("most", "allowed"),
    [(MAX_DISCLOSURE_BYTES, _BESIDE_BODIES_SECONDS), (MAX_LINE_BYTES, _BESIDE_LINES_SECONDS)],
    ids=["256 KiB", "1.5 MiB"],
)
async def test_large_hostile_bodies_delay_no_honest_request(port: int, summary: str, most: int, allowed: float) -> None:
    begun = time.monotonic()
    await durations(port, summary, lambda: time.monotonic() > begun + _ALONE_SECONDS)
    alone = await durations(port, summary, lambda: time.monotonic() > begun + 2 * _ALONE_SECONDS)
    command = [sys.executable, "-m", "tests.hostile_bodies", str(port), str(_BODIES), str(most)]
    attack = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert attack.stdout is not None
    assert await attack.stdout.readline() == b"begun\n"
    answers = asyncio.create_task(attack.stdout.read())
    took = await durations(port, summary, answers.done)
    await attack.wait()
    assert set(json.loads(answers.result())) <= {202, 422, 503}
    # By the slowest without an attack: other work of this machine delays both.
    took.sort()
    assert took[len(took) * 9 // 10] < allowed + max(alone)
    assert took[-1] < _HONEST_SECONDS
