"""Exercises: carried as such to the end, apart from real disclosures, and never sent to a live agency or person."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from schemas.identifiers import PersonId, Token
from schemas.notifications import NotificationSettled
from schemas.policy import load_policies
from schemas.topics import TopicName
from schemas.vocabulary import NoticeStands, NoticeState, PeerKind, Service
from services.agency_profiles import AGENCY_PROFILES
from services.credentials import ApiKey, ApiKeys
from services.notifier.channels import FileChannel
from services.notifier.notifier import Notifier
from services.review.review_index import ReviewIndex
from services.review.words import described, table
from streams.agents.identity import Identity
from streams.domain.ids import decision_id, sender_of
from streams.domain.tokens import tokens_of
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Crash, Open
from tests.decide_reviews import decide, reviews, settled, unconfirmed
from tests.disclosures import KEYS, disclosure, fields, id_of
from tests.due_notices import POLICY, due, told
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane as NoticeLane
from tests.open_reports import LIMIT, asked_by, delivered, notices, until
from tests.reports import encoded, report
from tests.turns import NOW, Lane, admit_lane, admitted, disclosed, on

DRILL: dict[str, Any] = {"exercise": True}
UNCONFIRMED = {**fields()["assessment"], "confirmed_by": None}
URGENT = TopicName.FORUM_DISCLOSURES_URGENT


def test_a_disclosure_is_no_exercise_unless_it_says_so() -> None:
    assert (disclosure().exercise, disclosure(**DRILL).exercise) == (False, True)


def test_an_exercise_with_a_real_persons_number_is_not_about_that_person() -> None:
    real, drill = (
        tokens_of(made, key=KEYS.token, version=KEYS.token_version) for made in (disclosure(), disclosure(**DRILL))
    )
    assert len(real) == len(drill) == 2
    assert not set(real) & set(drill)


def test_an_exercise_does_not_take_the_id_of_a_real_disclosure() -> None:
    lane = admit_lane(lambda _: None)
    turn = lane.work(disclosed(**DRILL), disclosed(), topic=URGENT)
    assert [each["disclosure"]["exercise"] for each in on(turn, TopicName.IDENTITY_URGENT)] == [True, False]
    assert turn.rejects == []
    # Each of them is a repeat of itself alone.
    assert lane.work(disclosed(), disclosed(**DRILL), topic=URGENT).outputs == []


def test_their_decisions_and_persons_have_other_ids() -> None:
    drill = sender_of(Service.FORUM, exercise=True)
    assert decision_id(drill, id_of("d-1")) != decision_id(Service.FORUM, id_of("d-1"))
    found: dict[Token, PersonId] = {}
    admit = admit_lane(found.get)
    identity = Lane(Identity())
    for changes in ({}, DRILL):
        (unresolved,) = [
            output.value
            for output in admit.work(disclosed(**changes), topic=URGENT).outputs
            if output.topic == TopicName.IDENTITY_URGENT
        ]
        identity.work(unresolved, topic=TopicName.IDENTITY_URGENT)
    assert len({output.key for output in identity.outputs if output.topic == TopicName.ADMITTED_URGENT}) == 2


def decided(lane: Lane) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the decision, report and notice of an exercise."""
    turn = lane.work(admitted(**DRILL), topic=TopicName.ADMITTED_URGENT)
    (decision,), (made,), (notice,) = (
        on(turn, topic) for topic in (TopicName.DECISIONS, TopicName.REPORTS_999, TopicName.NOTIFICATIONS)
    )
    return decision, made, notice


def test_decision_report_notice_and_review_say_that_it_is_an_exercise(lane: Lane) -> None:
    assert [each["exercise"] for each in decided(lane)] == [True, True, True]
    asked = lane.work(admitted("d-2", **DRILL, assessment=UNCONFIRMED))
    assert [each["exercise"] for each in reviews(asked)] == [True]


def test_the_agency_is_told_that_it_is_an_exercise() -> None:
    made = report(exercise=True)
    assert AGENCY_PROFILES[made.agency].project(made, [])["exercise"] is True
    assert AGENCY_PROFILES[made.agency].project(report(), [])["exercise"] is False


@pytest.mark.parametrize("attempts", [0, 1])
async def test_a_live_agency_never_gets_an_exercise(agency: AgencyServer, connector_at: Open, attempts: int) -> None:
    kind = PeerKind.SIMULATED if attempts else PeerKind.LIVE
    connector = connector_at(agency.url, kind=kind)
    connector.lane.feed(encoded(report(exercise=True)))
    await connector.finish()
    assert len(agency.log()) == attempts
    assert all(each.exercise for each in connector.deliveries())
    last = connector.deliveries()[-1]
    expected = ("acknowledged", None) if attempts else ("failed", "exercise")
    assert (last.state, last.reason) == expected


@pytest.mark.parametrize("left", ["queued", "cut off", "waits"])
async def test_a_connector_that_becomes_live_sends_no_exercise_that_it_took_before(
    agency: AgencyServer, connector_at: Open, left: str
) -> None:
    connector = connector_at(agency.url, kind=PeerKind.SIMULATED)
    if left == "waits":
        agency.faults.add([503] * 3)
    connector.lane.feed(encoded(report(exercise=True)))
    if left == "cut off":
        with pytest.raises(Crash):
            await connector.crash_after_attempt()
    elif left == "waits":
        await connector.step()
    before = len(agency.log()) if agency.path.exists() else 0
    connector.kind = PeerKind.LIVE
    connector.crash()
    await connector.finish()
    assert (len(agency.log()) if agency.path.exists() else 0) == before
    assert (connector.deliveries()[-1].state, connector.deliveries()[-1].reason) == ("failed", "exercise")
    assert not connector.lane.timers


