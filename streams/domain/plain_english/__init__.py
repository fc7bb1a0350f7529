"""Explanations of the policy and of decisions, in sentences that a person can check. Nothing is judged here."""
