"""A call that is never taken is given up and sent again later, and holds up no other alarm."""

import pytest

from streams.agents.alarms import Alarms
from streams.runtime import PutAside
from tests.alarm_lane import SECOND, Picky, Receiver, causes, change, later
from tests.fakes.clocks import Clock
from tests.lanes import Lane


@pytest.fixture
def lane(receiver: Receiver) -> Lane:
    return Lane(Alarms(receiver), Clock())


@pytest.mark.parametrize("refusal", ["status_413", "status_500", "timeout"])
async def test_a_call_that_is_never_taken_holds_up_no_other_alarm(refusal: str) -> None:
    receiver = Picky(refusal)
    lane = Lane(Alarms(receiver), Clock())
    lane.feed(change("poison"), *(change(f"review/{number}") for number in range(40)))
    await lane.settle_all()
    raised = 0
    for second in range(600):
        await later(lane, SECOND)
        if second == 300:
            lane.feed(change("review/new"))
            raised = len(receiver.taken)
        if second == 345:
            assert [causes(body)[0] for body in receiver.taken[raised:]] == [["review/new"]]
    listed = [cause for body in receiver.taken for cause in causes(body)[0]]
    assert sorted(listed) == sorted(["review/new", *(f"review/{number}" for number in range(40))])
    # The cause is still tried, about once a minute; each body has its own key.
    assert len(receiver.calls) < 60
    assert len({call.key for call in receiver.calls}) == len({call.body for call in receiver.calls})
    lane.feed(change("poison", "cleared"))
    before = len(receiver.taken)
    receiver.refusal = ""
    for _ in range(70):
        await later(lane, SECOND)
    assert len(receiver.taken) == before


async def test_what_was_given_up_and_the_other_alarms_take_turns_however_late_the_lane_is() -> None:
    receiver = Picky("status_413")
    lane = Lane(Alarms(receiver), Clock())
    lane.feed(change("poison"))
    await lane.settle_all()
    lane.feed(change("a"))
    for number in range(6):
        await later(lane, 600 * SECOND)
        lane.feed(change(f"b/{number}"))
    listed = [causes(body)[0] for body in receiver.bodies]
    assert listed == [["poison"], ["a"], ["poison"], ["b/0", "b/1"], ["poison"], ["b/2", "b/3"], ["poison"]]


async def test_causes_of_a_given_up_call_are_sent_once_the_receiver_takes_calls_again(
    lane: Lane, receiver: Receiver
) -> None:
    receiver.refusals = iter(["status_404"] * 12)
    lane.feed(*(change(f"review/{number}") for number in range(150)))
    lane.feed(change("review/0", "cleared"))
    await lane.settle_all()
    # The receiver may have taken a call that was given up, so it gets the all-clear too.
    for _ in range(900):
        await later(lane, SECOND)
    bodies = receiver.bodies[12:]
    assert sorted(c for body in bodies for c in causes(body)[0]) == sorted(f"review/{n}" for n in range(1, 150))
    assert [c for body in bodies for c in causes(body)[1]] == ["review/0"]
    assert [key for key in lane.state if not key.startswith(b"cause/")] == []


async def test_a_crash_repeats_neither_a_call_that_was_given_up_nor_forgets_what_it_listed(
    lane: Lane, receiver: Receiver
) -> None:
    receiver.refusals = iter(["status_400"])
    lane.feed(change("a"))
    await lane.settle_all()
    again = Lane(Alarms(receiver), lane.clock, lane.changelog)
    await again.settle_all()
    assert len(receiver.calls) == 1
    for _ in range(10):
        await later(again, SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["a"], [])] * 2


async def test_an_alarm_that_is_put_aside_holds_up_no_other(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("a"))
    (effect, _) = lane.effects.popleft()
    assert lane.agent.entry_of(effect) == b"call"
    lane.put_aside(PutAside(None, effect, b"call", lane.state[b"call"], "ValueError"))
    lane.feed(change("b"))
    await later(lane, 5 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["b"], [])]
