"""The clauses as a table of rules: the facts that decide each, after `How a decision follows` of the policy.

A clause *holds* if all its conditions are met, is *open* if one is unknown and none is unmet, and *does not hold*
otherwise. *Holds* always means that the clause has its effect: SCOPE-1 excludes, CASE-1 keeps a report back, SAFE-2
keeps confidentiality, SAFE-3 and SAFE-5 ask for a conversation. A clause with several rules has the state of the
strongest one.
"""

from dataclasses import dataclass

from schemas.policy import ClauseId
from schemas.vocabulary import ClauseState, ConcernKind, HousingState, ImmediateDanger, Timeframe
from streams.domain.policy.three_valued import AnyOf, Condition, Fact, Value


@dataclass(frozen=True, slots=True)
class ClauseRule:
    """One rule of one clause.

    `kind` is the kind of concern that it judges; None: the case as a whole, or the danger in every kind of concern.
    """

    clause: ClauseId
    kind: ConcernKind | None
    conditions: tuple[Condition, ...]
    #: The rule applies only if this is met.
    given: Condition | None = None
    #: The state of the clause if all conditions are met.
    all_met: ClauseState = ClauseState.HOLDS
    #: If all conditions are met, the clause holds only with this too; else AD-2 applies instead.
    unless_ad_2: Condition | None = None
    #: If it would not hold and "I'm safe" is contradicted, it is open if all of these are met.
    open_if_contradicted: tuple[Condition, ...] = ()
    #: The clause holds only if it holds for every concern of the kind; else one concern is enough.
    of_all: bool = False
    #: If the clause holds, a human has to ask whether the facts that decided it are still true.
    asks: bool = False


def _is(name: str, *fits: Value) -> Fact:
    return Fact(name, frozenset(fits))


_NO = frozenset[Value]({False})
UNDER_16 = Fact("under_16")
UNDER_18 = Fact("under_18")
#: All three facts of AR-1.
ADULT_AT_RISK = Fact("adult_at_risk")
#: Under 18, or an adult at risk of harm.
IN_THE_GROUP = AnyOf(UNDER_18, ADULT_AT_RISK)
#: The danger of any concern is `life`. An unknown danger does not count here; it leaves IR-0 open.
LIFE_IN_DANGER = Fact("life_in_danger")
_NOT_AD_2 = AnyOf(UNDER_18, ADULT_AT_RISK, LIFE_IN_DANGER)

_SAFE = Fact("says_safe")
_NOT_SAFE = Fact("says_safe", _NO)
_IMMEDIATE = _is("timeframe", Timeframe.IMMEDIATE)
_SOON = _is("timeframe", Timeframe.IMMEDIATE, Timeframe.WITHIN_30_DAYS)
_LATER = _is("timeframe", *(each for each in Timeframe if each is not Timeframe.IMMEDIATE))
_SUICIDE = ConcernKind.SUICIDE
_THOUGHTS, _PLAN, _MEANS, _INTENT = Fact("thoughts"), Fact("plan"), Fact("means"), Fact("intent")
_LT_1 = (UNDER_18, _INTENT, _SOON)

#: The rules that judge concerns: first those for every kind, then those for one kind.
CONCERNS: tuple[ClauseRule, ...] = (
    ClauseRule(ClauseId.IR_0, None, (_is("immediate_danger", ImmediateDanger.LIFE),)),
    ClauseRule(ClauseId.IR_0, None, (_is("immediate_danger", ImmediateDanger.HARM),), unless_ad_2=_NOT_AD_2),
    ClauseRule(ClauseId.IR_1, _SUICIDE, (_PLAN, _IMMEDIATE), given=_NOT_SAFE),
    ClauseRule(
        ClauseId.IR_1,
        _SUICIDE,
        (_THOUGHTS, _PLAN, _MEANS, _IMMEDIATE),  # all four (SAFE-2)
        given=_SAFE,
        open_if_contradicted=(_PLAN, _IMMEDIATE),
    ),
    ClauseRule(ClauseId.IR_2, ConcernKind.SELF_HARM, (Fact("life_threatening"),)),
    ClauseRule(
        ClauseId.IR_3,
        ConcernKind.ABUSE,
        (Fact("position_of_trust"), AnyOf(Fact("contact_with_young_people"), Fact("can_block_safeguarding"))),
        unless_ad_2=_NOT_AD_2,
    ),
    ClauseRule(ClauseId.IR_4, ConcernKind.MEDICATION, (Fact("more_than_prescribed"),)),
    ClauseRule(ClauseId.IR_5, ConcernKind.HARM_TO_OTHERS, (Fact("might_harm"),)),
    ClauseRule(ClauseId.LT_1, _SUICIDE, _LT_1, given=_NOT_SAFE),
    ClauseRule(ClauseId.LT_1, _SUICIDE, _LT_1, given=_SAFE, all_met=ClauseState.OPEN),  # intent contradicts safety
    ClauseRule(ClauseId.LT_2, ConcernKind.ABUSE, (IN_THE_GROUP, Fact("ongoing"))),
    ClauseRule(ClauseId.LT_3, ConcernKind.SEXUAL_ABUSE, (IN_THE_GROUP, Fact("coercive_or_abusive"))),
    ClauseRule(
        ClauseId.LT_4,
        ConcernKind.HOMELESSNESS,
        (UNDER_18, _is("state", HousingState.HOMELESS, HousingState.AT_RISK)),
    ),
    ClauseRule(ClauseId.LT_5, ConcernKind.PREGNANCY, (UNDER_16, Fact("medical_professionals_informed", _NO))),
    ClauseRule(
        ClauseId.LT_6,
        ConcernKind.CARING_RESPONSIBILITIES,
        (UNDER_18, AnyOf(Fact("impact_on_carer"), Fact("impact_on_cared_for"))),
    ),
    # At least one of the four facts of IR-1 is missing, and no fact contradicts that the person is safe.
    ClauseRule(
        ClauseId.SAFE_2,
        _SUICIDE,
        (
            AnyOf(Fact("thoughts", _NO), Fact("plan", _NO), Fact("means", _NO), _LATER),
            Fact("contradicted", _NO),
        ),
        given=_SAFE,
        of_all=True,
    ),
)

#: The rules that judge the case as a whole.
CASE: tuple[ClauseRule, ...] = (
    ClauseRule(ClauseId.SCOPE_1, None, (Fact("on_or_after_effective_from", _NO),)),
    ClauseRule(ClauseId.SCOPE_2, None, (Fact("within_current_for", _NO),)),
    ClauseRule(
        ClauseId.AD_2,
        None,
        (
            AnyOf(Fact("IR-0"), Fact("IR-3")),  # would hold but for AD-2
            Fact("under_18", _NO),
            Fact("adult_at_risk", _NO),
            Fact("life_in_danger", _NO),
        ),
    ),
    ClauseRule(
        ClauseId.AR_1,
        None,
        (Fact("care_or_support_needs"), Fact("at_risk_of_harm"), Fact("cannot_protect_self")),
    ),
    ClauseRule(ClauseId.AD_1, None, (Fact("under_18", _NO), Fact("adult_at_risk", _NO))),
    ClauseRule(ClauseId.SAFE_3, None, (Fact("contradicted"),), given=_SAFE, asks=True),
    ClauseRule(ClauseId.SAFE_5, None, (Fact("unclear"),), given=AnyOf(_SAFE, Fact("unclear")), asks=True),
    ClauseRule(ClauseId.CASE_1, None, (Fact("made_or_confirmed_by_trained", _NO),)),
)

CLAUSE_RULES: tuple[ClauseRule, ...] = CONCERNS + CASE
