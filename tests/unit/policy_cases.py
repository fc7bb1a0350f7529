"""Builders of disclosures for which no clause holds, until a test changes a fact; and words for readable test ids."""

from datetime import UTC, date, datetime
from typing import Any

from schemas.disclosure import ReadableDisclosure
from schemas.policy import load_policy
from schemas.records import Finding
from streams.domain.policy import Ruling, decide
from tests.readable_ids import readable_id

POLICY = load_policy()
DISCLOSED = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
ASSESSED = datetime(2026, 2, 3, 12, 5, tzinfo=UTC)
NOW = datetime(2026, 2, 3, 12, 6, tzinfo=UTC)

CHILD: dict[str, Any] = {"age": 15}
TEEN: dict[str, Any] = {"age": 17}
ADULT: dict[str, Any] = {
    "age": 30,
    "adult_at_risk": {"care_or_support_needs": True, "at_risk_of_harm": True, "cannot_protect_self": False},
}
ADULT_AT_RISK: dict[str, Any] = {
    "age": 30,
    "adult_at_risk": {"care_or_support_needs": True, "at_risk_of_harm": True, "cannot_protect_self": True},
}
ADULT_NOT_ASSESSED: dict[str, Any] = {"age": 30}
AGE_UNKNOWN: dict[str, Any] = {}
SAFE = {"says_safe": True}
CONTRADICTED = {"says_safe": True, "contradicted": True}
UNCLEAR = {"unclear": True}

#: Subjects and statements of safety, by the name that they have in the id of a test.
NAMED: dict[str, dict[str, Any]] = {
    "child": CHILD,
    "teen": TEEN,
    "adult": ADULT,
    "adult-at-risk": ADULT_AT_RISK,
    "adult-not-assessed": ADULT_NOT_ASSESSED,
    "safe-stated": SAFE,
    "safe-contradicted": CONTRADICTED,
    "safety-unclear": UNCLEAR,
}
#: One concern of each kind with every fact known and no clause holding.
QUIET: dict[str, dict[str, Any]] = {
    "suicide": {"thoughts": True, "plan": False, "means": False, "intent": False, "timeframe": "none"},
    "self_harm": {"life_threatening": False},
    "medication": {"more_than_prescribed": False},
    "abuse": {
        "ongoing": False,
        "position_of_trust": False,
        "contact_with_young_people": False,
        "can_block_safeguarding": False,
    },
    "sexual_abuse": {"coercive_or_abusive": False},
    "harm_to_others": {"might_harm": False},
    "homelessness": {"state": "at_risk"},
    "pregnancy": {"medical_professionals_informed": True},
    "caring_responsibilities": {"impact_on_carer": False, "impact_on_cared_for": False},
}


def named(value: dict[str, Any], otherwise: str) -> str:
    """Return the name of a subject or a statement of safety; its facts without a name, `otherwise` without facts."""
    name = next((name for name, known in NAMED.items() if known == value), None)
    return name or (readable_id(value) if value else otherwise) or otherwise


def changed_facts(facts: dict[str, Any]) -> str:
    """Return the kind of a concern and the facts in which it differs from the quiet one."""
    quiet = {"kind": facts["kind"], **QUIET[facts["kind"]]}
    changes = {name: value for name, value in facts.items() if name not in quiet or quiet[name] != value}
    return f"{facts['kind']}({readable_id(changes)})" if changes else str(facts["kind"])


def concern(kind: str, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, **QUIET[kind], **facts}


#: Concerns by which a clause holds, or may hold once a fact is known.
HOMELESS = concern("homelessness", state="homeless")
OVERDOSE = concern("medication", more_than_prescribed=True)
PERHAPS_OVERDOSE = concern("medication", more_than_prescribed=None)
ABUSE = concern("abuse", ongoing=True)
PERHAPS_ABUSE = concern("abuse", ongoing=None)
HARM = concern("self_harm", immediate_danger="harm")
#: An assessment that no trained person made or confirmed.
UNCONFIRMED: dict[str, Any] = {"assessor": "volunteer", "confirmed_by": None}


def disclosure(
    *concerns: dict[str, Any],
    subject: dict[str, Any] | None = None,
    safety: dict[str, Any] | None = None,
    assessor: str = "moderator",
    confirmed_by: str | None = "safeguarding_lead",
    disclosed_at: datetime = DISCLOSED,
    assessed_at: datetime = ASSESSED,
    contact: dict[str, Any] | None = None,
    involvement: dict[str, Any] | None = None,
) -> ReadableDisclosure:
    return ReadableDisclosure.model_validate(
        {
            "disclosure_id": "d-1",
            "service": "forum",
            "disclosed_at": disclosed_at,
            "assessment": {"assessed_at": assessed_at, "assessor": assessor, "confirmed_by": confirmed_by},
            "subject": CHILD if subject is None else subject,
            "concerns": concerns or (concern("self_harm"),),
            "safety": safety or {},
            "contact": {"channels": ["sms"], "preferred": "sms"} if contact is None else contact,
            "involvement": involvement or {},
        }
    )


def rule(*concerns: dict[str, Any], **how: Any) -> Ruling:
    return decide(disclosure(*concerns, **how), now=NOW, policy=POLICY)


def found(ruling: Ruling, clause: str) -> Finding | None:
    return next((each for each in ruling.findings if each.id == clause), None)


def state(ruling: Ruling, clause: str) -> str:
    finding = found(ruling, clause)
    return "not looked at" if finding is None else finding.state.value


def born(years: int, month: int, day: int) -> dict[str, Any]:
    return {"date_of_birth": date(years, month, day)}
