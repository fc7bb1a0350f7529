"""What an agency is made to do wrong, for tests: the next requests meet these faults, one each, in order."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum


class Fault(StrEnum):
    """A fault that is not a status."""

    #: No answer, and nothing taken.
    TIMEOUT = "timeout"
    #: The connection ends without an answer, and nothing is taken.
    DROP = "drop"
    #: The report is taken, and its sender never hears of it.
    DROP_AFTER_ACCEPT = "drop-after-accept"
    #: The report is taken, and the sender waits in vain.
    TIMEOUT_AFTER_ACCEPT = "timeout-after-accept"


class Faults:
    """The faults still to come; a whole number is an HTTP status to refuse with."""

    def __init__(self, coming: Iterable[int | Fault] = ()) -> None:
        self._coming = deque(coming)

    def add(self, coming: Iterable[int | Fault]) -> None:
        """Have these follow those that are still to come."""
        self._coming.extend(coming)

    def clear(self) -> None:
        """Have none follow."""
        self._coming.clear()

    def next(self) -> int | Fault | None:
        """Return the fault that the present request meets, None for none."""
        return self._coming.popleft() if self._coming else None
