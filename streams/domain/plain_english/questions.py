"""The effect of each possible answer to a question: it is put into the facts, and they are evaluated again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, NamedTuple

from schemas.policy import Policy
from schemas.records import AgencyToTell
from schemas.vocabulary import HousingState, ImmediateDanger, Outcome, ReviewReason, Timeframe
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.concern_path import ConcernPath
from streams.domain.policy.evaluation import Evaluation, evaluate
from streams.domain.policy.facts import FACTS_OF, CaseFacts, ConcernFacts
from streams.domain.policy.three_valued import Value

#: The facts of a concern that are not yes or no, with their known values.
CLOSED_SETS: dict[str, tuple[Value, ...]] = {
    "immediate_danger": tuple(ImmediateDanger),
    "timeframe": tuple(Timeframe),
    "state": tuple(HousingState),
}
#: Under 16 and under 18 of the three ages that matter.
AGES: dict[str, tuple[bool, bool]] = {
    "under 16": (True, True),
    "16 or 17": (False, True),
    "18 or over": (False, False),
}
#: How many other questions are answered together with one, and how many combinations are tried for it.
_MAX_OTHERS, _MAX_TRIES = 2, 300


class Consequence(NamedTuple):
    """What an evaluation means for the person, without its findings."""

    outcome: Outcome
    proposed: Outcome | None
    reason: ReviewReason | None
    agencies: tuple[AgencyToTell, ...]
    pressing: bool


@dataclass(frozen=True, slots=True)
class HypotheticalAnswer:
    """One possible answer to a question, and what follows if it is given."""

    value: str
    follows: Consequence
    changes: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A missing fact by its contract path, and what each answer would change.

    If no answer changes anything alone, `given` has answers to other questions after which one does.
    """

    path: str
    answers: tuple[HypotheticalAnswer, ...]
    given: tuple[tuple[str, str], ...] = ()

    @property
    def matters(self) -> bool:
        """Whether any answer changes anything."""
        return any(answer.changes for answer in self.answers)


def consequence(evaluation: Evaluation) -> Consequence:
    """Return what an evaluation means for the person."""
    return Consequence(
        evaluation.outcome, evaluation.proposed, evaluation.reason, evaluation.agencies, evaluation.pressing
    )


def questions(facts: CaseFacts, policy: Policy, rules: Sequence[ClauseRule] = CLAUSE_RULES) -> tuple[Question, ...]:
    """Return every question that the evaluation of these facts asks, with the consequence of each answer."""
    asks = evaluate(facts, policy, rules).asks
    return tuple(_question(path, tuple(ask for ask in asks if ask != path), facts, policy, rules) for path in asks)


def answers_to(facts: CaseFacts, path: str) -> Iterator[tuple[str, CaseFacts]]:
    """Yield each possible answer to a question, in words, with the facts after it is given."""
    part, _, name = path.rpartition(".")
    if path == "subject.age":
        # A limit of age that is known stays as it is: only the unknown limit is answered.
        for words, (under_16, under_18) in AGES.items():
            if facts.under_16 in (None, under_16) and facts.under_18 in (None, under_18):
                yield words, facts._replace(under_16=under_16, under_18=under_18)
    elif path == "subject.professionals":
        yield "a social worker is known", facts._replace(social_worker_known=True)
        yield "somebody involved in their care is known", facts._replace(care_professional_known=True)
    elif path == "disclosed_at":
        yield "since the policy took effect", facts._replace(on_or_after_effective_from=True)
        yield "before the policy took effect", facts._replace(on_or_after_effective_from=False)
    elif path == "assessment.assessed_at":
        yield "while it was current", facts._replace(within_current_for=True)
        yield "when it was out of date", facts._replace(within_current_for=False)
    elif path == "safety.says_safe":
        yield "yes", facts
        yield "no", facts._replace(says_safe=False, contradicted=False)
    elif part in ("subject.adult_at_risk", "safety"):
        for words, value in (("yes", True), ("no", False)):
            fact: dict[str, Any] = {name: value}
            yield words, facts._replace(**fact)
    elif (of_concern := ConcernPath.parse(path)) is not None:
        yield from _answers_of_concern(facts, of_concern)


def _answers_of_concern(facts: CaseFacts, path: ConcernPath) -> Iterator[tuple[str, CaseFacts]]:
    index, name = path
    concern = facts.concerns[index]
    position = FACTS_OF[concern.kind].index(name)
    for value in CLOSED_SETS.get(name, (True, False)):
        words = str(value) if isinstance(value, str) else "yes" if value else "no"
        values = (*concern.values[:position], value, *concern.values[position + 1 :])
        concerns = (*facts.concerns[:index], ConcernFacts(concern.kind, values), *facts.concerns[index + 1 :])
        yield words, facts._replace(concerns=concerns)


def _question(
    path: str, others: tuple[str, ...], facts: CaseFacts, policy: Policy, rules: Sequence[ClauseRule]
) -> Question:
    alone = Question(path, _answers(path, facts, policy, rules))
    if alone.matters:
        return alone
    tried = 0
    for count in range(1, min(_MAX_OTHERS, len(others)) + 1):
        for along in combinations(others, count):
            for given in product(*(_words_of(facts, other) for other in along)):
                tried += 1
                if tried > _MAX_TRIES:
                    return alone
                answered = tuple(zip(along, given, strict=True))
                found = _answers(path, _with(facts, answered), policy, rules)
                if any(answer.changes for answer in found):
                    return Question(path, found, answered)
    return alone


def _answers(
    path: str, facts: CaseFacts, policy: Policy, rules: Sequence[ClauseRule]
) -> tuple[HypotheticalAnswer, ...]:
    now = consequence(evaluate(facts, policy, rules))
    found = ((words, consequence(evaluate(answered, policy, rules))) for words, answered in answers_to(facts, path))
    return tuple(HypotheticalAnswer(words, follows, follows != now) for words, follows in found)


def _words_of(facts: CaseFacts, path: str) -> tuple[str, ...]:
    return tuple(words for words, _ in answers_to(facts, path))


def _with(facts: CaseFacts, answered: Sequence[tuple[str, str]]) -> CaseFacts:
    for path, given in answered:
        facts = dict(answers_to(facts, path)).get(given, facts)
    return facts
