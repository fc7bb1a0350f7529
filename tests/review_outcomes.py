"""Outcomes of reviews as the console signs them, by invented staff."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from schemas.codec import encode
from schemas.policy.duty import Duty, load_duty
from schemas.reviews import ReviewOutcome
from streams.domain.reviews import signature
from tests.turns import NOW

#: Two on the policy's own rota, on duty in the evening; one on it without a key at the worker; one not on the rota.
LEAD, SUPERVISOR = "safeguarding-lead-2", "clinical-supervisor-2"
KEYLESS, STRANGER = "safeguarding-lead-1", "somebody-else"
STAFF_KEYS: Mapping[str, bytes] = {LEAD: bytes([5]) * 32, SUPERVISOR: bytes([6]) * 32, STRANGER: bytes([7]) * 32}


def outcome(
    review_id: str, decision: str = "confirm", *, by: str = LEAD, key: bytes | None = None, **said: Any
) -> bytes:
    """Return the outcome as its topic carries it, signed with the key of `by` unless another key is given."""
    fields = {
        "review_id": review_id,
        "by": by,
        "role": "clinical_supervisor" if by == SUPERVISOR else "safeguarding_lead",
        "decided_at": NOW,
        "decision": decision,
        "signature": b"",
        **said,
    }
    whole = ReviewOutcome.model_validate(fields).model_dump()
    return encode("ReviewOutcome", {**whole, "signature": signature(whole, key or STAFF_KEYS.get(by, b"none"))})


def facts(**found: Any) -> list[dict[str, Any]]:
    """Return facts by path; `__` stands for a dot, `_0__` at the beginning for the first concern."""
    return [{"path": _path(name), "value": value} for name, value in found.items()]


def _path(name: str) -> str:
    return f"concerns[0].{name[4:]}" if name.startswith("_0__") else name.replace("__", ".")


def quick_duty(every: timedelta) -> Duty:
    """Return the policy's own rota with this interval between two escalations."""
    duty = load_duty(None)
    return duty.model_copy(
        update={"escalate_every": duty.escalate_every.model_copy(update={"emergency": every, "other": every})}
    )
