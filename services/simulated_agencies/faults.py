"""Faults of a simulated agency, for tests: each of the next requests meets one fault, in order."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum


class Fault(StrEnum):
    """A fault that is not a status."""

    #: No answer, and the report is not accepted.
    TIMEOUT = "timeout"
    #: The connection ends without an answer, and the report is not accepted.
    DROP = "drop"
    #: The report is accepted, and the connection ends without an answer.
    DROP_AFTER_ACCEPT = "drop-after-accept"
    #: The report is accepted, and no answer follows.
    TIMEOUT_AFTER_ACCEPT = "timeout-after-accept"


class Faults:
    """Queue of faults; a whole number is an HTTP status of the refusal."""

    def __init__(self, coming: Iterable[int | Fault] = ()) -> None:
        self._coming = deque(coming)

    def add(self, coming: Iterable[int | Fault]) -> None:
        """Add faults to the end of the queue."""
        self._coming.extend(coming)

    def clear(self) -> None:
        """Remove all faults from the queue."""
        self._coming.clear()

    def next(self) -> int | Fault | None:
        """Remove and return the fault for the current request, None if there is none."""
        return self._coming.popleft() if self._coming else None
