"""Each clause in each state, as the policy's table words it; the expectations are written by hand."""

import re
from dataclasses import replace
from typing import Any

import pytest

from schemas.policy import ClauseId
from schemas.vocabulary import ClauseState, ConcernKind, Outcome
from streams.domain.policy.clause_rules import CLAUSE_RULES, CONCERNS
from streams.domain.policy.evaluation import evaluate
from streams.domain.policy.ruling import decide_plainly
from tests.unit.policy_cases import (
    ADULT,
    ADULT_AT_RISK,
    ADULT_NOT_ASSESSED,
    AGE_UNKNOWN,
    CHILD,
    CONTRADICTED,
    NOW,
    POLICY,
    QUIET,
    SAFE,
    TEEN,
    UNCLEAR,
    changed_facts,
    concern,
    disclosure,
    found,
    named,
    rule,
    state,
)

HOLDS, OPEN, NOT = "holds", "open", "does_not_hold"
ALL_FOUR = {"thoughts": True, "plan": True, "means": True, "timeframe": "immediate"}
TRUST = {"position_of_trust": True, "contact_with_young_people": True}
INTENT = {"intent": True, "timeframe": "within_30_days"}


def _but_for(fact: str, answer: bool | None) -> dict[str, Any]:
    return ADULT_AT_RISK | {"adult_at_risk": ADULT_AT_RISK["adult_at_risk"] | {fact: answer}}


