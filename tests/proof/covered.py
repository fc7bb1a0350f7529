"""The number of combinations of facts that this run of the tests has evaluated, for its summary."""

from collections import Counter

COVERED: Counter[str] = Counter()
