"""The review console: what waits for a trained person, what it is about, and what they make of it."""
