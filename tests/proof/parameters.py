"""The parameters of a version, each checked by its effect against the second formulation."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policy
from schemas.policy.document import ShareField
from schemas.vocabulary import Role
from streams.domain.policy.facts import facts_of
from streams.domain.policy.ruling import decide_plainly
from tests.proof.second import TABLES

_WANTED = TABLES["parameters"]
_SHARES = TABLES["shares"]
_NOW = datetime(2026, 2, 3, 12, 6, tzinfo=UTC)
_MOMENT = timedelta(milliseconds=1)
_CURRENT_FOR = timedelta(minutes=_WANTED["current_for"])


def faults(policy: Policy) -> Iterator[str]:
    """Yield the name of each parameter whose effect differs from the second formulation."""
    yield from _of_scope(policy)
    for role in Role:
        trained = role.value in _WANTED["trained"]
        for disclosed in (_disclosure(assessor=role), _disclosure(confirmed_by=role)):
            if facts_of(disclosed, policy)[0].made_or_confirmed_by_trained is not trained:
                yield f"trained: {role}"
    pressing = decide_plainly(_disclosure(immediate_danger="life"), now=_NOW, policy=policy).review
    other = decide_plainly(_disclosure(unclear=True), now=_NOW, policy=policy).review
    for name, review in (("emergency", pressing), ("other", other)):
        if review is None or review.deadline - _NOW != timedelta(minutes=_WANTED[name]):
            yield f"deadlines.{name}"
    for name in ("repeat_window", "tell_within"):
        if getattr(policy, name) != timedelta(minutes=_WANTED[name]):
            yield name
    yield from _of_shares(policy)


def _of_scope(policy: Policy) -> Iterator[str]:
    start = _WANTED["effective_from"]
    for at, inside in ((start, True), (start - _MOMENT, False)):
        facts, _ = facts_of(_disclosure(disclosed_at=at, assessed_at=at), policy)
        if facts.on_or_after_effective_from is not inside:
            yield "effective_from"
    for age, inside in ((_CURRENT_FOR, True), (_CURRENT_FOR + _MOMENT, False)):
        facts, _ = facts_of(_disclosure(disclosed_at=_NOW - age, assessed_at=_NOW), policy)
        if facts.within_current_for is not inside:
            yield "current_for"


def _of_shares(policy: Policy) -> Iterator[str]:
    for column, agency in enumerate(_SHARES["columns"]):
        share = next(share for of, share in policy.shares.items() if of.value == agency)
        given = {field.value for field in ShareField if _SHARES[field.value].split()[column] == "x"}
        if {field.value for field in share.fields} != given:
            yield f"shares.{agency}.fields"
        if {field.value for field in share.withheld} != {field.value for field in ShareField} - given:
            yield f"shares.{agency}.withheld"
        if share.concerns != _SHARES["concerns"][column]:
            yield f"shares.{agency}.concerns"


def _disclosure(
    *,
    assessor: Role = Role.VOLUNTEER,
    confirmed_by: Role | None = None,
    disclosed_at: datetime = _NOW,
    assessed_at: datetime = _NOW,
    immediate_danger: str = "none",
    unclear: bool = False,
) -> ReadableDisclosure:
    fields: dict[str, Any] = {
        "disclosure_id": "d-1",
        "service": "forum",
        "disclosed_at": disclosed_at,
        "assessment": {"assessed_at": assessed_at, "assessor": assessor, "confirmed_by": confirmed_by},
        "subject": {"age": 30},
        "concerns": [{"kind": "self_harm", "life_threatening": False, "immediate_danger": immediate_danger}],
        "safety": {"unclear": unclear},
    }
    return ReadableDisclosure.model_validate(fields)
