"""`confirmation` of the policy: whose word confirms a report, the service's or only a signed outcome (CASE-1)."""

from typing import Any

import pytest

from schemas.policy import Confirmation, Policies, Policy
from schemas.policy.duty import load_duty
from schemas.topics import TopicName
from schemas.vocabulary import Outcome, ReviewReason, Role
from streams.agents.decide import Decide
from streams.domain.plain_english.explanation import explanation
from streams.domain.policy import Ruling, decide
from streams.domain.staff import StaffDirectory
from streams.runtime import Turn
from tests.decide_reviews import HOUR, VOLUNTEER, answered, asked, concern, reviews
from tests.review_outcomes import LEAD, STAFF_KEYS, facts, outcome
from tests.turns import NOW as ARRIVED
from tests.turns import PARTITION, Lane, admitted, on, why
from tests.unit.policy_cases import HOMELESS, NOW, OVERDOSE, PERHAPS_ABUSE, POLICY, disclosure, state

SIGNED = POLICY.model_copy(update={"confirmation": Confirmation.SIGNED})
TRAINED = [Role.CLINICAL_SUPERVISOR, Role.SAFEGUARDING_LEAD]
UNTRAINED = [role for role in Role if role not in TRAINED]
UNSIGNED = "is the word of the service, and only a signed outcome of a review confirms a report"


def ruled(policy: Policy, *concerns: dict[str, Any], signed: Role | None = None, **how: Any) -> Ruling:
    return decide(disclosure(*concerns, **how), now=NOW, policy=policy, signed=signed)


def lane_under(policy: Policy) -> Lane:
    directory = StaffDirectory(load_duty(), STAFF_KEYS)
    return Lane(Decide(Policies([policy]), lambda: directory, PARTITION), PARTITION)


@pytest.fixture
def lane() -> Lane:
    return lane_under(SIGNED)


@pytest.mark.parametrize("role", TRAINED)
def test_by_default_the_service_vouches_for_its_staff(role: Role) -> None:
    for how in ({"confirmed_by": role}, {"assessor": role, "confirmed_by": None}):
        ruling = ruled(POLICY, OVERDOSE, **how)
        assert (ruling.outcome, ruling.notes) == (Outcome.EMERGENCY, ())


@pytest.mark.parametrize("role", Role)
def test_signed_what_the_service_states_is_a_note_and_confirms_nothing(role: Role) -> None:
    for each, proposed in ((OVERDOSE, Outcome.EMERGENCY), (HOMELESS, Outcome.REFER)):
        unconfirmed = ruled(POLICY, each, confirmed_by=None)
        ruling = ruled(SIGNED, each, confirmed_by=role)
        assert (ruling.outcome, ruling.proposed, ruling.review) == (Outcome.REVIEW, proposed, unconfirmed.review)
        assert (ruling.findings, ruling.agencies) == (unconfirmed.findings, unconfirmed.agencies)
        assert ruling.review is not None
        assert ruling.review.reason is ReviewReason.CONFIRMATION
        assert ruling.notes == (f"assessment.confirmed_by: {UNSIGNED}: counted as none",)


@pytest.mark.parametrize("role", TRAINED)
def test_signed_a_trained_assessor_is_the_word_of_the_service_too(role: Role) -> None:
    ruling = ruled(SIGNED, OVERDOSE, assessor=role, confirmed_by=None)
    assert (ruling.outcome, ruling.proposed) == (Outcome.REVIEW, Outcome.EMERGENCY)
    assert ruling.notes == (f"assessment.assessor: {UNSIGNED}: counted as not trained",)


def test_signed_an_untrained_assessor_without_a_confirmation_needs_no_note() -> None:
    assert ruled(SIGNED, OVERDOSE, assessor="moderator", confirmed_by=None).notes == ()


@pytest.mark.parametrize("policy", [POLICY, SIGNED], ids=["service", "signed"])
def test_a_signed_outcome_of_a_trained_role_confirms_under_both(policy: Policy) -> None:
    for role in TRAINED:
        ruling = ruled(policy, OVERDOSE, confirmed_by=None, signed=role)
        assert (ruling.outcome, ruling.notes, state(ruling, "CASE-1")) == (Outcome.EMERGENCY, (), "does_not_hold")
    for role in UNTRAINED:
        assert ruled(policy, OVERDOSE, confirmed_by=None, signed=role).outcome is Outcome.REVIEW


