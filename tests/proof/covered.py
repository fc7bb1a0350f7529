"""How many combinations of facts this run of the tests has decided, for its summary."""

from collections import Counter

COVERED: Counter[str] = Counter()
