"""The alarms' lane: one call at a time, repeated until delivered, each alarm and all-clear in one call alone."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from schemas.alarms import AlarmChanged
from schemas.codec import encode
from schemas.errors import Invalid
from schemas.vocabulary import AlarmKind, AlarmState
from streams.agents.alarms import Alarms
from streams.domain.alarms import MAX_LISTED, QUIET_AFTER, Call
from streams.runtime import PutAside, Record
from tests.lanes import START, Clock, Lane

SECOND = timedelta(seconds=1)


class Receiver:
    """Takes calls, or refuses as many as a test says."""

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


def change(cause: str, state: str = "raised", step: int = 0, kind: str = "review") -> bytes:
    made = AlarmChanged(cause=cause, kind=AlarmKind(kind), state=AlarmState(state), step=step, changed_at=START)
    return encode("AlarmChanged", made.model_dump())


def causes(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    return [each["cause"] for each in body["alarms"]], [each["cause"] for each in body["cleared"]]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def lane(receiver: Receiver) -> Lane:
    return Lane(Alarms(receiver), Clock())


async def later(lane: Lane, by: timedelta) -> None:
    """Let time pass, and do what is due."""
    lane.clock.advance(by)
    lane.pass_time()
    await lane.settle_all()


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
    # Quiet for longer than the pause: again at once.
    await later(lane, 60 * SECOND)
    lane.feed(change("a", "cleared"))
    await lane.settle_all()
    assert [causes(body) for body in receiver.bodies[2:]] == [([], ["a"])]


async def test_nothing_is_left_of_a_cause_that_is_over(lane: Lane) -> None:
    for value in (
        change("a"),
        change("a", "cleared"),
        change("f", kind="failing"),
        change("f", "cleared", kind="failing"),
    ):
        lane.feed(value)
        await lane.settle_all()
        await later(lane, 10 * SECOND)
    assert (lane.state, lane.timers) == ({}, {})


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
    assert [(each["cause"], each["step"]) for each in body["alarms"]] == [("a", 1), ("b", 0)]


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
    # Recorded by now: another crash repeats nothing.
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


async def test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("failing/x", kind="failing"))
    await lane.settle_all()
    await later(lane, QUIET_AFTER / 2)
    lane.feed(change("failing/x", kind="failing"))
    await later(lane, QUIET_AFTER - SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["failing/x"], [])]
    await later(lane, SECOND)
    assert causes(receiver.bodies[-1]) == ([], ["failing/x"])
    assert len(receiver.bodies) == 2


async def test_an_alarm_that_is_put_aside_holds_up_no_other(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("a"))
    (effect, _) = lane.effects.popleft()
    assert lane.agent.entry_of(effect) == b"call"
    lane.put_aside(PutAside(None, effect, b"call", lane.state[b"call"], "ValueError"))
    lane.feed(change("b"))
    await later(lane, 5 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["b"], [])]


async def test_a_cause_that_is_put_aside_is_forgotten(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("f", kind="failing"))
    await lane.settle_all()
    timer = b"quiet/f"
    entry = lane.agent.entry_of(timer)
    assert entry == b"cause/f"
    lane.put_aside(PutAside(timer, None, entry, lane.state[entry], "ValueError"))
    await later(lane, QUIET_AFTER)
    assert (lane.state, lane.timers, len(receiver.calls)) == ({}, {}, 1)


@pytest.mark.parametrize("value", [None, b"", b"not a record", encode("TokenOwner", {"token": "t", "person": "p"})])
def test_what_is_no_alarm_is_rejected(lane: Lane, value: bytes | None) -> None:
    with pytest.raises(Invalid):
        lane.agent.decode(Record("alarms", 0, 0, 0, b"", value, ()))
