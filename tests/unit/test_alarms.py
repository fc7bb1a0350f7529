"""The alarms that are due: each row of the domain's table, the order of a call, and its retries."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.alarms import AlarmChanged
from schemas.vocabulary import AlarmKind, AlarmState
from streams.domain.alarm_calls import Call, CallPosition, News, choose, compose
from streams.domain.alarms import QUIET_BEFORE_ALL_CLEAR, CauseStatus, advance, known
from tests.readable_ids import readable_id

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def raised(step: int = 0, at: datetime = NOW, **facts: Any) -> AlarmChanged:
    return AlarmChanged(
        cause="review/1", kind=AlarmKind.REVIEW, state=AlarmState.RAISED, step=step, changed_at=at, facts=facts
    )


def cleared() -> AlarmChanged:
    return AlarmChanged(cause="review/1", kind=AlarmKind.REVIEW, state=AlarmState.CLEARED, changed_at=NOW + SECOND)


#: In place of a change: the moment at which a call is made of the due causes.
CALL = None


def heard(*changes: AlarmChanged | None) -> list[str]:
    """Return the calls about one cause, in order; nothing is kept of it after its all-clear."""
    status: CauseStatus | None = None
    said = []
    for change in changes:
        if change is not CALL:
            status = advance(status, change, NOW)
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
    ids=readable_id,
)
def test_one_alarm_a_step_and_one_all_clear(changes: tuple[AlarmChanged | None, ...], hears: list[str]) -> None:
    assert heard(*changes) == hears


def at_agency(source: str, state: AlarmState, waiting: int = 0, step: int = 0) -> AlarmChanged:
    facts: dict[str, Any] = {"agency": "101", "waiting": waiting} if waiting else {}
    return AlarmChanged(
        cause="undelivered/101",
        kind=AlarmKind.UNDELIVERED,
        source=source,
        state=state,
        step=step,
        changed_at=NOW,
        facts=facts,
    )


def test_a_cause_is_over_once_each_lane_that_raised_it_cleared_it() -> None:
    up, down = AlarmState.RAISED, AlarmState.CLEARED
    status = advance(advance(None, at_agency("decide-0", up, 3), NOW), at_agency("decide-1", up, 4), NOW)
    assert status is not None
    assert status.call_facts == {"agency": "101", "waiting": 7}
    status = known(status)
    for source, is_raised in (("decide-2", True), ("decide-0", True), ("decide-0", True), ("decide-1", False)):
        assert status is not None
        status = advance(status, at_agency(source, down), NOW)
        assert status is not None
        assert (source, status.is_raised) == (source, is_raised)
        assert not status.is_due


def test_facts_are_the_newest_and_the_time_the_first() -> None:
    status = advance(advance(None, raised(waiting=1), NOW), raised(at=NOW + SECOND, waiting=7), NOW)
    assert status is not None
    assert (status.facts, status.since) == ({"waiting": 7}, NOW)


def status(
    kind: str,
    step: int = 0,
    since: int = 0,
    *,
    is_raised: bool = True,
    known_step: int | None = None,
    due: int | None = None,
    given_up: int = 0,
) -> CauseStatus:
    return CauseStatus(
        cause=f"{kind}/{step}-{since}",
        kind=AlarmKind(kind),
        is_raised=is_raised,
        step=step,
        since=NOW + since * SECOND,
        facts={},
        known_step=known_step,
        due_since=None if due is None else NOW + due * SECOND,
        given_up=given_up,
    )


def test_the_most_urgent_come_first() -> None:
    wanted = [
        status("lane"),
        status("breaker"),
        status("hidden"),
        status("failing"),
        status("undelivered"),
        status("review", since=0),
        status("review", step=9, since=3),
        status("review", since=5),
        status("review", since=9, step=3, known_step=2, due=7),
        status("undelivered", step=4, known_step=2, due=8),
        status("lane", is_raised=False, known_step=0, due=1),
        status("lane", given_up=1, due=3),
        status("lane", is_raised=False, given_up=2, due=2),
    ]
    places = [CallPosition.of(each) for each in wanted]
    assert places == sorted(places)
    assert [CallPosition.from_bytes(place.to_bytes()) for place in places] == places


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


def waiting(*counts: int) -> list[tuple[CallPosition, bytes]]:
    """Return this many due causes: first alarms, higher steps, all-clears, and causes of given-up calls."""
    made = [
        {},
        {"step": 1, "known_step": 0},
        {"is_raised": False, "known_step": 0},
        {"given_up": 1},
    ]
    return [
        (CallPosition.of(status("review", since=number, **kind)), b"%d/%d" % (which, number))  # type: ignore[arg-type]
        for which, (kind, count) in enumerate(zip(made, counts, strict=True))
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "width", "lists"),
    [
        ((300, 300, 300, 0), 100, (80, 10, 10, 0)),
        ((3, 300, 300, 0), 100, (3, 87, 10, 0)),
        ((300, 0, 4, 0), 100, (96, 0, 4, 0)),
        ((0, 2, 300, 0), 100, (0, 2, 98, 0)),
        ((1, 1, 1, 0), 100, (1, 1, 1, 0)),
        ((300, 300, 300, 300), None, (80, 10, 10, 0)),
        ((300, 300, 300, 300), 7, (0, 0, 0, 7)),
        ((0, 0, 0, 300), None, (0, 0, 0, 0)),
    ],
    ids=readable_id,
)
def test_each_kind_of_news_keeps_its_share_of_a_call(
    counts: tuple[int, ...], width: int | None, lists: tuple[int, ...]
) -> None:
    chosen = [key for _, key in choose(waiting(*counts), width)]
    assert chosen == [b"%d/%d" % (which, number) for which, count in enumerate(lists) for number in range(count)]


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_kind_has_its_rank_and_the_time_that_it_has_to_be_quiet(kind: AlarmKind) -> None:
    assert kind in QUIET_BEFORE_ALL_CLEAR
    assert CallPosition.of(status(kind)).kind is kind


def test_a_call_of_the_first_version_is_repeated_for_as_long_as_it_takes() -> None:
    call = compose([status("lane")], {}, NOW).model_copy(update={"listed": (), "failures": 99})
    assert not call.is_given_up("status_413")


def test_a_place_of_the_first_version_is_still_read() -> None:
    assert CallPosition.from_bytes(b"3 999998 17 review") == CallPosition(News.FIRST, 0, 3, 17, AlarmKind.REVIEW)
    assert CallPosition.from_bytes(b"4 999999 17 lane") == CallPosition(News.ALL_CLEAR, 0, 4, 17, AlarmKind.LANE)


@pytest.mark.parametrize(
    ("result", "is_at_once"),
    [
        ("status_400", True),
        ("status_413", True),
        ("status_404", True),
        ("status_408", False),
        ("status_425", False),
        ("status_429", False),
        ("status_500", False),
        ("timeout", False),
        ("exit_status_4", False),
    ],
)
def test_a_call_is_given_up_at_once_where_it_is_refused_for_good_and_after_five_attempts(
    result: str, is_at_once: bool
) -> None:
    call, attempts = compose([status("lane")], {}, NOW), 0
    while not call.is_given_up(result) or attempts == 0:
        call, attempts = call.failed(NOW), attempts + 1
    assert attempts == (1 if is_at_once else 5)
    again = compose([status("lane", given_up=1)], {}, NOW)
    assert again.failed(NOW).is_given_up(result)
