"""The facts of a disclosure that the policy depends on, as one hashable value with a finite range."""

from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from schemas.concerns import CONCERN_MODELS, Concern
from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policy
from schemas.vocabulary import ConcernKind, ProfessionalRole
from streams.domain.policy.age import Age, age_of
from streams.domain.policy.three_valued import Tri, Value

#: The facts of each kind of concern, `immediate_danger` among them.
FACTS_OF: dict[ConcernKind, tuple[str, ...]] = {
    kind: tuple(name for name in model.model_fields if name != "kind") for kind, model in CONCERN_MODELS.items()
}
_READ = {model: (kind, attrgetter(*FACTS_OF[kind], "kind")) for kind, model in CONCERN_MODELS.items()}


class ConcernFacts(NamedTuple):
    """One concern: its kind and its facts in the order of `FACTS_OF`."""

    kind: ConcernKind
    values: tuple[Value, ...]


class CaseFacts(NamedTuple):
    """Everything that the outcome depends on besides the clock: equal facts have equal outcomes."""

    on_or_after_effective_from: bool
    within_current_for: bool
    under_16: Tri
    under_18: Tri
    care_or_support_needs: Tri
    at_risk_of_harm: Tri
    cannot_protect_self: Tri
    says_safe: bool
    contradicted: bool
    unclear: bool
    made_or_confirmed_by_trained: bool
    social_worker_known: bool
    care_professional_known: bool
    concerns: tuple[ConcernFacts, ...]


def when_disclosed(disclosed: ReadableDisclosure) -> datetime:
    """Return the time of disclosure; one after its assessment counts as disclosed when assessed."""
    assessed_at = disclosed.assessment.assessed_at
    return min(disclosed.disclosed_at, assessed_at)


def facts_of(disclosed: ReadableDisclosure, policy: Policy) -> tuple[CaseFacts, tuple[str, ...]]:
    """Return the facts of a disclosure, and a note for each inconsistency in it that says how it was read."""
    assessment, subject, safety = disclosed.assessment, disclosed.subject, disclosed.safety
    at_risk = subject.adult_at_risk
    disclosed_at = when_disclosed(disclosed)
    age = age_of(subject, disclosed_at)
    trained = policy.trained
    professionals = subject.professionals
    facts = CaseFacts(
        disclosed_at >= policy.in_scope_from,
        assessment.assessed_at - disclosed_at <= policy.current_for,
        age.under_16,
        age.under_18,
        at_risk.care_or_support_needs,
        at_risk.at_risk_of_harm,
        at_risk.cannot_protect_self,
        safety.says_safe,
        safety.contradicted and safety.says_safe,
        safety.unclear or (safety.contradicted and not safety.says_safe),
        assessment.assessor in trained or assessment.confirmed_by in trained,
        ProfessionalRole.SOCIAL_WORKER in professionals,
        ProfessionalRole.CARE_PROFESSIONAL in professionals,
        tuple([_read(concern) for concern in disclosed.concerns]),
    )
    return facts, _notes(disclosed, policy, age)


def _read(concern: Concern) -> ConcernFacts:
    kind, values = _READ[type(concern)]
    return ConcernFacts(kind, values(concern)[:-1])


def _notes(disclosed: ReadableDisclosure, policy: Policy, age: Age) -> tuple[str, ...]:
    notes = []
    assessment, safety = disclosed.assessment, disclosed.safety
    if assessment.confirmed_by is not None and assessment.confirmed_by not in policy.trained:
        notes.append("assessment.confirmed_by: is not trained to confirm a report: counted as none")
    if disclosed.disclosed_at > assessment.assessed_at:
        notes.append("disclosed_at: is after assessment.assessed_at: counted as disclosed when assessed")
    if safety.contradicted and not safety.says_safe:
        notes.append("safety.contradicted: without safety.says_safe: counted as unclear")
    if age.impossible is not None:
        notes.append(f"subject.date_of_birth: {age.impossible}: counted as unknown")
    notes.extend(
        f"subject.age: date of birth, stated age and band disagree about {limit}: counted as unknown there"
        for limit in age.disagree_about
    )
    return tuple(notes)
