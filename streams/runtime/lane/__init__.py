"""Handles the records of one lane: one partition number of several topics that share one state.

Every turn is one Kafka transaction. `streams/runtime/THEORY.md` explains the rules and names the test of each.
"""
