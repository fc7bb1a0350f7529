"""The parameters of a version, each checked by its effect against the second formulation."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.disclosure import ReadableDisclosure
from schemas.policy import Policy
from schemas.policy.document import Confirmation, ShareField
from schemas.vocabulary import Role
from streams.domain.policy.facts import CaseFacts
from streams.domain.policy.ruling import decide_plainly
from tests.proof.second import TABLES

_WANTED = TABLES["parameters"]
_SHARES = TABLES["shares"]
_NOW = datetime(2026, 2, 3, 12, 6, tzinfo=UTC)
_MOMENT = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_CURRENT_FOR = timedelta(minutes=_WANTED["current_for"])


def faults(policy: Policy) -> Iterator[str]:
    """Yield the name of each parameter whose effect differs from the second formulation."""
    yield from _of_scope(policy)
    yield from _of_confirmation(policy)
    if policy.confirmation != _WANTED["confirmation"]:
        yield "confirmation"
    pressing = decide_plainly(_disclosure(immediate_danger="life"), now=_NOW, policy=policy).review
    other = decide_plainly(_disclosure(unclear=True), now=_NOW, policy=policy).review
    for name, review in (("emergency", pressing), ("other", other)):
        if review is None or review.deadline - _NOW != timedelta(minutes=_WANTED[name]):
            yield f"deadlines.{name}"
    for name in ("repeat_window", "tell_within", "clock_tolerance"):
        if getattr(policy, name) != timedelta(minutes=_WANTED[name]):
            yield name
    yield from _of_shares(policy)


def _of_confirmation(policy: Policy) -> Iterator[str]:
    """Yield each role, way and value of `confirmation` for which a report is confirmed against the tables, or not."""
    for confirmation in Confirmation:
        version, says = policy.model_copy(update={"confirmation": confirmation}), TABLES["confirmation"][confirmation]
        for role in Role:
            ways = (
                ("service", _disclosure(assessor=role), None),
                ("service", _disclosure(confirmed_by=role), None),
                ("signed", _disclosure(), role),
                ("signed", _disclosure(confirmed_by=role), role),
                ("nobody", _disclosure(confirmed_by=Role.COACH), None),
            )
            for by, disclosed, signed in ways:
                wanted = role.value in _WANTED["trained"] and says[by] == "yes"
                if _facts(disclosed, version, signed).made_or_confirmed_by_trained is not wanted:
                    yield f"trained: {role} by {by} under {confirmation}"


def _facts(disclosed: ReadableDisclosure, policy: Policy, signed: Role | None = None) -> CaseFacts:
    return decide_plainly(disclosed, now=_NOW, policy=policy, signed=signed).facts


def _of_scope(policy: Policy) -> Iterator[str]:
    start = _WANTED["effective_from"]
    for at, inside in ((start, True), (start - _MOMENT, False)):
        facts = _facts(_disclosure(disclosed_at=at, assessed_at=at), policy)
        if facts.on_or_after_effective_from is not inside:
            yield "effective_from"
    for age, inside in ((_CURRENT_FOR, True), (_CURRENT_FOR + _MOMENT, False)):
        facts = _facts(_disclosure(disclosed_at=_NOW - age, assessed_at=_NOW), policy)
        if facts.within_current_for is not inside:
            yield "current_for"
    earliest = _WANTED["earliest"]
    # `earliest` is a day on which reset clocks begin: the first time that counts is of the day after.
    for at, since in ((earliest + _DAY, False), (earliest, None), (earliest - _MOMENT, None)):
        if _facts(_disclosure(disclosed_at=at, assessed_at=_NOW), policy).on_or_after_effective_from is not since:
            yield "earliest of disclosed_at"
    for at, current in ((earliest + _DAY, True), (earliest, None), (earliest - _MOMENT, None)):
        if _facts(_disclosure(disclosed_at=_NOW, assessed_at=at), policy).within_current_for is not current:
            yield "earliest of assessed_at"


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
