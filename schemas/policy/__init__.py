"""The Confidentiality Policy as data: the text of its clauses, its parameters, its routes, and its versions by date."""

from schemas.policy.clauses import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.policy.document import (
    CLOCK_TOLERANCE,
    EARLIEST,
    Addressee,
    Clause,
    Confirmation,
    Deadlines,
    Policy,
    Route,
    Share,
    ShareField,
)
from schemas.policy.loading import ConfigFileError, Fault, load_policies, load_policy
from schemas.policy.policies import Policies

__all__ = [
    "CLOCK_TOLERANCE",
    "EARLIEST",
    "IMMEDIATE_RISK",
    "LONG_TERM",
    "Addressee",
    "Clause",
    "ClauseId",
    "ConfigFileError",
    "Confirmation",
    "Deadlines",
    "Fault",
    "Policies",
    "Policy",
    "Route",
    "Share",
    "ShareField",
    "load_policies",
    "load_policy",
]
