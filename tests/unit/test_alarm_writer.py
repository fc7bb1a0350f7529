"""The writer of alarms: it also writes a change that arrives during the write of an earlier one of its cause."""

from datetime import UTC, datetime
from types import SimpleNamespace
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


async def test_a_change_says_how_long_it_waited_in_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first write fails; the change is the same one, and older, when it is written."""
    written: list[dict[str, Any]] = []
    clock = [100.0]
    writers = [AlarmWriter("nowhere:1"), AlarmWriter("nowhere:1")]

    class Producer:
        def __init__(self, **_: Any) -> None:
            pass

        async def start(self) -> None:
            if not written and clock[0] == 100.0:
                clock[0] += 7.25
                raise ConnectionError

        async def stop(self) -> None:
            pass

        async def send_and_wait(self, _topic: str, value: bytes, *, key: bytes) -> None:
            written.append(decode(value, "AlarmChanged")[1])

    monkeypatch.setattr("services.alarm.alarm_writer.AIOKafkaProducer", Producer)
    monkeypatch.setattr("services.alarm.alarm_writer._RETRY_SECONDS", 0.0)
    monkeypatch.setattr("services.alarm.alarm_writer.time", SimpleNamespace(monotonic=lambda: clock[0]))
    for writer in writers:
        async with writer.running():
            writer.put(change(AlarmState.RAISED))
    assert [each["waited_ms"] for each in written] == [7_250, 0]
    assert len({each["writer"] for each in written} - {""}) == 2
