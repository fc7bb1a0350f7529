"""DECIDE: one decision for each disclosure with its reports, notices and reviews, and nothing else."""

from typing import Any

import pytest

from schemas.policy import load_policies
from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.agents.decide import Decide
from streams.domain.ids import decision_id, notification_id, report_id, review_id
from tests.disclosures import id_of
from tests.readable_ids import readable_id
from tests.turns import ADA, PARTITION, TRACE, Lane, admitted, assert_names_nobody, disclosed, on, why

#: Disclosed after all others and assessed a year later, so it is out of scope.
NOTHING: dict[str, Any] = {
    "disclosed_at": "2025-02-03T21:00:00Z",
    "assessment": {"assessed_at": "2026-02-03T21:00:00Z", "assessor": "safeguarding_lead"},
}


@pytest.fixture
def lane() -> Lane:
    return Lane(Decide(load_policies()))


def test_an_emergency_gets_a_decision_a_report_and_a_notice(lane: Lane) -> None:
    turn = lane.work(admitted())
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["person"]) == ("emergency", ADA)
    assert decision["decision_id"] == decision_id(Service.FORUM, id_of("d-1"), "disclosure")
    (report,) = on(turn, TopicName.REPORTS_999)
    assert report["report_id"] == report_id(decision["decision_id"], "999")
    assert report["decision_id"] == decision["decision_id"]
    assert [section["disclosure_id"] for section in report["sections"]] == [id_of("d-1")]
    (notice,) = on(turn, TopicName.NOTIFICATIONS)
    assert (notice["notification_id"], notice["report_id"]) == (
        notification_id(report["report_id"]),
        report["report_id"],
    )


def test_everything_goes_to_the_persons_partition_under_their_key_in_the_records_trace(lane: Lane) -> None:
    turn = lane.work(admitted())
    assert len(turn.outputs) >= 3
    for output in turn.outputs:
        assert (output.partition, output.key) == (PARTITION, ADA.encode())
        assert output.headers == (("traceparent", TRACE),)


def test_a_decision_without_confirmation_opens_a_review_and_sends_no_report(lane: Lane) -> None:
    # CASE-1: a trained person confirms the assessment of a volunteer before it is reported.
    turn = lane.work(admitted(assessment={"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["proposed"]) == ("review", "emergency")
    (review,) = on(turn, TopicName.REVIEWS)
    assert review["review_id"] == review_id(decision["decision_id"])
    assert (review["decision_id"], review["disclosure_id"]) == (decision["decision_id"], id_of("d-1"))
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS, TopicName.ALARMS}


def test_a_disclosure_out_of_scope_is_decided_and_not_reported(lane: Lane) -> None:
    turn = lane.work(admitted(**NOTHING))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert decision["outcome"] == "out_of_scope"
    assert len(turn.outputs) == 1


def test_the_same_id_of_both_services_is_decided_for_each(lane: Lane) -> None:
    made = on(lane.work(admitted(), admitted(service="text_line")), TopicName.DECISIONS)
    ids = [each["decision_id"] for each in made]
    assert ids == [decision_id(service, id_of("d-1")) for service in Service]
    assert len(set(ids)) == 2


def contact(safe: bool | None, *channels: str) -> dict[str, Any]:
    return {"channels": list(channels), "safe_to_contact": safe}


def channels_of(turn: Any) -> list[str]:
    (notice,) = on(turn, TopicName.NOTIFICATIONS)
    return list(notice["channels"])


def test_a_channel_marked_unsafe_is_not_used_for_later_notices_of_the_person(lane: Lane) -> None:
    lane.work(admitted("d-1", contact=contact(False, "sms")))
    assert channels_of(lane.work(admitted("d-2", contact=contact(True, "email")))) == ["email"]
    later = lane.work(admitted("d-3", contact=contact(None, "sms", "email")))
    assert "sms" not in channels_of(later)
    # The mark counts for that person only.
    other = lane.work(admitted("d-4", person="person-bea", contact=contact(True, "sms")))
    assert channels_of(other) == ["sms"]


def test_a_disclosure_out_of_scope_marks_no_channel(lane: Lane) -> None:
    lane.work(admitted("d-1", contact=contact(False, "sms"), **NOTHING))
    assert not [key for key in lane.state if key.startswith(b"c:")]
    lane.work(admitted("d-2", contact=contact(False, "sms")))
    marked = {key: value for key, value in lane.state.items() if key.startswith(b"c:")}
    assert len(marked) == 1
    lane.work(admitted("d-3", contact=contact(True, "sms"), **NOTHING))
    assert {key: value for key, value in lane.state.items() if key.startswith(b"c:")} == marked


def test_nothing_that_identifies_is_in_anything_it_writes_or_keeps(lane: Lane) -> None:
    turn = lane.work(admitted("d-1"), admitted("d-2", **NOTHING), b"summary-marker")
    assert len(turn.outputs) >= 4
    assert_names_nobody(turn)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "value: is empty"),
        (b"\xc3\x01", "value: is cut off"),
        (disclosed(), "value: is of a schema not expected here"),
        (admitted(person=None), "person: is required"),
    ],
    ids=readable_id,
)
def test_a_record_that_cannot_be_decided_is_rejected(lane: Lane, value: bytes | None, reason: str) -> None:
    turn = lane.work(value, admitted("d-2"))
    assert why(turn) == [reason]
    assert [each["disclosure_id"] for each in on(turn, TopicName.DECISIONS)] == [id_of("d-2")]
