"""DECIDE's reviews: escalated until somebody answers, settled once, and only by whom and how the policy allows."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.policy import load_policies
from schemas.policy.duty import Duty, load_duty
from schemas.topics import KNOWN_DAYS, TopicName
from streams.agents.decide import Decide
from streams.domain.ids import rejected_review_id, report_id, review_decision_id, review_id
from streams.runtime import Turn
from tests.review_outcomes import KEYLESS, LEAD, STAFF_KEYS, STRANGER, SUPERVISOR, facts, outcome
from tests.turns import NOW, PARTITION, TRACE, Lane, assert_names_nobody, on, why
from tests.unit.test_decide_agent import ADA, admitted

VOLUNTEER = {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}
MODERATOR = {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "moderator", "confirmed_by": "safeguarding_lead"}
ADULT: dict[str, Any] = {"account": "forum:1", "age": 30, "adult_at_risk": {"care_or_support_needs": False}}
REPORTS = tuple(topic for topic in TopicName if ".reports." in topic)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def decide() -> Decide:
    return Decide(load_policies(), load_duty(), STAFF_KEYS, PARTITION)


@pytest.fixture
def lane() -> Lane:
    return Lane(decide())


def asked(lane: Lane, **changes: Any) -> dict[str, Any]:
    """Have a disclosure ask for its one review and return that."""
    (review,) = on(lane.work(admitted(**changes)), TopicName.REVIEWS)
    return review


def answered(lane: Lane, *values: bytes) -> Turn:
    return lane.work(*values, topic=TopicName.REVIEW_OUTCOMES)


def unconfirmed(lane: Lane) -> dict[str, Any]:
    """An emergency that a volunteer assessed (CASE-1)."""
    return asked(lane, assessment=VOLUNTEER)


def reviews(turn: Turn) -> list[dict[str, Any]]:
    return [each for each in on(turn, TopicName.REVIEWS) if "asks" in each]


def settled(turn: Turn) -> list[dict[str, Any]]:
    return [each for each in on(turn, TopicName.REVIEWS) if "settled_at" in each]


def concern(kind: str, **known: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, **known}]


# ---- nobody answers ----


def test_a_review_asks_who_is_on_duty_first_and_waits_until_its_deadline(lane: Lane) -> None:
    review = unconfirmed(lane)
    assert (review["on_duty"], review["escalation"]) == (LEAD, 0)
    assert lane.timers == {b"r:" + review["review_id"].encode(): NOW + 5 * MINUTE}
    assert lane.pass_time(NOW + 5 * MINUTE - timedelta(microseconds=1)).outputs == []


def test_each_missed_deadline_asks_the_next_on_duty_for_ever(lane: Lane) -> None:
    first, now, seen = unconfirmed(lane), NOW, []
    for _ in range(5):
        now += 5 * MINUTE
        turn = lane.pass_time(now)
        (output,) = turn.outputs
        assert (output.key, output.partition, output.headers) == (ADA.encode(), PARTITION, (("traceparent", TRACE),))
        (review,) = on(turn, TopicName.REVIEWS)
        seen.append((review["escalation"], review["on_duty"], review["deadline"]))
        same = ("review_id", "decision_id", "disclosure_id", "person", "requested_at", "reason", "asks", "proposed")
        assert {name: review[name] for name in same} == {name: first[name] for name in same}
        assert review["section"] == first["section"]
        assert_names_nobody(turn)
    assert seen == [
        (step, (LEAD, SUPERVISOR)[step % 2], NOW + (step + 1) * 5 * MINUTE) for step in range(1, 6)
    ]  # fmt: skip


def test_what_is_not_pressing_escalates_as_slowly_as_the_rota_says(lane: Lane) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None))
    assert review["deadline"] == NOW + 24 * HOUR
    (again,) = on(lane.pass_time(NOW + 24 * HOUR), TopicName.REVIEWS)
    assert again["deadline"] == NOW + 28 * HOUR


def test_where_ad_2_applies_only_a_safeguarding_lead_is_asked(lane: Lane) -> None:
    review = asked(lane, subject=ADULT, concerns=concern("suicide", immediate_danger="harm", plan=False))
    assert review["reason"] == "safeguarding_lead"
    (again,) = on(lane.pass_time(review["deadline"]), TopicName.REVIEWS)
    assert [review["on_duty"], again["on_duty"]] == [LEAD, LEAD]


def test_a_deadline_that_passed_while_nobody_worked_is_missed_once_at_the_next_start(lane: Lane) -> None:
    unconfirmed(lane)
    again = lane.restarted(decide())
    late = NOW + 2 * HOUR
    (review,) = on(again.pass_time(late), TopicName.REVIEWS)
    assert (review["escalation"], review["deadline"]) == (1, late + 5 * MINUTE)
    (review,) = on(again.restarted(decide()).pass_time(late + 5 * MINUTE), TopicName.REVIEWS)
    assert review["escalation"] == 2


# ---- confirmed ----


def test_what_is_confirmed_becomes_the_report_and_the_notice(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["proposed"], decision["review"]) == ("emergency", None, None)
    assert (decision["caused_by"], decision["supersedes"]) == ("review_outcome", review["decision_id"])
    assert decision["decision_id"] == review_decision_id("d-1", review["review_id"])
    assert {each["id"]: each["state"] for each in decision["clauses"]}["CASE-1"] == "does_not_hold"
    (report,) = on(turn, TopicName.REPORTS_999)
    assert (report["report_id"], report["kind"]) == (report_id(decision["decision_id"], "999"), "new")
    assert report["sections"][0]["section"] == review["section"]
    assert decision["notify"]["due"] is True
    assert len(on(turn, TopicName.NOTIFICATIONS)) == 1
    assert {output.partition for output in turn.outputs} == {PARTITION}
    assert {output.key for output in turn.outputs} == {ADA.encode()}
    assert_names_nobody(turn)


def test_once_settled_nothing_escalates_and_it_is_said_who_settled_it(lane: Lane) -> None:
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
    assert lane.timers == {}
    assert not [key for key in lane.state if key.startswith(b"r:")]
    assert lane.pass_time(NOW + HOUR).outputs == []


def test_a_later_outcome_changes_nothing_whatever_it_says(lane: Lane) -> None:
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
    assert lane.state == {}
    turn = lane.work(outcome(review["review_id"]), topic=TopicName.REVIEW_OUTCOMES, now=end)
    assert why(turn) == ["review_id: is of no review that is open or was settled of late"]


def test_who_confirms_may_add_agencies_for_the_clauses_that_hold_beside(lane: Lane) -> None:
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


def test_what_is_confirmed_with_a_question_beside_is_sent_and_the_question_asked_again(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    review = asked(lane, assessment=VOLUNTEER, concerns=both, subject={"account": "forum:1", "age": 15})
    turn = answered(lane, outcome(review["review_id"]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["review"]["reason"]) == ("refer", "missing_fact")
    (beside,) = reviews(turn)
    assert beside["review_id"] == review_id(decision["decision_id"])
    assert len(on(turn, TopicName.REPORTS_101)) == 1
    # What was told is not told again, what is new is a supplement (LT-5: 101 where nobody is known).
    found = facts(**{"concerns[1].medical_professionals_informed": False})
    turn = answered(lane, outcome(beside["review_id"], "new_facts", facts=found))
    (decision,) = on(turn, TopicName.DECISIONS)
    (report,) = on(turn, TopicName.REPORTS_101)
    first = report_id(review_decision_id("d-1", review["review_id"]), "101")
    assert (report["kind"], report["refers_to"], report["clauses"]) == ("supplement", first, ["LT-4", "LT-5"])
    assert (decision["outcome"], decision["review"]) == ("refer", None)


def test_where_nothing_was_proposed_whoever_is_named_decides(lane: Lane) -> None:
    ad_2 = {"subject": ADULT, "concerns": concern("suicide", immediate_danger="harm", plan=False)}
    review = asked(lane, **ad_2)
    assert why(answered(lane, outcome(review["review_id"]))) == [
        "agencies: needs at least one: nobody else was proposed to be told"
    ]
    police = [{"agency": "999", "service": "police"}]
    turn = answered(lane, outcome(review["review_id"], agencies=police))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert decision["outcome"] == "emergency"
    assert decision["agencies"] == [{"agency": "999", "service": "police", "clauses": ["AD-2"]}]
    assert len(on(turn, TopicName.REPORTS_999)) == 1


def test_a_private_conversation_may_end_in_a_referral(lane: Lane) -> None:
    unclear = {"says_safe": False, "contradicted": False, "unclear": True}
    review = asked(lane, concerns=concern("homelessness", state=None), safety=unclear)
    assert review["reason"] == "private_conversation"
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": "101"}]))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["agencies"][0]["clauses"]) == ("refer", ["LT-4"])
    assert len(on(turn, TopicName.REPORTS_101)) == 1


# ---- refused ----


def test_what_is_refused_is_confidential_and_reported_to_nobody(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"], "refuse", refusal="no_clause_holds"))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["agencies"], decision["review"]) == ("confidential", [], None)
    assert decision["notify"]["due"] is False
    assert decision["notes"][-1] == "review: refused, no_clause_holds"
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS}


def test_a_question_beside_a_referral_that_is_refused_takes_nothing_back(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    turn = lane.work(admitted(concerns=both, subject={"account": "forum:1", "age": 15}))
    (review,) = reviews(turn)
    assert len(on(turn, TopicName.REPORTS_101)) == 1
    refused = outcome(review["review_id"], "refuse", refusal="no_clause_holds")
    turn = answered(lane, refused)
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], [each["agency"] for each in decision["agencies"]]) == ("refer", ["101"])
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS}


def test_a_question_beside_a_referral_is_confirmed_only_with_somebody_to_tell(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    (review,) = reviews(lane.work(admitted(concerns=both, subject={"account": "forum:1", "age": 15})))
    assert why(answered(lane, outcome(review["review_id"]))) == [
        "agencies: needs at least one: nobody else was proposed to be told"
    ]
    police = [{"agency": "999", "service": "police"}]
    turn = answered(lane, outcome(review["review_id"], agencies=police))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], [each["agency"] for each in decision["agencies"]]) == ("emergency", ["101", "999"])
    # 101 knows already.
    assert {output.topic for output in turn.outputs} & set(map(str, REPORTS)) == {TopicName.REPORTS_999}


def test_facts_that_deny_what_was_reported_take_nothing_back(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    (review,) = reviews(lane.work(admitted(concerns=both, subject={"account": "forum:1", "age": 15})))
    grown = outcome(review["review_id"], "new_facts", facts=facts(subject__age=20))
    turn = answered(lane, grown)
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], [each["agency"] for each in decision["agencies"]]) == ("refer", ["101"])
    assert decision["notify"]["due"] is False
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS}


def test_abuse_is_acted_on_even_if_they_say_that_they_are_safe(lane: Lane) -> None:
    review = asked(lane, assessment=VOLUNTEER, concerns=concern("abuse", ongoing=True))
    turn = answered(lane, outcome(review["review_id"], "refuse", refusal="safe_after_conversation"))
    assert why(turn) == ["refusal: SAFE-4: abuse is acted on even if they say that they are safe"]


# ---- new facts ----


def test_new_facts_are_decided_anew_on_the_word_of_whoever_found_them_out(lane: Lane) -> None:
    review = asked(lane, assessment=VOLUNTEER, concerns=concern("medication", more_than_prescribed=None))
    assert review["asks"] == ["concerns[0].more_than_prescribed"]
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(_0__more_than_prescribed=True)))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["caused_by"]) == ("emergency", "review_outcome")
    assert len(on(turn, TopicName.REPORTS_999)) == len(on(turn, TopicName.NOTIFICATIONS)) == 1
    assert reviews(turn) == []


def test_new_facts_may_rule_everything_out(lane: Lane) -> None:
    review = asked(lane, concerns=concern("medication", more_than_prescribed=None))
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(_0__more_than_prescribed=False)))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["confidential"]


def test_facts_that_leave_something_open_ask_again_with_them(lane: Lane) -> None:
    review = asked(lane, subject={"account": "forum:1"}, concerns=concern("homelessness", state=None))
    assert set(review["asks"]) == {"subject.age", "concerns[0].state"}
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(subject__age=16)))
    (decision,) = on(turn, TopicName.DECISIONS)
    (second,) = reviews(turn)
    assert (second["asks"], second["decision_id"]) == (["concerns[0].state"], decision["decision_id"])
    assert second["review_id"] != review["review_id"]
    assert second["deadline"] == NOW + 24 * HOUR
    found = facts(_0__state="homeless", subject__professionals="social_worker")
    turn = answered(lane, outcome(second["review_id"], "new_facts", facts=found))
    (third,) = on(turn, TopicName.DECISIONS)
    assert (third["outcome"], third["supersedes"]) == ("refer", decision["decision_id"])
    assert len(on(turn, TopicName.REPORTS_SOCIAL_WORKER)) == 1


def test_an_age_that_was_found_out_settles_what_contradicted_it(lane: Lane) -> None:
    disagreeing = {"account": "forum:1", "age": 16, "age_band": "adult"}
    review = asked(lane, subject=disagreeing, concerns=concern("homelessness", state="homeless"))
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(subject__age=17)))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["refer"]


# ---- who may ----


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"by": STRANGER}, "by: is nobody on the duty rota"),
        ({"by": KEYLESS}, "by: has no key here"),
        ({"key": STAFF_KEYS[SUPERVISOR]}, "signature: is not that of whom it names, over what it says"),
        ({"by": SUPERVISOR, "role": "safeguarding_lead"}, "role: is not theirs on the duty rota"),
        ({"review_id": "another"}, "review_id: is of no review that is open or was settled of late"),
    ],
)
def test_an_outcome_that_is_not_authentic_changes_nothing(lane: Lane, said: dict[str, Any], reason: str) -> None:
    review = unconfirmed(lane)
    state = dict(lane.state)
    turn = answered(lane, outcome(**({"review_id": review["review_id"]} | said)))
    assert why(turn) == [reason]
    assert (turn.outputs, lane.state) == ([], state)
    assert len(lane.timers) == 1


def test_a_signature_is_over_everything_that_is_said(lane: Lane) -> None:
    review = unconfirmed(lane)
    fields = decode(outcome(review["review_id"]), "ReviewOutcome")[1]
    changed: list[dict[str, Any]] = [
        {"decision": "refuse", "refusal": "no_clause_holds"},
        {"agencies": [{"agency": "101", "service": None}]},
        {"decided_at": NOW + MINUTE},
    ]
    turn = answered(lane, *(encode("ReviewOutcome", {**fields, **change}) for change in changed))
    assert why(turn) == ["signature: is not that of whom it names, over what it says"] * 3


def test_staff_whom_the_policy_does_not_train_settle_nothing() -> None:
    duty = load_duty()
    moderator = {"id": LEAD, "role": "moderator", "on_duty": ["daily 00:00-24:00"]}
    others = [{"id": each.id, "role": each.role, "on_duty": ["daily 00:00-24:00"]} for each in duty.staff[:2]]
    every = {"emergency": "5 minutes", "other": "4 hours"}
    mixed = Duty.model_validate({"escalate_every": every, "staff": [*others, moderator]})
    lane = Lane(Decide(load_policies(), mixed, STAFF_KEYS, PARTITION))
    review = unconfirmed(lane)
    given = outcome(review["review_id"], role="moderator")
    assert why(answered(lane, given)) == ["role: is not trained to settle a review"]
    assert why(answered(lane, outcome(rejected_review(lane)["review_id"], role="moderator"))) == [
        "role: is not trained to settle a review"
    ]


def test_where_ad_2_applies_a_supervisor_decides_nothing(lane: Lane) -> None:
    review = asked(lane, subject=ADULT, concerns=concern("suicide", immediate_danger="harm", plan=False))
    for given in (
        outcome(review["review_id"], "refuse", by=SUPERVISOR, refusal="no_clause_holds"),
        outcome(review["review_id"], by=SUPERVISOR, agencies=[{"agency": "999", "service": "police"}]),
    ):
        assert why(answered(lane, given)) == ["role: AD-2 is for a safeguarding lead to decide"]


@pytest.mark.parametrize("agency", ["101", "social_worker", "care_team"])
def test_of_an_adult_who_is_not_at_risk_nothing_but_an_emergency_is_passed_on(lane: Lane, agency: str) -> None:
    known = ADULT | {"professionals": [{"role": "social_worker"}, {"role": "care_professional"}]}
    review = asked(lane, subject=known, concerns=concern("suicide", immediate_danger="harm", plan=False))
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": agency}]))
    assert why(turn) == [
        "agencies: AD-1: an emergency alone, unless they are known to be under 18 or an adult at risk of harm"
    ]


def test_a_professional_who_is_not_known_cannot_be_told(lane: Lane) -> None:
    review = asked(lane, subject={"account": "forum:1", "age": 16}, assessment=VOLUNTEER)
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": "care_team"}]))
    assert why(turn) == ["agencies: they have no care_professional that is known: say subject.professionals first"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("concerns[1].plan", True, "concerns[1].plan: is of no concern of this disclosure"),
        ("concerns[0].ongoing", True, "concerns[0].ongoing: is no fact of that concern"),
        ("concerns[0].kind", "homeless", "concerns[0].kind: is no fact of that concern"),
        ("concerns[0].plan", "homeless", "concerns[0].plan: must be true, false or null"),
        ("concerns[0].timeframe", "homeless", "concerns[0].timeframe: is not one of the known values"),
        ("subject.age", 131, "subject.age: is out of range"),
        ("subject.age", True, "subject.age: must be a whole number"),
        ("safety.unclear", 1, "safety.unclear: must be true, false or null"),
        ("subject.professionals", "homeless", "subject.professionals[1]: is not one of the known values"),
    ],
)
def test_what_cannot_be_a_fact_is_rejected_by_its_path(lane: Lane, path: str, value: Any, reason: str) -> None:
    review = unconfirmed(lane)
    given = outcome(review["review_id"], "new_facts", facts=[{"path": path, "value": value}])
    turn = answered(lane, given)
    assert why(turn) == [reason]
    assert len(lane.timers) == 1


def test_a_fact_is_given_once(lane: Lane) -> None:
    review = unconfirmed(lane)
    twice = [{"path": "concerns[0].plan", "value": value} for value in (True, False)]
    assert why(answered(lane, outcome(review["review_id"], "new_facts", facts=twice))) == [
        "concerns[0].plan: is given twice"
    ]


# ---- rejected records ----


def rejected_review(lane: Lane) -> dict[str, Any]:
    turn = lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    assert why(turn) == ["value: is not a single-object encoded record"]
    (review,) = on(turn, TopicName.REVIEWS)
    return review


def test_a_rejected_urgent_record_goes_to_a_person_at_the_emergency_deadline(lane: Lane) -> None:
    review = rejected_review(lane)
    assert review["review_id"] == rejected_review_id(TopicName.ADMITTED_URGENT, PARTITION, 0)
    assert (review["reason"], review["person"], review["deadline"]) == ("rejected", None, NOW + 5 * MINUTE)
    place = review["rejected"]
    assert (place["topic"], place["partition"], place["offset"]) == (TopicName.ADMITTED_URGENT, PARTITION, 0)
    assert (place["field"], place["reason"]) == ("value", "value: is not a single-object encoded record")
    turn = lane.pass_time(NOW + 5 * MINUTE)
    (again,) = on(turn, TopicName.REVIEWS)
    assert (again["escalation"], again["on_duty"], again["rejected"]) == (1, SUPERVISOR, place)
    assert turn.outputs[0].key == review["review_id"].encode()


def test_a_rejected_routine_record_or_outcome_asks_for_nothing(lane: Lane) -> None:
    assert lane.work(b"not a record", topic=TopicName.ADMITTED).outputs == []
    assert answered(lane, b"not a record").outputs == []
    assert lane.timers == {}


def test_an_urgent_id_that_was_used_with_other_content_goes_to_a_person(lane: Lane) -> None:
    lane.work(admitted(), topic=TopicName.ADMITTED_URGENT)
    turn = lane.work(admitted(summary="Other words."), topic=TopicName.ADMITTED_URGENT)
    (review,) = on(turn, TopicName.REVIEWS)
    assert review["rejected"]["reason"] == "disclosure_id: was used before with other content"
    assert_names_nobody(turn)


@pytest.mark.parametrize("said", [{"decision": "confirm"}, {"decision": "refuse", "refusal": "entered_in_error"}])
def test_a_rejected_record_is_seen_to_or_refused(lane: Lane, said: dict[str, Any]) -> None:
    review = rejected_review(lane)
    turn = answered(lane, outcome(review["review_id"], by=SUPERVISOR, **said))
    (end,) = settled(turn)
    assert (end["decision_id"], end["person"], end["decision"]) == (None, None, said["decision"])
    assert len(turn.outputs) == 1
    assert lane.timers == {}


@pytest.mark.parametrize(
    "said",
    [
        {"decision": "confirm", "agencies": [{"agency": "101"}]},
        {"decision": "new_facts", "facts": [{"path": "subject.age", "value": 16}]},
    ],
)
def test_nothing_can_be_decided_of_a_rejected_record(lane: Lane, said: dict[str, Any]) -> None:
    review = rejected_review(lane)
    turn = answered(lane, outcome(review["review_id"], **said))
    assert why(turn) == ["decision: there is no disclosure to decide: confirm it or refuse it"]


def test_what_is_told_of_a_rejected_record_twice_is_asked_once(lane: Lane) -> None:
    told = encode(
        "UrgentRejected",
        {
            "review_id": rejected_review_id(TopicName.FORUM_DISCLOSURES_URGENT, 1, 7),
            "topic": TopicName.FORUM_DISCLOSURES_URGENT,
            "partition": 1,
            "offset": 7,
            "field": "concerns",
            "reason": "concerns: needs at least one",
            "rejected_at": NOW,
        },
    )
    (review,) = on(lane.work(told, told), TopicName.REVIEWS)
    assert lane.work(told).outputs == []
    answered(lane, outcome(review["review_id"]))
    assert lane.work(told).outputs == []
