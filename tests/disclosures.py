"""Disclosures of invented people, and the keys of an invented deployment."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

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
_TEST_IDS = UUID("0d6d1b38-1c5f-4a35-9d5a-6a0a5d3a2f11")

KEYS = Keys(
    master=bytes([1]) * 32,
    token=bytes([2]) * 32,
)


def id_of(name: str) -> str:
    """Return the disclosure id, a UUID, that a test's own name stands for."""
    return str(uuid5(_TEST_IDS, name))


def fields(name: str = "d-1", **changes: Any) -> dict[str, Any]:
    """Return an urgent disclosure of the forum as JSON fields; its id is `id_of(name)`."""
    return {
        "disclosure_id": id_of(name),
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


def raw(name: str = "d-1", **changes: Any) -> bytes:
    """Return it as a JSON line."""
    return json.dumps(fields(name, **changes)).encode()


def disclosure(name: str = "d-1", **changes: Any) -> Disclosure:
    """Return it understood."""
    return parse_json(raw(name, **changes))


ROUTINE = [{"kind": "homelessness", "state": "at_risk"}]
