"""Works the records of one lane off: one partition number of several topics that share one state.

Every turn is one Kafka transaction. `streams.runtime` explains the rules and names the test of each.
"""
