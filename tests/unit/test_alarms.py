"""Which alarms the receiver hears of: each row of the domain's table, the order of a call, and its retries."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.alarms import AlarmChanged
from schemas.vocabulary import AlarmKind, AlarmState
from streams.domain.alarms import Call, CauseStatus, Place, advance, compose, known

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def raised(step: int = 0, at: datetime = NOW, **facts: Any) -> AlarmChanged:
    return AlarmChanged(
        cause="review/1", kind=AlarmKind.REVIEW, state=AlarmState.RAISED, step=step, changed_at=at, facts=facts
    )


def cleared() -> AlarmChanged:
    return AlarmChanged(cause="review/1", kind=AlarmKind.REVIEW, state=AlarmState.CLEARED, changed_at=NOW + SECOND)


#: Stands for the moment in which a call is made of what is due.
CALL = None


def heard(*changes: AlarmChanged | None) -> list[str]:
    """Return what the receiver hears of one cause, in order; nothing is kept of it once it heard the all-clear."""
    status: CauseStatus | None = None
    said = []
    for change in changes:
        if change is not CALL:
            status = advance(status, change)
        elif status is not None and status.is_due:
            said.append(f"alarm {status.step}" if status.is_raised else "all-clear")
            status = known(status)
    if said and said[-1] == "all-clear":
        assert status is None
    return said


@pytest.mark.parametrize(
    ("changes", "hears"),
    [
        ((cleared(), CALL), []),
        ((raised(), CALL), ["alarm 0"]),
        ((raised(), CALL, CALL), ["alarm 0"]),
        ((raised(), cleared(), CALL), []),
        ((raised(), raised(1), CALL), ["alarm 1"]),
        ((raised(1), raised(0), CALL), ["alarm 1"]),
        ((raised(), CALL, raised(), CALL), ["alarm 0"]),
        ((raised(1), CALL, raised(0), CALL), ["alarm 1"]),
        ((raised(), CALL, raised(1), CALL, raised(2), CALL), ["alarm 0", "alarm 1", "alarm 2"]),
        ((raised(), CALL, cleared(), CALL), ["alarm 0", "all-clear"]),
        ((raised(), CALL, cleared(), CALL, cleared(), CALL), ["alarm 0", "all-clear"]),
        ((raised(), CALL, raised(1), cleared(), CALL), ["alarm 0", "all-clear"]),
        ((raised(1), CALL, cleared(), raised(0), CALL), ["alarm 1"]),
        ((raised(1), CALL, cleared(), raised(0), CALL, cleared(), CALL), ["alarm 1", "all-clear"]),
        ((raised(1), CALL, cleared(), raised(2), CALL), ["alarm 1", "alarm 2"]),
        ((raised(), CALL, cleared(), CALL, raised(), CALL), ["alarm 0", "all-clear", "alarm 0"]),
    ],
)
def test_one_alarm_a_step_and_one_all_clear(changes: tuple[AlarmChanged | None, ...], hears: list[str]) -> None:
    assert heard(*changes) == hears


def test_facts_are_the_newest_and_the_time_the_first() -> None:
    status = advance(advance(None, raised(waiting=1)), raised(at=NOW + SECOND, waiting=7))
    assert status is not None
    assert (status.facts, status.since) == ({"waiting": 7}, NOW)


def status(kind: str, step: int = 0, since: int = 0, *, is_raised: bool = True) -> CauseStatus:
    return CauseStatus(
        cause=f"{kind}/{step}-{since}",
        kind=AlarmKind(kind),
        is_raised=is_raised,
        step=step,
        since=NOW + since * SECOND,
        facts={},
    )


def test_the_most_urgent_come_first() -> None:
    wanted = [
        status("lane"),
        status("breaker"),
        status("failing"),
        status("review", step=3),
        status("review", step=0, since=0),
        status("review", step=0, since=5),
        status("lane", is_raised=False),
    ]
    places = [Place.of(each) for each in wanted]
    assert places == sorted(places)
    assert [Place.from_bytes(place.to_bytes()) for place in places] == places


def test_a_call_says_what_is_raised_what_is_cleared_and_how_many_wait() -> None:
    listed = [status("review", step=2), status("breaker", is_raised=False)]
    call = compose(listed, {AlarmKind.REVIEW: 3, AlarmKind.LANE: 0}, NOW)
    assert json.loads(call.body) == {
        "at": "2026-02-03T21:10:00+00:00",
        "alarms": [
            {"cause": "review/2-0", "kind": "review", "since": NOW.isoformat(), "step": 2, "facts": {}},
        ],
        "cleared": [{"cause": "breaker/0-0", "kind": "breaker", "since": NOW.isoformat()}],
        "more": {"review": 3},
    }
    assert call.has_alarms
    assert not compose(listed[1:], {}, NOW).has_alarms


def test_the_key_of_a_call_follows_from_its_content_alone() -> None:
    first = compose([status("lane")], {}, NOW)
    assert first.key == compose([status("lane")], {}, NOW).key == first.failed(NOW).key
    others = [compose([status("lane")], {}, NOW + SECOND), compose([status("breaker")], {}, NOW)]
    assert first.key not in {other.key for other in others}


def test_the_wait_doubles_up_to_a_minute() -> None:
    call: Call = compose([status("lane")], {}, NOW)
    waits = []
    for _ in range(9):
        call = call.failed(NOW)
        assert call.retry_at is not None
        waits.append((call.retry_at - NOW).total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
