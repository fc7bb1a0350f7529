"""Every combination of the facts that one clause depends on, unknown included; all other facts have harmless defaults.

Combinations that no clause can distinguish are one here, with their count: of the three facts of AR-1 it matters only
whether all are yes, any is no, or neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from schemas.policy import LONG_TERM, ClauseId
from schemas.vocabulary import ConcernKind, ImmediateDanger, Timeframe
from streams.domain.plain_english.clause_table import conditions_of, names_of
from streams.domain.plain_english.questions import CLOSED_SETS
from streams.domain.policy.clause_rules import ClauseRule
from streams.domain.policy.facts import FACTS_OF, CaseFacts, ConcernFacts
from streams.domain.policy.three_valued import Tri, Value

_TRI: tuple[Tri, ...] = (True, False, None)
#: Under 16 and under 18, each known or unknown; a person under 16 is under 18.
_AGES: tuple[tuple[Tri, Tri], ...] = (
    (True, True),
    (False, True),
    (False, False),
    (None, True),
    (False, None),
    (None, None),
)
#: The facts of AR-1: all yes; one no; one unknown and none no. Each covers a number of their 27 combinations.
_AT_RISK: tuple[tuple[tuple[Tri, Tri, Tri], int], ...] = (
    ((True, True, True), 1),
    ((True, True, False), 19),
    ((True, True, None), 7),
)
#: Says safe, and contradicted, which counts only if the person says that they are safe.
_SAFETY = ((False, False), (True, False), (True, True))
#: The kind of concern in which a clause about every kind is evaluated.
_ANY_KIND = ConcernKind.SELF_HARM
#: The harmless values of the facts for which False is not harmless.
_HARMLESS: Mapping[str, Value] = {
    "immediate_danger": ImmediateDanger.NONE,
    "timeframe": Timeframe.NONE,
    "medical_professionals_informed": True,
    "state": None,
}
_HARMLESS_CASE = CaseFacts(
    on_or_after_effective_from=True,
    within_current_for=True,
    under_16=False,
    under_18=False,
    care_or_support_needs=False,
    at_risk_of_harm=False,
    cannot_protect_self=False,
    says_safe=False,
    contradicted=False,
    unclear=False,
    made_or_confirmed_by_trained=True,
    social_worker_known=False,
    care_professional_known=False,
    concerns=(),
)
_AR_1_FACTS = ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self")


class Combination(NamedTuple):
    """Facts, the names of those that vary, and the number of combinations that they cover."""

    facts: CaseFacts
    names: tuple[str, ...]
    covered: int


def combinations_of(clause: ClauseId, rules: Sequence[ClauseRule]) -> Iterator[Combination]:
    """Yield every combination of the facts of a clause that judges a concern, and of the known professionals it needs.

    Each combination is in scope, and a trained person made or confirmed it.
    """
    own_rules = [rule for rule in rules if rule.clause is clause]
    kind = next((rule.kind for rule in own_rules if rule.kind is not None), _ANY_KIND)
    named = {name for rule in own_rules for condition in conditions_of(rule) for name in names_of(condition)}
    if "life_in_danger" in named:
        named.add("immediate_danger")
    own = tuple(name for name in FACTS_OF[kind] if name in named)
    case, names = _dimensions(clause, named)
    for values in product(*(_all_of(name) for name in own)):
        chosen = dict(zip(own, values, strict=True))
        concern = ConcernFacts(kind, tuple(chosen.get(name, _HARMLESS.get(name, False)) for name in FACTS_OF[kind]))
        for parts in product(*case):
            changed: dict[str, Any] = {"concerns": (concern,)}
            count = 1
            for part, weight in parts:
                changed |= part
                count *= weight
            yield Combination(_HARMLESS_CASE._replace(**changed), (*names, *own), count)


_Dimension = tuple[tuple[dict[str, Value], int], ...]


def _dimensions(clause: ClauseId, named: set[str]) -> tuple[tuple[_Dimension, ...], tuple[str, ...]]:
    """Return the values of each fact that a clause depends on besides its concern, and the names of these facts."""
    dimensions: list[_Dimension] = []
    names: list[str] = []
    if ages := named & {"under_16", "under_18"}:
        dimensions.append(tuple(({"under_16": young, "under_18": minor}, 1) for young, minor in _AGES))
        names.extend(sorted(ages))
    if "adult_at_risk" in named:
        dimensions.append(tuple((dict(zip(_AR_1_FACTS, answers, strict=True)), many) for answers, many in _AT_RISK))
        names.append("adult_at_risk")
    if safety := named & {"says_safe", "contradicted"}:
        safeties = _SAFETY if "contradicted" in named else _SAFETY[:2]
        dimensions.append(tuple(({"says_safe": safe, "contradicted": against}, 1) for safe, against in safeties))
        names.extend(sorted(safety, reverse=True))
    if clause in LONG_TERM:  # A report to 999 needs no known professional.
        for name in ("social_worker_known", "care_professional_known"):
            dimensions.append((({name: True}, 1), ({name: False}, 1)))
            names.append(name)
    return tuple(dimensions), tuple(names)


def _all_of(name: str) -> tuple[Value, ...]:
    return (*CLOSED_SETS[name], None) if name in CLOSED_SETS else _TRI
