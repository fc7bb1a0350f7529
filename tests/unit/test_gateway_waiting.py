"""Responses of the gateway while Kafka does not acknowledge: in bounded time, and always 503."""

import asyncio
import threading
from collections.abc import Iterator

import httpx2
import pytest

from schemas.disclosure import Disclosure
from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.gateway.problems import RETRY_AFTER
from services.http_server import listen, port_of, running
from services.sdk import Acknowledged
from tests.disclosures import raw
from tests.fakes.publisher import Publisher

_SOON = 10.0
_JSON = {"content-type": "application/json"}


class Silent(Publisher):
    """A producer whose Kafka does not answer until the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        self.asked.release()
        assert self.answers.wait(_SOON)
        return super().publish(disclosure, traceparent)

    def ready(self) -> bool:
        self.answers.wait(_SOON)
        return True


@pytest.fixture
def silent() -> Iterator[Silent]:
    made = Silent()
    yield made
    made.answers.set()


async def test_a_request_that_is_open_at_the_end_of_a_stop_gets_503(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.http_server.GRACE_SECONDS", 0.2)
    with listen("127.0.0.1", 0) as bound:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client:
            async with running([(create_app(silent, OpenDoor()), bound)]):
                asked = asyncio.create_task(client.post("/v1/disclosures", content=raw("d-open"), headers=_JSON))
                assert await asyncio.to_thread(silent.asked.acquire, timeout=_SOON)
            answer = await asked
    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(RETRY_AFTER))


async def test_a_request_that_finds_no_free_thread_gets_503(silent: Silent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.request_handler._WAITING", 1)
    monkeypatch.setattr("services.gateway.request_handler._WAIT_SECONDS", 0.1)
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(silent, OpenDoor()), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False, timeout=_SOON) as client,
        ):
            first = asyncio.create_task(client.post("/v1/disclosures", content=raw("d-first"), headers=_JSON))
            assert await asyncio.to_thread(silent.asked.acquire, timeout=_SOON)
            second = await client.post("/v1/disclosures", content=raw("d-second"), headers=_JSON)
            assert (second.status_code, second.headers["retry-after"]) == (503, str(RETRY_AFTER))
            assert (await client.get("/readyz")).status_code == 503
            silent.answers.set()
            assert (await first).status_code == 202
            # A request that is sent again is accepted.
            again = await client.post("/v1/disclosures", content=raw("d-second"), headers=_JSON)
            assert again.status_code == 202
