"""The pipeline: the pure domain, the record-batch runtime, and the agents that join them."""
