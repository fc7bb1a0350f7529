"""The staff who may settle a review now: the duty rota, their keys, and when this process noticed each removal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.errors import Invalid
from schemas.policy.duty import Duty, Staff


@dataclass(frozen=True, slots=True, repr=False)
class StaffDirectory:
    """The duty rota and the keys with which staff sign, as this process knows them; its `repr` shows no key.

    `taken_off` and `keys_taken` hold when this process last noticed that a member of staff was taken off the rota, or
    that their key was removed.
    """

    duty: Duty
    #: By the id of the member of staff.
    keys: Mapping[str, bytes]
    taken_off: Mapping[str, datetime] = field(default_factory=dict)
    keys_taken: Mapping[str, datetime] = field(default_factory=dict)

    def changed(self, duty: Duty, keys: Mapping[str, bytes], now: datetime) -> "StaffDirectory":
        """Return the directory with this rota and these keys; each entry that is missing counts as removed at `now`."""
        taken_off = _removed(self.taken_off, _ids(self.duty), _ids(duty), now)
        return StaffDirectory(duty, keys, taken_off, _removed(self.keys_taken, self.keys, keys, now))

    def signer(self, name: str) -> tuple[Staff, bytes]:
        """Return the member of staff with this id and their key; raise `Invalid`, which names what is missing."""
        staff, key = self.duty.named(name), self.keys.get(name)
        if staff is None:
            at = self.taken_off.get(name)
            raise Invalid.of("by", f"was taken off the duty rota at {_time(at)}" if at else "is not on the duty rota")
        if key is None:
            at = self.keys_taken.get(name)
            raise Invalid.of("by", f"had its key taken away at {_time(at)}" if at else "has no key here")
        return staff, key


def _ids(duty: Duty) -> frozenset[str]:
    return frozenset(each.id for each in duty.staff)


def _removed(
    known: Mapping[str, datetime], before: Collection[str], after: Collection[str], now: datetime
) -> Mapping[str, datetime]:
    return {**known, **{name: now for name in before if name not in after}}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
