"""The ids of the policy's clauses, and the two groups of them that lead to a report."""

from enum import StrEnum


class ClauseId(StrEnum):
    """Every clause of the Confidentiality Policy, in its order."""

    SCOPE_1 = "SCOPE-1"
    SCOPE_2 = "SCOPE-2"
    SCOPE_3 = "SCOPE-3"
    CASE_1 = "CASE-1"
    IR_0 = "IR-0"
    IR_1 = "IR-1"
    IR_2 = "IR-2"
    IR_3 = "IR-3"
    IR_4 = "IR-4"
    IR_5 = "IR-5"
    LT_1 = "LT-1"
    LT_2 = "LT-2"
    LT_3 = "LT-3"
    LT_4 = "LT-4"
    LT_5 = "LT-5"
    LT_6 = "LT-6"
    AD_1 = "AD-1"
    AR_1 = "AR-1"
    AD_2 = "AD-2"
    SAFE_1 = "SAFE-1"
    SAFE_2 = "SAFE-2"
    SAFE_3 = "SAFE-3"
    SAFE_4 = "SAFE-4"
    SAFE_5 = "SAFE-5"
    WHO_1 = "WHO-1"
    WHO_2 = "WHO-2"
    TELL_1 = "TELL-1"
    TELL_2 = "TELL-2"
    TELL_3 = "TELL-3"
    TELL_4 = "TELL-4"
    TELL_5 = "TELL-5"


#: Immediate risk: the report goes to the emergency services.
IMMEDIATE_RISK = tuple(clause for clause in ClauseId if clause.startswith("IR-"))
#: Possible long-term impact: the report goes to other agencies.
LONG_TERM = tuple(clause for clause in ClauseId if clause.startswith("LT-"))
