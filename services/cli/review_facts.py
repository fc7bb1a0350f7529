"""Reads `--fact PATH=VALUE` of `confide review decide`; an error lists what is allowed."""

import re
from enum import StrEnum
from typing import Any

from schemas.concerns import CONCERNS
from schemas.reviews import TIMES, read_time
from schemas.vocabulary import HousingState, ImmediateDanger, ProfessionalRole, Timeframe
from services.cli.option_times import TOO_FAR, is_too_far
from services.settings import SettingsError

_AGE = "subject.age"
_YES_OR_NO = {"true": True, "yes": True, "false": False, "no": False}
#: Facts with a closed set of words as values. All others are true or false, except the age.
_WORDS: dict[str, type[StrEnum]] = {
    "subject.professionals": ProfessionalRole,
    "concerns[N].immediate_danger": ImmediateDanger,
    "concerns[N].timeframe": Timeframe,
    "concerns[N].state": HousingState,
}
#: Every fact that staff may give; N is the position of its concern in the disclosure, from 0.
PATHS = (
    _AGE,
    "subject.professionals",
    *(f"subject.adult_at_risk.{name}" for name in ("care_or_support_needs", "at_risk_of_harm", "cannot_protect_self")),
    *(f"safety.{name}" for name in ("says_safe", "contradicted", "unclear")),
    *sorted(TIMES, reverse=True),
    *dict.fromkeys(f"concerns[N].{name}" for model in CONCERNS for name in model.model_fields if name != "kind"),
)
_POSITION = re.compile(r"(?<=^concerns\[)(0|[1-9][0-9]{0,2})(?=\])")


def read_fact(text: str) -> dict[str, Any]:
    """Return the path and the value of one `--fact`; raise `SettingsError`, which lists what is allowed."""
    path, given, value = text.partition("=")
    if not given:
        raise SettingsError("--fact is PATH=VALUE, such as subject.age=16 or concerns[0].plan=true")
    fact = _POSITION.sub("N", path)
    # `concerns[N]` with the letter N is the notation of this table, and not a path.
    if fact not in PATHS or "[N]" in path:
        raise SettingsError(
            f"--fact takes one of these paths, N being the position of a concern from 0: {', '.join(PATHS)}"
        )
    if fact == _AGE:
        if not (value.isascii() and value.isdigit() and len(value) <= 3):
            raise SettingsError(f"--fact {path} takes an age in years")
        return {"path": path, "value": int(value)}
    if fact in TIMES:
        if (at := read_time(value)) is None:
            raise SettingsError(f"--fact {path} takes a time in ISO 8601 with its zone, such as 2026-02-03T21:04:11Z")
        if is_too_far(at):
            raise SettingsError(f"--fact {path} {TOO_FAR}")
        return {"path": path, "value": at.isoformat()}
    allowed: dict[str, Any] = {word.value: word.value for word in _WORDS[fact]} if fact in _WORDS else _YES_OR_NO
    if value not in allowed:
        raise SettingsError(f"--fact {path} takes {', '.join(allowed)}")
    return {"path": path, "value": allowed[value]}
