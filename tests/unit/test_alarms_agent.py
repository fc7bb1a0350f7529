"""The alarms' lane: one call at a time, repeated until delivered, each alarm and all-clear in one call alone."""

from datetime import timedelta

import pytest

from schemas.codec import encode
from schemas.errors import Invalid
from streams.agents.alarms import Alarms
from streams.domain.alarm_calls import MAX_LISTED
from streams.domain.alarms import QUIET_AFTER
from streams.runtime import PutAside, Record
from tests.alarm_lane import SECOND, Picky, Receiver, causes, change, later
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane
from tests.readable_ids import readable_id


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


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


@pytest.mark.parametrize("kind", ["failing", "clock"])
async def test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    """A clock too, because the process that raised it may be gone."""
    lane.feed(change("x", kind=kind))
    await lane.settle_all()
    await later(lane, QUIET_AFTER / 2)
    lane.feed(change("x", kind=kind))
    await later(lane, QUIET_AFTER - SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], [])]
    await later(lane, SECOND)
    assert causes(receiver.bodies[-1]) == ([], ["x"])
    assert len(receiver.bodies) == 2


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


async def test_a_cause_that_comes_and_goes_is_one_alarm_until_it_was_quiet_for_a_minute(
    lane: Lane, receiver: Receiver
) -> None:
    for number in range(720):
        lane.feed(change("breaker/999", "cleared" if number % 2 else "raised", kind="breaker"))
        await later(lane, 5 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["breaker/999"], [])]
    # The last change was `cleared`, 5 s ago. A repeat of it does not restart the minute.
    lane.feed(change("breaker/999", "cleared", kind="breaker"))
    await later(lane, 55 * SECOND - timedelta(microseconds=1))
    assert len(receiver.bodies) == 1
    await later(lane, timedelta(microseconds=1))
    assert causes(receiver.bodies[-1]) == ([], ["breaker/999"])
    assert [key for key in lane.state if not key.startswith(b"last/")] == [b"interval"]


async def test_an_all_clear_that_is_held_back_survives_a_crash(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("lane/x", kind="lane"))
    await lane.settle_all()
    lane.feed(change("lane/x", "cleared", kind="lane"))
    again = Lane(Alarms(receiver), lane.clock, lane.changelog)
    assert again.agent.entry_of(b"calm/lane/x") == b"cause/lane/x"
    await later(again, 60 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["lane/x"], []), ([], ["lane/x"])]


async def test_no_all_clear_while_the_breaker_of_another_connector_is_open(lane: Lane, receiver: Receiver) -> None:
    def breaker(state: str, source: str) -> bytes:
        return change("breaker/999", state, kind="breaker", source=source)

    lane.feed(breaker("raised", "connector-999-0"), breaker("raised", "connector-999-1"))
    await lane.settle_all()
    # Another process takes over one of the lanes and reaches the agency; a third has lanes that raised nothing.
    lane.feed(breaker("cleared", "connector-999-0"), breaker("cleared", "connector-999-2"))
    await later(lane, 3_600 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["breaker/999"], [])]
    lane.feed(breaker("cleared", "connector-999-1"))
    await later(lane, 60 * SECOND)
    assert causes(receiver.bodies[-1]) == ([], ["breaker/999"])


@pytest.mark.parametrize("kind", ["lane", "breaker"])
async def test_a_call_of_a_process_that_was_cut_off_does_not_count_after_a_call_of_the_next_owner(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND))
    lane.feed(change("x", "cleared", kind=kind, at=START))
    lane.feed(change("x", "raised", kind=kind, at=START))
    await later(lane, 60 * SECOND)
    assert receiver.bodies == []
    # A change of another lane, or a later one, counts.
    lane.feed(change("y", "raised", kind=kind, at=START), change("x", "raised", kind=kind, at=START + 2 * SECOND))
    await lane.settle_all()
    assert [causes(body) for body in receiver.bodies] == [(["x", "y"], [])]
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND))
    await later(lane, 120 * SECOND)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("kind", ["lane", "breaker"])
async def test_a_process_whose_clock_was_ahead_silences_none_that_follows(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    lane.feed(change("x", "raised", kind=kind, at=START + 300 * SECOND), stamp=START)
    await lane.settle_all()
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND), stamp=START + SECOND)
    await later(lane, 120 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], []), ([], ["x"])]
    assert receiver.bodies[0]["alarms"][0]["since"] == START.isoformat()


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


@pytest.mark.parametrize(
    "value", [None, b"", b"not a record", encode("TokenOwner", {"token": "t", "person": "p"})], ids=readable_id
)
def test_what_is_no_alarm_is_rejected(lane: Lane, value: bytes | None) -> None:
    with pytest.raises(Invalid):
        lane.agent.decode(Record("alarms", 0, 0, 0, b"", value, ()))
