"""The concerns of a disclosure: one model for each kind, with the facts that the policy asks about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from schemas.fields import Model, TriState, at_most, blank_as_none
from schemas.vocabulary import ConcernKind, HousingState, ImmediateDanger, Timeframe


class _Concern(Model):
    #: Absent means none. An empty word means unknown: a form asked, and has no answer.
    immediate_danger: Annotated[ImmediateDanger | None, blank_as_none(ImmediateDanger)] = ImmediateDanger.NONE


class Suicide(_Concern):
    """Facts of IR-1, LT-1 and SAFE-2."""

    kind: Literal[ConcernKind.SUICIDE]
    thoughts: TriState = None
    plan: TriState = None
    means: TriState = None
    intent: TriState = None
    timeframe: Annotated[Timeframe | None, blank_as_none(Timeframe)] = None


class SelfHarm(_Concern):
    """Fact of IR-2."""

    kind: Literal[ConcernKind.SELF_HARM]
    life_threatening: TriState = None


class Medication(_Concern):
    """Fact of IR-4."""

    kind: Literal[ConcernKind.MEDICATION]
    more_than_prescribed: TriState = None


class Abuse(_Concern):
    """Facts of IR-3 and LT-2."""

    kind: Literal[ConcernKind.ABUSE]
    ongoing: TriState = None
    position_of_trust: TriState = None
    contact_with_young_people: TriState = None
    can_block_safeguarding: TriState = None


class SexualAbuse(_Concern):
    """Fact of LT-3."""

    kind: Literal[ConcernKind.SEXUAL_ABUSE]
    coercive_or_abusive: TriState = None


class HarmToOthers(_Concern):
    """Fact of IR-5."""

    kind: Literal[ConcernKind.HARM_TO_OTHERS]
    might_harm: TriState = None


class Homelessness(_Concern):
    """Fact of LT-4."""

    kind: Literal[ConcernKind.HOMELESSNESS]
    state: Annotated[HousingState | None, blank_as_none(HousingState)] = None


class Pregnancy(_Concern):
    """Fact of LT-5."""

    kind: Literal[ConcernKind.PREGNANCY]
    medical_professionals_informed: TriState = None


class CaringResponsibilities(_Concern):
    """Facts of LT-6, actual or possible, long term."""

    kind: Literal[ConcernKind.CARING_RESPONSIBILITIES]
    impact_on_carer: TriState = None
    impact_on_cared_for: TriState = None


#: The model of each kind of concern, in the order of the contract's table.
CONCERN_MODELS: Mapping[ConcernKind, type[Model]] = MappingProxyType(
    {
        ConcernKind.SUICIDE: Suicide,
        ConcernKind.SELF_HARM: SelfHarm,
        ConcernKind.MEDICATION: Medication,
        ConcernKind.ABUSE: Abuse,
        ConcernKind.SEXUAL_ABUSE: SexualAbuse,
        ConcernKind.HARM_TO_OTHERS: HarmToOthers,
        ConcernKind.HOMELESSNESS: Homelessness,
        ConcernKind.PREGNANCY: Pregnancy,
        ConcernKind.CARING_RESPONSIBILITIES: CaringResponsibilities,
    }
)
CONCERNS: tuple[type[Model], ...] = tuple(CONCERN_MODELS.values())
Concern = Annotated[
    Suicide
    | SelfHarm
    | Medication
    | Abuse
    | SexualAbuse
    | HarmToOthers
    | Homelessness
    | Pregnancy
    | CaringResponsibilities,
    Field(discriminator="kind"),
]
Concerns = Annotated[tuple[Concern, ...], Field(min_length=1), *at_most(50)]


def may_be_immediate(concern: Concern) -> bool:
    """Return whether any immediate-risk fact of the concern is not ruled out (true or unknown)."""
    if concern.immediate_danger is not ImmediateDanger.NONE:
        return True
    match concern:
        case Suicide(plan=plan, timeframe=timeframe):
            return plan is not False and timeframe in (None, Timeframe.IMMEDIATE)
        case SelfHarm(life_threatening=fact) | Medication(more_than_prescribed=fact) | HarmToOthers(might_harm=fact):
            return fact is not False
        case Abuse(position_of_trust=trust, contact_with_young_people=contact, can_block_safeguarding=block):
            return trust is not False and not (contact is False and block is False)
        case _:
            return False
