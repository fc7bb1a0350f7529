"""Every combination of the facts that each clause depends on, by kind of concern; and why these cover all others.

All facts together have tens of millions of combinations for suicide alone: of the concern, the subject, safety, the
confirmation, the known professionals, and scope. So they are split into spaces that leave out nothing a clause reads:

- A clause that judges a concern reads the facts of that concern, of the case, and whether any concern's danger is
  `life`; never another concern (`test_every_fact_that_a_rule_reads_is_enumerated_in_its_space` checks the rules).
- So the product of a kind's own facts, its danger, the ages, the three facts of AR-1 and safety has everything that its
  clauses depend on (`facts` and `at risk`). Only suicide is split in two: its own clauses never read AR-1, which
  matters to it only through IR-0, by `harm`.
- Of the three facts of AR-1 the clauses distinguish whether all are yes, any is no, or neither. All 27 combinations are
  enumerated with every fact that a clause reads together with them (`at risk`), and three of them elsewhere.
- Scope comes before the clauses, and unknown scope only adds a question to the outcome. It is combined with each kind's
  own facts and the confirmation (`scope`), for most kinds also with the ages.
- The confirmation and the known professionals come after the clauses: they turn the states of the clauses into an
  outcome. They are combined with everything for the seven kinds with few facts, and with the facts of LT-1, LT-2 and
  IR-3 (`telling`).
- The results of several concerns join by the strongest (SAFE-2 by the weakest), and the outcome is a function of the
  joined states. One concern for each state of each clause represents its kind, and all pairs of these are evaluated
  (`pairs`). Three or more join as two do, because strongest is associative; whole disclosures test that at random.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

from schemas.vocabulary import ConcernKind, HousingState, ImmediateDanger, Timeframe
from streams.domain.policy.facts import FACTS_OF, CaseFacts, ConcernFacts

Value = bool | str | None
TRI: tuple[Value, ...] = (False, None, True)
#: The facts that are not yes or no, from the least to the most severe, and unknown.
CLOSED: dict[str, tuple[Value, ...]] = {
    "immediate_danger": (*ImmediateDanger, None),
    "timeframe": (
        Timeframe.NONE,
        Timeframe.BEYOND_30_DAYS,
        Timeframe.WITHIN_30_DAYS,
        Timeframe.IMMEDIATE,
        None,
    ),
    "state": (*HousingState, None),
}
#: Under 16 and under 18, each known or unknown; a person under 16 is under 18.
AGES: tuple[tuple[Value, ...], ...] = (
    (False, False),
    (False, None),
    (None, None),
    (False, True),
    (None, True),
    (True, True),
)
#: AR-1: any no, none no and one unknown, all yes.
AT_RISK: tuple[tuple[Value, ...], ...] = ((True, True, False), (True, True, None), (True, True, True))
#: Says safe, contradicted, unclear; a contradiction counts only if the person says that they are safe.
SAFETY: tuple[tuple[Value, ...], ...] = tuple(
    (safe, against, unclear) for safe, against, unclear in product((False, True), repeat=3) if safe or not against
)
_BOTH: tuple[tuple[Value, ...], ...] = ((False,), (True,))
AGE = ("under_16", "under_18")
AR_1 = ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self")
SAFE = ("says_safe", "contradicted", "unclear")
SCOPE = ("on_or_after_effective_from", "within_current_for")
KNOWN = ("social_worker_known", "care_professional_known")
TRAINED = ("made_or_confirmed_by_trained",)
#: The facts of the case that a space does not vary: an adult who is not at risk, with harmless facts.
QUIET_CASE = CaseFacts(True, True, False, False, True, True, False, False, False, False, True, False, False, ())
#: The harmless values of the facts for which False is not harmless.
QUIET: dict[str, Value] = {
    "immediate_danger": ImmediateDanger.NONE,
    "timeframe": Timeframe.NONE,
    "medical_professionals_informed": True,
    "state": None,
}


@dataclass(frozen=True)
class Dimension:
    """Facts that vary together, of the concern or of the case."""

    names: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    of_concern: bool = False


@dataclass(frozen=True)
class Space:
    """A product of dimensions, counted like the digits of a number: the last changes fastest."""

    name: str
    kind: ConcernKind
    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        size = 1
        for each in self.dimensions:
            size *= len(each.values)
        return size

    @property
    def strides(self) -> tuple[int, ...]:
        """The distance between two combinations that differ by one step in each dimension."""
        found = [1]
        for each in reversed(self.dimensions[1:]):
            found.append(found[-1] * len(each.values))
        return tuple(reversed(found))

    def __iter__(self) -> Iterator[CaseFacts]:
        own = [each for each in self.dimensions if each.of_concern]
        case = [each for each in self.dimensions if not each.of_concern]
        names = [name for each in case for name in each.names]
        places = [QUIET_CASE._fields.index(name) for name in names]
        cases = [[value for part in parts for value in part] for parts in product(*(each.values for each in case))]
        for chosen in product(*(each.values for each in own)):
            concerns = (
                _concern(self.kind, dict(zip((each.names[0] for each in own), (v[0] for v in chosen), strict=True))),
            )
            for values in cases:
                facts: list[Any] = list(QUIET_CASE)
                for place, value in zip(places, values, strict=True):
                    facts[place] = value
                facts[-1] = concerns
                yield CaseFacts._make(facts)


def spaces(kind: ConcernKind) -> tuple[Space, ...]:
    """Return the spaces of one kind of concern."""
    own = tuple(_own(name) for name in FACTS_OF[kind])
    danger = tuple(each for each in own if each.names == ("immediate_danger",))
    ages, at_risk, safety = Dimension(AGE, AGES), Dimension(AR_1, AT_RISK), Dimension(SAFE, SAFETY)
    all_at_risk = Dimension(AR_1, tuple(product(TRI, repeat=3)))
    trained, known = Dimension(TRAINED, _BOTH), tuple(Dimension((name,), _BOTH) for name in KNOWN)
    scope = tuple(Dimension((name,), ((False,), (None,), (True,))) for name in SCOPE)
    telling = (trained, *known)
    match kind:
        case ConcernKind.SUICIDE:
            imminent = tuple(each for each in own if each.names[0] in ("plan", "timeframe"))
            # Thoughts and means are yes, so that all four facts can be present when the person says that they are safe.
            lethal = tuple(
                Dimension(each.names, ((True,),), of_concern=True) if each.names[0] in ("thoughts", "means") else each
                for each in own
                if each not in danger
            )
            return (
                Space("facts", kind, (*own, ages, safety)),
                Space("telling", kind, (*lethal, ages, safety, *telling)),
                Space("at risk", kind, (*danger, *imminent, ages, all_at_risk)),
                Space("scope", kind, (*own, trained, *scope)),
            )
        case ConcernKind.ABUSE:
            but_danger = tuple(each for each in own if each not in danger)
            return (
                Space("facts", kind, (*own, ages, at_risk, safety)),
                Space("telling", kind, (*but_danger, ages, at_risk, *telling)),
                Space("at risk", kind, (*but_danger, ages, all_at_risk)),
                Space("scope", kind, (*own, trained, *scope)),
            )
        case ConcernKind.CARING_RESPONSIBILITIES:
            return (
                Space("facts", kind, (*own, ages, at_risk, safety)),
                Space("telling", kind, (*own, ages, safety, *telling)),
                Space("at risk", kind, (*own, ages, all_at_risk)),
                Space("scope", kind, (*own, trained, *scope)),
            )
        case _:
            return (
                Space("facts and telling", kind, (*own, ages, at_risk, safety, *telling)),
                Space("at risk", kind, (*own, ages, all_at_risk)),
                Space("scope", kind, (*own, ages, trained, *scope)),
            )


#: The persons that the clauses distinguish: under 16, 16 or 17, adult not at risk, adult at risk, unknown.
PEOPLE: tuple[tuple[Value, ...], ...] = (
    (True, True, None, None, None),
    (False, True, None, None, None),
    (False, False, True, True, False),
    (False, False, True, True, True),
    (None, None, None, None, None),
)
_REPRESENTATIVES: dict[ConcernKind, tuple[dict[str, Value], ...]] = {
    ConcernKind.SUICIDE: (
        {"plan": False, "intent": False},
        {"plan": True, "timeframe": Timeframe.IMMEDIATE, "thoughts": True, "means": True, "intent": False},
        {"plan": True, "timeframe": Timeframe.IMMEDIATE, "thoughts": True, "means": False, "intent": False},
        {"plan": None, "timeframe": None, "thoughts": True, "means": None, "intent": None},
        {"plan": False, "intent": True, "timeframe": Timeframe.WITHIN_30_DAYS, "thoughts": True},
        {"plan": False, "intent": None, "timeframe": Timeframe.WITHIN_30_DAYS, "thoughts": True},
    ),
    ConcernKind.ABUSE: (
        {},
        {"position_of_trust": True, "contact_with_young_people": True},
        {"position_of_trust": True, "contact_with_young_people": None},
        {"ongoing": True},
        {"ongoing": None},
        {"ongoing": True, "position_of_trust": True, "can_block_safeguarding": True},
    ),
    ConcernKind.HOMELESSNESS: ({"state": HousingState.HOMELESS}, {"state": None}),
    ConcernKind.PREGNANCY: (
        {"medical_professionals_informed": True},
        {"medical_professionals_informed": False},
        {"medical_professionals_informed": None},
    ),
}


def representatives() -> tuple[ConcernFacts, ...]:
    """Return a concern for each state of each clause, by kind; and one for each danger."""
    found = [_concern(ConcernKind.SELF_HARM, {"immediate_danger": danger}) for danger in CLOSED["immediate_danger"]]
    for kind in ConcernKind:
        first = next(name for name in FACTS_OF[kind] if name != "immediate_danger")
        known = _REPRESENTATIVES.get(kind, ({first: False}, {first: True}, {first: None}))
        found.extend(_concern(kind, each) for each in known)
    return tuple(dict.fromkeys(found))


def pairs() -> Iterator[CaseFacts]:
    """Yield every pair of representatives, for each person and each statement of safety."""
    safeties = ((False, False, False), (True, False, False), (True, True, False))
    for concerns in combinations_with_replacement(representatives(), 2):
        for person, safety in product(PEOPLE, safeties):
            yield QUIET_CASE._replace(
                **dict(zip((*AGE, *AR_1, *SAFE), (*person, *safety), strict=True)),  # type: ignore[arg-type]
                concerns=concerns,
            )


def _own(name: str) -> Dimension:
    return Dimension((name,), tuple((value,) for value in CLOSED.get(name, TRI)), of_concern=True)


def _concern(kind: ConcernKind, known: dict[str, Value]) -> ConcernFacts:
    return ConcernFacts(kind, tuple(known.get(name, QUIET.get(name, False)) for name in FACTS_OF[kind]))


def steps(dimension: Dimension) -> Iterator[tuple[int, int, str]]:
    """Yield each step towards risk between two values of a dimension, with its fact: from no or unknown to yes."""
    rank = {name: _severity(name) for name in dimension.names}
    for (before, was), (after, becomes) in product(enumerate(dimension.values), repeat=2):
        changed = [name for name, a, b in zip(dimension.names, was, becomes, strict=True) if a != b]
        if not changed or any(name not in rank for name in changed):
            continue
        moves = [
            rank[name].get((a, b), False) for name, a, b in zip(dimension.names, was, becomes, strict=True) if a != b
        ]
        if all(moves) and (len(changed) == 1 or dimension.names == AGE):
            yield before, after, changed[0]


def older(dimension: Dimension) -> Iterator[tuple[int, int, str]]:
    """Yield the steps by which a person becomes certainly 18 or over, or 16 or over."""
    if dimension.names != AGE:
        return
    for (before, was), (after, becomes) in product(enumerate(dimension.values), repeat=2):
        if was != becomes and becomes == (False, False):
            yield before, after, "18 or over"
        elif was != becomes and becomes == (False, was[1]) and was[1] is not False:
            yield before, after, "16 or over"


def _severity(name: str) -> dict[tuple[Value, Value], bool]:
    """Return the changes of a fact that are steps towards risk."""
    if name in (*SCOPE, *KNOWN, *TRAINED):
        return {}
    if name == "state":
        return {(None, state): True for state in HousingState}
    if name in CLOSED:
        known: Sequence[Value] = CLOSED[name][:-1]
        rising = {(a, b): True for place, a in enumerate(known) for b in known[place + 1 :]}
        return rising | {(None, known[-1]): True}
    risk = name != "medical_professionals_informed"
    return {(not risk, risk): True, (None, risk): True}
