"""What the program concludes, put into the words of the second formulation."""

from collections.abc import Sequence
from functools import cache

from schemas.policy import Policy
from streams.domain.policy.clause_rules import ClauseRule
from streams.domain.policy.evaluation import Evaluation, evaluate
from streams.domain.policy.facts import CaseFacts
from tests.proof.second import Verdict, verdict


def said(concluded: Evaluation) -> Verdict:
    """Return a conclusion in words."""
    return Verdict(
        concluded.outcome.value,
        None if concluded.proposed is None else concluded.proposed.value,
        None if concluded.reason is None else concluded.reason.value,
        concluded.pressing,
        tuple(
            (each.agency.value if each.service is None else f"{each.agency.value}/{each.service.value}", each.clauses)
            for each in concluded.agencies
        ),
        frozenset(concluded.asks),
        frozenset((each.id, each.state.value) for each in concluded.findings),
    )


def agree(concluded: Verdict, expected: Verdict) -> bool:
    """Return whether both say the same; AR-1 is looked at by the program only where something turns on it."""
    if concluded == expected:
        return True
    looked_at = {clause for clause, _ in concluded.states}
    needed = frozenset(each for each in expected.states if each[0] != "AR-1" or "AR-1" in looked_at)
    return concluded == expected._replace(states=needed)


def first_difference(
    combinations: Sequence[CaseFacts], policy: Policy, rules: Sequence[ClauseRule], expected: list[Verdict]
) -> CaseFacts | None:
    """Return the first facts of which the two formulations do not say the same.

    What is `expected` of the first of them is kept between calls, and added to as more are looked at.
    """
    for place, facts in enumerate(combinations):
        if place == len(expected):
            expected.append(_one(verdict(facts)))
        wanted = expected[place]
        if not agree(said(evaluate(facts, policy, rules)), wanted):
            return facts
    return None


def severity(follows: Verdict) -> int:
    """Return how far the outcome goes, 0 to 5; what is proposed counts as done, since who confirms is not a risk."""
    outcome = follows.proposed or follows.outcome
    if outcome == "review":
        return 4 if follows.pressing else 2
    return {"out_of_scope": 0, "confidential": 1, "refer": 3, "emergency": 5}[outcome]


@cache
def _one(follows: Verdict) -> Verdict:
    # Verdicts are few and combinations many.
    return follows
