"""Disclosures of invented people, and the keys of an invented deployment."""

import json
from pathlib import Path
from typing import Any

from schemas.disclosure import Disclosure, parse_json
from services.settings import Keys

SCENARIOS = Path(__file__).parent / "data" / "scenarios"
BAD_LINES = (SCENARIOS / "bad.jsonl").read_bytes().splitlines()
#: What the error of each bad line names, by the scenarios' README.
BAD_FIELDS = (
    "line",
    "disclosure_id",
    "disclosed_at",
    "subject",
    "concerns",
    "subject.phone",
    "concerns[0].kind",
    "concerns[0].life_threatening",
)
DAY_LINES = (SCENARIOS / "day.jsonl").read_bytes().splitlines()

KEYS = Keys(
    master=bytes([1]) * 32,
    token=bytes([2]) * 32,
    services={"forum": bytes([3]) * 32, "text_line": bytes([4]) * 32},
)


def fields(disclosure_id: str = "d-1", **changes: Any) -> dict[str, Any]:
    """Return an urgent disclosure of the forum as JSON fields."""
    return {
        "disclosure_id": disclosure_id,
        "service": "forum",
        "disclosed_at": "2026-02-03T21:04:11Z",
        "assessment": {
            "assessed_at": "2026-02-03T21:09:40Z",
            "assessor": "moderator",
            "confirmed_by": "safeguarding_lead",
        },
        "subject": {"account": "forum:39117", "phone": "+447700900123", "age": 16},
        "concerns": [{"kind": "suicide", "thoughts": True, "plan": True, "intent": True, "timeframe": "immediate"}],
        "summary": "The assessor's own words.",
        **changes,
    }


def raw(disclosure_id: str = "d-1", **changes: Any) -> bytes:
    """Return it as a JSON line."""
    return json.dumps(fields(disclosure_id, **changes)).encode()


def disclosure(disclosure_id: str = "d-1", **changes: Any) -> Disclosure:
    """Return it understood."""
    return parse_json(raw(disclosure_id, **changes))


ROUTINE = [{"kind": "homelessness", "state": "at_risk"}]
