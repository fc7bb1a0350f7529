"""All versions of the policy, and the choice of the version for a disclosure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.policy.document import Policy


class Policies:
    """An immutable set of at least one version of the policy, in the order in which they took effect.

    SCOPE-1 has one limit for all versions: when the first took effect.
    """

    __slots__ = ("_last", "_last_from", "_starts", "_versions")

    def __init__(self, versions: Iterable[Policy]) -> None:
        in_order = sorted(versions, key=lambda each: each.effective_from)
        if not in_order:
            raise ValueError("there is no version of the policy")
        first = in_order[0].effective_from
        self._versions = tuple(each.within_scope_from(first) for each in in_order)
        self._starts = [each.effective_from for each in self._versions]
        self._last = self._versions[-1]
        self._last_from = self._starts[-1]

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def in_force(self, at: datetime) -> Policy:
        """Return the version in force at a time; for a time before the first, the first, whose SCOPE-1 excludes it."""
        # Hot path: nearly every disclosure belongs to the last version.
        if at >= self._last_from:
            return self._last
        return self._versions[max(bisect_right(self._starts, at) - 1, 0)]

    def named(self, version: str) -> Policy:
        """Return the version with that name; raise `LookupError` if there is none."""
        for each in self._versions:
            if each.version == version:
                return each
        raise LookupError(f"there is no version {version!r} of the policy: {', '.join(e.version for e in self)}")

    @property
    def first_from(self) -> datetime:
        """When the first version took effect."""
        return self._starts[0]

    @property
    def latest(self) -> Policy:
        """The version that took effect last."""
        return self._last
