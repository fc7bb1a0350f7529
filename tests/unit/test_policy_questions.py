"""The questions of a review and the effect of each answer, for all facts."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings

from schemas.vocabulary import ConcernKind, Outcome
from streams.domain.plain_english.questions import Question, answers_to, consequence, questions
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.evaluation import evaluate
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from tests.readable_ids import readable_id
from tests.unit.policy_cases import AGE_UNKNOWN, CONTRADICTED, POLICY, SAFE, TEEN, UNCLEAR, concern, rule
from tests.unit.test_policy_explanations import AT_RISK, any_cases

pytestmark = pytest.mark.long

ABUSE = concern("abuse", ongoing=True)
INTENT = concern("suicide", intent=True, timeframe="within_30_days")


def asked(*concerns: dict[str, Any], **how: Any) -> dict[str, Question]:
    facts = rule(*concerns, **how).facts
    return {question.path: question for question in questions(facts, POLICY)}


def outcomes(question: Question) -> dict[str, tuple[str, bool]]:
    return {answer.value: (answer.follows.outcome.value, answer.changes) for answer in question.answers}


def test_an_answer_is_given_with_what_follows_from_it() -> None:
    found = asked(concern("homelessness", state="homeless"), subject=AGE_UNKNOWN)

    assert list(found) == ["subject.age"]
    assert outcomes(found["subject.age"]) == {
        "under 16": ("refer", True),
        "16 or 17": ("refer", True),
        "18 or over": ("confidential", True),
    }
    agencies = found["subject.age"].answers[0].follows.agencies
    assert [(each.agency, each.clauses) for each in agencies] == [("101", ("LT-4",))]


def test_a_known_limit_of_age_is_not_asked_again() -> None:
    # Both sources say under 18; they disagree about 16 alone.
    found = asked(concern("pregnancy", medical_professionals_informed=False), subject={"age": 15, "age_band": "16_17"})

    assert outcomes(found["subject.age"]) == {"under 16": ("refer", True), "16 or 17": ("confidential", True)}


def test_a_closed_set_is_asked_for_whole() -> None:
    found = asked(concern("suicide", plan=True, timeframe=None), subject={"age": 40})

    assert outcomes(found["concerns[0].timeframe"]) == {
        "immediate": ("emergency", True),
        "within_30_days": ("confidential", True),
        "beyond_30_days": ("confidential", True),
        "none": ("confidential", True),
    }


@pytest.mark.parametrize(
    ("safety", "concerns", "path", "expected"),
    [
        (SAFE, [INTENT], "safety.says_safe", {"yes": ("review", False), "no": ("refer", True)}),
        (UNCLEAR, [concern("suicide")], "safety.unclear", {"yes": ("review", False), "no": ("confidential", True)}),
        (
            CONTRADICTED,
            [concern("suicide")],
            "safety.contradicted",
            {"yes": ("review", False), "no": ("confidential", True)},
        ),
    ],
    ids=readable_id,
)
def test_a_conversation_may_answer_a_question_about_safety(
    safety: dict[str, Any], concerns: list[dict[str, Any]], path: str, expected: dict[str, tuple[str, bool]]
) -> None:
    assert outcomes(asked(*concerns, subject=TEEN, safety=safety)[path]) == expected


def test_professionals_are_asked_for_if_no_agency_can_get_a_report() -> None:
    found = asked(concern("caring_responsibilities", impact_on_carer=True), subject=TEEN)

    follows = [answer.follows for answer in found["subject.professionals"].answers]
    assert [(each.outcome, [to.agency for to in each.agencies]) for each in follows] == [
        (Outcome.REFER, ["social_worker"]),
        (Outcome.REFER, ["care_team"]),
    ]


def test_a_fact_that_matters_only_with_another_is_asked_with_it() -> None:
    found = asked(ABUSE, subject=AGE_UNKNOWN)

    care = found["subject.adult_at_risk.care_or_support_needs"]
    assert care.given == (("subject.age", "18 or over"),)
    assert outcomes(care) == {"yes": ("review", False), "no": ("confidential", True)}


def test_an_answer_without_an_effect_is_marked_so() -> None:
    # The safeguarding lead decides, whatever the result of the conversation is.
    found = asked(
        concern("self_harm", immediate_danger="harm"),
        subject={"age": 30, "adult_at_risk": dict.fromkeys(AT_RISK, False)},
        safety=UNCLEAR,
    )

    assert [question.matters for question in found.values()] == [False]


def test_an_emergency_and_a_complete_case_ask_nothing() -> None:
    assert asked(concern("medication", more_than_prescribed=True), ABUSE, subject=AGE_UNKNOWN) == {}
    assert asked(concern("self_harm")) == {}


def _unknown(facts: CaseFacts) -> list[str]:
    """Return the contract path of every fact that is unknown."""
    paths = ["subject.age"] if None in (facts.under_16, facts.under_18) else []
    paths += [f"subject.adult_at_risk.{name}" for name in AT_RISK if getattr(facts, name) is None]
    for index, each in enumerate(facts.concerns):
        named = zip(FACTS_OF[each.kind], each.values, strict=True)
        paths += [f"concerns[{index}].{name}" for name, value in named if value is None]
    return paths


@settings(max_examples=500, deadline=None)
@given(any_cases)
def test_an_unknown_fact_that_is_not_asked_for_changes_nothing(facts: CaseFacts) -> None:
    evaluation = evaluate(facts, POLICY, CLAUSE_RULES)
    now = consequence(evaluation)
    if Outcome.EMERGENCY in (now.outcome, now.proposed):  # which needs no answer
        return
    for path in set(_unknown(facts)) - set(evaluation.asks):
        if facts.contradicted and path.endswith((".plan", ".timeframe")):
            # With a contradicted "I'm safe", IR-1 is open if there is a plan and the timeframe is immediate, but not if
            # these are unknown. This is the policy's rule, which asks about the contradiction.
            continue
        for _, answered in answers_to(facts, path):
            assert consequence(evaluate(answered, POLICY, CLAUSE_RULES)) == now


@settings(max_examples=300, deadline=None)
@given(any_cases)
def test_every_question_has_answers_with_their_true_effects(facts: CaseFacts) -> None:
    found = questions(facts, POLICY)

    assert tuple(question.path for question in found) == evaluate(facts, POLICY, CLAUSE_RULES).asks
    for question in found:
        base = facts
        for path, said in question.given:
            base = dict(answers_to(base, path))[said]
        now = consequence(evaluate(base, POLICY, CLAUSE_RULES))
        tried = {
            said: consequence(evaluate(answered, POLICY, CLAUSE_RULES))
            for said, answered in answers_to(base, question.path)
        }
        assert {answer.value: answer.follows for answer in question.answers} == tried
        assert len(tried) >= 1
        assert all(answer.changes == (answer.follows != now) for answer in question.answers)


@pytest.mark.parametrize("kind", ConcernKind)
def test_every_missing_fact_of_one_open_concern_matters(kind: ConcernKind) -> None:
    # Of the concern, the age and the three facts of AR-1 only the varied facts are known.
    for age, at_risk in product((None, (False, False), (True, True)), (None, True, False)):
        facts = rule({"kind": kind, "immediate_danger": "none"}, subject=AGE_UNKNOWN).facts
        under_16, under_18 = age or (None, None)
        facts = facts._replace(under_16=under_16, under_18=under_18, care_or_support_needs=at_risk)
        for question in questions(facts, POLICY):
            assert question.matters, (question.path, age, at_risk)
