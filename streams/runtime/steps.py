"""The steps of a lane's work. A process may die between any two of them, and nothing is lost or doubled."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """The step that was just done, in order: three steps of opening, then the steps of every turn."""

    FENCED = "fenced"
    RESTORED = "restored"
    OPENED = "opened"
    TAKEN = "taken"
    DECODED = "decoded"
    HANDLED = "handled"
    BEGUN = "begun"
    WRITTEN = "written"
    OFFSETS = "offsets"
    COMMITTED = "committed"
    APPLIED = "applied"


#: Called after each step with the step and the lane's name; tests end the process there.
AtStep = Callable[[Step, str], None]


def ignore_step(step: Step, lane: str) -> None:
    """Do nothing: the default outside of tests."""
