"""The writer of alarms: it also writes a change that arrives during the write of an earlier one of its cause."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.alarms import AlarmChanged
from schemas.codec import decode
from schemas.vocabulary import AlarmKind, AlarmState
from services.alarm.alarm_writer import AlarmWriter


def change(state: AlarmState) -> AlarmChanged:
    return AlarmChanged(cause="lane/a", kind=AlarmKind.LANE, state=state, changed_at=datetime.now(UTC))


async def test_a_change_that_comes_during_the_write_of_an_earlier_one_is_written_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    writer = AlarmWriter("nowhere:1")

    class Producer:
        def __init__(self, **_: Any) -> None:
            pass

        async def start(self) -> None:
            pass

        async def stop(self) -> None:
            pass

        async def send_and_wait(self, _topic: str, value: bytes, *, key: bytes) -> None:
            assert key == b"lane/a"
            written.append(decode(value, "AlarmChanged")[1]["state"])
            if len(written) == 1:
                writer.put(change(AlarmState.CLEARED))

    monkeypatch.setattr("services.alarm.alarm_writer.AIOKafkaProducer", Producer)
    async with writer.running():
        writer.put(change(AlarmState.RAISED))
    assert written == ["raised", "cleared"]
