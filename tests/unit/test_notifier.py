"""Every notice is settled once: told, deferred or unreachable, even if the process crashes."""

import io
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.notifications import NotificationDue, NotificationSettled
from schemas.topics import OUTCOME_DAYS, SEGMENT_DAYS
from schemas.vocabulary import Agency, NoticeSays, NoticeStands, NoticeState, WithheldBecause
from services.agency_profiles import AGENCY_PROFILES
from services.notifier.channels import ChannelPort, ConsoleChannel, FileChannel, Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notice_store import FINISHED_FOR
from services.notifier.notifier import Notifier
from streams.domain.ids import notice_reference
from streams.runtime.lane.state import ChangelogRecord
from tests.due_notices import POLICY, due, told
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane


class Nobody:
    """A channel that reaches no person."""

    async def tell(self, notice: Notice) -> Told | Unreachable:
        return Unreachable("account_closed")


def encoded(made: NotificationDue) -> bytes:
    return encode("NotificationDue", made.model_dump())


def lane(channel: ChannelPort, changelog: Sequence[ChangelogRecord] = ()) -> Lane:
    return Lane(Notifier(channel, POLICY), Clock(), changelog)


def settled(of: Lane) -> list[NotificationSettled]:
    return [NotificationSettled.model_validate(fields) for fields in of.written("NotificationSettled")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notices.jsonl"


async def test_a_notice_is_sent_by_the_preferred_channel_and_settled_under_the_person(path: Path) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due()))
    assert settled(one) == []
    await one.settle_all()
    (end,) = settled(one)
    assert (end.state, end.channel, end.reason, end.review_at) == (NoticeState.TOLD, "direct_message", None, None)
    assert end.says is NoticeSays.HAVE_TOLD
    assert (end.notification_id, end.report_id, end.settled_at) == ("notice-1", "report-1", START)
    assert one.outputs[0].key == b"person-1"
    assert one.state == {b"done/notice-1": b"told/have_told/told"}


@pytest.mark.parametrize("ahead", [0, 60], ids=["the same", "an hour ahead"])
def test_a_notice_waits_no_longer_than_intended_at_any_clock_of_decide(path: Path, ahead: int) -> None:
    one, by = lane(FileChannel(path)), timedelta(minutes=ahead)
    made = due(stands=NoticeStands.TELLING, due_at=START + by, tell_by=START + by + timedelta(minutes=10))
    one.feed(encoded(made))
    assert one.timers == {b"notice-1": START + timedelta(minutes=10)}


async def test_a_notice_says_who_was_told_why_and_where_other_support_is(path: Path) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due(clauses=("LT-2", "LT-4"))))
    await one.settle_all()
    (line,) = told(path)
    assert line["agency"] == "your social worker"
    assert [reason["clause"] for reason in line["reasons"]] == ["LT-2", "LT-4"]
    assert line["reasons"][0]["text"] == POLICY.words_of("LT-2").plain
    assert (line["says"], line["reference"]) == ("have_told", notice_reference("notice-1"))
    assert line["statement"] == "This is about what you shared with us. We have told your social worker."
    assert "85258" in line["support"]
    assert "ask us why" in line["rights"]
    assert line["disclosures"] == [{"service": "forum", "disclosure_id": "disclosure-1"}]
    assert "person-1" not in json.dumps(line)


async def test_the_console_says_the_same_in_words() -> None:
    stream = io.StringIO()
    one = lane(ConsoleChannel(stream))
    one.feed(encoded(due(agency=Agency.EMERGENCY_999, clauses=("IR-1",))))
    await one.settle_all()
    said = stream.getvalue()
    assert f"[forum disclosure-1 by direct_message: have_told, {notice_reference('notice-1')}]" in said
    assert "the emergency services (999)" in said
    assert POLICY.words_of("IR-1").plain in said
    assert "THEMIX to 85258" in said
    assert "person-1" not in said


async def test_an_unsafe_notice_is_deferred_with_a_date_and_not_sent(path: Path) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due(channels=(), withheld_because=WithheldBecause.NOT_SAFE_TO_CONTACT)))
    assert not one.effects
    (end,) = settled(one)
    assert (end.state, end.reason) == (NoticeState.DEFERRED, "not_safe_to_contact")
    assert end.review_at == START + timedelta(hours=24)
    assert told(path) == []


@pytest.mark.parametrize("because", [WithheldBecause.NO_CHANNEL, None])
def test_without_a_channel_the_person_is_unreachable(path: Path, because: WithheldBecause | None) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due(channels=(), withheld_because=because)))
    (end,) = settled(one)
    assert (end.state, end.reason, end.review_at) == (NoticeState.UNREACHABLE, "no_channel", None)


async def test_a_channel_that_fails_gives_its_reason() -> None:
    one = lane(Nobody())
    one.feed(encoded(due()))
    await one.settle_all()
    (end,) = settled(one)
    assert (end.state, end.reason, end.channel) == (NoticeState.UNREACHABLE, "account_closed", None)


async def test_a_notice_that_comes_twice_or_is_its_own_settling_changes_nothing(path: Path) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due()), encoded(due()))
    await one.settle_all()
    settling = one.outputs[0].value
    one.feed(encoded(due()), settling)
    assert not one.effects
    assert len(settled(one)) == len(told(path)) == 1


@pytest.mark.parametrize("withheld", [None, WithheldBecause.NOT_SAFE_TO_CONTACT])
async def test_a_settled_notice_leaves_a_mark_that_outlasts_its_record(
    path: Path, withheld: WithheldBecause | None
) -> None:
    one = lane(FileChannel(path))
    made = encoded(due(due_at=START, withheld_because=withheld))
    one.feed(made)
    await one.settle_all()
    one.clock.now = START + timedelta(days=OUTCOME_DAYS + SEGMENT_DAYS)
    one.pass_time()
    one.feed(made)
    assert not one.effects
    assert list(one.state) == [b"done/notice-1"]
    assert len(settled(one)) == 1
    one.clock.now = START + FINISHED_FOR
    # First it counts as ended, then it is removed.
    one.feed(encoded(due(due_at=one.clock.now)))
    assert len(one.effects) == 1
    await one.settle_all()
    one.clock.advance(FINISHED_FOR)
    one.pass_time()
    assert one.state == {}


async def test_an_unreadable_record_is_rejected_and_the_other_notices_are_sent(path: Path) -> None:
    one = lane(FileChannel(path))
    one.feed(b"\xc3\x01not a record", None, encoded(due()))
    await one.settle_all()
    assert [output.topic for output in one.outputs].count("source.rejected") == 2
    assert [(ended.state, ended.reason) for ended in settled(one)] == [
        (NoticeState.UNREACHABLE, "rejected"),
        (NoticeState.UNREACHABLE, "rejected"),
        (NoticeState.TOLD, None),
    ]


@pytest.mark.parametrize("told_before", [False, True])
async def test_after_a_crash_the_notice_is_in_the_file_once(path: Path, told_before: bool) -> None:
    one = lane(FileChannel(path))
    one.feed(encoded(due()))
    if told_before:
        await one.agent.perform(one.effects[0][0])
    again = lane(FileChannel(path), one.changelog)
    await again.settle_all()
    assert len(told(path)) == 1
    assert [end.state for end in settled(again)] == [NoticeState.TOLD]


def test_every_agency_has_a_name_for_people() -> None:
    assert set(AGENCY_PROFILES) == set(Agency)
