"""The evaluations of the program in the words of the second formulation, and the comparison of both."""

from collections.abc import Sequence
from functools import cache

from schemas.policy import Policy
from streams.domain.policy.clause_rules import ClauseRule
from streams.domain.policy.evaluation import Evaluation, evaluate
from streams.domain.policy.facts import CaseFacts
from tests.proof.second import Verdict, verdict


def verdict_of(evaluation: Evaluation) -> Verdict:
    """Return an evaluation of the program as a verdict."""
    return Verdict(
        evaluation.outcome.value,
        None if evaluation.proposed is None else evaluation.proposed.value,
        None if evaluation.reason is None else evaluation.reason.value,
        evaluation.pressing,
        tuple(
            (each.agency.value if each.service is None else f"{each.agency.value}/{each.service.value}", each.clauses)
            for each in evaluation.agencies
        ),
        frozenset(evaluation.asks),
        frozenset((each.id, each.state.value) for each in evaluation.findings),
    )


def agree(found: Verdict, expected: Verdict) -> bool:
    """Return whether both verdicts are equal; the program evaluates AR-1 only if another clause depends on it."""
    if found == expected:
        return True
    looked_at = {clause for clause, _ in found.states}
    needed = frozenset(each for each in expected.states if each[0] != "AR-1" or "AR-1" in looked_at)
    return found == expected._replace(states=needed)


def first_difference(
    combinations: Sequence[CaseFacts], policy: Policy, rules: Sequence[ClauseRule], expected: list[Verdict]
) -> CaseFacts | None:
    """Return the first facts about which the two formulations disagree, None if there are none.

    `expected` has the verdicts of the second formulation so far. It is kept between calls, and grows as needed.
    """
    for index, facts in enumerate(combinations):
        if index == len(expected):
            expected.append(_one(verdict(facts)))
        wanted = expected[index]
        if not agree(verdict_of(evaluate(facts, policy, rules)), wanted):
            return facts
    return None


def severity(follows: Verdict) -> int:
    """Return how severe an outcome is, 0 to 5; a proposal counts as its outcome, as only a confirmation is missing."""
    outcome = follows.proposed or follows.outcome
    if outcome == "review":
        return 4 if follows.pressing else 2
    return {"out_of_scope": 0, "confidential": 1, "refer": 3, "emergency": 5}[outcome]


@cache
def _one(follows: Verdict) -> Verdict:
    # One object for equal verdicts saves memory: there are few verdicts and many combinations.
    return follows