Case = tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]
CASES: list[Case] = [
    # clause, concern, subject, safety, state
    ("IR-0", concern("pregnancy", immediate_danger="life"), ADULT, {}, HOLDS),
    ("IR-0", concern("pregnancy", immediate_danger="life"), AGE_UNKNOWN, {}, HOLDS),
    ("IR-0", concern("homelessness", immediate_danger="harm"), TEEN, {}, HOLDS),
    ("IR-0", concern("homelessness", immediate_danger="harm"), ADULT_AT_RISK, {}, HOLDS),
    ("IR-0", concern("homelessness", immediate_danger="harm"), ADULT_NOT_ASSESSED, {}, OPEN),
    ("IR-0", concern("homelessness", immediate_danger="harm"), AGE_UNKNOWN, {}, OPEN),
    ("IR-0", concern("homelessness", immediate_danger="harm"), ADULT, {}, NOT),
    ("IR-0", concern("homelessness", immediate_danger=None), ADULT, {}, OPEN),
    ("IR-0", concern("homelessness", immediate_danger=None), TEEN, {}, OPEN),
    ("IR-0", concern("homelessness", immediate_danger="none"), TEEN, {}, NOT),
    ("IR-0", concern("homelessness"), TEEN, {}, NOT),
    ("IR-1", concern("suicide", plan=True, timeframe="immediate"), ADULT, {}, HOLDS),
    ("IR-1", concern("suicide", plan=True, timeframe="immediate"), CHILD, UNCLEAR, HOLDS),
    ("IR-1", concern("suicide", plan=None, timeframe="immediate"), ADULT, {}, OPEN),
    ("IR-1", concern("suicide", plan=True, timeframe=None), ADULT, {}, OPEN),
    ("IR-1", concern("suicide", plan=None, timeframe=None), ADULT, {}, OPEN),
    ("IR-1", concern("suicide", plan=False, timeframe=None), ADULT, {}, NOT),
    ("IR-1", concern("suicide", plan=None, timeframe="within_30_days"), ADULT, {}, NOT),
    ("IR-1", concern("suicide", plan=True, timeframe="none"), ADULT, {}, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR), ADULT, SAFE, HOLDS),
    ("IR-1", concern("suicide", **ALL_FOUR), ADULT, CONTRADICTED, HOLDS),
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": None}), ADULT, SAFE, OPEN),
    ("IR-1", concern("suicide", **ALL_FOUR | {"thoughts": None}), ADULT, SAFE, OPEN),
    ("IR-1", concern("suicide", **ALL_FOUR | {"timeframe": None}), ADULT, SAFE, OPEN),
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": False}), ADULT, SAFE, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR | {"thoughts": False}), ADULT, SAFE, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR | {"plan": False}), ADULT, SAFE, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR | {"timeframe": "within_30_days"}), ADULT, SAFE, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": False}), ADULT, CONTRADICTED, OPEN),
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": False, "plan": False}), ADULT, CONTRADICTED, NOT),
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": False, "timeframe": "none"}), ADULT, CONTRADICTED, NOT),
    # Contradicted without "safe" counts as unclear: the clause is judged as without any statement of safety.
    ("IR-1", concern("suicide", **ALL_FOUR | {"means": False}), ADULT, {"contradicted": True}, HOLDS),
    ("IR-2", concern("self_harm", life_threatening=True), ADULT, {}, HOLDS),
    ("IR-2", concern("self_harm", life_threatening=None), ADULT, {}, OPEN),
    ("IR-2", concern("self_harm", life_threatening=False), CHILD, {}, NOT),
    ("IR-3", concern("abuse", **TRUST), CHILD, {}, HOLDS),
    ("IR-3", concern("abuse", position_of_trust=True, can_block_safeguarding=True), CHILD, {}, HOLDS),
    ("IR-3", concern("abuse", position_of_trust=True, can_block_safeguarding=None), CHILD, {}, OPEN),
    ("IR-3", concern("abuse", **TRUST | {"position_of_trust": None}), CHILD, {}, OPEN),
    ("IR-3", concern("abuse", **TRUST | {"position_of_trust": None}), ADULT, {}, OPEN),
    ("IR-3", concern("abuse", **TRUST | {"position_of_trust": False}), CHILD, {}, NOT),
    ("IR-3", concern("abuse", position_of_trust=True), CHILD, {}, NOT),
    ("IR-3", concern("abuse", **TRUST), ADULT_AT_RISK, {}, HOLDS),
    ("IR-3", concern("abuse", **TRUST), ADULT, {}, NOT),
    ("IR-3", concern("abuse", **TRUST, immediate_danger="harm"), ADULT, {}, NOT),
    ("IR-3", concern("abuse", **TRUST, immediate_danger="life"), ADULT, {}, HOLDS),
    ("IR-3", concern("abuse", **TRUST), ADULT_NOT_ASSESSED, {}, OPEN),
    ("IR-3", concern("abuse", **TRUST, immediate_danger="life"), AGE_UNKNOWN, {}, HOLDS),
    ("IR-4", concern("medication", more_than_prescribed=True), ADULT, SAFE, HOLDS),
    ("IR-4", concern("medication", more_than_prescribed=None), ADULT, {}, OPEN),
    ("IR-4", concern("medication", more_than_prescribed=False), ADULT, {}, NOT),
    ("IR-5", concern("harm_to_others", might_harm=True), ADULT, {}, HOLDS),
    ("IR-5", concern("harm_to_others", might_harm=None), ADULT, {}, OPEN),
    ("IR-5", concern("harm_to_others", might_harm=False), ADULT, {}, NOT),
    ("LT-1", concern("suicide", **INTENT), TEEN, {}, HOLDS),
    ("LT-1", concern("suicide", intent=True, timeframe="immediate"), TEEN, {}, HOLDS),
    ("LT-1", concern("suicide", **INTENT), TEEN, SAFE, OPEN),
    ("LT-1", concern("suicide", intent=None, timeframe="within_30_days"), TEEN, {}, OPEN),
    ("LT-1", concern("suicide", intent=True, timeframe=None), TEEN, {}, OPEN),
    ("LT-1", concern("suicide", **INTENT), AGE_UNKNOWN, {}, OPEN),
    ("LT-1", concern("suicide", **INTENT), ADULT_AT_RISK, {}, NOT),
    ("LT-1", concern("suicide", intent=True, timeframe="beyond_30_days"), TEEN, {}, NOT),
    ("LT-1", concern("suicide", intent=False, timeframe="immediate"), TEEN, SAFE, NOT),
    ("LT-2", concern("abuse", ongoing=True), TEEN, SAFE, HOLDS),
    ("LT-2", concern("abuse", ongoing=True), ADULT_AT_RISK, {}, HOLDS),
    ("LT-2", concern("abuse", ongoing=None), TEEN, {}, OPEN),
    ("LT-2", concern("abuse", ongoing=True), ADULT_NOT_ASSESSED, {}, OPEN),
    ("LT-2", concern("abuse", ongoing=True), AGE_UNKNOWN, {}, OPEN),
    ("LT-2", concern("abuse", ongoing=True), {"adult_at_risk": ADULT_AT_RISK["adult_at_risk"]}, {}, HOLDS),
    ("LT-2", concern("abuse", ongoing=True), {"adult_at_risk": ADULT["adult_at_risk"]}, {}, OPEN),
    ("LT-2", concern("abuse", ongoing=True), ADULT, {}, NOT),
    ("LT-2", concern("abuse", ongoing=False), TEEN, {}, NOT),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=True), TEEN, SAFE, HOLDS),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=True), ADULT_AT_RISK, {}, HOLDS),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=None), TEEN, {}, OPEN),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=True), ADULT_NOT_ASSESSED, {}, OPEN),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=True), ADULT, {}, NOT),
    ("LT-3", concern("sexual_abuse", coercive_or_abusive=False), CHILD, {}, NOT),
    ("LT-4", concern("homelessness", state="homeless"), TEEN, {}, HOLDS),
    ("LT-4", concern("homelessness", state="at_risk"), TEEN, {}, HOLDS),
    ("LT-4", concern("homelessness", state=None), TEEN, {}, OPEN),
    ("LT-4", concern("homelessness", state="homeless"), AGE_UNKNOWN, {}, OPEN),
    ("LT-4", concern("homelessness", state="homeless"), ADULT_AT_RISK, {}, NOT),
    ("LT-5", concern("pregnancy", medical_professionals_informed=False), CHILD, {}, HOLDS),
    ("LT-5", concern("pregnancy", medical_professionals_informed=None), CHILD, {}, OPEN),
    ("LT-5", concern("pregnancy", medical_professionals_informed=False), AGE_UNKNOWN, {}, OPEN),
    ("LT-5", concern("pregnancy", medical_professionals_informed=True), AGE_UNKNOWN, {}, NOT),
    ("LT-5", concern("pregnancy", medical_professionals_informed=False), TEEN, {}, NOT),
    ("LT-6", concern("caring_responsibilities", impact_on_carer=True), TEEN, {}, HOLDS),
    ("LT-6", concern("caring_responsibilities", impact_on_carer=None, impact_on_cared_for=True), TEEN, {}, HOLDS),
    ("LT-6", concern("caring_responsibilities", impact_on_cared_for=None), TEEN, {}, OPEN),
    ("LT-6", concern("caring_responsibilities", impact_on_carer=True), AGE_UNKNOWN, {}, OPEN),
    ("LT-6", concern("caring_responsibilities"), TEEN, {}, NOT),
    ("LT-6", concern("caring_responsibilities", impact_on_carer=True), ADULT_AT_RISK, {}, NOT),
    ("AD-2", concern("homelessness", immediate_danger="harm"), ADULT, {}, HOLDS),
    ("AD-2", concern("abuse", **TRUST), ADULT, {}, HOLDS),
    ("AD-2", concern("abuse", **TRUST, immediate_danger=None), ADULT, {}, HOLDS),
    ("AD-2", concern("abuse", **TRUST), ADULT_NOT_ASSESSED, {}, OPEN),
    ("AD-2", concern("abuse", **TRUST), ADULT_AT_RISK, {}, NOT),
    ("AD-2", concern("abuse", **TRUST), CHILD, {}, NOT),
    ("AD-2", concern("abuse", **TRUST, immediate_danger="life"), ADULT, {}, NOT),
    ("AD-2", concern("abuse", immediate_danger="life"), ADULT, {}, "not looked at"),
    ("AR-1", concern("abuse", ongoing=True), ADULT_AT_RISK, {}, HOLDS),
    ("AR-1", concern("abuse", ongoing=True), ADULT_NOT_ASSESSED, {}, OPEN),
    ("AR-1", concern("abuse", ongoing=True), ADULT, {}, NOT),
    (
        "AR-1",
        concern("abuse", ongoing=True),
        TEEN | {"adult_at_risk": ADULT_AT_RISK["adult_at_risk"]},
        {},
        "not looked at",
    ),
    *(
        ("AR-1", concern("abuse", ongoing=True), _but_for(fact, answer), {}, expected)
        for fact in ADULT_AT_RISK["adult_at_risk"]
        for answer, expected in ((False, NOT), (None, OPEN))
    ),
    *(
        ("LT-2", concern("abuse", ongoing=True), _but_for(fact, answer), {}, expected)
        for fact in ADULT_AT_RISK["adult_at_risk"]
        for answer, expected in ((False, NOT), (None, OPEN))
    ),
    ("AD-1", concern("homelessness"), ADULT, {}, HOLDS),
    ("AD-1", concern("homelessness"), ADULT_AT_RISK, {}, NOT),
    ("AD-1", concern("homelessness"), TEEN, {}, "not looked at"),
    ("SAFE-2", concern("suicide"), ADULT, SAFE, HOLDS),
    ("SAFE-2", concern("suicide", **ALL_FOUR), ADULT, SAFE, NOT),
    ("SAFE-2", concern("suicide", **ALL_FOUR | {"thoughts": False}), ADULT, SAFE, HOLDS),
    ("SAFE-2", concern("suicide", **ALL_FOUR | {"plan": False}), ADULT, SAFE, HOLDS),
    ("SAFE-2", concern("suicide", **ALL_FOUR | {"means": False}), ADULT, SAFE, HOLDS),
    ("SAFE-2", concern("suicide", **ALL_FOUR | {"timeframe": "beyond_30_days"}), ADULT, SAFE, HOLDS),
    ("SAFE-2", concern("suicide", **ALL_FOUR | {"plan": None}), ADULT, SAFE, OPEN),
    ("SAFE-2", concern("suicide"), ADULT, CONTRADICTED, NOT),
    ("SAFE-2", concern("suicide"), ADULT, {}, "not looked at"),
    ("SAFE-3", concern("suicide"), ADULT, CONTRADICTED, HOLDS),
    ("SAFE-3", concern("suicide"), ADULT, SAFE, NOT),
    ("SAFE-3", concern("suicide"), ADULT, {"contradicted": True}, "not looked at"),
    ("SAFE-5", concern("suicide"), ADULT, UNCLEAR, HOLDS),
    ("SAFE-5", concern("suicide"), ADULT, {"contradicted": True}, HOLDS),
    ("SAFE-5", concern("suicide"), ADULT, CONTRADICTED, NOT),
    ("SAFE-5", concern("suicide"), ADULT, {}, "not looked at"),
]


