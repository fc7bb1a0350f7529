"""The contract path of a fact of one concern: `concerns[0].plan` is the fact `plan` of the first concern."""

import re
from typing import NamedTuple

_PATH = re.compile(r"concerns\[([0-9]+)\]\.(.+)")


class ConcernPath(NamedTuple):
    """The index of a concern, from 0, and the name of one of its facts."""

    concern: int
    fact: str

    @classmethod
    def parse(cls, path: str) -> "ConcernPath | None":
        """Return the parts of a path; None for the path of anything else."""
        match = _PATH.fullmatch(path)
        return None if match is None else cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{concern_path(self.concern)}.{self.fact}"


def concern_path(index: int) -> str:
    """Return the contract path of a whole concern."""
    return f"concerns[{index}]"
