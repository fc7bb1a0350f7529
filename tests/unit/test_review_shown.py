"""Text of `confide review list` and `show` for open and for settled reviews."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.policy import load_policies
from schemas.records import Decision
from schemas.topics import TopicName
from schemas.vocabulary import Agency, DeliveryState
from services.review.reading import Followed, Topics
from services.review.review_index import Known
from services.review.words import described, fields_of, settling_options, table
from streams.runtime import Turn
from tests.decide_reviews import ADULT, HOUR, MINUTE, VOLUNTEER, answered, asked, concern, decide, reviews, unconfirmed
from tests.open_reports import ABUSE, PHONED, delivered, emergency, undelivered
from tests.review_outcomes import LEAD, facts, outcome
from tests.turns import NOW, PARTITION, Lane, admitted, on
from tests.unit.test_review_console import decision_of, index_of, only

POLICIES = load_policies()
UNCLEAR = {"says_safe": False, "contradicted": False, "unclear": True}


def known(lane: Lane, **fields: Any) -> Known:
    """Return the one review of a lane, or the one with these fields."""
    found = [
        each
        for each in index_of(lane).reviews(NOW, settled_too=True)
        if all(getattr(each.latest, name) == value for name, value in fields.items())
    ]
    (one,) = found
    return one


def shown(review: Known, reports: tuple[Followed, ...] = (), decision: Decision | None = None) -> str:
    lines = [*described(review, decision, POLICIES, NOW, reports), *settling_options(review, decision, POLICIES, NOW)]
    return "\n".join(lines)


def row(review: Known) -> str:
    return list(table([review], NOW))[1]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("limit_passed_after_timeout", "It is still tried. Do not wait for that: call 999 yourself"),
        ("status_401", "It is still tried. Do not wait for that: call 999 yourself"),
        ("status_422", "It is no longer tried: call 999 yourself"),
        ("key_missing", "It is no longer tried: call 999 yourself"),
    ],
)
def test_an_open_review_of_999_says_whether_it_is_still_tried(lane: Lane, failure: str, said: str) -> None:
    delivered(lane, emergency(lane), "failed", reason=failure)
    assert said in shown(known(lane))


def test_a_review_of_another_agency_does_not_ask_to_call_999(lane: Lane) -> None:
    (report,) = on(lane.work(admitted(**ABUSE)), TopicName.REPORTS_101)
    delivered(lane, report, "failed", reason="limit_passed")
    assert "call 999" not in shown(known(lane))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            {"decision": "told_by_phone", **PHONED},
            "told by phone.\nThe agency was told by phone 3 February 2026, 21:10 UTC; its reference is CAD-77.\n",
        ),
        ({"decision": "withdrawn", "refusal": "entered_in_error"}, "withdrawn (entered_in_error).\n"),
    ],
)
@pytest.mark.parametrize("state", [None, DeliveryState.QUEUED, DeliveryState.FAILED])
def test_a_report_that_staff_stopped_is_neither_to_be_taken_up_nor_failed(
    lane: Lane, said: dict[str, Any], wanted: str, state: DeliveryState | None
) -> None:
    report, review = undelivered(lane)
    answered(lane, outcome(review["review_id"], **said))
    followed = Followed(report["report_id"], Agency.EMERGENCY_999, state, reason="limit_passed", is_stopped=True)
    text = shown(known(lane), (followed,))
    assert f"{wanted}Report {report['report_id']} to 999: no attempt follows, staff stopped it.\n" in text
    assert "still tried" not in text
    assert "call 999" not in text


def test_a_stopped_report_that_was_under_way_may_be_acknowledged_all_the_same(lane: Lane) -> None:
    report, review = undelivered(lane)
    answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED))
    followed = Followed(
        report["report_id"], Agency.EMERGENCY_999, DeliveryState.ACKNOWLEDGED, reference="999-1", is_stopped=True
    )
    assert "to 999: acknowledged, their reference 999-1." in shown(known(lane), (followed,))


def test_a_late_acknowledgement_is_shown_with_the_agencys_reference(lane: Lane) -> None:
    report, _ = undelivered(lane)
    delivered(lane, report, "acknowledged", NOW + MINUTE, reference="CAD-1")
    text = shown(known(lane))
    assert "by the agency: acknowledged.\nThe agency acknowledged the report after all; its reference is CAD-1." in text
    assert "call 999" not in text


def test_what_was_sent_again_once_is_the_second_sending(lane: Lane) -> None:
    report, review = undelivered(lane)
    answered(lane, outcome(review["review_id"], "send_again"))
    assert f"Report {report['report_id']} was sent again, as sending 2." in shown(known(lane))
    delivered(lane, report, "failed", NOW + MINUTE, reason="timeout", generation=2)
    again = [each for each in index_of(lane).reviews(NOW) if each.settled is None]
    assert "to 999, which staff had sent again (sending 2): timeout." in shown(again[0])


def test_new_facts_are_shown_and_nothing_is_missing_any_more(lane: Lane) -> None:
    review = asked(lane, assessment=VOLUNTEER, concerns=concern("medication", more_than_prescribed=None))
    assert "What is missing:" in shown(only(lane))
    answered(lane, outcome(review["review_id"], "new_facts", facts=facts(_0__more_than_prescribed=True)))
    text = shown(known(lane))
    assert "Found out: concerns[0].more_than_prescribed=true.\nDecision " in text
    assert "What is missing:" not in text


def put_off(lane: Lane, minutes: int = 3, **changes: Any) -> dict[str, Any]:
    review = asked(lane, **({"concerns": concern("homelessness", state=None), "safety": UNCLEAR} | changes))
    answered(lane, outcome(review["review_id"], "not_reached", ask_again_at=NOW + minutes * MINUTE))
    return review


def test_a_person_who_was_not_reached_is_shown_with_the_time_of_the_next_question(lane: Lane) -> None:
    put_off(lane, 90)
    review = known(lane)
    assert f"{LEAD} (not reached, again 22:40)" in row(review)
    assert f"The person was not reached: {LEAD} asks again 3 February 2026, 22:40 UTC" in shown(review)
    said = fields_of(review, NOW)
    assert (said["due"], said["asked_again_at"]) == ("2026-02-03T22:40:00Z", "2026-02-03T22:40:00Z")
    assert review.overdue(NOW + 91 * MINUTE) == MINUTE


def test_once_that_time_has_passed_the_review_is_overdue_since_then(lane: Lane) -> None:
    put_off(lane, 90)
    lane.pass_time(NOW + 90 * MINUTE)
    review = known(lane)
    assert (review.asked_again_at, review.due) == (None, NOW + 90 * MINUTE)
    assert "not reached" not in row(review) + shown(review)


@pytest.mark.parametrize(
    ("concerns", "longest"),
    [
        (concern("homelessness", state=None), "24 hours"),
        (concern("suicide", thoughts=True, plan=True), "5 minutes"),
    ],
)
def test_the_longest_time_to_put_a_review_off_is_shown(lane: Lane, concerns: Any, longest: str) -> None:
    asked(lane, concerns=concerns, safety=UNCLEAR)
    assert f"ask again at a time, nobody was reached; at most {longest} from now" in shown(only(lane))


def test_a_list_names_the_agency_of_a_report_and_why_it_failed(lane: Lane) -> None:
    (report,) = on(lane.work(admitted(**ABUSE)), TopicName.REPORTS_101)
    delivered(lane, report, "failed", reason="limit_passed")
    assert row(known(lane)).endswith("101: limit passed")


def test_those_that_are_due_come_first_and_of_them_those_of_999(lane: Lane) -> None:
    later = asked(lane, name="d-1", concerns=concern("homelessness", state=None))
    (abuse,) = on(lane.work(admitted("d-2", **ABUSE)), TopicName.REPORTS_101)
    (slow,) = reviews(delivered(lane, abuse, "failed", reason="limit_passed"))
    unsure = asked(lane, name="d-3", assessment=VOLUNTEER)
    (report,) = on(lane.work(admitted("d-4"), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    (failed,) = reviews(delivered(lane, report, "failed", reason="timeout"))

    def order(now: Any) -> list[str]:
        return [each.latest.review_id for each in index_of(lane).reviews(now)]

    # A report that did not reach 999 is due at once, the others by their deadlines.
    assert order(NOW) == [each["review_id"] for each in (failed, unsure, slow, later)]
    assert order(NOW + 2 * HOUR) == [each["review_id"] for each in (failed, unsure, slow, later)]
    answered(lane, outcome(failed["review_id"], "send_again"))
    (_, *_, last) = index_of(lane).reviews(NOW, settled_too=True)
    assert last.latest.review_id == failed["review_id"]


def test_an_overdue_review_of_999_comes_before_one_that_was_due_earlier(lane: Lane) -> None:
    (abuse,) = on(lane.work(admitted("d-2", **ABUSE)), TopicName.REPORTS_101)
    (slow,) = reviews(delivered(lane, abuse, "failed", reason="limit_passed"))
    turn = lane.work(admitted("d-3", assessment=VOLUNTEER), now=NOW + 2 * HOUR)
    (unsure,) = reviews(turn)
    found = index_of(lane).reviews(NOW + 3 * HOUR)
    assert [each.latest.review_id for each in found] == [unsure["review_id"], slow["review_id"]]


def test_without_a_proposal_an_agency_must_be_named_and_for_an_adult_only_999(lane: Lane) -> None:
    turn = lane.work(admitted(subject=ADULT, concerns=concern("suicide", immediate_danger="harm", plan=False)))
    text = shown(only(lane), decision=decision_of(turn.outputs))
    assert '  --confirm --agency "999 police"|"999 ambulance"\n' in text


def test_with_a_proposal_further_agencies_may_be_named(lane: Lane) -> None:
    unconfirmed(lane)
    assert "  --confirm [--agency AGENCY]\n" in shown(only(lane))


def test_abuse_is_not_refused_because_they_are_safe_now(lane: Lane) -> None:
    abuse = admitted(concerns=concern("abuse", ongoing=True), assessment=VOLUNTEER)
    turn = lane.work(abuse)
    decision = decision_of(turn.outputs)
    assert any(each.id == "LT-2" and each.state == "holds" for each in decision.clauses)
    assert "safe_after_conversation" not in shown(only(lane), decision=decision)


def test_a_comment_is_offered_only_if_it_can_be_sealed(lane: Lane) -> None:
    unconfirmed(lane)
    assert "--comment" in shown(only(lane))
    rejecting = Lane(decide())
    rejecting.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    assert "--comment" not in shown(only(rejecting))


class _Records:
    """The records of the topics, in place of Kafka."""

    def __init__(self, turns: list[Turn]) -> None:
        self._turns = turns

    def __call__(self, topic: str, _: Any = None) -> Iterator[Any]:
        return iter([output for turn in self._turns for output in turn.outputs if output.topic == topic])


def test_the_report_that_was_stopped_is_found_as_such(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lane.work(admitted(), topic=TopicName.ADMITTED_URGENT)
    (report,) = on(made, TopicName.REPORTS_999)
    (review,) = reviews(delivered(lane, report, "failed", reason="timeout"))
    settled_turn = answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED))
    topics = object.__new__(Topics)
    monkeypatch.setattr(topics, "_records", _Records([made, settled_turn]), raising=False)
    settled = known(lane).settled
    assert settled is not None
    (followed,) = topics.followed(settled, PARTITION)
    assert (followed.report_id, followed.state, followed.is_stopped) == (report["report_id"], None, True)
