"""Explains the policy and a decision in sentences that a person can check. Nothing is judged here."""
