"""What lanes and breakers say of themselves, as changes of causes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.alarms import AlarmChanged
from schemas.vocabulary import Agency
from services.sdk.alarm_writer import AlarmWriter
from services.sdk.lane_alarms import BreakerAlarm, LaneAlarms
from streams.runtime import LaneCloses, LaneEvent, LaneOpens, LanePutsAside, LaneRefuses
from streams.runtime.backlog import Backlog, measure

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)


class Written(AlarmWriter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1")
        self.changes: list[AlarmChanged] = []
        self.forgotten: list[str] = []

    def put(self, change: AlarmChanged) -> None:
        self.changes.append(change)

    def forget(self, cause: str) -> None:
        self.forgotten.append(cause)


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
    ],
)
def test_an_event_of_a_lane_is_a_change_of_its_cause(
    event: LaneEvent, cause: str, state: str, facts: dict[str, Any]
) -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW).hear(event)
    (change,) = writer.changes
    assert (change.cause, change.state, change.facts) == (cause, state, facts)
    assert (change.kind, change.step, change.changed_at) == (cause.partition("/")[0], 0, NOW)


def test_a_lane_that_closes_leaves_the_word_to_its_next_owner() -> None:
    writer = Written()
    LaneAlarms(writer, "app", lambda: NOW).hear(LaneCloses("decide-2"))
    assert (writer.changes, writer.forgotten) == ([], ["lane/app/decide-2"])


@pytest.mark.parametrize(("is_open", "state"), [(True, "raised"), (False, "cleared")])
def test_a_breaker_is_a_cause_of_its_agency(is_open: bool, state: str) -> None:
    writer = Written()
    BreakerAlarm(writer, Agency.SOCIAL_WORKER, lambda: NOW).changed(is_open)
    (change,) = writer.changes
    assert (change.cause, change.kind, change.state) == ("breaker/social_worker", "breaker", state)


async def test_a_backlog_is_unknown_without_an_offset_or_without_a_broker() -> None:
    assert await measure("127.0.0.1:1", ["topic"], 0, {}) is None
    assert await measure("127.0.0.1:1", ["topic"], 0, {"topic": 3}) is None
