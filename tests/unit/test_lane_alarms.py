"""Events of lanes, clocks and breakers as changes of causes."""

import asyncio
import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.alarms import AlarmChanged, BreakerReason
from schemas.policy import load_policy
from schemas.vocabulary import Agency
from services.alarm.alarm_writer import AlarmWriter
from services.alarm.lane_alarms import BreakerAlarm, FileAlarm, LaneAlarms
from services.notifier.channels import FileChannel
from services.settings import Keys
from streams.runtime import (
    BrokerAgrees,
    BrokerAhead,
    Clock,
    ClockAgrees,
    ClockStepped,
    FollowerPassesOver,
    LaneCloses,
    LaneEvent,
    LaneOpens,
    LanePutsAside,
    LaneRefuses,
    RecordsHidden,
    RecordsShown,
)
from streams.runtime.lane.backlog import Backlog, measure

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)


class Written(AlarmWriter):
    """Records its changes."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1")
        self.changes: list[AlarmChanged] = []
        self.forgotten: list[str] = []

    def put(self, change: AlarmChanged) -> None:
        self.changes.append(change)

    def forget(self, cause: str, source: str = "") -> None:
        self.forgotten.append(f"{cause} {source}".strip())


@pytest.mark.parametrize(
    ("event", "cause", "state", "facts"),
    [
        (
            LaneRefuses("decide-2", "StateDoesNotFit", Backlog(7, 90)),
            "lane/app/decide-2",
            "raised",
            {"lane": "decide-2", "error": "StateDoesNotFit", "waiting": 7, "oldest_seconds": 90},
        ),
        (
            LaneRefuses("decide-2", "KeepsRaising", Backlog(0, None)),
            "lane/app/decide-2",
            "raised",
            {"lane": "decide-2", "error": "KeepsRaising", "waiting": 0},
        ),
        (
            LaneRefuses("decide-2", "KeepsRaising", None),
            "lane/app/decide-2",
            "raised",
            {"lane": "decide-2", "error": "KeepsRaising"},
        ),
        (LaneOpens("decide-2"), "lane/app/decide-2", "cleared", {}),
        (
            LanePutsAside("admit-0", "KeyError"),
            "failing/app/admit-0",
            "raised",
            {"lane": "admit-0", "error": "KeyError"},
        ),
        (LanePutsAside("admit-0", None), "failing/app/admit-0", "raised", {"lane": "admit-0"}),
        (
            FollowerPassesOver("keys", 3, 41, "Unreadable"),
            "failing/app/keys-3",
            "raised",
            {"topic": "keys", "partition": 3, "offset": 41, "error": "Unreadable"},
        ),
        (
            RecordsHidden("urgent", 1, 3.2),
            "hidden/app/urgent-1",
            "raised",
            {"topic": "urgent", "partition": 1, "seconds": 3},
        ),
        (RecordsShown("urgent", 1), "hidden/app/urgent-1", "cleared", {}),
    ],
)
def test_an_event_of_a_lane_is_a_change_of_its_cause(
    event: LaneEvent, cause: str, state: str, facts: dict[str, Any]
) -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW).on_event(event)
    (change,) = writer.changes
    assert (change.cause, change.state, change.facts) == (cause, state, facts)
    assert (change.kind, change.step, change.changed_at) == (cause.partition("/")[0], 0, NOW)


def test_a_lane_that_closes_leaves_its_alarms_to_its_next_owner() -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW).on_event(LaneCloses("decide-2"))
    assert (writer.changes, writer.forgotten) == ([], ["lane/app/decide-2"])


@pytest.mark.parametrize(
    ("event", "state", "facts"),
    [
        (ClockStepped(3_599.7), "raised", {"application": "app", "seconds": 3_600, "machine_clock": "ahead"}),
        (ClockStepped(-1.6), "raised", {"application": "app", "seconds": 2, "machine_clock": "behind"}),
        (ClockAgrees(), "cleared", {}),
    ],
)
def test_a_clock_that_was_set_is_a_cause_of_its_machine(event: LaneEvent, state: str, facts: dict[str, Any]) -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW, machine=lambda: "host-1").on_event(event)
    (change,) = writer.changes
    assert (change.cause, change.kind, change.state, change.facts) == ("clock/app/host-1", "clock", state, facts)


@pytest.mark.parametrize(
    ("event", "state", "facts"),
    [
        (BrokerAhead(3_599.7), "raised", {"application": "app", "seconds": 3_600, "broker_clock": "ahead"}),
        (BrokerAgrees(), "cleared", {}),
    ],
)
def test_stamps_that_are_ahead_are_a_cause_of_their_own(event: LaneEvent, state: str, facts: dict[str, Any]) -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW, machine=lambda: "host-1").on_event(event)
    (change,) = writer.changes
    assert (change.cause, change.kind, change.state, change.facts) == ("clock/app/host-1/broker", "clock", state, facts)


@pytest.mark.parametrize(("why_open", "state"), [*((reason, "raised") for reason in BreakerReason), (None, "cleared")])
def test_each_lane_of_a_connector_is_a_source_of_its_agencys_cause(why_open: BreakerReason | None, state: str) -> None:
    writer = Written()
    alarm = BreakerAlarm(writer, Agency.SOCIAL_WORKER, lambda: NOW)
    for number in (0, 1):
        alarm.on_event(LaneOpens(f"connector-{number}"))
    # The state of the agency is not known yet.
    assert writer.changes == []
    alarm.changed(why_open)
    alarm.on_event(LanePutsAside("connector-1", None))
    said = [(change.cause, change.kind, change.source, change.state) for change in writer.changes]
    assert said == [("breaker/social_worker", "breaker", f"connector-{number}", state) for number in (0, 1)]
    facts = {} if why_open is None else {"agency": "social_worker", "reason": why_open.value}
    assert [change.facts for change in writer.changes] == [facts] * 2


@pytest.mark.parametrize(("why_open", "state"), [*((reason, "raised") for reason in BreakerReason), (None, "cleared")])
def test_a_connector_reports_its_state_for_a_lane_that_opens_and_not_for_one_that_closed(
    why_open: BreakerReason | None, state: str
) -> None:
    writer = Written()
    alarm = BreakerAlarm(writer, Agency.CARE_TEAM, lambda: NOW)
    alarm.changed(why_open)
    assert writer.changes == []
    alarm.on_event(LaneOpens("connector-7"))
    alarm.on_event(LaneCloses("connector-7"))
    alarm.changed(None)
    (change,) = writer.changes
    assert (change.source, change.state) == ("connector-7", state)
    assert writer.forgotten == ["breaker/care_team connector-7"]


def test_a_wrong_file_is_a_cause_of_its_kind() -> None:
    writer = Written()
    FileAlarm(writer, "app", lambda: NOW).refused("staff_key")
    (change,) = writer.changes
    assert (change.cause, change.kind, change.state) == ("failing/app/staff_key", "failing", "raised")
    assert change.facts == {"file": "staff_key"}


async def test_the_alarm_of_an_open_breaker_is_repeated_while_it_is_open() -> None:
    writer = Written()
    alarm = BreakerAlarm(writer, Agency.CARE_TEAM, lambda: NOW)
    alarm.on_event(LaneOpens("connector-0"))
    async with alarm.repeating(every=0.0):
        await turns_of_the_loop()
        assert writer.changes == []
        alarm.changed(BreakerReason.NO_ANSWER)
        await turns_of_the_loop()
        assert len(writer.changes) > 2
        assert {(change.source, change.state) for change in writer.changes} == {("connector-0", "raised")}
        alarm.changed(None)
        said = len(writer.changes)
        await turns_of_the_loop()
    assert len(writer.changes) == said
    assert writer.changes[-1].state == "cleared"


async def turns_of_the_loop() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


#: A time that the machine's clock will never show.
LONG_AGO = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize("process", ["services.notifier.process", "services.connectors.process"])
def test_an_alarm_of_a_process_has_the_time_of_its_own_clock(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, writer = importlib.import_module(process), Written()
    heard: dict[str, Any] = {}

    def run_worker(*_: Any, **given: Any) -> int:
        heard.update(given)
        given["on_lane"](LaneOpens("lane-0"))
        return 0

    clocks: list[Clock] = []

    def new_clock() -> Clock:
        clocks.append(Clock(LONG_AGO.timestamp, lambda: 0.0))
        return clocks[-1]

    monkeypatch.setattr(module, "Clock", new_clock, raising=False)
    monkeypatch.setattr(module, "AlarmWriter", lambda _: writer)
    monkeypatch.setattr(module, "run_worker", run_worker)
    if process == "services.notifier.process":
        module.run(FileChannel(tmp_path / "notices.jsonl"), load_policy(), bootstrap="127.0.0.1:1")
    else:
        module.run(Agency.CARE_TEAM, "http://127.0.0.1:1", bootstrap="127.0.0.1:1", keys=Keys(bytes(32), bytes(32)))
        assert "repeating" in {each.__name__ for each in heard["background"] if hasattr(each, "__name__")}
    assert [change.changed_at for change in writer.changes] == [LONG_AGO]
    assert clocks == [heard["clock"]], "the one that its turns have"


async def test_a_backlog_is_unknown_without_an_offset_or_without_a_broker() -> None:
    assert await measure("127.0.0.1:1", ["topic"], 0, {}, lambda: NOW) is None
    assert await measure("127.0.0.1:1", ["topic"], 0, {"topic": 3}, lambda: NOW) is None