@pytest.mark.parametrize("policy", [POLICY, SIGNED], ids=["service", "signed"])
def test_what_asks_for_no_report_is_the_same_under_both(policy: Policy) -> None:
    assert ruled(policy).outcome is Outcome.CONFIDENTIAL
    ruling = ruled(policy, PERHAPS_ABUSE)
    assert ruling.review is not None
    assert ruling.review.reason is ReviewReason.MISSING_FACT


def test_an_explanation_says_whose_word_confirms() -> None:
    disclosed = disclosure(OVERDOSE)
    said = {each: list(explanation(disclosed, ruled(each, OVERDOSE))) for each in (POLICY, SIGNED)}
    line = "Under it only the signed outcome of a review confirms a report, not the word of the service (CASE-1)."
    assert [line in lines for lines in said.values()] == [False, True]
    assert f"  assessment.confirmed_by: {UNSIGNED}: counted as none" in said[SIGNED]


def alarmed(turn: Turn) -> list[dict[str, Any]]:
    return on(turn, TopicName.ALARMS)


def test_an_emergency_that_only_the_service_confirmed_alarms_a_person_and_reports_nothing(lane: Lane) -> None:
    """As an unconfirmed emergency does: the same review, deadline and alarm, and the same escalation."""
    unconfirmed = lane_under(POLICY)
    stated, plain = lane.work(admitted()), unconfirmed.work(admitted(assessment=VOLUNTEER))
    assert {output.topic for output in stated.outputs} == {output.topic for output in plain.outputs}
    assert not on(stated, TopicName.REPORTS_999)
    (review,), (other,) = reviews(stated), reviews(plain)
    assert review == other | {"section": review["section"]}
    assert review["deadline"] - ARRIVED == POLICY.deadlines.emergency
    assert alarmed(stated) == alarmed(plain)
    assert len(alarmed(stated)) == 1
    (decision,) = on(stated, TopicName.DECISIONS)
    assert (decision["outcome"], decision["proposed"]) == ("review", "emergency")
    assert decision["notes"] == [f"assessment.confirmed_by: {UNSIGNED}: counted as none"]
    later = [each.pass_time(review["deadline"]) for each in (lane, unconfirmed)]
    assert [len(alarmed(turn)) for turn in later] == [1, 1]
    assert [each["escalation"] for turn in later for each in reviews(turn)] == [1, 1]
    assert not [each for each in (lane, unconfirmed) if on(each.pass_time(ARRIVED + HOUR), TopicName.REPORTS_999)]


def test_a_signed_confirmation_then_reports(lane: Lane) -> None:
    review = asked(lane)
    turn = answered(lane, outcome(review["review_id"]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["notes"]) == ("emergency", [])
    assert {each["id"]: each["state"] for each in decision["clauses"]}["CASE-1"] == "does_not_hold"
    assert len(on(turn, TopicName.REPORTS_999)) == 1
    assert len(on(turn, TopicName.NOTIFICATIONS)) == 1


def test_an_outcome_with_a_wrong_signature_confirms_nothing(lane: Lane) -> None:
    review = asked(lane)
    turn = answered(lane, outcome(review["review_id"], by=LEAD, key=b"another's key"))
    assert why(turn) == ["signature: does not match the named member of staff and the content"]
    assert not on(turn, TopicName.DECISIONS)


def test_new_facts_in_a_signed_outcome_confirm_what_follows_from_them(lane: Lane) -> None:
    review = asked(lane, concerns=concern("medication"))
    assert review["reason"] == "missing_fact"
    found = facts(**{"concerns[0].more_than_prescribed": True})
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=found))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["emergency"]
    assert len(on(turn, TopicName.REPORTS_999)) == 1


def test_a_question_beside_a_signed_report_may_be_refused_and_the_report_stays_confirmed(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    review = asked(lane, concerns=both, subject={"account": "forum:1", "age": 15})
    (beside,) = reviews(answered(lane, outcome(review["review_id"])))
    turn = answered(lane, outcome(beside["review_id"], "refuse", refusal="no_clause_holds"))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["notes"]) == ("refer", ["review: refused, no_clause_holds"])
    assert {each["id"]: each["state"] for each in decision["clauses"]}["CASE-1"] == "does_not_hold"
    assert not on(turn, TopicName.REPORTS_101)
