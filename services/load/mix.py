"""Invented content of the load test: shapes of disclosures with their weights, and malformations.

A shape holds no identifier; the plan says which person a disclosure is about (`services.load.encoding`).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

_NOT_AT_RISK = {"care_or_support_needs": False, "at_risk_of_harm": False, "cannot_protect_self": False}
_SOCIAL_WORKER = {"role": "social_worker", "name": "Social worker L", "address": "duty-team@council.example"}
_CARE = {"role": "care_professional", "name": "Nurse L", "organisation": "Exampleton Practice"}
_LEAD = {"assessor": "moderator", "confirmed_by": "safeguarding_lead"}
_SUPERVISOR = {"assessor": "coach", "confirmed_by": "clinical_supervisor"}
_UNCONFIRMED = {"assessor": "volunteer", "confirmed_by": None}
_RULED_OUT = {"position_of_trust": False, "contact_with_young_people": False, "can_block_safeguarding": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """A disclosure without its id, times and identifiers; `weight` is its relative frequency among its kind."""

    weight: int
    fields: Mapping[str, Any]


class Shapes(tuple[Shape, ...]):
    """Shapes that are drawn by weight."""

    __slots__ = ()

    def draw(self, chance: random.Random) -> int:
        """Return the index of a shape."""
        heights = tuple(accumulate(shape.weight for shape in self))
        return chance.choices(range(len(self)), cum_weights=heights)[0]


def _shape(
    weight: int,
    concern: Mapping[str, Any],
    assessment: Mapping[str, Any],
    summary: str,
    *,
    age: int | None,
    professionals: Sequence[Mapping[str, Any]] = (),
) -> Shape:
    return Shape(
        weight,
        {
            "assessment": assessment,
            "subject": {
                "age": age,
                "adult_at_risk": _NOT_AT_RISK if age is not None and age >= 18 else {},
                "location": {"text": "at home, 5 Sample Crescent, Exampleton"},
                "professionals": list(professionals),
            },
            "concerns": [concern],
            "contact": {"channels": ["direct_message"], "preferred": "direct_message", "safe_to_contact": True},
            "involvement": {"told": True, "view": "agrees", "safe_to_ask": True},
            "summary": summary,
        },
    )


def _suicide(timeframe: str | None, *, plan: bool) -> dict[str, Any]:
    fact = {"thoughts": True, "plan": plan, "means": plan, "intent": plan}
    return {"kind": "suicide", **fact, "timeframe": timeframe}


def _abuse(danger: str) -> dict[str, Any]:
    return {"kind": "abuse", "ongoing": True, **_RULED_OUT, "immediate_danger": danger}


#: Disclosures with an immediate-risk fact that is not ruled out. Most are confirmed and reported to 999; the others
#: open a review.
URGENT = Shapes(
    (
        _shape(4, _suicide("immediate", plan=True), _LEAD, "A plan to end their life tonight, at home alone.", age=17),
        _shape(
            3,
            {"kind": "medication", "more_than_prescribed": True},
            _SUPERVISOR,
            "Took more than the prescribed dosage an hour ago; awake and replying.",
            age=27,
        ),
        _shape(3, _abuse("life"), _SUPERVISOR, "Another adult is at the door and threatens their life.", age=33),
        _shape(2, _suicide(None, plan=True), _UNCONFIRMED, "Has a plan; left before anybody could ask when.", age=35),
        _shape(
            2,
            {"kind": "self_harm", "life_threatening": True},
            _UNCONFIRMED,
            "Has hurt themselves; the volunteer thinks that it may be severe.",
            age=None,
        ),
    )
)

#: Disclosures whose immediate-risk facts are all ruled out. Most stay confidential.
ROUTINE = Shapes(
    (
        _shape(30, _suicide("none", plan=False), _SUPERVISOR, "Passing thoughts, no plan; says they are safe.", age=22),
        _shape(
            20,
            {"kind": "caring_responsibilities", "impact_on_carer": False, "impact_on_cared_for": False},
            _LEAD,
            "Looks after a parent at weekends and manages well.",
            age=19,
        ),
        _shape(
            15,
            {"kind": "pregnancy", "medical_professionals_informed": True},
            _SUPERVISOR,
            "Pregnant, has seen the midwife; wanted to talk about college.",
            age=18,
        ),
        _shape(12, {"kind": "homelessness", "state": "at_risk"}, _LEAD, "Rent arrears, talks to the landlord.", age=24),
        _shape(
            3,
            {"kind": "homelessness", "state": "homeless"},
            _LEAD,
            "Sleeping on friends' sofas since last week.",
            age=16,
            professionals=[_SOCIAL_WORKER],
        ),
        _shape(
            3,
            _abuse("none"),
            _SUPERVISOR,
            "Shouting and insults at home most evenings.",
            age=15,
            professionals=[_SOCIAL_WORKER],
        ),
        _shape(
            2,
            _suicide("within_30_days", plan=True),
            _LEAD,
            "Speaks of a date in three weeks; wants their nurse to know.",
            age=16,
            professionals=[_CARE],
        ),
        _shape(
            1,
            {"kind": "sexual_abuse", "coercive_or_abusive": True},
            _SUPERVISOR,
            "Pressed by an older acquaintance, over now.",
            age=17,
        ),
        _shape(6, _abuse("none"), _UNCONFIRMED, "Insults at home; nobody has looked at it yet.", age=14),
    )
)


@dataclass(frozen=True, slots=True)
class Malformation:
    """A kind of malformed record, made from an id and the bytes of a whole disclosure with that id."""

    name: str
    breaks: Callable[[bytes, bytes], bytes]


#: Each keeps the id readable in its bytes, by which the observer finds the record among the rejected ones. The last two
#: change fields before the record is encoded (`WRONG_FIELDS`), and leave the bytes as they are.
MALFORMATIONS = (
    Malformation("no Avro at all", lambda number, _: b'{"disclosure_id": "' + number),
    Malformation("of an unknown schema", lambda number, _: b"\xc3\x01" + b"\x00" * 8 + number),
    Malformation("cut off", lambda _, whole: whole[:-40]),
    Malformation("bytes left over", lambda _, whole: whole + b"\x00\x00"),
    Malformation("without an identifier", lambda _, whole: whole),
    Malformation("without a concern", lambda _, whole: whole),
)

#: Functions that change the fields of a record, by the name of the malformation.
WRONG_FIELDS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "without an identifier": lambda fields: {
        **fields,
        "subject": {**fields["subject"], "account": None, "phone": None, "email": None},
    },
    "without a concern": lambda fields: {**fields, "concerns": []},
}
