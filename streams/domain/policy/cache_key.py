"""The key of the cache of rulings: everything that an evaluation depends on, read straight from a disclosure.

Equal keys have equal facts and equal notes under one policy. Equal facts may have several keys, because values that are
quick to read go into the key as they are.
"""

from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from schemas.concerns import CONCERNS
from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policy
from schemas.vocabulary import Role
from streams.domain.placeholders import BIRTHS
from streams.domain.policy.age import OLDEST, day_of, years_on
from streams.domain.policy.times import unknown_time

FactKey: TypeAlias = tuple[Any, ...]

# An `attrgetter` of one name returns no tuple, so the kind of a concern is read too; the key needs it anyway.
_CONCERN = {model: attrgetter(*model.model_fields) for model in CONCERNS}
#: Years of age → how many of the limits 16 and 18 are reached.
_LIMITS = {years: (years >= 16) + (years >= 18) for years in range(OLDEST + 1)}
#: Instead, for a date of birth that cannot be the person's.
_BORN_LATER, _BORN_TOO_LONG_AGO, _BORN_ON_PLACEHOLDER = 3, 4, 5


class Limits(NamedTuple):
    """The parameters of a policy that times are compared with."""

    in_scope_from: datetime
    current_for: timedelta
    earliest: datetime

    @classmethod
    def of(cls, policy: Policy) -> "Limits":
        """Return the limits of a policy."""
        return cls(policy.in_scope_from, policy.current_for, policy.earliest)


def fact_key_of(disclosed: ReadableDisclosure, at: datetime, limits: Limits, signed: Role | None) -> FactKey:
    """Return the key of a disclosure that counts as made `at` a time, and that this role has signed."""
    assessment, subject, safety = disclosed.assessment, disclosed.subject, disclosed.safety
    disclosed_at, assessed_at, at_risk = disclosed.disclosed_at, assessment.assessed_at, subject.adult_at_risk
    born, stated = subject.date_of_birth, subject.age
    in_scope_from, current_for, earliest = limits
    return (
        at >= in_scope_from,
        assessed_at - at <= current_for,
        disclosed_at > assessed_at,
        unknown_time(disclosed_at, earliest),
        unknown_time(assessed_at, earliest),
        signed,
        assessment.assessor,
        assessment.confirmed_by,
        None if born is None else _limits(born, at),
        None if stated is None else _LIMITS[stated],
        subject.age_band,
        at_risk.care_or_support_needs,
        at_risk.at_risk_of_harm,
        at_risk.cannot_protect_self,
        safety.says_safe,
        safety.contradicted,
        safety.unclear,
        subject.professionals,
        *[_CONCERN[concern.__class__](concern) for concern in disclosed.concerns],
    )


def _limits(born: date, at: datetime) -> int:
    if born in BIRTHS:
        return _BORN_ON_PLACEHOLDER
    years = years_on(born, day_of(at))
    return _BORN_LATER if years < 0 else _LIMITS.get(years, _BORN_TOO_LONG_AGO)
