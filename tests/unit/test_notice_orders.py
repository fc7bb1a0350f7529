"""For every order of records, time and crashes: each notice is true when it leaves, and none is taken back.

A play is one lane of the notifier with its topic: the notifier reads back what it writes there, after all earlier
records. It takes events in an order; after each the channel works, is slow, or dies with the process.
"""

from collections.abc import Sequence
from itertools import permutations

import pytest

from schemas.vocabulary import NoticeSays, NoticeStands, NoticeState, WithheldBecause
from services.notifier.notice_store import FINISHED_FOR
from streams.domain.ids import follow_up_id
from tests.notice_play import (
    ARE_TELLING,
    HAVE_NOT_TOLD,
    HAVE_TOLD,
    NOT_TOLD,
    TELL_BY,
    TELLING,
    TIME,
    TOLD,
    Event,
    Play,
    Then,
    channels,
    check,
    due,
    played,
)

pytestmark = pytest.mark.long


_ALL = (TELLING, TOLD, NOT_TOLD, TIME)
ORDERS = [order for length in range(1, 5) for order in permutations(_ALL, length) if order != (TIME,)]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_each_notice_is_true_when_it_leaves_and_is_neither_sent_twice_nor_taken_back(
    order: Sequence[Event],
) -> None:
    for thens in channels(len(order)):
        for times, late in ((1, False), (2, False), (1, True)):
            try:
                check(await played(order, thens, times=times, late=late), order, thens)
            except AssertionError as error:
                error.add_note(f"channel: {', '.join(thens)}; each record {times} times; read late: {late}")
                raise


async def test_a_report_acknowledged_long_after_it_was_due_is_still_a_follow_up() -> None:
    play = Play()
    play.write(due(TELLING))
    play.clock.now = TELL_BY + FINISHED_FOR
    play.work()
    await play.resume(Then.TELLS)
    play.write(due(TOLD))
    play.work()
    await play.resume(Then.TELLS)
    assert play.left == [("notice-1", ARE_TELLING), (follow_up_id("notice-1", HAVE_TOLD), HAVE_TOLD)]


@pytest.mark.parametrize("stands", [TOLD, NOT_TOLD])
async def test_records_written_while_the_notifier_was_down_are_read_before_we_are_telling_is_sent(
    stands: NoticeStands,
) -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.write(due(stands))
    play.clock.now = TELL_BY
    # The timer and the effects of its turn run before the batch.
    play.lane.pass_time()
    await play.resume(Then.TELLS)
    play.work()
    await play.resume(Then.TELLS)
    assert [says for _, says in play.left] == ([HAVE_TOLD] if stands is TOLD else [])


async def test_records_written_since_a_crash_are_read_before_we_are_telling_is_sent_again() -> None:
    play = Play()
    play.write(due(TELLING))
    play.clock.now = TELL_BY
    play.work()
    await play.lane.perform()
    play.write(due(TOLD))
    play.open_again()
    await play.resume(Then.TELLS)
    play.work()
    await play.resume(Then.TELLS)
    assert play.left == [("notice-1", ARE_TELLING), (follow_up_id("notice-1", HAVE_TOLD), HAVE_TOLD)]
    assert [(end.state, end.says) for end in play.ended] == [
        (NoticeState.UNKNOWN, ARE_TELLING),
        (NoticeState.TOLD, HAVE_TOLD),
    ]


@pytest.mark.parametrize("stands", NoticeStands)
@pytest.mark.parametrize(
    ("withheld", "state"),
    [
        (WithheldBecause.NOT_SAFE_TO_CONTACT, NoticeState.DEFERRED),
        (WithheldBecause.NO_CHANNEL, NoticeState.UNREACHABLE),
    ],
)
async def test_a_withheld_notice_is_settled_at_once_and_for_good_in_every_state_of_its_report(
    stands: NoticeStands, withheld: WithheldBecause, state: NoticeState
) -> None:
    play = Play()
    play.write(due(stands, withheld))
    play.work()
    # A person without a channel gets none later: DECIDE writes the channels of the decision.
    play.write(due(TOLD, withheld if withheld is WithheldBecause.NO_CHANNEL else None))
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    assert [(end.state, end.says, end.reason) for end in play.ended] == [(state, None, withheld)]
    assert (play.left, play.lane.timers) == ([], {})