def _id(case: Case) -> str:
    """Return an id such as `IR-1-holds-adult-safe-stated-suicide(plan=yes)`."""
    clause, changed, subject, safety, expected = case
    person, said = named(subject, "age-unknown"), named(safety, "")
    return "-".join(filter(None, (clause, re.sub("[_ ]", "-", expected), person, said, changed_facts(changed))))


@pytest.mark.parametrize(
    ("clause", "changed", "subject", "safety", "expected"), CASES, ids=[_id(case) for case in CASES]
)
def test_clause(
    clause: str, changed: dict[str, Any], subject: dict[str, Any], safety: dict[str, Any], expected: str
) -> None:
    assert state(rule(changed, subject=subject, safety=safety), clause) == expected


def test_every_clause_of_a_concern_is_shown_in_all_three_states() -> None:
    shown = {(clause, expected) for clause, *_, expected in CASES}

    assert {(one.clause.value, each.value) for one in CONCERNS for each in ClauseState} <= shown


def test_only_the_conditions_that_rule_a_clause_out_are_named() -> None:
    # The example of the contract: with this timeframe IR-1 cannot hold, whatever the plan is.
    ruling = rule(concern("suicide", plan=True, **INTENT), subject=TEEN)

    assert {each.id: each.facts for each in ruling.findings if each.id in ("LT-1", "IR-1")} == {
        "LT-1": {"under_18": True, "intent": True, "timeframe": "within_30_days"},
        "IR-1": {"timeframe": "within_30_days"},
    }


