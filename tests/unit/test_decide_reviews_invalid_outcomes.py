"""Outcomes that settle no review: not authentic, of a role that may not give them, or with impossible content."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.policy.duty import Duty, load_duty
from schemas.topics import KNOWN_DAYS, TopicName
from streams.domain.outcomes import CLOCK_SKEW
from streams.domain.staff import StaffDirectory
from tests.decide_reviews import (
    ADULT,
    HOUR,
    MINUTE,
    VOLUNTEER,
    answered,
    asked,
    concern,
    decide_with,
    rejected_review,
    reviews,
    settled,
    unconfirmed,
)
from tests.open_reports import PHONED, undelivered
from tests.readable_ids import readable_id
from tests.review_outcomes import KEYLESS, LEAD, STAFF_KEYS, STRANGER, SUPERVISOR, outcome
from tests.turns import NOW, Lane, admitted, why

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"by": STRANGER}, "by: is not on the duty rota"),
        ({"by": KEYLESS}, "by: has no key here"),
        ({"key": STAFF_KEYS[SUPERVISOR]}, "signature: does not match the named member of staff and the content"),
        ({"by": SUPERVISOR, "role": "safeguarding_lead"}, "role: is not theirs on the duty rota"),
        ({"review_id": "another"}, "review_id: is of no open or recently settled review"),
    ],
    ids=readable_id,
)
def test_an_outcome_that_is_not_authentic_changes_nothing(lane: Lane, said: dict[str, Any], reason: str) -> None:
    review = unconfirmed(lane)
    state = dict(lane.state)
    turn = answered(lane, outcome(**({"review_id": review["review_id"]} | said)))
    assert why(turn) == [reason]
    assert (turn.outputs, lane.state) == ([], state)
    assert len(lane.timers) == 1


def test_a_signature_covers_every_field(lane: Lane) -> None:
    review = unconfirmed(lane)
    fields = decode(outcome(review["review_id"]), "ReviewOutcome")[1]
    changed: list[dict[str, Any]] = [
        {"decision": "refuse", "refusal": "no_clause_holds"},
        {"agencies": [{"agency": "101", "service": None}]},
        {"decided_at": NOW + MINUTE},
    ]
    turn = answered(lane, *(encode("ReviewOutcome", {**fields, **change}) for change in changed))
    assert why(turn) == ["signature: does not match the named member of staff and the content"] * 3


def test_staff_whom_the_policy_does_not_train_settle_nothing() -> None:
    duty = load_duty()
    moderator = {"id": LEAD, "role": "moderator", "on_duty": ["daily 00:00-24:00"]}
    others = [{"id": each.id, "role": each.role, "on_duty": ["daily 00:00-24:00"]} for each in duty.staff[:2]]
    every = {"emergency": "5 minutes", "other": "4 hours"}
    mixed = Duty.model_validate({"escalate_every": every, "staff": [*others, moderator]})
    lane = Lane(decide_with(StaffDirectory(mixed, STAFF_KEYS)))
    review = unconfirmed(lane)
    given = outcome(review["review_id"], role="moderator")
    assert why(answered(lane, given)) == ["role: is not trained to settle a review"]
    assert why(answered(lane, outcome(rejected_review(lane)["review_id"], role="moderator"))) == [
        "role: is not trained to settle a review"
    ]


def test_ad_2_a_supervisor_may_not_decide(lane: Lane) -> None:
    review = asked(lane, subject=ADULT, concerns=concern("suicide", immediate_danger="harm", plan=False))
    for given in (
        outcome(review["review_id"], "refuse", by=SUPERVISOR, refusal="no_clause_holds"),
        outcome(review["review_id"], by=SUPERVISOR, agencies=[{"agency": "999", "service": "police"}]),
    ):
        assert why(answered(lane, given)) == ["role: AD-2 is for a safeguarding lead to decide"]


@pytest.mark.parametrize("agency", ["101", "social_worker", "care_team"])
def test_ad_1_an_outcome_for_an_adult_who_is_not_at_risk_adds_only_999(lane: Lane, agency: str) -> None:
    known = ADULT | {"professionals": [{"role": "social_worker"}, {"role": "care_professional"}]}
    review = asked(lane, subject=known, concerns=concern("suicide", immediate_danger="harm", plan=False))
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": agency}]))
    assert why(turn) == [
        "agencies: AD-1: an emergency alone, unless they are known to be under 18 or an adult at risk of harm"
    ]


def test_an_agency_without_a_known_professional_cannot_be_added(lane: Lane) -> None:
    review = asked(lane, subject={"account": "forum:1", "age": 16}, assessment=VOLUNTEER)
    turn = answered(lane, outcome(review["review_id"], agencies=[{"agency": "care_team"}]))
    assert why(turn) == ["agencies: no care_professional of this person is known: give subject.professionals first"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("concerns[1].plan", True, "concerns[1].plan: is of no concern of this disclosure"),
        ("concerns[0].ongoing", True, "concerns[0].ongoing: is no fact of that concern"),
        ("concerns[0].kind", "homeless", "concerns[0].kind: is no fact of that concern"),
        ("concerns[0].plan", "homeless", "concerns[0].plan: must be true, false or null"),
        (
            "concerns[0].timeframe",
            "homeless",
            "concerns[0].timeframe: must be one of: immediate, within_30_days, beyond_30_days, none",
        ),
        ("subject.age", 131, "subject.age: is out of range: at most 130"),
        ("subject.age", True, "subject.age: must be a whole number"),
        ("safety.unclear", 1, "safety.unclear: must be true, false or null"),
        (
            "subject.professionals",
            "homeless",
            "subject.professionals[1]: must be one of: social_worker, care_professional",
        ),
    ],
)
def test_an_impossible_fact_is_rejected_by_its_path(lane: Lane, path: str, value: Any, reason: str) -> None:
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


@pytest.mark.parametrize(
    ("decided_at", "reason"),
    [
        (NOW - CLOCK_SKEW - SECOND, "decided_at: is before the review was asked for"),
        (NOW + HOUR + CLOCK_SKEW + SECOND, "decided_at: is in the future"),
    ],
    ids=readable_id,
)
def test_an_outcome_that_was_not_signed_while_its_review_was_open_settles_nothing(
    lane: Lane, decided_at: datetime, reason: str
) -> None:
    review = unconfirmed(lane)
    for _ in range(3):  # an escalation changes the deadline, not the time of the request
        lane.pass_time(min(lane.timers.values()))
    turn = lane.work(
        outcome(review["review_id"], decided_at=decided_at), topic=TopicName.REVIEW_OUTCOMES, now=NOW + HOUR
    )
    assert why(turn) == [reason]
    assert turn.outputs == []
    assert len(lane.timers) == 1


@pytest.mark.parametrize("decided_at", [NOW - 2 * MINUTE, NOW, NOW + HOUR, NOW + HOUR + 2 * MINUTE], ids=readable_id)
def test_a_console_whose_clock_is_a_little_off_settles_a_review(lane: Lane, decided_at: datetime) -> None:
    review = unconfirmed(lane)
    given = outcome(review["review_id"], decided_at=decided_at)
    turn = lane.work(given, topic=TopicName.REVIEW_OUTCOMES, now=NOW + HOUR)
    assert (why(turn), len(settled(turn))) == ([], 1)
    # The same outcome again counts as late and changes nothing.
    assert lane.work(given, topic=TopicName.REVIEW_OUTCOMES, now=NOW + 2 * HOUR).outputs == []


def test_a_refusal_of_long_ago_does_not_settle_the_review_that_asks_again(lane: Lane) -> None:
    review = unconfirmed(lane)
    old = outcome(review["review_id"], "refuse", refusal="no_clause_holds")
    assert len(settled(answered(lane, old))) == 1
    later = NOW + timedelta(days=KNOWN_DAYS + 1)
    lane.sweep(later)
    (again,) = reviews(lane.work(admitted(assessment=VOLUNTEER), now=later))
    assert again["review_id"] == review["review_id"]
    turn = lane.work(old, topic=TopicName.REVIEW_OUTCOMES, now=later + SECOND)
    assert why(turn) == ["decided_at: is before the review was asked for"]
    assert turn.outputs == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"section": None}, "section: is required by told_by_phone: it names who took the call"),
    ],
    ids=readable_id,
)
def test_told_by_phone_names_who_took_the_call_and_the_reference(lane: Lane, said: Any, reason: str) -> None:
    _, review = undelivered(lane)
    turn = answered(lane, outcome(review["review_id"], "told_by_phone", **{**PHONED, **said}))
    assert why(turn) == [reason]
    assert turn.outputs == []
    assert len(settled(answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED)))) == 1