async def test_a_follow_up_that_is_not_safe_any_more_is_deferred_under_its_own_id() -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    play.write(due(TOLD, WithheldBecause.NOT_SAFE_TO_CONTACT))
    play.work()
    assert [(end.notification_id, end.state, end.says) for end in play.ended] == [
        ("notice-1", NoticeState.TOLD, ARE_TELLING),
        (follow_up_id("notice-1", HAVE_TOLD), NoticeState.DEFERRED, None),
    ]


async def test_channels_that_became_unsafe_while_the_notice_waited_are_not_used() -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.write(due(TOLD, WithheldBecause.NOT_SAFE_TO_CONTACT))
    play.work()
    await play.resume(Then.TELLS)
    assert [end.state for end in play.ended] == [NoticeState.DEFERRED]
    assert play.left == []


MAYBE_TOLD, ALREADY_TOLD = NoticeStands.MAYBE_TOLD, NoticeStands.ALREADY_TOLD
MAY_HAVE_TOLD, HAD_BEEN_TOLD = NoticeSays.MAY_HAVE_TOLD, NoticeSays.HAD_BEEN_TOLD


@pytest.mark.parametrize(
    ("stands", "says"),
    [
        ((NOT_TOLD, MAYBE_TOLD, TOLD), [HAVE_NOT_TOLD, MAY_HAVE_TOLD, HAVE_TOLD]),
        ((MAYBE_TOLD, NOT_TOLD), [MAY_HAVE_TOLD]),
        ((ALREADY_TOLD, MAYBE_TOLD, NOT_TOLD), [HAD_BEEN_TOLD]),
        ((ALREADY_TOLD, TOLD, ALREADY_TOLD), [HAD_BEEN_TOLD, HAVE_TOLD]),
    ],
)
@pytest.mark.parametrize("was_said", [True, False], ids=["after-are-telling", "before"])
async def test_for_a_withdrawn_report_only_a_notice_that_outweighs_the_last_is_sent(
    stands: Sequence[NoticeStands], says: list[NoticeSays], was_said: bool
) -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    if was_said:
        play.clock.now = TELL_BY
    for each in stands:
        play.work()
        await play.resume(Then.TELLS)
        play.write(due(each))
    play.work()
    await play.resume(Then.TELLS)
    expected = [ARE_TELLING, *says] if was_said else [each for each in says if each is HAVE_TOLD]
    assert [each for _, each in play.left] == expected


async def test_a_channel_that_failed_is_tried_again_when_more_is_known() -> None:
    play = Play()
    play.reaches = False
    play.write(due(TELLING))
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    play.reaches = True
    # A record that is read again adds nothing, so it is no reason to try again.
    for stands in (TELLING, NOT_TOLD, TOLD, TOLD):
        play.write(due(stands))
        play.work()
        await play.resume(Then.TELLS)
    follow_up = follow_up_id("notice-1", HAVE_TOLD)
    assert [(end.notification_id, end.state, end.reason) for end in play.ended] == [
        ("notice-1", NoticeState.UNREACHABLE, "account_closed"),
        (follow_up, NoticeState.TOLD, None),
    ]
    assert play.left == [(follow_up, HAVE_TOLD)]


async def test_a_failed_notice_is_not_sent_again_for_the_same_record() -> None:
    play = Play()
    play.reaches = False
    play.write(due(TOLD))
    play.work()
    await play.resume(Then.TELLS)
    play.reaches = True
    play.write(due(TOLD))
    play.work()
    assert (len(play.ended), play.left, list(play.lane.effects)) == (1, [], [])
