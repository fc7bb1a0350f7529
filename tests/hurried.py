"""`confide` with limits of seconds, run by tests as a process: `python -m tests.hurried SECONDS VERB …`."""

import sys
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from schemas import review_table
from schemas.vocabulary import ReviewReason
from services.cli import main
from services.connectors import process
from streams.domain import delivery, hand_over, reviews


def hurry(seconds: float, **waits: timedelta) -> None:
    """Set every agency's limit, and each step of the rota of an undelivered report, to `seconds`.

    `waits` are other fields of each agency's `RetryPolicy`.
    """
    limit = timedelta(seconds=seconds)
    policies = {agency: replace(policy, limit=limit, **waits) for agency, policy in delivery.RETRY_POLICIES.items()}
    for module in (delivery, hand_over, process):
        module.RETRY_POLICIES = MappingProxyType(policies)  # type: ignore[attr-defined]
    row = review_table.REVIEW_TABLE[ReviewReason.UNDELIVERED]
    rows = {
        **review_table.REVIEW_TABLE,
        ReviewReason.UNDELIVERED: replace(row, deadlines=review_table.Deadlines(limit, limit)),
    }
    for module in (review_table, hand_over, reviews):
        module.REVIEW_TABLE = MappingProxyType(rows)  # type: ignore[attr-defined]


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    sys.argv = ["confide", *sys.argv[2:]]
    main()
