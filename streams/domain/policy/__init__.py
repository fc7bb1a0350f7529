"""The ruling of the Confidentiality Policy on a disclosure: a pure function of its facts, the clock and the policy.

facts           the facts of a disclosure; `age` reads the age, `times` the times
clause_rules    the clauses as a table; `three_valued` has its conditions
clause_results  the state of each clause, by the table
evaluation      the outcome, by the states; `routing` names the agencies
ruling          the evaluation with deadline and notice, and a cache (`cache_key`)
"""

from streams.domain.policy.ruling import Asked, Ruling, decide

__all__ = ["Asked", "Ruling", "decide"]
