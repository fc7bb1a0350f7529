"""Exactly one outcome from the findings: the first that applies, in the policy's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId, Policy
from schemas.records import AgencyToTell, Finding
from schemas.vocabulary import ClauseState, Outcome, ProfessionalRole, ReviewReason
from streams.domain.policy.clause_rules import CLAUSE_RULES, ClauseRule
from streams.domain.policy.facts import CaseFacts
from streams.domain.policy.findings import ClauseResult, case_values, look_at_case, look_at_concerns
from streams.domain.policy.routing import route
from streams.domain.policy.three_valued import Value

#: Of several reasons for a review the first is given.
_REASONS = (
    ReviewReason.CONFIRMATION,
    ReviewReason.SAFEGUARDING_LEAD,
    ReviewReason.PRIVATE_CONVERSATION,
    ReviewReason.MISSING_FACT,
    ReviewReason.NO_ROUTE,
)
_NO = ClauseState.DOES_NOT_HOLD
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What follows from the facts alone; the clock adds the deadline and the contact details the notice."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...] = ()
    proposed: Outcome | None = None
    reason: ReviewReason | None = None
    asks: tuple[str, ...] = ()
    #: The review has the emergency deadline.
    pressing: bool = False


@lru_cache(maxsize=_KEPT)
def evaluate_cached(facts: CaseFacts, policy: Policy) -> Evaluation:
    """Return what follows from the facts; equal facts are judged once and remembered."""
    return evaluate(facts, policy, CLAUSE_RULES)


def evaluate(facts: CaseFacts, policy: Policy, table: Sequence[ClauseRule]) -> Evaluation:
    """Return what follows from the facts under this table of clauses."""
    values = case_values(facts)
    scope = _case((ClauseId.SCOPE_1, ClauseId.SCOPE_2), values, table)
    if any(found.state is ClauseState.HOLDS for found in scope):
        return Evaluation(Outcome.OUT_OF_SCOPE, _findings(scope))
    findings = scope + _look(facts, values, policy, table)
    return _Weighing(findings, values, policy, table).conclusion()


def _look(
    facts: CaseFacts, values: dict[str, Value], policy: Policy, table: Sequence[ClauseRule]
) -> list[ClauseResult]:
    found = look_at_concerns(facts, values, policy, table)
    pulled = {each.clause: each.but_for_ad_2 for each in found}
    values |= {clause.value: pulled.get(clause, False) for clause in (ClauseId.IR_0, ClauseId.IR_3)}
    if values[ClauseId.IR_0] is not False or values[ClauseId.IR_3] is not False:
        found += _case((ClauseId.AD_2,), values, table)
    # Judged only where something turns on it.
    if any("adult_at_risk" in each.facts for each in found):
        found += _case((ClauseId.AR_1,), values, table)
    if values["under_18"] is False and values["adult_at_risk"] is not None:
        found += _case((ClauseId.AD_1,), values, table)
    return found + _case((ClauseId.SAFE_3, ClauseId.SAFE_5), values, table)


def _case(clauses: Sequence[ClauseId], values: dict[str, Value], table: Sequence[ClauseRule]) -> list[ClauseResult]:
    return [found for clause in clauses for found in look_at_case(clause, values, table)]


def _findings(found: Sequence[ClauseResult]) -> tuple[Finding, ...]:
    order = list(ClauseId)
    return tuple(
        Finding(id=each.clause.value, state=each.state, facts=_plain(each.facts))
        for each in sorted(found, key=lambda each: order.index(each.clause))
    )


def _plain(facts: dict[str, Value]) -> dict[str, Value]:
    return {name: str(value) if isinstance(value, str) else value for name, value in facts.items()}


class _Weighing:
    """The findings of one case, weighed in the policy's order of outcomes."""

    def __init__(
        self, found: list[ClauseResult], values: dict[str, Value], policy: Policy, table: Sequence[ClauseRule]
    ) -> None:
        self._found, self._values, self._policy, self._table = found, values, policy, table
        self._state = {each.clause: each.state for each in found}
        professionals = (
            (ProfessionalRole.SOCIAL_WORKER, values["social_worker_known"]),
            (ProfessionalRole.CARE_PROFESSIONAL, values["care_professional_known"]),
        )
        self._known = frozenset(role for role, known in professionals if known)

    def conclusion(self) -> Evaluation:
        """Return the first outcome that applies."""
        if emergency := self._holding(IMMEDIATE_RISK):
            return self._tell(Outcome.EMERGENCY, self._route(emergency), frozenset())
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
                without = {ReviewReason.NO_ROUTE} if any(clause not in routed for clause in referable) else set()
                return self._tell(Outcome.REFER, agencies, questions | without)
            return self._review(questions | {ReviewReason.NO_ROUTE}, proposed=Outcome.REFER)
        if questions:
            return self._review(questions)
        return Evaluation(Outcome.CONFIDENTIAL, _findings(self._found))

    def _holding(self, clauses: Sequence[ClauseId]) -> list[ClauseId]:
        return [clause for clause in clauses if self._state.get(clause) is ClauseState.HOLDS]

    def _open(self, clauses: Sequence[ClauseId]) -> list[ClauseResult]:
        return [each for each in self._found if each.clause in clauses and each.state is ClauseState.OPEN]

    def _route(self, clauses: list[ClauseId]) -> tuple[AgencyToTell, ...]:
        return route(clauses, self._known, self._policy)

    def _questions(self) -> frozenset[ReviewReason]:
        """Return why a person has to look although no immediate risk is open."""
        reasons = {
            ReviewReason.PRIVATE_CONVERSATION if each.opened_by_safe else ReviewReason.MISSING_FACT
            for each in self._open((*LONG_TERM, ClauseId.SAFE_2))
        }
        # Not found to be untrue is asked about as well: a clause that could not be judged rules nothing out.
        if any(self._state.get(clause, _NO) is not _NO for clause in (ClauseId.SAFE_3, ClauseId.SAFE_5)):
            reasons.add(ReviewReason.PRIVATE_CONVERSATION)
        return frozenset(reasons)

    def _tell(
        self, outcome: Outcome, agencies: tuple[AgencyToTell, ...], questions: frozenset[ReviewReason]
    ) -> Evaluation:
        """Return the outcome if a trained person made or confirmed it (CASE-1), else the review that asks for that."""
        case_1 = _case((ClauseId.CASE_1,), self._values, self._table)
        self._found += case_1
        if any(found.state is not _NO for found in case_1):
            pressing = outcome is Outcome.EMERGENCY
            reasons = questions | {ReviewReason.CONFIRMATION}
            return self._review(reasons, proposed=outcome, agencies=agencies, pressing=pressing)
        findings = _findings(self._found)
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
        findings, asks = _findings(self._found), self._asks(reasons)
        return Evaluation(Outcome.REVIEW, findings, agencies, proposed, _first(reasons), asks, pressing)

    def _asks(self, reasons: set[ReviewReason] | frozenset[ReviewReason]) -> tuple[str, ...]:
        """Return every fact that is missing, whichever reason is given."""
        anew = {row.clause for row in self._table if row.asks}
        asked = (each for each in self._found if each.state is ClauseState.OPEN or each.clause in anew)
        asks = [ask for each in asked for ask in each.asks]
        if ReviewReason.NO_ROUTE in reasons:
            asks.append("subject.professionals")
        return tuple(dict.fromkeys(asks))


def _first(reasons: set[ReviewReason] | frozenset[ReviewReason]) -> ReviewReason:
    return next(reason for reason in _REASONS if reason in reasons)
