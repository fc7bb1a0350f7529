"""A waiting notice does not use a channel that is marked unsafe, and no record restores the channel."""

from collections.abc import Sequence

import pytest

from schemas.notifications import NotificationDue
from schemas.vocabulary import ContactChannel, NoticeSays, NoticeStands, NoticeState, WithheldBecause
from services.notifier.channels import Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notice_progress import NoticeProgress
from tests.notice_play import TELL_BY, TELLING, TOLD, Play, Then, due
from tests.readable_ids import readable_id

SMS, THREAD = ContactChannel.SMS, ContactChannel.THREAD
UNSAFE = WithheldBecause.NOT_SAFE_TO_CONTACT


class ByChannel(Play):
    """A play that records the possible channels of each notice."""

    def __init__(self) -> None:
        super().__init__()
        self.by: list[tuple[ContactChannel, ...]] = []

    async def tell(self, notice: Notice) -> Told | Unreachable:
        self.by.append(notice.channels)
        return await super().tell(notice)


def by(stands: NoticeStands, *channels: ContactChannel) -> NotificationDue:
    withheld = None if channels else UNSAFE
    return due(stands, withheld).model_copy(update={"channels": channels})


async def played(*records: NotificationDue, then: Sequence[Then] = ()) -> ByChannel:
    """Feed these records one by one to a slow channel, then let `tell_by` pass and the channel work."""
    play = ByChannel()
    for record, does in zip(records, (*then, *[Then.IS_SLOW] * len(records)), strict=False):
        play.write(record)
        play.work()
        await play.resume(does)
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    return play


@pytest.mark.parametrize("stands", [TELLING, TOLD], ids=readable_id)
async def test_a_notice_that_waits_goes_by_the_channels_that_are_left(stands: NoticeStands) -> None:
    play = await played(by(stands, SMS, THREAD), by(stands, THREAD))
    assert play.by == [(THREAD,)]
    assert [end.state for end in play.ended] == [NoticeState.TOLD]


@pytest.mark.parametrize("stands", [TELLING, TOLD], ids=readable_id)
async def test_a_notice_that_waits_is_deferred_where_no_channel_is_left(stands: NoticeStands) -> None:
    play = await played(by(stands, SMS), by(stands))
    assert play.by == []
    assert [(end.state, end.reason) for end in play.ended] == [(NoticeState.DEFERRED, UNSAFE)]
    assert (play.lane.timers, list(play.lane.state)) == ({}, [b"done/notice-1"])


async def test_a_record_that_is_read_again_brings_no_channel_back() -> None:
    for again in (by(TOLD, SMS, THREAD), by(TELLING, SMS)):
        play = await played(by(TOLD, SMS, THREAD), by(TOLD, THREAD), again)
        assert play.by == [(THREAD,)]


async def test_a_narrower_record_is_no_answer_to_the_question_whether_more_is_known() -> None:
    play = ByChannel()
    play.write(by(TELLING, SMS, THREAD))
    play.work()
    play.clock.now = TELL_BY
    # The question is written after these two.
    play.write(by(TELLING, THREAD))
    play.write(by(TOLD, THREAD))
    play.lane.pass_time()
    play.work()
    await play.resume(Then.TELLS)
    assert [says for _, says in play.left] == [NoticeSays.HAVE_TOLD]


async def test_a_mark_that_arrives_while_we_are_telling_is_sent_does_not_change_its_end() -> None:
    play = ByChannel()
    play.write(by(TELLING, SMS))
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.ANSWERS_LATER)
    play.write(by(TELLING))
    play.work()
    await play.resume(Then.TELLS)
    assert [(end.notification_id, end.state) for end in play.ended] == [("notice-1", NoticeState.TOLD)]
    play.write(by(TOLD))
    play.work()
    assert [end.state for end in play.ended] == [NoticeState.TOLD, NoticeState.DEFERRED]


async def test_a_notice_that_may_have_left_before_a_crash_is_not_sent_again_by_a_channel_now_unsafe() -> None:
    play = ByChannel()
    play.write(by(TOLD, SMS))
    play.work()
    await play.resume(Then.ANSWERS_LATER)
    play.write(by(TOLD))
    play.work()
    await play.resume(Then.DIES)
    assert [(end.state, end.says) for end in play.ended] == [(NoticeState.UNKNOWN, NoticeSays.HAVE_TOLD)]
    assert play.by == [(SMS,)]


def test_only_the_question_itself_says_that_no_more_is_known() -> None:
    asked = NoticeProgress(due=by(TELLING, SMS, THREAD), traceparent=None, asked=True)
    narrower = asked.updated_by(by(TELLING, THREAD), None)
    assert (narrower.late, narrower.due.channels) == (False, (THREAD,))
    assert narrower.updated_by(by(TELLING, SMS, THREAD), None).late
