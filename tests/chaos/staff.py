"""Staff: settle reviews of undelivered reports with `confide review decide`, and leave some of them open."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from schemas.topics import TopicName
from schemas.vocabulary import ReviewDecision
from tests.chaos.deployment import LEAD
from tests.chaos.record import Record

_D = ReviewDecision
#: The decisions on ten reviews; None leaves a review open.
_DECISIONS = (*[_D.SEND_AGAIN] * 5, *[_D.TOLD_BY_PHONE] * 2, _D.WITHDRAWN, None, None)
_SECONDS = 60.0


class Staff:
    """Settles up to `most` reviews of the record, in its own thread."""

    def __init__(self, seed: int, environment: Mapping[str, str], record: Record, *, most: int) -> None:
        self._chance = random.Random(seed)
        self._environment = {**os.environ, **environment}
        self._record = record
        self._most = most
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="staff", daemon=True)
        #: Counts of settled reviews by decision, and of failures of the command.
        self.settled: Counter[str] = Counter()
        self.failed = 0

    def start(self) -> None:
        """Start working."""
        self._thread.start()

    def stop(self) -> None:
        """Stop working."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.3):
            for came in self._record.on(TopicName.REVIEWS, "ReviewRequested"):
                review_id = came.fields["review_id"]
                if came.fields["undelivered"] is None or review_id in self._seen or self._stop.is_set():
                    continue
                decision = self._chance.choice(_DECISIONS) if self.settled.total() < self._most else None
                if decision is None or self._settle(review_id, decision):
                    self._seen.add(review_id)

    def _settle(self, review_id: str, decision: ReviewDecision) -> bool:
        match decision:
            case _D.SEND_AGAIN:
                options = ["--send-again"]
            case _D.TOLD_BY_PHONE:
                at = datetime.now(UTC).isoformat(timespec="seconds")
                options = ["--told-by-phone", "the control room", "--at", at, "--reference", "CAD-1234"]
            case _:
                options = ["--withdraw", "entered_in_error"]
        command = [sys.executable, "-m", "tests.chaos.program", "review", "decide", review_id, "--as", LEAD, *options]
        try:
            done = subprocess.run(command, env=self._environment, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            self.failed += 1
            return False
        if done.returncode != 0:
            # Kafka is away, or the agency acknowledged meanwhile: the review is looked at again.
            self.failed += 1
            return False
        self.settled[decision] += 1
        return True