def test_one_concern_is_enough_for_a_clause_to_hold() -> None:
    ruling = rule(concern("abuse", ongoing=None), concern("abuse", ongoing=True), concern("abuse"))

    finding = found(ruling, "LT-2")
    assert finding is not None
    assert (finding.state, finding.facts) == (ClauseState.HOLDS, {"under_18": True, "ongoing": True})


def test_facts_that_differ_between_concerns_are_named_with_their_concern() -> None:
    ruling = rule(concern("abuse"), concern("self_harm"), concern("abuse", ongoing=None))

    finding = found(ruling, "LT-2")
    assert finding is not None
    assert finding.state is ClauseState.OPEN
    assert finding.facts == {"concerns[0].ongoing": False, "under_18": True, "concerns[2].ongoing": None}
    assert ruling.review is not None
    assert ruling.review.asks == ("concerns[2].ongoing",)


def test_safe_2_keeps_confidentiality_only_if_it_holds_for_every_concern() -> None:
    assert state(rule(concern("suicide"), concern("suicide", **ALL_FOUR), safety=SAFE), "SAFE-2") == NOT


def test_a_life_in_danger_in_one_concern_sets_ad_2_aside_for_all() -> None:
    ruling = rule(concern("abuse", **TRUST), concern("self_harm", immediate_danger="life"), subject=ADULT)

    assert (state(ruling, "IR-3"), state(ruling, "AD-2")) == (HOLDS, NOT)


