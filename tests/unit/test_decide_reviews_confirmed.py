"""Reviews that are confirmed: reported once, to the proposed or named agencies; later outcomes change nothing."""

from datetime import timedelta

from schemas.topics import KNOWN_DAYS, TopicName
from schemas.vocabulary import Service
from streams.domain.ids import report_id, review_decision_id, review_id
from tests.decide_reviews import ADULT, HOUR, VOLUNTEER, answered, asked, concern, reviews, settled, unconfirmed
from tests.disclosures import id_of
from tests.review_outcomes import SUPERVISOR, facts, outcome
from tests.turns import ADA, NOW, PARTITION, Lane, assert_names_nobody, on, why


def test_what_is_confirmed_becomes_the_report_and_the_notice(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["proposed"], decision["review"]) == ("emergency", None, None)
    assert (decision["caused_by"], decision["supersedes"]) == ("review_outcome", review["decision_id"])
    assert decision["decision_id"] == review_decision_id(Service.FORUM, id_of("d-1"), review["review_id"])
    assert {each["id"]: each["state"] for each in decision["clauses"]}["CASE-1"] == "does_not_hold"
    (report,) = on(turn, TopicName.REPORTS_999)
    assert (report["report_id"], report["kind"]) == (report_id(decision["decision_id"], "999"), "new")
    assert report["sections"][0]["section"] == review["section"]
    assert decision["notify"]["due"] is True
    assert len(on(turn, TopicName.NOTIFICATIONS)) == 1
    of_the_person = [output for output in turn.outputs if output.topic != TopicName.ALARMS]
    assert {output.partition for output in of_the_person} == {PARTITION}
    assert {output.key for output in of_the_person} == {ADA.encode()}
    assert_names_nobody(turn)


def test_a_settled_review_does_not_escalate_and_names_who_settled_it(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"], by=SUPERVISOR))
    (end,) = settled(turn)
    assert (end["by"], end["role"], end["decision"], end["person"]) == (
        SUPERVISOR,
        "clinical_supervisor",
        "confirm",
        ADA,
    )
    assert end["decision_id"] == on(turn, TopicName.DECISIONS)[0]["decision_id"]
    assert not [key for key in (*lane.state, *lane.timers) if key.startswith(b"r:")]
    later = on(lane.pass_time(NOW + HOUR), TopicName.REVIEWS)
    assert review["review_id"] not in {each["review_id"] for each in later}


def test_a_later_outcome_of_any_decision_changes_nothing(lane: Lane) -> None:
    review = unconfirmed(lane)
    first = outcome(review["review_id"])
    turn = answered(lane, first, first, outcome(review["review_id"], "refuse", refusal="entered_in_error"))
    assert len(on(turn, TopicName.DECISIONS)) == 1
    state = dict(lane.state)
    later = answered(lane, first, outcome(review["review_id"], by=SUPERVISOR))
    assert (later.outputs, later.rejects, lane.state) == ([], [], state)


def test_a_settled_review_is_known_for_as_long_as_its_disclosure(lane: Lane) -> None:
    review = unconfirmed(lane)
    answered(lane, outcome(review["review_id"]))
    end = NOW + timedelta(days=KNOWN_DAYS)
    lane.sweep(end)
    assert not [key for key in lane.state if key.startswith((b"r:", b"s:"))]
    turn = lane.work(outcome(review["review_id"]), topic=TopicName.REVIEW_OUTCOMES, now=end)
    assert why(turn) == ["review_id: is of no open or recently settled review"]


def test_a_confirmation_may_add_agencies_for_the_other_clauses_that_hold(lane: Lane) -> None:
    review = asked(
        lane,
        assessment=VOLUNTEER,
        concerns=[*concern("medication", more_than_prescribed=True), *concern("abuse", ongoing=True)],
    )
    assert [each["agency"] for each in review["agencies"]] == ["999"]
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": "social_worker"}]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert [(each["agency"], each["clauses"]) for each in decision["agencies"]] == [
        ("999", ["IR-4"]), ("social_worker", ["LT-2"]),
    ]  # fmt: skip
    (report,) = on(turn, TopicName.REPORTS_SOCIAL_WORKER)
    assert report["concerns"] == ["abuse"]
    assert len(on(turn, TopicName.REPORTS_999)) == 1
    assert len(on(turn, TopicName.NOTIFICATIONS)) == 2


def test_a_confirmed_report_with_an_open_question_is_sent_and_opens_a_review(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    review = asked(lane, assessment=VOLUNTEER, concerns=both, subject={"account": "forum:1", "age": 15})
    turn = answered(lane, outcome(review["review_id"]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["review"]["reason"]) == ("refer", "missing_fact")
    (beside,) = reviews(turn)
    assert beside["review_id"] == review_id(decision["decision_id"])
    assert len(on(turn, TopicName.REPORTS_101)) == 1
    # A report is not sent again; a new clause makes a supplement (LT-5: 101 without a known professional).
    found = facts(**{"concerns[1].medical_professionals_informed": False})
    turn = answered(lane, outcome(beside["review_id"], "new_facts", facts=found))
    (decision,) = on(turn, TopicName.DECISIONS)
    (report,) = on(turn, TopicName.REPORTS_101)
    first = report_id(review_decision_id(Service.FORUM, id_of("d-1"), review["review_id"]), "101")
    assert (report["kind"], report["refers_to"], report["clauses"]) == ("supplement", first, ["LT-4", "LT-5"])
    assert (decision["outcome"], decision["review"]) == ("refer", None)


def test_without_a_proposal_the_named_agencies_decide_the_outcome(lane: Lane) -> None:
    ad_2 = {"subject": ADULT, "concerns": concern("suicide", immediate_danger="harm", plan=False)}
    review = asked(lane, **ad_2)
    assert why(answered(lane, outcome(review["review_id"]))) == [
        "agencies: needs at least one: no other agency was proposed"
    ]
    police = [{"agency": "999", "service": "police"}]
    turn = answered(lane, outcome(review["review_id"], agencies=police))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert decision["outcome"] == "emergency"
    assert decision["agencies"] == [{"agency": "999", "service": "police", "clauses": ["AD-2"]}]
    assert len(on(turn, TopicName.REPORTS_999)) == 1


def test_a_private_conversation_ends_in_new_facts_and_not_in_a_confirmation(lane: Lane) -> None:
    unclear = {"says_safe": False, "contradicted": False, "unclear": True}
    review = asked(lane, concerns=concern("homelessness", state=None), safety=unclear)
    assert review["reason"] == "private_conversation"
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": "101"}]))
    assert why(turn) == ["decision: does not settle such a review; allowed: new_facts, not_reached, refuse"]
    found = [{"path": "concerns[0].state", "value": "homeless"}, {"path": "safety.unclear", "value": False}]
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=found))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["agencies"][0]["clauses"]) == ("refer", ["LT-4"])