async def test_a_real_report_is_sent_by_a_live_connector(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert [each.exercise for each in connector.deliveries()] == [False] * len(connector.deliveries())
    assert len(agency.accepted()) == 1


def test_nobody_is_called_for_an_exercise_that_a_live_connector_did_not_send(lane: Lane) -> None:
    _, made, _ = decided(lane)
    turn = delivered(lane, made, "failed", reason="exercise", exercise=True)
    assert reviews(turn) == []
    assert notices(turn) == ["not_told"]
    assert asked_by(until(lane, NOW + 10 * LIMIT)) == []
    assert not [key for key in lane.state if key.startswith(b"p:")]


def test_a_review_that_was_open_before_is_closed_and_asks_nobody_any_more(lane: Lane) -> None:
    _, made, _ = decided(lane)
    # The live connector was away for longer than the limit.
    (review,) = asked_by(until(lane, NOW + LIMIT))
    turn = delivered(lane, made, "failed", NOW + 2 * LIMIT, reason="exercise", exercise=True)
    (closed,) = settled(turn)
    assert (closed["review_id"], closed["decision"], closed["by"]) == (review["review_id"], "withdrawn", None)
    assert asked_by(until(lane, NOW + 20 * LIMIT)) == []


def test_one_that_decide_does_not_know_opens_no_review(lane: Lane) -> None:
    _, made, _ = decided(Lane(decide()))
    assert reviews(delivered(lane, made, "failed", reason="exercise", exercise=True)) == []
    assert len(reviews(delivered(lane, made, "failed", reason="exercise", exercise=False))) == 1


def test_a_real_report_that_failed_so_is_handed_over(lane: Lane) -> None:
    (made,) = on(lane.work(admitted(), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    (review,) = reviews(delivered(lane, made, "failed", reason="exercise"))
    assert (review["reason"], review["exercise"]) == ("undelivered", False)


def test_an_exercise_that_its_simulated_agency_does_not_take_is_handed_over_as_an_exercise(lane: Lane) -> None:
    _, made, _ = decided(lane)
    (review,) = reviews(delivered(lane, made, "failed", reason="status_422"))
    assert (review["reason"], review["exercise"]) == ("undelivered", True)


@pytest.mark.parametrize("kind", list(PeerKind))
async def test_no_real_person_gets_a_notice_of_an_exercise(tmp_path: Path, kind: PeerKind) -> None:
    path = tmp_path / "notices.jsonl"
    lane = NoticeLane(Notifier(FileChannel(path), POLICY, kind=kind), Clock())
    for made in (due(1, exercise=True), due(2)):
        lane.feed(encode("NotificationDue", made.model_dump()))
    await lane.settle_all()
    ends = [NotificationSettled.model_validate(fields) for fields in lane.written("NotificationSettled")]
    ends.sort(key=lambda end: end.notification_id)
    assert [(end.exercise, end.state) for end in ends] == [
        (True, NoticeState.WITHDRAWN if kind is PeerKind.LIVE else NoticeState.TOLD),
        (False, NoticeState.TOLD),
    ]
    assert ends[0].reason == ("exercise" if kind is PeerKind.LIVE else None)
    assert len(told(path)) == (1 if kind is PeerKind.LIVE else 2)


@pytest.mark.parametrize("stands", [NoticeStands.TELLING, NoticeStands.NOT_TOLD])
async def test_a_live_notifier_never_tells_of_an_exercise_also_if_its_report_is_told_later(
    tmp_path: Path, stands: NoticeStands
) -> None:
    path = tmp_path / "notices.jsonl"
    lane = NoticeLane(Notifier(FileChannel(path), POLICY), Clock())
    for made in (due(1, exercise=True, stands=stands), due(1, exercise=True, stands=NoticeStands.TOLD)):
        lane.feed(encode("NotificationDue", made.model_dump()))
    await lane.settle_all()
    assert told(path) == []
    assert [each["state"] for each in lane.written("NotificationSettled")] == ["withdrawn"]


async def test_a_notifier_that_becomes_live_tells_of_no_exercise_that_it_took_before(tmp_path: Path) -> None:
    path = tmp_path / "notices.jsonl"
    before = NoticeLane(Notifier(FileChannel(path), POLICY, kind=PeerKind.SIMULATED), Clock())
    made = due(1, exercise=True, stands=NoticeStands.TELLING, tell_by=START + timedelta(minutes=10), due_at=START)
    before.feed(encode("NotificationDue", made.model_dump()))
    live = NoticeLane(Notifier(FileChannel(path), POLICY), Clock(), before.changelog)
    await live.settle_all()
    assert told(path) == []
    assert [each["state"] for each in live.written("NotificationSettled")] == ["withdrawn"]


def test_staff_see_that_a_review_is_part_of_an_exercise(lane: Lane) -> None:
    asked = unconfirmed(lane)
    index = ReviewIndex()
    index.take(0, "ReviewRequested", {**asked, **DRILL})
    (known,) = index.reviews(NOW)
    assert "This is an exercise" in "\n".join(described(known, None, load_policies(), NOW))
    assert "(exercise)" in "\n".join(table([known], NOW))


def test_the_alarm_of_such_a_review_says_so(lane: Lane) -> None:
    turn = lane.work(admitted("d-2", **DRILL, assessment=UNCONFIRMED))
    (alarm,) = on(turn, TopicName.ALARMS)
    assert alarm["facts"]["exercise"] == "true"


def test_a_key_for_exercises_proves_that_all_that_comes_with_it_is_one(tmp_path: Path) -> None:
    texts = [ApiKey.create(tmp_path, Service.FORUM, NOW, exercise=exercise)[1] for exercise in (False, True)]
    keys = ApiKeys(tmp_path)
    assert [keys.caller(text).exercise for text in texts] == [False, True]
