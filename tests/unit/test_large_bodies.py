"""Large bodies are validated in an order in which no sender's bodies delay another's."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from schemas.disclosure import Disclosure, parse_json
from services.gateway.door import OpenDoor
from services.gateway.large_bodies import MAX_WAITING, MIDDLE_BYTES, LargeBodies, TooManyBodies
from tests.disclosures import raw
from tests.fakes.publisher import Publisher
from tests.unit.test_gateway_door import post, served

_SECONDS = 20.0


class Gate:
    """Validates nothing until it is opened, and notes in which order bodies came."""

    def __init__(self) -> None:
        self.order: list[bytes] = []
        self.is_at_work = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, body: bytes) -> Disclosure:
        self.order.append(body[:2])
        self.is_at_work.release()
        assert self.opened.wait(_SECONDS)
        return parse_json(raw())


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


def body(name: str, size: int) -> bytes:
    return name.encode().ljust(MIDDLE_BYTES + size)


async def behind_one(bodies: LargeBodies, gate: Gate, sent: list[tuple[str, bytes]]) -> list[asyncio.Task[Disclosure]]:
    """Send bodies while one is at work; return their tasks."""
    tasks = [asyncio.create_task(bodies.validated(body("a0", 9), "a"))]
    assert await asyncio.to_thread(gate.is_at_work.acquire, timeout=_SECONDS)
    tasks += [asyncio.create_task(bodies.validated(given, credential)) for credential, given in sent]
    await asyncio.sleep(0)
    return tasks


async def test_the_credentials_take_turns_and_of_one_the_smallest_is_next(gate: Gate) -> None:
    bodies = LargeBodies(large=gate)
    sent = [
        ("a", body("a1", 5)),
        ("a", body("a2", 3)),
        ("a", body("a3", 4)),
        ("b", body("b1", 8)),
        ("b", body("b2", 7)),
    ]
    tasks = await behind_one(bodies, gate, sent)
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert gate.order == [b"a0", b"a2", b"b2", b"a3", b"b1", b"a1"]


async def test_a_body_of_middle_size_does_not_wait_for_a_large_one(gate: Gate) -> None:
    bodies = LargeBodies(large=gate)
    tasks = await behind_one(bodies, gate, [("a", body("a1", 5))])
    async with asyncio.timeout(_SECONDS):
        await bodies.validated(raw(summary="x" * 20 * 1024), "a")
    assert not any(task.done() for task in tasks)
    gate.opened.set()
    await asyncio.gather(*tasks)


async def test_beyond_the_limit_the_largest_body_is_refused(gate: Gate) -> None:
    bodies = LargeBodies(large=gate)
    tasks = await behind_one(bodies, gate, [("a", body("a1", 100 - n % 50)) for n in range(MAX_WAITING)])
    small, other = await behind_small(bodies)
    gate.opened.set()
    results = await asyncio.gather(*tasks, small, other, return_exceptions=True)
    refused = [number for number, result in enumerate(results) if isinstance(result, TooManyBodies)]
    # Of equal ones the later.
    assert refused == [101]


async def behind_small(bodies: LargeBodies) -> tuple[asyncio.Task[Disclosure], asyncio.Task[Disclosure]]:
    small = asyncio.create_task(bodies.validated(body("a2", 1), "a"))
    other = asyncio.create_task(bodies.validated(body("b1", 999), "b"))
    await asyncio.sleep(0)
    return small, other


async def test_a_request_that_was_cancelled_is_passed_over(gate: Gate) -> None:
    bodies = LargeBodies(large=gate)
    first, cancelled, last = await behind_one(bodies, gate, [("a", body("a1", 1)), ("a", body("a2", 2))])
    cancelled.cancel()
    gate.opened.set()
    await asyncio.gather(first, last)
    assert gate.order == [b"a0", b"a2"]


async def test_more_large_bodies_than_may_wait_get_429(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.large_bodies.MAX_WAITING", 0)
    async with served(Publisher(), OpenDoor()) as client:
        assert (await post(client, body=raw(summary="x" * MIDDLE_BYTES))).status_code == 429
