"""A notice on which the notifier raises: settled once as unreachable; an entry that cannot be read stops nothing."""

from datetime import UTC, datetime

import pytest

from schemas.codec import encode
from schemas.notifications import NotificationDue, NotificationSettled, ServiceDisclosure
from schemas.policy import load_policy
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, NoticeStands, NoticeState, Service
from services.notifier.channels import Told
from services.notifier.notice import Notice
from services.notifier.notifier import Notifier
from services.notifier.telling import Tell
from streams.domain.ids import rejected_notice_id, rejected_report_id
from streams.runtime import Origin, PutAside, Record
from streams.runtime.lane.poison_errors import PoisonRecord
from tests.fakes.clocks import Clock
from tests.lanes import Lane

DUE = NotificationDue(
    notification_id="notice-1",
    report_id="report-1",
    person="person-1",
    disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id="disclosure-1"),),
    agency=Agency.SOCIAL_WORKER,
    clauses=("LT-2",),
    channels=(ContactChannel.SMS,),
    due_at=datetime(2026, 2, 3, 21, 10, tzinfo=UTC),
    stands=NoticeStands.TOLD,
)
ENTRY = b"pending/notice-1"


TELL = Tell(DUE, "notice-1", NoticeSays.HAVE_TOLD, Origin())


class Channel:
    """A channel that reaches every person."""

    async def tell(self, notice: Notice) -> Told:
        return Told(notice.channels[0])


@pytest.fixture
def lane() -> Lane:
    made = Lane(Notifier(Channel(), load_policy()), Clock())
    made.feed(encode("NotificationDue", DUE.model_dump()))
    return made


def settled(lane: Lane) -> list[NotificationSettled]:
    return [NotificationSettled.model_validate(fields) for fields in lane.written("NotificationSettled")]


@pytest.mark.parametrize("by", ["effect", "entry"])
def test_a_notice_that_is_put_aside_is_unreachable_and_is_not_sent_again(lane: Lane, by: str) -> None:
    assert lane.agent.entry_of(TELL) == lane.agent.entry_of(b"notice-1") == ENTRY
    lane.effects.clear()
    lane.put_aside(PutAside(None, TELL if by == "effect" else None, ENTRY, lane.state[ENTRY], "KeyError"))
    (ended,) = settled(lane)
    assert (ended.notification_id, ended.person, ended.state, ended.reason) == (
        "notice-1",
        "person-1",
        NoticeState.UNREACHABLE,
        "put_aside",
    )
    assert lane.state == {b"done/notice-1": b"unreachable//told"}
    lane.feed(encode("NotificationDue", DUE.model_dump()))
    assert not lane.effects


async def test_work_of_a_notice_that_was_settled_meanwhile_changes_nothing(lane: Lane) -> None:
    await lane.settle_all()
    lane.put_aside(PutAside(None, TELL, ENTRY, None, "KeyError"))
    assert [ended.state for ended in settled(lane)] == [NoticeState.TOLD]


def test_an_entry_that_cannot_be_read_is_logged_without_its_content(
    lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    lane.put_aside(PutAside(None, None, ENTRY, b"\xff +447700900123", "ValidationError"))
    assert settled(lane) == []
    said = "".join(capsys.readouterr())
    assert "cannot be read" in said
    assert "900123" not in said


@pytest.mark.parametrize("value", [b"\xff +447700900123", None])
def test_a_record_that_is_no_notice_is_settled_as_unreachable_by_its_location(lane: Lane, value: bytes | None) -> None:
    lane.feed(value)
    (ended,) = settled(lane)
    assert (ended.state, ended.reason, ended.person, ended.disclosures) == (NoticeState.UNREACHABLE, "rejected", "", ())
    assert ended.notification_id == rejected_notice_id("source", 0, 1)
    assert ended.report_id == rejected_report_id("source", 0, 1)


def put_aside_record(lane: Lane, due: NotificationDue) -> None:
    record = Record("source", 0, 7, 0, b"person", encode("NotificationDue", due.model_dump()), ())
    turn = lane._turn()
    lane.agent.rejected(record, PoisonRecord("KeyError"), turn)
    lane._commit(turn)


def test_a_notice_whose_record_is_put_aside_is_unreachable_and_is_not_sent(lane: Lane) -> None:
    other = DUE.model_copy(update={"notification_id": "notice-2"})
    put_aside_record(lane, other)
    (ended,) = settled(lane)
    assert (ended.notification_id, ended.person, ended.reason) == ("notice-2", "person-1", "put_aside")
    before = len(lane.effects)
    lane.feed(encode("NotificationDue", other.model_dump()))
    assert len(lane.effects) == before


async def test_a_record_that_is_put_aside_contradicts_no_notice_that_was_sent(lane: Lane) -> None:
    await lane.settle_all()
    put_aside_record(lane, DUE)
    assert [ended.state for ended in settled(lane)] == [NoticeState.TOLD]
