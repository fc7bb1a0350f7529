"""Exactly one outcome from the results of the clauses: the first that applies, in the policy's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId, Policy
from schemas.records import AgencyToTell, Finding
from schemas.vocabulary import ClauseState, Outcome, ProfessionalRole, ReviewReason
from streams.domain.policy.clause_results import ClauseResult, case_values, results_of_case, results_of_concerns
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.facts import CaseFacts
from streams.domain.policy.routing import route
from streams.domain.policy.three_valued import Value

#: If several reasons ask for a review, the first of these is given.
_REASONS = (
    ReviewReason.CONFIRMATION,
    ReviewReason.SAFEGUARDING_LEAD,
    ReviewReason.PRIVATE_CONVERSATION,
    ReviewReason.MISSING_FACT,
    ReviewReason.NO_ROUTE,
)
_NO = ClauseState.DOES_NOT_HOLD
#: How many evaluations are cached.
_MAX_CACHED = 4096


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome that follows from the facts alone; the clock adds the deadline, the contact details the notice."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...] = ()
    proposed: Outcome | None = None
    reason: ReviewReason | None = None
    asks: tuple[str, ...] = ()
    #: The review has the emergency deadline.
    pressing: bool = False


@lru_cache(maxsize=_MAX_CACHED)
def evaluate_cached(facts: CaseFacts, policy: Policy) -> Evaluation:
    """Return what follows from the facts; equal facts are evaluated once."""
    return evaluate(facts, policy, CLAUSE_RULES)


def evaluate(facts: CaseFacts, policy: Policy, rules: Sequence[ClauseRule]) -> Evaluation:
    """Return what follows from the facts by these rules."""
    values = case_values(facts)
    scope = _of_case((ClauseId.SCOPE_1, ClauseId.SCOPE_2), values, rules)
    if any(result.state is ClauseState.HOLDS for result in scope):
        return Evaluation(Outcome.OUT_OF_SCOPE, _findings(scope))
    results = scope + _results(facts, values, policy, rules)
    return _Weighing(results, values, policy, rules).evaluation()


def _results(
    facts: CaseFacts, values: dict[str, Value], policy: Policy, rules: Sequence[ClauseRule]
) -> list[ClauseResult]:
    results = results_of_concerns(facts, values, policy, rules)
    but_for_ad_2 = {result.clause: result.but_for_ad_2 for result in results}
    values |= {clause.value: but_for_ad_2.get(clause, False) for clause in (ClauseId.IR_0, ClauseId.IR_3)}
    if values[ClauseId.IR_0] is not False or values[ClauseId.IR_3] is not False:
        results += _of_case((ClauseId.AD_2,), values, rules)
    # AR-1 is reported only if another result depends on it, AD-1 only for a person who is known to be 18 or over.
    if any("adult_at_risk" in result.facts for result in results):
        results += _of_case((ClauseId.AR_1,), values, rules)
    if values["under_18"] is False and values["adult_at_risk"] is not None:
        results += _of_case((ClauseId.AD_1,), values, rules)
    return results + _of_case((ClauseId.SAFE_3, ClauseId.SAFE_5), values, rules)


def _of_case(clauses: Sequence[ClauseId], values: dict[str, Value], rules: Sequence[ClauseRule]) -> list[ClauseResult]:
    return [result for clause in clauses for result in results_of_case(clause, values, rules)]


def _findings(results: Sequence[ClauseResult]) -> tuple[Finding, ...]:
    order = list(ClauseId)
    return tuple(
        Finding(id=result.clause.value, state=result.state, facts=_plain(result.facts))
        for result in sorted(results, key=lambda result: order.index(result.clause))
    )


def _plain(facts: dict[str, Value]) -> dict[str, Value]:
    return {name: str(value) if isinstance(value, str) else value for name, value in facts.items()}


class _Weighing:
    """The results of one case, weighed in the policy's order of outcomes."""

    def __init__(
        self, results: list[ClauseResult], values: dict[str, Value], policy: Policy, rules: Sequence[ClauseRule]
    ) -> None:
        self._results, self._values, self._policy, self._rules = results, values, policy, rules
        self._state = {result.clause: result.state for result in results}
        professionals = (
            (ProfessionalRole.SOCIAL_WORKER, values["social_worker_known"]),
            (ProfessionalRole.CARE_PROFESSIONAL, values["care_professional_known"]),
        )
        self._known = frozenset(role for role, known in professionals if known)

    def evaluation(self) -> Evaluation:
        """Return the first outcome that applies."""
        if emergency := self._holding(IMMEDIATE_RISK):
            return self._report(Outcome.EMERGENCY, self._route(emergency), self._unknown_times())
        if self._state.get(ClauseId.AD_2) is ClauseState.HOLDS:
            return self._review({ReviewReason.SAFEGUARDING_LEAD}, pressing=True)
        if self._open((*IMMEDIATE_RISK, ClauseId.AD_2)):
            talk = self._values["says_safe"] or self._values["unclear"]
            reason = ReviewReason.PRIVATE_CONVERSATION if talk else ReviewReason.MISSING_FACT
            return self._review({reason}, pressing=True)
        questions = self._questions()
        if referable := self._holding(LONG_TERM):
            if agencies := self._route(referable):
                routed = {clause for agency in agencies for clause in agency.clauses}
                unrouted = {ReviewReason.NO_ROUTE} if any(clause not in routed for clause in referable) else set()
                return self._report(Outcome.REFER, agencies, questions | unrouted)
            return self._review(questions | {ReviewReason.NO_ROUTE}, proposed=Outcome.REFER)
        if questions:
            return self._review(questions)
        return Evaluation(Outcome.CONFIDENTIAL, _findings(self._results))

    def _holding(self, clauses: Sequence[ClauseId]) -> list[ClauseId]:
        return [clause for clause in clauses if self._state.get(clause) is ClauseState.HOLDS]

    def _open(self, clauses: Sequence[ClauseId]) -> list[ClauseResult]:
        return [each for each in self._results if each.clause in clauses and each.state is ClauseState.OPEN]

    def _route(self, clauses: list[ClauseId]) -> tuple[AgencyToTell, ...]:
        return route(clauses, self._known, self._policy)

    def _questions(self) -> frozenset[ReviewReason]:
        """Return the reasons for a review although no immediate risk is open."""
        reasons = {
            ReviewReason.PRIVATE_CONVERSATION if each.opened_by_safe else ReviewReason.MISSING_FACT
            for each in self._open((*LONG_TERM, ClauseId.SAFE_2))
        }
        # An open clause asks too: a clause that could not be judged is not ruled out.
        if any(self._state.get(clause, _NO) is not _NO for clause in (ClauseId.SAFE_3, ClauseId.SAFE_5)):
            reasons.add(ReviewReason.PRIVATE_CONVERSATION)
        return frozenset(reasons) | self._unknown_times()

    def _unknown_times(self) -> frozenset[ReviewReason]:
        """Return the reason for a review of a time that cannot be true; none if both times can.

        It is asked beside every outcome: nothing waits for the answer, and nothing is out of scope without it.
        """
        is_open = self._open((ClauseId.SCOPE_1, ClauseId.SCOPE_2))
        return frozenset({ReviewReason.MISSING_FACT} if is_open else ())

    def _report(
        self, outcome: Outcome, agencies: tuple[AgencyToTell, ...], questions: frozenset[ReviewReason]
    ) -> Evaluation:
        """Return the outcome if a trained person made or confirmed it (CASE-1), else the review that asks for that."""
        case_1 = _of_case((ClauseId.CASE_1,), self._values, self._rules)
        self._results += case_1
        if any(result.state is not _NO for result in case_1):
            pressing = outcome is Outcome.EMERGENCY
            reasons = questions | {ReviewReason.CONFIRMATION}
            return self._review(reasons, proposed=outcome, agencies=agencies, pressing=pressing)
        findings = _findings(self._results)
        if not questions:
            return Evaluation(outcome, findings, agencies)
        return Evaluation(outcome, findings, agencies, reason=_first(questions), asks=self._asks(questions))

    def _review(
        self,
        reasons: set[ReviewReason] | frozenset[ReviewReason],
        *,
        proposed: Outcome | None = None,
        agencies: tuple[AgencyToTell, ...] = (),
        pressing: bool = False,
    ) -> Evaluation:
        findings, asks = _findings(self._results), self._asks(reasons)
        return Evaluation(Outcome.REVIEW, findings, agencies, proposed, _first(reasons), asks, pressing)

    def _asks(self, reasons: set[ReviewReason] | frozenset[ReviewReason]) -> tuple[str, ...]:
        """Return the contract path of every missing fact, whichever reason is given."""
        asked_again = {rule.clause for rule in self._rules if rule.asks}
        asking = (each for each in self._results if each.state is ClauseState.OPEN or each.clause in asked_again)
        asks = [ask for each in asking for ask in each.asks]
        if ReviewReason.NO_ROUTE in reasons:
            asks.append("subject.professionals")
        return tuple(dict.fromkeys(asks))


def _first(reasons: set[ReviewReason] | frozenset[ReviewReason]) -> ReviewReason:
    return next(reason for reason in _REASONS if reason in reasons)
