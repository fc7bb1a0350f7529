"""The pipeline: a pure domain, a runtime that works on record batches, and the agents that connect both."""