@pytest.mark.parametrize("kind", list(ConcernKind))
def test_a_clause_of_a_concern_without_a_rule_is_open_never_ruled_out(kind: ConcernKind) -> None:
    facts = decide_plainly(disclosure(concern(kind.value), subject=CHILD, safety=SAFE), now=NOW, policy=POLICY).facts
    for clause in POLICY.judging(kind):
        without = tuple(each for each in CLAUSE_RULES if each.clause is not clause)

        evaluation = evaluate(facts, POLICY, without)

        assert {each.id: each.state for each in evaluation.findings}[clause] is ClauseState.OPEN
        assert evaluation.outcome is Outcome.REVIEW
        assert "concerns[0]" in evaluation.asks


@pytest.mark.parametrize("clause", [ClauseId.AD_2, ClauseId.SAFE_3, ClauseId.SAFE_5, ClauseId.CASE_1])
def test_a_clause_of_the_case_without_a_rule_leads_to_a_review(clause: ClauseId) -> None:
    disclosed = {
        ClauseId.AD_2: disclosure(concern("abuse", **TRUST), subject=ADULT),
        ClauseId.SAFE_3: disclosure(concern("suicide"), safety=CONTRADICTED),
        ClauseId.SAFE_5: disclosure(concern("suicide"), safety=UNCLEAR),
        ClauseId.CASE_1: disclosure(concern("abuse", ongoing=True)),
    }[clause]
    facts = decide_plainly(disclosed, now=NOW, policy=POLICY).facts

    assert (
        evaluate(facts, POLICY, tuple(each for each in CLAUSE_RULES if each.clause is not clause)).outcome
        is Outcome.REVIEW
    )


def test_the_rules_and_the_policy_agree_on_the_kind_that_each_clause_judges() -> None:
    for clause in POLICY.clauses:
        kinds = {each.kind for each in CONCERNS if each.clause is clause.id}
        assert kinds == (set() if clause.concern is None else {None if clause.concern == "any" else clause.concern})


def test_quiet_concerns_hold_nothing_for_an_adult() -> None:
    for kind in QUIET:
        assert rule(concern(kind), subject=ADULT).outcome is Outcome.CONFIDENTIAL


def test_a_second_copy_of_a_rule_changes_nothing() -> None:
    # Rules are independent of each other.
    facts = decide_plainly(disclosure(concern("abuse", ongoing=True)), now=NOW, policy=POLICY).facts

    assert evaluate(facts, POLICY, (*CLAUSE_RULES, replace(CLAUSE_RULES[0]))) == evaluate(facts, POLICY, CLAUSE_RULES)
