"""The alarms' lane: one call at a time, repeated until delivered, each alarm and all-clear in one call alone."""

from datetime import timedelta

import pytest

from schemas.codec import encode
from schemas.errors import Invalid
from streams.agents.alarms import Alarms
from streams.domain.alarm_calls import MAX_LISTED
from streams.runtime import Record
from tests.alarm_lane import SECOND, Receiver, causes, change, later
from tests.fakes.clocks import Clock
from tests.lanes import Lane
from tests.readable_ids import readable_id


@pytest.fixture
def lane(receiver: Receiver) -> Lane:
    return Lane(Alarms(receiver), Clock())


async def test_the_first_alarm_goes_at_once_and_the_next_five_seconds_later(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("a"))
    await lane.settle_all()
    lane.feed(change("b"))
    lane.feed(change("c"))
    await lane.settle_all()
    await later(lane, 5 * SECOND - timedelta(microseconds=1))
    assert [causes(body) for body in receiver.bodies] == [(["a"], [])]
    await later(lane, timedelta(microseconds=1))
    assert causes(receiver.bodies[1]) == (["b", "c"], [])
    # After more than the interval without a call the next one is made at once.
    await later(lane, 60 * SECOND)
    lane.feed(change("a", "cleared"))
    await lane.settle_all()
    assert [causes(body) for body in receiver.bodies[2:]] == [([], ["a"])]


async def test_a_call_that_fails_is_repeated_as_it_is_and_what_comes_meanwhile_joins_the_next(
    lane: Lane, receiver: Receiver
) -> None:
    receiver.refusals = iter(["status_500", OSError("a text that is not logged"), "timeout"])
    lane.feed(change("a"))
    await lane.settle_all()
    lane.feed(change("a", step=1))
    lane.feed(change("b"))
    for seconds in (1, 2):
        await later(lane, seconds * SECOND - timedelta(microseconds=1))
        await later(lane, timedelta(microseconds=1))
    assert [causes(body) for body in receiver.bodies] == [(["a"], [])] * 3
    await later(lane, 4 * SECOND)
    assert len({call.key for call in receiver.calls}) == 1
    assert len({call.body for call in receiver.calls}) == 1
    await later(lane, 5 * SECOND)
    (body,) = receiver.bodies[4:]
    assert [(each["cause"], each["step"]) for each in body["alarms"]] == [("b", 0), ("a", 1)]


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "ahead"])
@pytest.mark.parametrize("fails", [True, False], ids=["failed", "delivered"])
async def test_a_clock_that_is_set_while_the_process_is_down_holds_up_no_call(
    lane: Lane, receiver: Receiver, hours: int, fails: bool
) -> None:
    receiver.refusals = iter(["status_500"] if fails else [])
    lane.feed(change("a"))
    await lane.settle_all()
    lane.feed(change("b"))
    lane.clock.advance(timedelta(hours=hours))
    lane = Lane(Alarms(receiver), lane.clock, lane.changelog)
    for _ in range(3):
        await later(lane, 5 * SECOND)
    calls = [["a"], ["a"], ["b"]] if fails else [["a"], ["b"]]
    assert [causes(body) for body in receiver.bodies] == [(each, []) for each in calls]


@pytest.mark.parametrize("is_delivered", [False, True])
async def test_a_crash_repeats_the_call_under_its_key(lane: Lane, receiver: Receiver, is_delivered: bool) -> None:
    lane.feed(change("a"))
    if is_delivered:
        # The receiver has it; the turn that would record it is lost.
        await receiver.deliver(lane.effects[0][0])
    lane.feed(change("b"))
    again = Lane(Alarms(receiver), lane.clock, lane.changelog)
    await again.settle_all()
    assert len({call.key for call in receiver.calls}) == 1
    await later(again, 5 * SECOND)
    assert [causes(body) for body in receiver.bodies][-2:] == [(["a"], []), (["b"], [])]
    # It is recorded now, so another crash repeats nothing.
    last = Lane(Alarms(receiver), lane.clock, again.changelog)
    await later(last, 60 * SECOND)
    assert len(receiver.calls) == 2 + is_delivered


async def test_a_crash_while_a_call_waits_for_its_next_attempt_keeps_its_time(lane: Lane, receiver: Receiver) -> None:
    receiver.refusals = iter(["status_503", "status_503"])
    lane.feed(change("a"))
    await lane.settle_all()
    again = Lane(Alarms(receiver), lane.clock, lane.changelog)
    await again.settle_all()
    assert len(receiver.calls) == 1
    await later(again, SECOND)
    assert len(receiver.calls) == 2


async def test_what_does_not_fit_into_a_call_follows_in_the_next_ones(lane: Lane, receiver: Receiver) -> None:
    many = 2 * MAX_LISTED + 7
    lane.feed(*(change(f"review/{number}") for number in range(many)), change("lane/x", kind="lane"))
    await lane.settle_all()
    first = receiver.bodies[0]
    assert first["more"] == {"review": many + 1 - MAX_LISTED}
    assert first["alarms"][0]["cause"] == "lane/x"
    for _ in range(2):
        await later(lane, 5 * SECOND)
    listed = [cause for body in receiver.bodies for cause in causes(body)[0]]
    assert [len(body["alarms"]) for body in receiver.bodies] == [100, 100, 8]
    assert len(set(listed)) == len(listed) == many + 1
    assert receiver.bodies[-1]["more"] == {}


async def test_a_new_emergency_is_in_the_next_call_however_many_escalate(lane: Lane, receiver: Receiver) -> None:
    many = 1_400  # more in a minute than the calls of a minute can list
    lane.feed(*(change(f"old/{number}") for number in range(many)), change("settled"))
    for second in range(0, 420, 5):
        step = second // 60 + 1
        batch = [change(f"old/{number}", step=step) for number in range(second // 5 % 12, many, 12)]
        if second == 240:
            batch += [change("new"), change("settled", "cleared")]
        lane.feed(*batch)
        await later(lane, 5 * SECOND)
    (told,) = [place for place, body in enumerate(receiver.bodies) if "new" in causes(body)[0]]
    (cleared,) = [place for place, body in enumerate(receiver.bodies) if "settled" in causes(body)[1]]
    assert told <= 240 // 5 + 2
    assert cleared <= 240 // 5 + 2
    # All other causes get higher steps all the time, and still no cause starves.
    steps = {f"old/{number}": 0 for number in range(many)}
    for body in receiver.bodies:
        for each in body["alarms"]:
            if each["step"]:
                steps[each["cause"]] = each["step"]
    assert min(step for cause, step in steps.items() if cause.startswith("old/")) > 3


@pytest.mark.parametrize(
    "value", [None, b"", b"not a record", encode("TokenOwner", {"token": "t", "person": "p"})], ids=readable_id
)
def test_what_is_no_alarm_is_rejected(lane: Lane, value: bytes | None) -> None:
    with pytest.raises(Invalid):
        lane.agent.decode(Record("alarms", 0, 0, 0, b"", value, ()))
