"""The notifier reads acknowledgements itself, so that its notices are true while DECIDE is late."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import encode
from schemas.notifications import NotificationDue, ServiceDisclosure
from schemas.policy import load_policy
from schemas.reports import DeliveryChanged
from schemas.topics import TopicName
from schemas.vocabulary import (
    Agency,
    ContactChannel,
    DeliveryState,
    NoticeSays,
    NoticeStands,
    NoticeState,
    Service,
    WithheldBecause,
)
from services.notifier.channels import Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notifier import Notifier
from streams.domain.ids import follow_up_id, notification_id
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane

POLICY = load_policy()
REPORT = "report-1"
NOTICE = notification_id(REPORT)
TELL_BY = START + timedelta(minutes=10)
HAVE_TOLD, ARE_TELLING = NoticeSays.HAVE_TOLD, NoticeSays.ARE_TELLING


class Heard:
    """A lane of the notifier, its topics, and the notices that left."""

    def __init__(self) -> None:
        self.left: list[tuple[str, NoticeSays]] = []
        self.channels: list[ContactChannel] = []
        self.lane = Lane(Notifier(self, POLICY), Clock(), ())

    async def tell(self, notice: Notice) -> Told | Unreachable:
        self.left.append((notice.notification_id, notice.says))
        self.channels.append(notice.channels[0])
        return Told(notice.channels[0])

    async def notice(
        self, stands: NoticeStands = NoticeStands.TELLING, *, is_slow: bool = False, **changes: Any
    ) -> None:
        made = NotificationDue(
            notification_id=NOTICE,
            report_id=REPORT,
            person="person-1",
            disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id="disclosure-1"),),
            agency=Agency.SOCIAL_WORKER,
            clauses=("LT-2",),
            channels=(ContactChannel.SMS,),
            due_at=START,
            stands=stands,
            tell_by=TELL_BY,
        ).model_copy(update=changes)
        await self._read(TopicName.NOTIFICATIONS, encode("NotificationDue", made.model_dump()), is_slow=is_slow)

    async def step(
        self, state: DeliveryState = DeliveryState.ACKNOWLEDGED, *, is_slow: bool = False, **changes: Any
    ) -> None:
        made = DeliveryChanged(
            report_id=REPORT, agency=Agency.SOCIAL_WORKER, person="person-1", state=state, attempt=1, changed_at=START
        ).model_copy(update=changes)
        await self._read(TopicName.DELIVERIES, encode("DeliveryChanged", made.model_dump()), is_slow=is_slow)

    async def time(self, *, is_slow: bool = False) -> None:
        """Let `tell_by` pass, and let the notifier read its own records."""
        self.lane.clock.now = TELL_BY
        self.lane.pass_time()
        await self.read_own(is_slow=is_slow)

    async def read_own(self, *, is_slow: bool = False) -> None:
        """Feed the notifier the notices that it wrote itself."""
        written, self.lane.outputs = self.lane.outputs, []
        for output in written:
            await self._read(TopicName.NOTIFICATIONS, output.value, is_slow=is_slow)

    def open_again(self) -> None:
        """Let the next process restore the lane."""
        outputs = self.lane.outputs
        self.lane = Lane(Notifier(self, POLICY), self.lane.clock, self.lane.changelog)
        self.lane.outputs = outputs + self.lane.outputs

    async def read(self, topic: str, value: bytes | None) -> None:
        await self._read(topic, value)

    async def _read(self, topic: str, value: bytes | None, *, is_slow: bool = False) -> None:
        self.lane.feed(value, topic=topic)
        if not is_slow:
            await self.lane.settle_all()


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_for_a_report_that_the_agency_has_only_have_told_is_sent_and_once(heard: Heard) -> None:
    await heard.notice()
    await heard.step()
    assert heard.left == [], "DECIDE says it within moments, by the channels that are safe"
    await heard.step(DeliveryState.OUTCOME_KNOWN)
    await heard.time()
    assert heard.left == [(NOTICE, HAVE_TOLD)]
    await heard.notice(NoticeStands.TOLD)
    assert heard.left == [(NOTICE, HAVE_TOLD)]
    assert (list(heard.lane.state), heard.lane.timers) == ([b"done/" + NOTICE.encode()], {})


async def test_a_state_that_decide_writes_first_is_sent_at_once(heard: Heard) -> None:
    await heard.notice()
    await heard.step()
    await heard.notice(NoticeStands.TOLD)
    assert heard.left == [(NOTICE, HAVE_TOLD)]
    await heard.time()
    assert heard.left == [(NOTICE, HAVE_TOLD)]


async def test_an_acknowledgement_that_is_read_before_its_notice_counts(heard: Heard) -> None:
    await heard.step()
    await heard.notice()
    await heard.time()
    assert heard.left == [(NOTICE, HAVE_TOLD)]
    assert list(heard.lane.state) == [b"done/" + NOTICE.encode()]


async def test_a_channel_that_was_marked_unsafe_is_not_used_though_the_record_says_less(heard: Heard) -> None:
    channels = (ContactChannel.SMS, ContactChannel.DIRECT_MESSAGE)
    await heard.notice(channels=channels)
    await heard.step()
    await heard.time(is_slow=True)
    # DECIDE does not know of the acknowledgement yet.
    await heard.notice(channels=channels[1:])
    assert (heard.left, heard.channels) == ([(NOTICE, HAVE_TOLD)], [ContactChannel.DIRECT_MESSAGE])


async def test_have_not_told_is_never_sent_for_a_report_that_the_agency_has(heard: Heard) -> None:
    await heard.notice()
    await heard.time()
    await heard.notice(NoticeStands.NOT_TOLD, is_slow=True)
    assert len(heard.lane.effects) == 1
    await heard.step()
    assert heard.left == [(NOTICE, ARE_TELLING)]
    await heard.read_own()
    assert heard.left == [(NOTICE, ARE_TELLING), (follow_up_id(NOTICE, HAVE_TOLD), HAVE_TOLD)]


async def test_one_that_comes_while_we_are_telling_waits_to_leave_takes_its_place(heard: Heard) -> None:
    await heard.notice()
    await heard.time(is_slow=True)
    assert len(heard.lane.effects) == 1
    await heard.step()
    assert heard.left == []
    await heard.read_own()
    assert heard.left == [(NOTICE, HAVE_TOLD)]


async def test_one_that_comes_while_we_are_telling_leaves_is_followed_up(heard: Heard) -> None:
    await heard.notice()
    await heard.time(is_slow=True)
    answer = await heard.lane.perform()
    await heard.step()
    answer()
    await heard.read_own()
    assert heard.left == [(NOTICE, ARE_TELLING), (follow_up_id(NOTICE, HAVE_TOLD), HAVE_TOLD)]


async def test_after_a_crash_it_is_still_known(heard: Heard) -> None:
    await heard.notice()
    await heard.time(is_slow=True)
    await heard.lane.perform()
    await heard.step(is_slow=True)
    heard.open_again()
    await heard.read_own()
    assert heard.left == [(NOTICE, ARE_TELLING), (follow_up_id(NOTICE, HAVE_TOLD), HAVE_TOLD)]


async def test_what_another_agency_acknowledges_changes_nothing(heard: Heard) -> None:
    await heard.step(agency=Agency.CARE_TEAM)
    await heard.notice()
    await heard.step(agency=Agency.CARE_TEAM)
    assert heard.left == []
    await heard.time()
    assert heard.left == [(NOTICE, ARE_TELLING)]


@pytest.mark.parametrize("state", [state for state in DeliveryState if state not in ("acknowledged", "outcome_known")])
async def test_other_steps_of_a_report_change_nothing(heard: Heard, state: DeliveryState) -> None:
    await heard.notice()
    await heard.step(state)
    assert heard.left == []
    assert list(heard.lane.state) == [b"pending/" + NOTICE.encode()]


async def test_after_a_notice_was_sent_decide_writes_what_follows(heard: Heard) -> None:
    await heard.notice()
    await heard.time()
    await heard.step()
    assert heard.left == [(NOTICE, ARE_TELLING)]
    await heard.notice(NoticeStands.TOLD)
    assert heard.left == [(NOTICE, ARE_TELLING), (follow_up_id(NOTICE, HAVE_TOLD), HAVE_TOLD)]


async def test_the_notice_of_an_acknowledged_report_stays_withheld(heard: Heard) -> None:
    await heard.step()
    await heard.notice(channels=(), withheld_because=WithheldBecause.NOT_SAFE_TO_CONTACT)
    assert heard.left == []
    (end,) = heard.lane.written("NotificationSettled")
    assert end["state"] == NoticeState.DEFERRED


async def test_an_acknowledgement_without_a_notice_is_removed(heard: Heard) -> None:
    await heard.step()
    assert len(heard.lane.state) == 1
    heard.lane.clock.advance(timedelta(hours=1))
    heard.lane.pass_time()
    assert heard.lane.state == {}


@pytest.mark.parametrize("value", [None, b"", b"\xc3\x01not a record"])
async def test_a_record_that_is_no_delivery_is_left_to_decide(heard: Heard, value: bytes | None) -> None:
    await heard.read(TopicName.DELIVERIES, value)
    assert heard.lane.outputs == []
