"""The lane of alarms under test: its receivers, the changes that it reads, and its time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from schemas.alarms import AlarmChanged
from schemas.codec import encode
from schemas.vocabulary import AlarmKind, AlarmState
from streams.domain.alarm_calls import Call
from tests.fakes.clocks import START
from tests.lanes import Lane

SECOND = timedelta(seconds=1)


class Receiver:
    """A receiver that takes calls, or refuses as many as a test sets."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refusals: Iterator[str | Exception | None] = iter(())

    async def deliver(self, call: Call) -> str | None:
        self.calls.append(call)
        refusal = next(self.refusals, None)
        if isinstance(refusal, Exception):
            raise refusal
        return refusal

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(call.body) for call in self.calls]


def change(
    cause: str,
    state: str = "raised",
    step: int = 0,
    kind: str = "review",
    source: str = "",
    *,
    at: datetime = START,
    writer: str = "",
    waited_ms: int = 0,
    **facts: str | int,
) -> bytes:
    made = AlarmChanged(
        cause=cause,
        kind=AlarmKind(kind),
        source=source,
        state=AlarmState(state),
        step=step,
        changed_at=at,
        writer=writer,
        waited_ms=waited_ms,
        facts=facts,
    )
    return encode("AlarmChanged", made.model_dump())


def causes(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    return [each["cause"] for each in body["alarms"]], [each["cause"] for each in body["cleared"]]


async def later(lane: Lane, by: timedelta) -> None:
    """Let time pass, and run the due timers."""
    lane.clock.advance(by)
    lane.pass_time()
    await lane.settle_all()


class Picky(Receiver):
    """A receiver that refuses each call with one cause."""

    def __init__(self, refusal: str) -> None:
        super().__init__()
        self.refusal = refusal
        self.taken: list[dict[str, Any]] = []

    async def deliver(self, call: Call) -> str | None:
        await super().deliver(call)
        if "poison" in call.body:
            return self.refusal
        self.taken.append(json.loads(call.body))
        return None
