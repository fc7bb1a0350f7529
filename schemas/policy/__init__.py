"""The Confidentiality Policy as data: its clauses' text, its parameters with units, its routes."""

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.policy.clauses import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.policy.document import Addressee, Clause, Deadlines, Policy, Route, Share, ShareField

__all__ = [
    "IMMEDIATE_RISK",
    "LONG_TERM",
    "Addressee",
    "Clause",
    "ClauseId",
    "Deadlines",
    "Policy",
    "Route",
    "Share",
    "ShareField",
    "WrongPolicy",
    "load_policy",
]


class WrongPolicy(ValueError):
    """A policy file that cannot be used; the message names the file, each wrong value and why."""


def load_policy(path: Path | None = None) -> Policy:
    """Return the policy of a TOML file, by default the one in force; raise `WrongPolicy` naming what is wrong in it."""
    name = "policy.toml" if path is None else str(path)
    try:
        source = resources.files(__name__) / "policy.toml" if path is None else path
        fields = tomllib.loads(source.read_text(encoding="utf-8"))
        return Policy.model_validate(fields)
    except OSError as error:
        raise WrongPolicy(f"{name}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongPolicy(f"{name}: {error}") from error
    except ValidationError as error:
        raise WrongPolicy("; ".join(f"{name}: {_explain(found)}" for found in error.errors())) from None


def _explain(found: ErrorDetails) -> str:
    place = ""
    for part in found["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    reason = found["msg"].removeprefix("Value error, ")
    quoted = f" (given: {found['input']!r})" if isinstance(found["input"], str | int | float) else ""
    return f"{place}: {reason}{quoted}" if place else reason
