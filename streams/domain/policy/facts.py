"""The facts of a disclosure that the policy depends on, as one hashable value with a finite range."""

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from schemas.concerns import CONCERN_MODELS, Concern
from schemas.disclosure import Assessment, ReadableDisclosure
from schemas.policy import Confirmation, Policy
from schemas.vocabulary import ConcernKind, ProfessionalRole, Role
from streams.domain.policy.age import Age, age_of
from streams.domain.policy.three_valued import Tri, Value
from streams.domain.policy.times import unknown_time

#: The facts of each kind of concern, `immediate_danger` among them.
FACTS_OF: dict[ConcernKind, tuple[str, ...]] = {
    kind: tuple(name for name in model.model_fields if name != "kind") for kind, model in CONCERN_MODELS.items()
}
_UNSIGNED = "is the word of the service, and only a signed outcome of a review confirms a report"
_READ = {model: (kind, attrgetter(*FACTS_OF[kind], "kind")) for kind, model in CONCERN_MODELS.items()}


class ConcernFacts(NamedTuple):
    """One concern: its kind and its facts in the order of `FACTS_OF`."""

    kind: ConcernKind
    values: tuple[Value, ...]


class CaseFacts(NamedTuple):
    """Everything that the outcome depends on besides the clock: equal facts have equal outcomes."""

    on_or_after_effective_from: Tri
    within_current_for: Tri
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


def facts_of(
    disclosed: ReadableDisclosure, policy: Policy, at: datetime, signed: Role | None = None
) -> tuple[CaseFacts, tuple[str, ...]]:
    """Return the facts of a disclosure, and a note for each inconsistency in it that says how it was read.

    `at` is the time at which it counts as disclosed (`times.when_disclosed`). `signed` is the role whose signed outcome
    of a review it is decided by.
    """
    assessment, subject, safety = disclosed.assessment, disclosed.subject, disclosed.safety
    at_risk = subject.adult_at_risk
    age = age_of(subject, at)
    professionals = subject.professionals
    facts = CaseFacts(
        *_scope(disclosed, policy, at),
        age.under_16,
        age.under_18,
        at_risk.care_or_support_needs,
        at_risk.at_risk_of_harm,
        at_risk.cannot_protect_self,
        safety.says_safe,
        safety.contradicted and safety.says_safe,
        safety.unclear or (safety.contradicted and not safety.says_safe),
        _is_confirmed(assessment, policy, signed),
        ProfessionalRole.SOCIAL_WORKER in professionals,
        ProfessionalRole.CARE_PROFESSIONAL in professionals,
        tuple([_read(concern) for concern in disclosed.concerns]),
    )
    return facts, tuple(_notes(disclosed, policy, age, signed))


def _scope(disclosed: ReadableDisclosure, policy: Policy, at: datetime) -> tuple[Tri, Tri]:
    """Return whether it was disclosed since the policy took effect, and whether it was current when assessed."""
    assessed_at, earliest = disclosed.assessment.assessed_at, policy.earliest
    since = None if unknown_time(disclosed.disclosed_at, earliest) else at >= policy.in_scope_from
    if unknown_time(assessed_at, earliest):
        # A sender with one such time may be wrong about the other too, so that one excludes nothing.
        return True if since else None, None
    return since, assessed_at - at <= policy.current_for


def _is_confirmed(assessment: Assessment, policy: Policy, signed: Role | None) -> bool:
    """Return whether a trained person made or confirmed the assessment (CASE-1)."""
    trained = policy.trained
    if signed in trained:
        return True
    stated = assessment.assessor in trained or assessment.confirmed_by in trained
    return stated and policy.confirmation is Confirmation.SERVICE


def _read(concern: Concern) -> ConcernFacts:
    kind, values = _READ[type(concern)]
    return ConcernFacts(kind, values(concern)[:-1])


def _notes(disclosed: ReadableDisclosure, policy: Policy, age: Age, signed: Role | None) -> Iterator[str]:
    safety = disclosed.safety
    yield from _notes_of_confirmation(disclosed.assessment, policy, signed)
    yield from _notes_of_times(disclosed, policy)
    if safety.contradicted and not safety.says_safe:
        yield "safety.contradicted: without safety.says_safe: counted as unclear"
    if age.impossible is not None:
        yield f"subject.date_of_birth: {age.impossible}: counted as unknown"
    for limit in age.disagree_about:
        yield f"subject.age: date of birth, stated age and band disagree about {limit}: counted as unknown there"


def _notes_of_confirmation(assessment: Assessment, policy: Policy, signed: Role | None) -> Iterator[str]:
    assessor, confirmed_by, trained = assessment.assessor, assessment.confirmed_by, policy.trained
    if policy.confirmation is Confirmation.SERVICE:
        if confirmed_by is not None and confirmed_by not in trained:
            yield "assessment.confirmed_by: is not trained to confirm a report: counted as none"
    elif signed not in trained:
        if confirmed_by is not None:
            yield f"assessment.confirmed_by: {_UNSIGNED}: counted as none"
        if assessor in trained:
            yield f"assessment.assessor: {_UNSIGNED}: counted as not trained"


def _notes_of_times(disclosed: ReadableDisclosure, policy: Policy) -> Iterator[str]:
    at, assessed_at, earliest = disclosed.disclosed_at, disclosed.assessment.assessed_at, policy.earliest
    if why := unknown_time(at, earliest):
        yield f"disclosed_at: {why}: counted as unknown"
    if why := unknown_time(assessed_at, earliest):
        yield f"assessment.assessed_at: {why}: counted as unknown"
    elif at > assessed_at:
        yield "disclosed_at: is after assessment.assessed_at: counted as disclosed when assessed"
